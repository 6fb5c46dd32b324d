//! A body that says it is too long: read away and refused, so that the sender hears why.
//!
//! A server that answers without reading has to close the connection, and a sender that is still
//! writing then sees a broken connection instead of the answer. What is read away is bounded, in
//! bytes and in time; who sends more than that gets the broken connection.

use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use crate::http::error::HttpError;

/// The largest body of forms and of the interface, in bytes.
pub const LIMIT: usize = 64 * 1024;
/// What is read of a longer one, and for how long.
const READ_AWAY: usize = 4 * 1024 * 1024;
const READ_TIME: Duration = Duration::from_secs(2);

/// Refuses a body by the length that it claims. One without a length meets the limit while it is read.
pub async fn refuse_too_large(request: Request, next: Next) -> Response {
    let claimed = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if claimed.is_none_or(|length: usize| length <= LIMIT) {
        return next.run(request).await;
    }
    let mut body = request.into_body().into_data_stream();
    let read_away = async {
        let mut left = READ_AWAY;
        while let Some(Ok(part)) = body.next().await {
            left = left.saturating_sub(part.len());
            if left == 0 {
                break;
            }
        }
    };
    // Whether all of it came or not, the answer is the same.
    let _ = tokio::time::timeout(READ_TIME, read_away).await;
    HttpError::of_status(StatusCode::PAYLOAD_TOO_LARGE).into_response()
}
