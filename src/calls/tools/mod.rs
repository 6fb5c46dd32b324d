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
mod ended;
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
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

pub use arguments::ToolCall;
use ended::Ended;

use super::clinic::ClinicFacts;
use super::notes::{self, NoteKind};
use super::owed;
use super::patients::Patient;
use crate::db::schedules::CallRow;
use crate::db::tool_calls::ToolCallRow;
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

/// Said when the work did not begin, and does not begin later either. Of an earlier delivery of the same call, whose
/// answer was lost, it says nothing.
pub const NOT_BEGUN: &str = "I can not reach our system at the moment, so I have not done anything about that just now. \
     Please try again in a moment, or call again later.";

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

/// The number that calls, where a message tells it.
pub(super) fn caller_of(message: &Value) -> Option<&str> {
    message["customer"]["number"].as_str().or(message["call"]["customer"]["number"].as_str())
}

impl CallFacts {
    fn of(message: &Value, until: Instant) -> Self {
        let call = &message["call"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let assistant = call["assistantId"].as_str().or(message["assistant"]["id"].as_str());
        Self {
            caller: caller_of(message).map(str::to_owned),
            assistant: assistant.and_then(|id| id.parse().ok()),
            control_url: text(&call["monitor"]["controlUrl"]),
            until,
        }
    }
}

impl Context<'_> {
    /// The number of the patient: the one that was said, else the one that calls.
    fn phone(&self) -> Option<&str> {
        self.call.phone().or(self.about.caller.as_deref())
    }

    /// What is left for a provider, where there is no effect that could go on later.
    fn time_to_look(&self) -> Deadline {
        let left = self.about.until.saturating_duration_since(Instant::now());
        Deadline::after(left.saturating_sub(RESERVE))
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

/// What is answered to a message with tool calls, and what of it goes on.
pub struct Answered {
    pub results: Vec<ToolResult>,
    /// Each says at its end whether how it ended is recorded: what is not is a worker's.
    pub tasks: Vec<JoinHandle<bool>>,
}

/// Answers all tool calls of a verified message, within [`BUDGET`] of its arrival. Each call that has
/// an id gets an entry.
pub async fn answer(
    services: &Arc<Services>,
    org: OrgId,
    call_id: &str,
    message: &Value,
    started: std::time::Instant,
) -> Answered {
    let until = Instant::from_std(started + BUDGET);
    let about = CallFacts::of(message, until);
    let mut calls = ToolCall::list(message);
    let too_many = calls.split_off(calls.len().min(MAX_CALLS));
    let mut results = Vec::with_capacity(calls.len());
    let mut running = Vec::with_capacity(calls.len());
    let mut tasks = Vec::with_capacity(calls.len());
    for call in calls {
        let (tell, told) = oneshot::channel();
        let work = run(services.clone(), org, call_id.to_owned(), call.clone(), about.clone(), tell);
        // The effect is a task of its own: it goes on when the answer no longer waits for it.
        tasks.push(tokio::spawn(work));
        running.push((call, told));
    }
    for (call, mut told) in running {
        let result = match tokio::time::timeout_at(until, &mut told).await {
            Ok(Ok(sentence)) => sentence,
            Ok(Err(_)) => {
                tracing::error!(%org, tool = call.name, "a tool call ended abnormally");
                LATER.to_owned()
            }
            Err(_) => {
                // From here on nobody listens any more, which the task sees.
                told.close();
                told.try_recv().unwrap_or_else(|_| {
                    tracing::warn!(%org, tool = call.name, "a tool call was answered with the fall-back");
                    LATER.to_owned()
                })
            }
        };
        results.push(ToolResult { name: call.name, tool_call_id: call.id, result: one_line(&result) });
    }
    results.extend(too_many.into_iter().map(|call| ToolResult {
        name: call.name,
        tool_call_id: call.id,
        result: TOO_MANY.to_owned(),
    }));
    Answered { results, tasks }
}

/// The answer where nothing was begun: an entry for each call of the message.
pub fn answer_not_begun(message: &Value) -> Vec<ToolResult> {
    let result =
        |call: ToolCall| ToolResult { name: call.name, tool_call_id: call.id, result: NOT_BEGUN.to_owned() };
    ToolCall::list(message).into_iter().map(result).collect()
}

/// Claims, does and records one tool call, and tells what the assistant says. Returns whether how it ended is
/// recorded.
async fn run(
    services: Arc<Services>,
    org: OrgId,
    call_id: String,
    call: ToolCall,
    about: CallFacts,
    tell: oneshot::Sender<String>,
) -> bool {
    // A claim that is not to be had in time is given up: were it waited for, the work would begin after the
    // caller was told that it did not. Where its commit goes through all the same, the row stays `running`, no
    // work follows, and a worker parks it.
    let begin = begin(&services, org, &call_id, &call, &about);
    let (seen, row) = match tokio::time::timeout_at(about.until - RESERVE, begin).await {
        Ok(Ok(begun)) => begun,
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, tool = call.name, "a tool call was not begun");
            let _ = tell.send(NOT_BEGUN.to_owned());
            return false;
        }
        Err(_) => {
            tracing::warn!(%org, tool = call.name, "a tool call could not be begun in time");
            let _ = tell.send(NOT_BEGUN.to_owned());
            return false;
        }
    };
    if let Some(seen) = seen {
        let sentence = match (seen.status.as_str(), seen.result) {
            ("done" | "failed", Some(result)) => result,
            ("running", _) => wait_for(&services, org, &call_id, &call.id).await.unwrap_or_else(|error| {
                tracing::warn!(error = &error as &dyn std::error::Error, %org, tool = call.name, "the result of a tool call could not be read");
                LATER.to_owned()
            }),
            _ => LATER.to_owned(),
        };
        let _ = tell.send(sentence);
        // How it ended is recorded by whoever has claimed it.
        return true;
    }
    let facts = row.map(ClinicFacts::of);
    let ended = match &facts {
        Some(facts) => {
            let context =
                Context { services: &services, org, call_id: &call_id, call: &call, facts, about: &about };
            match AgentTool::parse(&call.name).filter(|tool| facts.tools.contains(tool)) {
                Some(tool) => context.run(tool).await,
                None => Ended::failed(NOT_HERE),
            }
        }
        None => Ended::failed(NOT_HERE),
    };
    let recorded = record(&services, org, &call_id, &call, &ended).await;
    if let Err(error) = &recorded {
        // What happened has happened; the row stays `running`, its event open, and a worker parks both.
        tracing::error!(error = error as &dyn std::error::Error, %org, tool = call.name, "the result of a tool call was not recorded");
    }
    let is_heard = tell.send(ended.sentence.clone()).is_ok();
    conclude(&services, org, &call_id, &call, &about, ended, is_heard).await;
    recorded.is_ok()
}

