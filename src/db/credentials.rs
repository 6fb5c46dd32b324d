//! Credentials: immutable, sealed versions of an integration's secret, and drafts of them.
//!
//! A draft is a version that was tested but not saved: good for one use within 15 minutes, so that
//! no secret has to lie in a session or travel back to the browser.

use serde_json::Value;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::{CredentialId, IntegrationId, ProviderId, UserId};

/// How long a draft may wait, in minutes.
pub const DRAFT_MINUTES: i32 = 15;

/// A version (or draft) with what is needed to open it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CredentialRow {
    #[sqlx(try_from = "Uuid")]
    pub id: CredentialId,
    #[sqlx(try_from = "Uuid")]
    pub integration_id: IntegrationId,
    pub provider: String,
    pub label: String,
    pub sealed: Vec<u8>,
    pub hint: Json<Value>,
    pub report: Option<Json<Value>>,
    pub is_active: bool,
}

/// What is written for a new version or draft.
pub struct NewCredential<'a> {
    pub id: CredentialId,
    pub integration: IntegrationId,
    pub provider: &'a str,
    pub sealed: &'a [u8],
    pub key_version: i32,
    pub hint: &'a Value,
    pub report: &'a Value,
    pub is_draft: bool,
    pub by: Option<UserId>,
}

pub async fn insert(tx: &mut OrgTx, new: &NewCredential<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into org_credentials (org_id, id, integration_id, provider, sealed, key_version, hint, report, created_by, draft_expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, case when $10 then now() + make_interval(mins => $11) end)",
    )
    .bind(org.0)
    .bind(new.id.0)
    .bind(new.integration.0)
    .bind(new.provider)
    .bind(new.sealed)
    .bind(new.key_version)
    .bind(Json(new.hint))
    .bind(Json(new.report))
    .bind(new.by.map(|user| user.0))
    .bind(new.is_draft)
    .bind(DRAFT_MINUTES)
    .execute(tx.conn())
    .await?;
    Ok(())
}

const SELECT: &str = "select c.id, c.integration_id, c.provider, i.label, c.sealed, c.hint, c.report,
        (i.active_credential_id = c.id) is true as is_active
   from org_credentials c join org_integrations i on i.org_id = c.org_id and i.id = c.integration_id";

/// A saved version by its id.
pub async fn find(tx: &mut OrgTx, id: CredentialId) -> Result<Option<CredentialRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{SELECT} where c.id = $1 and c.draft_expires_at is null"
    )))
    .bind(id.0)
    .fetch_optional(tx.conn())
    .await?)
}

/// A saved version that is out of use, for as long as it can be brought back.
pub async fn find_restorable(
    tx: &mut OrgTx,
    id: CredentialId,
    restore_days: i32,
) -> Result<Option<CredentialRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{SELECT} where c.id = $1 and c.draft_expires_at is null and i.active_credential_id is distinct from c.id
            and coalesce(c.superseded_at, c.disconnected_at) > now() - make_interval(days => $2)"
    )))
    .bind(id.0)
    .bind(restore_days)
    .fetch_optional(tx.conn())
    .await?)
}

/// A draft by its id, while it may still be used.
pub async fn find_draft(tx: &mut OrgTx, id: CredentialId) -> Result<Option<CredentialRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{SELECT} where c.id = $1 and c.draft_expires_at > now()"
    )))
    .bind(id.0)
    .fetch_optional(tx.conn())
    .await?)
}

/// The active version of an integration.
pub async fn find_active(
    tx: &mut OrgTx,
    integration: IntegrationId,
) -> Result<Option<CredentialRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{SELECT} where i.id = $1 and c.id = i.active_credential_id"
    )))
    .bind(integration.0)
    .fetch_optional(tx.conn())
    .await?)
}

/// Removes a draft that was used or corrected, and those that nobody came back for. False where the
/// named draft was not there any more: somebody else has used it. Expired drafts of the providers in
/// `with_consents` hold what has to be given back first: those are the sweep's.
pub async fn delete_drafts(
    tx: &mut OrgTx,
    used: Option<CredentialId>,
    with_consents: &[&str],
) -> Result<bool, DbError> {
    let deleted: Vec<Uuid> = sqlx::query_scalar(
        "delete from org_credentials
          where draft_expires_at is not null
            and (id = $1 or (draft_expires_at < now() and provider <> all ($2::text[]))) returning id",
    )
    .bind(used.map(|id| id.0))
    .bind(with_consents)
    .fetch_all(tx.conn())
    .await?;
    Ok(used.is_none_or(|used| deleted.contains(&used.0)))
}

