//! `/dashboard/events`: the inbox of verified webhooks, each with its trace.

use axum::response::Html;
use serde_json::Value;

use super::{Page, millis};
use crate::app::NavItem;
use crate::app::pages::events::{self as view, EventStatus, EventsView, TraceStage, events_page};
use crate::db::inbound::{self, EventRow};
use crate::http::error::HttpError;

/// Events on one page.
const SHOWN: i64 = 100;

/// The page.
pub async fn show(mut page: Page) -> Result<Html<String>, HttpError> {
    let rows = inbound::list(&mut page.tx, SHOWN).await?;
    let view =
        EventsView { now: page.now(), events: rows.into_iter().map(event).collect(), older_href: None };
    page.draw("Events", NavItem::Events, || events_page(view)).await
}

fn event(row: EventRow) -> view::EventRow {
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
