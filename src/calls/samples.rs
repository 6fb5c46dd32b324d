//! Samples of every server message of Vapi, for a clinic that wants to see whether they arrive.
//!
//! Each is made after Vapi's description, carries the clinic's own assistant and is signed with its own
//! secret, so nothing on its way can tell it from a real one but the id of its call (`domain::sample`).
//! A quiet sample reaches nobody outside.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::tools::{ToolCall, ToolResult};
use crate::db::{DbError, routes, webhook_secrets};
use crate::domain::ProviderId;
use crate::domain::sample;
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::vault::{Sealed, VaultError};
use crate::webhooks::resolver::RouteSecret;
use crate::webhooks::sign;
use crate::webhooks::signature::Scheme;

/// A number that belongs to nobody: telephone companies keep it free for examples.
pub const NOBODY: &str = "+15550100199";

/// What a caller hears of a tool in a quiet test.
const NOT_DONE: &str = "This was a test, so nothing was done.";

/// Every type, and what it says.
pub const KINDS: &[(&str, &str)] = &[
    ("end-of-call-report", "How a call went, after its end"),
    ("status-update", "A call has reached another state"),
    ("tool-calls", "The assistant uses a tool"),
    ("assistant-request", "A call comes in and asks for its assistant"),
    ("conversation-update", "What was said so far"),
    ("transcript", "A sentence was understood"),
    ("speech-update", "Somebody begins or ends to speak"),
    ("model-output", "What the model says"),
    ("user-interrupted", "The caller has interrupted"),
    ("hang", "The assistant was slow to answer"),
    ("transfer-update", "A call was transferred"),
    ("transfer-destination-request", "Where a call is to be transferred to"),
    ("handoff-destination-request", "Which assistant takes over"),
    ("phone-call-control", "A call is to be forwarded or ended"),
    ("knowledge-base-request", "The knowledge base is asked"),
    ("language-change-detected", "The caller speaks another language"),
    ("voice-input", "What is to be spoken"),
    ("voice-request", "Speech is asked for"),
    ("assistant.started", "The assistant has begun"),
    ("assistant.speechStarted", "The assistant speaks"),
    ("call.endpointing.request", "Whether the caller has finished"),
    ("call.artifact.upload", "Recordings were stored"),
    ("call.deleted", "A call was deleted"),
    ("call.delete.failed", "A call could not be deleted"),
    ("campaign.predial", "Whether somebody may be called"),
    ("chat.created", "A chat has begun"),
    ("chat.deleted", "A chat was deleted"),
    ("session.created", "A session has begun"),
    ("session.updated", "A session has changed"),
    ("session.deleted", "A session was deleted"),
    ("function-call", "A tool in Vapi's older form"),
];

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct Ask {
    pub kind: &'static str,
    /// It may do what a real one would do.
    pub is_loud: bool,
    /// The caller's number.
    pub number: String,
}

/// A message, ready to be posted to the webhook's address.
pub struct Sample {
    pub call_id: String,
    pub body: Vec<u8>,
    pub headers: sign::Headers,
}

/// Why there is no sample.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    #[error("the clinic has no assistant, or no secret that verifies")]
    NotSetUp,
    #[error(transparent)]
    Integration(#[from] IntegrationError),
    #[error("the signing secret could not be opened")]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Reads the name of a type.
pub fn parse(kind: &str) -> Option<&'static str> {
    KINDS.iter().map(|(known, _)| *known).find(|known| *known == kind)
}

/// Makes and signs a sample for the caller's clinic.
///
/// # Errors
/// [`SampleError::NotSetUp`] before Vapi is connected, and what vault and database say.
pub async fn prepare(services: &Services, caller: &Caller, ask: &Ask) -> Result<Sample, SampleError> {
    let mut tx = caller.begin(services).await?;
    let routes = routes::list_own(&mut tx).await?;
    let secrets = webhook_secrets::list_live(&mut tx, ProviderId::Vapi.as_str()).await?;
    tx.commit().await?;
    let is_assistant = |route: &&routes::RouteRow| route.kind == "assistant";
    let assistant = routes
        .iter()
        .filter(is_assistant)
        .find(|route| route.role == "inbound")
        .or_else(|| routes.iter().find(is_assistant))
        .ok_or(SampleError::NotSetUp)?;
    let secret = secrets.into_iter().next().ok_or(SampleError::NotSetUp)?;
    let scheme = Scheme::from_stored(&secret.scheme, &secret.params.0).ok_or(SampleError::NotSetUp)?;
    let place = RouteSecret::place(caller.org(), secret.id);
    let opened = services.vault.open_at(&place, &Sealed::parse(secret.sealed)?).await?;
    let call_id = sample::call_id(&Uuid::now_v7().to_string(), ask.is_loud);
    let now = services.clock.now();
    let body = message(ask, &call_id, assistant.provider_id, now).to_string().into_bytes();
    let url = services.vapi_webhook_url();
    let headers = sign::headers(&scheme, opened.expose(), &body, &url, now.unix_timestamp(), &call_id)
        .ok_or(SampleError::NotSetUp)?;
    Ok(Sample { call_id, body, headers })
}

