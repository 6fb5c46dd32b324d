//! Sending one message, and saying honestly what is known about it afterwards.
//!
//! Twilio has no idempotency key for messages: after an undetermined send nobody may repeat it
//! without looking, or the patient gets it twice.

use std::time::Duration;

use serde::Serialize;

use crate::domain::phone::PhoneNumber;

use super::super::egress::EgressError;
use super::super::report::FixHint;
use super::client::TwilioClient;
use super::credentials::Sender;
use super::errors::TwilioError;
use super::records::Message;

/// The longest text that Twilio takes, in characters.
pub const MOST_TEXT: usize = 1600;

/// By which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Sms,
    WhatsApp,
}

/// A message that Twilio took. Whether it arrives is known later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentMessage {
    pub sid: String,
    /// `queued` or `accepted`, as Twilio says it.
    pub status: String,
}

/// What is known about a message that has no sid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SendFailure {
    /// Twilio said no; repeating it changes nothing.
    Refused,
    /// It may have been sent. Do not repeat it.
    Undetermined,
    /// It was certainly not sent; it may be repeated.
    NotSent,
}

/// A message without a sid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{sentence}")]
pub struct SendError {
    pub kind: SendFailure,
    /// Twilio's code.
    pub code: Option<u32>,
    /// One sentence for people.
    pub sentence: String,
    pub fix: Option<FixHint>,
    pub retry_after: Option<Duration>,
}

/// Sends a text through the clinic's own account. `status_callback` is where Twilio reports the
/// delivery, where anybody listens.
pub async fn send_message(
    client: &TwilioClient<'_>,
    to: &PhoneNumber,
    text: &str,
    channel: Channel,
    status_callback: Option<&str>,
) -> Result<SentMessage, SendError> {
    let sender = sender(client, channel)?;
    let to = match channel {
        Channel::Sms => to.to_string(),
        Channel::WhatsApp => format!("whatsapp:{to}"),
    };
    let mut form = vec![("To", to.as_str()), (sender.0, sender.1.as_str()), ("Body", text)];
    form.extend(status_callback.map(|url| ("StatusCallback", url)));
    let template = "/2010-04-01/Accounts/{sid}/Messages.json";
    match client.post::<Message>("Messages.json", template, &form).await {
        Ok(message) => Ok(SentMessage { sid: message.sid, status: message.status }),
        Err(error) => Err(failure(&error)),
    }
}

fn sender(client: &TwilioClient<'_>, channel: Channel) -> Result<(&'static str, String), SendError> {
    match channel {
        Channel::Sms => Ok(match &client.credentials.sender {
            Sender::Number(number) => ("From", number.to_string()),
            Sender::MessagingService(sid) => ("MessagingServiceSid", sid.clone()),
        }),
        Channel::WhatsApp => match &client.credentials.whatsapp {
            Some(number) => Ok(("From", format!("whatsapp:{number}"))),
            None => Err(SendError {
                kind: SendFailure::Refused,
                code: None,
                sentence: "This clinic's Twilio connection has no WhatsApp number.".to_owned(),
                fix: Some(FixHint {
                    text: "Enter the WhatsApp number of the account in the Twilio card.".into(),
                    url: super::WHATSAPP_URL.into(),
                }),
                retry_after: None,
            }),
        },
    }
}

fn failure(error: &TwilioError) -> SendError {
    let kind = match error {
        TwilioError::Refused { .. } => SendFailure::Refused,
        // Twilio says that a throttled request was not processed.
        TwilioError::Throttled { .. } => SendFailure::NotSent,
        TwilioError::Unavailable { .. } | TwilioError::Unexpected(_) => SendFailure::Undetermined,
        TwilioError::Transport(EgressError::Invalid) => SendFailure::Refused,
        TwilioError::Transport(error) if error.may_have_arrived() => SendFailure::Undetermined,
        TwilioError::Transport(_) => SendFailure::NotSent,
    };
    let explanation = error.explain();
    let mut sentence = explanation.sentence.clone().into_owned();
    if kind == SendFailure::Undetermined {
        sentence.push_str(" The message may have been sent.");
    }
    SendError {
        kind,
        code: error.code(),
        sentence,
        fix: explanation.hint(),
        retry_after: error.retry_after(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::answer::Unexpected;

    #[test]
    fn only_what_certainly_did_not_leave_may_be_repeated() {
        let kind = |error| failure(&error).kind;
        let refused = |code| TwilioError::Refused { status: 400, code: Some(code), message: None };
        assert_eq!(kind(refused(21211)), SendFailure::Refused);
        assert_eq!(kind(TwilioError::Throttled { code: None, retry_after: None }), SendFailure::NotSent);
        assert_eq!(kind(TwilioError::Unavailable { status: 503 }), SendFailure::Undetermined);
        assert_eq!(kind(TwilioError::Unexpected(Unexpected::Html)), SendFailure::Undetermined);
        for arrived in [EgressError::Timeout, EgressError::Reset, EgressError::TooLarge] {
            assert_eq!(kind(TwilioError::Transport(arrived)), SendFailure::Undetermined);
        }
        let wait = Duration::from_secs(3);
        for stayed in [
            EgressError::Connect,
            EgressError::Dns,
            EgressError::Tls,
            EgressError::Expired,
            EgressError::BreakerOpen { retry_after: wait },
        ] {
            assert_eq!(kind(TwilioError::Transport(stayed)), SendFailure::NotSent);
        }
    }
}
