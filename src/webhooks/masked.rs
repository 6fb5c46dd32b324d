//! A message as people may see it who were not asked whether they may: its shape without its patient.
//!
//! What is shown is named here; everything else is a mask. So a member that a provider adds tomorrow is
//! hidden until somebody has looked at it. Numbers keep their ends, as in lists.

use serde_json::{Map, Value};

use crate::domain::mask::{MASK, mask_phone};

/// Members whose text says something about the call and nothing about the patient.
const SHOWN: &[&str] = &[
    "algorithm",
    "assistantId",
    "callId",
    "code",
    "conversation_id",
    "cost",
    "createdAt",
    "direction",
    "endedAt",
    "endedReason",
    "errorCode",
    "event",
    "field",
    "id",
    "language",
    "model",
    "orgId",
    "phoneCallProvider",
    "phoneCallTransport",
    "phoneNumberId",
    "provider",
    "role",
    "sampleRate",
    "source",
    "startedAt",
    "status",
    "successEvaluation",
    "time",
    "timestamp",
    "toolCallId",
    "transcriptType",
    "type",
    "updatedAt",
    "voiceId",
    "voxanneRole",
];

/// Members that hold a telephone number.
const NUMBERS: &[&str] =
    &["number", "phone", "phoneNumber", "to", "from", "recipient", "recipient_id", "wa_id", "callerId"];

/// What stays a number, of those that a program would read: all others might be somebody's birthday.
const FIGURES: &[&str] = &[
    "cost",
    "durationMs",
    "durationSeconds",
    "durationMinutes",
    "sampleRate",
    "secondsFromStart",
    "timestamp",
    "turn",
    "total",
    "minutes",
    "us",
];

/// A copy that shows no patient's name, number in full or words.
pub fn masked(value: &Value) -> Value {
    mask("", "", value)
}

fn mask(parent: &str, key: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            // A member's name can be a patient's word where a model has made it up.
            let known: Map<String, Value> = members
                .iter()
                .map(|(name, member)| {
                    let is_arguments = matches!(key, "arguments" | "parameters" | "structuredData");
                    let shown = if is_word(name) { name.clone() } else { MASK.to_owned() };
                    let member = if is_arguments { hidden(member) } else { mask(key, name, member) };
                    (shown, member)
                })
                .collect();
            Value::Object(known)
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| mask(parent, key, item)).collect()),
        Value::String(text) => Value::String(mask_text(parent, key, text)),
        Value::Number(_) if !FIGURES.contains(&key) => MASK.into(),
        other => other.clone(),
    }
}

fn mask_text(parent: &str, key: &str, text: &str) -> String {
    if NUMBERS.contains(&key) {
        return mask_phone(text);
    }
    // The name of a function is ours; every other name may be a person's.
    let is_function = key == "name" && parent == "function";
    // Meta's ids of messages hold the patient's number, in Base64.
    let tells = looks_like_a_number(text) || text.starts_with("wamid.");
    if (SHOWN.contains(&key) || is_function) && text.len() <= 100 && !tells {
        return text.to_owned();
    }
    if text.is_empty() {
        return String::new();
    }
    MASK.to_owned()
}

/// What a model has filled in: not even its shape is ours.
fn hidden(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        _ => MASK.into(),
    }
}

/// Whether a member's name is one that a programmer would write.
fn is_word(name: &str) -> bool {
    (1..=48).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        && !looks_like_a_number(name)
}

/// Seven digits and nothing but what stands between them.
fn looks_like_a_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_spelled = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-() ./".contains(&byte));
    digits >= 7 && is_spelled && !text.contains(':')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::masked;

    #[test]
    fn the_shape_of_a_message_is_shown_and_nothing_of_the_patient() {
        let message = json!({ "message": {
            "type": "tool-calls", "timestamp": 1_737_157_773_126_i64,
            "customer": { "number": "+15550100123", "name": "Jane Roe", "email": "jane@example.test", "born": 19_700_101 },
            "call": { "id": "c0ffee00-0000-4000-8000-000000000001", "status": "in-progress", "startedAt": "2026-01-05T10:00:00Z" },
            "analysis": { "summary": "Jane has a toothache.", "structuredData": { "Jane's tooth": "hurts", "urgent": true } },
            "toolCallList": [{ "id": "call_1", "function": {
                "name": "send_sms", "arguments": { "to": "+15550100123", "message": "Dear Jane" } } }],
            "status": "+1 555 010 0123",
            "somethingNew": "said Jane",
        } });
        let shown = masked(&message);
        let text = shown.to_string();
        for secret in ["Jane", "0100123", "toothache", "hurts", "19700101", "example.test"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        let message = &shown["message"];
        assert_eq!(message["type"], "tool-calls");
        assert_eq!(message["timestamp"], 1_737_157_773_126_i64);
        assert_eq!(message["customer"]["number"], "+15***23");
        assert_eq!(message["call"]["startedAt"], "2026-01-05T10:00:00Z");
        assert_eq!(message["toolCallList"][0]["function"]["name"], "send_sms");
        assert_eq!(message["analysis"]["structuredData"]["urgent"], true);
    }

    #[test]
    fn a_date_is_no_telephone_number_and_a_number_in_another_place_is_hidden() {
        let shown = masked(
            &json!({ "createdAt": "2026-01-05T10:00:00Z", "id": "15550100123", "x": 15_550_100_123_i64 }),
        );
        assert_eq!(shown, json!({ "createdAt": "2026-01-05T10:00:00Z", "id": "***", "x": "***" }));
    }
}
