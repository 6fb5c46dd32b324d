//! The durable inbox of verified webhooks.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryScalar;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx, PgPool};
use crate::domain::{EventId, OrgId};

/// The status of a new event that a worker is to take up at once; its row says `received`.
pub const DUE: &str = "due";

/// How long a batch may take: the limit that the database has for a statement, with the way there and back.
const WRITE: Duration = Duration::from_secs(12);

/// A verified event, sealed, on its way into the inbox.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub org: OrgId,
    pub id: Uuid,
    pub source: &'static str,
    pub kind: String,
    pub call_id: Option<String>,
    pub dedupe_key: [u8; 32],
    pub sealed_payload: Bytes,
    pub key_version: i32,
    /// JSON text of what lists may show.
    pub summary: String,
    /// JSON text of the stages so far.
    pub trace: String,
    /// `processed` where nothing is left to do; `received` where the event is being answered right
    /// now: workers leave it alone for a minute; [`DUE`] where a worker is to take it up at once.
    pub status: &'static str,
}

/// The writer of the inbox, with a connection that it keeps from batch to batch: to fetch one and to
/// have it asked on its way back would cost as much as a statement.
pub struct InboxWriter {
    pool: PgPool,
    kept: Option<PoolConnection<Postgres>>,
}

impl InboxWriter {
    pub const fn new(pool: PgPool) -> Self {
        Self { pool, kept: None }
    }

    /// Gives the connection back; the next batch fetches another.
    pub fn rest(&mut self) {
        self.kept = None;
    }

    /// Stores events of any organizations in one statement, which is its own transaction; returns
    /// the ids of those that are new.
    pub async fn accept(&mut self, events: &[Box<NewEvent>]) -> Result<Vec<Uuid>, DbError> {
        let new = self.insert(events).await?;
        if !new.is_empty() {
            self.pool.commits().tell(events.iter().map(|event| event.org));
        }
        Ok(new)
    }

    async fn insert(&mut self, events: &[Box<NewEvent>]) -> Result<Vec<Uuid>, DbError> {
        let new = self.write(events).await?;
        Ok(new.unwrap_or_else(|| events.iter().map(|event| event.id).collect()))
    }

    async fn write(&mut self, events: &[Box<NewEvent>]) -> Result<Option<Vec<Uuid>>, DbError> {
        if self.pool.is_pooled() {
            return in_time(statement(events).fetch_one(&self.pool)).await;
        }
        // Taken, so that a future that is dropped half-way takes the connection with it.
        let mut connection = match self.kept.take() {
            Some(connection) => connection,
            None => self.pool.acquire().await?,
        };
        let written = in_time(statement(events).fetch_one(&mut *connection)).await;
        if written.is_ok() {
            self.kept = Some(connection);
        } else {
            // Whatever went wrong, the next batch begins on a sound one.
            connection.close_on_drop();
        }
        written
    }
}

/// One timer for all who wait for a batch. Where it ends, nobody knows whether the rows were stored; senders try
/// again, and a row that is there is not stored twice.
async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, DbError> {
    match tokio::time::timeout(WRITE, work).await {
        Ok(done) => Ok(done?),
        Err(late) => Err(DbError::Unavailable(std::io::Error::from(late).into())),
    }
}

/// Gives the ids of those that are new, or null where all are.
fn statement(events: &[Box<NewEvent>]) -> QueryScalar<'_, Postgres, Option<Vec<Uuid>>, PgArguments> {
    let orgs: Vec<Uuid> = events.iter().map(|e| e.org.0).collect();
    let ids: Vec<Uuid> = events.iter().map(|e| e.id).collect();
    let sources: Vec<&str> = events.iter().map(|e| e.source).collect();
    let kinds: Vec<&str> = events.iter().map(|e| e.kind.as_str()).collect();
    let calls: Vec<Option<&str>> = events.iter().map(|e| e.call_id.as_deref()).collect();
    let keys: Vec<&[u8]> = events.iter().map(|e| e.dedupe_key.as_slice()).collect();
    let payloads: Vec<&[u8]> = events.iter().map(|e| e.sealed_payload.as_ref()).collect();
    let versions: Vec<i32> = events.iter().map(|e| e.key_version).collect();
    let summaries: Vec<&str> = events.iter().map(|e| e.summary.as_str()).collect();
    let traces: Vec<&str> = events.iter().map(|e| e.trace.as_str()).collect();
    let states: Vec<&str> = events.iter().map(|e| e.status).collect();
    sqlx::query_scalar("select accept_inbound($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
        .bind(orgs)
        .bind(ids)
        .bind(sources)
        .bind(kinds)
        .bind(calls)
        .bind(keys)
        .bind(payloads)
        .bind(versions)
        .bind(summaries)
        .bind(traces)
        .bind(states)
}

