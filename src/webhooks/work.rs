//! An event of the inbox in the hands of a worker: what it brought, its end, the way it took.
//!
//! The end of an event is a part of the transaction that does its work. [`Work::begin`] locks the row,
//! so of two workers with the same event one finds it ended; killed anywhere before the commit nothing
//! has happened and the event is taken again, after it nothing is left to do. So each event has its
//! effect once. Who works which kind off is `jobs::inbox`.

use std::error::Error;
use std::time::Instant;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::outbound::OutboundError;
use super::strict;
use crate::db::inbound::{self, LeasedEvent};
use crate::db::{DbError, OrgTx};
use crate::domain::{EventId, OrgId};
use crate::state::Services;
use crate::vault::{Place, Sealed, VaultError};

/// Why an event was not worked off. It is put off and tried again.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("what the event brought could not be opened")]
    Vault(#[from] VaultError),
    #[error("what the event brought could not be read")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("the work on the event failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// An event under this worker's lease.
#[derive(Debug)]
pub struct Work {
    pub org: OrgId,
    pub event: EventId,
    /// `vapi`, `whatsapp`.
    pub source: String,
    pub kind: String,
    pub call_id: Option<String>,
    /// How often the work on it was begun before.
    pub attempts: i32,
    way: Way,
}

/// The stages that are added to the trace, counted on from its last one.
#[derive(Debug)]
struct Way {
    since: Instant,
    /// The offset of `since`, in microseconds.
    base_us: i64,
    stages: Vec<Value>,
}

/// An event whose row is locked by the transaction in which its work is done.
pub struct Begun {
    pub tx: OrgTx,
    /// What came in, cleaned: null where the clinic's retention has emptied it.
    pub payload: Value,
    pub received_at: OffsetDateTime,
}

impl Work {
    pub fn of(leased: LeasedEvent) -> Self {
        let LeasedEvent { org_id, id, source, kind, call_id, attempts } = leased;
        let way = Way { since: Instant::now(), base_us: 0, stages: Vec::new() };
        Self { org: org_id, event: id, source, kind, call_id, attempts, way }
    }

    /// Begins the transaction of the work and opens what the event brought; none where somebody else
    /// has ended it. No provider is asked before it is committed.
    ///
    /// # Errors
    /// The database's, and the vault's where the payload does not open.
    pub async fn begin(&mut self, services: &Services) -> Result<Option<Begun>, WorkError> {
        match self.open(services).await? {
            Some(payload) => self.lock(services, payload).await,
            None => Ok(None),
        }
    }

    /// Begins the transaction of the work, with what was opened before.
    ///
    /// # Errors
    /// The database's.
    pub async fn lock(&self, services: &Services, payload: Value) -> Result<Option<Begun>, WorkError> {
        let mut tx = OrgTx::service(&services.pool, self.org).await?;
        match inbound::lock(&mut tx, self.event).await? {
            Some(received_at) => Ok(Some(Begun { tx, payload, received_at })),
            None => {
                tx.rollback().await;
                Ok(None)
            }
        }
    }

    /// Opens what the event brought, with no transaction open: for work that asks somebody before it
    /// begins. None where the event is ended. From here on it is an attempt, whatever becomes of it.
    ///
    /// # Errors
    /// As [`Work::begin`].
    pub async fn open(&mut self, services: &Services) -> Result<Option<Value>, WorkError> {
        let mut tx = OrgTx::service(&services.pool, self.org).await?;
        let waiting = inbound::begin(&mut tx, self.event).await?;
        // A data key may have to be fetched by another connection, so none is held meanwhile.
        tx.commit().await?;
        let Some(waiting) = waiting else { return Ok(None) };
        self.attempts = waiting.attempts;
        self.way.since = Instant::now();
        self.way.base_us = waiting.last_us.saturating_add(waiting.waited_us.max(0));
        self.way.stages.clear();
        self.stage("taken");
        let Some(sealed) = waiting.sealed_payload else { return Ok(Some(Value::Null)) };
        let opened = services.vault.open_at(&self.place(), &Sealed::parse(sealed)?).await?;
        Ok(Some(strict::tree(opened.expose())?))
    }

    /// The place that the event's payload is bound to.
    pub fn place(&self) -> Place<'_> {
        Place {
            org: Some(self.org),
            table: "inbound_events",
            column: "sealed_payload",
            provider: &self.source,
            row: self.event.0,
        }
    }

    /// Adds a stage to the trace, at this moment.
    pub fn stage(&mut self, name: &str) {
        let us =
            self.way.base_us.saturating_add(i64::try_from(self.way.since.elapsed().as_micros()).unwrap_or(0));
        self.way.stages.push(json!({ "stage": name, "us": us }));
    }

    /// Adds a stage with a note for whoever reads the trace.
    pub fn note(&mut self, name: &str, note: &str) {
        self.stage(name);
        if let Some(stage) = self.way.stages.last_mut() {
            stage["note"] = note.into();
        }
    }

    /// Ends the event and makes its work permanent.
    ///
    /// # Errors
    /// The database's; then nothing of the work has happened.
    pub async fn finish(mut self, mut tx: OrgTx) -> Result<(), WorkError> {
        self.stage("worked off");
        inbound::finish(&mut tx, self.event, None, &Value::Array(self.way.stages)).await?;
        Ok(tx.commit().await?)
    }

    /// Puts the event off without a failure: something of it is still under way.
    ///
    /// # Errors
    /// The database's; then nothing of the work has happened.
    pub async fn wait(self, mut tx: OrgTx, why: &str, seconds: f64) -> Result<(), WorkError> {
        inbound::put_off(&mut tx, self.event, why, Some(seconds)).await?;
        Ok(tx.commit().await?)
    }

    /// Parks the event for a person and makes the work permanent.
    ///
    /// # Errors
    /// The database's; then nothing of the work has happened.
    pub async fn park(self, mut tx: OrgTx, why: &str) -> Result<(), WorkError> {
        inbound::put_off(&mut tx, self.event, why, None).await?;
        Ok(tx.commit().await?)
    }
}
