//! A webhook as it comes in: whole, not too long, and in time.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, Uri};
use http_body_util::LengthLimitError;
use tower_http::request_id::RequestId;

use super::error::HttpError;
use crate::state::AppState;

/// The largest body that is taken, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// How long a body may take. Providers send theirs at once; who takes longer holds a place for nothing.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// A whole request. Taken apart and not copied: to clone the headers, as an extractor for them does, costs as
/// much as to look up who is meant.
pub struct Received {
    pub headers: HeaderMap,
    pub uri: Uri,
    pub body: Bytes,
    request_id: Option<RequestId>,
}

impl Received {
    /// The id that the answer carries, for logs.
    pub fn request_id(&self) -> &str {
        let id = self.request_id.as_ref().and_then(|id| id.header_value().to_str().ok());
        id.unwrap_or_default()
    }
}

impl FromRequest<AppState> for Received {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, HttpError> {
        let (mut parts, body) = request.into_parts();
        let mut reading = pin!(to_bytes(body, BODY_LIMIT));
        // Nearly always the whole body has come with the headers, and a timer for it would be for nothing.
        let read = match poll_fn(|context| Poll::Ready(reading.as_mut().poll(context))).await {
            Poll::Ready(read) => Ok(read),
            // On the heap: a timer in the future of every request makes each of them larger.
            Poll::Pending => Box::pin(tokio::time::timeout(state.body_time, reading)).await,
        };
        let body = match read {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => return Err(unreadable(&error)),
            Err(_) => return Err(HttpError::of_status(StatusCode::REQUEST_TIMEOUT)),
        };
        let request_id = parts.extensions.remove();
        Ok(Self { headers: parts.headers, uri: parts.uri, body, request_id })
    }
}

/// A body that did not come whole, or is too long.
fn unreadable(error: &axum::Error) -> HttpError {
    let cause = std::error::Error::source(error);
    if cause.is_some_and(|cause| cause.is::<LengthLimitError>()) {
        let sentence = format!("A message can have {} KiB at most.", BODY_LIMIT / 1024);
        return HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence);
    }
    HttpError::new(StatusCode::BAD_REQUEST, "unreadable", "The body could not be read to its end.")
}
