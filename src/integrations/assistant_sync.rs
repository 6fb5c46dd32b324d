//! One assistant that is there, brought up to date: whose change wins where both sides have changed it.

use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::IntegrationError;
use super::ensure::{provider_error, write_error};
use super::in_step::changed_mark;
use crate::db::agents::AgentRow;
use crate::domain::agent_tools::AgentTool;
use crate::providers::vapi::assistant::ServerAuth;
use crate::providers::vapi::{AssistantRecord, VapiClient, VapiError};

/// What was mended of an assistant that is left as somebody has changed it at Vapi.
pub(super) type Left = Vec<&'static str>;

/// Brings an assistant that is there up to date. One that somebody has changed at Vapi since our last write is
/// left so, but for what calls need to reach us; only saving the agent here replaces it.
pub(super) async fn bring(
    client: &VapiClient<'_>,
    row: &AgentRow,
    there: &AssistantRecord,
    body: &Value,
    auth: &ServerAuth,
) -> Result<(AssistantRecord, Option<Left>), IntegrationError> {
    // Unchanged on both sides since our last write: nothing to say.
    if row.vapi_synced_hash.as_deref() == Some(synced_hash(body, there).as_str()) {
        return Ok((there.clone(), None));
    }
    let is_changed_there = row
        .vapi_synced_hash
        .as_ref()
        .is_some_and(|synced| !synced.ends_with(&changed_mark(there.updated_at.as_deref())));
    // Another assistant than the one that we wrote last has not been written by anybody of us.
    let is_theirs = is_changed_there && row.vapi_assistant_id == Some(there.id) && !row.vapi_overwrite;
    if is_theirs
        && let Some(whole) =
            client.find_whole_assistant(there.id).await.map_err(|error| provider_error(&error))?
    {
        // Our own write, whose answer was lost.
        if whole.has(body) {
            return Ok((there.clone(), None));
        }
        let names = AgentTool::ALL.map(AgentTool::as_str);
        let Some(mend) = whole.mend(body, &names) else { return Ok((there.clone(), Some(Vec::new()))) };
        return Ok((write(client, Some(there.id), &mend.patch, auth).await?, Some(mend.parts)));
    }
    Ok((write(client, Some(there.id), body, auth).await?, None))
}

/// The member of the body that asks for what is extracted from calls.
const ANALYSIS: &str = "analysisPlan";

/// Makes an assistant, or changes one. A Vapi that does not know how to ask for extracted data gets the
/// assistant without it: a clinic that can be called comes first, and leads are scored by the summary then.
pub(super) async fn write(
    client: &VapiClient<'_>,
    id: Option<Uuid>,
    body: &Value,
    auth: &ServerAuth,
) -> Result<AssistantRecord, IntegrationError> {
    let send = async |body: &Value| match id {
        Some(id) => client.patch_assistant(id, body).await,
        None => client.create_assistant(body).await,
    };
    let mut written = send(body).await;
    if let Err(VapiError::Invalid { messages }) = &written
        && messages.iter().any(|message| message.contains(ANALYSIS))
        && let Some(members) = body.as_object()
    {
        tracing::warn!(
            ?messages,
            "Vapi does not take the plan of the analysis; the assistant goes without it"
        );
        let without: serde_json::Map<String, Value> = members
            .iter()
            .filter(|(name, _)| *name != ANALYSIS)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        written = send(&Value::Object(without)).await;
    }
    written.map_err(|error| write_error(&error, auth))
}

/// What an assistant was made from and when Vapi last changed it: equal means in step.
pub(super) fn synced_hash(body: &Value, record: &AssistantRecord) -> String {
    let digest = Sha256::digest(body.to_string().as_bytes());
    format!("{}{}", hex::encode(&digest[..16]), changed_mark(record.updated_at.as_deref()))
}