/// What the tools of a quiet test answer.
pub fn answer_quietly(message: &Value) -> Vec<ToolResult> {
    let answer =
        |call: ToolCall| ToolResult { name: call.name, tool_call_id: call.id, result: NOT_DONE.to_owned() };
    ToolCall::list(message).into_iter().map(answer).collect()
}

/// The message with what Vapi adds to each of them.
fn message(ask: &Ask, call_id: &str, assistant: Uuid, now: OffsetDateTime) -> Value {
    let rfc = |at: OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
    let begun = now - time::Duration::seconds(84);
    let customer = json!({ "number": ask.number, "name": "Test Caller" });
    let is_over = matches!(ask.kind, "end-of-call-report" | "call.artifact.upload");
    let mut message = json!({
        "type": ask.kind,
        "timestamp": (now.unix_timestamp_nanos() / 1_000_000) as i64,
        "customer": customer,
        "assistant": { "name": "Test" },
        "call": {
            "id": call_id,
            "type": "inboundPhoneCall",
            "status": if is_over { "ended" } else { "in-progress" },
            "assistantId": assistant,
            "customer": customer,
            "createdAt": rfc(begun),
            "updatedAt": rfc(now),
        },
    });
    let own = special(ask, &rfc(begun), &rfc(now));
    for (name, value) in own.as_object().into_iter().flatten() {
        message[name.as_str()] = value.clone();
    }
    json!({ "message": message })
}

/// The members that one type has of its own.
fn special(ask: &Ask, begun: &str, now: &str) -> Value {
    let said = json!([{ "role": "user", "content": "This is a test." }]);
    match ask.kind {
        "end-of-call-report" => json!({
            "endedReason": "customer-ended-call", "startedAt": begun, "endedAt": now, "cost": 0.05,
            "durationSeconds": 84,
            "analysis": {
                "summary": "A test of the clinic's own: the caller asked for an appointment next week.",
                "successEvaluation": "true",
                "structuredData": { "interest": "high", "wantsAppointment": true },
            },
            "artifact": { "messages": [], "transcript": "User: This is a test." },
        }),
        "status-update" => json!({ "status": "in-progress" }),
        "tool-calls" => {
            let call = json!({
                "id": format!("call_{}", Uuid::new_v4().simple()), "type": "function",
                "function": { "name": "send_sms",
                    "arguments": { "to": ask.number, "message": "A test message of your clinic's receptionist." } },
            });
            json!({
                "toolCallList": [call], "toolCalls": [call],
                "toolWithToolCallList": [{ "type": "function", "function": { "name": "send_sms" }, "toolCall": call }],
            })
        }
        "function-call" => json!({ "functionCall": { "name": "send_sms", "parameters": {} } }),
        "conversation-update" => json!({ "messagesOpenAIFormatted": said, "messages": [] }),
        "transcript" => json!({ "role": "user", "transcriptType": "final", "transcript": "This is a test." }),
        "speech-update" => json!({ "status": "started", "role": "user", "turn": 1 }),
        "model-output" => json!({ "output": "This is a test.", "turnId": "1" }),
        "user-interrupted" => json!({ "turnId": "1" }),
        "phone-call-control" => json!({ "request": "hang-up" }),
        "transfer-update" => json!({ "destination": { "type": "number", "number": NOBODY } }),
        "handoff-destination-request" => json!({ "parameters": {} }),
        "knowledge-base-request" => json!({ "messagesOpenAIFormatted": said, "messages": [] }),
        "language-change-detected" => json!({ "language": "de" }),
        "voice-input" => json!({ "input": "This is a test." }),
        "voice-request" => json!({ "text": "This is a test.", "sampleRate": 24_000 }),
        "assistant.speechStarted" => json!({ "text": "This is a test.", "turn": 1, "source": "model" }),
        "call.endpointing.request" => json!({ "messagesOpenAIFormatted": said }),
        "call.artifact.upload" => json!({ "artifacts": [{ "type": "end-of-call-report", "success": true }] }),
        "campaign.predial" => json!({ "campaignId": Uuid::nil(), "contact": { "number": ask.number } }),
        "chat.created" | "chat.deleted" => json!({ "chat": { "id": Uuid::nil() } }),
        "session.created" | "session.updated" | "session.deleted" => {
            json!({ "session": { "id": Uuid::nil() } })
        }
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks::envelope::Envelope;

    #[test]
    fn every_sample_is_a_message_that_the_envelope_understands() {
        let assistant = Uuid::from_u128(5);
        for (kind, words) in KINDS {
            let ask = Ask { kind, is_loud: false, number: NOBODY.to_owned() };
            let id = sample::call_id("1", false);
            let body = message(&ask, &id, assistant, OffsetDateTime::UNIX_EPOCH).to_string();
            let envelope = Envelope::parse(body.as_bytes()).unwrap();
            assert_eq!((envelope.kind.as_ref(), envelope.assistant), (*kind, Some(assistant)));
            assert_eq!(envelope.call_id.as_deref(), Some(id.as_str()), "{kind}");
            assert!(!words.is_empty());
        }
        assert_eq!(parse("hang"), Some("hang"));
        assert_eq!(parse("nonsense"), None);
    }
}
