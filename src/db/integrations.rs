//! Integrations: one row per provider (and label) as an organization has set it up.

use serde_json::Value;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::card::Verification;
use crate::domain::{Account, CapabilityResult, CredentialId, IntegrationId, OrgId, ProviderId, Use, UserId};

/// Everything that a card or a status answer needs, of one integration.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct IntegrationRow {
    #[sqlx(try_from = "Uuid")]
    pub id: IntegrationId,
    pub provider: String,
    pub label: String,
    pub is_primary: bool,
    pub is_paused: bool,
    pub active_credential_id: Option<Uuid>,
    pub verification_status: String,
    pub capabilities: Json<Vec<CapabilityResult>>,
    pub identity: Option<String>,
    pub identity_name: Option<String>,
    pub last_verified_at: Option<OffsetDateTime>,
    pub last_success_at: Option<OffsetDateTime>,
    /// What that was: a word of [`Use`].
    pub last_use: Option<String>,
    pub verification_error: Option<String>,
    pub fix_hint: Option<String>,
    pub fix_url: Option<String>,
    /// Something that the clinic should know although the credential works.
    pub notice: Option<String>,
    pub updated_at: OffsetDateTime,
    pub updated_by_name: Option<String>,
    /// Masked forms of the active credential's fields.
    pub hint: Option<Json<Value>>,
    /// The sealed active credential with its wrapped key: whether it opens decides the card.
    pub sealed: Option<Vec<u8>>,
    pub key_version: Option<i32>,
    pub kek_id: Option<i64>,
    pub wrapped: Option<Vec<u8>>,
    /// The newest version that *Restore* would bring back.
    pub restorable_id: Option<Uuid>,
    pub version_count: i64,
    /// Another clinic uses the same account now.
    pub is_shared: bool,
}

impl IntegrationRow {
    pub fn verification(&self) -> Verification {
        Verification::parse(&self.verification_status).unwrap_or(Verification::Pending)
    }

    /// When this account last served a real use, and what that was.
    pub fn last_use(&self) -> Option<(OffsetDateTime, Option<Use>)> {
        let at = self.last_success_at?;
        Some((at, self.last_use.as_deref().and_then(Use::parse)))
    }

    pub fn provider_id(&self) -> Option<ProviderId> {
        self.provider.parse().ok()
    }
}

/// All integrations of the organization in one statement.
pub async fn list(tx: &mut OrgTx, restore_days: i32) -> Result<Vec<IntegrationRow>, DbError> {
    Ok(sqlx::query_as(
        "select i.id, i.provider, i.label, i.is_primary, i.is_paused, i.active_credential_id, i.verification_status, i.capabilities,
                i.identity, i.identity_name, i.last_verified_at, i.last_success_at, i.last_use, i.verification_error,
                i.fix_hint, i.fix_url, i.notice, i.updated_at, u.name as updated_by_name,
                c.hint, c.sealed, c.key_version, k.kek_id, k.wrapped, r.id as restorable_id,
                (select count(*) from org_credentials v
                  where v.org_id = i.org_id and v.integration_id = i.id and v.draft_expires_at is null) as version_count,
                i.active_credential_id is not null and i.account_fingerprint is not null
                  and is_account_shared(i.account_fingerprint) as is_shared
           from org_integrations i
           left join users u on u.id = i.updated_by
           left join org_credentials c on c.org_id = i.org_id and c.id = i.active_credential_id
           left join data_keys k on k.org_id = c.org_id and k.version = c.key_version
           left join lateral (
             select v.id from org_credentials v
              where v.org_id = i.org_id and v.integration_id = i.id and v.draft_expires_at is null
                and v.id is distinct from i.active_credential_id
                and coalesce(v.superseded_at, v.disconnected_at) > now() - make_interval(days => $1)
              order by coalesce(v.superseded_at, v.disconnected_at) desc limit 1) r on true
          order by i.provider, i.is_primary desc, lower(i.label)",
    )
    .bind(restore_days)
    .fetch_all(tx.conn())
    .await?)
}

/// An integration locked for change, until the transaction ends.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct LockedIntegration {
    #[sqlx(try_from = "Uuid")]
    pub id: IntegrationId,
    pub active_credential_id: Option<Uuid>,
    pub identity: Option<String>,
    pub verification_status: String,
    pub is_paused: bool,
    pub is_primary: bool,
}

/// Picks the row of an account: of the label where there is one, else the primary.
const OF_ACCOUNT: &str =
    "provider = $1 and case when $2::text is null then is_primary else lower(label) = lower($2) end";

