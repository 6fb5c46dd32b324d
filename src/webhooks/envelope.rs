//! The few fields of a Vapi message that are needed before anything is trusted.
//!
//! Borrowed from the body, in one pass, without building a tree: this runs for every forged request
//! too. Where the assistant's id may stand is told by Vapi's server-message schema; messages of
//! transient assistants carry only the phone number's id.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Why a body is no Vapi message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the body is not JSON of the expected shape")]
    Unparsable,
}

/// What the body says about itself; nothing of it is trusted yet.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// The whole body.
    pub text: &'a str,
    pub kind: Cow<'a, str>,
    pub call_id: Option<Cow<'a, str>>,
    pub assistant: Option<Uuid>,
    pub phone_number: Option<Uuid>,
    pub status: Option<Cow<'a, str>>,
    /// The timestamp exactly as it was written: a number or a string.
    pub timestamp: Option<&'a str>,
    pub tool_call_ids: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    message: Message<'a>,
    #[serde(borrow, default)]
    assistant_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    call: Option<Call<'a>>,
    #[serde(borrow, default)]
    assistant: Option<Named<'a>>,
    #[serde(borrow, default)]
    assistant_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    phone_number: Option<Named<'a>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_call_list: Option<Vec<Named<'a>>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Named<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    assistant_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    phone_number_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
}

impl<'a> Envelope<'a> {
    /// Reads the fields from a body. Everything else is skipped unread.
    pub fn parse(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        let text = std::str::from_utf8(body).map_err(|_| EnvelopeError::Unparsable)?;
        let Body { message, assistant_id } =
            serde_json::from_str(text).map_err(|_| EnvelopeError::Unparsable)?;
        if message.kind.is_empty() || message.kind.len() > 100 || message.kind.contains('\0') {
            return Err(EnvelopeError::Unparsable);
        }
        let (call_id, call_assistant, call_number) = message
            .call
            .map_or((None, None, None), |call| (call.id, call.assistant_id, call.phone_number_id));
        // A call id that no column takes would make every message of the call its own.
        if call_id.as_ref().is_some_and(|id| id.len() > 200 || id.contains('\0')) {
            return Err(EnvelopeError::Unparsable);
        }
        let uuid = |text: &Option<Cow<'_, str>>| text.as_deref().and_then(|text| Uuid::try_parse(text).ok());
        let tool_calls = message.tool_call_list.or(message.tool_calls).unwrap_or_default();
        Ok(Self {
            text,
            kind: message.kind,
            call_id: call_id.filter(|id| !id.is_empty()),
            assistant: uuid(&call_assistant)
                .or_else(|| uuid(&assistant_id))
                .or_else(|| uuid(&message.assistant_id))
                .or_else(|| message.assistant.as_ref().and_then(|assistant| uuid(&assistant.id))),
            phone_number: uuid(&call_number)
                .or_else(|| message.phone_number.as_ref().and_then(|number| uuid(&number.id))),
            status: message.status,
            timestamp: message.timestamp.map(RawValue::get),
            tool_call_ids: tool_calls.into_iter().filter_map(|call| call.id).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "c0ffee00-0000-4000-8000-000000000001";

    #[test]
    fn the_assistant_is_found_wherever_vapi_puts_it() {
        for body in [
            format!(r#"{{"message":{{"type":"hang","call":{{"id":"x","assistantId":"{ID}"}}}}}}"#),
            format!(r#"{{"assistantId":"{ID}","message":{{"type":"hang"}}}}"#),
            format!(r#"{{"message":{{"type":"transcript","assistantId":"{ID}"}}}}"#),
            format!(
                r#"{{"message":{{"type":"hang","assistant":{{"id":"{ID}"}},"call":{{"assistantId":null}}}}}}"#
            ),
        ] {
            let envelope = Envelope::parse(body.as_bytes()).unwrap();
            assert_eq!(envelope.assistant.map(|id| id.to_string()).as_deref(), Some(ID), "{body}");
        }
    }

    #[test]
    fn a_transient_assistant_is_routed_by_its_phone_number() {
        let body = format!(r#"{{"message":{{"type":"assistant-request","phoneNumber":{{"id":"{ID}"}}}}}}"#);
        let envelope = Envelope::parse(body.as_bytes()).unwrap();
        assert_eq!(envelope.assistant, None);
        assert_eq!(envelope.phone_number.map(|id| id.to_string()).as_deref(), Some(ID));
    }

    #[test]
    fn any_bytes_are_an_envelope_or_an_error_and_never_a_panic() {
        use proptest::prelude::*;
        let any_bytes = proptest::collection::vec(any::<u8>(), 0..300);
        // Close to what is expected, so that more than the first byte is looked at.
        let close = r#"\{"message":\{"type":("[a-z]{0,4}"|[0-9]|null|\[\]),"call":\{"id":"[ -~]{0,9}","assistantId":("[a-f0-9-]{0,36}"|null)(\}\}\}|,[ -~]{0,30}|)"#;
        let cases = || crate::webhooks::signature::tests::cases();
        cases()
            .run(&any_bytes, |bytes| {
                let _ = Envelope::parse(&bytes);
                Ok(())
            })
            .unwrap();
        cases()
            .run(&close, |text| {
                if let Ok(envelope) = Envelope::parse(text.as_bytes()) {
                    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
                    assert!(!envelope.kind.is_empty());
                }
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn hostile_bodies_are_errors_and_never_panics() {
        let deep =
            format!(r#"{{"message":{{"type":"hang","x":{}1{}}}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for body in [
            "",
            "null",
            "[]",
            "{}",
            "{\"message\":[]}",
            r#"{"message":{"type":7}}"#,
            r#"{"message":{"type":""}}"#,
            r#"{"message":{"type":"hang","type":"hang"}}"#,
            r#"{"message":{"type":"a","call":{"id":{}}}}"#,
            r#"{"message":{"type":"\ud800"}}"#,
            r#"{"message":{"type":"hang\u0000"}}"#,
            r#"{"message":{"type":"hang"}"#,
            "\u{0}",
            r#"{"message":{"type":"hang","toolCallList":{}}}"#,
            r#"{"message":{"type":"hang","call":{"id":"c\u00001"}}}"#,
        ] {
            assert_eq!(Envelope::parse(body.as_bytes()).unwrap_err(), EnvelopeError::Unparsable, "{body}");
        }
        assert_eq!(Envelope::parse(b"\xff\xfe").unwrap_err(), EnvelopeError::Unparsable);
        // What is skipped may be nested as deep as the body is long: skipping needs no stack.
        let _ = Envelope::parse(deep.as_bytes());
    }
}
