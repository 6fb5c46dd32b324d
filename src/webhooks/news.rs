//! What a verified post of a messaging provider tells, taken apart: one event for each message, each
//! status, each other news, whoever the provider is.
//!
//! How a post becomes news is the affair of `whatsapp_events` and `twilio_events`. What a patient wrote
//! stands in a message's payload until it is worked off; then [`cleaned`] is kept in its place, unless
//! the clinic keeps conversations.

use std::time::Instant;

use futures_util::future::try_join_all;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::inbound::{InboundError, Verified, micros};
use super::inbox::Stored;
use crate::db::inbound::{DUE, NewEvent};
use crate::db::messages::StatusNews;
use crate::domain::mask::mask_phone;
use crate::domain::{OrgId, ProviderId};
use crate::state::Services;
use crate::vault::{Place, Vault};

/// The kind of a patient's message, and of news of a message of ours.
pub const MESSAGE: &str = "message";
pub const STATUS: &str = "status";

/// Events of one post that wait for a commit together: well below a clinic's share of the inbox.
const TOGETHER: usize = 128;

/// What stays of a WhatsApp message and of a Twilio form where conversations are not kept.
const PLAIN: &[&str] = &["from", "id", "timestamp", "type", "errors"];
const PLAIN_FORM: &[&str] =
    &["AccountSid", "From", "MessageSid", "MessagingServiceSid", "NumMedia", "OptOutType", "To"];

/// One thing that a webhook tells.
#[derive(Debug)]
pub struct News {
    pub(super) source: ProviderId,
    pub(super) kind: String,
    pub(super) dedupe_key: [u8; 32],
    pub(super) payload: Value,
    pub(super) summary: Value,
    /// What became of a message of ours.
    pub status: Option<StatusNews>,
    /// Whether a worker takes it up; else it is done when it is stored.
    pub(super) is_due: bool,
}

/// A payload without what a patient wrote.
pub fn cleaned(payload: &Value) -> Value {
    let mut kept = payload.clone();
    if let Some(members) = kept.as_object_mut() {
        members.remove("contacts");
    }
    for (part, plain) in [("message", PLAIN), ("form", PLAIN_FORM)] {
        if let Some(members) = kept.get_mut(part).and_then(Value::as_object_mut) {
            members.retain(|key, _| plain.contains(&key.as_str()));
        }
    }
    kept
}

/// SHA-256 over the source and what tells repetitions apart.
pub(super) fn key(source: ProviderId, parts: &[&str]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [source.as_str()].iter().chain(parts) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}

/// What lists show: no patient's words.
pub(super) fn summary(parts: &[(&str, Option<Value>)]) -> Value {
    let known = parts.iter().filter_map(|(key, value)| Some(((*key).to_owned(), value.clone()?)));
    Value::Object(known.collect::<Map<_, _>>())
}

/// A word of a provider, fit for a list.
pub(super) fn word(text: Option<&str>) -> Option<Value> {
    let text: String = text?.chars().filter(|c| !c.is_control()).take(60).collect();
    Some(json!(text))
}

/// A number with its country code, masked.
pub(super) fn masked(number: Option<&str>) -> Option<Value> {
    Some(json!(mask_phone(number?)))
}

/// The place that an event's payload is bound to.
pub const fn payload_place(source: ProviderId, org: OrgId, event: Uuid) -> Place<'static> {
    Place {
        org: Some(org),
        table: "inbound_events",
        column: "sealed_payload",
        provider: source.as_str(),
        row: event,
    }
}

/// Seals one thing into the event that the inbox stores.
async fn prepare(
    vault: &Vault,
    org: OrgId,
    news: &News,
    started: Instant,
    verified_us: u64,
) -> Result<NewEvent, InboundError> {
    let id = Uuid::now_v7();
    let place = payload_place(news.source, org, id);
    let sealed = vault.seal(&place, news.payload.to_string().as_bytes()).await?;
    Ok(NewEvent {
        org,
        id,
        source: news.source.as_str(),
        kind: news.kind.clone(),
        call_id: None,
        dedupe_key: news.dedupe_key,
        key_version: sealed.key_version(),
        sealed_payload: sealed.into_bytes(),
        summary: news.summary.to_string(),
        trace: format!(
            r#"[{{"stage":"received","us":0}},{{"stage":"verified","us":{verified_us}}},{{"stage":"sealed","us":{}}}]"#,
            micros(started)
        ),
        status: if news.is_due { DUE } else { "processed" },
    })
}

/// Stores all of a post and comes back after the commit; gives how many were there before.
///
/// # Errors
/// Where the inbox is full or the database away: then the sender posts again.
pub async fn store(
    services: &Services,
    verified: &Verified,
    news: &[News],
    started: Instant,
    verified_us: u64,
) -> Result<usize, InboundError> {
    let mut duplicates = 0;
    for some in news.chunks(TOGETHER) {
        let stored = try_join_all(some.iter().map(|one| async move {
            let event = prepare(&services.vault, verified.org(), one, started, verified_us).await?;
            Ok::<_, InboundError>(services.inbox.store(verified, event).await?)
        }))
        .await?;
        duplicates += stored.iter().filter(|stored| **stored == Stored::Duplicate).count();
    }
    Ok(duplicates)
}
