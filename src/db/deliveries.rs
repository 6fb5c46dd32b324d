//! Deliveries and their attempts as people and programs read them, and what is pruned.

use serde_json::Value;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};

/// A delivery as lists show it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct DeliveryRow {
    pub id: Uuid,
    pub event_id: Uuid,
    pub endpoint_id: Uuid,
    pub workflow_name: String,
    pub kind: String,
    /// `event`, `call` or `test`.
    pub cause: String,
    /// `pending`, `succeeded`, `dead` or `parked`.
    pub status: String,
    pub attempts: i32,
    /// One more with every replay.
    pub rounds: i32,
    pub next_attempt_at: Option<OffsetDateTime>,
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    pub triggered_by: String,
    pub created_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
}

const SELECT: &str = "select id, event_id, endpoint_id, workflow_name, kind, cause, status, attempts, rounds, \
    next_attempt_at, last_status, last_error, triggered_by, created_at, finished_at from deliveries";

/// Which deliveries are wanted.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    pub endpoint: Option<Uuid>,
    /// One of the words of [`DeliveryRow::status`].
    pub status: Option<String>,
    pub since: Option<OffsetDateTime>,
    pub until: Option<OffsetDateTime>,
    /// The last one of the page before.
    pub before: Option<Uuid>,
    pub limit: i64,
}

/// The statement for a filter: conditions that are not asked for do not stand in it, so that each list is
/// read by the index that fits it.
pub fn statement(filter: &DeliveryFilter) -> String {
    let condition = |is_asked: bool, condition: &'static str, or: &'static str| {
        if is_asked { condition } else { or }
    };
    let of_status = match filter.status.as_deref() {
        None => "$2::text is null",
        Some("succeeded") => "status = $2",
        // Said once more for the index of what did not succeed.
        Some(_) => "status = $2 and status <> 'succeeded'",
    };
    let conditions = [
        condition(filter.endpoint.is_some(), "endpoint_id = $1", "$1::uuid is null"),
        of_status,
        condition(filter.since.is_some(), "created_at >= $3", "$3::timestamptz is null"),
        condition(filter.until.is_some(), "created_at < $4", "$4::timestamptz is null"),
        condition(
            filter.before.is_some(),
            "created_at <= (select b.created_at from deliveries b where b.id = $5)
             and (created_at, id) < (select b.created_at, b.id from deliveries b where b.id = $5)",
            "$5::uuid is null",
        ),
    ];
    format!("{SELECT} where {} order by created_at desc, id desc limit $6", conditions.join(" and "))
}

/// Deliveries, the newest first.
pub async fn list(tx: &mut OrgTx, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(statement(filter)))
        .bind(filter.endpoint)
        .bind(filter.status.as_deref())
        .bind(filter.since)
        .bind(filter.until)
        .bind(filter.before)
        .bind(filter.limit)
        .fetch_all(tx.conn())
        .await?)
}

pub async fn find(tx: &mut OrgTx, id: Uuid) -> Result<Option<DeliveryRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{SELECT} where id = $1")))
        .bind(id)
        .fetch_optional(tx.conn())
        .await?)
}

/// Deliveries of the events that a call has caused, the oldest first.
pub async fn list_of_call(tx: &mut OrgTx, call_id: &str) -> Result<Vec<DeliveryRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{SELECT} where event_id in (select v.id from outbound_events v where v.call_id = $1)
          order by created_at, id limit 200"
    )))
    .bind(call_id)
    .fetch_all(tx.conn())
    .await?)
}

/// Unfinished deliveries are counted up to here: a number that is larger says nothing more to anybody.
pub const MOST_COUNTED: i64 = 10_000;

/// Unfinished deliveries of an endpoint: how many wait, are dead, are parked; each [`MOST_COUNTED`] at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Unfinished {
    pub pending: i64,
    pub dead: i64,
    pub parked: i64,
}

/// The statement of [`count_unfinished`].
pub fn unfinished_statement(endpoint: Option<Uuid>) -> String {
    let of_endpoint = if endpoint.is_some() { "endpoint_id = $1" } else { "$1::uuid is null" };
    let count = |status: &str| {
        format!(
            "(select count(*) from (select 1 from deliveries
               where status = '{status}' and status <> 'succeeded' and {of_endpoint} limit {MOST_COUNTED}) found) as {status}"
        )
    };
    format!("select {}, {}, {}", count("pending"), count("dead"), count("parked"))
}

/// Of one endpoint, or of the whole clinic.
pub async fn count_unfinished(tx: &mut OrgTx, endpoint: Option<Uuid>) -> Result<Unfinished, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(unfinished_statement(endpoint)))
        .bind(endpoint)
        .fetch_one(tx.conn())
        .await?)
}

