//! A webhook as it comes in: whole, not too long, and in time.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, Uri};
use bytes::BytesMut;
use http_body_util::BodyExt;
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

    /// Takes a request apart when its body is there, within `body_time`.
    ///
    /// # Errors
    /// The body is too long, did not come in time, or not to its end.
    pub async fn take<B>(request: axum::http::Request<B>, body_time: Duration) -> Result<Self, HttpError>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let (mut parts, body) = request.into_parts();
        let mut reading = pin!(read(body));
        // Nearly always the whole body has come with the headers, and a timer for it would be for nothing.
        let read = match poll_fn(|context| Poll::Ready(reading.as_mut().poll(context))).await {
            Poll::Ready(read) => Ok(read),
            // On the heap: a timer in the future of every request makes each of them larger.
            Poll::Pending => Box::pin(tokio::time::timeout(body_time, reading)).await,
        };
        let Ok(body) = read else { return Err(HttpError::of_status(StatusCode::REQUEST_TIMEOUT)) };
        let request_id = parts.extensions.remove();
        Ok(Self { headers: parts.headers, uri: parts.uri, body: body?, request_id })
    }
}

impl FromRequest<AppState> for Received {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, HttpError> {
        Self::take(request, state.body_time).await
    }
}

/// Reads a body to its end. What came in one piece, as nearly all of them do, is not copied.
async fn read<B>(mut body: B) -> Result<Bytes, HttpError>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let mut whole = Bytes::new();
    while let Some(frame) = body.frame().await {
        let unreadable = || {
            let sentence = "The body could not be read to its end.";
            HttpError::new(StatusCode::BAD_REQUEST, "unreadable", sentence)
        };
        // What is no data is a trailer.
        let Ok(data) = frame.map_err(|_| unreadable())?.into_data() else { continue };
        if whole.len() + data.len() > BODY_LIMIT {
            let sentence = format!("A message can have {} KiB at most.", BODY_LIMIT / 1024);
            return Err(HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence));
        }
        whole = match whole.is_empty() {
            true => data,
            false => {
                let mut longer = BytesMut::from(whole);
                longer.extend_from_slice(&data);
                longer.freeze()
            }
        };
    }
    Ok(whole)
}
