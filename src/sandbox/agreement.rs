//! What clients have sent, held against the providers' own public descriptions: method, path, query and
//! body. The descriptions are cut down to the operations that are used; `specs/README.md` says where each
//! comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Sandbox;
use super::gate::SeenRequest;
use crate::domain::ProviderId;

/// A body as it is kept for this: its members and the kinds of their values, no value itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentBody {
    /// `json` or `form`.
    pub kind: &'static str,
    /// Every scalar is the word of its kind.
    pub shape: Value,
}

impl SentBody {
    /// Reads a body by its content type; none where it is empty or nothing that is described.
    pub(super) fn read(content_type: &str, bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        if content_type.starts_with("application/x-www-form-urlencoded") {
            let pairs = url::form_urlencoded::parse(bytes);
            let members: Map<String, Value> =
                pairs.map(|(name, _)| (name.into_owned(), Value::from("string"))).collect();
            return Some(Self { kind: "form", shape: members.into() });
        }
        let value: Value = serde_json::from_slice(bytes).ok()?;
        Some(Self { kind: "json", shape: shape_of(&value) })
    }
}

fn shape_of(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Number(number) if number.is_f64() => "number".into(),
        Value::Number(_) => "integer".into(),
        Value::String(_) => "string".into(),
        Value::Array(items) => items.iter().map(shape_of).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), shape_of(value))).collect())
        }
    }
}

#[derive(Deserialize)]
struct Description {
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    method: String,
    path: String,
    /// Name, and whether it has to be there.
    #[serde(default)]
    query: BTreeMap<String, bool>,
    body: Option<BodySpec>,
    /// Nothing public describes it; it may be asked all the same.
    #[serde(default)]
    exempt: bool,
}

#[derive(Deserialize)]
struct BodySpec {
    kind: String,
    schema: Value,
}

/// The description of a provider.
const fn text_of(provider: ProviderId) -> &'static str {
    match provider {
        ProviderId::Vapi => include_str!("specs/vapi.json"),
        ProviderId::Twilio => include_str!("specs/twilio.json"),
        ProviderId::ElevenLabs => include_str!("specs/elevenlabs.json"),
        ProviderId::Resend => include_str!("specs/resend.json"),
        ProviderId::Stripe => include_str!("specs/stripe.json"),
        ProviderId::HubSpot => include_str!("specs/hubspot.json"),
        ProviderId::Retell => include_str!("specs/retell.json"),
        ProviderId::N8n => include_str!("specs/n8n.json"),
        ProviderId::GoogleCalendar => include_str!("specs/google_calendar.json"),
        ProviderId::GoogleSheets => include_str!("specs/google_sheets.json"),
        ProviderId::WhatsApp => include_str!("specs/whatsapp.json"),
        ProviderId::Vonage => include_str!("specs/vonage.json"),
        ProviderId::Sns => include_str!("specs/sns.json"),
    }
}

impl Sandbox {
    /// Every way in which a request that a stand-in has seen disagrees with the provider's description,
    /// as sentences. Empty where all agree.
    pub fn disagreements(&self) -> Vec<String> {
        ProviderId::ALL
            .into_iter()
            .map(|provider| (provider, self.requests(provider)))
            .filter(|(_, requests)| !requests.is_empty())
            .flat_map(|(provider, requests)| disagreements(provider, &requests))
            .collect()
    }
}

