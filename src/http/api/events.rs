//! Reading the inbox and the trail.

use axum::Json;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Admitted;
use super::integrations::rfc3339;
use crate::db::{audit, inbound};
use crate::http::error::{HttpError, Problem};

/// One verified event. Payloads stay sealed; the summary masks numbers.
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
    #[schema(value_type = Object)]
    pub summary: Value,
    /// Stages with their times in microseconds.
    #[schema(value_type = Vec<Object>)]
    pub trace: Value,
}

/// The newest 100 events.
#[derive(Serialize, ToSchema)]
pub struct EventsOut {
    pub events: Vec<EventOut>,
}

/// Lists the newest verified webhooks of the clinic.
#[utoipa::path(get, path = "/api/events", tag = "events", responses((status = 200, body = EventsOut), (status = 401, body = Problem)))]
pub async fn list(admitted: Admitted) -> Result<Json<EventsOut>, HttpError> {
    let mut tx = admitted.caller.begin(&admitted.state.services).await?;
    let rows = inbound::list(&mut tx, 100).await?;
    tx.commit().await?;
    let events = rows
        .into_iter()
        .map(|row| EventOut {
            id: row.id.to_string(),
            source: row.source,
            kind: row.kind,
            call_id: row.call_id,
            status: row.status,
            received_at: rfc3339(row.received_at),
            summary: row.summary.0,
            trace: row.trace.0,
        })
        .collect();
    Ok(Json(EventsOut { events }))
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
