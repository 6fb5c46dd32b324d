//! What clients have sent, held against the providers' own public descriptions: method, path, query and
//! body; and what the stand-ins have answered, where a description tells it. The descriptions are cut down
//! to the operations that are used; `specs/README.md` says where each comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Sandbox;
use super::gate::SeenRequest;
use crate::domain::ProviderId;

/// A body as it is kept for this: its members and the kinds of their values, no value itself but the words
/// that the provider's own description lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentBody {
    /// `json`, `form` or `xml`.
    pub kind: &'static str,
    /// Every scalar is the word of its kind, or `=` and a word of the description.
    pub shape: Value,
}

impl SentBody {
    /// Reads a body by its content type; none where it is empty or nothing that is described.
    pub(super) fn read(provider: ProviderId, content_type: &str, bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        let words = &description(provider).as_ref().ok()?.words;
        if content_type.starts_with("application/x-www-form-urlencoded") {
            let pairs = url::form_urlencoded::parse(bytes);
            let members: Map<String, Value> =
                pairs.map(|(name, value)| (name.into_owned(), word_of(&value, words))).collect();
            return Some(Self { kind: "form", shape: members.into() });
        }
        if content_type.starts_with("text/xml") {
            let shape = shape_of_xml(std::str::from_utf8(bytes).ok()?, words);
            return Some(Self { kind: "xml", shape });
        }
        let value: Value = serde_json::from_slice(bytes).ok()?;
        Some(Self { kind: "json", shape: shape_of(&value, words) })
    }
}

fn word_of(text: &str, words: &BTreeSet<String>) -> Value {
    if words.contains(text) { format!("={text}").into() } else { "string".into() }
}

fn shape_of(value: &Value, words: &BTreeSet<String>) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Number(number) if number.is_f64() => "number".into(),
        Value::Number(_) => "integer".into(),
        Value::String(text) => word_of(text, words),
        Value::Array(items) => items.iter().map(|item| shape_of(item, words)).collect(),
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, value)| (name.clone(), shape_of(value, words))).collect(),
        ),
    }
}

/// The elements of an XML answer side by side, attributes with an `@`. Only for stand-ins, whose XML is
/// plain.
fn shape_of_xml(text: &str, words: &BTreeSet<String>) -> Value {
    let mut members = Map::new();
    for piece in text.split('<').filter(|piece| !piece.starts_with(['/', '?', '!'])) {
        let Some((tag, content)) = piece.split_once('>') else { continue };
        let mut parts = tag.split_ascii_whitespace();
        if let Some(name) = parts.next() {
            members.insert(name.to_owned(), word_of(content.trim(), words));
        }
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            members.insert(format!("@{name}"), word_of(value.trim_matches('"'), words));
        }
    }
    members.into()
}

#[derive(Deserialize)]
struct Description {
    operations: Vec<Operation>,
    /// How the provider writes what it refuses, whatever was asked.
    refusal: Option<BodySpec>,
    /// Every word that the description lists for a value.
    #[serde(skip)]
    words: BTreeSet<String>,
}

impl Description {
    fn read(text: &str) -> Result<Self, serde_json::Error> {
        let value: Value = serde_json::from_str(text)?;
        let mut words = BTreeSet::new();
        collect_words(&value, &mut words);
        Ok(Self { words, ..serde_json::from_value(value)? })
    }
}

fn collect_words(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let listed = members.get("enum").and_then(Value::as_array).into_iter().flatten();
            words.extend(listed.filter_map(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| collect_words(value, words));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_words(value, words)),
        _ => {}
    }
}

#[derive(Deserialize)]
struct Operation {
    method: String,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, Parameter>,
    body: Option<BodySpec>,
    /// What a success answers.
    answer: Option<BodySpec>,
    /// Nothing public describes it; it may be asked all the same.
    #[serde(default)]
    exempt: bool,
}

/// A parameter of a query.
#[derive(Deserialize)]
#[serde(untagged)]
enum Parameter {
    /// Whether it has to be there.
    Plain(bool),
    /// What it may be, too.
    Told {
        #[serde(default)]
        required: bool,
        #[serde(default, rename = "enum")]
        words: Vec<String>,
        /// The largest whole number; then it is one.
        max: Option<u64>,
    },
}

impl Parameter {
    const fn is_required(&self) -> bool {
        match self {
            Parameter::Plain(required) | Parameter::Told { required, .. } => *required,
        }
    }

    fn takes(&self, value: &str) -> bool {
        let Parameter::Told { words, max, .. } = self else { return true };
        let is_word = words.is_empty() || words.iter().any(|word| word == value);
        is_word && max.is_none_or(|max| value.parse::<u64>().is_ok_and(|number| number <= max))
    }
}

#[derive(Deserialize)]
struct BodySpec {
    kind: String,
    schema: Value,
    /// It may be left out.
    #[serde(default)]
    optional: bool,
}

