//! Calls: a list, and one with what happened in it.

use axum::Json;
use axum::extract::{Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Admitted;
use super::integrations::rfc3339;
use crate::calls::ended_reasons;
use crate::calls::history::{self, Asked};
use crate::db::calls::{self, CallRow, Moment};
use crate::db::{DbError, leads};
use crate::http::error::{HttpError, Problem};

/// Calls on one page.
const SHOWN: i64 = 100;

/// Which calls.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct CallsQuery {
    /// A day (`2026-03-01`, by the clinic's clock) or a moment.
    from: Option<String>,
    /// The last day, or the moment at which it ends.
    until: Option<String>,
    /// `booked`, `rescheduled`, `cancelled`, `message_taken`, `transferred`, `answered`, `abandoned`,
    /// `no_answer`, `voicemail`, `failed`.
    outcome: Option<String>,
    /// `true`: calls of hot leads only.
    hot: Option<String>,
    /// `next` of the page before.
    before: Option<String>,
}

/// A call. The number is masked; nothing that was said.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallOut {
    pub id: String,
    /// Vapi's id.
    pub call_id: String,
    /// `inbound`, `outbound`, `web`, `talk` (an agent tried out from the browser) or `unknown`.
    pub direction: String,
    /// The role of the assistant that spoke.
    pub assistant: Option<String>,
    /// `in_progress` or `ended`.
    pub status: String,
    pub caller: Option<String>,
    pub started_at: String,
    pub ended_at: Option<String>,
    pub duration_seconds: Option<i32>,
    /// Vapi's word.
    pub ended_reason: Option<String>,
    /// The same in a sentence.
    pub ended_reason_text: Option<String>,
    /// US dollars.
    pub cost: Option<f64>,
    pub outcome: Option<String>,
    pub lead_id: Option<String>,
    pub lead_score: Option<i32>,
    pub is_hot: bool,
    /// Owners and admins can open what was said.
    pub has_summary: bool,
}

impl From<CallRow> for CallOut {
    fn from(row: CallRow) -> Self {
        Self {
            id: row.id.to_string(),
            call_id: row.call_id,
            direction: row.direction,
            assistant: row.role,
            status: row.status,
            caller: row.caller_mask,
            started_at: rfc3339(row.started_at),
            ended_at: row.ended_at.map(rfc3339),
            duration_seconds: row.duration_seconds,
            ended_reason_text: row.ended_reason.as_deref().map(ended_reasons::words),
            ended_reason: row.ended_reason,
            cost: row.cost,
            outcome: row.outcome,
            lead_id: row.lead_id.map(|id| id.to_string()),
            lead_score: row.lead_score,
            is_hot: row.is_hot,
            has_summary: row.has_summary && row.emptied_at.is_none(),
        }
    }
}

/// Newest first, 100 at most.
#[derive(Serialize, ToSchema)]
pub struct CallsOut {
    pub calls: Vec<CallOut>,
    /// Ask for the next page with `before` set to this.
    pub next: Option<String>,
}

/// Lists calls.
#[utoipa::path(get, path = "/api/calls", tag = "calls", params(CallsQuery),
    responses((status = 200, body = CallsOut), (status = 422, body = Problem)))]
pub async fn list(admitted: Admitted, Query(query): Query<CallsQuery>) -> Result<Json<CallsOut>, HttpError> {
    let CallsQuery { from, until, outcome, hot, before } = query;
    let mut tx = admitted.caller.begin(&admitted.state.services).await?;
    let listed = history::list(&mut tx, &Asked { from, until, outcome, hot, before }, SHOWN).await?;
    tx.commit().await?;
    let calls = listed.calls.into_iter().map(CallOut::from).collect();
    Ok(Json(CallsOut { calls, next: listed.next }))
}

/// What of a call is to be opened.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OpenQuery {
    /// `details` opens number, summary and extracted data, for owners and admins; it is recorded.
    include: Option<String>,
}

/// Something that happened in a call, or because of it.
#[derive(Serialize, ToSchema)]
pub struct MomentOut {
    pub at: String,
    /// `tool`, `message` or `alert`.
    pub kind: String,
    /// The tool; the purpose of a message; the channel of an alert.
    pub name: String,
    pub status: String,
    pub note: Option<String>,
}

impl From<Moment> for MomentOut {
    fn from(moment: Moment) -> Self {
        let Moment { at, kind, name, status, note } = moment;
        Self { at: rfc3339(at), kind, name, status, note: note.filter(|note| !note.is_empty()) }
    }
}

/// The lead that a call belongs to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadOut {
    pub id: String,
    /// The highest of its calls.
    pub score: i32,
    #[schema(value_type = Vec<Object>)]
    pub reasons: Value,
    pub calls: i32,
    pub hot_at: Option<String>,
}

/// What was said, as far as it is kept.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DetailsOut {
    pub number: Option<String>,
    pub name: Option<String>,
    pub summary: String,
    #[schema(value_type = Object)]
    pub structured_data: Value,
    pub success_evaluation: Option<String>,
}

/// A call with what happened in it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OneCallOut {
    #[serde(flatten)]
    pub call: CallOut,
    /// Reasons of this call's score.
    #[schema(value_type = Vec<Object>)]
    pub lead_reasons: Value,
    pub lead: Option<LeadOut>,
    pub timeline: Vec<MomentOut>,
    /// Only where it was asked for, and is kept still.
    pub details: Option<DetailsOut>,
}

/// Shows a call, by our id or by Vapi's.
#[utoipa::path(get, path = "/api/calls/{id}", tag = "calls", params(("id" = String, Path), OpenQuery),
    responses((status = 200, body = OneCallOut), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn show(
    admitted: Admitted,
    Path(id): Path<String>,
    Query(query): Query<OpenQuery>,
) -> Result<Json<OneCallOut>, HttpError> {
    let services = &admitted.state.services;
    let mut tx = admitted.caller.begin(services).await?;
    let row = calls::find(&mut tx, &id).await?.ok_or(DbError::NotFound)?;
    let moments = calls::list_moments(&mut tx, &row.call_id, row.lead_id).await?;
    let lead = match row.lead_id {
        Some(lead) => leads::find(&mut tx, lead).await?,
        None => None,
    };
    tx.commit().await?;
    let details = if query.include.as_deref() == Some("details") {
        history::open(services, &admitted.caller, &id).await?
    } else {
        None
    };
    Ok(Json(OneCallOut {
        lead_reasons: row.lead_reasons.0.clone(),
        call: row.into(),
        lead: lead.map(|lead| LeadOut {
            id: lead.id.to_string(),
            score: lead.score,
            reasons: lead.reasons.0,
            calls: lead.calls,
            hot_at: lead.hot_at.map(rfc3339),
        }),
        timeline: moments.into_iter().map(MomentOut::from).collect(),
        details: details.map(|details| DetailsOut {
            number: details.number,
            name: details.name,
            summary: details.summary,
            structured_data: details.structured_data,
            success_evaluation: details.success_evaluation,
        }),
    }))
}
