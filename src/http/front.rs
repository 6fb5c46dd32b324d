//! What the listener asks for an answer: the one route that carries nearly all requests here, everything else
//! from the router.
//!
//! A router finds the route, clones and boxes its handler, and puts what it found beside the request. For a
//! message of a call that costs as much as to verify its signature. So those are told by their path, and
//! nothing else is: the router knows the path too, for those who come with another method than POST.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use axum::response::Response;
use axum::{BoxError, Router};
use tower::Service;

use super::middleware::webhook_layer::{Arrival, guard};
use super::received::Received;
use super::router::router;
use super::webhooks;
use crate::state::AppState;

/// Where Vapi posts its messages. The second one is of clinics whose assistants were made with it.
pub const CALL_PATHS: [&str; 2] = ["/api/webhooks/vapi", "/webhooks/vapi"];

/// The server, as the listener sees it.
#[derive(Clone)]
pub struct Front {
    calls: Arc<Calls>,
    router: Router,
}

impl Front {
    pub fn new(state: AppState) -> Self {
        Self { calls: Arc::new(Calls::new(state.clone())), router: router(state) }
    }

    /// Answers a request of `peer`.
    pub async fn answer<B>(&self, mut request: Request<B>, peer: SocketAddr) -> Response
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        if request.method() == Method::POST
            && let Some(route) = self.calls.find(request.uri().path())
        {
            return self.calls.answer(route, request).await;
        }
        request.extensions_mut().insert(ConnectInfo(peer));
        match self.router.clone().call(request.map(Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// What takes the messages of calls.
pub struct Calls {
    state: AppState,
    routes: [CallRoute; 2],
}

/// A path of [`CALL_PATHS`], with its address for senders that sign it.
pub struct CallRoute {
    path: &'static str,
    url: String,
}

impl Calls {
    pub fn new(state: AppState) -> Self {
        let base = state.services.public_url.as_str().trim_end_matches('/');
        let routes = CALL_PATHS.map(|path| CallRoute { path, url: format!("{base}{path}") });
        Self { routes, state }
    }

    pub fn find(&self, path: &str) -> Option<&CallRoute> {
        self.routes.iter().find(|route| route.path == path)
    }

    /// Answers what was posted.
    ///
    /// No timer runs for the request as a whole: everything that the handler waits for has an end of its own,
    /// and a timer for each would cost more than to count, name and answer it.
    pub async fn answer<B>(&self, route: &CallRoute, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let arrival = Arrival::now();
        // Pinned here, as it is large: who is given it would move it as a whole.
        let answer = pin!(async {
            let received = Received::take(request, self.state.body_time).await?;
            webhooks::receive_vapi(&self.state.services, &received, &route.url, &arrival).await
        });
        guard(&arrival, route.path, self.state.is_https(), answer).await
    }
}
