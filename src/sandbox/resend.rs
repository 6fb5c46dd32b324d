//! The Resend stand-in: keys of three kinds, domains, e-mails with idempotency keys.

#![expect(clippy::result_large_err, reason = "an error here is the finished answer of a stand-in")]

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::ProviderId;
use crate::domain::pattern::address_of;

use super::faults::Fault;
use super::gate::{self, Gate, bearer};
use super::stand_ins::DemoAccount;
use super::state::Shared;

/// A key of the Resend stand-in.
#[derive(Clone, Copy, Debug)]
pub struct DemoResend {
    pub name: &'static str,
    pub key: &'static str,
    pub from: &'static str,
    pub may_only_send: bool,
    /// Domain and status.
    pub domains: &'static [(&'static str, &'static str)],
}

/// The demo keys: one for each clinic, one that only sends, one whose domain is not verified yet.
pub const DEMO_RESEND: [DemoResend; 4] = [
    DemoResend {
        name: "Sunrise Dental",
        key: "re_aaaa0000_aaaa0000aaaa0000aaaa0000",
        from: "Sunrise Dental <desk@sunrise.example>",
        may_only_send: false,
        domains: &[("sunrise.example", "verified"), ("news.sunrise.example", "pending")],
    },
    DemoResend {
        name: "Harbor Clinic",
        key: "re_bbbb0000_bbbb0000bbbb0000bbbb0000",
        from: "desk@harbor.example",
        may_only_send: false,
        domains: &[("harbor.example", "verified")],
    },
    DemoResend {
        name: "Sunrise Dental, sends only",
        key: "re_aaaa1111_aaaa1111aaaa1111aaaa1111",
        from: "desk@sunrise.example",
        may_only_send: true,
        domains: &[("sunrise.example", "verified")],
    },
    DemoResend {
        name: "Domain not verified yet",
        key: "re_cccc0000_cccc0000cccc0000cccc0000",
        from: "desk@waiting.example",
        may_only_send: false,
        domains: &[("waiting.example", "not_started")],
    },
];

/// An e-mail that the Resend stand-in took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailLogEntry {
    pub id: String,
    /// Name of the account.
    pub account: String,
    pub from: String,
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
    pub idempotency_key: Option<String>,
}

