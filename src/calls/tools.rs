//! Tool calls of an assistant, answered while the caller waits.
//!
//! Each call is claimed by a committed row before anything happens, so a repetition by Vapi can
//! never send twice. Whatever goes wrong, the assistant gets a sentence to say; it never denies an
//! effect that may have happened. The answer is always HTTP 200 with strings on one line, since
//! Vapi ignores everything else.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::CallError;
use super::messages::{self, NewText, Purpose};
use crate::db::{DbError, OrgTx, tool_calls};
use crate::domain::OrgId;
use crate::providers::egress::Deadline;
use crate::providers::twilio::Channel;
use crate::state::Services;

/// How long an answer may take altogether, from the arrival of the request. Vapi waits 20 s; a caller
/// does not.
pub const BUDGET: Duration = Duration::from_millis(4000);
/// How long the effect may go on after the fall-back was spoken.
const EFFECT: Duration = Duration::from_secs(20);
/// Tool calls in one message that are worked on; more than any model sends.
const MAX_CALLS: usize = 16;

/// One call of a tool, however it was spelled.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    pub arguments: Map<String, Value>,
}

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

/// Said when a text message certainly did not go out.
const NO_SMS: &str = "I can not send text messages at the moment. The team will get back to you.";

/// Said when nobody knows yet whether it worked.
pub const LATER: &str = "I am still working on that. I will confirm by message.";

impl ToolCall {
    /// Reads the calls of a message: `function.arguments` as object or as string, flat `arguments`,
    /// flat `parameters`.
    pub fn list(message: &Value) -> Vec<Self> {
        let listed = ["toolCallList", "toolCalls"].into_iter().find_map(|key| message[key].as_array());
        listed.into_iter().flatten().filter_map(Self::read).collect()
    }

    fn read(value: &Value) -> Option<Self> {
        let id = value["id"].as_str().filter(|id| !id.is_empty() && id.len() <= 200 && !id.contains('\0'))?;
        let function = &value["function"];
        let name = function["name"].as_str().or(value["name"].as_str())?;
        let arguments =
            [&function["arguments"], &value["arguments"], &value["parameters"], &function["parameters"]]
                .into_iter()
                .find_map(|given| match given {
                    Value::Object(members) => Some(members.clone()),
                    Value::String(text) => serde_json::from_str(text).ok(),
                    _ => None,
                });
        Some(Self {
            id: id.to_owned(),
            name: name.chars().filter(|c| !c.is_control()).take(64).collect(),
            arguments: arguments.unwrap_or_default(),
        })
    }

    fn text(&self, keys: &[&str]) -> Option<&str> {
        keys.iter()
            .find_map(|key| self.arguments.get(*key)?.as_str())
            .map(str::trim)
            .filter(|text| !text.is_empty())
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
    let caller = message["customer"]["number"].as_str().or(message["call"]["customer"]["number"].as_str());
    let mut calls = ToolCall::list(message);
    let too_many = calls.split_off(calls.len().min(MAX_CALLS));
    let mut results = Vec::with_capacity(calls.len());
    let mut running = Vec::with_capacity(calls.len());
    for call in calls {
        let work = run(services.clone(), org, call_id.to_owned(), call.clone(), caller.map(str::to_owned));
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
    caller: Option<String>,
) -> String {
    match run_once(&services, org, &call_id, &call, caller.as_deref()).await {
        Ok(sentence) => sentence,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, tool = call.name, "a tool call could not be recorded");
            LATER.to_owned()
        }
    }
}

async fn run_once(
    services: &Services,
    org: OrgId,
    call_id: &str,
    call: &ToolCall,
    caller: Option<&str>,
) -> Result<String, CallError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let seen = tool_calls::claim(&mut tx, call_id, &call.id, &call.name).await?;
    tx.commit().await?;
    if let Some(row) = seen {
        return match (row.status.as_str(), row.result) {
            ("done" | "failed", Some(result)) => Ok(result),
            ("running", _) => wait_for(services, org, call_id, &call.id).await,
            _ => Ok(LATER.to_owned()),
        };
    }
    let (status, sentence) = match call.name.as_str() {
        "send_sms" => send_sms(services, org, call_id, call, caller).await,
        _ => ("failed", "I can not do that here. I will take a note for the team.".to_owned()),
    };
    if let Err(error) = record(services, org, call_id, call, status, &sentence).await {
        // What happened has happened; the row stays `running` and a worker parks it.
        tracing::error!(error = &error as &dyn std::error::Error, %org, tool = call.name, "the result of a tool call was not recorded");
    }
    Ok(sentence)
}

async fn record(
    services: &Services,
    org: OrgId,
    call_id: &str,
    call: &ToolCall,
    status: &str,
    sentence: &str,
) -> Result<(), DbError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    tool_calls::finish(&mut tx, call_id, &call.id, status, sentence).await?;
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

async fn send_sms(
    services: &Services,
    org: OrgId,
    call_id: &str,
    call: &ToolCall,
    caller: Option<&str>,
) -> (&'static str, String) {
    let to = call.text(&["to", "phoneNumber", "phone", "number"]).or(caller).unwrap_or_default();
    let text = call.text(&["message", "text", "body"]).unwrap_or_default();
    let sent = match NewText::parse(to, text, Channel::Sms, Purpose::Tool, None) {
        Ok(new) => {
            messages::send(services, org, new.in_call(call_id), Deadline::after(EFFECT)).await.map(|_| ())
        }
        Err(error) => Err(error),
    };
    match sent {
        Ok(()) => ("done", "The text message is on its way.".to_owned()),
        Err(CallError::Invalid { field: "to", .. }) => {
            ("failed", "I need a phone number with its country code to send a text message.".to_owned())
        }
        Err(CallError::Invalid { .. }) => {
            ("failed", "I need to know what the text message should say.".to_owned())
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, "a text message of a call was not sent");
            match error {
                CallError::Undetermined(_) => ("parked", LATER.to_owned()),
                _ => ("failed", NO_SMS.to_owned()),
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_four_spellings_of_arguments_are_read() {
        let expected = json!({ "message": "Hi" });
        for call in [
            json!({"id":"t","type":"function","function":{"name":"send_sms","arguments":{"message":"Hi"}}}),
            json!({"id":"t","type":"function","function":{"name":"send_sms","arguments":"{\"message\":\"Hi\"}"}}),
            json!({"id":"t","name":"send_sms","arguments":{"message":"Hi"}}),
            json!({"id":"t","name":"send_sms","parameters":{"message":"Hi"}}),
        ] {
            let read = ToolCall::list(&json!({ "toolCallList": [call] }));
            assert_eq!(read.len(), 1);
            assert_eq!(
                (read[0].name.as_str(), Value::Object(read[0].arguments.clone())),
                ("send_sms", expected.clone())
            );
        }
    }

    #[test]
    fn calls_without_id_or_name_are_left_out() {
        assert_eq!(
            ToolCall::list(&json!({ "toolCallList": [{"name":"x"}, {"id":"t"}, 7, {"id":"","name":"x"}] })),
            []
        );
        assert_eq!(ToolCall::list(&json!({ "toolCallList": "x" })), []);
    }

    #[test]
    fn results_are_single_lines() {
        assert_eq!(one_line("a\nb\t c"), "a b c");
    }
}