/// Every description, in the order of [`ProviderId::ALL`].
static DESCRIPTIONS: LazyLock<Vec<Result<Description, String>>> = LazyLock::new(|| {
    let read = |provider| Description::read(text_of(provider)).map_err(|error| error.to_string());
    ProviderId::ALL.into_iter().map(read).collect()
});

fn description(provider: ProviderId) -> &'static Result<Description, String> {
    &DESCRIPTIONS[provider as usize]
}

/// Whether the description of a provider tells what it answers.
pub(super) fn tells_answers(provider: ProviderId) -> bool {
    let tells = |known: &Description| {
        known.refusal.is_some() || known.operations.iter().any(|one| one.answer.is_some())
    };
    description(provider).as_ref().is_ok_and(tells)
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
    /// Every way in which a request that a stand-in has seen, or its answer, disagrees with the provider's
    /// description, as sentences. Empty where all agree.
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
    let description = match description(provider) {
        Ok(description) => description,
        Err(error) => return vec![format!("the description of {} is none: {error}", provider.as_str())],
    };
    let mut found: Vec<String> = requests
        .iter()
        .flat_map(|request| {
            let (path, _) = split(&request.path);
            let problems = problems_of(description, request);
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

/// What one address does may hang on the body: of several operations the one that fits best is meant.
fn problems_of(description: &Description, request: &SeenRequest) -> Vec<String> {
    let (path, _) = split(&request.path);
    let fits = |known: &&Operation| known.method == request.method && is_path(&known.path, path);
    let Some(first) = description.operations.iter().find(fits) else {
        return vec!["no such operation".to_owned()];
    };
    let same =
        description.operations.iter().filter(|one| one.method == first.method && one.path == first.path);
    same.map(|operation| problems_with(operation, description.refusal.as_ref(), request))
        .min_by_key(Vec::len)
        .unwrap_or_default()
}

fn problems_with(operation: &Operation, refusal: Option<&BodySpec>, request: &SeenRequest) -> Vec<String> {
    if operation.exempt {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let (_, query) = split(&request.path);
    let given: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
    for (name, value) in &given {
        match operation.query.get(&**name) {
            None => problems.push(format!("no parameter {name}")),
            Some(parameter) if !parameter.takes(value) => {
                problems.push(format!("parameter {name} is not what it may be"));
            }
            Some(_) => {}
        }
    }
    let required = operation.query.iter().filter(|(_, parameter)| parameter.is_required());
    for (name, _) in required.filter(|(name, _)| !given.iter().any(|(known, _)| known == *name)) {
        problems.push(format!("parameter {name} is missing"));
    }
    match (&operation.body, &request.body) {
        (None, None) => {}
        (None, Some(_)) => problems.push("takes no body".to_owned()),
        (Some(spec), Some(sent)) if spec.kind != sent.kind => {
            problems.push(format!("takes a body of the kind {}", spec.kind));
        }
        (Some(spec), Some(sent)) => judge(&spec.schema, sent, &sent.shape, "", &mut problems),
        (Some(spec), None) if spec.optional || spec.schema == "any" => {}
        (Some(_), None) => problems.push("has no body".to_owned()),
    }
    let told = match request.status {
        200..=299 => operation.answer.as_ref(),
        400..=599 => refusal,
        _ => None,
    };
    match (told, &request.answer) {
        (Some(spec), Some(answer)) if spec.kind == answer.kind => {
            judge(&spec.schema, answer, &answer.shape, "answer", &mut problems);
        }
        (Some(spec), Some(_)) => problems.push(format!("answers in the kind {}", spec.kind)),
        _ => {}
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

/// Holds a part of a body against a schema.
fn judge(schema: &Value, whole: &SentBody, sent: &Value, at: &str, problems: &mut Vec<String>) {
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &Value| {
            let mut own = Vec::new();
            judge(choice, whole, sent, at, &mut own);
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
                Some((_, schema)) => judge(schema, whole, value, &format!("{at}.{name}"), problems),
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
            Some(items) => {
                items.iter().for_each(|item| judge(schema, whole, item, &format!("{at}[]"), problems));
            }
            None => problems.push(format!("{at} is no list")),
        }
    } else if let Some(words) = schema["enum"].as_array() {
        let word = sent.as_str().and_then(|sent| sent.strip_prefix('='));
        if !words.iter().any(|known| known.as_str() == word) {
            problems.push(format!("{at} is none of its words"));
        }
    } else if let Some(word) = schema.as_str() {
        let kind = sent.as_str().map(|kind| if kind.starts_with('=') { "string" } else { kind });
        let is_fine = match (word, kind) {
            ("any", _) | (_, Some("null")) | ("number", Some("integer")) => true,
            // A form has texts only.
            ("integer" | "number" | "boolean", Some("string")) if whole.kind == "form" => true,
            (word, Some(kind)) => word == kind,
            (_, None) => false,
        };
        if !is_fine {
            problems.push(format!("{at} is no {word}"));
        }
    }
}

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod tests;
