//! Deliveries: calling an endpoint by hand, looking at what came of each try, sending again.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::endpoints::invalid;
use super::integrations::rfc3339;
use super::{Admitted, JsonBody};
use crate::db::deliveries::{DeliveryFilter, DeliveryRow};
use crate::http::error::{HttpError, Problem};
use crate::integrations::endpoints;
use crate::integrations::endpoints::call::{self, CallInput};
use crate::integrations::endpoints::deliveries::{self, OpenedAttempt, Replayed};
use crate::integrations::endpoints::samples;

/// What to send to one endpoint.
#[derive(Deserialize, ToSchema)]
pub struct CallIn {
    /// The whole body, as it is sent.
    #[schema(value_type = Object)]
    pub payload: Value,
    /// Who or what wants it; the caller where it is absent.
    #[serde(default, alias = "triggeredBy")]
    pub triggered_by: Option<String>,
    /// An object, kept with the delivery and not sent.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
}

/// How the call ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallOut {
    pub success: bool,
    /// The status of the last answer; absent where none came.
    pub status: Option<u16>,
    /// The beginning of the last answer: JSON where it is JSON, else text.
    #[schema(value_type = Option<Object>)]
    pub answer: Option<Value>,
    /// What went wrong, for people.
    pub error: Option<String>,
    /// `succeeded`, `timeout`, `refused` and so on.
    pub outcome: &'static str,
    pub attempts: u32,
    pub took_ms: u64,
    pub delivery_id: String,
    /// The `webhook-id` of every try.
    pub event_id: String,
}

/// Sends to one endpoint at once and gives its answer: three tries at most, 15 seconds in all.
#[utoipa::path(post, path = "/api/endpoints/{workflow_name}/call", tag = "endpoints", params(("workflow_name" = String, Path)),
    request_body = CallIn,
    responses((status = 200, body = CallOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn call_endpoint(
    admitted: Admitted,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<CallIn>,
) -> Result<Json<CallOut>, HttpError> {
    let CallIn { payload, triggered_by, metadata } = body;
    let input = CallInput { payload, triggered_by, metadata };
    let called = call::call(&admitted.state.services, &admitted.caller, &name, input).await?;
    let answer = (!called.answer.body.is_empty()).then(|| {
        let text = String::from_utf8_lossy(&called.answer.body).into_owned();
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    });
    Ok(Json(CallOut {
        success: called.succeeded,
        status: called.answer.status,
        answer,
        error: called.answer.error,
        outcome: called.answer.outcome.as_str(),
        attempts: called.attempts,
        took_ms: called.millis,
        delivery_id: called.delivery.to_string(),
        event_id: called.event.to_string(),
    }))
}

/// A kind of event to send a sample of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleIn {
    pub kind: String,
}

/// A delivery that was put into the queue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuedOut {
    pub delivery_id: String,
}

/// Sends a sample of a kind of event, on the way of a real one.
#[utoipa::path(post, path = "/api/endpoints/{workflow_name}/test", tag = "endpoints", params(("workflow_name" = String, Path)),
    request_body = SampleIn,
    responses((status = 200, body = QueuedOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn send_sample(
    admitted: Admitted,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<SampleIn>,
) -> Result<Json<QueuedOut>, HttpError> {
    let id = samples::send_to_one(&admitted.state.services, &admitted.caller, &name, &body.kind).await?;
    Ok(Json(QueuedOut { delivery_id: id.to_string() }))
}

/// One event for one endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryOut {
    pub id: String,
    /// The `webhook-id` of every try.
    pub event_id: String,
    pub endpoint_id: String,
    pub workflow_name: String,
    pub kind: String,
    /// `event`, `call` or `test`.
    pub cause: String,
    /// `pending`, `succeeded`, `dead` (every try failed) or `parked` (the endpoint is off or gone).
    pub status: String,
    pub attempts: i32,
    pub next_attempt_at: Option<String>,
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    pub triggered_by: String,
    pub created_at: String,
    pub finished_at: Option<String>,
}

fn out(row: DeliveryRow) -> DeliveryOut {
    DeliveryOut {
        id: row.id.to_string(),
        event_id: row.event_id.to_string(),
        endpoint_id: row.endpoint_id.to_string(),
        workflow_name: row.workflow_name,
        kind: row.kind,
        cause: row.cause,
        status: row.status,
        attempts: row.attempts,
        next_attempt_at: row.next_attempt_at.map(rfc3339),
        last_status: row.last_status,
        last_error: row.last_error,
        triggered_by: row.triggered_by,
        created_at: rfc3339(row.created_at),
        finished_at: row.finished_at.map(rfc3339),
    }
}

/// Which deliveries.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    pub workflow_name: Option<String>,
    /// `pending`, `succeeded`, `dead` or `parked`.
    pub status: Option<String>,
    /// Not before this time, RFC 3339.
    pub since: Option<String>,
    /// Before this time, RFC 3339.
    pub until: Option<String>,
    /// The id of the last one of the page before.
    pub before: Option<String>,
    /// 1 to 500; 100 unless said otherwise.
    pub limit: Option<i64>,
}

/// Deliveries, the newest first.
#[derive(Serialize, ToSchema)]
pub struct DeliveriesOut {
    pub deliveries: Vec<DeliveryOut>,
}

