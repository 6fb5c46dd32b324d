//! The Retell AI stand-in: keys, agents, the limit of calls at once.

#![expect(clippy::result_large_err, reason = "an error here is the finished answer of a stand-in")]

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};

use crate::domain::ProviderId;

use super::faults::Fault;
use super::gate::{self, Gate, bearer};
use super::stand_ins::DemoAccount;
use super::state::Shared;

/// A key of the Retell AI stand-in.
#[derive(Clone, Copy, Debug)]
pub struct DemoRetell {
    pub name: &'static str,
    pub key: &'static str,
    /// Name and channel.
    pub agents: &'static [(&'static str, &'static str)],
}

/// The demo keys, one for each clinic.
pub const DEMO_RETELL: [DemoRetell; 2] = [
    DemoRetell {
        name: "Sunrise Dental",
        key: "key_aaaa0000aaaa0000aaaa0000aaaa",
        agents: &[("Front desk", "voice"), ("Web page", "chat"), ("Recall", "voice")],
    },
    DemoRetell {
        name: "Harbor Clinic",
        key: "key_bbbb0000bbbb0000bbbb0000bbbb",
        agents: &[("Reception", "voice")],
    },
];

/// The demo keys, for the page.
pub(super) fn accounts() -> Vec<DemoAccount> {
    let account =
        |demo: &DemoRetell| DemoAccount { name: demo.name, facts: vec![("API key", demo.key.to_owned())] };
    DEMO_RETELL.iter().map(account).collect()
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let gate = Gate { provider: ProviderId::Retell, shared: Arc::clone(&shared), account_name, error: fault };
    Router::new()
        .route("/v2/list-agents", post(list_agents))
        .route("/get-concurrency", get(show_concurrency))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "Cannot find this path") })
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

/// Retell AI's form of an error.
fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "status": "error", "message": message }))).into_response()
}

fn invalid_key() -> Response {
    error(StatusCode::UNAUTHORIZED, "API key is missing or invalid.")
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => error(StatusCode::FORBIDDEN, "Forbidden"),
        // Retell AI's document tells this answer, and not that these two reads give it.
        Fault::Suspended => {
            error(StatusCode::PAYMENT_REQUIRED, "Trial has ended, please add payment method.")
        }
        Fault::Throttled => error(StatusCode::TOO_MANY_REQUESTS, "Account rate limited, please throttle."),
        Fault::ServerError => {
            error(StatusCode::INTERNAL_SERVER_ERROR, "An unexpected server error occurred.")
        }
        Fault::ErrorInside => error(StatusCode::OK, "An unexpected server error occurred."),
        _ => invalid_key(),
    }
}

fn caller(headers: &HeaderMap) -> Option<&'static DemoRetell> {
    let key = bearer(headers)?;
    DEMO_RETELL.iter().find(|demo| demo.key == key)
}

fn account_name(_: &Shared, headers: &HeaderMap) -> Option<String> {
    caller(headers).map(|demo| demo.name.to_owned())
}

fn sign_in(headers: &HeaderMap) -> Result<&'static DemoRetell, Response> {
    caller(headers).ok_or_else(invalid_key)
}

async fn list_agents(headers: HeaderMap, Json(asked): Json<Value>) -> Result<Json<Value>, Response> {
    let demo = sign_in(&headers)?;
    // Of the filters only the one that is asked for: a channel that is equal.
    let wanted = asked.pointer("/filter_criteria/channel/value").and_then(Value::as_str);
    let items: Vec<Value> = demo
        .agents
        .iter()
        .enumerate()
        .filter(|(_, (_, channel))| wanted.is_none_or(|wanted| wanted == *channel))
        .map(|(at, (name, channel))| {
            json!({
                "agent_id": format!("agent_demo{at}"),
                "agent_name": name,
                "channel": channel,
                "tags": {},
                "user_modified_timestamp": 1_767_225_600_000_u64,
            })
        })
        .collect();
    Ok(Json(json!({ "has_more": false, "items": items })))
}

async fn show_concurrency(headers: HeaderMap) -> Result<Json<Value>, Response> {
    sign_in(&headers)?;
    Ok(Json(json!({ "current_concurrency": 0, "concurrency_limit": 20, "base_concurrency": 20 })))
}
