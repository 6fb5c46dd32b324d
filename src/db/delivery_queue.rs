//! The queue of deliveries: taken under a lease, brought to an end with what came of each try.
//!
//! A try is recorded in one transaction: its row, the counts of its hour, the endpoint's own, and what
//! becomes of the delivery. Lists for people are in `deliveries`.

use serde_json::Value;
use sqlx::types::Json;
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::Uuid;

use super::endpoints::StoredTarget;
use super::{DbError, OrgTx, PgPool};
use crate::domain::OrgId;

/// Told when this process has put something into the queue that is due at once. There is one queue, so there
/// is one of these: whoever sends looks at it a moment earlier than it would anyway, and needlessly at worst.
pub static DUE: Notify = Notify::const_new();

/// How many are taken at a time, and of whom.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    pub most: i32,
    pub lease_seconds: i32,
    /// In flight at the same time, of one clinic and of one endpoint.
    pub per_clinic: i32,
    pub per_endpoint: i32,
    /// From so many failures in a row on, an endpoint has one in flight.
    pub failures: i32,
    /// Tries of one clinic that begin within a second.
    pub per_second: i32,
}

/// A delivery that this worker has under a lease.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct Leased {
    #[sqlx(try_from = "Uuid")]
    pub org_id: OrgId,
    pub delivery_id: Uuid,
    pub endpoint_id: Uuid,
    /// Which lease of it this is.
    pub claim: i32,
}

/// Takes due deliveries, walking on from where the last walk ended.
pub async fn lease(pool: &PgPool, after: (Uuid, Uuid), share: &Share) -> Result<Vec<Leased>, DbError> {
    let leased: Vec<Leased> = sqlx::query_as(
        "select org_id, delivery_id, endpoint_id, claim from lease_deliveries($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(after.0)
    .bind(after.1)
    .bind(share.most)
    .bind(share.lease_seconds)
    .bind(share.per_clinic)
    .bind(share.per_endpoint)
    .bind(share.failures)
    .bind(share.per_second)
    .fetch_all(pool)
    .await?;
    pool.commits().tell(leased.iter().map(|leased| leased.org_id));
    Ok(leased)
}

/// All that a try needs.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Job {
    pub delivery_id: Uuid,
    pub endpoint_id: Uuid,
    pub event_id: Uuid,
    pub kind: String,
    /// `event`, `call` or `test`.
    pub cause: String,
    /// One more with every replay.
    pub rounds: i32,
    pub destination: String,
    #[sqlx(flatten)]
    pub target: StoredTarget,
    pub settings: Json<Value>,
    /// Absent once retention has emptied it.
    pub sealed_payload: Option<Vec<u8>>,
    /// The secrets that sign now, the newest first, and their ids.
    pub secret_ids: Vec<Uuid>,
    pub secrets: Vec<Vec<u8>>,
    /// Tries that were recorded, in all and of this round.
    pub attempts: i32,
    pub tries: i32,
    pub claim: i32,
    pub claimed_at: OffsetDateTime,
}

/// The job behind a lease; none where the lease is not ours any more or nothing is left to do.
pub async fn find_job(tx: &mut OrgTx, delivery: Uuid, claim: i32) -> Result<Option<Job>, DbError> {
    Ok(sqlx::query_as(
        "select d.id as delivery_id, d.endpoint_id, d.event_id, d.kind, d.cause, d.rounds, e.destination, e.address, e.sealed_target,
                e.url, e.sealed_auth, e.settings, v.sealed_payload, coalesce(s.ids, '{}') as secret_ids, coalesce(s.secrets, '{}') as secrets,
                d.attempts, q.tries, q.claims as claim, clock_timestamp() as claimed_at
           from delivery_queue q
           join deliveries d on d.org_id = q.org_id and d.id = q.delivery_id
           join endpoints e on e.org_id = d.org_id and e.id = d.endpoint_id
           join outbound_events v on v.org_id = d.org_id and v.id = d.event_id
           left join lateral (
             select array_agg(k.id order by k.id desc) as ids, array_agg(k.sealed order by k.id desc) as secrets
               from endpoint_secrets k
              where k.org_id = e.org_id and k.endpoint_id = e.id and (k.not_after is null or k.not_after > now())) s on true
          where q.delivery_id = $1 and q.claims = $2",
    )
    .bind(delivery)
    .bind(claim)
    .fetch_optional(tx.conn())
    .await?)
}

/// Gives a delivery back without a try, for later.
pub async fn give_back(tx: &mut OrgTx, delivery: Uuid, claim: i32, seconds: f64) -> Result<(), DbError> {
    sqlx::query(
        "update delivery_queue set due_at = now() + make_interval(secs => $3), lease_until = null
          where delivery_id = $1 and claims = $2",
    )
    .bind(delivery)
    .bind(claim)
    .bind(seconds)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A try that ended.
pub struct NewAttempt<'a> {
    pub id: Uuid,
    pub delivery: Uuid,
    pub endpoint: Uuid,
    pub number: i32,
    pub outcome: &'a str,
    pub succeeded: bool,
    pub status_code: Option<i32>,
    pub millis: i32,
    pub error: Option<&'a str>,
    pub request_headers: &'a Value,
    pub response_headers: &'a Value,
    pub sealed_answer: Option<&'a [u8]>,
    pub key_version: Option<i32>,
    pub answer_bytes: i32,
    pub claimed_at: OffsetDateTime,
}

