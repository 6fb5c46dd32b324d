//! `GET /api/live`: which kinds of things change in a clinic, as they change, for whoever watches a page.
//!
//! Server-sent events without content: a page that hears of a change reads itself again. The stream
//! carries its organization, ends when the session, the key, the token or the membership ends, and is no operation of
//! the described interface, since it has no end of its own.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::api::Admitted;
use super::error::HttpError;
use crate::db::Access;
use crate::live::{LiveError, Proof};
use crate::state::AppState;

/// How often a silent stream says that it is there: less than what proxies wait for.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// More than any stream lasts, in seconds.
const A_DAY: i64 = 86_400;
/// After how long a browser comes again when a stream has ended.
const RETRY: Duration = Duration::from_secs(3);

/// The stream.
pub async fn stream(State(state): State<AppState>, admitted: Admitted) -> Result<Response, HttpError> {
    let mut until = None;
    let proof = match admitted.caller.access {
        Access::Session { hash, .. } => Some(Proof::Session(hash)),
        Access::ApiKey { hash } => Some(Proof::ApiKey(hash)),
        // The database does not know when a token ends.
        Access::Token { ends_at, .. } => {
            let left = ends_at.saturating_sub(state.services.clock.unix()).clamp(0, A_DAY);
            until = Some(Instant::now() + Duration::from_secs(left.unsigned_abs()));
            None
        }
        _ => None,
    };
    let org = admitted.caller.org();
    let watch = state.live.watch(org, proof)?;
    let hello = Event::default().retry(RETRY).event("hello").data(json!({ "organization": org }).to_string());
    let changes = stream::unfold((watch, Some(hello)), move |(mut watch, hello)| async move {
        let event = match hello {
            Some(hello) => hello,
            None => {
                let topics = match until {
                    Some(until) => timeout_at(until, watch.next()).await.ok()??,
                    None => watch.next().await?,
                };
                Event::default().event("change").data(json!({ "topics": topics }).to_string())
            }
        };
        Some((Ok::<_, Infallible>(event), (watch, None)))
    });
    let mut response = Sse::new(changes).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // A proxy that gathers answers would hold back what is to be seen now.
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

impl From<LiveError> for HttpError {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Stopping => HttpError::of_status(StatusCode::SERVICE_UNAVAILABLE),
            LiveError::TooManyOfClinic | LiveError::TooMany => HttpError {
                retry_after: Some(30),
                ..HttpError::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_streams",
                    "Too many pages are watched at once. This one shows what is new when it is reloaded.",
                )
            },
        }
    }
}
