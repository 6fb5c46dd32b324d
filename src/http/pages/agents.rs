//! `/dashboard/agents`: both agents and how they stand at Vapi, which is asked beside the page.

use axum::Extension;
use axum::response::{IntoResponse, Response};

use super::{Page, millis};
use crate::app::NavItem;
use crate::app::pages::agent_tools::{ToolsForm, box_name};
use crate::app::pages::agents::{AgentForm, AgentsView, AtVapi, agents_page};
use crate::app::pages::schedule::ScheduleForm;
use crate::app::pages::talk::TalkView;
use crate::db::agents::{self, AgentRow};
use crate::db::schedules::{self, ScheduleRow};
use crate::domain::ProviderId;
use crate::domain::agent_tools::AgentTool;
use crate::domain::card::{CardState, Meaning};
use crate::domain::clinic_plan::ClinicPlan;
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::http::forms::schedule::{FORM, values_of};
use crate::http::middleware::security_headers::MayTalk;
use crate::integrations::cards;
use crate::integrations::in_step::{self, InStep};

/// The page.
pub async fn show(mut page: Page) -> Result<Response, HttpError> {
    let may_ask = page.may_ask().await?;
    let services = page.state.services.clone();
    let cards = cards::list(&mut page.tx, &services).await?;
    let rows = agents::list(&mut page.tx).await?;
    let schedule = schedules::find(&mut page.tx).await?;
    in_step::look_soon(&services, page.scope.org, &rows);
    let connected = |id: ProviderId| {
        let card = cards.iter().find(|card| card.spec.id == id);
        card.is_some_and(|card| card.state != CardState::NotConfigured)
    };
    let may_load_voices = connected(ProviderId::ElevenLabs);
    let vapi = cards.iter().find(|card| card.spec.id == ProviderId::Vapi).map(|card| card.state);
    let vapi_connected = vapi.is_some_and(|state| state != CardState::NotConfigured);
    let assets = page.state.assets.talk.clone();
    let may_talk = page.can_configure() && vapi_connected && assets.is_some();
    let talk = match (page.can_configure(), vapi_connected) {
        (false, _) => None,
        (true, false) => Some(TalkView::NotConnected),
        (true, true) => Some(TalkView::Ready { assets, nonce: page.nonce.clone() }),
    };
    let view = AgentsView {
        org: page.scope.org,
        now: page.now(),
        can_configure: page.can_configure(),
        may_ask,
        vapi_connected,
        talk,
        agents: rows
            .into_iter()
            .map(|row| {
                let stands = in_step::of(&services, page.scope.org, &row, &schedule);
                form(row, &page.said, stands, may_load_voices)
            })
            .collect(),
        schedule: schedule_form(&page.said, &schedule),
    };
    let drawn = page.draw("Agents", NavItem::Agents, || agents_page(view)).await?;
    Ok(if may_talk { (Extension(MayTalk), drawn).into_response() } else { drawn.into_response() })
}

/// Voices of Vapi's own, which every account has.
const VAPI_VOICES: [&str; 12] = [
    "Clara", "Elliot", "Kylie", "Rohan", "Lily", "Savannah", "Hana", "Neha", "Cole", "Harry", "Paige",
    "Spencer",
];

fn schedule_form(said: &Said, schedule: &ScheduleRow) -> ScheduleForm {
    let is_typed = said.form == FORM;
    let usual = ClinicPlan::default();
    let plan = schedule.plan.as_ref().map_or(&usual, |stored| &stored.0);
    ScheduleForm {
        values: if is_typed { said.values.clone() } else { values_of(plan) },
        errors: if is_typed { said.errors.clone() } else { Vec::new() },
        time_zone: schedule.time_zone.clone(),
    }
}

fn tools(row: &AgentRow, said: &Said, is_typed: bool) -> ToolsForm {
    let fallbacks = row.fallbacks();
    if !is_typed || !said.values.contains_key("toolsShown") {
        return ToolsForm {
            tools: row.tools(),
            calendar: fallbacks.calendar.as_str().to_owned(),
            sms_mail: fallbacks.sms_mail,
            transfer_number: fallbacks.transfer_number,
        };
    }
    let text = |key: &str| said.values.get(key).cloned().unwrap_or_default();
    let is_ticked = |tool: &AgentTool| said.values.contains_key(&box_name(*tool));
    ToolsForm {
        tools: AgentTool::ALL.into_iter().filter(is_ticked).collect(),
        calendar: text("calendarFallback"),
        sms_mail: text("smsMail"),
        transfer_number: text("transferNumber"),
    }
}

fn form(row: AgentRow, said: &Said, stands: InStep, may_load_voices: bool) -> AgentForm {
    let is_typed = said.form == row.role;
    let own = said.choices.iter().filter(|_| is_typed);
    let voices = VAPI_VOICES
        .iter()
        .map(|name| (format!("vapi:{name}"), format!("{name} (Vapi)")))
        .chain(own.map(|choice| (choice.value.clone(), format!("{} (ElevenLabs)", choice.label))))
        .collect();
    let value =
        |key: &str, stored: String| said.values.get(key).filter(|_| is_typed).cloned().unwrap_or(stored);
    AgentForm {
        role: if row.role == "outbound" { "outbound" } else { "inbound" },
        at_vapi: at_vapi(&row, stands),
        tools: tools(&row, said, is_typed),
        voices,
        may_load_voices,
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

fn at_vapi(row: &AgentRow, stands: InStep) -> AtVapi {
    let (meaning, text) = match row.vapi_state.as_str() {
        "ready" => match stands {
            InStep::ChangedHere => (Meaning::Attention, "Changed here. Save to send it to Vapi.".to_owned()),
            InStep::ChangedThere => {
                (Meaning::Attention, "Changed at Vapi. Save to send this version again.".to_owned())
            }
            InStep::GoneThere => (Meaning::Broken, "Deleted at Vapi. Save to make it again.".to_owned()),
            InStep::Same | InStep::NotThere => (Meaning::Works, "In step with Vapi".to_owned()),
        },
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
        checked_at: row.vapi_checked_at.map(millis),
        is_unanswered: row.vapi_unanswered,
    }
}
