//! Looking at the inbox: the list with its filters, one event, and putting events back to work.
//!
//! The list goes along the primary key, newest first. Source and kind are not indexed, since an index
//! would cost every webhook something: so one look examines a bounded number of events, and says where
//! the next one goes on. How events come in and end is in `inbound`.

use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::inbound::EventRow;
use super::{DbError, OrgTx};
use crate::domain::EventId;

/// Events that one look examines at most.
const EXAMINED: usize = 20_000;
/// How far the clocks of a process and the database may be apart: ids carry the process's time.
const SKEW_SECONDS: i64 = 600;

const COLUMNS: &str = "id, source, kind, call_id, status, summary::json, trace::json, attempts, error, received_at, processed_at";

/// What a list shows; an empty one shows everything.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub source: Option<String>,
    pub kind: Option<String>,
    /// `received`, `processed` or `parked`.
    pub status: Option<String>,
    /// A call's id, and the first half of the keys of its events.
    pub call: Option<(String, [u8; 16])>,
    /// Received at this moment or later.
    pub from: Option<OffsetDateTime>,
    /// Received before this moment.
    pub until: Option<OffsetDateTime>,
    /// Older than this event.
    pub before: Option<EventId>,
}

/// Some of the events that a filter lets through.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    /// Newest first.
    pub rows: Vec<EventRow>,
    /// Where the next look goes on; none where there is nothing older.
    pub next: Option<EventId>,
}

/// The smallest id that a process could have made at a moment, a little earlier for safety.
fn floor(at: OffsetDateTime) -> Uuid {
    let millis = (at.unix_timestamp_nanos() / 1_000_000).saturating_sub(i128::from(SKEW_SECONDS) * 1000);
    Uuid::from_u128(u128::try_from(millis.max(0)).unwrap_or(0) << 80)
}

