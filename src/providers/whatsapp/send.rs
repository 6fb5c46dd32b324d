//! Sending one message, and saying honestly what is known about it afterwards.
//!
//! Meta has no idempotency key for messages: after an undetermined send nobody may repeat it without
//! looking, or the patient gets it twice. Free text arrives only within 24 hours of the patient's own
//! last message; Meta often says so later, in a status. A template may be sent at any time.

use serde_json::{Value, json};

use crate::domain::phone::PhoneNumber;

use super::super::egress::EgressError;
use super::super::sms::{SendError, SendFailure};
use super::client::WhatsAppClient;
use super::errors::WhatsAppError;
use super::records::Taken;

/// The longest text that Meta takes, in characters.
pub const MOST_TEXT: usize = 4096;

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    Text(&'a str),
    /// An approved template of the business account; the texts fill the places of its body.
    Template {
        name: &'a str,
        language: &'a str,
        texts: &'a [&'a str],
    },
}

/// A message that Meta took. Whether it arrives is known later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenByMeta {
    /// Meta's id (`wamid...`). It holds the recipient's number in a readable form.
    pub id: String,
    /// Meta's word for a template, else `accepted`.
    pub status: String,
}

/// Sends a message from the clinic's own number. Meta gives `reference` back with every status of it.
pub async fn send_message(
    client: &WhatsAppClient<'_>,
    to: &PhoneNumber,
    content: Content<'_>,
    reference: &str,
) -> Result<TakenByMeta, SendError> {
    let message = body(to, content, reference);
    let taken: Taken = client.post_message(&message).await.map_err(|error| failure(&error))?;
    match taken.messages.into_iter().next() {
        Some(message) => Ok(TakenByMeta {
            id: message.id,
            status: message.message_status.unwrap_or_else(|| "accepted".to_owned()),
        }),
        None => {
            let unexpected = super::super::answer::Unexpected::OtherShape;
            Err(failure(&WhatsAppError::Unexpected(unexpected)))
        }
    }
}

fn body(to: &PhoneNumber, content: Content<'_>, reference: &str) -> Value {
    let mut body = json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to.as_str().trim_start_matches('+'),
        "biz_opaque_callback_data": reference,
    });
    match content {
        Content::Text(text) => {
            body["type"] = json!("text");
            body["text"] = json!({ "preview_url": false, "body": text });
        }
        Content::Template { name, language, texts } => {
            let parameters: Vec<Value> =
                texts.iter().map(|text| json!({ "type": "text", "text": text })).collect();
            body["type"] = json!("template");
            body["template"] =
                json!({ "name": name, "language": { "policy": "deterministic", "code": language } });
            if !parameters.is_empty() {
                body["template"]["components"] = json!([{ "type": "body", "parameters": parameters }]);
            }
        }
    }
    body
}

fn failure(error: &WhatsAppError) -> SendError {
    let kind = match error {
        WhatsAppError::Refused { .. } | WhatsAppError::Transport(EgressError::Invalid) => {
            SendFailure::Refused
        }
        // What Meta throttles it has not taken.
        WhatsAppError::Throttled { .. } => SendFailure::NotSent,
        WhatsAppError::Unavailable { .. } | WhatsAppError::Unexpected(_) => SendFailure::Undetermined,
        WhatsAppError::Transport(error) if error.may_have_arrived() => SendFailure::Undetermined,
        WhatsAppError::Transport(_) => SendFailure::NotSent,
    };
    let explanation = error.explain();
    let mut sentence = explanation.sentence.clone().into_owned();
    if kind == SendFailure::Undetermined {
        sentence.push_str(" The message may have been sent.");
    }
    SendError {
        kind,
        is_about_message: false,
        code: error.code().map(|code| code.to_string()),
        sentence,
        fix: explanation.hint(),
        retry_after: error.retry_after(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_templates_have_metas_form() {
        let to = PhoneNumber::parse("+16505551234").expect("a number");
        let text = body(&to, Content::Text("Hello"), "r1");
        assert_eq!((&text["to"], &text["text"]["body"]), (&json!("16505551234"), &json!("Hello")));
        assert_eq!((&text["type"], &text["biz_opaque_callback_data"]), (&json!("text"), &json!("r1")));
        let template = Content::Template { name: "reminder", language: "en_US", texts: &["Ann"] };
        let template = body(&to, template, "r2");
        assert_eq!(template["template"]["language"]["code"], "en_US");
        assert_eq!(template["template"]["components"][0]["parameters"][0]["text"], "Ann");
        let bare = body(&to, Content::Template { name: "hello", language: "en_US", texts: &[] }, "r3");
        assert!(bare["template"].get("components").is_none());
    }

    #[test]
    fn only_what_certainly_did_not_leave_may_be_repeated() {
        let kind = |error| failure(&error).kind;
        let refused =
            WhatsAppError::Refused { status: 400, code: Some(131030), subcode: None, message: None };
        assert_eq!(kind(refused), SendFailure::Refused);
        assert_eq!(kind(WhatsAppError::Throttled { code: Some(4), retry_after: None }), SendFailure::NotSent);
        let outage = WhatsAppError::Unavailable { status: 500, code: Some(131000) };
        assert_eq!(kind(outage), SendFailure::Undetermined);
        for arrived in [EgressError::Timeout, EgressError::Reset, EgressError::TooLarge] {
            assert_eq!(kind(WhatsAppError::Transport(arrived)), SendFailure::Undetermined);
        }
        assert_eq!(kind(WhatsAppError::Transport(EgressError::Connect)), SendFailure::NotSent);
    }
}
