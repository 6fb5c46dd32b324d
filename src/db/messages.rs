//! Text messages: the row comes before the call to the provider, the result after it.

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx, alerts, owed};
use crate::domain::{MessageId, UserId};

/// A message about to be sent. Recipient and text are sealed together.
pub struct NewMessage<'a> {
    pub id: MessageId,
    pub provider: &'a str,
    pub channel: &'a str,
    pub purpose: &'a str,
    pub recipient_mask: &'a str,
    /// As in `opt_outs`.
    pub recipient_hash: &'a [u8; 32],
    pub sealed_content: &'a [u8],
    pub key_version: i32,
    pub requested_by: Option<UserId>,
    /// Why this provider: `only`, `first`, `primary`, `fallback`, `asked`.
    pub chosen: &'a str,
    /// Why the fallback was used.
    pub chosen_note: Option<&'a str>,
    /// The call that it belongs to, by Vapi's id.
    pub call_id: Option<&'a str>,
    /// What it tells of, where that is told once.
    pub once: Option<Once>,
}

/// Something that is told once, and the claim of whoever is at it: with an older one nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    Alert {
        id: Uuid,
        claim: i32,
    },
    /// The confirmation of an appointment.
    Confirmation {
        appointment: Uuid,
        claim: i32,
    },
}

impl Once {
    /// Whether the claim holds still; where it does, nobody takes it over before this transaction ends.
    pub async fn holds(self, tx: &mut OrgTx) -> Result<bool, DbError> {
        match self {
            Once::Alert { id, claim } => alerts::holds(tx, id, claim).await,
            Once::Confirmation { appointment, claim } => owed::holds(tx, appointment, claim).await,
        }
    }
}

pub async fn insert(tx: &mut OrgTx, new: &NewMessage<'_>) -> Result<(), DbError> {
    let org = tx.org();
    let (alert, appointment) = match new.once {
        Some(Once::Alert { id, .. }) => (Some(id), None),
        Some(Once::Confirmation { appointment, .. }) => (None, Some(appointment)),
        None => (None, None),
    };
    sqlx::query(
        "insert into messages (org_id, id, provider, channel, purpose, recipient_mask, sealed_content, key_version,
                               requested_by, chosen, chosen_note, call_id, alert_id, recipient_hash, appointment_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
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
    .bind(alert)
    .bind(new.recipient_hash.as_slice())
    .bind(appointment)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What agents have sent by themselves, but for what surely did not go out.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct ToolCounts {
    pub in_call: i64,
    pub in_hour: i64,
}

/// Counts what agents have sent, and keeps others from sending more before this transaction ends.
pub async fn count_of_tools(tx: &mut OrgTx, call_id: &str) -> Result<ToolCounts, DbError> {
    let key = format!("messages of agents of {}", tx.org());
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))").bind(key).execute(tx.conn()).await?;
    Ok(sqlx::query_as(
        "select (select count(*) from messages
                  where call_id = $1 and purpose = 'tool' and channel <> 'email' and status <> 'failed') as in_call,
                (select count(*) from messages
                  where purpose = 'tool' and channel <> 'email' and status <> 'failed'
                    and created_at > now() - interval '1 hour') as in_hour",
    )
    .bind(call_id)
    .fetch_one(tx.conn())
    .await?)
}

/// How a send ended.
pub struct SendResult<'a> {
    /// `queued`, `sent`, `failed`, or `parked` where nobody knows.
    pub status: &'a str,
    pub provider_message_id: Option<&'a str>,
    pub error_code: Option<&'a str>,
    pub error: Option<&'a str>,
}

/// What tells a message apart, once its state has changed.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct MessageFacts {
    #[sqlx(try_from = "Uuid")]
    pub id: MessageId,
    pub call_id: Option<String>,
    pub provider: String,
    pub channel: String,
    pub purpose: String,
    pub recipient_mask: String,
    recipient_hash: Option<Vec<u8>>,
}

impl MessageFacts {
    /// Whom it was for, as in `opt_outs`; none in messages of before.
    pub fn number_hash(&self) -> Option<[u8; 32]> {
        self.recipient_hash.as_deref()?.try_into().ok()
    }
}

/// Writes how a send ended; none where a status has told more already.
pub async fn finish(
    tx: &mut OrgTx,
    id: MessageId,
    result: &SendResult<'_>,
) -> Result<Option<MessageFacts>, DbError> {
    Ok(sqlx::query_as(
        "update messages set status = $2, provider_message_id = $3, error_code = $4, error = $5,
                sent_at = case when $2 in ('queued', 'sent') then now() end, updated_at = now()
          where id = $1 and status = 'sending'
         returning id, call_id, provider, channel, purpose, recipient_mask, recipient_hash",
    )
    .bind(id.0)
    .bind(result.status)
    .bind(result.provider_message_id)
    .bind(result.error_code)
    .bind(result.error)
    .fetch_optional(tx.conn())
    .await?)
}

/// What a provider says about a message that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusNews {
    /// The provider's id of the message; of WhatsApp as [`reference_of`] gives it.
    pub reference: String,
    /// Our own id, where the provider gave it back.
    pub own: Option<MessageId>,
    /// `queued`, `sent`, `delivered`, `read` or `failed`.
    pub status: &'static str,
    /// Why it failed, by the provider's code.
    pub error_code: Option<u32>,
}

/// What is kept of a message id that tells the recipient's number to whoever decodes it, as Meta's do:
/// enough to find the message again by its id.
pub fn reference_of(provider_message_id: &str) -> String {
    format!("wamid-sha256:{}", &hex::encode(Sha256::digest(provider_message_id))[..32])
}

/// Notes what became of a provider's message; news that come late or twice change nothing. A status may
/// overtake the answer to the send, so our own id finds a message that has no provider's yet. None
/// where there is no such message, or nothing to change.
pub async fn note_status(
    tx: &mut OrgTx,
    provider: &str,
    news: &StatusNews,
    error: Option<&str>,
) -> Result<Option<MessageFacts>, DbError> {
    Ok(sqlx::query_as(
        "with rank as (select array['parked', 'sending', 'queued', 'sent', 'failed', 'delivered', 'read'] as words)
         update messages set status = $3, provider_message_id = $1, error_code = $4, error = $5,
                sent_at = case when $3 in ('queued', 'failed') then sent_at else coalesce(sent_at, now()) end,
                updated_at = now()
           from rank
          where provider = $6
            and (provider_message_id = $1 or (provider_message_id is null and id = $2))
            and array_position(words, status) < array_position(words, $3)
         returning id, call_id, provider, channel, purpose, recipient_mask, recipient_hash",
    )
    .bind(&news.reference)
    .bind(news.own.map(|id| id.0))
    .bind(news.status)
    .bind(news.error_code.map(|code| code.to_string()))
    .bind(error)
    .bind(provider)
    .fetch_optional(tx.conn())
    .await?)
}

/// What is said about a message whose process died while it was being sent.
const ABANDONED: &str = "The service stopped while this message was being sent, so nobody knows whether it went out. \
     Look into the message log of the provider before you send it again.";

/// Parks what a crashed process left in flight: it is never sent again by itself.
pub async fn park_abandoned(tx: &mut OrgTx, seconds: i32) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update messages set status = 'parked', error = $2, updated_at = now()
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

/// The newest messages of the clinic.
pub async fn list(tx: &mut OrgTx, limit: i64) -> Result<Vec<MessageRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, provider, channel, purpose, recipient_mask, status, provider_message_id, error, created_at
           from messages order by id desc limit $1",
    )
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
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
