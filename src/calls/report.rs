//! What Vapi's status updates and end-of-call reports say about a call, read without trusting anything
//! to be there. Pure; what is made of it is in `reports`.

use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::domain::phone::PhoneNumber;

/// The longest summary that is kept, in characters.
const MOST_SUMMARY: usize = 8_000;
/// The most extracted data that is kept, in bytes of JSON.
const MOST_STRUCTURED: usize = 16 * 1024;
/// The longest name, in characters.
const MOST_NAME: usize = 60;

/// The direction of a call in which somebody of the clinic tries an agent out.
pub const TALK: &str = "talk";

/// What a message says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// `inbound`, `outbound`, `web`, `talk`.
    pub direction: Option<&'static str>,
    pub assistant: Option<Uuid>,
    /// The caller's, or whom the assistant called.
    pub number: Option<String>,
    pub name: Option<String>,
    pub started_at: Option<OffsetDateTime>,
    pub ended_at: Option<OffsetDateTime>,
    pub duration_seconds: Option<i32>,
    pub ended_reason: Option<String>,
    /// US dollars.
    pub cost: Option<f64>,
    pub summary: String,
    pub structured: Value,
    /// Vapi's word about whether the call was a success.
    pub evaluation: Option<String>,
}

impl Told {
    /// Reads a message that arrived at a time. Times that can not be of this call are left out.
    pub fn read(message: &Value, received_at: OffsetDateTime) -> Self {
        let call = &message["call"];
        let when = |values: &[&Value]| values.iter().find_map(|value| moment(value, received_at));
        let started_at = when(&[&message["startedAt"], &call["startedAt"], &call["createdAt"]]);
        let ended_at = when(&[&message["endedAt"], &call["endedAt"]]);
        let customer = [&message["customer"], &call["customer"]].into_iter().find(|found| found.is_object());
        let number = customer.and_then(|customer| customer["number"].as_str()).and_then(plain_number);
        let analysis = &message["analysis"];
        let structured = structured(analysis, &message["artifact"]["structuredOutputs"]);
        let name = name_in(&structured)
            .or_else(|| customer.and_then(|customer| customer["name"].as_str()).and_then(tidy_name));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            direction: match call["type"].as_str().or(message["type"].as_str()).unwrap_or_default() {
                "inboundPhoneCall" => Some("inbound"),
                "outboundPhoneCall" => Some("outbound"),
                "webCall" => Some("web"),
                // How the agents' page calls. Another program of the clinic's may call so too: where it tells
                // who the caller is, it is a call like any other.
                "vapi.websocketCall" if number.is_none() => Some(TALK),
                "vapi.websocketCall" => Some("web"),
                _ => None,
            },
            assistant: [&call["assistantId"], &message["assistantId"], &message["assistant"]["id"]]
                .into_iter()
                .find_map(|id| Uuid::try_parse(id.as_str()?).ok()),
            number,
            name,
            duration_seconds: seconds(message, call).or_else(|| {
                let span = (ended_at? - started_at?).whole_seconds();
                i32::try_from(span).ok().filter(|span| *span >= 0)
            }),
            started_at,
            ended_at,
            ended_reason: text(&message["endedReason"]).map(|reason| tidy(&reason, 200)),
            cost: [&message["cost"], &call["cost"]]
                .into_iter()
                .find_map(Value::as_f64)
                .filter(|cost| (0.0..100_000.0).contains(cost)),
            summary: [&analysis["summary"], &message["summary"]]
                .into_iter()
                .find_map(Value::as_str)
                .map(|text| tidy_lines(text, MOST_SUMMARY))
                .unwrap_or_default(),
            structured,
            evaluation: match &analysis["successEvaluation"] {
                Value::String(word) => Some(tidy(word, 200)),
                Value::Bool(value) => Some(value.to_string()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            },
        }
    }
}

/// A time of a message: RFC 3339, or milliseconds. A call lies within the two days before its message.
fn moment(value: &Value, received_at: OffsetDateTime) -> Option<OffsetDateTime> {
    let at = match value {
        Value::String(text) => OffsetDateTime::parse(text, &Rfc3339).ok()?,
        Value::Number(number) => {
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(number.as_i64()?) * 1_000_000).ok()?
        }
        _ => return None,
    };
    (received_at - Duration::days(2)..received_at + Duration::minutes(10)).contains(&at).then_some(at)
}

fn seconds(message: &Value, call: &Value) -> Option<i32> {
    let given = message["durationSeconds"]
        .as_f64()
        .or_else(|| call["durationSeconds"].as_f64())
        .or_else(|| Some(message["durationMs"].as_f64()? / 1000.0))?;
    (0.0..200_000.0).contains(&given).then_some(given.round() as i32)
}

/// A number as our own parts take it; SIP addresses and hidden numbers are none.
fn plain_number(text: &str) -> Option<String> {
    PhoneNumber::parse(text).ok().map(|number| number.as_str().to_owned())
}

/// The extracted data of the analysis, else the results of structured outputs by their names.
fn structured(analysis: &Value, outputs: &Value) -> Value {
    let data = match &analysis["structuredData"] {
        Value::Object(members) if !members.is_empty() => Value::Object(members.clone()),
        _ => {
            let named = outputs.as_object().into_iter().flatten().filter_map(|(id, output)| {
                let name = output["name"].as_str().unwrap_or(id);
                Some((name.to_owned(), output.get("result")?.clone()))
            });
            Value::Object(named.collect::<Map<_, _>>())
        }
    };
    let is_empty = data.as_object().is_none_or(Map::is_empty);
    if is_empty || data.to_string().len() > MOST_STRUCTURED { Value::Null } else { data }
}

