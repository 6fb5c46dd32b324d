//! Events out and their deliveries: written in the transaction of whoever tells of something.
//!
//! The queue that workers take from is in `delivery_queue`, lists for people are in `deliveries`.

use uuid::Uuid;

use super::delivery_queue::DUE;
use super::{DbError, OrgTx};

/// An event about to be told. The payload is sealed.
pub struct NewOutboundEvent<'a> {
    pub id: Uuid,
    pub kind: &'a str,
    pub sealed_payload: &'a [u8],
    pub key_version: i32,
    pub triggered_by: &'a str,
    /// The call that caused it, by Vapi's id.
    pub call_id: Option<&'a str>,
}

pub async fn insert_event(tx: &mut OrgTx, new: &NewOutboundEvent<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into outbound_events (org_id, id, kind, sealed_payload, key_version, triggered_by, call_id)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.kind)
    .bind(new.sealed_payload)
    .bind(new.key_version)
    .bind(new.triggered_by)
    .bind(new.call_id)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An endpoint that wants a kind of event.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Subscriber {
    pub id: Uuid,
    pub workflow_name: String,
}

/// The active endpoints that want a kind, but one.
pub async fn list_subscribers(
    tx: &mut OrgTx,
    kind: &str,
    but: Option<Uuid>,
) -> Result<Vec<Subscriber>, DbError> {
    Ok(sqlx::query_as(
        "select id, workflow_name from endpoints
          where is_active and (events = '{}' or $1 = any (events)) and id is distinct from $2 order by id",
    )
    .bind(kind)
    .bind(but)
    .fetch_all(tx.conn())
    .await?)
}

/// Deliveries of one event, one for each endpoint, each in the queue.
pub struct NewDeliveries<'a> {
    pub event: Uuid,
    pub kind: &'a str,
    /// `event`, `call` or `test`.
    pub cause: &'a str,
    pub triggered_by: &'a str,
    pub to: &'a [Subscriber],
    /// Seconds until a worker may take them: zero, or for how long somebody else works on them.
    pub held_seconds: f64,
}

/// Writes them down; returns their ids, in the order of the endpoints.
pub async fn insert_deliveries(tx: &mut OrgTx, new: &NewDeliveries<'_>) -> Result<Vec<Uuid>, DbError> {
    let org = tx.org();
    if new.held_seconds <= 0.0 {
        tx.wake_on_commit(&DUE);
    }
    let ids: Vec<Uuid> = new.to.iter().map(|_| Uuid::now_v7()).collect();
    let endpoints: Vec<Uuid> = new.to.iter().map(|endpoint| endpoint.id).collect();
    let names: Vec<&str> = new.to.iter().map(|endpoint| endpoint.workflow_name.as_str()).collect();
    sqlx::query(
        "with new as (select * from unnest($2::uuid[], $3::uuid[], $4::text[]) as u (id, endpoint_id, workflow_name)),
              written as (
                insert into deliveries (org_id, id, event_id, endpoint_id, workflow_name, kind, cause, triggered_by, next_attempt_at)
                select $1, id, $5, endpoint_id, workflow_name, $6, $7, $8, now() from new)
         insert into delivery_queue (org_id, delivery_id, endpoint_id, due_at, lease_until, claims)
         select $1, id, endpoint_id, now() + make_interval(secs => $9),
                case when $9 > 0 then now() + make_interval(secs => $9) end, case when $9 > 0 then 1 else 0 end
           from new",
    )
    .bind(org.0)
    .bind(&ids)
    .bind(endpoints)
    .bind(names)
    .bind(new.event)
    .bind(new.kind)
    .bind(new.cause)
    .bind(new.triggered_by)
    .bind(new.held_seconds)
    .execute(tx.conn())
    .await?;
    Ok(ids)
}

/// What an event holds.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct EventRow {
    pub id: Uuid,
    pub kind: String,
    /// Absent once the clinic's retention has emptied it.
    pub sealed_payload: Option<Vec<u8>>,
    pub triggered_by: String,
}

pub async fn find_event(tx: &mut OrgTx, id: Uuid) -> Result<Option<EventRow>, DbError> {
    Ok(sqlx::query_as("select id, kind, sealed_payload, triggered_by from outbound_events where id = $1")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?)
}

/// Empties payloads and answers that are older than the clinic's retention, but none that is still to
/// be sent. Returns how many it were.
pub async fn empty_old(tx: &mut OrgTx, limit: i64) -> Result<u64, DbError> {
    let payloads = sqlx::query(
        "update outbound_events set sealed_payload = null, emptied_at = now()
          where id in (
            select e.id from outbound_events e join organizations o on o.id = e.org_id
             where e.emptied_at is null and e.created_at < now() - make_interval(days => o.retention_days)
               and not exists (select from deliveries d
                                where d.org_id = e.org_id and d.event_id = e.id and d.status = 'pending')
             order by e.created_at limit $1 for update of e skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected();
    let answers = sqlx::query(
        "update delivery_attempts set sealed_answer = null, emptied_at = now()
          where id in (
            select a.id from delivery_attempts a join organizations o on o.id = a.org_id
             where a.emptied_at is null and a.attempted_at < now() - make_interval(days => o.retention_days)
             order by a.attempted_at limit $1 for update of a skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected();
    Ok(payloads.max(answers))
}
