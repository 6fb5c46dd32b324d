//! `/dashboard/webhooks/events/{id}`: one event out and its way to each endpoint.

use axum::extract::Path;
use axum::response::Html;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app::NavItem;
use crate::app::pages::webhooks::told::{StageLine, ToldView, WayView, told_page};
use crate::domain::card::Meaning;
use crate::http::error::HttpError;
use crate::http::pages::{Page, millis};
use crate::integrations::endpoints::trace::{self, Stage, Step, Way};

/// `GET /dashboard/webhooks/events/{id}`
pub async fn show(mut page: Page, Path(id): Path<String>) -> Result<Html<String>, HttpError> {
    let id: Uuid = id.parse().map_err(|_| HttpError::not_found())?;
    let trace = trace::find(&mut page.tx, id).await?.ok_or_else(HttpError::not_found)?;
    let is_test = trace.is_test();
    let stored_at = trace.event.created_at;
    let view = ToldView {
        org: page.scope.org,
        event: trace.event.id,
        kind: trace.event.kind,
        is_test,
        triggered_by: trace.event.triggered_by,
        at: millis(stored_at),
        call_id: trace.event.call_id,
        ways: trace.ways.into_iter().map(|way| way_view(way, stored_at)).collect(),
    };
    page.draw("Event", NavItem::Webhooks, || told_page(view)).await
}

fn way_view(way: Way, stored_at: OffsetDateTime) -> WayView {
    WayView {
        delivery: way.delivery.id,
        endpoint: way.delivery.workflow_name,
        status: way.delivery.status,
        stages: way.stages.into_iter().map(|stage| line(stage, stored_at)).collect(),
    }
}

fn line(stage: Stage, stored_at: OffsetDateTime) -> StageLine {
    let is_to_come = stage.step == Step::Waiting;
    let (what, meaning, note) = match stage.step {
        Step::Stored => ("Stored".to_owned(), Meaning::Unknown, None),
        Step::Queued => ("Queued".to_owned(), Meaning::Unknown, None),
        Step::Claimed => ("Taken by a worker".to_owned(), Meaning::Unknown, None),
        Step::Sent { number } => (format!("Sent, try {number}"), Meaning::Unknown, None),
        Step::Answered { status, millis } => {
            let what =
                status.map_or_else(|| "Written".to_owned(), |status| format!("Answered with {status}"));
            (what, Meaning::Works, Some(format!("The answer took {millis} ms.")))
        }
        Step::Failed { status: Some(status), millis, why, .. } => {
            let note = why.unwrap_or_else(|| format!("The answer took {millis} ms."));
            (format!("Answered with {status}"), Meaning::Broken, Some(note))
        }
        Step::Failed { outcome, why, .. } => {
            ("Not answered".to_owned(), Meaning::Broken, Some(why.unwrap_or(outcome)))
        }
        Step::Waiting => ("Waits for its next try".to_owned(), Meaning::Attention, None),
        Step::Dead => ("Given up".to_owned(), Meaning::Broken, Some("Every try has failed.".to_owned())),
        Step::Parked { why } => ("Parked".to_owned(), Meaning::Attention, why),
    };
    let after = (stage.at - stored_at).as_seconds_f64() * 1000.0;
    StageLine {
        what,
        meaning,
        note,
        at: millis(stage.at),
        after_millis: (!is_to_come).then_some(after.max(0.0)),
    }
}
