//! A verified WhatsApp webhook, taken apart: one event for each message, each status, each other news.
//!
//! Meta puts several into one post, and posts again what was not answered with 200. News of a number
//! that the clinic has not connected are not the clinic's, although its app received them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::envelope::EnvelopeError;
use super::news::{self, MESSAGE, News, STATUS, masked, summary, word};
use super::strict;
use super::whatsapp::Sender;
use crate::db::messages::{StatusNews, reference_of};
use crate::domain::{MessageId, ProviderId};

const SOURCE: ProviderId = ProviderId::WhatsApp;

/// Takes a verified body apart, strictly.
pub fn read(sender: &Sender, body: &[u8]) -> Result<Vec<News>, EnvelopeError> {
    let whole = strict::parse(body).map_err(|_| EnvelopeError::Unparsable)?;
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
                found.extend(of_number(&change["value"]));
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

fn of_number(value: &Value) -> Vec<News> {
    let of = |part: &Value, kind: &str| json!({ "metadata": value["metadata"], kind: part });
    let mut found = Vec::new();
    for message in list(&value["messages"]) {
        let Some(id) = message["id"].as_str() else { continue };
        let mut payload = of(message, MESSAGE);
        payload["contacts"] = value["contacts"].clone();
        let kind = word(message["type"].as_str());
        found.push(News {
            source: SOURCE,
            kind: MESSAGE.to_owned(),
            dedupe_key: key(&[MESSAGE, id]),
            payload,
            summary: summary(&[("type", kind), ("caller", number(&message["from"]))]),
            status: None,
            is_due: true,
        });
    }
    for status in list(&value["statuses"]) {
        let (Some(id), Some(told)) = (status["id"].as_str(), status["status"].as_str()) else { continue };
        let code = status["errors"][0]["code"].as_u64().and_then(|code| u32::try_from(code).ok());
        let known = ["sent", "delivered", "read", "failed"].into_iter().find(|word| *word == told);
        let own = status["biz_opaque_callback_data"].as_str().and_then(|own| Uuid::try_parse(own).ok());
        found.push(News {
            source: SOURCE,
            kind: STATUS.to_owned(),
            dedupe_key: key(&[STATUS, id, told]),
            payload: of(status, STATUS),
            summary: summary(&[
                ("status", word(Some(told))),
                ("recipient", number(&status["recipient_id"])),
                ("code", code.map(|code| json!(code))),
            ]),
            status: known.map(|status| StatusNews {
                reference: reference_of(id),
                own: own.map(MessageId),
                status,
                error_code: code.filter(|_| status == "failed"),
            }),
            is_due: false,
        });
    }
    found
}

/// News of the business account: templates, limits, reviews.
fn of_account(field: &str, entry: &Value, change: &Value) -> News {
    let text = change.to_string();
    News {
        source: SOURCE,
        kind: field.to_owned(),
        dedupe_key: key(&["account", &entry["time"].to_string(), &text]),
        payload: change.clone(),
        summary: summary(&[("event", word(change["value"]["event"].as_str()))]),
        status: None,
        is_due: false,
    }
}

fn key(parts: &[&str]) -> [u8; 32] {
    news::key(SOURCE, parts)
}

/// Meta writes numbers without the plus.
fn number(value: &Value) -> Option<Value> {
    masked(value.as_str().map(|digits| format!("+{digits}")).as_deref())
}

#[cfg(test)]
#[path = "whatsapp_events_tests.rs"]
mod tests;
