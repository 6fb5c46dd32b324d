//! The Vapi stand-in: assistants, phone numbers and webhook credentials behind private keys.

#![expect(clippy::result_large_err, reason = "an error here is the finished answer of a stand-in")]

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::ProviderId;

use super::faults::Fault;
use super::gate::{self, Gate};
use super::state::{Shared, Stored, VapiAccount, VapiWorld, World, now_iso};

mod calls;
mod control;
mod credentials;
mod schema;
mod sound;
mod talk;

pub(super) use talk::Talks;

/// Vapi's own words for a key that it does not take.
const INVALID_KEY: &str =
    "Invalid Key. Hot tip, you may be using the private key instead of the public key, or vice versa.";

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let gate = Gate { provider: ProviderId::Vapi, shared: Arc::clone(&shared), account_name, error: fault };
    Router::new()
        .route("/assistant", get(list_assistants).post(create_assistant))
        .route("/assistant/{id}", get(show_assistant).patch(patch_assistant).delete(delete_assistant))
        .route("/phone-number", get(list_numbers).post(create_number))
        .route("/phone-number/{id}", get(show_number).patch(patch_number).delete(delete_number))
        .route("/call/{id}/control", post(control::command))
        .route("/call", axum::routing::post(calls::create))
        .route("/call/{id}", get(calls::show))
        .route("/{id}/transport", get(talk::join))
        .route("/credential", get(credentials::list).post(credentials::create))
        .route("/credential/{id}", axum::routing::delete(credentials::delete))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "Cannot find this path") })
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

type Answer = Result<Response, Response>;
type SharedState = State<Arc<Shared>>;

