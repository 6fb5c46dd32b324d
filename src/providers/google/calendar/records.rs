//! The parts of Calendar's answers that are read.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A calendar as the account sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarEntry {
    pub id: String,
    #[serde(default)]
    pub summary: String,
    #[serde(default)]
    pub summary_override: Option<String>,
    #[serde(default)]
    pub time_zone: Option<String>,
    /// `freeBusyReader`, `reader`, `writer`, `owner`, ...
    #[serde(default)]
    pub access_role: String,
    #[serde(default)]
    pub primary: bool,
}

impl CalendarEntry {
    /// Whether events may be put into it.
    pub fn is_writable(&self) -> bool {
        matches!(self.access_role.as_str(), "owner" | "writer" | "writerWithoutPrivateAccess")
    }

    /// Its name, as its owner or this account calls it.
    pub fn name(&self) -> &str {
        self.summary_override.as_deref().unwrap_or(&self.summary)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CalendarList {
    pub(super) items: Vec<CalendarEntry>,
    #[serde(default)]
    pub(super) next_page_token: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct FreeBusy {
    pub(super) calendars: BTreeMap<String, FreeBusyOf>,
}

#[derive(Deserialize)]
pub(super) struct FreeBusyOf {
    #[serde(default)]
    pub(super) busy: Vec<Span>,
    /// Errors of this one calendar, inside of an answer with status 200.
    #[serde(default)]
    pub(super) errors: Vec<Reason>,
}

#[derive(Deserialize)]
pub(super) struct Span {
    pub(super) start: jiff::Timestamp,
    pub(super) end: jiff::Timestamp,
}

#[derive(Deserialize)]
pub(super) struct Reason {
    #[serde(default)]
    pub(super) reason: String,
}

#[derive(Deserialize)]
pub(super) struct EventRecord {
    #[serde(default)]
    pub(super) status: String,
}
