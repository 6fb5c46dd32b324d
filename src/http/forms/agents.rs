//! Forms of the agents' page.

use axum::extract::Path;
use axum::response::Response;

use super::Submission;
use crate::app::pages::agent_tools::box_name;
use crate::calls::agents;
use crate::db::agents::AgentChange;
use crate::domain::agent_tools::{AgentTool, CalendarFallback, Fallbacks};
use crate::domain::card::Meaning;
use crate::domain::phone::PhoneNumber;
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::integrations::in_step::{self, InStep};
use crate::integrations::{ensure, voices};
use crate::providers::Choice;

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
    "voice",
    "toolsShown",
    "tool_check_availability",
    "tool_book_appointment",
    "tool_reschedule_appointment",
    "tool_cancel_appointment",
    "tool_send_sms",
    "tool_take_message",
    "tool_transfer_call",
    "calendarFallback",
    "smsMail",
    "transferNumber",
];

/// `POST /dashboard/agents/{role}`
pub async fn submit_agent(Path(role): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let text = |key: &str| form.fields.text(key).trim().to_owned();
    let mut tx = form.caller.begin(&form.state.services).await?;
    let stored = agents::find(&mut tx, &role).await?;
    tx.commit().await?;
    if form.fields.text("intent") == "voices" {
        return show_voices(&form, &role).await;
    }
    // Who writes a voice by hand means that one; else the list decides.
    let written = (text("voiceProvider"), text("voiceId"));
    let is_untouched = written == (stored.voice_provider.clone(), stored.voice_id.clone());
    let chosen = form.fields.text("voice").split_once(':').filter(|_| is_untouched);
    let (voice_provider, voice_id) = match chosen {
        Some((provider, id)) => (provider.to_owned(), id.to_owned()),
        None => written,
    };
    // A form that shows no tools changes none.
    let (tools, fallbacks) = if form.fields.text("toolsShown").is_empty() {
        (stored.tools(), stored.fallbacks())
    } else {
        let is_ticked = |tool: &AgentTool| !form.fields.text(&box_name(*tool)).is_empty();
        let number = text("transferNumber");
        let fallbacks = Fallbacks {
            calendar: CalendarFallback::parse(form.fields.text("calendarFallback")).unwrap_or_default(),
            sms_mail: text("smsMail"),
            transfer_number: PhoneNumber::parse(&number).map_or(number, |parsed| parsed.as_str().to_owned()),
        };
        (AgentTool::ALL.into_iter().filter(is_ticked).collect(), fallbacks)
    };
    let change = AgentChange {
        name: text("name"),
        first_message: text("firstMessage"),
        system_prompt: text("systemPrompt"),
        model_provider: text("modelProvider"),
        model: text("model"),
        voice_provider,
        voice_id,
        language: text("language"),
        max_duration_seconds: stored.max_duration_seconds,
        tools,
        fallbacks,
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

/// Asks the clinic's own ElevenLabs account for its voices, for the page to choose from.
async fn show_voices(form: &Submission, role: &str) -> Result<Response, HttpError> {
    form.caller.require_configure(&form.state.services, "agent.changed", role).await?;
    match voices::list(&form.state.services, form.caller.org()).await {
        Ok(found) => {
            let choices = found
                .into_iter()
                .map(|voice| Choice { value: format!("11labs:{}", voice.voice_id), label: voice.name })
                .collect();
            let said = Said {
                choices,
                values: form.fields.keep(FIELDS),
                form: role.to_owned(),
                ..Said::message(Meaning::Works, "Choose one of your ElevenLabs voices, then save the agent")
            };
            form.go(HOME, said).await
        }
        Err(error) => form.back(HOME, error.into(), FIELDS, role).await,
    }
}

/// `POST /dashboard/agents/{role}/check`
pub async fn submit_check(Path(role): Path<String>, form: Submission) -> Result<Response, HttpError> {
    match in_step::look(&form.state.services, &form.caller, &role).await {
        Ok(found) => {
            let (meaning, text) = match found {
                InStep::Same => (Meaning::Works, "The assistant at Vapi is what was sent"),
                InStep::ChangedHere => (Meaning::Attention, "What you changed here was not sent to Vapi yet"),
                InStep::ChangedThere => (Meaning::Attention, "Somebody changed the assistant at Vapi"),
                InStep::GoneThere => (Meaning::Broken, "The assistant is gone at Vapi"),
                InStep::NotThere => (Meaning::Unknown, "There is no assistant at Vapi yet"),
            };
            form.go(HOME, Said::message(meaning, text)).await
        }
        Err(error) => form.back(HOME, error.into(), &[], "").await,
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