/// How the endpoint stands after a try.
#[derive(Clone, Copy, Debug, Default, sqlx::FromRow)]
pub struct Standing {
    pub failures_in_row: i32,
    /// Seconds since the first of them.
    pub failing_seconds: f64,
}

/// The upper bounds of the buckets of durations, in milliseconds; the last has none.
pub const BUCKETS: [i32; 15] =
    [25, 50, 100, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10_000];

/// Records a try with the counts of its hour and of its endpoint; none where the endpoint is gone.
pub async fn record(tx: &mut OrgTx, new: &NewAttempt<'_>) -> Result<Option<Standing>, DbError> {
    let org = tx.org();
    let bucket = BUCKETS.iter().position(|bound| new.millis <= *bound).unwrap_or(BUCKETS.len());
    let mut buckets = [0_i32; BUCKETS.len() + 1];
    buckets[bucket] = 1;
    Ok(sqlx::query_as(
        "with attempt as (
           insert into delivery_attempts (org_id, id, delivery_id, endpoint_id, number, outcome, status_code, millis, error,
                                          request_headers, response_headers, sealed_answer, key_version, answer_bytes, claimed_at)
           values ($1, $2, $3, $4, $5, $6, $8, $9, $10, $11, $12, $13, $14, $15, $17)),
         hour as (
           insert into delivery_hours as h (org_id, endpoint_id, hour, outcome, attempts, millis_total, millis_most, slowest,
                  b00, b01, b02, b03, b04, b05, b06, b07, b08, b09, b10, b11, b12, b13, b14, b15)
           values ($1, $4, date_trunc('hour', now(), 'UTC'), $6, 1, $9, $9, $2,
                  $16[1], $16[2], $16[3], $16[4], $16[5], $16[6], $16[7], $16[8], $16[9], $16[10], $16[11], $16[12], $16[13],
                  $16[14], $16[15], $16[16])
           on conflict (org_id, endpoint_id, hour, outcome) do update set
             attempts = h.attempts + 1, millis_total = h.millis_total + excluded.millis_total,
             slowest = case when excluded.millis_most > h.millis_most then excluded.slowest else h.slowest end,
             millis_most = greatest(h.millis_most, excluded.millis_most),
             b00 = h.b00 + excluded.b00, b01 = h.b01 + excluded.b01, b02 = h.b02 + excluded.b02, b03 = h.b03 + excluded.b03,
             b04 = h.b04 + excluded.b04, b05 = h.b05 + excluded.b05, b06 = h.b06 + excluded.b06, b07 = h.b07 + excluded.b07,
             b08 = h.b08 + excluded.b08, b09 = h.b09 + excluded.b09, b10 = h.b10 + excluded.b10, b11 = h.b11 + excluded.b11,
             b12 = h.b12 + excluded.b12, b13 = h.b13 + excluded.b13, b14 = h.b14 + excluded.b14, b15 = h.b15 + excluded.b15)
         update endpoints set
           attempts_total = attempts_total + 1,
           attempts_succeeded = attempts_succeeded + case when $7 then 1 else 0 end,
           attempts_failed = attempts_failed + case when $7 then 0 else 1 end,
           failures_in_row = case when $7 then 0 else failures_in_row + 1 end,
           failing_since = case when $7 then null else coalesce(failing_since, now()) end,
           blocked_until = case when $7 then null else blocked_until end,
           blocked_reason = case when $7 then null else blocked_reason end,
           last_called_at = now(), last_status = $8, last_error = $10
         where id = $4
         returning failures_in_row, coalesce(extract(epoch from now() - failing_since), 0)::float8 as failing_seconds",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.delivery)
    .bind(new.endpoint)
    .bind(new.number)
    .bind(new.outcome)
    .bind(new.succeeded)
    .bind(new.status_code)
    .bind(new.millis)
    .bind(new.error)
    .bind(Json(new.request_headers))
    .bind(Json(new.response_headers))
    .bind(new.sealed_answer)
    .bind(new.key_version)
    .bind(new.answer_bytes)
    .bind(buckets.as_slice())
    .bind(new.claimed_at)
    .fetch_optional(tx.conn())
    .await?)
}

/// What a delivery says of its last try.
#[derive(Clone, Copy, Debug)]
pub struct Last<'a> {
    pub delivery: Uuid,
    pub claim: i32,
    pub status: Option<i32>,
    pub error: Option<&'a str>,
}