/// A due event that this worker has under a lease.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct LeasedEvent {
    #[sqlx(try_from = "Uuid")]
    pub org_id: OrgId,
    #[sqlx(try_from = "Uuid")]
    pub id: EventId,
    pub source: String,
    pub kind: String,
    pub call_id: Option<String>,
    /// How often the work on it was begun.
    pub attempts: i32,
}

/// Takes due events under a lease: the oldest of each clinic, then the second of each, from the clinic on
/// that comes after a given one.
pub async fn lease(
    pool: &PgPool,
    after: OrgId,
    limit: i32,
    seconds: i32,
) -> Result<Vec<LeasedEvent>, DbError> {
    Ok(sqlx::query_as("select org_id, id, source, kind, call_id, attempts from lease_inbound($1, $2, $3)")
        .bind(after.0)
        .bind(limit)
        .bind(seconds)
        .fetch_all(pool)
        .await?)
}

/// What an event brought that is not ended.
#[derive(Debug, sqlx::FromRow)]
pub struct WaitingEvent {
    /// None where the clinic's retention has emptied it.
    pub sealed_payload: Option<Vec<u8>>,
    /// This one counted.
    pub attempts: i32,
    /// Microseconds since it was stored.
    pub waited_us: i64,
    /// The offset of the last stage before it was stored, in microseconds.
    pub last_us: i64,
}

/// Counts that the work on an event begins, and gives what it brought; none where it is ended, or where there
/// is none.
pub async fn begin(tx: &mut OrgTx, id: EventId) -> Result<Option<WaitingEvent>, DbError> {
    Ok(sqlx::query_as(
        "update inbound_events set attempts = attempts + 1 where id = $1 and status = 'received'
         returning sealed_payload, attempts,
                (extract(epoch from clock_timestamp() - received_at) * 1000000)::bigint as waited_us,
                coalesce((select max((s ->> 'us')::bigint) from json_array_elements(trace::json) s
                           where s ->> 'stage' in ('received', 'verified', 'sealed')), 0) as last_us",
    )
    .bind(id.0)
    .fetch_optional(tx.conn())
    .await?)
}

/// Locks an event that is not ended, for the transaction that ends it, and says when it came.
pub async fn lock(tx: &mut OrgTx, id: EventId) -> Result<Option<OffsetDateTime>, DbError> {
    Ok(sqlx::query_scalar(
        "select received_at from inbound_events where id = $1 and status = 'received' for update",
    )
    .bind(id.0)
    .fetch_optional(tx.conn())
    .await?)
}

/// An event as the list shows it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct EventRow {
    #[sqlx(try_from = "Uuid")]
    pub id: EventId,
    pub source: String,
    pub kind: String,
    pub call_id: Option<String>,
    pub status: String,
    pub summary: Json<Value>,
    pub trace: Json<Value>,
    pub attempts: i32,
    pub error: Option<String>,
    pub received_at: OffsetDateTime,
    pub processed_at: Option<OffsetDateTime>,
}

/// Ends an event; `stages` are added to its trace. Nothing happens where it was ended before.
pub async fn finish(
    tx: &mut OrgTx,
    id: EventId,
    summary: Option<&Value>,
    stages: &Value,
) -> Result<(), DbError> {
    sqlx::query(
        "update inbound_events set status = 'processed', processed_at = now(), next_attempt_at = null, lease_until = null,
                error = null, summary = (summary::jsonb || coalesce($2, '{}'::jsonb))::text,
                trace = (trace::jsonb || $3)::text
          where id = $1 and status = 'received'",
    )
    .bind(id.0)
    .bind(summary.map(Json))
    .bind(Json(stages))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps something else of what an event brought, sealed for the same place.
pub async fn replace_payload(
    tx: &mut OrgTx,
    id: EventId,
    sealed: &[u8],
    key_version: i32,
) -> Result<(), DbError> {
    sqlx::query(
        "update inbound_events set sealed_payload = $2, key_version = $3
          where id = $1 and sealed_payload is not null",
    )
    .bind(id.0)
    .bind(sealed)
    .bind(key_version)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Puts an event off, or parks it for a person after its last attempt.
pub async fn put_off(tx: &mut OrgTx, id: EventId, error: &str, seconds: Option<f64>) -> Result<(), DbError> {
    sqlx::query(
        "update inbound_events set error = $2, lease_until = null,
                status = case when $3::float8 is null then 'parked' else status end,
                next_attempt_at = now() + make_interval(secs => $3)
          where id = $1 and status = 'received'",
    )
    .bind(id.0)
    .bind(error)
    .bind(seconds)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Empties payloads that are older than the clinic's retention; what tells repetitions apart stays.
/// Returns how many it were. Rows that another process works on are left to it.
pub async fn empty_old(tx: &mut OrgTx, limit: i64) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update inbound_events set sealed_payload = null, emptied_at = now()
          where id in (
            select e.id from inbound_events e join organizations o on o.id = e.org_id
             where e.emptied_at is null and e.status <> 'received'
               and e.received_at < now() - make_interval(days => o.retention_days)
             order by e.received_at limit $1 for update of e skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected())
}
