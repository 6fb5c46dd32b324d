//! A verified WhatsApp webhook, taken apart: one event for each message, each status, each other news.
//!
//! Meta puts several into one post, and posts again what was not answered with 200. What a patient
//! wrote is kept only where the owner keeps conversations; ids, times and types always. News of a
//! number that the clinic has not connected are not the clinic's, although its app received them.

use std::time::Instant;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::envelope::EnvelopeError;
use super::inbound::{InboundError, micros};
use super::strict;
use super::whatsapp::Sender;
use crate::db::inbound::NewEvent;
use crate::db::messages::{StatusNews, reference_of};
use crate::domain::mask::mask_phone;
use crate::domain::{MessageId, OrgId, ProviderId};
use crate::vault::{Place, Vault};

const SOURCE: &str = ProviderId::WhatsApp.as_str();

/// What stays of a message where conversations are not kept.
const PLAIN: &[&str] = &["from", "id", "timestamp", "type", "errors"];

/// One thing that a webhook tells.
#[derive(Debug)]
pub struct News {
    kind: String,
    dedupe_key: [u8; 32],
    payload: Value,
    summary: Value,
    /// What became of a message of ours.
    pub status: Option<StatusNews>,
}

/// Takes a verified body apart, strictly.
pub fn read(sender: &Sender, keep_conversation: bool, body: &[u8]) -> Result<Vec<News>, EnvelopeError> {
    let whole = strict::parse(body).map_err(|_| EnvelopeError::Unparsable)?.to_value();
    if whole["object"] != "whatsapp_business_account" {
        return Err(EnvelopeError::Unparsable);
    }
    let entries = whole["entry"].as_array().ok_or(EnvelopeError::Unparsable)?;
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| entry["id"] == sender.business_account_id.as_str()) {
        for change in list(&entry["changes"]) {
            let field = change["field"].as_str().filter(|field| (1..=100).contains(&field.len()));
            let Some(field) = field else { return Err(EnvelopeError::Unparsable) };
            let number = &change["value"]["metadata"]["phone_number_id"];
            if number == sender.phone_number_id.as_str() {
                found.extend(of_number(&change["value"], keep_conversation));
            } else if number.is_null() && field != "messages" {
                found.push(of_account(field, entry, change));
            }
        }
    }
    Ok(found)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn of_number(value: &Value, keep_conversation: bool) -> Vec<News> {
    let of = |part: &Value, kind: &str| json!({ "metadata": value["metadata"], kind: part });
    let mut found = Vec::new();
    for message in list(&value["messages"]) {
        let Some(id) = message["id"].as_str() else { continue };
        let mut payload = of(&kept(message, keep_conversation), "message");
        if keep_conversation {
            payload["contacts"] = value["contacts"].clone();
        }
        found.push(News {
            kind: "message".to_owned(),
            dedupe_key: key(&["message", id]),
            payload,
            summary: summary(&[("type", word(&message["type"])), ("caller", masked(&message["from"]))]),
            status: None,
        });
    }
    for status in list(&value["statuses"]) {
        let (Some(id), Some(told)) = (status["id"].as_str(), status["status"].as_str()) else { continue };
        let code = status["errors"][0]["code"].as_u64().and_then(|code| u32::try_from(code).ok());
        let known = ["sent", "delivered", "read", "failed"].into_iter().find(|word| *word == told);
        let own = status["biz_opaque_callback_data"].as_str().and_then(|own| Uuid::try_parse(own).ok());
        found.push(News {
            kind: "status".to_owned(),
            dedupe_key: key(&["status", id, told]),
            payload: of(status, "status"),
            summary: summary(&[
                ("status", word(&status["status"])),
                ("recipient", masked(&status["recipient_id"])),
                ("code", code.map(|code| json!(code))),
            ]),
            status: known.map(|status| StatusNews {
                reference: reference_of(id),
                own: own.map(MessageId),
                status,
                error_code: code.filter(|_| status == "failed"),
            }),
        });
    }
    found
}

/// News of the business account: templates, limits, reviews.
fn of_account(field: &str, entry: &Value, change: &Value) -> News {
    let text = change.to_string();
    News {
        kind: field.to_owned(),
        dedupe_key: key(&["account", &entry["time"].to_string(), &text]),
        payload: change.clone(),
        summary: summary(&[("event", word(&change["value"]["event"]))]),
        status: None,
    }
}

fn kept(message: &Value, keep_conversation: bool) -> Value {
    let mut kept = message.clone();
    if let Some(members) = kept.as_object_mut().filter(|_| !keep_conversation) {
        members.retain(|key, _| PLAIN.contains(&key.as_str()));
    }
    kept
}

/// SHA-256 over the source and what tells repetitions apart.
fn key(parts: &[&str]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [SOURCE].iter().chain(parts) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}

/// What lists show. No patient's words, and no id of Meta's, which tells the patient's number.
fn summary(parts: &[(&str, Option<Value>)]) -> Value {
    let known = parts.iter().filter_map(|(key, value)| Some(((*key).to_owned(), value.clone()?)));
    Value::Object(known.collect::<Map<_, _>>())
}

fn word(value: &Value) -> Option<Value> {
    let text: String = value.as_str()?.chars().filter(|c| !c.is_control()).take(60).collect();
    Some(json!(text))
}

fn masked(number: &Value) -> Option<Value> {
    Some(json!(mask_phone(&format!("+{}", number.as_str()?))))
}

/// The place that an event's payload is bound to.
pub const fn payload_place(org: OrgId, event: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "inbound_events", column: "sealed_payload", provider: SOURCE, row: event }
}

/// Seals one thing into the event that the inbox stores.
pub async fn prepare(
    vault: &Vault,
    sender: &Sender,
    news: &News,
    started: Instant,
    verified_us: u64,
) -> Result<NewEvent, InboundError> {
    let (org, id) = (sender.verified.org(), Uuid::now_v7());
    let sealed = vault.seal(&payload_place(org, id), news.payload.to_string().as_bytes()).await?;
    Ok(NewEvent {
        org,
        id,
        source: SOURCE,
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
        status: "processed",
    })
}

#[cfg(test)]
#[path = "whatsapp_events_tests.rs"]
mod tests;
