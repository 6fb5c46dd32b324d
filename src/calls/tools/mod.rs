//! Tool calls of an assistant, answered while the caller waits: one file per tool.
//!
//! Each call is claimed by a committed row before anything happens, so a repetition by Vapi can
//! never do a thing twice. Whatever goes wrong, the assistant gets a sentence to say; it never denies
//! an effect that may have happened. The answer is always HTTP 200 with strings on one line, since
//! Vapi ignores everything else.

mod arguments;
mod availability;
mod book;
mod cancel;
mod fallback;
mod message;
mod own;
mod reschedule;
mod sms;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

pub use arguments::ToolCall;

use super::CallError;
use super::clinic::ClinicFacts;
use crate::db::{DbError, OrgTx, schedules, tool_calls};
use crate::domain::OrgId;
use crate::domain::agent_tools::AgentTool;
use crate::providers::egress::Deadline;
use crate::state::Services;

/// How long an answer may take altogether, from the arrival of the request. Vapi waits 20 s; a caller
/// does not.
pub const BUDGET: Duration = Duration::from_millis(4000);
/// How long the effect may go on after the fall-back was spoken.
const EFFECT: Duration = Duration::from_secs(20);
/// Kept free of the budget, for what comes after a provider has answered.
const RESERVE: Duration = Duration::from_millis(400);
/// Tool calls in one message that are worked on; more than any model sends.
const MAX_CALLS: usize = 16;

/// What the assistant is told, in Vapi's `ToolCallResult` shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    pub name: String,
    pub tool_call_id: String,
    pub result: String,
}

/// Said when one message asks for more than [`MAX_CALLS`].
const TOO_MANY: &str = "I can not do that many things at once. I have not done this one.";

/// Said for a tool that nobody knows, or that is not switched on.
const NOT_HERE: &str = "I can not do that here. I will take a note for the team.";

/// Said when nobody knows yet whether it worked.
pub const LATER: &str = "I am still working on that. I will confirm by message.";

/// How a tool ended, and what the assistant says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// `done`, `failed`, or `parked` where nobody knows.
    status: &'static str,
    sentence: String,
}

impl Ended {
    fn done(sentence: impl Into<String>) -> Self {
        Self { status: "done", sentence: sentence.into() }
    }

    fn failed(sentence: impl Into<String>) -> Self {
        Self { status: "failed", sentence: sentence.into() }
    }

    fn parked() -> Self {
        Self { status: "parked", sentence: LATER.to_owned() }
    }
}

/// What every tool is given.
struct Context<'a> {
    services: &'a Arc<Services>,
    org: OrgId,
    call_id: &'a str,
    call: &'a ToolCall,
    facts: &'a ClinicFacts,
    about: &'a CallFacts,
}

/// What a message says about its call.
#[derive(Clone, Debug)]
struct CallFacts {
    /// The caller's number, where it is not withheld.
    caller: Option<String>,
    assistant: Option<Uuid>,
    /// Where Vapi takes commands for this call.
    control_url: Option<String>,
    /// When the answer goes out, ready or not.
    until: Instant,
}

impl CallFacts {
    fn of(message: &Value, until: Instant) -> Self {
        let call = &message["call"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let assistant = call["assistantId"].as_str().or(message["assistant"]["id"].as_str());
        Self {
            caller: text(&message["customer"]["number"]).or(text(&call["customer"]["number"])),
            assistant: assistant.and_then(|id| id.parse().ok()),
            control_url: text(&call["monitor"]["controlUrl"]),
            until,
        }
    }
}

impl Context<'_> {
    /// The number of the patient: the one that was said, else the one that calls.
    fn phone(&self) -> Option<&str> {
        self.call.text(&["phone", "phoneNumber", "number"]).or(self.about.caller.as_deref())
    }

    /// What is left for a provider, where there is no effect that could go on later.
    fn time_to_look(&self) -> Deadline {
        let left = self.about.until.saturating_duration_since(Instant::now());
        Deadline::after(left.saturating_sub(RESERVE))
    }

    /// Whether the answer has gone out already, so that the caller believes that a message follows.
    fn is_late(&self) -> bool {
        Instant::now() >= self.about.until
    }

    async fn run(&self, tool: AgentTool) -> Ended {
        match tool {
            AgentTool::CheckAvailability => availability::run(self).await,
            AgentTool::BookAppointment => book::run(self).await,
            AgentTool::RescheduleAppointment => reschedule::run(self).await,
            AgentTool::CancelAppointment => cancel::run(self).await,
            AgentTool::SendSms => sms::run(self).await,
            AgentTool::TakeMessage => message::run(self).await,
            AgentTool::TransferCall => transfer::run(self).await,
        }
    }
}

