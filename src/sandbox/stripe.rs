//! The Stripe stand-in: secret and restricted keys, accounts, balances.

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

/// A key of the Stripe stand-in.
#[derive(Clone, Copy, Debug)]
pub struct DemoStripe {
    pub name: &'static str,
    pub key: &'static str,
    pub account: &'static str,
    /// What a restricted key may do; a secret key may do everything.
    pub permissions: &'static [&'static str],
    pub charges_enabled: bool,
}

const EVERYTHING: &[&str] = &["account", "balance"];

/// The demo keys: one for each clinic, two restricted ones, an account that is not activated.
pub const DEMO_STRIPE: [DemoStripe; 5] = [
    DemoStripe {
        name: "Sunrise Dental",
        key: "sk_test_aaaa0000aaaa0000aaaa0000",
        account: "acct_demosunrise",
        permissions: EVERYTHING,
        charges_enabled: true,
    },
    DemoStripe {
        name: "Harbor Clinic",
        key: "sk_test_bbbb0000bbbb0000bbbb0000",
        account: "acct_demoharbor",
        permissions: EVERYTHING,
        charges_enabled: true,
    },
    DemoStripe {
        name: "Sunrise Dental, restricted",
        key: "rk_test_aaaa1111aaaa1111aaaa1111",
        account: "acct_demosunrise",
        permissions: &["account"],
        charges_enabled: true,
    },
    DemoStripe {
        name: "Sunrise Dental, neither account nor balance",
        key: "rk_test_aaaa2222aaaa2222aaaa2222",
        account: "acct_demosunrise",
        permissions: &[],
        charges_enabled: true,
    },
    DemoStripe {
        name: "Not activated",
        key: "sk_test_cccc0000cccc0000cccc0000",
        account: "acct_demowaiting",
        permissions: EVERYTHING,
        charges_enabled: false,
    },
];

/// The demo keys, for the page.
pub(super) fn accounts() -> Vec<DemoAccount> {
    let account =
        |demo: &DemoStripe| DemoAccount { name: demo.name, facts: vec![("Key", demo.key.to_owned())] };
    DEMO_STRIPE.iter().map(account).collect()
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let gate = Gate { provider: ProviderId::Stripe, shared: Arc::clone(&shared), account_name, error: fault };
    Router::new()
        .route("/v1/account", get(show_account))
        .route("/v1/balance", get(show_balance))
        .fallback(|| async { error(StatusCode::NOT_FOUND, None, "Unrecognized request URL.") })
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

/// Stripe's form of an error.
fn error(status: StatusCode, code: Option<&str>, message: &str) -> Response {
    // Stripe's document lists the members of an error and the types; words and statuses are from prose.
    let mut inner = json!({ "type": "invalid_request_error", "message": message });
    if let Some(code) = code {
        inner["code"] = code.into();
    }
    (status, Json(json!({ "error": inner }))).into_response()
}

fn invalid_key() -> Response {
    error(StatusCode::UNAUTHORIZED, None, "Invalid API Key provided: sk_test_****0000")
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => error(StatusCode::FORBIDDEN, None, "You do not have access to this."),
        Fault::Suspended => {
            error(StatusCode::FORBIDDEN, Some("account_invalid"), "The account is closed or suspended.")
        }
        Fault::Expired => {
            error(StatusCode::UNAUTHORIZED, Some("api_key_expired"), "Expired API Key provided.")
        }
        Fault::Throttled => {
            error(StatusCode::TOO_MANY_REQUESTS, Some("rate_limit"), "Request rate limit exceeded.")
        }
        Fault::ServerError | Fault::ErrorInside => {
            let status =
                if fault == Fault::ErrorInside { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
            let inner = json!({ "type": "api_error", "message": "Sorry, something went wrong." });
            (status, Json(json!({ "error": inner }))).into_response()
        }
        _ => invalid_key(),
    }
}

fn caller(headers: &HeaderMap) -> Option<&'static DemoStripe> {
    let key = bearer(headers)?;
    DEMO_STRIPE.iter().find(|demo| demo.key == key)
}

fn account_name(_: &Shared, headers: &HeaderMap) -> Option<String> {
    caller(headers).map(|demo| demo.name.to_owned())
}

fn sign_in(headers: &HeaderMap, permission: &str) -> Result<&'static DemoStripe, Response> {
    let demo = caller(headers).ok_or_else(invalid_key)?;
    if demo.permissions.contains(&permission) {
        return Ok(demo);
    }
    let message = format!(
        "The provided key 'rk_test_****' does not have the required permissions for this endpoint on account '{}'.",
        demo.account
    );
    Err(error(StatusCode::FORBIDDEN, None, &message))
}

async fn show_account(headers: HeaderMap) -> Result<Json<Value>, Response> {
    let demo = sign_in(&headers, "account")?;
    Ok(Json(json!({
        "id": demo.account,
        "object": "account",
        "charges_enabled": demo.charges_enabled,
        "payouts_enabled": demo.charges_enabled,
        "details_submitted": demo.charges_enabled,
        "business_profile": { "name": demo.name },
        "settings": {
            "branding": {},
            "card_payments": {},
            "dashboard": { "display_name": demo.name, "timezone": "Etc/UTC" },
            "payments": {},
        },
        "country": "US",
        "type": "standard",
    })))
}

async fn show_balance(headers: HeaderMap) -> Result<Json<Value>, Response> {
    sign_in(&headers, "balance")?;
    Ok(Json(json!({
        "object": "balance",
        "available": [{ "amount": 123_450, "currency": "usd", "source_types": { "card": 123_450 } }],
        "livemode": false,
        "pending": [{ "amount": 0, "currency": "usd", "source_types": { "card": 0 } }],
    })))
}
