//! Reading the inbox and the trail, and putting events back to work.

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::integrations::rfc3339;
use super::{Admitted, JsonBody};
use crate::calls::events::{self, Replayed, Shown};
use crate::db::audit;
use crate::db::event_list::{self, EventFilter};
use crate::db::inbound::EventRow;
use crate::domain::{EventId, sample};
use crate::http::error::{FieldError, HttpError, Problem};
use crate::http::forms::events::since_error;
use crate::http::moment;
use crate::http::pages::events::{is_status, is_storable};
use crate::webhooks::dedupe;

/// One verified event. The payload stays sealed; the summary masks numbers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventOut {
    pub id: String,
    pub source: String,
    pub kind: String,
    pub call_id: Option<String>,
    /// `received`, `processed` or `parked`.
    pub status: String,
    pub received_at: String,
    pub processed_at: Option<String>,
    pub attempts: i32,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// Sent by the clinic itself, as a test.
    pub is_test: bool,
    #[schema(value_type = Object)]
    pub summary: Value,
    /// Stages with their times in microseconds.
    #[schema(value_type = Vec<Object>)]
    pub trace: Value,
}

impl From<EventRow> for EventOut {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.id.to_string(),
            source: row.source,
            kind: row.kind,
            is_test: row.call_id.as_deref().is_some_and(sample::is_sample),
            call_id: row.call_id,
            status: row.status,
            received_at: rfc3339(row.received_at),
            processed_at: row.processed_at.map(rfc3339),
            attempts: row.attempts,
            error: row.error,
            summary: row.summary.0,
            trace: row.trace.0,
        }
    }
}

/// Events, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventsOut {
    pub events: Vec<EventOut>,
    /// What `before` is to be for the events after these; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which events. All parts may be absent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct EventsIn {
    /// `vapi`, `whatsapp`.
    pub source: Option<String>,
    /// The provider's word: `end-of-call-report`.
    pub kind: Option<String>,
    /// `received`, `processed` or `parked`.
    pub status: Option<String>,
    /// The provider's id of a call.
    #[serde(rename = "callId")]
    pub call_id: Option<String>,
    /// Received at this moment or later, RFC 3339.
    pub from: Option<String>,
    /// Received before this moment.
    pub until: Option<String>,
    /// Older than this event: `next` of the page before.
    pub before: Option<String>,
    /// 1 to 200; 100 unless said otherwise.
    pub limit: Option<String>,
}

impl EventsIn {
    fn read(self) -> Result<(EventFilter, usize), HttpError> {
        let mut wrong = Vec::new();
        let mut complain = |field: &str, message: &str| {
            wrong.push(FieldError { field: field.to_owned(), message: message.to_owned() });
        };
        for (field, text) in [("source", &self.source), ("kind", &self.kind), ("callId", &self.call_id)] {
            if text.as_deref().is_some_and(|text| !is_storable(text)) {
                complain(field, "Between 1 and 200 characters.");
            }
        }
        if self.status.as_deref().is_some_and(|status| !is_status(status)) {
            complain("status", "Use received, processed or parked.");
        }
        let mut at = |field: &str, text: Option<String>| {
            let at = text.as_deref().map(moment::parse);
            if at == Some(None) {
                complain(field, "Use RFC 3339, such as 2026-01-05T08:00:00Z.");
            }
            at.flatten()
        };
        let (from, until) = (at("from", self.from), at("until", self.until));
        let before: Option<Result<EventId, _>> = self.before.as_deref().map(str::parse);
        if matches!(before, Some(Err(_))) {
            complain("before", "Use the id of an event.");
        }
        let limit = self.limit.as_deref().map(str::parse::<usize>);
        let limit = limit.unwrap_or(Ok(100)).ok().filter(|limit| (1..=200).contains(limit));
        if limit.is_none() {
            complain("limit", "Between 1 and 200.");
        }
        if !wrong.is_empty() {
            return Err(HttpError::invalid(
                "invalid_fields",
                "A filter is not one that this list has.",
                wrong,
            ));
        }
        let filter = EventFilter {
            source: self.source,
            kind: self.kind,
            status: self.status,
            call: self.call_id.map(dedupe::with_half),
            from,
            until,
            before: before.and_then(Result::ok),
        };
        Ok((filter, limit.unwrap_or(100)))
    }
}

/// Lists verified webhooks of the clinic, newest first.
#[utoipa::path(get, path = "/api/events", tag = "events", params(EventsIn),
    responses((status = 200, body = EventsOut), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub async fn list(admitted: Admitted, Query(query): Query<EventsIn>) -> Result<Json<EventsOut>, HttpError> {
    let (filter, limit) = query.read()?;
    let mut tx = admitted.caller.begin(&admitted.state.services).await?;
    let found = event_list::list(&mut tx, &filter, limit).await?;
    tx.commit().await?;
    let next = found.next.map(|id| id.to_string());
    Ok(Json(EventsOut { events: found.rows.into_iter().map(EventOut::from).collect(), next }))
}

/// One event with what it brought.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventDetailOut {
    #[serde(flatten)]
    pub event: EventOut,
    /// The message, cleaned; null where nothing of it can be shown.
    #[schema(value_type = Object)]
    pub payload: Value,
    /// `masked`, `full`, `emptied` or `unreadable`.
    pub payload_state: String,
    /// Why it is not run again; null where it may be.
    pub not_replayable: Option<String>,
}