/// Answers all tool calls of a verified message, within [`BUDGET`] of its arrival. Each call that has
/// an id gets an entry.
pub async fn answer(
    services: &Arc<Services>,
    org: OrgId,
    call_id: &str,
    message: &Value,
    started: std::time::Instant,
) -> Vec<ToolResult> {
    let until = Instant::from_std(started + BUDGET);
    let about = CallFacts::of(message, until);
    let mut calls = ToolCall::list(message);
    let too_many = calls.split_off(calls.len().min(MAX_CALLS));
    let mut results = Vec::with_capacity(calls.len());
    let mut running = Vec::with_capacity(calls.len());
    for call in calls {
        let work = run(services.clone(), org, call_id.to_owned(), call.clone(), about.clone());
        // The effect is a task of its own: it goes on when the answer no longer waits for it.
        running.push((call, tokio::spawn(work)));
    }
    for (call, task) in running {
        let result = match tokio::time::timeout_at(until, task).await {
            Ok(Ok(sentence)) => sentence,
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, %org, "a tool call ended abnormally");
                LATER.to_owned()
            }
            Err(_) => {
                tracing::warn!(%org, tool = call.name, "a tool call was answered with the fall-back");
                LATER.to_owned()
            }
        };
        results.push(ToolResult { name: call.name, tool_call_id: call.id, result: one_line(&result) });
    }
    results.extend(too_many.into_iter().map(|call| ToolResult {
        name: call.name,
        tool_call_id: call.id,
        result: TOO_MANY.to_owned(),
    }));
    results
}

/// Claims, does and records one tool call. Returns what the assistant says.
async fn run(
    services: Arc<Services>,
    org: OrgId,
    call_id: String,
    call: ToolCall,
    about: CallFacts,
) -> String {
    match run_once(&services, org, &call_id, &call, &about).await {
        Ok(sentence) => sentence,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, tool = call.name, "a tool call could not be recorded");
            LATER.to_owned()
        }
    }
}

async fn run_once(
    services: &Arc<Services>,
    org: OrgId,
    call_id: &str,
    call: &ToolCall,
    about: &CallFacts,
) -> Result<String, CallError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let seen = tool_calls::claim(&mut tx, call_id, &call.id, &call.name).await?;
    let row = match seen {
        None => Some(schedules::find_for_call(&mut tx, about.assistant).await?),
        Some(_) => None,
    };
    tx.commit().await?;
    let ended = match (seen, row) {
        (Some(seen), _) => {
            return match (seen.status.as_str(), seen.result) {
                ("done" | "failed", Some(result)) => Ok(result),
                ("running", _) => wait_for(services, org, call_id, &call.id).await,
                _ => Ok(LATER.to_owned()),
            };
        }
        (None, Some(row)) => {
            let facts = ClinicFacts::of(row);
            let context = Context { services, org, call_id, call, facts: &facts, about };
            match AgentTool::parse(&call.name).filter(|tool| facts.tools.contains(tool)) {
                Some(tool) => context.run(tool).await,
                None => Ended::failed(NOT_HERE),
            }
        }
        (None, None) => Ended::failed(NOT_HERE),
    };
    if let Err(error) = record(services, org, call_id, call, &ended).await {
        // What happened has happened; the row stays `running` and a worker parks it.
        tracing::error!(error = &error as &dyn std::error::Error, %org, tool = call.name, "the result of a tool call was not recorded");
    }
    Ok(ended.sentence)
}

async fn record(
    services: &Services,
    org: OrgId,
    call_id: &str,
    call: &ToolCall,
    ended: &Ended,
) -> Result<(), DbError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    tool_calls::finish(&mut tx, call_id, &call.id, ended.status, &ended.sentence).await?;
    tx.commit().await
}

/// Waits for the result of the same tool call in another request.
async fn wait_for(
    services: &Services,
    org: OrgId,
    call_id: &str,
    tool_call: &str,
) -> Result<String, CallError> {
    let until = Instant::now() + BUDGET;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut tx = OrgTx::service(&services.pool, org).await?;
        let row = tool_calls::find(&mut tx, call_id, tool_call).await?;
        tx.commit().await?;
        match row {
            Some(row) if row.status == "running" => {}
            Some(row) => return Ok(row.result.unwrap_or_else(|| LATER.to_owned())),
            None => break,
        }
    }
    Ok(LATER.to_owned())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_single_lines() {
        assert_eq!(one_line("a\nb\t c"), "a b c");
    }
}
