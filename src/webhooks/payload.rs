//! What of a message is kept: sanitized before it is sealed, and a summary that lists may show.
//!
//! A message can carry the clinic's own secrets (a phone number record echoes its Twilio token) and
//! patients' words. Secrets are dropped always; transcripts and recordings unless the owner
//! switched them on.

use std::borrow::Cow;

use serde::Serialize;

use super::envelope::EnvelopeError;
use super::strict::{self, Json};
use crate::domain::mask::mask_phone;

/// Members that hold secrets, at any depth, by their name without capitals and separators: these, and what ends
/// like the second list. `authentication` is a SIP trunk's, with its password.
const SECRETS: [&str; 8] = [
    "token",
    "headers",
    "authentication",
    "authenticationplan",
    "authorization",
    "cookie",
    "idtoken",
    "accesskeyid",
];
const SECRET_ENDS: [&str; 15] = [
    "secret",
    "password",
    "passphrase",
    "passwd",
    "credentials",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "bearertoken",
    "sessiontoken",
    "apikey",
    "secretkey",
    "privatekey",
    "accesskey",
    "signingkey",
];
/// The last two letters of each of them.
const ENDS: [[u8; 2]; SECRETS.len() + SECRET_ENDS.len()] = {
    let mut ends = [[0; 2]; SECRETS.len() + SECRET_ENDS.len()];
    let mut at = 0;
    while at < ends.len() {
        let name = if at < SECRETS.len() { SECRETS[at] } else { SECRET_ENDS[at - SECRETS.len()] }.as_bytes();
        ends[at] = [name[name.len() - 2], name[name.len() - 1]];
        at += 1;
    }
    ends
};
/// The longest name that is looked at; none of a provider's is longer.
const MOST_NAME: usize = 64;

fn is_secret(key: &str) -> bool {
    // Two letters at the end rule nearly all names out; separators may stand around them.
    let mut ends = key.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    let (Some(last), Some(before)) = (ends.next(), ends.next()) else { return false };
    if !ENDS.contains(&[before, last]) {
        return false;
    }
    // On the stack: every member of every message is asked.
    let mut name = [0_u8; MOST_NAME];
    let mut length = 0;
    for byte in key.bytes().filter(u8::is_ascii_alphanumeric) {
        if length == MOST_NAME {
            return false;
        }
        name[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let name = &name[..length];
    SECRETS.iter().any(|secret| name == secret.as_bytes())
        || SECRET_ENDS.iter().any(|end| name.ends_with(end.as_bytes()))
}

/// Members that hold what was said, or lead to it.
fn is_conversation(key: &str) -> bool {
    matches!(
        key,
        "transcript"
            | "messages"
            | "messagesOpenAIFormatted"
            | "originalTranscript"
            | "recordingUrl"
            | "stereoRecordingUrl"
            | "videoRecordingUrl"
            | "recording"
            | "logUrl"
            | "pcapUrl"
            | "presignedMonoUrl"
            | "presignedStereoUrl"
            | "presignedVideoUrl"
            | "presignedAssistantUrl"
            | "presignedCustomerUrl"
            | "presignedPcapUrl"
            | "presignedLogUrl"
    )
}

/// A message, read as a whole and cleaned.
pub struct Payload<'a> {
    tree: Json<'a>,
    body: &'a [u8],
    /// Whether something of the body must not be kept.
    is_cut: bool,
}

/// What lists show of a message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<String>>,
}

impl<'a> Payload<'a> {
    /// Reads a verified body, as strictly as [`strict::parse`] does.
    pub fn parse(body: &'a [u8], keep_conversation: bool) -> Result<Self, EnvelopeError> {
        let mut tree = strict::parse(body).map_err(|_| EnvelopeError::Unparsable)?;
        let is_cut = clean(&mut tree, keep_conversation);
        Ok(Self { tree, body, is_cut })
    }

