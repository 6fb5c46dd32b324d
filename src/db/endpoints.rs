//! Endpoints: where a clinic's events go, and how each of them does. Secrets travel as sealed bytes.

use serde_json::Value;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};

/// What is sealed of an endpoint, as its row holds it: all in one, or apart in a row that was written before
/// addresses were sealed.
#[derive(Clone, sqlx::FromRow)]
pub struct StoredTarget {
    /// The address with its path masked; none in a row from before.
    pub address: Option<String>,
    /// Address and headers.
    pub sealed_target: Option<Vec<u8>>,
    /// Of a row from before.
    pub url: Option<String>,
    /// Of a row from before: its headers.
    pub sealed_auth: Option<Vec<u8>>,
}

impl std::fmt::Debug for StoredTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredTarget").field("address", &self.address).finish_non_exhaustive()
    }
}

/// An endpoint as lists show it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct EndpointRow {
    pub id: Uuid,
    pub workflow_name: String,
    /// `url` or `google_sheets`.
    pub destination: String,
    #[sqlx(flatten)]
    pub target: StoredTarget,
    pub settings: Json<Value>,
    pub description: String,
    /// The kinds that are wanted; empty for all.
    pub events: Vec<String>,
    /// Names of the clinic's own headers, values masked.
    pub auth_hint: Json<Value>,
    pub is_active: bool,
    /// Why the service switched it off: `gone`, `failing`.
    pub disabled_reason: Option<String>,
    pub disabled_at: Option<OffsetDateTime>,
    pub failures_in_row: i32,
    pub failing_since: Option<OffsetDateTime>,
    pub blocked_until: Option<OffsetDateTime>,
    /// `failing` (the breaker is open) or `throttled`.
    pub blocked_reason: Option<String>,
    pub attempts_total: i64,
    pub attempts_succeeded: i64,
    pub attempts_failed: i64,
    pub last_called_at: Option<OffsetDateTime>,
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    pub created_by: String,
    pub created_at: OffsetDateTime,
    pub updated_by: String,
    pub updated_at: OffsetDateTime,
}

const SELECT: &str = "select id, workflow_name, destination, address, sealed_target, url, sealed_auth, settings, \
    description, events, auth_hint, is_active, \
    disabled_reason, disabled_at, failures_in_row, failing_since, blocked_until, blocked_reason, attempts_total, \
    attempts_succeeded, attempts_failed, last_called_at, last_status, last_error, created_by, created_at, updated_by, \
    updated_at from endpoints";

/// All endpoints of the clinic, by name.
pub async fn list(tx: &mut OrgTx) -> Result<Vec<EndpointRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{SELECT} order by workflow_name")))
        .fetch_all(tx.conn())
        .await?)
}

pub async fn find(tx: &mut OrgTx, id: Uuid) -> Result<Option<EndpointRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{SELECT} where id = $1")))
        .bind(id)
        .fetch_optional(tx.conn())
        .await?)
}

/// The endpoint with a name, locked until the transaction ends.
pub async fn lock_by_name(tx: &mut OrgTx, name: &str) -> Result<Option<EndpointRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{SELECT} where workflow_name = $1 for update")))
        .bind(name)
        .fetch_optional(tx.conn())
        .await?)
}

pub async fn find_by_name(tx: &mut OrgTx, name: &str) -> Result<Option<EndpointRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{SELECT} where workflow_name = $1")))
        .bind(name)
        .fetch_optional(tx.conn())
        .await?)
}

pub async fn count(tx: &mut OrgTx) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar("select count(*) from endpoints").fetch_one(tx.conn()).await?)
}

/// What somebody says about an endpoint.
pub struct EndpointValues<'a> {
    pub id: Uuid,
    pub workflow_name: &'a str,
    pub destination: &'a str,
    pub settings: &'a Value,
    pub description: &'a str,
    pub events: &'a [String],
    pub is_active: bool,
    pub by: &'a str,
}

/// Address and headers sealed, and how they are shown.
pub struct SealedTarget<'a> {
    pub sealed: &'a [u8],
    pub key_version: i32,
    /// The address with its path masked.
    pub address: &'a str,
    /// Names of the headers, values masked.
    pub hint: &'a Value,
}

/// # Errors
/// [`DbError::Constraint`] `endpoints_workflow_name_key` where the name is taken.
pub async fn insert(
    tx: &mut OrgTx,
    new: &EndpointValues<'_>,
    target: &SealedTarget<'_>,
) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into endpoints (org_id, id, workflow_name, destination, address, settings, description, events, is_active,
                                sealed_target, key_version, auth_hint, created_by, updated_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.workflow_name)
    .bind(new.destination)
    .bind(target.address)
    .bind(Json(new.settings))
    .bind(new.description)
    .bind(new.events)
    .bind(new.is_active)
    .bind(target.sealed)
    .bind(target.key_version)
    .bind(Json(target.hint))
    .bind(new.by)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Changes an endpoint, what is sealed of it left as it is.
