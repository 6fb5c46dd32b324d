//! What somebody says about an endpoint, checked before anything is stored. It is sealed in `sealing`.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::{problem, propose_url};
use crate::db::endpoints::EndpointRow;
use crate::domain::event_kinds;
use crate::domain::mask::is_mask;
use crate::integrations::{Caller, IntegrationError, Problem};
use crate::providers::egress::EgressError;
use crate::providers::hook::{is_header_value, may_set_header};
use crate::state::Services;
use crate::vault::SecretText;

/// Endpoints that are made at a time.
const MOST_AT_ONCE: usize = 100;
/// Headers of a clinic's own, and bytes of each.
const MOST_HEADERS: usize = 20;
const MOST_HEADER_BYTES: usize = 4096;
const MOST_URL: usize = 2048;
/// Where people open a spreadsheet.
const SPREADSHEETS: &str = "https://docs.google.com/spreadsheets/";
const MOST_DESCRIPTION: usize = 500;
/// How long a name is looked up when an address is saved. Where it takes longer, sending will tell.
const LOOK_UP: Duration = Duration::from_secs(2);

/// What an endpoint is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Destination {
    /// An address that takes posts.
    #[default]
    Url,
    /// A row of the spreadsheet that is chosen on the clinic's card of Google Sheets.
    GoogleSheets,
}

impl Destination {
    pub const fn as_str(self) -> &'static str {
        match self {
            Destination::Url => "url",
            Destination::GoogleSheets => "google_sheets",
        }
    }

    /// By its word.
    pub fn parse(word: &str) -> Option<Self> {
        [Destination::Url, Destination::GoogleSheets].into_iter().find(|one| one.as_str() == word)
    }
}

/// What is sent along with every post, beside the signature.
#[derive(Clone, Debug, Default)]
pub enum AuthInput {
    #[default]
    None,
    /// `Authorization: Bearer`.
    Bearer(SecretText),
    /// Headers of the clinic's own: names and values.
    Headers(Vec<(String, SecretText)>),
}

/// An endpoint to be made.
#[derive(Clone, Debug, Default)]
pub struct EndpointInput {
    pub workflow_name: String,
    /// Absent: where the clinic's n8n would take it.
    pub url: Option<SecretText>,
    pub destination: Destination,
    /// What a destination other than an address needs; an object.
    pub settings: Option<Value>,
    pub description: String,
    /// The kinds that are wanted; empty for all.
    pub events: Vec<String>,
    pub auth: AuthInput,
    pub is_off: bool,
}

/// A change; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    pub workflow_name: Option<String>,
    pub url: Option<SecretText>,
    pub settings: Option<Value>,
    pub description: Option<String>,
    pub events: Option<Vec<String>>,
    pub auth: Option<AuthInput>,
}

/// An endpoint that may be stored.
pub(super) struct Checked {
    pub name: String,
    /// Absent where it stays.
    pub url: Option<SecretText>,
    pub destination: Destination,
    pub settings: Value,
    pub description: String,
    pub events: Vec<String>,
    pub auth: AuthInput,
    pub is_active: bool,
}

/// The name of a field, in a list of several endpoints with its place.
pub(super) fn field(at: Option<usize>, name: &str) -> String {
    at.map_or_else(|| name.to_owned(), |at| format!("endpoints[{at}].{name}"))
}

pub(super) async fn check_all(
    services: &Services,
    caller: &Caller,
    inputs: Vec<EndpointInput>,
) -> Result<Vec<Checked>, IntegrationError> {
    if inputs.is_empty() || inputs.len() > MOST_AT_ONCE {
        return Err(problem("endpoints", format!("Give 1 to {MOST_AT_ONCE} endpoints.")));
    }
    let several = inputs.len() > 1;
    let mut problems = Vec::new();
    let mut checked = Vec::with_capacity(inputs.len());
    let mut names = HashSet::new();
    for (at, input) in inputs.into_iter().enumerate() {
        let at = several.then_some(at);
        let url = match input.url {
            // Which spreadsheet it is, is chosen on the card.
            _ if input.destination == Destination::GoogleSheets => SecretText::new(SPREADSHEETS.to_owned()),
            Some(url) => trimmed(&url),
            None => {
                let proposed = propose_url(services, caller, input.workflow_name.trim()).await?;
                SecretText::new(proposed.unwrap_or_default())
            }
        };
        let one = Checked {
            name: input.workflow_name.trim().to_owned(),
            url: Some(url),
            destination: input.destination,
            settings: input.settings.unwrap_or_else(|| json!({})),
            description: input.description.trim().to_owned(),
            events: input.events,
            auth: input.auth,
            is_active: !input.is_off,
        };
        one.judge(services, at, &mut problems);
        if !names.insert(one.name.clone()) {
            problems.push(Problem {
                field: field(at, "workflowName"),
                message: "This name stands here twice.".into(),
            });
        }
        checked.push(one);
    }
    if problems.is_empty() {
        vet(services, &checked, several, &mut problems).await;
    }
    if problems.is_empty() { Ok(checked) } else { Err(IntegrationError::Invalid(problems)) }
}

