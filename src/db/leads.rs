//! Leads: callers who may want an appointment, each once.

use serde_json::Value;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};

/// How long a caller who calls again is the same lead, in days.
const SAME_FOR_DAYS: i32 = 30;

/// A caller of a call that was scored.
pub struct NewLead<'a> {
    /// The id of the row, where there is none yet.
    pub id: Uuid,
    pub call_id: &'a str,
    /// A keyed hash of the number; none where there is no number.
    pub caller_key: Option<&'a [u8]>,
    pub caller_mask: Option<&'a str>,
    pub score: i32,
    pub reasons: &'a Value,
    /// When the call began.
    pub at: OffsetDateTime,
    /// Of the data key that the contact will be sealed with.
    pub key_version: i32,
}

/// A lead whose row this transaction holds.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct HeldLead {
    pub id: Uuid,
    /// It was hot before.
    pub was_hot: bool,
    pub score: i32,
}

/// Finds the lead that a call belongs to, or makes it, and holds it until the transaction ends. The
/// highest score counts, with its reasons. To be asked once for each call.
pub async fn hold(tx: &mut OrgTx, new: &NewLead<'_>) -> Result<HeldLead, DbError> {
    let org = tx.org();
    if let Some(key) = new.caller_key {
        sqlx::query(
            "update leads set closed_at = now() where caller_key = $1 and closed_at is null
                and last_call_at < $2::timestamptz - make_interval(days => $3)",
        )
        .bind(key)
        .bind(new.at)
        .bind(SAME_FOR_DAYS)
        .execute(tx.conn())
        .await?;
    }
    let conflict = if new.caller_key.is_some() {
        "(org_id, caller_key) where closed_at is null and caller_key is not null"
    } else {
        "on constraint leads_first_call_key"
    };
    let sql = format!(
        "insert into leads as l (org_id, id, first_call_id, last_call_id, caller_key, caller_mask, score, reasons,
                                 first_call_at, last_call_at, key_version)
         values ($1, $2, $3, $3, $4, $5, $6, $7, $8, $8, $9)
         on conflict {conflict} do update set
           last_call_id = case when l.last_call_at <= excluded.last_call_at then excluded.last_call_id else l.last_call_id end,
           last_call_at = greatest(l.last_call_at, excluded.last_call_at),
           first_call_at = least(l.first_call_at, excluded.first_call_at),
           reasons = case when excluded.score > l.score then excluded.reasons else l.reasons end,
           score = greatest(l.score, excluded.score),
           calls = l.calls + 1,
           updated_at = now()
         returning id, hot_at is not null as was_hot, score"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(org.0)
        .bind(new.id)
        .bind(new.call_id)
        .bind(new.caller_key)
        .bind(new.caller_mask)
        .bind(new.score)
        .bind(Json(new.reasons))
        .bind(new.at)
        .bind(new.key_version)
        .fetch_one(tx.conn())
        .await?)
}

/// Writes who it is, and that the lead is hot from now on where it is.
pub async fn update(
    tx: &mut OrgTx,
    id: Uuid,
    contact: Option<(&[u8], i32)>,
    becomes_hot: bool,
) -> Result<(), DbError> {
    sqlx::query(
        "update leads set sealed_contact = coalesce($2, sealed_contact), key_version = coalesce($3, key_version),
                emptied_at = case when $2 is null then emptied_at end,
                hot_at = case when $4 then coalesce(hot_at, now()) else hot_at end
          where id = $1",
    )
    .bind(id)
    .bind(contact.map(|(sealed, _)| sealed))
    .bind(contact.map(|(_, version)| version))
    .bind(becomes_hot)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A lead as the page of its call shows it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct LeadRow {
    pub id: Uuid,
    pub score: i32,
    pub reasons: Json<Value>,
    pub calls: i32,
    pub hot_at: Option<OffsetDateTime>,
    pub first_call_at: OffsetDateTime,
    pub last_call_at: OffsetDateTime,
    pub sealed_contact: Option<Vec<u8>>,
}

/// The lead with this id.
pub async fn find(tx: &mut OrgTx, id: Uuid) -> Result<Option<LeadRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, score, reasons, calls, hot_at, first_call_at, last_call_at, sealed_contact from leads where id = $1",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?)
}

/// Empties who it was, of leads that are older than the clinic's retention. Returns how many it were.
pub async fn empty_old(tx: &mut OrgTx, limit: i64) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update leads set sealed_contact = null, emptied_at = now()
          where id in (
            select l.id from leads l join organizations o on o.id = l.org_id
             where l.emptied_at is null and l.last_call_at < now() - make_interval(days => o.retention_days)
             order by l.last_call_at limit $1 for update of l skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected())
}
