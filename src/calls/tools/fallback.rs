//! What a caller hears while the calendar can not be asked, as the clinic has chosen. What is promised
//! is also done: a call-back is noted before it is told.

use super::Context;
use crate::calls::notes::{self, NoteKind};
use crate::calls::patients::Patient;
use crate::domain::agent_tools::{AgentTool, CalendarFallback};
use crate::domain::phone::PhoneNumber;

/// Said before what happens instead.
const DOWN: &str = "I can not reach the calendar at the moment.";

/// The sentence for a calendar that can not be asked; nothing was booked, moved or found out.
pub(super) async fn calendar_down(context: &Context<'_>) -> String {
    let facts = context.facts;
    let can = |tool| facts.tools.contains(&tool);
    match facts.fallbacks.calendar {
        CalendarFallback::Transfer if can(AgentTool::TransferCall) => {
            format!("{DOWN} I can put you through to the team.")
        }
        CalendarFallback::CallBack => call_back(context).await,
        _ if can(AgentTool::TakeMessage) => {
            format!(
                "{DOWN} Tell me your name, your number and what you need, and I will leave the team a message."
            )
        }
        _ => format!("{DOWN} Please call again later."),
    }
}

async fn call_back(context: &Context<'_>) -> String {
    let phone = context.phone().and_then(|text| PhoneNumber::parse(text).ok());
    let Some(phone) = phone else {
        return format!("{DOWN} Tell me your name and your number, and the team will call you back.");
    };
    let text = "The calendar could not be asked during the call. Please call back about an appointment.";
    let name = context.call.text(&["name", "patientName"]);
    let patient = Patient::of(name, Some(phone.as_str()), Some(text));
    let noted = notes::take(context.services, context.org, context.call_id, NoteKind::CallBack, &patient);
    match noted.await {
        Ok(_) => format!("{DOWN} I have noted that the team calls you back."),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, org = %context.org, "a call-back was not noted");
            format!("{DOWN} Please call again later.")
        }
    }
}
