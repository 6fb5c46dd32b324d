//! The n8n stand-in: one instance with keys and workflows. Its webhooks are in `receiver`.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};

use crate::domain::ProviderId;

use super::faults::Fault;
use super::gate::{self, Gate};
use super::stand_ins::DemoAccount;
use super::state::Shared;

/// A key of the n8n stand-in.
#[derive(Clone, Copy, Debug)]
pub struct DemoN8n {
    pub name: &'static str,
    pub key: &'static str,
    pub may_list: bool,
    /// Name, and whether it is switched on.
    pub workflows: &'static [(&'static str, bool)],
}

/// The demo keys: one for each clinic, one without the scope.
pub const DEMO_N8N: [DemoN8n; 3] = [
    DemoN8n {
        name: "Sunrise Dental",
        key: "n8n_api_aaaa0000aaaa0000aaaa0000aaaa0000aaaa0000",
        may_list: true,
        workflows: &[("Bookings", true), ("Reviews", false)],
    },
    DemoN8n {
        name: "Harbor Clinic",
        key: "n8n_api_bbbb0000bbbb0000bbbb0000bbbb0000bbbb0000",
        may_list: true,
        workflows: &[("Recall", true)],
    },
    DemoN8n {
        name: "Sunrise Dental, may not list",
        key: "n8n_api_aaaa1111aaaa1111aaaa1111aaaa1111aaaa1111",
        may_list: false,
        workflows: &[],
    },
];

/// The demo keys, for the page.
pub(super) fn accounts() -> Vec<DemoAccount> {
    let account =
        |demo: &DemoN8n| DemoAccount { name: demo.name, facts: vec![("API key", demo.key.to_owned())] };
    DEMO_N8N.iter().map(account).collect()
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let gate = Gate { provider: ProviderId::N8n, shared: Arc::clone(&shared), account_name, error: fault };
    Router::new()
        .route("/healthz", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/api/v1/workflows", get(list_workflows))
        .route("/webhook/{*path}", post(super::receiver::receive))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "not found") })
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

/// The form of an error of n8n's API.
fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => error(StatusCode::FORBIDDEN, "Forbidden"),
        // A trial that is over, or an instance that is gone: nothing is found there any more.
        Fault::Suspended => error(StatusCode::NOT_FOUND, "not found"),
        Fault::Throttled => error(StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
        Fault::ServerError => error(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
        Fault::ErrorInside => {
            Json(json!({ "status": "error", "code": 0, "message": "Error in workflow" })).into_response()
        }
        _ => error(StatusCode::UNAUTHORIZED, "unauthorized"),
    }
}

fn caller(headers: &HeaderMap) -> Option<&'static DemoN8n> {
    let key = headers.get("x-n8n-api-key")?.to_str().ok()?;
    DEMO_N8N.iter().find(|demo| demo.key == key)
}

fn account_name(_: &Shared, headers: &HeaderMap) -> Option<String> {
    caller(headers).map(|demo| demo.name.to_owned())
}

async fn list_workflows(headers: HeaderMap) -> Result<Json<Value>, Response> {
    if !headers.contains_key("x-n8n-api-key") {
        return Err(error(StatusCode::UNAUTHORIZED, "'X-N8N-API-KEY' header required"));
    }
    let demo = caller(&headers).ok_or_else(|| error(StatusCode::UNAUTHORIZED, "unauthorized"))?;
    if !demo.may_list {
        return Err(error(StatusCode::FORBIDDEN, "Forbidden"));
    }
    let workflows: Vec<Value> = demo
        .workflows
        .iter()
        .enumerate()
        .map(|(at, (name, active))| workflow(&format!("demo{at}"), name, *active))
        .collect();
    Ok(Json(json!({ "data": workflows, "nextCursor": null })))
}

/// A workflow with all that n8n's document promises of one.
fn workflow(id: &str, name: &str, is_active: bool) -> Value {
    let version = format!("version-of-{id}");
    json!({
        "id": id,
        "name": name,
        "active": is_active,
        "activeVersionId": is_active.then_some(&version),
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "isArchived": false,
        "versionId": version,
        "triggerCount": u8::from(is_active),
        "nodes": [],
        "connections": {},
        "nodeGroups": [],
        "settings": {},
        "staticData": null,
        "meta": null,
        "shared": [],
        "activeVersion": null,
    })
}