/// What of the payload is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct EventIn {
    /// `full`: as it came, without secrets. For owners and admins, and recorded.
    pub payload: String,
}

/// Shows one event. Names, numbers and words of patients are masked unless `payload=full` is asked for.
#[utoipa::path(get, path = "/api/events/{id}", tag = "events", params(("id" = String, Path), EventIn),
    responses((status = 200, body = EventDetailOut), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn show(
    admitted: Admitted,
    Path(id): Path<String>,
    Query(query): Query<EventIn>,
) -> Result<Json<EventDetailOut>, HttpError> {
    let id = id.parse().map_err(|_| HttpError::not_found())?;
    let Admitted { state, caller } = &admitted;
    let tx = caller.begin(&state.services).await?;
    let reader = (&caller.scope, &caller.origin);
    let opened = events::open(&state.services, tx, reader, id, query.payload == "full").await?;
    let (payload_state, payload) = match opened.payload {
        Shown::Emptied => ("emptied", Value::Null),
        Shown::Unreadable => ("unreadable", Value::Null),
        Shown::Masked(value) => ("masked", value),
        Shown::Full(value) => ("full", value),
    };
    Ok(Json(EventDetailOut {
        event: opened.row.into(),
        payload,
        payload_state: payload_state.to_owned(),
        not_replayable: opened.no_replay,
    }))
}

/// What became of a replay.
#[derive(Serialize, ToSchema)]
pub struct ReplayOut {
    pub id: String,
    /// `due`: the workers have it; `waiting`: they had it already.
    pub status: String,
}

/// Runs the handler of an event again. Each event has its effect once; what was answered while the
/// caller waited is never run again.
#[utoipa::path(post, path = "/api/events/{id}/replay", tag = "events", params(("id" = String, Path)),
    responses((status = 202, body = ReplayOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn replay(
    admitted: Admitted,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<ReplayOut>), HttpError> {
    let event: EventId = id.parse().map_err(|_| HttpError::not_found())?;
    let status = match events::replay(&admitted.state.services, &admitted.caller, event).await? {
        Replayed::Due => "due",
        Replayed::Waiting => "waiting",
    };
    Ok((StatusCode::ACCEPTED, Json(ReplayOut { id: event.to_string(), status: status.to_owned() })))
}

/// Since when.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoverIn {
    /// RFC 3339: `2026-01-05T08:00:00Z`.
    pub since: String,
}

/// What became of a recovery.
#[derive(Serialize, ToSchema)]
pub struct RecoverOut {
    /// Events that the workers have again.
    pub recovered: u64,
    /// Events that stay parked: answered while the caller waited, emptied, or more than one recovery takes.
    pub left: i64,
}

/// Gives every parked event that was received since a moment back to the workers.
#[utoipa::path(post, path = "/api/events/recover", tag = "events", request_body = RecoverIn,
    responses((status = 202, body = RecoverOut), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn recover(
    admitted: Admitted,
    JsonBody(body): JsonBody<RecoverIn>,
) -> Result<(StatusCode, Json<RecoverOut>), HttpError> {
    let since = moment::parse(&body.since).ok_or_else(since_error)?;
    let done = events::recover(&admitted.state.services, &admitted.caller, since).await?;
    Ok((StatusCode::ACCEPTED, Json(RecoverOut { recovered: done.recovered, left: done.left })))
}

/// One row of the trail.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditOut {
    pub seq: i64,
    pub at: String,
    pub actor: String,
    pub action: String,
    pub target: String,
    /// `success`, `failure` or `denied`.
    pub outcome: String,
    pub request_id: Option<String>,
    pub details: String,
}

/// The newest 200 rows.
#[derive(Serialize, ToSchema)]
pub struct AuditsOut {
    pub rows: Vec<AuditOut>,
}

/// Lists the newest rows of the clinic's audit trail.
#[utoipa::path(get, path = "/api/audit", tag = "audit", responses((status = 200, body = AuditsOut), (status = 401, body = Problem)))]
pub async fn list_audit(admitted: Admitted) -> Result<Json<AuditsOut>, HttpError> {
    let mut tx = admitted.caller.begin(&admitted.state.services).await?;
    let rows = audit::list(&mut tx, 200).await?;
    tx.commit().await?;
    let rows = rows
        .into_iter()
        .map(|row| AuditOut {
            seq: row.seq,
            at: rfc3339(row.at),
            actor: row.actor,
            action: row.action,
            target: row.target,
            outcome: row.outcome,
            request_id: row.request_id,
            details: row.details,
        })
        .collect();
    Ok(Json(AuditsOut { rows }))
}
