//! Deliveries as people look at them, and their replay.
//!
//! What was sent and what was answered may hold patients' data: only owners and admins see it, and that
//! they did is in the trail.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::Ended;
use crate::db::deliveries::{self, AttemptRow, DeliveryFilter, DeliveryRow, Unfinished};
use crate::db::delivery_queue::{self as queue, Replay};
use crate::db::{DbError, OrgTx, endpoints, outbound};
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::vault::{Sealed, VaultError};
use crate::webhooks::delivery::answer_place;
use crate::webhooks::outbound::Payload;

/// Deliveries in one list at most.
pub const MOST_LISTED: i64 = 500;
/// Deliveries that one replay puts back at most; asked again, it goes on.
pub const MOST_REPLAYED: i64 = 10_000;

/// A delivery opened: what was sent, and what came of each try.
pub struct OpenedDelivery {
    pub delivery: DeliveryRow,
    /// The body as it is sent, and the caller's metadata; absent for members, and once retention has
    /// emptied it.
    pub payload: Option<Payload>,
    pub attempts: Vec<OpenedAttempt>,
}

/// A try, and what was answered.
pub struct OpenedAttempt {
    pub row: AttemptRow,
    /// The beginning of the answer, as text; absent for members, where there was none, and once
    /// retention has emptied it.
    pub answer: Option<String>,
}

/// Deliveries, the newest first.
pub async fn list(
    services: &Services,
    caller: &Caller,
    mut filter: DeliveryFilter,
) -> Result<Vec<DeliveryRow>, IntegrationError> {
    filter.limit = filter.limit.clamp(1, MOST_LISTED);
    let mut tx = caller.begin(services).await?;
    let rows = deliveries::list(&mut tx, &filter).await?;
    tx.commit().await?;
    Ok(rows)
}

/// How many deliveries wait, are dead or parked: of one endpoint, or of the clinic.
pub async fn count_unfinished(
    services: &Services,
    caller: &Caller,
    endpoint: Option<Uuid>,
) -> Result<Unfinished, IntegrationError> {
    let mut tx = caller.begin(services).await?;
    let counts = deliveries::count_unfinished(&mut tx, endpoint).await?;
    tx.commit().await?;
    Ok(counts)
}

/// One delivery with its tries. Bodies are opened for owners and admins, and that is recorded.
///
/// # Errors
/// [`DbError::NotFound`].
pub async fn open(
    services: &Services,
    caller: &Caller,
    id: Uuid,
) -> Result<OpenedDelivery, IntegrationError> {
    let mut tx = caller.begin(services).await?;
    let delivery = deliveries::find(&mut tx, id).await?.ok_or(DbError::NotFound)?;
    let rows = deliveries::list_attempts(&mut tx, id).await?;
    let may_open = caller.scope.role.may_configure();
    let event = if may_open { outbound::find_event(&mut tx, delivery.event_id).await? } else { None };
    if may_open {
        let name = &delivery.workflow_name;
        caller.record(&mut tx, services, "delivery.opened", name, Ended::Success, &id.to_string()).await?;
    }
    tx.commit().await?;
    let payload = match event.and_then(|event| event.sealed_payload) {
        Some(sealed) => {
            readable(Payload::open(&services.vault, caller.org(), delivery.event_id, sealed).await)?
        }
        None => None,
    };
    let mut attempts = Vec::with_capacity(rows.len());
    for row in rows {
        let answer = if may_open { open_answer(services, caller, &row).await? } else { None };
        attempts.push(OpenedAttempt { row, answer });
    }
    Ok(OpenedDelivery { delivery, payload, attempts })
}

async fn open_answer(
    services: &Services,
    caller: &Caller,
    row: &AttemptRow,
) -> Result<Option<String>, IntegrationError> {
    let Some(sealed) = &row.sealed_answer else { return Ok(None) };
    let opened = async {
        let sealed = Sealed::parse(sealed.clone())?;
        services.vault.open_at(&answer_place(caller.org(), row.id), &sealed).await
    };
    let opened = readable(opened.await)?;
    Ok(opened.map(|bytes| String::from_utf8_lossy(bytes.expose()).into_owned()))
}

/// One value that does not open must not hide all others.
fn readable<T>(opened: Result<T, VaultError>) -> Result<Option<T>, IntegrationError> {
    match opened {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_unreadable() => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "something sealed of a delivery does not open"
            );
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// What became of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    Queued,
    /// It waits for its next try already.
    Waits,
    /// Its payload was emptied, or its endpoint is off or gone.
    CanNot,
}

/// Sends one delivery again, under the same id, whatever became of it.
///
/// # Errors
/// [`DbError::NotFound`].
pub async fn replay_one(
    services: &Services,
    caller: &Caller,
    id: Uuid,
) -> Result<Replayed, IntegrationError> {
    caller.require_configure(services, "delivery.replayed", "deliveries").await?;
    let mut tx = caller.begin(services).await?;
    let row = deliveries::find(&mut tx, id).await?.ok_or(DbError::NotFound)?;
    if row.status == "pending" {
        tx.commit().await?;
        return Ok(Replayed::Waits);
    }
    let what = Replay { one: Some(id), endpoint: None, since: None, most: 1 };
    let count = queue::replay(&mut tx, &what).await?;
    let ended = if count == 1 { Ended::Success } else { Ended::Failure };
    caller.record(&mut tx, services, "delivery.replayed", &row.workflow_name, ended, &id.to_string()).await?;
    tx.commit().await?;
    Ok(if count == 1 { Replayed::Queued } else { Replayed::CanNot })
}

/// Sends everything again that is dead or parked: of one endpoint or of all, since a time or ever.
/// Returns how many it were.
///
/// # Errors
/// [`DbError::NotFound`] for an endpoint that there is not.
pub async fn replay_failed(
    services: &Services,
    caller: &Caller,
    workflow_name: Option<&str>,
    since: Option<OffsetDateTime>,
) -> Result<u64, IntegrationError> {
    let target = workflow_name.unwrap_or("all endpoints");
    caller.require_configure(services, "delivery.replayed", target).await?;
    let mut tx = caller.begin(services).await?;
    let endpoint = match workflow_name {
        Some(name) => Some(endpoints::find_by_name(&mut tx, name).await?.ok_or(DbError::NotFound)?.id),
        None => None,
    };
    let count = replay_in(&mut tx, endpoint, since).await?;
    let details = format!("{count} deliveries");
    caller.record(&mut tx, services, "delivery.replayed", target, Ended::Success, &details).await?;
    tx.commit().await?;
    Ok(count)
}

pub(super) async fn replay_in(
    tx: &mut OrgTx,
    endpoint: Option<Uuid>,
    since: Option<OffsetDateTime>,
) -> Result<u64, DbError> {
    queue::replay(tx, &Replay { one: None, endpoint, since, most: MOST_REPLAYED }).await
}

/// The body of a payload as JSON, where it is.
pub fn json_of(payload: &Payload) -> Value {
    serde_json::from_str(&payload.body).unwrap_or_else(|_| Value::String(payload.body.clone()))
}
