//! Calls of the Vapi stand-in that are placed by request: `POST /call`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call;
use super::super::state::Stored;
use super::{Answer, SharedState, error, not_found, parse_body, parse_id, position, sign_in, talk};

/// Members that Vapi's schema of a call knows.
const KNOWN: &[&str] = &[
    "assistantId",
    "assistantOverrides",
    "assistant",
    "assistantVersion",
    "customer",
    "customerId",
    "customers",
    "name",
    "phoneNumber",
    "phoneNumberId",
    "schedulePlan",
    "squadId",
    "workflowId",
];

pub(super) async fn create(State(shared): SharedState, headers: HeaderMap, bytes: Bytes) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let body = parse_body(&bytes)?;
    if body.get("transport").is_some() {
        return talk::create(&shared, &account, body);
    }
    let refuse = |message: Value| Err(error(StatusCode::BAD_REQUEST, message));
    let mut problems: Vec<String> = Vec::new();
    for member in body.as_object().into_iter().flat_map(|members| members.keys()) {
        if !KNOWN.contains(&member.as_str()) {
            problems.push(format!("property {member} should not exist"));
        }
    }
    let number = body["customer"]["number"].as_str().unwrap_or_default();
    let digits = number.strip_prefix('+').unwrap_or_default();
    if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        problems.push("customer.number must be a valid phone number in the E.164 format".to_owned());
    }
    for member in ["name", "externalId"] {
        if body["customer"][member].as_str().is_some_and(|text| text.chars().count() > 40) {
            problems.push(format!("customer.{member} must be shorter than or equal to 40 characters"));
        }
    }
    if !problems.is_empty() {
        return refuse(json!(problems));
    }
    let id = |member: &str| body[member].as_str().and_then(|id| Uuid::try_parse(id).ok());
    let (assistant, from) = (id("assistantId"), id("phoneNumberId"));
    let made = shared.change(|world| {
        let is_own = |stored: &[Stored], id: Option<Uuid>| {
            id.is_some_and(|id| position(stored, &account, id).is_some())
        };
        if !is_own(&world.vapi.assistants, assistant) {
            let id = assistant.map(|id| id.to_string()).unwrap_or_default();
            return Err(format!("Couldn't Get Assistant. `assistantId` {id} Does Not Exist."));
        }
        if !is_own(&world.vapi.phone_numbers, from) {
            return Err("Couldn't Get Phone Number. Need Either `phoneNumberId` Or `phoneNumber`.".to_owned());
        }
        let mut body = body.clone();
        body["type"] = "outboundPhoneCall".into();
        body["status"] = "queued".into();
        let made = Stored::new(Uuid::new_v4(), account.org_id, body);
        world.vapi.calls.push(made.clone());
        Ok(made)
    });
    let made = match made {
        Ok(made) => made,
        Err(message) => return refuse(message.into()),
    };
    if shared.reports {
        let (shared, call) = (shared.clone(), made.clone());
        tokio::spawn(async move {
            // Vapi answers first, and then it dials.
            tokio::time::sleep(std::time::Duration::from_millis(400)).await;
            if let Err(error) = call::dial(&shared, &call).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the stand-in could not place a call"
                );
            }
        });
    }
    let mut shown = made.shown();
    shown["subscriptionLimits"] =
        json!({ "concurrencyBlocked": false, "concurrencyLimit": 10, "remainingConcurrentCalls": 9 });
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

pub(super) async fn show(State(shared): SharedState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let id = parse_id(&id)?;
    shared.read(|world| {
        position(&world.vapi.calls, &account, id)
            .map(|at| Json(world.vapi.calls[at].shown()).into_response())
            .ok_or_else(|| not_found("Call", id))
    })
}
