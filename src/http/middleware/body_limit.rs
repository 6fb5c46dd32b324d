//! The body of a form or of a call of the interface: whole, not too long, and in time.
//!
//! One that says it is too long is read away before it is refused, so that the sender hears why: a server
//! that answers without reading has to close the connection, and a sender that is still writing then sees a
//! broken connection instead of the answer. What is read away is bounded, in bytes and in time; who sends
//! more than that gets the broken connection.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use crate::http::error::HttpError;
use crate::state::AppState;

/// The largest body of forms and of the interface, in bytes.
pub const LIMIT: usize = 64 * 1024;
/// What is read of a longer one, and for how long.
const READ_AWAY: usize = 4 * 1024 * 1024;
const READ_TIME: Duration = Duration::from_secs(2);

/// Reads the body before anything else happens: what waits for a slow sender holds nothing but its place.
pub async fn take_whole(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let claimed = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let (parts, body) = request.into_parts();
    if claimed.is_some_and(|length: usize| length > LIMIT) {
        // Whether all of it came or not, the answer is the same.
        let _ = tokio::time::timeout(READ_TIME, read_away(body)).await;
        return HttpError::of_status(StatusCode::PAYLOAD_TOO_LARGE).into_response();
    }
    match tokio::time::timeout(state.body_time, read(body)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(status)) => HttpError::of_status(status).into_response(),
        Err(_) => HttpError::of_status(StatusCode::REQUEST_TIMEOUT).into_response(),
    }
}

async fn read(body: Body) -> Result<Vec<u8>, StatusCode> {
    let mut parts = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| StatusCode::BAD_REQUEST)?;
        if bytes.len() + part.len() > LIMIT {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

async fn read_away(body: Body) {
    let mut parts = body.into_data_stream();
    let mut left = READ_AWAY;
    while let Some(Ok(part)) = parts.next().await {
        left = left.saturating_sub(part.len());
        if left == 0 {
            break;
        }
    }
}
