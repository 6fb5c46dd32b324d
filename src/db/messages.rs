//! Text messages: the row comes before the call to the provider, the result after it.

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::{MessageId, UserId};

/// A message about to be sent. Recipient and text are sealed together.
pub struct NewMessage<'a> {
    pub id: MessageId,
    pub provider: &'a str,
    pub channel: &'a str,
    pub purpose: &'a str,
    pub recipient_mask: &'a str,
    pub sealed_content: &'a [u8],
    pub key_version: i32,
    pub requested_by: Option<UserId>,
    /// Why this provider: `only`, `first`, `primary`, `fallback`, `asked`.
    pub chosen: &'a str,
    /// Why the fallback was used.
    pub chosen_note: Option<&'a str>,
    /// The call that it belongs to, by Vapi's id.
    pub call_id: Option<&'a str>,
    /// The alert that it carries.
    pub alert_id: Option<Uuid>,
}

pub async fn insert(tx: &mut OrgTx, new: &NewMessage<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into messages (org_id, id, provider, channel, purpose, recipient_mask, sealed_content, key_version,
                               requested_by, chosen, chosen_note, call_id, alert_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(org.0)
    .bind(new.id.0)
    .bind(new.provider)
    .bind(new.channel)
    .bind(new.purpose)
    .bind(new.recipient_mask)
    .bind(new.sealed_content)
    .bind(new.key_version)
    .bind(new.requested_by.map(|user| user.0))
    .bind(new.chosen)
    .bind(new.chosen_note)
    .bind(new.call_id)
    .bind(new.alert_id)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How a send ended.
pub struct SendResult<'a> {
    /// `queued`, `sent`, `failed`, or `parked` where nobody knows.
    pub status: &'a str,
    pub provider_message_id: Option<&'a str>,
    pub error_code: Option<&'a str>,
    pub error: Option<&'a str>,
}

pub async fn finish(tx: &mut OrgTx, id: MessageId, result: &SendResult<'_>) -> Result<(), DbError> {
    sqlx::query(
        "update messages set status = $2, provider_message_id = $3, error_code = $4, error = $5,
                sent_at = case when $2 in ('queued', 'sent') then now() end
          where id = $1 and status = 'sending'",
    )
    .bind(id.0)
    .bind(result.status)
    .bind(result.provider_message_id)
    .bind(result.error_code)
    .bind(result.error)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a provider says about a message that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusNews {
    /// As [`reference_of`] gives it.
    pub reference: String,
    /// Our own id, where the provider gave it back.
    pub own: Option<MessageId>,
    /// `sent`, `delivered`, `read` or `failed`.
    pub status: &'static str,
    /// Why it failed, by the provider's code.
    pub error_code: Option<u32>,
}

/// What is kept of a message id that tells the recipient's number to whoever decodes it, as Meta's do:
/// enough to find the message again by its id.
pub fn reference_of(provider_message_id: &str) -> String {
    format!("wamid-sha256:{}", &hex::encode(Sha256::digest(provider_message_id))[..32])
}

/// Notes what became of a WhatsApp message; news that come late or twice change nothing. A status may
/// overtake the answer to the send, so our own id finds a message that has no provider's yet. False
/// where there is no such message, or nothing to change.
pub async fn note_status(tx: &mut OrgTx, news: &StatusNews, error: Option<&str>) -> Result<bool, DbError> {
    let done = sqlx::query(
        "with rank as (select array['parked', 'sending', 'queued', 'sent', 'failed', 'delivered', 'read'] as words)
         update messages set status = $3, provider_message_id = $1, error_code = $4, error = $5,
                sent_at = case when $3 = 'failed' then sent_at else coalesce(sent_at, now()) end
           from rank
          where provider = 'whatsapp'
            and (provider_message_id = $1 or (provider_message_id is null and id = $2))
            and array_position(words, status) < array_position(words, $3)",
    )
    .bind(&news.reference)
    .bind(news.own.map(|id| id.0))
    .bind(news.status)
    .bind(news.error_code.map(|code| code.to_string()))
    .bind(error)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What is said about a message whose process died while it was being sent.
const ABANDONED: &str = "The service stopped while this message was being sent, so nobody knows whether it went out. \
     Look into the message log of the provider before you send it again.";

/// Parks what a crashed process left in flight: it is never sent again by itself.
pub async fn park_abandoned(tx: &mut OrgTx, seconds: i32) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update messages set status = 'parked', error = $2
          where status = 'sending' and created_at < now() - make_interval(secs => $1)",
    )
    .bind(f64::from(seconds))
    .bind(ABANDONED)
    .execute(tx.conn())
    .await?
    .rows_affected())
}

/// Empties recipients and texts that are older than the clinic's retention. Returns how many it were.
pub async fn empty_old(tx: &mut OrgTx, limit: i64) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update messages set sealed_content = null, emptied_at = now()
          where id in (
            select m.id from messages m join organizations o on o.id = m.org_id
             where m.emptied_at is null and m.status <> 'sending'
               and m.created_at < now() - make_interval(days => o.retention_days)
             order by m.created_at limit $1 for update of m skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected())
}

/// A message as lists show it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct MessageRow {
    #[sqlx(try_from = "Uuid")]
    pub id: MessageId,
    pub provider: String,
    pub channel: String,
    pub purpose: String,
    pub recipient_mask: String,
    pub status: String,
    pub provider_message_id: Option<String>,
    pub error: Option<String>,
    pub created_at: OffsetDateTime,
}

/// The newest test message, if nobody knows whether it went out.
pub async fn find_unknown_test(tx: &mut OrgTx) -> Result<Option<MessageRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, provider, channel, purpose, recipient_mask, status, provider_message_id, error, created_at from (
           select * from messages where purpose = 'test' order by id desc limit 1) newest
          where status = 'parked'",
    )
    .fetch_optional(tx.conn())
    .await?)
}