///
/// # Errors
/// As [`insert`].
pub async fn update(tx: &mut OrgTx, new: &EndpointValues<'_>) -> Result<(), DbError> {
    sqlx::query(
        "update endpoints set workflow_name = $2, destination = $3, settings = $4, description = $5, events = $6,
                updated_by = $7, updated_at = now()
          where id = $1",
    )
    .bind(new.id)
    .bind(new.workflow_name)
    .bind(new.destination)
    .bind(Json(new.settings))
    .bind(new.description)
    .bind(new.events)
    .bind(new.by)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Puts an address and headers in the place of those that are stored, which leaves nothing of them in the
/// clear. Another address is given another chance: what is known of failures is forgotten.
pub async fn update_target(
    tx: &mut OrgTx,
    id: Uuid,
    target: &SealedTarget<'_>,
    is_moved: bool,
) -> Result<(), DbError> {
    sqlx::query(
        "update endpoints set sealed_target = $2, key_version = $3, address = $4, auth_hint = $5, url = null, sealed_auth = null,
                failures_in_row = case when $6 then 0 else failures_in_row end,
                failing_since = case when $6 then null else failing_since end,
                blocked_until = case when $6 then null else blocked_until end,
                blocked_reason = case when $6 then null else blocked_reason end
          where id = $1",
    )
    .bind(id)
    .bind(target.sealed)
    .bind(target.key_version)
    .bind(target.address)
    .bind(Json(target.hint))
    .bind(is_moved)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Endpoints whose address is not sealed yet, locked until the transaction ends. Those that somebody else
/// has locked are left out.
pub async fn lock_plain(tx: &mut OrgTx) -> Result<Vec<EndpointRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{SELECT} where address is null order by id for update skip locked"
    )))
    .fetch_all(tx.conn())
    .await?)
}

/// Switches an endpoint on or off by hand. Switched on, it begins anew; its counts stay.
pub async fn set_active(tx: &mut OrgTx, id: Uuid, active: bool, by: &str) -> Result<(), DbError> {
    sqlx::query(
        "update endpoints set is_active = $2, disabled_reason = null, failures_in_row = 0, failing_since = null,
                blocked_until = null, blocked_reason = null, disabled_at = case when $2 then null else now() end,
                updated_by = $3, updated_at = now()
          where id = $1",
    )
    .bind(id)
    .bind(active)
    .bind(by)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Switches an endpoint off because of what it answers; false where it was off already.
pub async fn switch_off(tx: &mut OrgTx, id: Uuid, reason: &str) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update endpoints set is_active = false, disabled_reason = $2, disabled_at = now() where id = $1 and is_active",
    )
    .bind(id)
    .bind(reason)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// On how many days (in UTC) an endpoint has failed since its last success.
pub async fn count_failing_days(tx: &mut OrgTx, id: Uuid) -> Result<u32, DbError> {
    let days: i64 = sqlx::query_scalar(
        "select count(distinct date_trunc('day', h.hour, 'UTC'))
           from endpoints e
           join delivery_hours h on h.org_id = e.org_id and h.endpoint_id = e.id
            and h.hour >= date_trunc('hour', e.failing_since, 'UTC') and h.outcome <> 'succeeded'
          where e.id = $1",
    )
    .bind(id)
    .fetch_one(tx.conn())
    .await?;
    Ok(u32::try_from(days).unwrap_or(u32::MAX))
}

/// Sends nothing there for a while; a longer while that was set before stays.
pub async fn block(tx: &mut OrgTx, id: Uuid, seconds: f64, reason: &str) -> Result<(), DbError> {
    sqlx::query(
        "update endpoints set blocked_until = now() + make_interval(secs => $2), blocked_reason = $3
          where id = $1 and (blocked_until is null or blocked_until < now() + make_interval(secs => $2))",
    )
    .bind(id)
    .bind(seconds)
    .bind(reason)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes an endpoint with its secrets; what was delivered stays.
pub async fn delete(tx: &mut OrgTx, id: Uuid) -> Result<(), DbError> {
    sqlx::query("delete from endpoints where id = $1").bind(id).execute(tx.conn()).await?;
    Ok(())
}

/// A signing secret.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct SecretRow {
    pub id: Uuid,
    pub sealed: Vec<u8>,
    pub hint: String,
    pub created_at: OffsetDateTime,
    /// It signs no more from then on.
    pub not_after: Option<OffsetDateTime>,
}

/// The secrets that sign now, the newest first.
pub async fn list_secrets(tx: &mut OrgTx, endpoint: Uuid) -> Result<Vec<SecretRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, sealed, hint, created_at, not_after from endpoint_secrets
          where endpoint_id = $1 and (not_after is null or not_after > now()) order by id desc",
    )
    .bind(endpoint)
    .fetch_all(tx.conn())
    .await?)
}

/// A signing secret to be stored.
pub struct NewSecret<'a> {
    pub id: Uuid,
    pub endpoint: Uuid,
    pub sealed: &'a [u8],
    pub key_version: i32,
    pub hint: &'a str,
    pub by: &'a str,
}

pub async fn insert_secret(tx: &mut OrgTx, new: &NewSecret<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into endpoint_secrets (org_id, id, endpoint_id, sealed, key_version, hint, created_by)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.endpoint)
    .bind(new.sealed)
    .bind(new.key_version)
    .bind(new.hint)
    .bind(new.by)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives all secrets but one their end, at once or after an overlap, and removes those that ended.
pub async fn end_other_secrets(
    tx: &mut OrgTx,
    endpoint: Uuid,
    but: Uuid,
    overlap_seconds: f64,
) -> Result<(), DbError> {
    sqlx::query("delete from endpoint_secrets where endpoint_id = $1 and not_after <= now()")
        .bind(endpoint)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "update endpoint_secrets
            set not_after = least(coalesce(not_after, 'infinity'), now() + make_interval(secs => $3))
          where endpoint_id = $1 and id <> $2",
    )
    .bind(endpoint)
    .bind(but)
    .bind(overlap_seconds)
    .execute(tx.conn())
    .await?;
    Ok(())
}
