//! Calls that a clinic places: the row comes before the request to Vapi, the result after it.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::UserId;

/// A call about to be placed. Number, name and variables are sealed together.
pub struct NewOutboundCall<'a> {
    /// Made by whoever asks, so that asking twice is one call.
    pub id: Uuid,
    pub customer_mask: &'a str,
    pub sealed_customer: &'a [u8],
    pub key_version: i32,
    pub phone_number_id: Uuid,
    pub phone_number: &'a str,
    pub assistant_id: Uuid,
    pub requested_by: Option<UserId>,
}

/// Writes the row; false where there is one of that id already, which is left as it is.
pub async fn insert(tx: &mut OrgTx, new: &NewOutboundCall<'_>) -> Result<bool, DbError> {
    let org = tx.org();
    let done = sqlx::query(
        "insert into outbound_calls (org_id, id, customer_mask, sealed_customer, key_version, phone_number_id,
                                     phone_number, assistant_id, requested_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (org_id, id) do nothing",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.customer_mask)
    .bind(new.sealed_customer)
    .bind(new.key_version)
    .bind(new.phone_number_id)
    .bind(new.phone_number)
    .bind(new.assistant_id)
    .bind(new.requested_by.map(|user| user.0))
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// How the request ended.
pub struct CallResult<'a> {
    /// `placed`, `failed`, or `parked` where nobody knows.
    pub status: &'a str,
    pub call_id: Option<&'a str>,
    pub error_code: Option<&'a str>,
    pub error: Option<&'a str>,
}

pub async fn finish(tx: &mut OrgTx, id: Uuid, result: &CallResult<'_>) -> Result<(), DbError> {
    sqlx::query(
        "update outbound_calls set status = $2, call_id = $3, error_code = $4, error = $5,
                placed_at = case when $2 = 'placed' then now() end
          where id = $1 and status in ('placing', 'parked')",
    )
    .bind(id)
    .bind(result.status)
    .bind(result.call_id)
    .bind(result.error_code)
    .bind(result.error)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A call as lists show it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct OutboundCallRow {
    pub id: Uuid,
    /// Vapi's id, once it is placed.
    pub call_id: Option<String>,
    pub customer_mask: String,
    pub phone_number: String,
    /// `placing`, `placed`, `failed` or `parked`.
    pub status: String,
    pub error_code: Option<String>,
    pub error: Option<String>,
    pub created_at: OffsetDateTime,
}

/// The newest calls of the clinic.
pub async fn list(tx: &mut OrgTx, limit: i64) -> Result<Vec<OutboundCallRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, call_id, customer_mask, phone_number, status, error_code, error, created_at
           from outbound_calls order by created_at desc limit $1",
    )
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// One call of the clinic.
pub async fn find(tx: &mut OrgTx, id: Uuid) -> Result<Option<OutboundCallRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, call_id, customer_mask, phone_number, status, error_code, error, created_at
           from outbound_calls where id = $1",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?)
}

/// What is said about a call whose process died while it was being placed.
const ABANDONED: &str = "The service stopped while this call was being placed, so nobody knows whether it was. \
     Look into the call log of Vapi before you call again.";

/// Parks what a crashed process left in flight: it is never placed again by itself.
pub async fn park_abandoned(tx: &mut OrgTx, seconds: i32) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update outbound_calls set status = 'parked', error = $2
          where status = 'placing' and created_at < now() - make_interval(secs => $1)",
    )
    .bind(f64::from(seconds))
    .bind(ABANDONED)
    .execute(tx.conn())
    .await?
    .rows_affected())
}

/// Empties names and numbers that are older than the clinic's retention. Returns how many it were.
pub async fn empty_old(tx: &mut OrgTx, limit: i64) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update outbound_calls set sealed_customer = null, emptied_at = now()
          where id in (
            select c.id from outbound_calls c join organizations o on o.id = c.org_id
             where c.emptied_at is null and c.status <> 'placing'
               and c.created_at < now() - make_interval(days => o.retention_days)
             order by c.created_at limit $1 for update of c skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected())
}
