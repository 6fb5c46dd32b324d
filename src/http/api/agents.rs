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
use crate::db::schedules::{self, ScheduleRow};
use crate::domain::agent_tools::{AgentTool, Fallbacks};
use crate::http::error::{HttpError, Problem};
use crate::integrations::{ensure, in_step};

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
    /// The tools that are switched on.
    #[schema(value_type = Vec<String>)]
    pub tools: Vec<AgentTool>,
    #[schema(value_type = FallbacksOut)]
    pub fallbacks: Fallbacks,
    pub assistant_id: Option<String>,
    /// `missing`, `pending`, `ready`, `failed` or `deleted`.
    pub state: String,
    pub error: Option<String>,
    pub synced_at: Option<String>,
    /// `same`, `changed_here` (not sent to Vapi yet), `changed_there` (by somebody at Vapi),
    /// `gone_there`, or `not_there`.
    pub in_step: String,
    /// When Vapi was last asked how its assistant is.
    pub checked_at: Option<String>,
}

/// What happens when a tool can not do its work.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described for programs; what travels is the type of the domain")]
pub struct FallbacksOut {
    /// `take_message`, `call_back` or `transfer`, while the calendar can not be asked.
    calendar: String,
    /// Who gets an e-mail where a text message surely did not go out; empty for nobody.
    sms_mail: String,
    /// The number that calls are put through to; empty for none.
    transfer_number: String,
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
    /// All that shall be switched on: `check_availability`, `book_appointment`, `reschedule_appointment`,
    /// `cancel_appointment`, `send_sms`, `take_message`, `transfer_call`.
    #[schema(value_type = Option<Vec<String>>)]
    pub tools: Option<Vec<AgentTool>>,
    #[schema(value_type = Option<FallbacksOut>)]
    pub fallbacks: Option<Fallbacks>,
}

fn out(admitted: &Admitted, row: AgentRow, schedule: &ScheduleRow) -> AgentOut {
    let in_step = in_step::of(&admitted.state.services, admitted.caller.org(), &row, schedule);
    AgentOut {
        tools: row.tools(),
        fallbacks: row.fallbacks(),
        in_step: in_step.as_str().to_owned(),
        checked_at: row.vapi_checked_at.map(rfc3339),
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

async fn find(admitted: &Admitted, role: &str) -> Result<(AgentRow, ScheduleRow), HttpError> {
    let mut tx = admitted.caller.begin(&admitted.state.services).await?;
    let row = agents::find(&mut tx, role).await?;
    let schedule = schedules::find(&mut tx).await?;
    tx.commit().await?;
    Ok((row, schedule))
}

/// Shows the agent of a role, `inbound` or `outbound`.
#[utoipa::path(get, path = "/api/agents/{role}", tag = "agents", params(("role" = String, Path)),
    responses((status = 200, body = AgentOut), (status = 404, body = Problem)))]
pub async fn show(admitted: Admitted, Path(role): Path<String>) -> Result<Json<AgentOut>, HttpError> {
    let (row, schedule) = find(&admitted, &role).await?;
    Ok(Json(out(&admitted, row, &schedule)))
}

/// Asks Vapi how the assistant of a role is now, and says how the agent stands.
#[utoipa::path(post, path = "/api/agents/{role}/check", tag = "agents", params(("role" = String, Path)),
    responses((status = 200, body = AgentOut), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 502, body = Problem)))]
pub async fn check(admitted: Admitted, Path(role): Path<String>) -> Result<Json<AgentOut>, HttpError> {
    find(&admitted, &role).await?;
    in_step::look(&admitted.state.services, &admitted.caller, &role).await?;
    let (row, schedule) = find(&admitted, &role).await?;
    Ok(Json(out(&admitted, row, &schedule)))
}

/// Changes an agent and brings it to Vapi, as far as Vapi answers.
#[utoipa::path(put, path = "/api/agents/{role}", tag = "agents", params(("role" = String, Path)), request_body = AgentIn,
    responses((status = 200, body = AgentOut), (status = 422, body = Problem)))]
pub async fn save(
    admitted: Admitted,
    Path(role): Path<String>,
    JsonBody(body): JsonBody<AgentIn>,
) -> Result<Json<AgentOut>, HttpError> {
    let (stored, schedule) = find(&admitted, &role).await?;
    let (tools, fallbacks) = (stored.tools(), stored.fallbacks());
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
        tools: body.tools.unwrap_or(tools),
        fallbacks: body.fallbacks.unwrap_or(fallbacks),
    };
    let row = agents::update(&admitted.state.services, &admitted.caller, &role, &change).await?;
    Ok(Json(out(&admitted, row, &schedule)))
}

/// Deletes the assistant of a role at Vapi; its configuration stays.
#[utoipa::path(delete, path = "/api/agents/{role}", tag = "agents", params(("role" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn remove(admitted: Admitted, Path(role): Path<String>) -> Result<StatusCode, HttpError> {
    ensure::delete_assistant(&admitted.state.services, &admitted.caller, &role).await?;
    Ok(StatusCode::NO_CONTENT)
}