    /// The cleaned message, as it is sealed; where nothing had to go, the body as it came.
    pub fn to_bytes(&self) -> Cow<'a, [u8]> {
        if !self.is_cut {
            return Cow::Borrowed(self.body);
        }
        let mut bytes = Vec::with_capacity(self.body.len());
        // Writing into memory fails for no tree of ours.
        let _ = serde_json::to_writer(&mut bytes, &self.tree);
        Cow::Owned(bytes)
    }

    /// The member `message`, for those who answer it.
    pub fn message(&self) -> serde_json::Value {
        self.tree.get("message").map(Json::to_value).unwrap_or_default()
    }

    /// What lists show, as JSON: how the call ended, how long it took, a masked number. No patient's
    /// words.
    pub fn summary(&self) -> String {
        let message = self.tree.get("message").unwrap_or(&Json::Null);
        let text = |key: &str| message.get(key)?.as_str().map(tidy);
        let number = |key: &str| message.get(key)?.as_f64();
        let caller = message.get("customer").and_then(|customer| customer.get("number")?.as_str());
        let name = |call: &Json<'_>| {
            let function = call.get("function").and_then(|function| function.get("name")?.as_str());
            function.or_else(|| call.get("name")?.as_str()).map(tidy)
        };
        let calls = message.get("toolCallList").and_then(Json::as_list);
        let summary = Summary {
            ended_reason: text("endedReason"),
            status: text("status"),
            cost: number("cost"),
            duration_seconds: number("durationSeconds"),
            caller: caller.map(|number| mask_phone(&tidy(number))),
            tools: calls.map(|calls| calls.iter().take(8).filter_map(name).collect()),
        };
        serde_json::to_string(&summary).unwrap_or_else(|_| "{}".to_owned())
    }
}

/// At most 120 characters, none of them a control character.
fn tidy(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// Takes out what must not be kept, and says whether there was something.
fn clean(value: &mut Json<'_>, keep_conversation: bool) -> bool {
    let mut is_cut = false;
    match value {
        Json::Object(members) => {
            let before = members.len();
            members.retain(|(key, _)| !is_secret(key) && (keep_conversation || !is_conversation(key)));
            is_cut = members.len() < before;
            for (_, member) in members {
                is_cut |= clean(member, keep_conversation);
            }
        }
        Json::List(items) => {
            for item in items {
                is_cut |= clean(item, keep_conversation);
            }
        }
        _ => {}
    }
    is_cut
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
        let kept = String::from_utf8(Payload::parse(BODY.as_bytes(), false).unwrap().to_bytes().into_owned())
            .unwrap();
        assert!(!kept.contains("CANARY"), "{kept}");
        assert!(kept.contains("customer-ended-call"));
    }

    #[test]
    fn every_name_of_a_secret_is_known_by_itself() {
        for name in SECRETS.iter().chain(&SECRET_ENDS) {
            assert!(is_secret(name) && is_secret(&format!("{}_", name.to_uppercase())), "{name}");
        }
        assert!(!is_secret("") && !is_secret("n") && !is_secret("_-"));
    }

    #[test]
    fn secrets_are_known_however_they_are_spelled() {
        for key in [
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
            "password",
            "authentication",
            "accessToken",
            "privateKey",
            "refreshToken",
            "clientSecret",
            "client_secret",
            "API-KEY",
            "Authorization",
            "sipPassword",
            "secretAccessKey",
            "PRIVATE_KEY",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in [
            "id",
            "name",
            "customer",
            "number",
            "promptTokens",
            "tokens",
            "keypad",
            "assistantId",
            "summary",
            "call",
        ] {
            assert!(!is_secret(key), "{key}");
        }
        let sip =
            r#"{"message":{"phoneNumber":{"authentication":{"username":"CANARY7","password":"CANARY8"}}}}"#;
        let kept =
            String::from_utf8(Payload::parse(sip.as_bytes(), true).unwrap().to_bytes().into_owned()).unwrap();
        assert!(!kept.contains("CANARY"), "{kept}");
    }

    #[test]
    fn the_conversation_stays_where_the_owner_wants_it_and_secrets_never() {
        let kept = String::from_utf8(Payload::parse(BODY.as_bytes(), true).unwrap().to_bytes().into_owned())
            .unwrap();
        assert!(kept.contains("CANARY4") && kept.contains("CANARY5") && kept.contains("CANARY6"));
        assert!(!kept.contains("CANARY1") && !kept.contains("CANARY2") && !kept.contains("CANARY3"));
    }

    #[test]
    fn what_needs_no_change_is_kept_as_it_came() {
        let body = br#"{ "message": {"type":"hang", "x":["\u00e9", 1.50]} }"#;
        assert_eq!(Payload::parse(body, false).unwrap().to_bytes().as_ref(), body);
        let deep = br#"{"message":{"list":[{"a":[{"token":"CANARY"}]}]}}"#;
        assert_eq!(
            Payload::parse(deep, true).unwrap().to_bytes().as_ref(),
            br#"{"message":{"list":[{"a":[{}]}]}}"#
        );
    }

    #[test]
    fn the_summary_masks_the_caller() {
        let summary = Payload::parse(BODY.as_bytes(), false).unwrap().summary();
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
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
