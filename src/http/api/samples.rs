//! Samples of events out, and the way of an event stage by stage.

use axum::Json;
use axum::extract::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::integrations::rfc3339;
use super::{Admitted, JsonBody};
use crate::db::DbError;
use crate::http::error::{HttpError, Problem};
use crate::http::event_test;
use crate::integrations::endpoints::samples::To;
use crate::integrations::endpoints::trace::{self, Stage, Step, Trace, Way};

/// What to send a sample of, and to whom.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SampleOutIn {
    /// A kind of event: `appointment.booked`.
    pub kind: String,
    /// One endpoint; without it all that are switched on and listen.
    pub workflow_name: Option<String>,
}

/// A stage of a way.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageOut {
    /// `stored`, `queued`, `claimed`, `sent`, `answered`, `failed`, `waiting`, `dead` or `parked`.
    pub stage: &'static str,
    /// When it was reached; of `waiting`, when it goes on.
    pub at: String,
    /// The status of an answer.
    pub status: Option<u16>,
    /// How long an answer took.
    pub took_ms: Option<u32>,
    /// Why it failed or was parked.
    pub reason: Option<String>,
}

impl From<Stage> for StageOut {
    fn from(stage: Stage) -> Self {
        let word = stage.step.as_str();
        let (status, took_ms, reason) = match stage.step {
            Step::Answered { status, millis } => (status, Some(millis), None),
            Step::Failed { outcome, status, millis, why } => (status, Some(millis), why.or(Some(outcome))),
            Step::Parked { why } => (None, None, why),
            _ => (None, None, None),
        };
        Self { stage: word, at: rfc3339(stage.at), status, took_ms, reason }
    }
}

/// The way to one endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WayOut {
    pub delivery_id: String,
    pub workflow_name: String,
    /// `pending`, `succeeded`, `dead` or `parked`.
    pub status: String,
    pub stages: Vec<StageOut>,
}

/// An event out with its way to each endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraceOut {
    /// The `webhook-id` of every try.
    pub event_id: String,
    pub kind: String,
    pub is_test: bool,
    pub deliveries: Vec<WayOut>,
}

impl From<Trace> for TraceOut {
    fn from(trace: Trace) -> Self {
        Self {
            is_test: trace.is_test(),
            event_id: trace.event.id.to_string(),
            kind: trace.event.kind,
            deliveries: trace.ways.into_iter().map(WayOut::from).collect(),
        }
    }
}

impl From<Way> for WayOut {
    fn from(way: Way) -> Self {
        Self {
            delivery_id: way.delivery.id.to_string(),
            workflow_name: way.delivery.workflow_name,
            status: way.delivery.status,
            stages: way.stages.into_iter().map(StageOut::from).collect(),
        }
    }
}

/// Sends a sample of a kind of event through the queue, marked as a test: to one endpoint, or to all that
/// listen.
#[utoipa::path(post, path = "/api/deliveries/test", tag = "endpoints", request_body = SampleOutIn,
    responses((status = 200, body = TraceOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
pub async fn send(
    admitted: Admitted,
    JsonBody(body): JsonBody<SampleOutIn>,
) -> Result<Json<TraceOut>, HttpError> {
    let to = body.workflow_name.as_deref().map_or(To::AllThatListen, To::One);
    let sampled = event_test::send_out(&admitted.state, &admitted.caller, to, &body.kind).await?;
    read(&admitted, sampled.event).await
}

/// The way of an event out, by its `webhook-id`.
#[utoipa::path(get, path = "/api/deliveries/events/{id}", tag = "endpoints", params(("id" = String, Path)),
    responses((status = 200, body = TraceOut), (status = 404, body = Problem)))]
pub async fn show(admitted: Admitted, Path(id): Path<String>) -> Result<Json<TraceOut>, HttpError> {
    read(&admitted, id.parse().map_err(|_| HttpError::not_found())?).await
}

async fn read(admitted: &Admitted, event: Uuid) -> Result<Json<TraceOut>, HttpError> {
    let mut tx = admitted.caller.begin(&admitted.state.services).await?;
    let trace = trace::find(&mut tx, event).await?.ok_or(DbError::NotFound)?;
    tx.commit().await?;
    Ok(Json(TraceOut::from(trace)))
}
