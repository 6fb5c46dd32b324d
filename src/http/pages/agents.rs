//! `/dashboard/agents`: both agents and how they stand at Vapi.

use axum::response::Html;

use super::{Page, millis};
use crate::app::NavItem;
use crate::app::pages::agents::{AgentForm, AgentsView, AtVapi, agents_page};
use crate::db::agents::{self, AgentRow};
use crate::domain::ProviderId;
use crate::domain::card::{CardState, Meaning};
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::integrations::cards;

/// The page.
pub async fn show(mut page: Page) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let services = page.state.services.clone();
    let cards = cards::list(&mut page.tx, &services).await?;
    let rows = agents::list(&mut page.tx).await?;
    let vapi = cards.iter().find(|card| card.spec.id == ProviderId::Vapi).map(|card| card.state);
    let view = AgentsView {
        org: page.scope.org,
        now: page.now(),
        can_configure: page.can_configure(),
        may_ask,
        vapi_connected: vapi.is_some_and(|state| state != CardState::NotConfigured),
        agents: rows.into_iter().map(|row| form(row, &page.said)).collect(),
    };
    page.draw("Agents", NavItem::Agents, || agents_page(view)).await
}

fn form(row: AgentRow, said: &Said) -> AgentForm {
    let is_typed = said.form == row.role;
    let value =
        |key: &str, stored: String| said.values.get(key).filter(|_| is_typed).cloned().unwrap_or(stored);
    AgentForm {
        role: if row.role == "outbound" { "outbound" } else { "inbound" },
        at_vapi: at_vapi(&row),
        name: value("name", row.name),
        first_message: value("firstMessage", row.first_message),
        system_prompt: value("systemPrompt", row.system_prompt),
        voice_provider: value("voiceProvider", row.voice_provider),
        voice_id: value("voiceId", row.voice_id),
        model_provider: value("modelProvider", row.model_provider),
        model: value("model", row.model),
        language: value("language", row.language),
        errors: if is_typed { said.errors.clone() } else { Vec::new() },
    }
}

fn at_vapi(row: &AgentRow) -> AtVapi {
    let (meaning, text) = match row.vapi_state.as_str() {
        "ready" => (Meaning::Works, "In step with Vapi".to_owned()),
        "pending" => {
            (Meaning::Attention, row.vapi_error.clone().unwrap_or_else(|| "On its way to Vapi".to_owned()))
        }
        "failed" => {
            (Meaning::Broken, row.vapi_error.clone().unwrap_or_else(|| "Vapi refused this agent".to_owned()))
        }
        "deleted" => (Meaning::Unknown, "Deleted at Vapi. Save to make it again.".to_owned()),
        _ => (Meaning::Unknown, "Not made at Vapi yet".to_owned()),
    };
    AtVapi {
        meaning,
        text,
        assistant_id: row.vapi_assistant_id.map(|id| id.to_string()),
        synced_at: row.vapi_synced_at.map(millis),
    }
}
