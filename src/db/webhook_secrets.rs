//! Secrets that verify webhooks, sealed. Two may live during a rotation.

use serde_json::Value;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};

/// A secret with its scheme.
#[derive(Clone, sqlx::FromRow)]
pub struct WebhookSecretRow {
    pub id: Uuid,
    pub scheme: String,
    pub params: Json<Value>,
    pub sealed: Vec<u8>,
    pub key_version: i32,
    pub provider_credential_id: Option<String>,
    pub not_after: Option<OffsetDateTime>,
}

/// Live secrets of a source, newest first.
pub async fn list_live(tx: &mut OrgTx, source: &str) -> Result<Vec<WebhookSecretRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, scheme, params, sealed, key_version, provider_credential_id, not_after from webhook_secrets
          where source = $1 and (not_after is null or not_after > now()) order by created_at desc",
    )
    .bind(source)
    .fetch_all(tx.conn())
    .await?)
}

/// A secret that verifies no more.
#[derive(Clone, sqlx::FromRow)]
pub struct EndedSecretRow {
    pub id: Uuid,
    pub provider_credential_id: Option<String>,
    /// Ended so long ago that nobody will ask for it any more.
    pub is_old: bool,
}

/// Secrets of a source that verify no more, the longest ended first.
pub async fn list_ended(
    tx: &mut OrgTx,
    source: &str,
    old_days: i32,
    limit: i64,
) -> Result<Vec<EndedSecretRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, provider_credential_id, not_after < now() - make_interval(days => $2) as is_old
           from webhook_secrets where source = $1 and not_after < now() order by not_after limit $3",
    )
    .bind(source)
    .bind(old_days)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Removes a secret; false where it was gone already.
pub async fn delete(tx: &mut OrgTx, id: Uuid) -> Result<bool, DbError> {
    let done = sqlx::query("delete from webhook_secrets where id = $1").bind(id).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

/// A new secret.
pub struct NewWebhookSecret<'a> {
    pub id: Uuid,
    pub source: &'a str,
    pub scheme: &'a str,
    pub params: &'a Value,
    pub sealed: &'a [u8],
    pub key_version: i32,
    pub provider_credential_id: Option<&'a str>,
}

pub async fn insert(tx: &mut OrgTx, new: &NewWebhookSecret<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into webhook_secrets (org_id, id, source, scheme, params, sealed, key_version, provider_credential_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.source)
    .bind(new.scheme)
    .bind(Json(new.params))
    .bind(new.sealed)
    .bind(new.key_version)
    .bind(new.provider_credential_id)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends all secrets of a source: none verifies from now on. Their rows stay until they are deleted at
/// the provider.
pub async fn end_all(tx: &mut OrgTx, source: &str) -> Result<(), DbError> {
    sqlx::query("update webhook_secrets set not_after = now() where source = $1 and (not_after is null or not_after > now())")
        .bind(source)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Removes all secrets of a source, ended or not.
pub async fn purge_all(tx: &mut OrgTx, source: &str) -> Result<(), DbError> {
    sqlx::query("delete from webhook_secrets where source = $1").bind(source).execute(tx.conn()).await?;
    Ok(())
}

/// Lets all secrets of a source but one run out after some minutes: during a rotation both verify.
pub async fn expire_others(tx: &mut OrgTx, source: &str, keep: Uuid, minutes: i32) -> Result<(), DbError> {
    sqlx::query(
        "update webhook_secrets set not_after = now() + make_interval(mins => $3)
          where source = $1 and id <> $2 and not_after is null",
    )
    .bind(source)
    .bind(keep)
    .bind(minutes)
    .execute(tx.conn())
    .await?;
    Ok(())
}