/// An attempt, without what was answered.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct AttemptRow {
    pub id: Uuid,
    pub delivery_id: Uuid,
    pub endpoint_id: Uuid,
    pub number: i32,
    pub outcome: String,
    pub status_code: Option<i32>,
    pub millis: i32,
    pub error: Option<String>,
    /// Secrets among them are hidden.
    pub request_headers: Json<Value>,
    pub response_headers: Json<Value>,
    pub sealed_answer: Option<Vec<u8>>,
    pub answer_bytes: i32,
    pub attempted_at: OffsetDateTime,
    /// When retention emptied the answer.
    pub emptied_at: Option<OffsetDateTime>,
}

/// The statement of [`list_attempts`].
pub const LIST_ATTEMPTS: &str =
    "select id, delivery_id, endpoint_id, number, outcome, status_code, millis, error, request_headers, response_headers,
            sealed_answer, answer_bytes, attempted_at, emptied_at
       from delivery_attempts where delivery_id = $1 order by attempted_at, id";

/// All attempts of a delivery, the oldest first.
pub async fn list_attempts(tx: &mut OrgTx, delivery: Uuid) -> Result<Vec<AttemptRow>, DbError> {
    Ok(sqlx::query_as(LIST_ATTEMPTS).bind(delivery).fetch_all(tx.conn()).await?)
}

/// Finished deliveries that are older than so many days, the oldest first. Sealed answers stand in their
/// attempts as PostgreSQL writes bytes: `\x` and hexadecimal digits.
pub async fn list_prunable(tx: &mut OrgTx, days: i32, limit: i64) -> Result<Vec<PrunableRow>, DbError> {
    Ok(sqlx::query_as(
        "select d.id, d.event_id, d.rounds, v.sealed_payload, to_jsonb(d) - 'org_id' as delivery,
                coalesce((select jsonb_agg(to_jsonb(a) - 'org_id' - 'key_version' order by a.attempted_at, a.id)
                            from delivery_attempts a where a.org_id = d.org_id and a.delivery_id = d.id), '[]') as attempts
           from deliveries d
           join outbound_events v on v.org_id = d.org_id and v.id = d.event_id
          where d.status <> 'pending' and d.created_at < now() - make_interval(days => $1)
          order by d.created_at, d.id limit $2",
    )
    .bind(days)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// A delivery on its way into an archive.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PrunableRow {
    pub id: Uuid,
    pub event_id: Uuid,
    pub rounds: i32,
    pub sealed_payload: Option<Vec<u8>>,
    pub delivery: Json<Value>,
    pub attempts: Json<Value>,
}

/// Deletes deliveries with their attempts, and events that nothing refers to any more. Endpoints and
/// counts stay. Returns how many deliveries and attempts it were.
pub async fn delete(tx: &mut OrgTx, rows: &[PrunableRow]) -> Result<(u64, u64), DbError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let rounds: Vec<i32> = rows.iter().map(|row| row.rounds).collect();
    let events: Vec<Uuid> = rows.iter().map(|row| row.event_id).collect();
    // One that was replayed meanwhile stays, with its attempts: the archive does not have them all.
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select d.id from deliveries d join unnest($1::uuid[], $2::int4[]) as r (id, rounds) on r.id = d.id
          where d.status <> 'pending' and d.rounds = r.rounds order by d.id for update of d",
    )
    .bind(ids)
    .bind(rounds)
    .fetch_all(tx.conn())
    .await?;
    let attempts = sqlx::query("delete from delivery_attempts where delivery_id = any ($1)")
        .bind(&ids)
        .execute(tx.conn())
        .await?
        .rows_affected();
    let deliveries = sqlx::query("delete from deliveries where id = any ($1)")
        .bind(&ids)
        .execute(tx.conn())
        .await?
        .rows_affected();
    sqlx::query(
        "delete from outbound_events v where v.id = any ($1)
            and not exists (select from deliveries d where d.org_id = v.org_id and d.event_id = v.id)",
    )
    .bind(events)
    .execute(tx.conn())
    .await?;
    Ok((deliveries, attempts))
}

/// An event that nobody was to be told of, on its way into an archive.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct UntoldRow {
    pub id: Uuid,
    pub sealed_payload: Option<Vec<u8>>,
    pub event: Json<Value>,
}

/// Events older than so many days that nobody was to be told of.
pub async fn list_untold(tx: &mut OrgTx, days: i32, limit: i64) -> Result<Vec<UntoldRow>, DbError> {
    Ok(sqlx::query_as(
        "select v.id, v.sealed_payload, to_jsonb(v) - 'org_id' - 'sealed_payload' - 'key_version' as event
           from outbound_events v
          where v.created_at < now() - make_interval(days => $1)
            and not exists (select from deliveries d where d.org_id = v.org_id and d.event_id = v.id)
          order by v.created_at, v.id limit $2",
    )
    .bind(days)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Deletes events that nobody was to be told of; returns how many it were.
pub async fn delete_untold(tx: &mut OrgTx, ids: &[Uuid]) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "delete from outbound_events v where v.id = any ($1)
            and not exists (select from deliveries d where d.org_id = v.org_id and d.event_id = v.id)",
    )
    .bind(ids)
    .execute(tx.conn())
    .await?
    .rows_affected())
}
