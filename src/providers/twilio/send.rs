//! Sending one message, by text or by WhatsApp. Twilio has no idempotency key for messages.

use async_trait::async_trait;
use serde::Serialize;

use crate::domain::phone::PhoneNumber;

use crate::vault::{Credential, SecretFields};

use super::super::egress::EgressError;
use super::super::report::FixHint;
use super::super::sms::{SendContext, SendError, SendFailure, SentMessage, SmsSender};
use super::TwilioProvider;
use super::client::TwilioClient;
use super::credentials::{Sender, TwilioAuth, TwilioCredentials};
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

/// Codes by which Twilio refuses the recipient or the text, whoever sends: no valid number, answered
/// STOP, no mobile number, too long.
const ABOUT_MESSAGE: [u32; 4] = [21211, 21610, 21614, 21617];

#[async_trait]
impl SmsSender for TwilioProvider {
    async fn send_text(
        &self,
        context: &SendContext<'_>,
        fields: &SecretFields,
        to: &PhoneNumber,
        text: &str,
    ) -> Result<SentMessage, SendError> {
        let credentials =
            TwilioCredentials::from_fields(fields).map_err(|error| SendError::incomplete(self, &error))?;
        let client = TwilioClient {
            egress: context.egress,
            base: &context.bases.twilio,
            credentials: &credentials,
            bulkhead: context.bulkhead,
            deadline: context.deadline,
        };
        send_message(&client, to, text, Channel::Sms, context.report_to).await
    }
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
    // By an API key alone Twilio's reports can not be verified, so nobody asks for them.
    let is_verifiable = matches!(client.credentials.auth, TwilioAuth::AuthToken(_));
    form.extend(status_callback.filter(|_| is_verifiable).map(|url| ("StatusCallback", url)));
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
                is_about_message: false,
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
    SendError {
        is_about_message: error.code().is_some_and(|code| ABOUT_MESSAGE.contains(&code)),
        retry_after: error.retry_after(),
        ..SendError::of(kind, error.code().map(|code| code.to_string()), &error.explain())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        for (code, is_about_message) in [(21610, true), (21211, true), (21606, false), (21408, false)] {
            assert_eq!(failure(&refused(code)).is_about_message, is_about_message, "{code}");
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
