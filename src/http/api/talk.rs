//! Calls with an agent from the browser.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Admitted;
use crate::calls::talk;
use crate::http::error::{HttpError, Problem};

/// A call that waits for whoever opens its address.
#[derive(Serialize, ToSchema)]
pub struct TalkOut {
    /// Vapi's id.
    pub call_id: String,
    /// A WebSocket of Vapi's: binary frames are sound in both directions, text frames are JSON. It lets
    /// whoever has it into this one call.
    pub url: String,
    /// Samples a second of the sound: 16-bit signed little-endian, one channel.
    pub sample_rate: u32,
}

/// Starts a call with the agent of a role, `inbound` or `outbound`, for a browser to take part in.
#[utoipa::path(post, path = "/api/agents/{role}/talk", tag = "agents", params(("role" = String, Path)),
    responses((status = 201, body = TalkOut), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 429, body = Problem), (status = 502, body = Problem)))]
pub async fn start(
    admitted: Admitted,
    Path(role): Path<String>,
) -> Result<(StatusCode, Json<TalkOut>), HttpError> {
    let talk = talk::start(&admitted.state.services, &admitted.caller, &role).await?;
    let out =
        TalkOut { call_id: talk.call_id.to_string(), url: talk.url.into(), sample_rate: talk.sample_rate };
    Ok((StatusCode::CREATED, Json(out)))
}
