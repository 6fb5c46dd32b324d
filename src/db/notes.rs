//! Notes for the team: messages that agents take, call-backs that were promised, what a call left open.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::UserId;

/// A note about to be kept. Name, number and text are sealed together.
pub struct NewNote<'a> {
    pub id: Uuid,
    /// `message`, `callback` or `follow_up`.
    pub kind: &'a str,
    pub call_id: Option<&'a str>,
    pub caller_mask: Option<&'a str>,
    pub sealed_note: &'a [u8],
    pub key_version: i32,
}

/// A note as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct NoteRow {
    pub id: Uuid,
    pub kind: String,
    pub call_id: Option<String>,
    pub caller_mask: Option<String>,
    pub sealed_note: Option<Vec<u8>>,
    pub created_at: OffsetDateTime,
    pub done_at: Option<OffsetDateTime>,
}

pub async fn insert(tx: &mut OrgTx, new: &NewNote<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into notes (org_id, id, kind, call_id, caller_mask, sealed_note, key_version)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.kind)
    .bind(new.call_id)
    .bind(new.caller_mask)
    .bind(new.sealed_note)
    .bind(new.key_version)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether a call has left a note of this kind already.
pub async fn has_of_call(tx: &mut OrgTx, call_id: &str, kind: &str) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar("select exists (select 1 from notes where call_id = $1 and kind = $2)")
        .bind(call_id)
        .bind(kind)
        .fetch_one(tx.conn())
        .await?)
}

/// Notes, those that wait first and the newest of each first.
pub async fn list(tx: &mut OrgTx, limit: i64) -> Result<Vec<NoteRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, kind, call_id, caller_mask, sealed_note, created_at, done_at from notes
          order by (done_at is not null), created_at desc limit $1",
    )
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// How many notes wait for somebody.
pub async fn count_open(tx: &mut OrgTx) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar("select count(*) from notes where done_at is null").fetch_one(tx.conn()).await?)
}

/// Marks a note as seen to. Marking it again changes nothing.
pub async fn mark_done(tx: &mut OrgTx, id: Uuid, by: Option<UserId>) -> Result<(), DbError> {
    let done = sqlx::query(
        "update notes set done_at = coalesce(done_at, now()), done_by = coalesce(done_by, $2) where id = $1",
    )
    .bind(id)
    .bind(by.map(|user| user.0))
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::NotFound) }
}

/// Empties notes that are older than the clinic's retention. Returns how many it were.
pub async fn empty_old(tx: &mut OrgTx, limit: i64) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update notes set sealed_note = null, emptied_at = now()
          where id in (
            select n.id from notes n join organizations o on o.id = n.org_id
             where n.emptied_at is null and n.created_at < now() - make_interval(days => o.retention_days)
             order by n.created_at limit $1 for update of n skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected())
}