/// The id of the integration of an account. Takes no lock: only those who may change a row may lock it.
pub async fn find_id(tx: &mut OrgTx, account: &Account) -> Result<Option<IntegrationId>, DbError> {
    let id: Option<Uuid> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "select id from org_integrations where {OF_ACCOUNT}"
    )))
    .bind(account.provider.as_str())
    .bind(account.label())
    .fetch_optional(tx.conn())
    .await?;
    Ok(id.map(IntegrationId))
}

/// Finds and locks the integration of an account.
pub async fn lock(tx: &mut OrgTx, account: &Account) -> Result<Option<LockedIntegration>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select id, active_credential_id, identity, verification_status, is_paused, is_primary
           from org_integrations where {OF_ACCOUNT} for update"
    )))
    .bind(account.provider.as_str())
    .bind(account.label())
    .fetch_optional(tx.conn())
    .await?)
}

/// Locks all integrations of a provider, in an order that is the same for everybody; gives how many.
pub async fn lock_all(tx: &mut OrgTx, provider: ProviderId) -> Result<usize, DbError> {
    // Counted by a statement of its own: whoever had to wait sees what the other has made.
    sqlx::query("select 1 from org_integrations where provider = $1 order by id for update")
        .bind(provider.as_str())
        .execute(tx.conn())
        .await?;
    let count: i64 = sqlx::query_scalar("select count(*) from org_integrations where provider = $1")
        .bind(provider.as_str())
        .fetch_one(tx.conn())
        .await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Finds and locks the integration of an account, making its row first where it is missing. The first
/// of a provider is its primary.
pub async fn lock_or_insert(
    tx: &mut OrgTx,
    account: &Account,
    by: Option<UserId>,
) -> Result<LockedIntegration, DbError> {
    if let Some(found) = lock(tx, account).await? {
        return Ok(found);
    }
    let org = tx.org();
    // Of two that come first at once, the second finds the place of the primary taken.
    for may_be_primary in [true, false] {
        sqlx::query(
            "insert into org_integrations (org_id, id, provider, label, is_primary, created_by, updated_by)
             select $1, $2, $3, coalesce($4, $5 || case when exists (
                      select 1 from org_integrations where provider = $3 and lower(label) = lower($5)) then ' 2' else '' end),
                    $6 and not exists (select 1 from org_integrations where provider = $3 and is_primary), $7, $7
             on conflict do nothing",
        )
        .bind(org.0)
        .bind(Uuid::now_v7())
        .bind(account.provider.as_str())
        .bind(account.label())
        .bind(PRIMARY)
        .bind(may_be_primary)
        .bind(by.map(|user| user.0))
        .execute(tx.conn())
        .await?;
        if let Some(made) = lock(tx, account).await? {
            return Ok(made);
        }
        if account.label.is_none() {
            break;
        }
    }
    Err(DbError::NotFound)
}

/// Makes an integration the primary one of its provider.
pub async fn make_primary(
    tx: &mut OrgTx,
    provider: ProviderId,
    id: IntegrationId,
    by: Option<UserId>,
) -> Result<(), DbError> {
    // Two statements: the index that allows one primary is checked row by row.
    sqlx::query("update org_integrations set is_primary = false where provider = $1 and is_primary")
        .bind(provider.as_str())
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "update org_integrations set is_primary = true, updated_by = $2, updated_at = now() where id = $1",
    )
    .bind(id.0)
    .bind(by.map(|user| user.0))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The label of the first account, unless the clinic gives it another.
pub const PRIMARY: &str = "Primary";

/// What a test found, as it is kept on the card.
#[derive(Clone, Debug)]
pub struct Findings<'a> {
    pub status: Verification,
    pub capabilities: &'a [CapabilityResult],
    pub identity: Option<&'a str>,
    pub identity_name: Option<&'a str>,
    pub error: Option<&'a str>,
    pub fix: Option<(&'a str, &'a str)>,
}

