//! Agents by role.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::integrations::rfc3339;
use super::{Admitted, JsonBody};
use crate::calls::agents;
use crate::db::agents::{AgentChange, AgentRow};
use crate::http::error::{HttpError, Problem};
use crate::integrations::ensure;

/// An agent's configuration, and how it stands at Vapi.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentOut {
    pub role: String,
    pub name: String,
    pub first_message: String,
    pub system_prompt: String,
    pub model_provider: String,
    pub model: String,
    pub voice_provider: String,
    pub voice_id: String,
    pub language: String,
    /// Seconds, 10 to 43,200.
    pub max_duration_seconds: i32,
    pub assistant_id: Option<String>,
    /// `missing`, `pending`, `ready`, `failed` or `deleted`.
    pub state: String,
    pub error: Option<String>,
    pub synced_at: Option<String>,
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentIn {
    pub name: Option<String>,
    pub first_message: Option<String>,
    pub system_prompt: Option<String>,
    pub model_provider: Option<String>,
    pub model: Option<String>,
    pub voice_provider: Option<String>,
    pub voice_id: Option<String>,
    pub language: Option<String>,
    pub max_duration_seconds: Option<i32>,
}

fn out(row: AgentRow) -> AgentOut {
    AgentOut {
        role: row.role,
        name: row.name,
        first_message: row.first_message,
        system_prompt: row.system_prompt,
        model_provider: row.model_provider,
        model: row.model,
        voice_provider: row.voice_provider,
        voice_id: row.voice_id,
        language: row.language,
        max_duration_seconds: row.max_duration_seconds,
        assistant_id: row.vapi_assistant_id.map(|id| id.to_string()),
        state: row.vapi_state,
        error: row.vapi_error,
        synced_at: row.vapi_synced_at.map(rfc3339),
    }
}

async fn find(admitted: &Admitted, role: &str) -> Result<AgentRow, HttpError> {
    let mut tx = admitted.caller.begin(&admitted.state.services).await?;
    let row = agents::find(&mut tx, role).await?;
    tx.commit().await?;
    Ok(row)
}

/// Shows the agent of a role, `inbound` or `outbound`.
#[utoipa::path(get, path = "/api/agents/{role}", tag = "agents", params(("role" = String, Path)),
    responses((status = 200, body = AgentOut), (status = 404, body = Problem)))]
pub async fn show(admitted: Admitted, Path(role): Path<String>) -> Result<Json<AgentOut>, HttpError> {
    Ok(Json(out(find(&admitted, &role).await?)))
}

/// Changes an agent and brings it to Vapi, as far as Vapi answers.
#[utoipa::path(put, path = "/api/agents/{role}", tag = "agents", params(("role" = String, Path)), request_body = AgentIn,
    responses((status = 200, body = AgentOut), (status = 422, body = Problem)))]
pub async fn save(
    admitted: Admitted,
    Path(role): Path<String>,
    JsonBody(body): JsonBody<AgentIn>,
) -> Result<Json<AgentOut>, HttpError> {
    let stored = find(&admitted, &role).await?;
    let change = AgentChange {
        name: body.name.unwrap_or(stored.name),
        first_message: body.first_message.unwrap_or(stored.first_message),
        system_prompt: body.system_prompt.unwrap_or(stored.system_prompt),
        model_provider: body.model_provider.unwrap_or(stored.model_provider),
        model: body.model.unwrap_or(stored.model),
        voice_provider: body.voice_provider.unwrap_or(stored.voice_provider),
        voice_id: body.voice_id.unwrap_or(stored.voice_id),
        language: body.language.unwrap_or(stored.language),
        max_duration_seconds: body.max_duration_seconds.unwrap_or(stored.max_duration_seconds),
    };
    Ok(Json(out(agents::update(&admitted.state.services, &admitted.caller, &role, &change).await?)))
}

/// Deletes the assistant of a role at Vapi; its configuration stays.
#[utoipa::path(delete, path = "/api/agents/{role}", tag = "agents", params(("role" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn remove(admitted: Admitted, Path(role): Path<String>) -> Result<StatusCode, HttpError> {
    ensure::delete_assistant(&admitted.state.services, &admitted.caller, &role).await?;
    Ok(StatusCode::NO_CONTENT)
}