/// The newest events that a filter lets through, `limit` at most.
///
/// # Errors
/// The database's.
pub async fn list(tx: &mut OrgTx, filter: &EventFilter, limit: usize) -> Result<EventPage, DbError> {
    let picks = filter.source.is_some() || filter.kind.is_some();
    let examined = if picks { EXAMINED } else { limit };
    let mut query = QueryBuilder::<Postgres>::new(
        "with seen as (select id, source, kind
           from inbound_events where true",
    );
    if let Some(before) = filter.before {
        query.push(" and id < ").push_bind(before.0);
    }
    if let Some(from) = filter.from {
        query.push(" and id >= ").push_bind(floor(from)).push(" and received_at >= ").push_bind(from);
    }
    if let Some(until) = filter.until {
        let end = floor(until + time::Duration::seconds(2 * SKEW_SECONDS));
        query.push(" and id < ").push_bind(end).push(" and received_at < ").push_bind(until);
    }
    if let Some((call, half)) = &filter.call {
        // The unique key of a call's events begins with what the call's id gives (`webhooks::dedupe`).
        query.push(" and call_id = ").push_bind(call);
        query.push(" and dedupe_key >= ").push_bind([half.as_slice(), &[0; 16]].concat());
        query.push(" and dedupe_key <= ").push_bind([half.as_slice(), &[u8::MAX; 16]].concat());
    }
    // Written out, so that the partial indexes are found.
    match filter.status.as_deref() {
        Some("parked") => {
            query.push(" and status = 'parked'");
        }
        Some("received") => {
            query.push(" and status = 'received'");
        }
        Some("processed") => {
            query.push(" and status = 'processed'");
        }
        _ => {}
    }
    query
        .push(" order by id desc limit ")
        .push_bind(number(examined + 1))
        .push("), edge as (select case when count(*) > ");
    query.push_bind(number(examined)).push(
        " then (array_agg(id order by id))[2] end as last from seen), picked as (select s.id from seen s where true",
    );
    if let Some(source) = &filter.source {
        query.push(" and source = ").push_bind(source);
    }
    if let Some(kind) = &filter.kind {
        query.push(" and kind = ").push_bind(kind);
    }
    query
        .push(" order by id desc limit ")
        .push_bind(number(limit + 1))
        .push(
            ") select e.id, e.source, e.kind, e.call_id, e.status, e.summary::json, e.trace::json, e.attempts, e.error, e.received_at,
                      e.processed_at, edge.last
                 from edge left join (picked join inbound_events e using (id)) on true order by e.id desc",
        );
    let found: Vec<ListedRow> = query.build_query_as().fetch_all(tx.conn()).await?;
    let last = found.first().and_then(|row| row.last).map(EventId);
    let mut rows: Vec<EventRow> = found.into_iter().filter_map(ListedRow::event).collect();
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = if has_more { rows.last().map(|row| row.id) } else { last };
    Ok(EventPage { rows, next })
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// An event beside where the look ended; without an event where none was let through.
#[derive(sqlx::FromRow)]
struct ListedRow {
    id: Option<Uuid>,
    source: Option<String>,
    kind: Option<String>,
    call_id: Option<String>,
    status: Option<String>,
    summary: Option<Json<serde_json::Value>>,
    trace: Option<Json<serde_json::Value>>,
    attempts: Option<i32>,
    error: Option<String>,
    received_at: Option<OffsetDateTime>,
    processed_at: Option<OffsetDateTime>,
    last: Option<Uuid>,
}

impl ListedRow {
    fn event(self) -> Option<EventRow> {
        Some(EventRow {
            id: EventId(self.id?),
            source: self.source?,
            kind: self.kind?,
            call_id: self.call_id,
            status: self.status?,
            summary: self.summary?,
            trace: self.trace?,
            attempts: self.attempts?,
            error: self.error,
            received_at: self.received_at?,
            processed_at: self.processed_at,
        })
    }
}

/// An event with what it brought.
#[derive(Debug, sqlx::FromRow)]
pub struct StoredEvent {
    #[sqlx(flatten)]
    pub row: EventRow,
    /// None where the clinic's retention has emptied it.
    pub sealed_payload: Option<Vec<u8>>,
}

/// One event of the organization.
///
/// # Errors
/// The database's.
pub async fn find(tx: &mut OrgTx, id: EventId) -> Result<Option<StoredEvent>, DbError> {
    let mut query = QueryBuilder::<Postgres>::new("select ");
    query.push(COLUMNS).push(", sealed_payload from inbound_events where id = ").push_bind(id.0);
    Ok(query.build_query_as().fetch_optional(tx.conn()).await?)
}

/// Gives an ended event back to the workers, due now, with a stage in its trace. False where it is
/// not ended, or where nothing is left of what it brought.
///
/// # Errors
/// The database's.
pub async fn replay(tx: &mut OrgTx, id: EventId) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update inbound_events set status = 'received', attempts = 0, next_attempt_at = now(), lease_until = null,
                processed_at = null, error = null,
                trace = (trace::jsonb || jsonb_build_object('stage', 'replayed',
                  'us', (extract(epoch from clock_timestamp() - received_at) * 1000000)::bigint))::text
          where id = $1 and status <> 'received' and sealed_payload is not null",
    )
    .bind(id.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives parked events that were received since a moment back to the workers, `limit` at most, but
/// none of the kinds `never`. Returns how many it were.
///
/// # Errors
/// The database's.
pub async fn recover(
    tx: &mut OrgTx,
    since: OffsetDateTime,
    never: &[&str],
    limit: i64,
) -> Result<u64, DbError> {
    let done = sqlx::query(
        "update inbound_events set status = 'received', attempts = 0, next_attempt_at = now(), lease_until = null,
                error = null,
                trace = (trace::jsonb || jsonb_build_object('stage', 'recovered',
                  'us', (extract(epoch from clock_timestamp() - received_at) * 1000000)::bigint))::text
          where id in (select id from inbound_events
                        where status = 'parked' and id >= $1 and received_at >= $2 and kind <> all ($3)
                          and sealed_payload is not null
                        order by id limit $4 for update skip locked)",
    )
    .bind(floor(since))
    .bind(since)
    .bind(never)
    .bind(limit)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// How many events that were received since a moment are parked.
///
/// # Errors
/// The database's.
pub async fn count_parked(tx: &mut OrgTx, since: OffsetDateTime) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "select count(*) from inbound_events where status = 'parked' and id >= $1 and received_at >= $2",
    )
    .bind(floor(since))
    .bind(since)
    .fetch_one(tx.conn())
    .await?)
}
