//! Forms of the agents' page.

use axum::extract::Path;
use axum::response::Response;

use super::Submission;
use crate::calls::agents;
use crate::db::agents::AgentChange;
use crate::domain::card::Meaning;
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::integrations::ensure;

const HOME: &str = "/dashboard/agents";
const FIELDS: &[&str] = &[
    "name",
    "firstMessage",
    "systemPrompt",
    "modelProvider",
    "model",
    "voiceProvider",
    "voiceId",
    "language",
];

/// `POST /dashboard/agents/{role}`
pub async fn submit_agent(Path(role): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let text = |key: &str| form.fields.text(key).trim().to_owned();
    let mut tx = form.caller.begin(&form.state.services).await?;
    let stored = agents::find(&mut tx, &role).await?;
    tx.commit().await?;
    let change = AgentChange {
        name: text("name"),
        first_message: text("firstMessage"),
        system_prompt: text("systemPrompt"),
        model_provider: text("modelProvider"),
        model: text("model"),
        voice_provider: text("voiceProvider"),
        voice_id: text("voiceId"),
        language: text("language"),
        max_duration_seconds: stored.max_duration_seconds,
        tools: stored.tools(),
        fallbacks: stored.fallbacks(),
    };
    match agents::update(&form.state.services, &form.caller, &role, &change).await {
        Ok(row) => {
            let said = match row.vapi_state.as_str() {
                "ready" => {
                    Said::message(Meaning::Works, format!("The {role} agent is saved and in step with Vapi"))
                }
                _ => Said::message(
                    Meaning::Unknown,
                    format!("The {role} agent is saved. It goes to Vapi as soon as Vapi takes it"),
                ),
            };
            form.go(HOME, said).await
        }
        Err(error) => form.back(HOME, error.into(), FIELDS, &role).await,
    }
}

/// `POST /dashboard/agents/{role}/delete`
pub async fn submit_delete(Path(role): Path<String>, form: Submission) -> Result<Response, HttpError> {
    match ensure::delete_assistant(&form.state.services, &form.caller, &role).await {
        Ok(()) => {
            form.go(HOME, Said::message(Meaning::Unknown, format!("The {role} assistant is deleted at Vapi")))
                .await
        }
        Err(error) => form.back(HOME, error.into(), &[], "").await,
    }
}
