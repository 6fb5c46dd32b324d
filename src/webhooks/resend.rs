//! Resend's news of e-mails: the address names the clinic, the clinic's own signing secret verifies, and
//! one post is one event.
//!
//! Resend signs in Svix's way and posts again what was not answered with 2xx, under the same id. Kept are
//! ids, times and what happened; subject and addresses are sealed with the payload.

use std::time::Instant;

use axum::http::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::address::Address;
use super::envelope::EnvelopeError;
use super::inbound::{InboundError, Verified, micros};
use super::receiver::Receiver;
use super::strict;
use super::svix::{MessageId, verify_svix};
use crate::db::inbound::NewEvent;
use crate::domain::{OrgId, ProviderId};
use crate::vault::{Credential, Place, SecretFields, SecretText, Vault, VaultError};

const SOURCE: &str = ProviderId::Resend.as_str();
/// The addresses that are given to Resend.
pub const ADDRESS: Address = Address("resend webhook address");
/// A secret of the right form that nobody has, for the same work where there is none.
const NOBODYS: &str = "whsec_bm9ib2R5IGhhcyB0aGlzIHNlY3JldA==";
/// What is kept of a word of Resend's, in characters.
const MOST_OF_A_WORD: usize = 100;

/// What of a clinic's credential tells who posts; the API key is not among it.
struct Secret(SecretText);

impl Credential for Secret {
    const PROVIDER: ProviderId = ProviderId::Resend;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        const FIELD: &str = "webhookSecret";
        let found = fields.find(FIELD).filter(|value| !value.expose().is_empty()).cloned();
        let secret = found.ok_or(VaultError::MissingField { provider: Self::PROVIDER, field: FIELD })?;
        Ok(Self(secret))
    }
}

/// A clinic whose signing secret has signed a request, and the id of the message.
pub struct Sender {
    pub verified: Verified,
    id: MessageId,
}

/// Finds the clinic of an address and verifies the body with that clinic's own secret. `now` is Unix time
/// in seconds.
///
/// # Errors
/// The same refusal for an address of nobody, a clinic without a secret and a wrong signature.
pub async fn authenticate(
    vault: &Vault,
    route: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<Sender, InboundError> {
    let receiver = Receiver::<Secret>::find(vault, ADDRESS, route).await?;
    // The same work for an address that nobody has.
    let secret = receiver.secrets.as_ref().map_or(NOBODYS, |Secret(secret)| secret.expose());
    let verified = verify_svix(secret, headers, body, now);
    match (receiver.org, &receiver.secrets, verified) {
        (Some(org), Some(_), Ok(id)) => Ok(Sender { verified: Verified::of(org), id }),
        _ => Err(receiver.refusal()),
    }
}

/// One thing that Resend tells.
#[derive(Debug)]
pub struct News {
    /// `email.delivered`, `email.bounced`, ...
    kind: String,
    summary: Value,
    payload: Value,
}

/// Reads a verified body, strictly.
///
/// # Errors
/// [`EnvelopeError::Unparsable`] for what is no event of Resend's.
pub fn read(body: &[u8]) -> Result<News, EnvelopeError> {
    let payload = strict::parse(body).map_err(|_| EnvelopeError::Unparsable)?;
    let kind = payload["type"].as_str().filter(|kind| is_word(kind)).ok_or(EnvelopeError::Unparsable)?;
    if !payload["data"].is_object() {
        return Err(EnvelopeError::Unparsable);
    }
    let mut summary = json!({ "event": kind });
    // Why it came back is a word of Resend's own; whom it was for stays sealed.
    for (name, value) in
        [("reason", &payload["data"]["bounce"]["type"]), ("code", &payload["data"]["bounce"]["subType"])]
    {
        if let Some(word) = value.as_str().filter(|word| is_word(word)) {
            summary[name] = word.into();
        }
    }
    Ok(News { kind: kind.to_owned(), summary, payload })
}

fn is_word(text: &str) -> bool {
    (1..=MOST_OF_A_WORD).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// The place that an event's payload is bound to.
pub const fn payload_place(org: OrgId, event: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "inbound_events", column: "sealed_payload", provider: SOURCE, row: event }
}

/// Seals it into the event that the inbox stores. What Svix calls the same message counts once.
pub async fn prepare(
    vault: &Vault,
    sender: &Sender,
    news: &News,
    started: Instant,
    verified_us: u64,
) -> Result<NewEvent, InboundError> {
    let (org, id) = (sender.verified.org(), Uuid::now_v7());
    let sealed = vault.seal(&payload_place(org, id), news.payload.to_string().as_bytes()).await?;
    let mut digest = Sha256::new();
    for part in [SOURCE, sender.id.as_str()] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    Ok(NewEvent {
        org,
        id,
        source: SOURCE,
        kind: news.kind.clone(),
        call_id: None,
        dedupe_key: digest.finalize().into(),
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
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_and_what_tells_the_patient_stays_in_its_payload() {
        let body = r#"{"type":"email.bounced","created_at":"2026-11-28T08:00:00Z","data":{"email_id":"e1","to":["patient@home.example"],"subject":"Your visit","bounce":{"type":"Permanent","subType":"Suppressed","message":"x"}}}"#;
        let news = read(body.as_bytes()).expect("an event");
        assert_eq!(news.kind, "email.bounced");
        assert_eq!(
            news.summary,
            json!({ "event": "email.bounced", "reason": "Permanent", "code": "Suppressed" })
        );
        assert!(news.payload.to_string().contains("patient@home.example"));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"type":"email.sent"}"#,
            r#"{"type":"<b>","data":{}}"#,
            r#"{"type":"email.sent","type":"email.sent","data":{}}"#,
        ] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
