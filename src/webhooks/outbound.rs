//! Events out: what happened in a clinic, told to the endpoints that the clinic has named.
//!
//! [`emit`] is the one way to tell of something. It is called in the transaction in which that
//! something becomes true, so an event exists exactly when its cause does. Who is told, and how, is
//! not known to the caller: the deliveries that are written here are taken up by `delivery`.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::event_data::EventData;
use crate::db::outbound::{self as rows, NewDeliveries, NewOutboundEvent, Subscriber};
use crate::db::{DbError, OrgTx};
use crate::domain::{OrgId, sample};
use crate::vault::{Place, Sealed, Vault, VaultError};

/// Something that happened.
#[derive(Clone, Debug)]
pub struct OutboundEvent {
    /// `appointment.booked`.
    pub kind: &'static str,
    /// What a receiver gets: an object with our ids, and times in RFC 3339.
    pub data: Value,
    /// Who or what made it happen: a person's address, `call`, `worker`.
    pub triggered_by: String,
    /// Kept with every attempt, and shown beside it; an object.
    pub metadata: Value,
}

impl OutboundEvent {
    /// What has happened, and who or what made it happen.
    pub fn of(data: &EventData, by: impl Into<String>) -> Self {
        Self { kind: data.kind(), data: data.value(), triggered_by: by.into(), metadata: json!({}) }
    }
}

/// Why an event was not written down. The transaction must not be committed then.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("the event could not be sealed")]
    Vault(#[from] VaultError),
}

/// What is sealed of an event: the text that every try sends, byte for byte, and what the caller said
/// beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload {
    pub body: String,
    pub metadata: Value,
}

impl Payload {
    /// The body that Standard Webhooks recommends: type, time and data.
    pub fn new(kind: &str, data: &Value, metadata: Value, at: OffsetDateTime) -> Self {
        let timestamp = at.format(&Rfc3339).unwrap_or_default();
        let body = json!({ "type": kind, "timestamp": timestamp, "data": data }).to_string();
        Self { body, metadata }
    }

    /// The same of a sample: it says that it is a test, and nothing else tells it from a real one.
    pub fn sample(kind: &str, data: &Value, at: OffsetDateTime) -> Self {
        let timestamp = at.format(&Rfc3339).unwrap_or_default();
        let body = json!({ "type": kind, "timestamp": timestamp, "test": true, "data": data }).to_string();
        Self { body, metadata: json!({ "sample": true }) }
    }

    /// Seals it for an event's row.
    pub async fn seal(&self, vault: &Vault, org: OrgId, event: Uuid) -> Result<Sealed, VaultError> {
        let text = json!({ "body": self.body, "metadata": self.metadata }).to_string();
        vault.seal(&payload_place(org, event), text.as_bytes()).await
    }

    /// Opens what an event's row holds.
    ///
    /// # Errors
    /// Those of opening, and [`VaultError::Malformed`] where the text is not ours.
    pub async fn open(vault: &Vault, org: OrgId, event: Uuid, sealed: Vec<u8>) -> Result<Self, VaultError> {
        let opened = vault.open_at(&payload_place(org, event), &Sealed::parse(sealed)?).await?;
        let mut value: Value =
            serde_json::from_slice(opened.expose()).map_err(|_| VaultError::Malformed("payload"))?;
        match value["body"].take() {
            Value::String(body) => Ok(Self { body, metadata: value["metadata"].take() }),
            _ => Err(VaultError::Malformed("payload")),
        }
    }
}

fn payload_place(org: OrgId, event: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "outbound_events", column: "sealed_payload", provider: "", row: event }
}

/// Writes down that something happened, with one delivery for each active endpoint that wants to know;
/// returns the event's id, which every delivery carries.
pub async fn emit(tx: &mut OrgTx, vault: &Vault, event: &OutboundEvent) -> Result<Uuid, OutboundError> {
    emit_but(tx, vault, event, None).await
}

/// The same, leaving out one endpoint: the one that the event is about.
pub async fn emit_but(
    tx: &mut OrgTx,
    vault: &Vault,
    event: &OutboundEvent,
    but: Option<Uuid>,
) -> Result<Uuid, OutboundError> {
    // What a quiet test has caused is written down and told to nobody.
    let call_id = event.data["callId"].as_str();
    let is_quiet = call_id.is_some_and(sample::is_quiet);
    let to = if is_quiet { Vec::new() } else { rows::list_subscribers(tx, event.kind, but).await? };
    let payload = Payload::new(event.kind, &event.data, event.metadata.clone(), OffsetDateTime::now_utc());
    let told = Told {
        kind: event.kind,
        cause: "event",
        triggered_by: &event.triggered_by,
        call_id,
        held_seconds: 0.0,
    };
    let (id, _) = write(tx, vault, &told, &payload, &to).await?;
    Ok(id)
}

/// What stands beside a payload.
pub(crate) struct Told<'a> {
    pub kind: &'a str,
    /// `event`, `call` or `test`.
    pub cause: &'a str,
    pub triggered_by: &'a str,
    /// The call that caused it.
    pub call_id: Option<&'a str>,
    /// For how long no worker takes it, because the caller sends it itself.
    pub held_seconds: f64,
}

/// Writes an event and its deliveries; returns its id and theirs.
pub(crate) async fn write(
    tx: &mut OrgTx,
    vault: &Vault,
    told: &Told<'_>,
    payload: &Payload,
    to: &[Subscriber],
) -> Result<(Uuid, Vec<Uuid>), OutboundError> {
    let id = Uuid::now_v7();
    let sealed = payload.seal(vault, tx.org(), id).await?;
    let new = NewOutboundEvent {
        id,
        kind: told.kind,
        sealed_payload: sealed.as_bytes(),
        key_version: sealed.key_version(),
        triggered_by: told.triggered_by,
        call_id: told.call_id,
    };
    rows::insert_event(tx, &new).await?;
    if to.is_empty() {
        return Ok((id, Vec::new()));
    }
    let new = NewDeliveries {
        event: id,
        kind: told.kind,
        cause: told.cause,
        triggered_by: told.triggered_by,
        to,
        held_seconds: told.held_seconds,
    };
    let deliveries = rows::insert_deliveries(tx, &new).await?;
    Ok((id, deliveries))
}