/// An expired draft.
#[derive(Clone, sqlx::FromRow)]
pub struct ExpiredDraft {
    #[sqlx(try_from = "Uuid")]
    pub id: CredentialId,
    pub sealed: Vec<u8>,
}

/// Takes the drafts of a provider out that nobody came back for, with what they hold.
pub async fn take_expired_drafts(
    tx: &mut OrgTx,
    provider: ProviderId,
    limit: i64,
) -> Result<Vec<ExpiredDraft>, DbError> {
    Ok(sqlx::query_as(
        "delete from org_credentials where id in (
           select id from org_credentials
            where provider = $1 and draft_expires_at is not null and draft_expires_at < now()
            limit $2 for update skip locked)
         returning id, sealed",
    )
    .bind(provider.as_str())
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Removes drafts that nobody came back for. Returns how many it were.
pub async fn delete_expired_drafts(tx: &mut OrgTx, limit: i64) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "delete from org_credentials where id in (
           select id from org_credentials where draft_expires_at is not null and draft_expires_at < now()
            limit $1 for update skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected())
}

/// Removes versions that were out of use for longer than they can be brought back, and an hour more,
/// for a restore that is under way. Returns the provider of each.
pub async fn purge_ended(tx: &mut OrgTx, restore_days: i32, limit: i64) -> Result<Vec<String>, DbError> {
    Ok(sqlx::query_scalar(
        "delete from org_credentials where id in (
           select c.id from org_credentials c
            where c.draft_expires_at is null and coalesce(c.superseded_at, c.disconnected_at) is not null
              and coalesce(c.superseded_at, c.disconnected_at) < now() - make_interval(days => $1, hours => 1)
              and not exists (select 1 from org_integrations i where i.active_credential_id = c.id)
            limit $2 for update of c skip locked)
         returning provider",
    )
    .bind(restore_days)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Notes that a version is no longer the active one.
pub async fn mark_superseded(tx: &mut OrgTx, id: Uuid) -> Result<(), DbError> {
    sqlx::query("update org_credentials set superseded_at = now() where id = $1")
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn mark_disconnected(tx: &mut OrgTx, id: Uuid) -> Result<(), DbError> {
    sqlx::query("update org_credentials set disconnected_at = now() where id = $1")
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Makes an old version look new again, when it is restored.
pub async fn mark_current(tx: &mut OrgTx, id: CredentialId) -> Result<(), DbError> {
    sqlx::query("update org_credentials set superseded_at = null, disconnected_at = null where id = $1")
        .bind(id.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A line of the table of all credentials.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CredentialLine {
    #[sqlx(try_from = "Uuid")]
    pub id: CredentialId,
    pub provider: String,
    pub label: String,
    pub is_active: bool,
    pub verification_status: String,
    pub last_verified_at: Option<OffsetDateTime>,
    pub hint: Json<Value>,
    pub created_at: OffsetDateTime,
    pub created_by_name: Option<String>,
    pub ended_at: Option<OffsetDateTime>,
    pub is_restorable: bool,
}

/// Every saved credential of the organization, active ones first.
pub async fn list(tx: &mut OrgTx, restore_days: i32) -> Result<Vec<CredentialLine>, DbError> {
    Ok(sqlx::query_as(
        "select c.id, c.provider, i.label, (i.active_credential_id = c.id) is true as is_active,
                i.verification_status, i.last_verified_at, c.hint, c.created_at, u.name as created_by_name,
                coalesce(c.superseded_at, c.disconnected_at) as ended_at,
                coalesce(coalesce(c.superseded_at, c.disconnected_at) > now() - make_interval(days => $1), false) as is_restorable
           from org_credentials c
           join org_integrations i on i.org_id = c.org_id and i.id = c.integration_id
           left join users u on u.id = c.created_by
          where c.draft_expires_at is null
          order by is_active desc, c.created_at desc limit 200",
    )
    .bind(restore_days)
    .fetch_all(tx.conn())
    .await?)
}

/// Removes every version and draft of an integration; gives how many there were.
pub async fn delete_all(tx: &mut OrgTx, integration: IntegrationId) -> Result<u64, DbError> {
    let done = sqlx::query("delete from org_credentials where integration_id = $1")
        .bind(integration.0)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
