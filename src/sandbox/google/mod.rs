//! The Google stand-in: a consent page for people, and tokens, identity, calendars and spreadsheets for
//! programs.
//!
//! The consent page is not behind the gate: failures are those of the services that the product
//! calls, not of a page that a person looks at.

#![expect(clippy::result_large_err, reason = "an error here is the finished answer of a stand-in")]

use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::domain::ProviderId;

use super::faults::Fault;
use super::gate::{self, Gate};
use super::state::Shared;

mod calendar;
mod consent;
mod handle;
mod sheets;
mod tokens;
mod world;

pub use handle::GoogleHandle;
pub(super) use sheets::router as sheets_router;
pub(super) use world::GoogleWorld;
pub use world::{GoogleAccount, GoogleOAuthClient, StandInCalendar, StandInSpreadsheet};

use world::AccessToken;

/// Everything that the product asks for.
pub(super) const ALL_SCOPES: &str = "openid https://www.googleapis.com/auth/userinfo.email \
     https://www.googleapis.com/auth/calendar.events https://www.googleapis.com/auth/calendar.freebusy \
     https://www.googleapis.com/auth/calendar.calendarlist.readonly https://www.googleapis.com/auth/spreadsheets";

type SharedState = axum::extract::State<Arc<Shared>>;
type Answer = Result<Response, Response>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let gate = Gate {
        provider: ProviderId::GoogleCalendar,
        shared: Arc::clone(&shared),
        account_name,
        error: fault,
    };
    let events = "/api/calendar/v3/calendars/{calendar}/events";
    let services = Router::new()
        .route("/oauth/token", post(tokens::exchange))
        .route("/oauth/revoke", post(tokens::revoke))
        .route("/api/oauth2/v2/userinfo", get(tokens::userinfo))
        .route("/api/calendar/v3/users/me/calendarList", get(calendar::list))
        .route("/api/calendar/v3/freeBusy", post(calendar::free_busy))
        .route(events, get(calendar::list_events).post(calendar::insert))
        .route(
            &format!("{events}/{{event}}"),
            get(calendar::show).patch(calendar::patch).delete(calendar::delete),
        )
        .fallback(|| async { error(StatusCode::NOT_FOUND, "notFound", "Not Found") })
        .layer(middleware::from_fn_with_state(gate, gate::pass));
    Router::new()
        .route("/accounts/o/oauth2/v2/auth", get(consent::show).post(consent::decide))
        .merge(services)
        .with_state(shared)
}

/// An API's form of an error.
fn error(status: StatusCode, reason: &str, message: &str) -> Response {
    let domain = match reason {
        "rateLimitExceeded" | "quotaExceeded" | "accessNotConfigured" => "usageLimits",
        "timeRangeEmpty" => "calendar",
        _ => "global",
    };
    let body = json!({ "error": {
        "code": status.as_u16(),
        "message": message,
        "errors": [{ "domain": domain, "reason": reason, "message": message }],
    }});
    let mut response = (status, Json(body)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let realm = HeaderValue::from_static(
            "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"",
        );
        response.headers_mut().insert(WWW_AUTHENTICATE, realm);
    }
    response
}

fn unauthenticated() -> Response {
    error(StatusCode::UNAUTHORIZED, "authError", "Invalid Credentials")
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => error(
            StatusCode::FORBIDDEN,
            "insufficientPermissions",
            "Request had insufficient authentication scopes.",
        ),
        Fault::Throttled => error(StatusCode::TOO_MANY_REQUESTS, "rateLimitExceeded", "Rate Limit Exceeded"),
        Fault::ServerError => error(StatusCode::INTERNAL_SERVER_ERROR, "backendError", "Backend Error"),
        Fault::ErrorInside => {
            let mut response = error(StatusCode::INTERNAL_SERVER_ERROR, "backendError", "Backend Error");
            *response.status_mut() = StatusCode::OK;
            response
        }
        Fault::Suspended => error(
            StatusCode::FORBIDDEN,
            "accessNotConfigured",
            "Google Calendar API has not been used in project 1 before or it is disabled.",
        ),
        _ => unauthenticated(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn account_name(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    let token = bearer(headers)?;
    shared.read(|world| {
        let known = world.google.token(token)?;
        world.google.account(&known.account).map(|account| account.email.clone())
    })
}

/// Signs in with one of these scopes (short names).
fn sign_in(shared: &Shared, headers: &HeaderMap, scopes: &[&str]) -> Result<AccessToken, Response> {
    let token = find_token(shared, headers).ok_or_else(unauthenticated)?;
    if has_scope(&token, scopes) { Ok(token) } else { Err(fault(Fault::Forbidden)) }
}

fn find_token(shared: &Shared, headers: &HeaderMap) -> Option<AccessToken> {
    let token = bearer(headers)?;
    shared.read(|world| world.google.token(token).cloned())
}

fn has_scope(token: &AccessToken, scopes: &[&str]) -> bool {
    let has = |wanted: &&str| {
        token.scopes.iter().any(|scope| scope.rsplit('/').next().unwrap_or_default() == *wanted)
    };
    scopes.iter().any(has)
}