/// The caller's name, under whichever of the usual names, two levels deep.
fn name_in(structured: &Value) -> Option<String> {
    let plain =
        |key: &str| key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let find = |members: &Map<String, Value>, wanted: &[&str]| {
        wanted.iter().find_map(|name| {
            let (_, value) = members.iter().find(|(key, _)| plain(key) == *name)?;
            value.as_str().and_then(tidy_name)
        })
    };
    let of = |members: &Map<String, Value>| {
        let whole =
            find(members, &["patientname", "callername", "customername", "leadname", "fullname", "name"]);
        whole.or_else(|| {
            let first = find(members, &["firstname"])?;
            Some(match find(members, &["lastname", "surname", "familyname"]) {
                Some(last) => format!("{first} {last}"),
                None => first,
            })
        })
    };
    let members = structured.as_object()?;
    of(members).or_else(|| members.values().filter_map(Value::as_object).find_map(of))
}

/// A name that may stand in a message to the staff: letters, digits and what names have between them.
/// A caller chooses it, so nothing that a telephone would make a link of stays.
pub fn tidy_name(text: &str) -> Option<String> {
    let kept: String = text
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '\'' | '-' | '\u{2019}') { c } else { ' ' })
        .collect();
    let words: Vec<&str> = kept.split_whitespace().collect();
    let name: String = words.join(" ").chars().take(MOST_NAME).collect();
    let is_name = name.chars().any(char::is_alphabetic)
        && !matches!(
            name.to_lowercase().as_str(),
            "unknown" | "null" | "none" | "n a" | "not provided" | "anonymous"
        );
    is_name.then(|| name.trim().to_owned())
}

/// One line without control characters.
fn tidy(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

fn tidy_lines(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').take(most).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> OffsetDateTime {
        OffsetDateTime::parse(text, &Rfc3339).unwrap()
    }

    fn read(message: Value) -> Told {
        Told::read(&message, at("2026-03-02T10:05:00Z"))
    }

    #[test]
    fn a_report_tells_times_cost_and_what_was_extracted() {
        let told = read(json!({
            "type": "end-of-call-report", "endedReason": "customer-ended-call", "cost": 0.07,
            "startedAt": "2026-03-02T10:00:00.000Z", "endedAt": "2026-03-02T10:03:20Z",
            "call": { "type": "inboundPhoneCall", "assistantId": "c0ffee00-0000-4000-8000-000000000001" },
            "customer": { "number": "+1 555 010 0123" },
            "analysis": { "summary": "Wants\na cleaning.\u{7}", "successEvaluation": true,
                          "structuredData": { "patientName": " Alex  Example ", "interestLevel": "high" } },
        }));
        assert_eq!(
            (told.direction, told.duration_seconds, told.cost),
            (Some("inbound"), Some(200), Some(0.07))
        );
        assert_eq!(
            (told.number.as_deref(), told.name.as_deref()),
            (Some("+15550100123"), Some("Alex Example"))
        );
        assert_eq!((told.summary.as_str(), told.evaluation.as_deref()), ("Wants\na cleaning.", Some("true")));
        assert_eq!(told.structured["interestLevel"], "high");
    }

    #[test]
    fn a_call_from_the_agents_page_is_told_apart_from_calls_of_patients() {
        let direction = |kind: &str, customer: Value| {
            read(json!({ "call": { "type": kind }, "customer": customer })).direction
        };
        assert_eq!(direction("vapi.websocketCall", Value::Null), Some("talk"));
        assert_eq!(direction("vapi.websocketCall", json!({ "name": "Ann" })), Some("talk"));
        assert_eq!(direction("vapi.websocketCall", json!({ "number": "+15550100123" })), Some("web"));
        assert_eq!(direction("webCall", Value::Null), Some("web"));
    }

    #[test]
    fn structured_outputs_stand_in_for_extracted_data() {
        let outputs =
            json!({ "id-1": { "name": "lead", "result": { "firstName": "Ada", "lastName": "Lovelace" } } });
        let told = read(
            json!({ "artifact": { "structuredOutputs": outputs }, "analysis": { "structuredData": {} } }),
        );
        assert_eq!(told.name.as_deref(), Some("Ada Lovelace"));
    }

    #[test]
    fn times_of_another_year_and_nonsense_are_left_out() {
        let told = read(
            json!({ "startedAt": "2020-01-01T00:00:00Z", "endedAt": 7, "cost": -1, "durationSeconds": 1e12,
                                "customer": { "number": "sip:x@y" }, "analysis": [], "call": 7 }),
        );
        assert_eq!(told, Told { structured: Value::Null, ..Told::default() });
        for message in
            [json!(null), json!([]), json!("x"), json!({ "call": { "assistantId": {} }, "artifact": [] })]
        {
            let _ = read(message);
        }
    }

    #[test]
    fn a_name_is_a_name_and_no_link() {
        assert_eq!(tidy_name("Anne-Marie O'Neil").as_deref(), Some("Anne-Marie O'Neil"));
        assert_eq!(tidy_name("https://evil.example/x").as_deref(), Some("https evil example x"));
        assert_eq!(tidy_name("José\nMüller\u{0}").as_deref(), Some("José Müller"));
        for none in ["", " ", "12", "unknown", "N/A", "\u{1f525}"] {
            assert_eq!(tidy_name(none), None, "{none}");
        }
        assert_eq!(tidy_name(&"a".repeat(500)).unwrap().len(), 60);
    }
}
