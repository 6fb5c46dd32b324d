//! One event out and all that became of it: its deliveries, where they are in the queue, their tries.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};

/// An event out, without what it says.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ToldRow {
    pub id: Uuid,
    pub kind: String,
    pub triggered_by: String,
    /// The call that caused it, by Vapi's id.
    pub call_id: Option<String>,
    pub created_at: OffsetDateTime,
}

/// The event with this id, which receivers see as `webhook-id`.
pub async fn find(tx: &mut OrgTx, id: Uuid) -> Result<Option<ToldRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, kind, triggered_by, call_id, created_at from outbound_events where id = $1",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?)
}

/// A delivery of the event, and its place in the queue.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct TracedDelivery {
    pub id: Uuid,
    pub workflow_name: String,
    /// `event`, `call` or `test`.
    pub cause: String,
    /// `pending`, `succeeded`, `dead` or `parked`.
    pub status: String,
    pub last_error: Option<String>,
    pub created_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
    /// When it is taken next; none where it is in the queue no more.
    pub due_at: Option<OffsetDateTime>,
    /// A worker has it now.
    pub is_held: bool,
}

/// All deliveries of an event, by endpoint.
pub async fn list_deliveries(tx: &mut OrgTx, event: Uuid) -> Result<Vec<TracedDelivery>, DbError> {
    Ok(sqlx::query_as(
        "select d.id, d.workflow_name, d.cause, d.status, d.last_error, d.created_at, d.finished_at, q.due_at,
                coalesce(q.lease_until > now(), false) as is_held
           from deliveries d
           left join delivery_queue q on q.org_id = d.org_id and q.delivery_id = d.id
          where d.event_id = $1 order by d.workflow_name, d.id limit 500",
    )
    .bind(event)
    .fetch_all(tx.conn())
    .await?)
}

/// A try of one of them.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct TracedTry {
    pub delivery_id: Uuid,
    pub number: i32,
    pub outcome: String,
    pub status_code: Option<i32>,
    pub millis: i32,
    pub error: Option<String>,
    /// When a worker took it; none of tries of before.
    pub claimed_at: Option<OffsetDateTime>,
    /// When it had ended.
    pub attempted_at: OffsetDateTime,
}

/// All tries to tell of an event, the oldest first.
pub async fn list_tries(tx: &mut OrgTx, event: Uuid) -> Result<Vec<TracedTry>, DbError> {
    Ok(sqlx::query_as(
        "select a.delivery_id, a.number, a.outcome, a.status_code, a.millis, a.error, a.claimed_at, a.attempted_at
           from deliveries d
           join delivery_attempts a on a.org_id = d.org_id and a.delivery_id = d.id
          where d.event_id = $1 order by a.attempted_at, a.id limit 5000",
    )
    .bind(event)
    .fetch_all(tx.conn())
    .await?)
}