/// The same for requests to one provider.
pub fn disagreements(provider: ProviderId, requests: &[SeenRequest]) -> Vec<String> {
    let description: Description = match serde_json::from_str(text_of(provider)) {
        Ok(description) => description,
        Err(error) => return vec![format!("the description of {} is none: {error}", provider.as_str())],
    };
    let mut found: Vec<String> = requests
        .iter()
        .flat_map(|request| {
            let (path, _) = split(&request.path);
            let problems = problems_of(&description, request);
            problems
                .into_iter()
                .map(move |problem| format!("{} {} {path}: {problem}", provider.as_str(), request.method))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

fn split(path: &str) -> (&str, &str) {
    path.split_once('?').unwrap_or((path, ""))
}

fn problems_of(description: &Description, request: &SeenRequest) -> Vec<String> {
    let (path, query) = split(&request.path);
    let is_it = |known: &&Operation| known.method == request.method && is_path(&known.path, path);
    let Some(operation) = description.operations.iter().find(is_it) else {
        return vec!["no such operation".to_owned()];
    };
    if operation.exempt {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let given: Vec<String> =
        url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name.into_owned()).collect();
    for name in given.iter().filter(|name| !operation.query.contains_key(*name)) {
        problems.push(format!("no parameter {name}"));
    }
    let required = operation.query.iter().filter(|(_, is_required)| **is_required);
    for (name, _) in required.filter(|(name, _)| !given.contains(name)) {
        problems.push(format!("parameter {name} is missing"));
    }
    match (&operation.body, &request.body) {
        (None, None) => {}
        (None, Some(_)) => problems.push("takes no body".to_owned()),
        (Some(spec), Some(sent)) if spec.kind != sent.kind => {
            problems.push(format!("takes a body of the kind {}", spec.kind));
        }
        (Some(spec), Some(sent)) => judge(&spec.schema, &sent.shape, "", &mut problems),
        (Some(spec), None) if spec.schema == "any" => {}
        (Some(_), None) => problems.push("has no body".to_owned()),
    }
    problems
}

/// Whether a path is of a template: what stands in braces is any text without a slash.
fn is_path(template: &str, path: &str) -> bool {
    let (wanted, given): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    wanted.len() == given.len() && wanted.iter().zip(&given).all(|(wanted, given)| is_name(wanted, given))
}

/// Whether a name is of a template with at most one pair of braces.
fn is_name(template: &str, name: &str) -> bool {
    let Some((before, rest)) = template.split_once('{') else { return template == name };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    name.strip_prefix(before)
        .and_then(|middle| middle.strip_suffix(after))
        .is_some_and(|middle| !middle.is_empty())
}

/// Holds a shape against a schema.
fn judge(schema: &Value, sent: &Value, at: &str, problems: &mut Vec<String>) {
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &Value| {
            let mut own = Vec::new();
            judge(choice, sent, at, &mut own);
            own.is_empty()
        };
        if !choices.iter().any(fits) {
            problems.push(format!("{at} is none of what it may be"));
        }
    } else if let Some(fields) = schema["fields"].as_object() {
        let Some(members) = sent.as_object() else {
            problems.push(format!("{at} is no object"));
            return;
        };
        for (name, value) in members {
            match fields.iter().find(|(known, _)| is_name(known, name)) {
                Some((_, schema)) => judge(schema, value, &format!("{at}.{name}"), problems),
                None => problems.push(format!("no member {at}.{name}")),
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                problems.push(format!("{at}.{name} is missing"));
            }
        }
    } else if let Some(schema) = schema.get("items") {
        match sent.as_array() {
            Some(items) => items.iter().for_each(|item| judge(schema, item, &format!("{at}[]"), problems)),
            None => problems.push(format!("{at} is no list")),
        }
    } else if let Some(word) = schema.as_str() {
        let is_fine = match (word, sent.as_str()) {
            ("any", _) | (_, Some("null")) => true,
            ("number", Some("integer")) => true,
            // A form has texts only.
            (_, Some("string")) if at.matches('.').count() <= 1 && word != "string" => {
                matches!(word, "integer" | "number" | "boolean")
            }
            (word, Some(sent)) => word == sent,
            (_, None) => false,
        };
        if !is_fine {
            problems.push(format!("{at} is no {word}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(provider: ProviderId, method: &str, path: &str, body: Option<(&str, Value)>) -> SeenRequest {
        let body = body.map(|(kind, value)| {
            let kind = if kind == "form" { "form" } else { "json" };
            SentBody { kind, shape: shape_of(&value) }
        });
        SeenRequest {
            at: time::OffsetDateTime::UNIX_EPOCH,
            provider,
            method: method.to_owned(),
            path: path.to_owned(),
            body,
            account: None,
            credential_fingerprint: String::new(),
            status: 200,
        }
    }

    fn judged(provider: ProviderId, method: &str, path: &str, body: Option<(&str, Value)>) -> Vec<String> {
        disagreements(provider, &[request(provider, method, path, body)])
    }

    const SENDING: &str = "/2010-04-01/Accounts/AC1/Messages.json";

    #[test]
    fn every_description_can_be_read_and_says_where_it_comes_from() {
        for provider in ProviderId::ALL {
            let text: Value = serde_json::from_str(text_of(provider))
                .unwrap_or_else(|error| panic!("{}: {error}", provider.as_str()));
            assert!(text["source"].as_str().is_some_and(|source| !source.is_empty()), "{provider:?}");
            assert!(text["licence"].is_string() && text["commit"].is_string(), "{provider:?}");
            assert!(disagreements(provider, &[]).is_empty(), "{provider:?}");
        }
    }

    #[test]
    fn a_good_request_agrees() {
        let good = json!({ "To": "x", "From": "y", "Body": "z" });
        assert!(judged(ProviderId::Twilio, "POST", SENDING, Some(("form", good))).is_empty());
        let rows = json!({ "range": "A1", "majorDimension": "ROWS", "values": [["a", "b"]] });
        let path = "/v4/spreadsheets/1a/values/A1:append?valueInputOption=RAW";
        assert!(judged(ProviderId::GoogleSheets, "POST", path, Some(("json", rows))).is_empty());
    }

    #[test]
    fn whatever_is_planted_is_found() {
        let twilio = |body: Value| judged(ProviderId::Twilio, "POST", SENDING, Some(("form", body)));
        let planted = twilio(json!({ "To": "x", "From": "y", "Body": "z", "Recipient": "x" }));
        assert!(planted[0].ends_with("no member .Recipient"), "{planted:?}");
        assert!(twilio(json!({ "From": "y", "Body": "z" }))[0].ends_with(".To is missing"));
        let as_json = judged(ProviderId::Twilio, "POST", SENDING, Some(("json", json!({ "To": "x" }))));
        assert!(as_json[0].ends_with("takes a body of the kind form"), "{as_json:?}");
        for (provider, method, path) in [
            (ProviderId::Twilio, "PUT", SENDING),
            (ProviderId::Twilio, "GET", "/2010-04-01/Accounts/AC1/Message.json"),
            (ProviderId::Resend, "GET", "/domains/list"),
        ] {
            let found = judged(provider, method, path, None);
            assert!(found[0].ends_with("no such operation"), "{found:?}");
        }
        let query = judged(ProviderId::ElevenLabs, "GET", "/v2/voices?pageSize=100", None);
        assert!(query[0].ends_with("no parameter pageSize"), "{query:?}");
        let body = judged(ProviderId::Stripe, "GET", "/v1/account", Some(("json", json!({ "a": 1 }))));
        assert!(body[0].ends_with("takes no body"), "{body:?}");
        let rows = json!({ "range": 1, "values": "a" });
        let path = "/v4/spreadsheets/1a/values/A1:append";
        let found = judged(ProviderId::GoogleSheets, "POST", path, Some(("json", rows)));
        assert_eq!(found.len(), 2, "{found:?}");
        let deep = json!({ "summary": "x", "start": { "dateTime": "t", "zone": "UTC" } });
        let path = "/api/calendar/v3/calendars/primary/events";
        let found = judged(ProviderId::GoogleCalendar, "POST", path, Some(("json", deep)));
        assert!(found[0].ends_with("no member .start.zone"), "{found:?}");
    }

    #[test]
    fn no_value_of_a_body_is_kept() {
        let sent = SentBody::read("application/json", br#"{"key":"secret","n":1,"list":[true,1.5,null]}"#);
        let shape = sent.expect("a body").shape;
        assert_eq!(shape, json!({ "key": "string", "n": "integer", "list": ["boolean", "number", "null"] }));
        let form = SentBody::read("application/x-www-form-urlencoded", b"client_secret=s3cret");
        assert_eq!(form.expect("a body").shape, json!({ "client_secret": "string" }));
        assert_eq!(SentBody::read("application/json", b""), None);
    }
}
