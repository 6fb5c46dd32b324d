//! What of a message is kept: sanitized before it is sealed, and a summary that lists may show.
//!
//! A message can carry the clinic's own secrets (a phone number record echoes its Twilio token) and
//! patients' words. Secrets are dropped always; transcripts and recordings unless the owner
//! switched them on.

use std::borrow::Cow;
use std::ops::Range;

use serde::Serialize;

use super::envelope::EnvelopeError;
use super::private_names::{is_conversation, is_secret};
use super::strict::{self, Member, Reader};
use crate::domain::mask::mask_phone;

/// A message, read as a whole and cleaned.
pub struct Payload<'a> {
    kept: Cow<'a, str>,
    summary: Summary,
}

/// What lists show of a message.
#[derive(Default, Serialize)]
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
    /// Reads a verified body, as strictly as [`strict::read`] does.
    pub fn parse(body: &'a str, keep_conversation: bool) -> Result<Self, EnvelopeError> {
        let mut cleaning = Cleaning { body, keep_conversation, ..Cleaning::default() };
        strict::read(body, &mut cleaning, Place::Root).map_err(|_| EnvelopeError::Unparsable)?;
        let kept = cut_out(body, &cleaning.cuts).ok_or(EnvelopeError::Unparsable)?;
        let tools = cleaning.tools.map(|tools| tools.into_iter().filter_map(Tool::name).collect());
        Ok(Self { kept, summary: Summary { tools, ..cleaning.summary } })
    }

    /// The cleaned message, as it is sealed; where nothing had to go, the body as it came.
    pub fn as_bytes(&self) -> &[u8] {
        self.kept.as_bytes()
    }

    /// The member `message`, for those who answer it.
    pub fn message(&self) -> Result<serde_json::Value, EnvelopeError> {
        let mut whole = strict::tree(self.as_bytes()).map_err(|_| EnvelopeError::Unparsable)?;
        Ok(whole["message"].take())
    }

    /// What lists show, as JSON: how the call ended, how long it took, a masked number. No patient's
    /// words.
    pub fn summary(&self) -> String {
        serde_json::to_string(&self.summary).unwrap_or_else(|_| "{}".to_owned())
    }
}

/// At most 120 characters, none of them a control character.
fn tidy(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// Finds what must not be kept and what lists show, while a message is read.
#[derive(Default)]
struct Cleaning<'a> {
    body: &'a str,
    keep_conversation: bool,
    /// Members that must not be kept, from their key to the end of their value, in the order of the body.
    cuts: Vec<Range<usize>>,
    summary: Summary,
    tools: Option<Vec<Tool>>,
}

/// How a tool is named: by the function, or else by the call.
#[derive(Default)]
struct Tool {
    function: Option<String>,
    call: Option<String>,
}

impl Tool {
    fn name(self) -> Option<String> {
        self.function.or(self.call)
    }
}

/// Tools that a summary names at most.
const MOST_TOOLS: usize = 8;

/// What of a message a summary needs, and the way there.
#[derive(Clone, Copy)]
enum Place {
    Root,
    Message,
    Customer,
    Caller,
    EndedReason,
    Status,
    Cost,
    Duration,
    ToolCalls,
    ToolCall,
    CallName,
    Function,
    FunctionName,
    Elsewhere,
}

impl<'a> Reader<'a> for Cleaning<'a> {
    type Place = Place;

    fn member(&mut self, of: Place, key: &str) -> Member<Place> {
        if is_secret(key) || (!self.keep_conversation && is_conversation(key)) {
            return Member::Cut;
        }
        Member::At(match (of, key) {
            (Place::Root, "message") => Place::Message,
            (Place::Message, "customer") => Place::Customer,
            (Place::Message, "endedReason") => Place::EndedReason,
            (Place::Message, "status") => Place::Status,
            (Place::Message, "cost") => Place::Cost,
            (Place::Message, "durationSeconds") => Place::Duration,
            (Place::Message, "toolCallList") => Place::ToolCalls,
            (Place::Customer, "number") => Place::Caller,
            (Place::ToolCall, "function") => Place::Function,
            (Place::ToolCall, "name") => Place::CallName,
            (Place::Function, "name") => Place::FunctionName,
            _ => Place::Elsewhere,
        })
    }

    fn list(&mut self, at: Place) {
        if matches!(at, Place::ToolCalls) {
            self.tools = Some(Vec::new());
        }
    }

    fn item(&mut self, of: Place) -> Place {
        match (of, &mut self.tools) {
            (Place::ToolCalls, Some(tools)) if tools.len() < MOST_TOOLS => {
                tools.push(Tool::default());
                Place::ToolCall
            }
            _ => Place::Elsewhere,
        }
    }

    fn text(&mut self, at: Place, text: &str) {
        let tool = self.tools.as_mut().and_then(|tools| tools.last_mut());
        match (at, tool) {
            (Place::EndedReason, _) => self.summary.ended_reason = Some(tidy(text)),
            (Place::Status, _) => self.summary.status = Some(tidy(text)),
            (Place::Caller, _) => self.summary.caller = Some(mask_phone(&tidy(text))),
            (Place::CallName, Some(tool)) => tool.call = Some(tidy(text)),
            (Place::FunctionName, Some(tool)) => tool.function = Some(tidy(text)),
            _ => {}
        }
    }

    fn number(&mut self, at: Place, number: f64) {
        match at {
            Place::Cost => self.summary.cost = Some(number),
            Place::Duration => self.summary.duration_seconds = Some(number),
            _ => {}
        }
    }

    fn cut(&mut self, value: &'a str) {
        let start = value.as_ptr().addr() - self.body.as_ptr().addr();
        self.cuts.push(key_before(self.body, start)..start + value.len());
    }
}

