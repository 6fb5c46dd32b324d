//! The body of a webhook: whole, not too long, and in time.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;

use super::error::HttpError;
use crate::state::AppState;

/// The largest body that is taken, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// How long a body may take. Providers send theirs at once; who takes longer holds a place for nothing.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// The bytes of a webhook.
pub struct WebhookBody(pub Bytes);

impl FromRequest<AppState> for WebhookBody {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, HttpError> {
        let mut reading = pin!(Bytes::from_request(request, state));
        // Nearly always the whole body has come with the headers, and a timer for it would be for nothing.
        let read = match poll_fn(|context| Poll::Ready(reading.as_mut().poll(context))).await {
            Poll::Ready(read) => Ok(read),
            // On the heap: a timer in the future of every request makes each of them larger.
            Poll::Pending => Box::pin(tokio::time::timeout(state.body_time, reading)).await,
        };
        match read {
            Ok(Ok(bytes)) => Ok(Self(bytes)),
            Ok(Err(rejection)) => Err(unreadable(&rejection)),
            Err(_) => Err(HttpError::of_status(StatusCode::REQUEST_TIMEOUT)),
        }
    }
}

/// A body that did not come whole, or is too long.
fn unreadable(rejection: &BytesRejection) -> HttpError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let sentence = format!("A message can have {} KiB at most.", BODY_LIMIT / 1024);
        return HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence);
    }
    HttpError::new(StatusCode::BAD_REQUEST, "unreadable", "The body could not be read to its end.")
}
