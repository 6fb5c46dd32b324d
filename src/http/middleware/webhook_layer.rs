//! What every webhook passes through: an id, a panic guard, a time limit, two metrics, few headers.
//!
//! It is not the layer of pages. A webhook's answer is read by a machine, so it needs no nonce, no
//! page for its errors and no session; leaving them out is a good part of what a webhook costs. And it
//! is one function ([`guard`]) instead of a stack of services, each of which would box a future and move
//! the request. As a layer it is around the routes of messages; messages of calls come to it from
//! `front`, past the router.

use std::cell::RefCell;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use metrics::{Counter, Histogram};
use tower::{Layer, Service};
use tower_http::request_id::RequestId;
use uuid::Uuid;
use uuid::fmt::Simple;

use crate::http::router::{REQUEST_ID, REQUEST_TIMEOUT, panicked};
use crate::state::AppState;

/// A request that has just come in.
pub struct Arrival {
    id: Simple,
    pub at: Instant,
}

impl Arrival {
    pub fn now() -> Self {
        Self { id: Uuid::now_v7().simple(), at: Instant::now() }
    }

    /// The id that the answer carries, for logs.
    pub fn id(&self) -> Simple {
        self.id
    }

    fn id_value(&self) -> HeaderValue {
        let mut digits = Uuid::encode_buffer();
        HeaderValue::from_str(self.id.encode_lower(&mut digits)).unwrap_or(UNKNOWN_ID)
    }
}

const UNKNOWN_ID: HeaderValue = HeaderValue::from_static("none");

/// Makes an answer whole, and counts it. `route` is the pattern, never the path: the number of series is that of
/// the routes.
pub async fn guard(
    arrival: &Arrival,
    route: &str,
    is_https: bool,
    answer: impl Future<Output = impl IntoResponse>,
) -> Response {
    let mut response = match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(answer) => answer.into_response(),
        Err(panic) => panicked(panic),
    };
    add_headers(&mut response, arrival.id_value(), is_https);
    count(route, status_label(response.status()), arrival.at.elapsed());
    response
}

/// Puts the layer around webhook routes, whose handlers take a `received::Received`, with a timer that ends those
/// that take too long.
pub fn around(webhooks: Router<AppState>, state: &AppState) -> Router<AppState> {
    webhooks.layer(Around { is_https: state.is_https() })
}

/// The layer of [`Guarded`].
#[derive(Clone, Copy)]
struct Around {
    is_https: bool,
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
        let arrival = Arrival::now();
        let route = request.extensions().get::<MatchedPath>().cloned();
        request.extensions_mut().insert(RequestId::new(arrival.id_value()));
        let is_https = self.around.is_https;
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, self.inner.call(request));
        Box::pin(async move {
            let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
            let answer = answer.map(|answered| match answered {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            });
            Ok(guard(&arrival, route, is_https, answer).await)
        })
    }
}

/// The headers of every answer, with a place for its id.
static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let fixed = HeaderValue::from_static;
    HeaderMap::from_iter([
        (REQUEST_ID, UNKNOWN_ID),
        (header::CONTENT_SECURITY_POLICY, fixed("default-src 'none'; frame-ancestors 'none'")),
        (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (header::CACHE_CONTROL, fixed("private, no-store")),
        (HeaderName::from_static("cross-origin-resource-policy"), fixed("same-origin")),
    ])
});

fn add_headers(response: &mut Response, id: HeaderValue, is_https: bool) {
    // Copied as a whole: to put each of them in by its name costs more. What a route has set itself stays, as on pages.
    let own = std::mem::replace(response.headers_mut(), HEADERS.clone());
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.extend(own);
    if is_https {
        let year = HeaderValue::from_static("max-age=63072000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

type Meters = Vec<((String, &'static str), (Counter, Histogram))>;

/// Counts an answer. The meters of a route and status are looked up by name once: to find them anew for every
/// request would cost more than to count it. There are as many as routes times statuses.
fn count(route: &str, status: &'static str, took: Duration) {
    thread_local! {
        static METERS: RefCell<Meters> = RefCell::default();
    }
    let count = |(answers, seconds): &(Counter, Histogram)| {
        answers.increment(1);
        seconds.record(took);
    };
    METERS.with_borrow_mut(|known| {
        if let Some((_, meters)) = known.iter().find(|((path, code), _)| path == route && *code == status) {
            return count(meters);
        }
        let label = route.to_owned();
        let answers =
            metrics::counter!("voxanne_http_requests_total", "route" => label.clone(), "status" => status);
        let seconds = metrics::histogram!("voxanne_http_request_seconds", "route" => label.clone());
        let meters = (answers, seconds);
        count(&meters);
        known.push(((label, status), meters));
    });
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
