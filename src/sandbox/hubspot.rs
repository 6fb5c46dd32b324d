//! The HubSpot stand-in: tokens of private apps with scopes, an account each, no contacts.

#![expect(clippy::result_large_err, reason = "an error here is the finished answer of a stand-in")]

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde_json::{Value, json};

use crate::domain::ProviderId;

use super::faults::Fault;
use super::gate::{self, Gate, bearer};
use super::stand_ins::DemoAccount;
use super::state::Shared;

/// A token of the HubSpot stand-in.
#[derive(Clone, Copy, Debug)]
pub struct DemoHubSpot {
    pub name: &'static str,
    pub token: &'static str,
    pub portal_id: u64,
    pub may_read_contacts: bool,
    pub account_type: &'static str,
}

/// The demo tokens: one for each clinic, one without a scope, one of a test account.
pub const DEMO_HUBSPOT: [DemoHubSpot; 4] = [
    DemoHubSpot {
        name: "Sunrise Dental",
        token: "pat-na1-aaaaaaaa-0000-4000-8000-000000000001",
        portal_id: 10_000_001,
        may_read_contacts: true,
        account_type: "STANDARD",
    },
    DemoHubSpot {
        name: "Harbor Clinic",
        token: "pat-eu1-bbbbbbbb-0000-4000-8000-000000000001",
        portal_id: 10_000_002,
        may_read_contacts: true,
        account_type: "STANDARD",
    },
    DemoHubSpot {
        name: "Sunrise Dental, without contacts",
        token: "pat-na1-aaaaaaaa-0000-4000-8000-000000000002",
        portal_id: 10_000_001,
        may_read_contacts: false,
        account_type: "STANDARD",
    },
    DemoHubSpot {
        name: "Test account",
        token: "pat-na1-cccccccc-0000-4000-8000-000000000001",
        portal_id: 10_000_003,
        may_read_contacts: true,
        account_type: "DEVELOPER_TEST",
    },
];

/// The demo tokens, for the page.
pub(super) fn accounts() -> Vec<DemoAccount> {
    let account = |demo: &DemoHubSpot| DemoAccount {
        name: demo.name,
        facts: vec![("Access token", demo.token.to_owned())],
    };
    DEMO_HUBSPOT.iter().map(account).collect()
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let gate =
        Gate { provider: ProviderId::HubSpot, shared: Arc::clone(&shared), account_name, error: fault };
    Router::new()
        .route("/account-info/v3/details", get(show_details))
        .route("/account-info/v3/api-usage/daily/private-apps", get(show_usage))
        .route("/crm/v3/objects/contacts", get(list_contacts))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", "Unable to find this path") })
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

/// HubSpot's form of an error.
fn error(status: StatusCode, category: &str, message: &str) -> Response {
    let body = json!({
        "status": "error",
        "message": message,
        "correlationId": "00000000-0000-4000-8000-000000000000",
        "category": category,
    });
    (status, Json(body)).into_response()
}

fn invalid_token() -> Response {
    error(StatusCode::UNAUTHORIZED, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => error(StatusCode::FORBIDDEN, "FORBIDDEN", "You may not do this."),
        Fault::Expired => {
            error(StatusCode::UNAUTHORIZED, "EXPIRED_AUTHENTICATION", "The access token is expired.")
        }
        // No document names HubSpot's word for this.
        Fault::Suspended => error(StatusCode::FORBIDDEN, "BANNED", "This account is suspended."),
        Fault::Throttled => {
            error(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITS", "You have reached your secondly limit.")
        }
        Fault::ServerError => error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "internal error"),
        Fault::ErrorInside => error(StatusCode::OK, "INTERNAL_ERROR", "internal error"),
        _ => invalid_token(),
    }
}

fn caller(headers: &HeaderMap) -> Option<&'static DemoHubSpot> {
    let token = bearer(headers)?;
    DEMO_HUBSPOT.iter().find(|demo| demo.token == token)
}

fn account_name(_: &Shared, headers: &HeaderMap) -> Option<String> {
    caller(headers).map(|demo| demo.name.to_owned())
}

fn sign_in(headers: &HeaderMap) -> Result<&'static DemoHubSpot, Response> {
    caller(headers).ok_or_else(invalid_token)
}

async fn show_details(headers: HeaderMap) -> Result<Json<Value>, Response> {
    let demo = sign_in(&headers)?;
    Ok(Json(json!({
        "portalId": demo.portal_id,
        "accountType": demo.account_type,
        "timeZone": "US/Eastern",
        "companyCurrency": "USD",
        "additionalCurrencies": [],
        "utcOffset": "-05:00",
        "utcOffsetMilliseconds": -18_000_000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    })))
}

async fn show_usage(headers: HeaderMap) -> Result<Json<Value>, Response> {
    sign_in(&headers)?;
    Ok(Json(json!({ "results": [{
        "name": "private-apps-api-calls-daily",
        "usageLimit": 250_000,
        "currentUsage": 816,
        "collectedAt": "2026-01-01T00:00:00Z",
        "fetchStatus": "SUCCESS",
        "resetsAt": "2026-01-02T00:00:00Z",
    }] })))
}

async fn list_contacts(headers: HeaderMap) -> Result<Json<Value>, Response> {
    if sign_in(&headers)?.may_read_contacts {
        return Ok(Json(json!({ "results": [] })));
    }
    let words = "This app hasn't been granted all required scopes to make this call.";
    Err(error(StatusCode::FORBIDDEN, "MISSING_SCOPES", words))
}