/// Where the key begins that stands before a value of a sound body: at the quote that no backslash escapes.
fn key_before(body: &str, value: usize) -> usize {
    let before = body.as_bytes().get(..value).unwrap_or_default();
    let mut quotes = (0..before.len()).rev().filter(|at| before[*at] == b'"').filter(|at| {
        let backslashes = before[..*at].iter().rev().take_while(|byte| **byte == b'\\').count();
        backslashes % 2 == 0
    });
    // The end of the key, then its beginning.
    quotes.next();
    quotes.next().unwrap_or(value)
}

/// The body without some of its members, each of which goes with one of the commas beside it. None where a member
/// would not lie in the body, which no sound one has.
fn cut_out<'a>(body: &'a str, cuts: &[Range<usize>]) -> Option<Cow<'a, str>> {
    if cuts.is_empty() {
        return Some(Cow::Borrowed(body));
    }
    let mut kept = String::with_capacity(body.len());
    let mut from = 0;
    for cut in cuts {
        kept.push_str(body.get(from..cut.start)?);
        let rest = body.get(cut.end..)?.trim_ascii_start();
        from = body.len() - rest.len();
        if rest.starts_with(',') {
            from += 1;
        } else if let Some(before) = kept.trim_ascii_end().strip_suffix(',') {
            kept.truncate(before.len());
        }
    }
    kept.push_str(body.get(from..)?);
    Some(Cow::Owned(kept))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    const BODY: &str = r#"{"message":{"type":"end-of-call-report","endedReason":"customer-ended-call","cost":0.07,
        "customer":{"number":"+15550100123"},"phoneNumber":{"id":"p","twilioAuthToken":"CANARY1"},
        "assistant":{"server":{"secret":"CANARY2","headers":{"authorization":"CANARY3"}}},
        "transcript":"I have a CANARY4","artifact":{"messages":[{"message":"CANARY5"}],"recordingUrl":"https://CANARY6"}}}"#;

    fn kept(body: &str, keep_conversation: bool) -> String {
        String::from_utf8(Payload::parse(body, keep_conversation).unwrap().as_bytes().to_owned()).unwrap()
    }

    #[test]
    fn secrets_and_conversation_are_not_kept() {
        let kept = kept(BODY, false);
        assert!(!kept.contains("CANARY"), "{kept}");
        assert!(kept.contains("customer-ended-call"));
    }

    #[test]
    fn the_password_of_a_sip_trunk_is_not_kept() {
        let sip =
            r#"{"message":{"phoneNumber":{"authentication":{"username":"CANARY7","password":"CANARY8"}}}}"#;
        assert!(!kept(sip, true).contains("CANARY"));
    }

    #[test]
    fn the_conversation_stays_where_the_owner_wants_it_and_secrets_never() {
        let kept = kept(BODY, true);
        assert!(kept.contains("CANARY4") && kept.contains("CANARY5") && kept.contains("CANARY6"));
        assert!(!kept.contains("CANARY1") && !kept.contains("CANARY2") && !kept.contains("CANARY3"));
    }

    #[test]
    fn what_needs_no_change_is_kept_as_it_came() {
        let body = r#"{ "message": {"type":"hang", "x":["\u00e9", 1.50]} }"#;
        assert_eq!(kept(body, false), body);
    }

    #[test]
    fn what_goes_takes_one_comma_along_and_the_rest_is_kept_as_it_came() {
        for (body, left) in [
            (r#"{"m":{"list":[{"a":[{"token":"C"}]}]}}"#, r#"{"m":{"list":[{"a":[{}]}]}}"#),
            (r#"{"token":"C","b": 1.50}"#, r#"{"b": 1.50}"#),
            (r#"{"b":"\u00e9","token":{"a":"C"}}"#, r#"{"b":"\u00e9"}"#),
            (r#"{"a":1 , "token" : [ "C" ] , "b":2}"#, r#"{"a":1 ,  "b":2}"#),
            (r#"{"token":"C","cookie":["C"],"headers":{}}"#, "{}"),
            (r#"{"a":1,"token":"C","headers":{"x":"C"} }"#, r#"{"a":1}"#),
            (r#"{"tok\u0065n":"C","a":1}"#, r#"{"a":1}"#),
            (r#"{"a":"\\","\u0074oken":"\"C"}"#, r#"{"a":"\\"}"#),
        ] {
            assert_eq!(kept(body, true), left, "{body}");
        }
    }

    /// The same done to a tree.
    fn cleaned(value: Value, keep_conversation: bool) -> Value {
        match value {
            Value::Object(members) => {
                let stays = |key: &str| !is_secret(key) && (keep_conversation || !is_conversation(key));
                let members = members.into_iter().filter(|(key, _)| stays(key));
                Value::Object(members.map(|(key, value)| (key, cleaned(value, keep_conversation))).collect())
            }
            Value::Array(items) => items.into_iter().map(|item| cleaned(item, keep_conversation)).collect(),
            other => other,
        }
    }

    /// Objects, lists and texts, in which some names are of what must not be kept.
    fn tree() -> impl Strategy<Value = Value> {
        let name = prop_oneof![
            "[a-c\"\\\\é]{0,3}",
            Just("transcript".to_owned()),
            Just("authToken".to_owned()),
            Just("x\"secret".to_owned()),
            Just("\\Password\\".to_owned()),
        ];
        let leaf =
            prop_oneof![any::<i32>().prop_map(Value::from), "[\"\\\\,{}: a]{0,5}".prop_map(Value::from)];
        leaf.prop_recursive(5, 60, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_left_is_the_same_as_of_a_tree(value in tree(), keep in any::<bool>(), is_pretty in any::<bool>()) {
            let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let left: Value = serde_json::from_str(&kept(&text.unwrap(), keep)).unwrap();
            prop_assert_eq!(left, cleaned(value, keep));
        }
    }

    #[test]
    fn the_summary_masks_the_caller() {
        let summary = Payload::parse(BODY, false).unwrap().summary();
        let summary: Value = serde_json::from_str(&summary).unwrap();
        assert_eq!(
            summary,
            serde_json::json!({ "caller": "+15***23", "endedReason": "customer-ended-call", "cost": 0.07 })
        );
    }

    #[test]
    fn the_summary_names_the_first_tools_of_a_call() {
        let calls = r#"[{"function":{"name":"one"},"name":"other"},{"name":"two","function":{"name":7}},{"id":"nameless"},
            {"name":"four"},{"name":"five"},"six",{"name":"seven"},{"name":"eight"},{"name":"nine"}]"#;
        let body = format!(
            r#"{{"name":"no","message":{{"status":7,"durationSeconds":3,"toolCallList":{calls},"name":"no"}}}}"#
        );
        let summary = Payload::parse(&body, false).unwrap().summary();
        assert_eq!(summary, r#"{"durationSeconds":3.0,"tools":["one","two","four","five","seven","eight"]}"#);
    }

    #[test]
    fn what_can_be_read_in_two_ways_or_not_at_all_is_an_error() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let (deep, deep_and_cut) =
            (format!(r#"{{"message":{}}}"#, nested(127)), format!(r#"{{"transcript":{}}}"#, nested(127)));
        for body in [
            deep.as_str(),
            deep_and_cut.as_str(),
            r#"{"message":1e999}"#,
            r#"{"message":"\ud800"}"#,
            r#"{"message":{"transcript":"a\u0000b"}}"#,
            r#"{"message":{"transcript":{"a":1,"a":2}}}"#,
            r#"{"message":{"analysis":{"a":1,"a":2}}}"#,
        ] {
            assert!(Payload::parse(body, false).is_err(), "{body}");
        }
        assert!(Payload::parse(&format!(r#"{{"transcript":{}}}"#, nested(126)), false).is_ok());
    }
}
