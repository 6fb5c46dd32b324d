//! Incidents: what a call needed of a provider and did not get, one open row for a cause.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::UserId;

/// Something that stands in the way now.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The id of the row, where there is none yet.
    pub id: Uuid,
    /// `not_connected`, `paused`, `refused`, `unreachable`.
    pub kind: &'a str,
    /// The provider's word.
    pub target: &'a str,
    /// What happened and what to do, for people.
    pub sentence: &'a str,
}

/// Opens an incident, or counts it where it is open; true where it was opened.
pub async fn note(tx: &mut OrgTx, seen: &Seen<'_>) -> Result<bool, DbError> {
    let org = tx.org();
    Ok(sqlx::query_scalar(
        "insert into incidents as i (org_id, id, kind, target, sentence) values ($1, $2, $3, $4, $5)
         on conflict (org_id, target, kind) where closed_at is null
         do update set count = i.count + 1, last_seen_at = now(), sentence = excluded.sentence
         returning id = $2",
    )
    .bind(org.0)
    .bind(seen.id)
    .bind(seen.kind)
    .bind(seen.target)
    .bind(seen.sentence)
    .fetch_one(tx.conn())
    .await?)
}

/// An incident as pages show it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct IncidentRow {
    pub id: Uuid,
    pub kind: String,
    pub target: String,
    pub sentence: String,
    pub opened_at: OffsetDateTime,
    pub last_seen_at: OffsetDateTime,
    pub count: i64,
    pub closed_at: Option<OffsetDateTime>,
}

/// Closes what is open of a provider: it works again. Returns what was closed.
pub async fn close_of(tx: &mut OrgTx, target: &str) -> Result<Vec<IncidentRow>, DbError> {
    Ok(sqlx::query_as(
        "update incidents set closed_at = now() where target = $1 and closed_at is null
         returning id, kind, target, sentence, opened_at, last_seen_at, count, closed_at",
    )
    .bind(target)
    .fetch_all(tx.conn())
    .await?)
}

/// Closes one by hand; none where it is not open.
pub async fn settle(tx: &mut OrgTx, id: Uuid, by: Option<UserId>) -> Result<Option<IncidentRow>, DbError> {
    Ok(sqlx::query_as(
        "update incidents set closed_at = now(), closed_by = $2 where id = $1 and closed_at is null
         returning id, kind, target, sentence, opened_at, last_seen_at, count, closed_at",
    )
    .bind(id)
    .bind(by.map(|user| user.0))
    .fetch_optional(tx.conn())
    .await?)
}

/// What is open, newest first.
pub async fn list_open(tx: &mut OrgTx) -> Result<Vec<IncidentRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, kind, target, sentence, opened_at, last_seen_at, count, closed_at
           from incidents where closed_at is null order by opened_at desc limit 20",
    )
    .fetch_all(tx.conn())
    .await?)
}
