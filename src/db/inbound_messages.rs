//! What patients wrote to a clinic. Number and text are sealed together; the id is that of the event
//! which brought it.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::EventId;

/// A message that came in.
pub struct NewInbound<'a> {
    pub id: EventId,
    pub provider: &'a str,
    /// `sms` or `whatsapp`.
    pub channel: &'a str,
    pub sender_mask: &'a str,
    pub number_hash: &'a [u8; 32],
    /// `stop`, `start` or `help`, where the text is nothing but such a word.
    pub keyword: Option<&'a str>,
    pub sealed_content: &'a [u8],
    pub key_version: i32,
    pub received_at: OffsetDateTime,
}

/// Stores a message; false where it is there already.
pub async fn insert(tx: &mut OrgTx, new: &NewInbound<'_>) -> Result<bool, DbError> {
    let org = tx.org();
    let done = sqlx::query(
        "insert into inbound_messages (org_id, id, provider, channel, sender_mask, number_hash, keyword, sealed_content,
                                       key_version, received_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (org_id, id) do nothing",
    )
    .bind(org.0)
    .bind(new.id.0)
    .bind(new.provider)
    .bind(new.channel)
    .bind(new.sender_mask)
    .bind(new.number_hash.as_slice())
    .bind(new.keyword)
    .bind(new.sealed_content)
    .bind(new.key_version)
    .bind(new.received_at)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// A message as lists show it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct InboundRow {
    pub id: Uuid,
    pub provider: String,
    pub channel: String,
    pub sender_mask: String,
    pub keyword: Option<String>,
    /// None where the clinic's retention has emptied it.
    pub sealed_content: Option<Vec<u8>>,
    pub received_at: OffsetDateTime,
}

/// The newest messages of the clinic.
pub async fn list(tx: &mut OrgTx, limit: i64) -> Result<Vec<InboundRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, provider, channel, sender_mask, keyword, sealed_content, received_at
           from inbound_messages order by id desc limit $1",
    )
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Empties numbers and texts that are older than the clinic's retention. Returns how many it were.
pub async fn empty_old(tx: &mut OrgTx, limit: i64) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update inbound_messages set sealed_content = null, emptied_at = now()
          where id in (
            select m.id from inbound_messages m join organizations o on o.id = m.org_id
             where m.emptied_at is null and m.received_at < now() - make_interval(days => o.retention_days)
             order by m.received_at limit $1 for update of m skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected())
}
