//! A test message through the webhook's own route.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::events::EventOut;
use super::{Admitted, JsonBody};
use crate::http::error::{HttpError, Problem};
use crate::http::event_test;

/// What to send.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestIn {
    /// Any type of Vapi's server messages: `end-of-call-report`.
    pub kind: String,
    /// In earnest: tools have their effects, people are alerted. Otherwise nobody outside is reached.
    #[serde(default)]
    pub loud: bool,
    /// The caller's number; needed in earnest.
    #[serde(default)]
    pub number: String,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestOut {
    /// The status that Vapi would have got.
    pub status: u16,
    /// From the request to the answer.
    pub took_us: u64,
    /// The body of the answer.
    pub answer: String,
    /// The event, with its stages so far; null where it was not stored.
    pub event: Option<EventOut>,
}

/// Sends a signed sample of a message of Vapi through the webhook's own route, and shows each stage.
#[utoipa::path(post, path = "/api/events/test", tag = "events", request_body = TestIn,
    responses((status = 200, body = TestOut), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
pub async fn send_test(
    admitted: Admitted,
    JsonBody(body): JsonBody<TestIn>,
) -> Result<Json<TestOut>, HttpError> {
    let ask = event_test::read(&body.kind, body.loud, &body.number)?;
    let tested = event_test::send(&admitted.state, &admitted.caller, &ask).await?;
    let event_test::Tested { status, took_us, answer, event, .. } = tested;
    Ok(Json(TestOut { status, took_us, answer, event: event.map(EventOut::from) }))
}
