//! Looking into an event of the inbox, and putting events back to work.
//!
//! Everybody of a clinic sees a masked payload; owners and admins may open it in full, and each time is
//! recorded. A replay gives an event back to the workers, whose handlers have their effect once for each
//! event. What was answered while the caller waited is never run again: its effects went out into the
//! world, and nobody is on the line any more.

use serde_json::Value;
use time::OffsetDateTime;

use crate::audit::{self, AuditError, Ended, Entry, Origin};
use crate::db::event_list::{self, StoredEvent};
use crate::db::inbound::EventRow;
use crate::db::{DbError, OrgTx, Scope};
use crate::domain::EventId;
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::vault::{Place, Sealed, VaultError};
use crate::webhooks::inbound::is_answered_now;
use crate::webhooks::masked::masked;
use crate::webhooks::strict;

/// Events that are given back in one transaction.
const BATCH: i64 = 500;
/// Batches of one recovery; what is left is named, and the next recovery takes it.
const BATCHES: usize = 40;
/// Kinds that are answered while the caller waits.
const NEVER_AGAIN: [&str; 2] = ["tool-calls", "assistant-request"];

/// Why an event was not opened or put back to work.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    #[error("there is no such event")]
    NotFound,
    #[error("events of this kind are not run again")]
    AnsweredAtOnce,
    #[error("what the event brought is not kept any more")]
    Emptied,
    #[error(transparent)]
    Integration(#[from] IntegrationError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("the payload could not be opened")]
    Vault(#[from] VaultError),
    #[error("the payload could not be read")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl EventError {
    /// What happened and what to do, for people.
    pub fn sentence(&self) -> String {
        match self {
            EventError::NotFound => "There is no such event.".to_owned(),
            EventError::AnsweredAtOnce => {
                "This was answered while the caller waited. Running it again could send or book twice, so it is not replayed. Look at what its tools did, and do by hand what is missing."
                    .to_owned()
            }
            EventError::Emptied => {
                "What this event brought was emptied by the clinic's retention, so there is nothing to run again."
                    .to_owned()
            }
            EventError::Integration(error) => error.sentence(),
            EventError::Audit(_) | EventError::Vault(_) | EventError::Unreadable(_) | EventError::Db(_) => {
                "This could not be done right now. Please try again in a moment.".to_owned()
            }
        }
    }
}

/// Whether an event of this kind may be run again, and if not, why.
///
/// # Errors
/// [`EventError::AnsweredAtOnce`] and [`EventError::Emptied`].
pub fn may_replay(kind: &str, has_payload: bool) -> Result<(), EventError> {
    if is_answered_now(kind) {
        return Err(EventError::AnsweredAtOnce);
    }
    if has_payload { Ok(()) } else { Err(EventError::Emptied) }
}

/// An event with what of its payload the reader may see.
#[derive(Debug)]
pub struct Opened {
    pub row: EventRow,
    pub payload: Shown,
    /// None where it may be run again.
    pub no_replay: Option<String>,
}

/// What is shown of a payload.
#[derive(Debug)]
pub enum Shown {
    /// The clinic's retention has emptied it.
    Emptied,
    /// The keys at hand do not open it.
    Unreadable,
    Masked(Value),
    Full(Value),
}

/// Reads an event in a transaction that is ended here. `in_full` is for owners and admins, and recorded
/// whether it is granted or refused.
///
/// # Errors
/// [`EventError::NotFound`], [`IntegrationError::MayNot`], and what the database says.
pub async fn open(
    services: &Services,
    mut tx: OrgTx,
    reader: (&Scope, &Origin),
    id: EventId,
    in_full: bool,
) -> Result<Opened, EventError> {
    let (scope, origin) = reader;
    let Some(StoredEvent { row, sealed_payload }) = event_list::find(&mut tx, id).await? else {
        tx.rollback().await;
        return Err(EventError::NotFound);
    };
    if in_full {
        let may = scope.role.may_configure();
        let entry = Entry {
            actor: scope.actor(),
            action: "event.opened",
            target: id.to_string(),
            ended: if may { Ended::Success } else { Ended::Denied },
            details: format!("{} {}", row.source, row.kind),
        };
        audit::append(&mut tx, &services.vault, &services.clock, origin, entry).await?;
        if !may {
            tx.commit().await?;
            return Err(IntegrationError::MayNot.into());
        }
    }
    let org = tx.org();
    // A data key may have to be fetched by another connection, so none is held meanwhile.
    tx.commit().await?;
    let no_replay = may_replay(&row.kind, sealed_payload.is_some()).err().map(|error| error.sentence());
    let payload = match sealed_payload {
        None => Shown::Emptied,
        Some(sealed) => {
            let place = Place {
                org: Some(org),
                table: "inbound_events",
                column: "sealed_payload",
                provider: &row.source,
                row: id.0,
            };
            match read(services, &place, sealed).await {
                Ok(value) if in_full => Shown::Full(value),
                Ok(value) => Shown::Masked(masked(&value)),
                Err(EventError::Vault(error)) if error.is_transient() => return Err(error.into()),
                // One event that does not open makes no broken page.
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, %org, event = %id, "an event's payload does not open");
                    Shown::Unreadable
                }
            }
        }
    };
    Ok(Opened { row, payload, no_replay })
}