/// Lists deliveries, the newest first.
#[utoipa::path(get, path = "/api/deliveries", tag = "deliveries", params(DeliveryQuery),
    responses((status = 200, body = DeliveriesOut), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn list(
    admitted: Admitted,
    query: Result<Query<DeliveryQuery>, QueryRejection>,
) -> Result<Json<DeliveriesOut>, HttpError> {
    let Query(query) = query.map_err(|_| invalid("limit", "Give a number from 1 to 500."))?;
    let (services, caller) = (&admitted.state.services, &admitted.caller);
    if query.status.as_deref().is_some_and(|word| !["pending", "succeeded", "dead", "parked"].contains(&word))
    {
        return Err(invalid("status", "Use pending, succeeded, dead or parked."));
    }
    let endpoint = match &query.workflow_name {
        Some(name) => Some(endpoints::find(services, caller, name).await?.row.id),
        None => None,
    };
    let before = match query.before.as_deref().map(str::parse::<Uuid>) {
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => return Err(invalid("before", "Give the id of a delivery.")),
        None => None,
    };
    let filter = DeliveryFilter {
        endpoint,
        status: query.status,
        since: time_of("since", query.since.as_deref())?,
        until: time_of("until", query.until.as_deref())?,
        before,
        limit: query.limit.unwrap_or(100),
    };
    let rows = deliveries::list(services, caller, filter).await?;
    Ok(Json(DeliveriesOut { deliveries: rows.into_iter().map(out).collect() }))
}

fn time_of(field: &str, text: Option<&str>) -> Result<Option<OffsetDateTime>, HttpError> {
    let parsed = text.map(|text| OffsetDateTime::parse(text, &Rfc3339)).transpose();
    parsed.map_err(|_| invalid(field, "Give a time such as 2026-03-02T09:00:00Z."))
}

/// One try.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptOut {
    pub id: String,
    pub number: i32,
    pub outcome: String,
    pub status: Option<i32>,
    pub took_ms: i32,
    pub error: Option<String>,
    /// Secrets among them are hidden.
    #[schema(value_type = Object)]
    pub request_headers: Value,
    #[schema(value_type = Object)]
    pub response_headers: Value,
    /// The beginning of what was answered; for owners and admins.
    pub answer: Option<String>,
    pub attempted_at: String,
}

fn attempt(opened: OpenedAttempt) -> AttemptOut {
    let OpenedAttempt { row, answer } = opened;
    AttemptOut {
        id: row.id.to_string(),
        number: row.number,
        outcome: row.outcome,
        status: row.status_code,
        took_ms: row.millis,
        error: row.error,
        request_headers: row.request_headers.0,
        response_headers: row.response_headers.0,
        answer,
        attempted_at: rfc3339(row.attempted_at),
    }
}

/// A delivery with its tries. What was sent and answered is for owners and admins.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryDetailOut {
    #[serde(flatten)]
    pub delivery: DeliveryOut,
    /// What is sent; absent once the clinic's retention has emptied it.
    #[schema(value_type = Option<Object>)]
    pub payload: Option<Value>,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
    pub tries: Vec<AttemptOut>,
}

/// Shows one delivery with every try.
#[utoipa::path(get, path = "/api/deliveries/{id}", tag = "deliveries", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = DeliveryDetailOut), (status = 404, body = Problem)))]
pub async fn show(admitted: Admitted, Path(id): Path<String>) -> Result<Json<DeliveryDetailOut>, HttpError> {
    let id: Uuid = id.parse().map_err(|_| HttpError::not_found())?;
    let opened = deliveries::open(&admitted.state.services, &admitted.caller, id).await?;
    let payload = opened.payload.as_ref().map(deliveries::json_of);
    Ok(Json(DeliveryDetailOut {
        delivery: out(opened.delivery),
        payload,
        metadata: opened.payload.map(|payload| payload.metadata),
        tries: opened.attempts.into_iter().map(attempt).collect(),
    }))
}

/// What becomes of a replay.
#[derive(Serialize, ToSchema)]
pub struct ReplayedOut {
    /// Deliveries that go out again.
    pub replayed: u64,
}

/// Sends one delivery again, under the same id.
#[utoipa::path(post, path = "/api/deliveries/{id}/replay", tag = "deliveries", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = ReplayedOut), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn replay(admitted: Admitted, Path(id): Path<String>) -> Result<Json<ReplayedOut>, HttpError> {
    let id: Uuid = id.parse().map_err(|_| HttpError::not_found())?;
    match deliveries::replay_one(&admitted.state.services, &admitted.caller, id).await? {
        Replayed::Queued => Ok(Json(ReplayedOut { replayed: 1 })),
        Replayed::Waits => Ok(Json(ReplayedOut { replayed: 0 })),
        Replayed::CanNot => Err(HttpError::new(
            axum::http::StatusCode::CONFLICT,
            "not_replayable",
            "This can not be sent again: its endpoint is switched off or gone, or what was sent is older than the clinic keeps it.",
        )),
    }
}

/// Which failed deliveries go out again.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayIn {
    /// Of one endpoint; of all without it.
    #[serde(default)]
    pub workflow_name: Option<String>,
    /// Those that were made since this time, RFC 3339.
    #[serde(default)]
    pub since: Option<String>,
}

/// Sends everything again that is dead or parked: up to 10,000 deliveries.
#[utoipa::path(post, path = "/api/deliveries/replay", tag = "deliveries", request_body = ReplayIn,
    responses((status = 200, body = ReplayedOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn replay_failed(
    admitted: Admitted,
    JsonBody(body): JsonBody<ReplayIn>,
) -> Result<Json<ReplayedOut>, HttpError> {
    let since = time_of("since", body.since.as_deref())?;
    let (services, caller) = (&admitted.state.services, &admitted.caller);
    let replayed = deliveries::replay_failed(services, caller, body.workflow_name.as_deref(), since).await?;
    Ok(Json(ReplayedOut { replayed }))
}
