//! The agents of a clinic: what people may change, how it is checked, and which one takes a call.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::CallError;
use crate::audit::Ended;
use crate::db::agents::{self, AgentChange, AgentRow};
use crate::db::{DbError, OrgTx, jobs};
use crate::domain::OrgId;
use crate::integrations::ensure::{self, ENSURE_ASSISTANTS};
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;

/// Finds the agent of a role; anything but `inbound` and `outbound` is not found.
pub async fn find(tx: &mut OrgTx, role: &str) -> Result<AgentRow, CallError> {
    check_role(role)?;
    Ok(agents::find(tx, role).await?.ok_or(DbError::NotFound)?)
}

/// A role that does not exist is asked of nobody, and stands in no trail.
fn check_role(role: &str) -> Result<(), DbError> {
    if ensure::ROLES.contains(&role) { Ok(()) } else { Err(DbError::NotFound) }
}

/// Checks what somebody wrote, with the limits of Vapi's schema.
pub fn check(change: &AgentChange) -> Result<(), CallError> {
    let invalid =
        |field: &'static str, message: &str| Err(CallError::Invalid { field, message: message.to_owned() });
    let length = |text: &str| text.trim().chars().count();
    // PostgreSQL keeps no NUL in a text.
    for (field, value) in [
        ("name", &change.name),
        ("firstMessage", &change.first_message),
        ("systemPrompt", &change.system_prompt),
    ] {
        if value.contains('\0') {
            return invalid(field, "This text has a character that cannot be stored.");
        }
    }
    if !(1..=40).contains(&length(&change.name)) {
        return invalid("name", "Enter a name with 1 to 40 characters.");
    }
    if length(&change.first_message) > 1000 {
        return invalid("firstMessage", "The first message can have 1000 characters at most.");
    }
    if !(1..=20_000).contains(&length(&change.system_prompt)) {
        return invalid("systemPrompt", "Tell the agent what to do, in at most 20,000 characters.");
    }
    for (field, value) in [
        ("modelProvider", &change.model_provider),
        ("model", &change.model),
        ("voiceProvider", &change.voice_provider),
        ("voiceId", &change.voice_id),
        ("language", &change.language),
    ] {
        if !(1..=80).contains(&length(value)) || value.chars().any(char::is_control) {
            return invalid(field, "Fill in this field, with at most 80 characters.");
        }
    }
    if !(10..=43_200).contains(&change.max_duration_seconds) {
        return invalid("maxDurationSeconds", "A call can take 10 seconds to 12 hours.");
    }
    match change.fallbacks.check(&change.tools) {
        Ok(()) => Ok(()),
        Err((field, message)) => invalid(field, message),
    }
}

/// How long the choice of an assistant may take, from the arrival of the request. Vapi waits 7.5 s
/// from end to end, and the caller hears nothing meanwhile.
const CHOICE: Duration = Duration::from_secs(4);

/// Answers Vapi's `assistant-request`: the clinic's inbound assistant, or a sentence that Vapi speaks
/// to the caller.
pub async fn answer_request(services: &Services, org: OrgId, started: Instant) -> Value {
    let until = tokio::time::Instant::from_std(started + CHOICE);
    match tokio::time::timeout_at(until, ready_inbound(services, org)).await {
        Ok(Ok(Some(assistant))) => return json!({ "assistantId": assistant }),
        Ok(Ok(None)) => tracing::warn!(%org, "a call came in and no inbound assistant is ready"),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, "no assistant could be looked up for a call");
        }
        Err(_) => tracing::warn!(%org, "looking up the assistant for a call took too long"),
    }
    no_answer()
}

/// What the caller hears where no assistant can take the call.
pub fn no_answer() -> Value {
    json!({ "error": "This clinic can not take the call right now. Please call again later." })
}

async fn ready_inbound(services: &Services, org: OrgId) -> Result<Option<uuid::Uuid>, DbError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let assistant = agents::find_ready(&mut tx, "inbound").await?;
    tx.commit().await?;
    Ok(assistant)
}

/// Stores a change and brings it to Vapi, as far as Vapi is connected and answers.
pub async fn update(
    services: &Services,
    caller: &Caller,
    role: &str,
    change: &AgentChange,
) -> Result<AgentRow, CallError> {
    check_role(role)?;
    caller.require_configure(services, "agent.changed", role).await?;
    check(change)?;
    let mut tx = caller.begin(services).await?;
    agents::update(&mut tx, role, change, caller.user()).await?;
    jobs::request(&mut tx, ENSURE_ASSISTANTS).await?;
    caller.record(&mut tx, services, "agent.changed", role, Ended::Success, "").await?;
    tx.commit().await.map_err(IntegrationError::from)?;
    // The job goes on where this does not finish; its state shows on the page.
    if let Err(error) = ensure::ensure_assistants(services, caller.org()).await {
        tracing::info!(error = &error as &dyn std::error::Error, org = %caller.org(), "the assistants are not up to date yet");
    }
    let mut tx = caller.begin(services).await?;
    let row = find(&mut tx, role).await?;
    tx.commit().await.map_err(IntegrationError::from)?;
    Ok(row)
}
