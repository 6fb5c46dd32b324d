//! Credentials of the Vapi stand-in: how server messages are authenticated, and keys of ElevenLabs.
//!
//! The secrets are kept for signing and never answered.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::state::Stored;
use super::{
    Answer, ListQuery, SharedState, error, not_found, parse_body, parse_id, position, schema, sign_in,
};

pub(super) async fn create(State(shared): SharedState, headers: HeaderMap, bytes: Bytes) -> Answer {
    let account = sign_in(&shared, &headers)?;
    if shared.faults.refuses_credentials() {
        return Err(error(StatusCode::NOT_FOUND, "Cannot POST /credential"));
    }
    let body = parse_body(&bytes)?;
    let problems = schema::credential_problems(&body);
    if !problems.is_empty() {
        return Err(error(StatusCode::BAD_REQUEST, problems));
    }
    shared.change(|world| {
        let made = Stored::new(Uuid::new_v4(), account.org_id, body);
        let shown = without_secrets(&made);
        world.vapi.credentials.push(made);
        Ok((StatusCode::CREATED, Json(shown)).into_response())
    })
}

pub(super) async fn list(
    State(shared): SharedState,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Answer {
    let account = sign_in(&shared, &headers)?;
    if shared.faults.hides_credentials() {
        return Err(error(StatusCode::NOT_FOUND, "Cannot GET /credential"));
    }
    let limit = query.limit.unwrap_or(100).min(1000);
    let shown: Vec<Value> = shared.read(|world| {
        let own = world.vapi.credentials.iter().rev().filter(|stored| stored.org_id == account.org_id);
        own.take(limit).map(without_secrets).collect()
    });
    Ok(Json(shown).into_response())
}

pub(super) async fn delete(State(shared): SharedState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let id = parse_id(&id)?;
    shared.change(|world| {
        let at =
            position(&world.vapi.credentials, &account, id).ok_or_else(|| not_found("Credential", id))?;
        Ok(Json(without_secrets(&world.vapi.credentials.remove(at))).into_response())
    })
}

fn without_secrets(stored: &Stored) -> Value {
    let mut shown = stored.shown();
    if let Some(plan) = shown.get_mut("authenticationPlan").and_then(Value::as_object_mut) {
        for secret in ["secretKey", "token", "clientSecret"] {
            plan.remove(secret);
        }
    }
    if let Some(members) = shown.as_object_mut() {
        members.remove("apiKey");
        if members.contains_key("authenticationPlan") {
            members.insert("authenticationSession".to_owned(), json!({}));
        }
    }
    shown
}
