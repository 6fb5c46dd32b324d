//! Keys of other programs. Only a hash is kept; the key itself is shown once.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::{Role, UserId};

/// A key as lists show it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ApiKeyRow {
    pub id: Uuid,
    pub name: String,
    pub prefix: String,
    pub role: String,
    /// None where only the role limits.
    pub scopes: Option<Vec<String>>,
    pub created_at: OffsetDateTime,
    pub last_used_at: Option<OffsetDateTime>,
    pub expires_at: Option<OffsetDateTime>,
    pub revoked_at: Option<OffsetDateTime>,
}

/// A key to be stored.
pub struct NewApiKey<'a> {
    pub id: Uuid,
    pub name: &'a str,
    pub prefix: &'a str,
    pub key_hash: &'a [u8; 32],
    pub role: Role,
    pub scopes: Option<&'a [String]>,
    pub expires_at: Option<OffsetDateTime>,
    pub created_by: Option<UserId>,
    /// The key that makes this one, where a key does.
    pub made_with: Option<&'a [u8; 32]>,
}

/// Stores a key; it ends when the key that made it does, or before. Gives when that is.
pub async fn insert(tx: &mut OrgTx, new: &NewApiKey<'_>) -> Result<Option<OffsetDateTime>, DbError> {
    let org = tx.org();
    // `least` passes over what is null.
    Ok(sqlx::query_scalar(
        "insert into api_keys (org_id, id, name, prefix, key_hash, role, scopes, expires_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7,
                 least($8::timestamptz, (select k.expires_at from api_keys k where k.key_hash = $10)), $9)
         returning expires_at",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.name)
    .bind(new.prefix)
    .bind(new.key_hash.as_slice())
    .bind(new.role.as_str())
    .bind(new.scopes)
    .bind(new.expires_at)
    .bind(new.created_by.map(|user| user.0))
    .bind(new.made_with.map(<[u8; 32]>::as_slice))
    .fetch_one(tx.conn())
    .await?)
}

pub async fn list(tx: &mut OrgTx) -> Result<Vec<ApiKeyRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, name, prefix, role, scopes, created_at, last_used_at, expires_at, revoked_at
           from api_keys order by created_at desc",
    )
    .fetch_all(tx.conn())
    .await?)
}

pub async fn revoke(tx: &mut OrgTx, id: Uuid) -> Result<(), DbError> {
    let done = sqlx::query("update api_keys set revoked_at = now() where id = $1 and revoked_at is null")
        .bind(id)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::NotFound) }
}