/// The demo keys, for the page.
pub(super) fn accounts() -> Vec<DemoAccount> {
    let account = |demo: &DemoResend| DemoAccount {
        name: demo.name,
        // The page writes facts as they are.
        facts: vec![
            ("API key", demo.key.to_owned()),
            ("Sender", address_of(demo.from).unwrap_or_default().to_owned()),
        ],
    };
    DEMO_RESEND.iter().map(account).collect()
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let gate = Gate { provider: ProviderId::Resend, shared: Arc::clone(&shared), account_name, error: fault };
    Router::new()
        .route("/domains", get(list_domains))
        .route("/emails", post(send))
        .fallback(|| async {
            error(StatusCode::NOT_FOUND, "not_found", "The requested endpoint does not exist")
        })
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

/// Resend's form of an error.
fn error(status: StatusCode, name: &str, message: &str) -> Response {
    let body = json!({ "statusCode": status.as_u16(), "message": message, "name": name });
    (status, Json(body)).into_response()
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => error(StatusCode::FORBIDDEN, "invalid_permission", "Access is not allowed"),
        Fault::Suspended => error(StatusCode::FORBIDDEN, "suspended_api_key", "This API key is suspended"),
        Fault::Throttled => error(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", "Too many requests"),
        Fault::ServerError => {
            error(StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error", "An unexpected error occurred")
        }
        Fault::ErrorInside => {
            let mut response =
                error(StatusCode::INTERNAL_SERVER_ERROR, "application_error", "An unexpected error occurred");
            *response.status_mut() = StatusCode::OK;
            response
        }
        Fault::Unauthorized => error(StatusCode::UNAUTHORIZED, "missing_api_key", "Missing API key"),
        _ => invalid_key(),
    }
}

/// As it was seen at Resend; its documents say 403 and `invalid_api_key`.
fn invalid_key() -> Response {
    error(StatusCode::BAD_REQUEST, "validation_error", "API key is invalid")
}

fn caller(headers: &HeaderMap) -> Option<&'static DemoResend> {
    let key = bearer(headers)?;
    DEMO_RESEND.iter().find(|demo| demo.key == key)
}

fn account_name(_: &Shared, headers: &HeaderMap) -> Option<String> {
    caller(headers).map(|demo| demo.name.to_owned())
}

async fn list_domains(headers: HeaderMap) -> Result<Json<Value>, Response> {
    let demo = caller(&headers).ok_or_else(invalid_key)?;
    if demo.may_only_send {
        let words = "This API key is restricted to only send emails";
        return Err(error(StatusCode::UNAUTHORIZED, "restricted_api_key", words));
    }
    let domains: Vec<Value> = demo
        .domains
        .iter()
        .map(|(name, status)| {
            json!({
                "id": format!("demo-{name}"),
                "name": name,
                "status": status,
                "created_at": "2026-01-01 00:00:00.000000+00",
                "region": "us-east-1",
                "capabilities": { "sending": "enabled", "receiving": "disabled" },
            })
        })
        .collect();
    Ok(Json(json!({ "object": "list", "has_more": false, "data": domains })))
}

#[derive(Deserialize)]
struct Wanted {
    from: String,
    to: Recipients,
    subject: String,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Recipients {
    One(String),
    Many(Vec<String>),
}

async fn send(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    let demo = caller(&headers).ok_or_else(invalid_key)?;
    let unprocessable = |name: &str, words: &str| error(StatusCode::UNPROCESSABLE_ENTITY, name, words);
    let wanted: Wanted = serde_json::from_slice(&body)
        .map_err(|_| unprocessable("missing_required_field", "Missing `from`, `to` or `subject`."))?;
    let to = match wanted.to {
        Recipients::One(one) => vec![one],
        Recipients::Many(many) => many,
    };
    if to.is_empty() || to.len() > 50 || to.iter().any(|one| address_of(one).is_none()) {
        return Err(unprocessable("validation_error", "Invalid `to` field."));
    }
    let domain = address_of(&wanted.from).and_then(|address| address.split('@').nth(1));
    let domain = domain.ok_or_else(|| unprocessable("invalid_from_address", "Invalid `from` field."))?;
    if !demo.domains.iter().any(|(name, status)| *name == domain && *status == "verified") {
        let words = format!(
            "The {domain} domain is not verified. Please, add and verify your domain on https://resend.com/domains"
        );
        return Err(error(StatusCode::FORBIDDEN, "validation_error", &words));
    }
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > 256) {
        return Err(error(
            StatusCode::BAD_REQUEST,
            "invalid_idempotency_key",
            "The key must be 1 to 256 characters",
        ));
    }
    let mail = MailLogEntry {
        id: Uuid::new_v4().to_string(),
        account: demo.name.to_owned(),
        from: wanted.from,
        to,
        subject: wanted.subject,
        text: wanted.text,
        idempotency_key: key,
    };
    shared.change(|world| {
        let known = world.mails.iter().find(|known| {
            known.account == mail.account
                && known.idempotency_key.is_some()
                && known.idempotency_key == mail.idempotency_key
        });
        let Some(known) = known else {
            let id = mail.id.clone();
            world.mails.push(mail);
            return Ok(Json(json!({ "id": id })));
        };
        let same = MailLogEntry { id: known.id.clone(), ..mail };
        if same == *known {
            return Ok(Json(json!({ "id": known.id })));
        }
        let words = "Same idempotency key used with a different request payload.";
        Err(error(StatusCode::CONFLICT, "invalid_idempotent_request", words))
    })
}
