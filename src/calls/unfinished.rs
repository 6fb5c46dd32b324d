//! What an agent had begun for a caller when its process died, before there was anything to show for it.
//!
//! Of a booking with a row the workers know the rest (`open_bookings`, `owed`), and so of a message. Without one
//! nobody will end it, and the caller may have been told that a message follows. So the team gets a note, once, with
//! whatever the caller had said. That the tool calls are parked is `jobs::inbox`.

use serde_json::Value;

use super::CallError;
use super::notes::{self, NoteKind, Prepared};
use super::patients::Patient;
use super::tools::{ToolCall, caller_of};
use crate::db::{OrgTx, tool_calls};
use crate::domain::agent_tools::AgentTool;
use crate::domain::{EventId, OrgId};
use crate::state::Services;

/// A note about the tool calls of an event, for the case that it is needed.
pub struct Unfinished(Option<Prepared>);

impl Unfinished {
    /// Seals the note, with no transaction open. There is none where no tool of the event leaves an effect, or where
    /// the clinic's retention has emptied it.
    ///
    /// # Errors
    /// The vault's.
    pub async fn of(
        services: &Services,
        org: OrgId,
        call_id: Option<&str>,
        event: &Value,
    ) -> Result<Self, CallError> {
        let message = &event["message"];
        let calls: Vec<(ToolCall, AgentTool)> = ToolCall::list(message)
            .into_iter()
            .filter_map(|call| AgentTool::parse(&call.name).map(|tool| (call, tool)))
            .filter(|(_, tool)| tool.leaves_an_effect())
            .collect();
        let Some((first, _)) = calls.first() else { return Ok(Self(None)) };
        let phone = first.phone().or(caller_of(message));
        let text = sentence(&calls);
        let patient = Patient::of(first.text(&["name", "patientName"]), phone, Some(&text));
        let kind = NoteKind::FollowUp;
        Ok(Self(Some(notes::prepare(services, org, call_id.unwrap_or_default(), kind, &patient).await?)))
    }

    /// Leaves the note with the transaction that parks the event, if a tool call of it has nothing to show.
    ///
    /// # Errors
    /// The database's.
    pub async fn leave(self, tx: &mut OrgTx, services: &Services, event: EventId) -> Result<(), CallError> {
        let Some(note) = self.0 else { return Ok(()) };
        if tool_calls::has_without_trace(tx, event).await? {
            note.insert(tx, services).await?;
        }
        Ok(())
    }
}

fn sentence(calls: &[(ToolCall, AgentTool)]) -> String {
    let wanted: Vec<String> = calls
        .iter()
        .map(|(call, tool)| {
            let said =
                ["service", "start", "date", "time", "message"].iter().filter_map(|key| call.text(&[key]));
            let said: Vec<&str> = said.collect();
            match said.is_empty() {
                true => tool.label().to_lowercase(),
                false => format!("{} ({})", tool.label().to_lowercase(), said.join(", ")),
            }
        })
        .collect();
    format!(
        "The service stopped while the agent was asked to {}. It was not done, and the caller may expect a message. \
         Call back.",
        wanted.join(" and to ")
    )
}
