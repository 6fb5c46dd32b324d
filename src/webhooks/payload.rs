//! What of a message is kept: sanitized before it is sealed, and a summary that lists may show.
//!
//! A message can carry the clinic's own secrets (a phone number record echoes its Twilio token) and
//! patients' words. Secrets are dropped always; transcripts and recordings unless the owner
//! switched them on.

use serde_json::{Map, Value, json};

use super::envelope::EnvelopeError;
use super::strict;
use crate::domain::mask::mask_phone;

/// Members that hold secrets, at any depth.
const SECRETS: &[&str] = &[
    "twilioAuthToken",
    "twilioApiKey",
    "twilioApiSecret",
    "serverUrlSecret",
    "secret",
    "secretKey",
    "authToken",
    "apiKey",
    "apiSecret",
    "credentials",
    "token",
    "headers",
    "authenticationPlan",
];

/// Members that hold what was said, or lead to it.
const CONVERSATION: &[&str] = &[
    "transcript",
    "messages",
    "messagesOpenAIFormatted",
    "originalTranscript",
    "recordingUrl",
    "stereoRecordingUrl",
    "videoRecordingUrl",
    "recording",
    "logUrl",
    "pcapUrl",
    "presignedMonoUrl",
    "presignedStereoUrl",
    "presignedVideoUrl",
    "presignedAssistantUrl",
    "presignedCustomerUrl",
    "presignedPcapUrl",
    "presignedLogUrl",
];

/// A message, read as a whole and cleaned.
pub struct Payload(Value);

impl Payload {
    /// Reads a verified body, as strictly as [`strict::parse`] does.
    pub fn parse(body: &[u8], keep_conversation: bool) -> Result<Self, EnvelopeError> {
        let mut value = strict::parse(body).map_err(|_| EnvelopeError::Unparsable)?;
        clean(&mut value, keep_conversation);
        Ok(Self(value))
    }

    /// The cleaned message, as it is sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    /// The member `message`.
    pub fn message(&self) -> &Value {
        &self.0["message"]
    }

    /// What lists show: how the call ended, how long it took, a masked number. No patient's words.
    pub fn summary(&self) -> Value {
        let message = self.message();
        let mut summary = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                summary.insert(key.to_owned(), value);
            }
        };
        let short = |value: &Value| value.as_str().map(|text| json!(tidy(text)));
        put("endedReason", short(&message["endedReason"]));
        put("status", short(&message["status"]));
        put("cost", message["cost"].as_f64().map(|cost| json!(cost)));
        put("durationSeconds", message["durationSeconds"].as_f64().map(|seconds| json!(seconds)));
        put("caller", message["customer"]["number"].as_str().map(|number| json!(mask_phone(&tidy(number)))));
        put(
            "tools",
            message["toolCallList"].as_array().map(|calls| {
                calls
                    .iter()
                    .take(8)
                    .filter_map(|call| call["function"]["name"].as_str().or(call["name"].as_str()))
                    .map(|name| json!(tidy(name)))
                    .collect()
            }),
        );
        Value::Object(summary)
    }
}

/// At most 120 characters, none of them a control character: PostgreSQL's jsonb takes no NUL.
fn tidy(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

fn clean(value: &mut Value, keep_conversation: bool) {
    match value {
        Value::Object(members) => {
            members.retain(|key, _| {
                !SECRETS.contains(&key.as_str())
                    && (keep_conversation || !CONVERSATION.contains(&key.as_str()))
            });
            for member in members.values_mut() {
                clean(member, keep_conversation);
            }
        }
        Value::Array(items) => {
            for item in items {
                clean(item, keep_conversation);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"message":{"type":"end-of-call-report","endedReason":"customer-ended-call","cost":0.07,
        "customer":{"number":"+15550100123"},"phoneNumber":{"id":"p","twilioAuthToken":"CANARY1"},
        "assistant":{"server":{"secret":"CANARY2","headers":{"authorization":"CANARY3"}}},
        "transcript":"I have a CANARY4","artifact":{"messages":[{"message":"CANARY5"}],"recordingUrl":"https://CANARY6"}}}"#;

    #[test]
    fn secrets_and_conversation_are_not_kept() {
        let kept = String::from_utf8(Payload::parse(BODY.as_bytes(), false).unwrap().to_bytes()).unwrap();
        assert!(!kept.contains("CANARY"), "{kept}");
        assert!(kept.contains("customer-ended-call"));
    }

    #[test]
    fn the_conversation_stays_where_the_owner_wants_it_and_secrets_never() {
        let kept = String::from_utf8(Payload::parse(BODY.as_bytes(), true).unwrap().to_bytes()).unwrap();
        assert!(kept.contains("CANARY4") && kept.contains("CANARY5") && kept.contains("CANARY6"));
        assert!(!kept.contains("CANARY1") && !kept.contains("CANARY2") && !kept.contains("CANARY3"));
    }

    #[test]
    fn the_summary_masks_the_caller() {
        let summary = Payload::parse(BODY.as_bytes(), false).unwrap().summary();
        assert_eq!(summary["caller"], "+15***23");
        assert_eq!(summary["endedReason"], "customer-ended-call");
    }

    #[test]
    fn what_can_be_read_in_two_ways_or_not_at_all_is_an_error() {
        let deep = format!(r#"{{"message":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        for body in [
            deep.as_str(),
            r#"{"message":1e999}"#,
            r#"{"message":"\ud800"}"#,
            r#"{"message":{"transcript":"a\u0000b"}}"#,
            r#"{"message":{"analysis":{"a":1,"a":2}}}"#,
        ] {
            assert!(Payload::parse(body.as_bytes(), false).is_err(), "{body}");
        }
    }
}