pub(super) async fn check_change(
    services: &Services,
    old: &EndpointRow,
    change: EndpointChange,
) -> Result<Checked, IntegrationError> {
    let destination = Destination::parse(&old.destination).unwrap_or_default();
    let one = Checked {
        name: change.workflow_name.map_or_else(|| old.workflow_name.clone(), |name| name.trim().to_owned()),
        url: change.url.filter(|_| destination == Destination::Url).map(|url| trimmed(&url)),
        destination,
        settings: change.settings.unwrap_or_else(|| old.settings.0.clone()),
        description: change
            .description
            .map_or_else(|| old.description.clone(), |text| text.trim().to_owned()),
        events: change.events.unwrap_or_else(|| old.events.clone()),
        auth: change.auth.unwrap_or_default(),
        is_active: old.is_active,
    };
    let mut problems = Vec::new();
    one.judge(services, None, &mut problems);
    let ones = [one];
    if problems.is_empty() {
        vet(services, &ones, false, &mut problems).await;
    }
    if !problems.is_empty() {
        return Err(IntegrationError::Invalid(problems));
    }
    let [one] = ones;
    Ok(one)
}

/// Headers that are stored stay with their server: they are not sent to another one. Staff, who see no
/// address, enter them again with any other address: on a server that many share, the path is what tells
/// whose it is.
///
/// # Errors
/// [`IntegrationError::Invalid`] for an address that they were not entered for.
pub(super) fn check_address(caller: &Caller, old: &str, new: &str) -> Result<(), IntegrationError> {
    if old == new {
        return Ok(());
    }
    let is_same_server = match (Url::parse(old), Url::parse(new)) {
        (Ok(old), Ok(new)) => old.origin() == new.origin(),
        _ => false,
    };
    if is_same_server && caller.scope.role.may_configure() {
        return Ok(());
    }
    Err(problem(
        "url",
        "The token or headers that are stored were entered for another address and are not sent to this one. \
         Enter them again, or remove them.",
    ))
}

/// Looks the names of addresses up, all at the same time. What can not be found out now is found out
/// when something is sent.
async fn vet(services: &Services, checked: &[Checked], several: bool, problems: &mut Vec<Problem>) {
    let vetted = futures_util::future::join_all(checked.iter().map(|one| async {
        let url = one.url.as_ref().filter(|_| one.destination == Destination::Url)?;
        let url = Url::parse(url.expose()).ok()?;
        tokio::time::timeout(LOOK_UP, services.egress.vet(&url)).await.ok()?.err()
    }));
    for (at, error) in vetted.await.into_iter().enumerate() {
        if let Some(error @ EgressError::Blocked(_)) = error {
            let message = url_sentence(&error);
            problems.push(Problem { field: field(several.then_some(at), "url"), message });
        }
    }
}

fn url_sentence(error: &EgressError) -> String {
    match error {
        EgressError::Blocked(why) => {
            format!("This address can not be used: {why}. Ask who runs this service to allow a private one.")
        }
        _ => "This address can not be used.".to_owned(),
    }
}

impl Checked {
    /// The address of a new endpoint, which has one.
    pub fn address(&self) -> SecretText {
        self.url.clone().unwrap_or_else(|| SecretText::new(String::new()))
    }