/// Makes a credential the active one and records what its test found. What proved nothing leaves the
/// time of the last proof alone. Where it may be another account's, `forget_account`, nothing of the
/// account before stays on the card.
pub async fn activate(
    tx: &mut OrgTx,
    id: IntegrationId,
    credential: CredentialId,
    findings: &Findings<'_>,
    forget_account: bool,
    by: Option<UserId>,
) -> Result<(), DbError> {
    sqlx::query(
        "update org_integrations
            set active_credential_id = $2, is_paused = false, verification_status = $3, capabilities = $4,
                identity = case when $11 then $5 else coalesce($5, identity) end,
                identity_name = case when $11 then $6 else coalesce($6, identity_name) end,
                last_verified_at = case when $3 = 'undetermined' then last_verified_at else now() end,
                verification_error = $7, fix_hint = $8, fix_url = $9,
                last_refusal_at = case when $3 = 'failed' then now() else last_refusal_at end,
                updated_by = $10, updated_at = now()
          where id = $1",
    )
    .bind(id.0)
    .bind(credential.0)
    .bind(findings.status.as_str())
    .bind(Json(findings.capabilities))
    .bind(findings.identity)
    .bind(findings.identity_name)
    .bind(findings.error)
    .bind(findings.fix.map(|fix| fix.0))
    .bind(findings.fix.map(|fix| fix.1))
    .bind(by.map(|user| user.0))
    .bind(forget_account)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Records what a later test of the same credential found. Nothing happens where another
/// credential has become active meanwhile; false tells so.
pub async fn record_findings(
    tx: &mut OrgTx,
    id: IntegrationId,
    credential: CredentialId,
    findings: &Findings<'_>,
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update org_integrations
            set verification_status = $3, capabilities = $4, identity_name = coalesce($5, identity_name),
                last_verified_at = case when $3 = 'undetermined' then last_verified_at else now() end,
                verification_error = $6, fix_hint = $7, fix_url = $8,
                last_refusal_at = case when $3 = 'failed' then now() else last_refusal_at end, updated_at = now()
          where id = $1 and active_credential_id = $2",
    )
    .bind(id.0)
    .bind(credential.0)
    .bind(findings.status.as_str())
    .bind(Json(findings.capabilities))
    .bind(findings.identity_name)
    .bind(findings.error)
    .bind(findings.fix.map(|fix| fix.0))
    .bind(findings.fix.map(|fix| fix.1))
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that the assistants were just found, or made, as they should be.
pub async fn mark_ensured(tx: &mut OrgTx, id: IntegrationId) -> Result<(), DbError> {
    sqlx::query("update org_integrations set ensured_at = now() where id = $1")
        .bind(id.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Says something on the card, or takes back what was said.
pub async fn set_notice(tx: &mut OrgTx, id: IntegrationId, notice: Option<&str>) -> Result<(), DbError> {
    sqlx::query(
        "update org_integrations set notice = $2 where id = $1 and active_credential_id is not null and notice is distinct from $2",
    )
    .bind(id.0)
    .bind(notice)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes the active credential off the card, and with it which account it was. False where there was none.
pub async fn deactivate(tx: &mut OrgTx, id: IntegrationId, by: Option<UserId>) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update org_integrations
            set active_credential_id = null, verification_status = 'pending', capabilities = '[]',
                identity = null, identity_name = null, account_fingerprint = null,
                verification_error = null, fix_hint = null, fix_url = null, notice = null, updated_by = $2, updated_at = now()
          where id = $1 and active_credential_id is not null",
    )
    .bind(id.0)
    .bind(by.map(|user| user.0))
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Pauses or resumes an integration.
pub async fn set_paused(
    tx: &mut OrgTx,
    id: IntegrationId,
    paused: bool,
    by: Option<UserId>,
) -> Result<(), DbError> {
    sqlx::query(
        "update org_integrations set is_paused = $2, updated_by = $3, updated_at = now() where id = $1",
    )
    .bind(id.0)
    .bind(paused)
    .bind(by.map(|user| user.0))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes an integration that has no versions any more.
pub async fn delete(tx: &mut OrgTx, id: IntegrationId) -> Result<(), DbError> {
    sqlx::query("delete from org_integrations where id = $1").bind(id.0).execute(tx.conn()).await?;
    Ok(())
}

/// Notes real uses that succeeded, gathered in memory.
pub async fn touch(pool: &super::PgPool, uses: &[((OrgId, IntegrationId), Use)]) -> Result<(), DbError> {
    let (orgs, ids): (Vec<Uuid>, Vec<Uuid>) = uses.iter().map(|((org, id), _)| (org.0, id.0)).unzip();
    let words: Vec<&str> = uses.iter().map(|(_, what)| what.as_str()).collect();
    sqlx::query("select touch_integrations($1, $2, $3)")
        .bind(orgs)
        .bind(ids)
        .bind(words)
        .execute(pool)
        .await?;
    Ok(())
}

/// Whether a provider is connected: by its primary account, which is the one that is used.
pub async fn is_connected(tx: &mut OrgTx, provider: &str) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar(
        "select exists (select 1 from org_integrations
                         where provider = $1 and is_primary and active_credential_id is not null)",
    )
    .bind(provider)
    .fetch_one(tx.conn())
    .await?)
}
