//! `/dashboard/events`: the inbox of verified webhooks with its filters, and one event with its way.

use axum::extract::{Path, Query};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use super::{Page, millis};
use crate::app::NavItem;
use crate::app::components::filters::{FilterField, FilterKind};
use crate::app::components::waterfall::TraceStage;
use crate::app::pages::event::{EventView, PayloadView, event_page};
use crate::app::pages::events::{self as view, EventStatus, EventsView, RecoverForm, events_page};
use crate::audit::Origin;
use crate::calls::events::{self, Opened, Shown};
use crate::db::event_list::{self, EventFilter};
use crate::db::inbound::EventRow;
use crate::domain::sample;
use crate::http::error::HttpError;
use crate::http::moment;
use crate::webhooks::dedupe;

/// Events on one page.
const SHOWN: usize = 100;

/// Kinds that a clinic is likely to look for.
const KINDS: [&str; 6] =
    ["assistant-request", "end-of-call-report", "hang", "status-update", "tool-calls", "transfer-update"];
const SOURCES: [(&str, &str); 3] = [("vapi", "Vapi"), ("whatsapp", "WhatsApp"), ("twilio", "Twilio")];

/// What is asked for. What cannot be understood is as if it were not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct EventsQuery {
    source: String,
    kind: String,
    status: String,
    call: String,
    from: String,
    until: String,
    before: String,
}

impl EventsQuery {
    fn filter(&self) -> EventFilter {
        let word = |text: &str| Some(text.trim().to_owned()).filter(|text| is_storable(text));
        EventFilter {
            source: word(&self.source),
            kind: word(&self.kind),
            status: Some(self.status.clone()).filter(|status| is_status(status)),
            call: word(&self.call).map(dedupe::with_half),
            from: moment::parse(&self.from),
            until: moment::parse(&self.until),
            before: self.before.parse().ok(),
        }
    }

    fn fields(&self) -> Vec<FilterField> {
        let pair = |(word, text): (&str, &str)| (word.to_owned(), text.to_owned());
        let choice = |all, options: &[(&str, &str)]| FilterKind::Choice {
            all,
            options: options.iter().copied().map(pair).collect(),
        };
        let states = [("received", "Waiting"), ("processed", "Processed"), ("parked", "Parked")];
        let field = |key, label, value: &str, kind| FilterField { key, label, value: value.to_owned(), kind };
        let known = KINDS.iter().map(|kind| (*kind).to_owned()).collect();
        vec![
            field("source", "Source", &self.source, choice("All sources", &SOURCES)),
            field("kind", "Kind", &self.kind, FilterKind::Text { placeholder: "All kinds", known }),
            field("status", "Status", &self.status, choice("All states", &states)),
            field(
                "call",
                "Call",
                &self.call,
                FilterKind::Text { placeholder: "Any call", known: Vec::new() },
            ),
            field("from", "From (UTC)", &self.from, FilterKind::Moment),
            field("until", "Until (UTC)", &self.until, FilterKind::Moment),
        ]
    }

    /// The same page from another place on; from the newest where `before` is none.
    fn href(&self, before: Option<String>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let given = [
            ("source", &self.source),
            ("kind", &self.kind),
            ("status", &self.status),
            ("call", &self.call),
            ("from", &self.from),
            ("until", &self.until),
        ];
        for (key, value) in given.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(key, value);
        }
        if let Some(before) = before {
            query.append_pair("before", &before);
        }
        let query = query.finish();
        if query.is_empty() { "/dashboard/events".to_owned() } else { format!("/dashboard/events?{query}") }
    }
}

/// A word that some row could hold.
pub fn is_storable(text: &str) -> bool {
    (1..=200).contains(&text.len()) && !text.contains('\0')
}

/// One of the three words for how far an event has come.
pub fn is_status(text: &str) -> bool {
    matches!(text, "received" | "processed" | "parked")
}

/// The list.
pub async fn show(
    mut page: Page,
    query: Result<Query<EventsQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Html<String>, HttpError> {
    let query = query.map(|Query(query)| query).unwrap_or_default();
    let may_ask = page.may_ask().await?;
    let filter = query.filter();
    let found = event_list::list(&mut page.tx, &filter, SHOWN).await?;
    let is_filtered = filter.source.is_some()
        || filter.kind.is_some()
        || filter.status.is_some()
        || filter.call.is_some()
        || filter.from.is_some()
        || filter.until.is_some();
    let is_told = page.said.form == "recover";
    let recover = RecoverForm {
        since: page.said.values.get("since").cloned().unwrap_or_default(),
        error: page.said.errors.first().filter(|_| is_told).map(|error| error.message.clone()),
    };
    let view = EventsView {
        org: page.scope.org,
        now: page.now(),
        filters: query.fields(),
        is_filtered,
        events: found.rows.into_iter().map(event).collect(),
        older_href: found.next.map(|id| query.href(Some(id.to_string()))),
        newest_href: filter.before.map(|_| query.href(None)),
        recover,
        can_configure: page.can_configure(),
        may_ask,
    };
    page.draw("Events", NavItem::Events, || events_page(view)).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct EventQuery {
    payload: String,
}

/// One event.
pub async fn show_one(
    page: Page,
    origin: Origin,
    Path(id): Path<String>,
    Query(query): Query<EventQuery>,
) -> Result<Response, HttpError> {
    let id = id.parse().map_err(|_| HttpError::not_found())?;
    let can_configure = page.can_configure();
    let (tx, frame) = page.split();
    let services = frame.state.services.clone();
    let in_full = query.payload == "full";
    let Opened { row, payload, no_replay } =
        events::open(&services, tx, (&frame.scope, &origin), id, in_full).await?;
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let view = EventView {
        org: frame.scope.org,
        processed_at: row.processed_at.map(millis),
        event: event(row),
        payload: match payload {
            Shown::Emptied => PayloadView::Emptied,
            Shown::Unreadable => PayloadView::Unreadable,
            Shown::Masked(value) => PayloadView::Masked(pretty(&value)),
            Shown::Full(value) => PayloadView::Full(pretty(&value)),
        },
        no_replay,
        can_configure,
    };
    Ok(frame.draw("Event", NavItem::Events, || event_page(view)).into_response())
}

/// An event as pages show it.
pub fn event(row: EventRow) -> view::EventRow {
    view::EventRow {
        id: row.id,
        summary: summary(&row.summary.0),
        status: match row.status.as_str() {
            "processed" => EventStatus::Processed,
            "parked" => EventStatus::Parked,
            _ => EventStatus::Received,
        },
        kind: row.kind,
        source: row.source,
        is_test: row.call_id.as_deref().is_some_and(sample::is_sample),
        call_id: row.call_id,
        attempts: u32::try_from(row.attempts).unwrap_or(0),
        received_at: millis(row.received_at),
        error: row.error,
        trace: trace(&row.trace.0),
    }
}

/// `customer-ended-call · +15***23 · send_sms`, of what is there.
fn summary(value: &Value) -> Option<String> {
    let mut parts: Vec<String> = ["endedReason", "status", "caller"]
        .iter()
        .filter_map(|key| value[*key].as_str())
        .map(str::to_owned)
        .collect();
    parts
        .extend(value["tools"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn trace(value: &Value) -> Vec<TraceStage> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|stage| {
            Some(TraceStage {
                name: stage["stage"].as_str()?.to_owned(),
                offset_us: stage["us"].as_u64().unwrap_or(0),
                note: stage["note"].as_str().map(str::to_owned),
            })
        })
        .collect()
}