    fn judge(&self, services: &Services, at: Option<usize>, problems: &mut Vec<Problem>) {
        let mut found = |name: &str, message: &str| {
            problems.push(Problem { field: field(at, name), message: message.to_owned() });
        };
        if !is_name(&self.name) {
            found(
                "workflowName",
                "Use 1 to 64 small letters, digits, hyphens and underscores, beginning and ending with a letter or digit. A few words such as new and batch are taken.",
            );
        }
        if let (Destination::Url, Some(url)) = (self.destination, &self.url)
            && let Err(message) = judge_url(services, url.expose())
        {
            found("url", &message);
        }
        if self.description.chars().count() > MOST_DESCRIPTION || self.description.contains('\0') {
            found("description", "Use 500 characters at most.");
        }
        if !self.settings.is_object() {
            found("settings", "This must be an object.");
        }
        if self.events.len() > event_kinds::EVENT_KINDS.len() {
            found("events", "Some events stand here twice.");
        }
        if let Some(unknown) = self.events.iter().find(|name| event_kinds::find(name).is_none()) {
            let shown: String = unknown.chars().filter(|c| !c.is_control()).take(80).collect();
            found("events", &format!("There is no event \"{shown}\"."));
        }
        match &self.auth {
            AuthInput::None => {}
            AuthInput::Bearer(token) => {
                if let Some(message) = judge_value(token.expose()) {
                    found("bearerToken", message);
                }
            }
            AuthInput::Headers(headers) => {
                if headers.len() > MOST_HEADERS {
                    found("headers", "Use 20 headers at most.");
                }
                let mut names = HashSet::new();
                for (name, value) in headers {
                    if !may_set_header(name) {
                        found("headers", "A header has a name that can not be set here.");
                    } else if !names.insert(name.to_ascii_lowercase()) {
                        found("headers", "A header stands here twice.");
                    }
                    if let Some(message) = judge_value(value.expose()) {
                        found("headers", message);
                    }
                }
            }
        }
    }
}

fn judge_url(services: &Services, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("Enter the address that takes the events.".to_owned());
    }
    if text.len() > MOST_URL {
        return Err("Use 2048 characters at most.".to_owned());
    }
    if is_mask(text) {
        return Err(
            "This is the masked form. Enter the address itself, or leave it out to keep what is stored."
                .to_owned(),
        );
    }
    let Ok(url) = Url::parse(text) else {
        return Err("This is no address. It begins with https://.".to_owned());
    };
    if url.as_str().len() > MOST_URL {
        return Err("Use 2048 characters at most.".to_owned());
    }
    if url.fragment().is_some() {
        return Err("Leave out what follows the #: it is never sent.".to_owned());
    }
    services.egress.check(&url).map_err(|error| url_sentence(&error))
}

fn trimmed(text: &SecretText) -> SecretText {
    SecretText::new(text.expose().trim().to_owned())
}

/// Whether a header can be sent as it is.
pub(super) fn is_good_header(name: &str, value: &SecretText) -> bool {
    may_set_header(name) && judge_value(value.expose()).is_none()
}

fn judge_value(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        Some("A header needs a value.")
    } else if is_mask(value) {
        Some("This is the masked form. Enter the value itself, or leave it out to keep what is stored.")
    } else if value.len() > MOST_HEADER_BYTES || !is_header_value(value) {
        Some("A value holds characters that can not be sent, or is too long.")
    } else {
        None
    }
}

/// Words that stand in the place of a name in addresses of the interface and of pages.
const RESERVED_NAMES: [&str; 4] = ["batch", "event-kinds", "new", "analytics"];

fn is_name(name: &str) -> bool {
    let is_edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    !RESERVED_NAMES.contains(&name)
        && (1..=64).contains(&bytes.len())
        && bytes.iter().all(|byte| is_edge(byte) || matches!(byte, b'-' | b'_'))
        && bytes.first().is_some_and(is_edge)
        && bytes.last().is_some_and(is_edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_small_and_begin_and_end_with_a_letter_or_digit() {
        for good in ["a", "7", "new-lead", "new_lead", "a1-b_2", &"a".repeat(64)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a b", "a/b", "ä", "a.b", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_value_that_is_a_mask_is_refused() {
        assert!(judge_value("abc***def").is_some_and(|message| message.contains("masked")));
        assert!(judge_value("").is_some() && judge_value("a\nb").is_some());
        assert_eq!(judge_value("a good value"), None);
    }
}