/// Vapi's form of an error. `message` is a text, or a list where a body is not valid.
fn error(status: StatusCode, message: impl Into<Value>) -> Response {
    let name = status.canonical_reason().unwrap_or_default();
    let body = json!({ "message": message.into(), "error": name, "statusCode": status.as_u16() });
    (status, Json(body)).into_response()
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => error(StatusCode::FORBIDDEN, "Forbidden resource"),
        // No document names a status for it; calls end with `subscription-frozen`.
        Fault::Suspended => {
            error(StatusCode::PAYMENT_REQUIRED, "Your organization has no active subscription.")
        }
        Fault::Throttled => error(StatusCode::TOO_MANY_REQUESTS, "ThrottlerException: Too Many Requests"),
        Fault::ServerError => error(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
        Fault::ErrorInside => {
            let mut response = error(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error");
            *response.status_mut() = StatusCode::OK;
            response
        }
        _ => error(StatusCode::UNAUTHORIZED, INVALID_KEY),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn account_name(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    let key = bearer(headers)?;
    shared.read(|world| world.vapi.account(key).map(|account| account.name.clone()))
}

/// The organization that a request signs in to. A public key opens nothing here.
fn sign_in(shared: &Shared, headers: &HeaderMap) -> Result<VapiAccount, Response> {
    bearer(headers)
        .and_then(|key| shared.read(|world| world.vapi.account(key).cloned()))
        .ok_or_else(|| error(StatusCode::UNAUTHORIZED, INVALID_KEY))
}

fn parse_id(text: &str) -> Result<Uuid, Response> {
    Uuid::try_parse(text).map_err(|_| error(StatusCode::BAD_REQUEST, json!(["id must be a UUID"])))
}

fn parse_body(bytes: &Bytes) -> Result<Value, Response> {
    serde_json::from_slice::<Value>(bytes)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| error(StatusCode::BAD_REQUEST, "The body is not a JSON object"))
}

fn not_found(what: &str, id: Uuid) -> Response {
    error(StatusCode::NOT_FOUND, format!("Couldn't Find {what} {id}"))
}

/// The query of a list.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListQuery {
    limit: Option<usize>,
    created_at_lt: Option<String>,
    created_at_le: Option<String>,
    created_at_gt: Option<String>,
    created_at_ge: Option<String>,
}

/// A bare array, newest first.
fn list(stored: &[Stored], org_id: Uuid, query: &ListQuery) -> Response {
    let keeps = |object: &&Stored| {
        let at = object.created_at.as_str();
        object.org_id == org_id
            && query.created_at_lt.as_deref().is_none_or(|limit| at < limit)
            && query.created_at_le.as_deref().is_none_or(|limit| at <= limit)
            && query.created_at_gt.as_deref().is_none_or(|limit| at > limit)
            && query.created_at_ge.as_deref().is_none_or(|limit| at >= limit)
    };
    let limit = query.limit.unwrap_or(100).min(1000);
    let shown: Vec<Value> = stored.iter().rev().filter(keeps).take(limit).map(Stored::shown).collect();
    Json(shown).into_response()
}

/// Lays the members of a patch over a body: nested objects are replaced, not merged.
fn patch(stored: &mut Stored, members: Value) {
    if let (Some(body), Value::Object(members)) = (stored.body.as_object_mut(), members) {
        body.extend(members);
    }
    stored.updated_at = now_iso();
}

fn is_credential_of(world: &VapiWorld, org_id: Uuid, id: &str) -> bool {
    world.credentials.iter().any(|known| known.org_id == org_id && known.id.to_string() == id)
}

async fn list_assistants(
    State(shared): SharedState,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Answer {
    let account = sign_in(&shared, &headers)?;
    Ok(shared.read(|world| list(&world.vapi.assistants, account.org_id, &query)))
}

async fn create_assistant(State(shared): SharedState, headers: HeaderMap, bytes: Bytes) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let body = parse_body(&bytes)?;
    shared.change(|world| {
        check_assistant(&world.vapi, &account, &body)?;
        let made = Stored::new(Uuid::new_v4(), account.org_id, body);
        let shown = made.shown();
        world.vapi.assistants.push(made);
        Ok((StatusCode::CREATED, Json(shown)).into_response())
    })
}

fn check_assistant(world: &VapiWorld, account: &VapiAccount, body: &Value) -> Result<(), Response> {
    let mut problems = schema::problems(body);
    if let Some(id) = body["server"]["credentialId"].as_str()
        && !is_credential_of(world, account.org_id, id)
    {
        problems.push(format!("server.credentialId {id} does not exist"));
    }
    if problems.is_empty() { Ok(()) } else { Err(error(StatusCode::BAD_REQUEST, problems)) }
}

async fn show_assistant(State(shared): SharedState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let id = parse_id(&id)?;
    shared.read(|world| show(&world.vapi.assistants, &account, id, "Assistant"))
}

fn show(stored: &[Stored], account: &VapiAccount, id: Uuid, what: &str) -> Answer {
    stored
        .iter()
        .find(|object| object.id == id && object.org_id == account.org_id)
        .map(|object| Json(object.shown()).into_response())
        .ok_or_else(|| not_found(what, id))
}

async fn patch_assistant(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let id = parse_id(&id)?;
    let body = parse_body(&bytes)?;
    shared.change(|world| {
        let at = position(&world.vapi.assistants, &account, id).ok_or_else(|| not_found("Assistant", id))?;
        check_assistant(&world.vapi, &account, &body)?;
        let stored = &mut world.vapi.assistants[at];
        patch(stored, body);
        Ok(Json(stored.shown()).into_response())
    })
}

fn position(stored: &[Stored], account: &VapiAccount, id: Uuid) -> Option<usize> {
    stored.iter().position(|object| object.id == id && object.org_id == account.org_id)
}

async fn delete_assistant(State(shared): SharedState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let id = parse_id(&id)?;
    shared.change(|world| {
        let at = position(&world.vapi.assistants, &account, id).ok_or_else(|| not_found("Assistant", id))?;
        Ok(Json(world.vapi.assistants.remove(at).shown()).into_response())
    })
}

async fn list_numbers(
    State(shared): SharedState,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Answer {
    let account = sign_in(&shared, &headers)?;
    Ok(shared.read(|world| list(&world.vapi.phone_numbers, account.org_id, &query)))
}

async fn create_number(State(shared): SharedState, headers: HeaderMap, bytes: Bytes) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let body = parse_body(&bytes)?;
    shared.change(|world| {
        check_number(&world.vapi, &account, &body)?;
        let made = Stored::new(Uuid::new_v4(), account.org_id, body);
        let shown = made.shown();
        world.vapi.phone_numbers.push(made);
        Ok((StatusCode::CREATED, Json(shown)).into_response())
    })
}

fn check_number(world: &VapiWorld, account: &VapiAccount, body: &Value) -> Result<(), Response> {
    let mut problems = schema::number_problems(body);
    if let Some(id) = body["assistantId"].as_str() {
        let is_own = Uuid::try_parse(id).is_ok_and(|id| position(&world.assistants, account, id).is_some());
        if !is_own {
            problems.push(format!("Couldn't Get Assistant. `assistantId` {id} Does Not Exist."));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(error(StatusCode::BAD_REQUEST, problems)) }
}

async fn show_number(State(shared): SharedState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let id = parse_id(&id)?;
    shared.read(|world| show(&world.vapi.phone_numbers, &account, id, "Phone Number"))
}

async fn patch_number(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let id = parse_id(&id)?;
    let body = parse_body(&bytes)?;
    shared.change(|world| {
        let at =
            position(&world.vapi.phone_numbers, &account, id).ok_or_else(|| not_found("Phone Number", id))?;
        check_number(&world.vapi, &account, &body)?;
        let stored = &mut world.vapi.phone_numbers[at];
        patch(stored, body);
        Ok(Json(stored.shown()).into_response())
    })
}

async fn delete_number(State(shared): SharedState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let id = parse_id(&id)?;
    shared.change(|world| {
        let at =
            position(&world.vapi.phone_numbers, &account, id).ok_or_else(|| not_found("Phone Number", id))?;
        Ok(Json(world.vapi.phone_numbers.remove(at).shown()).into_response())
    })
}

/// Adds a phone number to an organization; gives its id.
pub(super) fn add_number(world: &mut World, org_id: Uuid, number: &str) -> Uuid {
    let id = Uuid::new_v4();
    world.vapi.phone_numbers.push(Stored::new(id, org_id, number_body(number, "Front desk")));
    id
}

pub(super) fn number_body(number: &str, name: &str) -> Value {
    json!({ "provider": "twilio", "number": number, "name": name, "assistantId": null, "status": "active" })
}