/// A try succeeded: the delivery is done, whoever holds it.
pub async fn succeed(tx: &mut OrgTx, last: &Last<'_>) -> Result<(), DbError> {
    sqlx::query(
        "with queue as (delete from delivery_queue where delivery_id = $1)
         update deliveries set status = 'succeeded', attempts = attempts + 1, last_status = $2, last_error = null,
                next_attempt_at = null, finished_at = now()
          where id = $1",
    )
    .bind(last.delivery)
    .bind(last.status)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A try failed and is repeated after some seconds. Changes nothing where another worker holds it now.
pub async fn retry(tx: &mut OrgTx, last: &Last<'_>, seconds: f64) -> Result<(), DbError> {
    sqlx::query(
        "with queue as (
           update delivery_queue set due_at = now() + make_interval(secs => $5), lease_until = null, tries = tries + 1
            where delivery_id = $1 and claims = $2 returning due_at)
         update deliveries set attempts = attempts + 1, last_status = $3, last_error = $4, next_attempt_at = queue.due_at
           from queue where id = $1",
    )
    .bind(last.delivery)
    .bind(last.claim)
    .bind(last.status)
    .bind(last.error)
    .bind(seconds)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A try failed and whoever holds it goes on with it.
pub async fn hold(tx: &mut OrgTx, last: &Last<'_>) -> Result<(), DbError> {
    sqlx::query(
        "with queue as (
           update delivery_queue set tries = tries + 1 where delivery_id = $1 and claims = $2 returning due_at)
         update deliveries set attempts = attempts + 1, last_status = $3, last_error = $4 from queue where id = $1",
    )
    .bind(last.delivery)
    .bind(last.claim)
    .bind(last.status)
    .bind(last.error)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The last try failed: nothing is tried by itself any more. The status is `dead` or `parked`.
pub async fn end(tx: &mut OrgTx, last: &Last<'_>, status: &str) -> Result<(), DbError> {
    sqlx::query(
        "with queue as (delete from delivery_queue where delivery_id = $1 and claims = $2 returning 1)
         update deliveries set status = $5, attempts = attempts + 1, last_status = $3, last_error = $4,
                next_attempt_at = null, finished_at = now()
          where id = $1 and exists (select from queue)",
    )
    .bind(last.delivery)
    .bind(last.claim)
    .bind(last.status)
    .bind(last.error)
    .bind(status)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends a delivery without another try. Changes nothing where another worker holds it now.
pub async fn abandon(tx: &mut OrgTx, delivery: Uuid, claim: i32, error: &str) -> Result<(), DbError> {
    sqlx::query(
        "with queue as (delete from delivery_queue where delivery_id = $1 and claims = $2 returning 1)
         update deliveries set status = 'dead', last_error = $3, next_attempt_at = null, finished_at = now()
          where id = $1 and exists (select from queue)",
    )
    .bind(delivery)
    .bind(claim)
    .bind(error)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes all that waits for an endpoint out of the queue: it is switched off or gone. Returns how many
/// it were.
pub async fn park(tx: &mut OrgTx, endpoint: Uuid, error: &str) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "with queue as (delete from delivery_queue where endpoint_id = $1 returning delivery_id)
         update deliveries set status = 'parked', last_error = $2, next_attempt_at = null, finished_at = now()
           from queue where id = queue.delivery_id and status = 'pending'",
    )
    .bind(endpoint)
    .bind(error)
    .execute(tx.conn())
    .await?
    .rows_affected())
}

/// What is put back into the queue.
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    /// One delivery, whatever became of it.
    pub one: Option<Uuid>,
    /// All of one endpoint that are dead or parked.
    pub endpoint: Option<Uuid>,
    /// Of these, those since a time.
    pub since: Option<time::OffsetDateTime>,
    pub most: i64,
}

/// Puts deliveries back into the queue, for another round of tries. What waits already stays where it
/// is; what retention has emptied, and what belongs to an endpoint that is off or gone, is left out.
/// Returns how many it were.
pub async fn replay(tx: &mut OrgTx, what: &Replay) -> Result<u64, DbError> {
    let org = tx.org();
    tx.wake_on_commit(&DUE);
    Ok(sqlx::query(
        "with chosen as (
           select d.id, d.endpoint_id from deliveries d
             join endpoints e on e.org_id = d.org_id and e.id = d.endpoint_id and e.is_active
             join outbound_events v on v.org_id = d.org_id and v.id = d.event_id and v.emptied_at is null
            where (d.id = $2 or ($2 is null and d.status in ('dead', 'parked')))
              and d.status <> 'pending'
              and ($3::uuid is null or d.endpoint_id = $3)
              and ($4::timestamptz is null or d.created_at >= $4)
            order by d.created_at limit $5 for update of d),
         queued as (
           insert into delivery_queue (org_id, delivery_id, endpoint_id) select $1, id, endpoint_id from chosen
           on conflict (org_id, delivery_id) do nothing)
         update deliveries d set status = 'pending', rounds = d.rounds + 1, next_attempt_at = now(), finished_at = null
           from chosen where d.id = chosen.id",
    )
    .bind(org.0)
    .bind(what.one)
    .bind(what.endpoint)
    .bind(what.since)
    .bind(what.most)
    .execute(tx.conn())
    .await?
    .rows_affected())
}