async fn read(services: &Services, place: &Place<'_>, sealed: Vec<u8>) -> Result<Value, EventError> {
    let opened = services.vault.open_at(place, &Sealed::parse(sealed)?).await?;
    Ok(strict::tree(opened.expose())?)
}

/// What became of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// The workers have it.
    Due,
    /// It was waiting for them already; nothing was changed.
    Waiting,
}

/// Gives one event back to the workers. Repeating it changes nothing while the event waits.
///
/// # Errors
/// [`EventError::NotFound`], why it may not be run again, and what the database says.
pub async fn replay(services: &Services, caller: &Caller, id: EventId) -> Result<Replayed, EventError> {
    caller.require_configure(services, "event.replayed", &id.to_string()).await?;
    let mut tx = caller.begin(services).await?;
    let found = event_list::find(&mut tx, id).await?;
    tx.commit().await?;
    let Some(StoredEvent { row, sealed_payload }) = found else { return Err(EventError::NotFound) };
    may_replay(&row.kind, sealed_payload.is_some())?;
    if row.status == "received" {
        return Ok(Replayed::Waiting);
    }
    // The inbox is changed by the service alone; the caller's right was asked above.
    let mut tx = OrgTx::service(&services.pool, caller.org()).await?;
    if !event_list::replay(&mut tx, id).await? {
        tx.rollback().await;
        return Ok(Replayed::Waiting);
    }
    let details = format!("{} {}, was {}", row.source, row.kind, row.status);
    caller.record(&mut tx, services, "event.replayed", &id.to_string(), Ended::Success, &details).await?;
    tx.commit().await?;
    services.inbox.arrived().notify_one();
    Ok(Replayed::Due)
}

/// What became of a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Events that the workers have again.
    pub recovered: u64,
    /// Events that are still parked: answered while the caller waited, emptied, or more than one
    /// recovery takes.
    pub left: i64,
}

/// Gives every parked event that was received since a moment back to the workers.
///
/// # Errors
/// What the database says; the batches before it stay done and recorded.
pub async fn recover(
    services: &Services,
    caller: &Caller,
    since: OffsetDateTime,
) -> Result<Recovered, EventError> {
    caller.require_configure(services, "event.recovered", "events").await?;
    let mut recovered = 0;
    for _ in 0..BATCHES {
        let mut tx = OrgTx::service(&services.pool, caller.org()).await?;
        let count = event_list::recover(&mut tx, since, &NEVER_AGAIN, BATCH).await?;
        if count > 0 {
            let details = format!("{count} parked since {since}");
            caller.record(&mut tx, services, "event.recovered", "events", Ended::Success, &details).await?;
        }
        tx.commit().await?;
        recovered += count;
        services.inbox.arrived().notify_one();
        if count < BATCH.unsigned_abs() {
            break;
        }
    }
    let mut tx = caller.begin(services).await?;
    let left = event_list::count_parked(&mut tx, since).await?;
    tx.commit().await?;
    Ok(Recovered { recovered, left })
}

#[cfg(test)]
mod tests {
    use super::{NEVER_AGAIN, may_replay};

    #[test]
    fn what_was_answered_while_the_caller_waited_is_not_run_again() {
        for kind in NEVER_AGAIN {
            assert!(may_replay(kind, true).is_err(), "{kind}");
        }
        assert!(may_replay("end-of-call-report", true).is_ok());
        assert!(may_replay("end-of-call-report", false).is_err());
    }
}