/// Claims a tool call: what is known of it where it was seen before, else what its work needs to know.
async fn begin(
    services: &Services,
    org: OrgId,
    call_id: &str,
    call: &ToolCall,
    about: &CallFacts,
) -> Result<(Option<ToolCallRow>, Option<CallRow>), DbError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let seen = tool_calls::claim(&mut tx, call_id, &call.id, &call.name).await?;
    let row = match seen {
        None => Some(schedules::find_for_call(&mut tx, about.assistant).await?),
        Some(_) => None,
    };
    tx.commit().await?;
    Ok((seen, row))
}

/// What is left to do when the answer is out: where the caller has not heard how it ended, and something
/// failed, the team is told, since the caller was promised a message.
async fn conclude(
    services: &Services,
    org: OrgId,
    call_id: &str,
    call: &ToolCall,
    about: &CallFacts,
    ended: Ended,
    is_heard: bool,
) {
    let Ended { status, sentence, unheard, owed } = ended;
    if is_heard {
        if let Some(claim) = owed {
            owed::settle(services, org, claim).await;
        }
        return;
    }
    let patient = unheard.or_else(|| {
        (status == "failed").then(|| {
            let phone = call.phone().or(about.caller.as_deref());
            let text =
                format!("The agent said that a message follows, and none will: {}. {sentence}", call.name);
            Patient::of(call.text(&["name", "patientName"]), phone, Some(&text))
        })
    });
    let noted = match (patient, owed) {
        (Some(patient), Some(claim)) => owed::note_instead(services, org, claim, call_id, &patient).await,
        (Some(patient), None) => {
            notes::take(services, org, call_id, NoteKind::FollowUp, &patient).await.map(|_| ())
        }
        // A worker does what is owed.
        (None, _) => Ok(()),
    };
    if let Err(error) = noted {
        tracing::error!(error = &error as &dyn std::error::Error, %org, tool = call.name, "what failed late was not noted");
    }
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
) -> Result<String, DbError> {
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
