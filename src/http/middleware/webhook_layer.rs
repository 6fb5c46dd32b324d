//! What every webhook passes through: an id, a panic guard, a time limit, two metrics, few headers.
//!
//! It is not the layer of pages. A webhook's answer is read by a machine, so it needs no nonce, no
//! page for its errors and no session; leaving them out is a good part of what a webhook costs. And it
//! is one service instead of a stack of them, each of which would box a future and move the request.

use std::cell::RefCell;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use metrics::{Counter, Histogram};
use tower::{Layer, Service};
use tower_http::request_id::RequestId;
use uuid::Uuid;

use crate::http::router::{REQUEST_ID, REQUEST_TIMEOUT, panicked};
use crate::state::AppState;

/// Who ends a request that takes too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// A timer of this layer.
    Timer,
    /// Everything that the handler waits for has an end of its own. For the route that carries nearly all
    /// requests: a timer for each would cost more than to count, name and answer it.
    Handler,
}

/// Puts the layer around webhook routes, whose handlers take a `received::Received`.
pub fn around(webhooks: Router<AppState>, state: &AppState, ended_by: EndedBy) -> Router<AppState> {
    let is_https = state.services.public_url.scheme() == "https";
    webhooks.layer(Around { is_https, ended_by })
}

/// The layer of [`Guarded`].
#[derive(Clone, Copy)]
struct Around {
    is_https: bool,
    ended_by: EndedBy,
}

impl<S> Layer<S> for Around {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, around: *self }
    }
}

/// A webhook route with everything around it.
#[derive(Clone)]
struct Guarded<S> {
    inner: S,
    around: Around,
}

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let started = Instant::now();
        let mut digits = Uuid::encode_buffer();
        let id = Uuid::now_v7().simple().encode_lower(&mut digits);
        let id = HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("none"));
        // The pattern, never the path: the number of series is that of the routes.
        let route = request.extensions().get::<MatchedPath>().cloned();
        request.extensions_mut().insert(RequestId::new(id.clone()));
        let Around { is_https, ended_by } = self.around;
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            let answered = match ended_by {
                EndedBy::Handler => Ok(answer.await),
                EndedBy::Timer => Box::pin(tokio::time::timeout(REQUEST_TIMEOUT, answer)).await,
            };
            let mut response = match answered {
                Ok(Ok(Ok(response))) => response,
                Ok(Ok(Err(never))) => match never {},
                Ok(Err(panic)) => panicked(panic),
                Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            };
            add_headers(&mut response, id, is_https);
            let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
            let (answers, seconds) = meters(route, status_label(response.status()));
            answers.increment(1);
            seconds.record(started.elapsed());
            Ok(response)
        })
    }
}

fn add_headers(response: &mut Response, id: HeaderValue, is_https: bool) {
    let fixed = HeaderValue::from_static;
    let headers = response.headers_mut();
    // In one step: growing by itself, the map would be made anew under way.
    headers.reserve(8);
    headers.insert(REQUEST_ID, id);
    headers.insert(header::CONTENT_SECURITY_POLICY, fixed("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::CACHE_CONTROL, fixed("private, no-store"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), fixed("same-origin"));
    if is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, fixed("max-age=63072000; includeSubDomains"));
    }
}

type Meters = Vec<((String, &'static str), (Counter, Histogram))>;

/// The meters of a route and status. They are looked up by name once: to find them anew for every
/// request would cost more than to count it. There are as many as routes times statuses.
fn meters(route: &str, status: &'static str) -> (Counter, Histogram) {
    thread_local! {
        static METERS: RefCell<Meters> = RefCell::default();
    }
    METERS.with_borrow_mut(|known| {
        if let Some((_, meters)) = known.iter().find(|((path, code), _)| path == route && *code == status) {
            return meters.clone();
        }
        let label = route.to_owned();
        let answers =
            metrics::counter!("voxanne_http_requests_total", "route" => label.clone(), "status" => status);
        let seconds = metrics::histogram!("voxanne_http_request_seconds", "route" => label.clone());
        known.push(((label, status), (answers.clone(), seconds.clone())));
        (answers, seconds)
    })
}

/// The statuses of webhooks, as text that is there already.
fn status_label(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200 => "200",
        400 => "400",
        401 => "401",
        405 => "405",
        408 => "408",
        413 => "413",
        503 => "503",
        _ => "other",
    }
}
