//! Issuers of tokens. A global table: they belong to the installation.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, PgPool};
use crate::domain::OrgId;

/// An issuer as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct IssuerRow {
    pub id: Uuid,
    pub issuer: String,
    pub audience: String,
    pub only_organization: Option<Uuid>,
    pub max_role: String,
    pub jwks_url: Option<String>,
    pub sealed_secret: Option<Vec<u8>>,
    pub created_at: OffsetDateTime,
    pub disabled_at: Option<OffsetDateTime>,
}

/// An issuer to be stored: with the address of its keys, or with its sealed secret and key version.
pub struct NewIssuer<'a> {
    pub id: Uuid,
    pub issuer: &'a str,
    pub audience: &'a str,
    pub only_organization: Option<OrgId>,
    pub max_role: &'a str,
    pub jwks_url: Option<&'a str>,
    pub sealed_secret: Option<(&'a [u8], i32)>,
}

const COLUMNS: &str =
    "id, issuer, audience, only_organization, max_role, jwks_url, sealed_secret, created_at, disabled_at";

/// The live issuer of that name (the claim `iss`, to the letter).
pub async fn find(pool: &PgPool, issuer: &str) -> Result<Option<IssuerRow>, DbError> {
    let text = format!("select {COLUMNS} from jwt_issuers where issuer = $1 and disabled_at is null");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(text)).bind(issuer).fetch_optional(pool).await?)
}

/// All issuers, the oldest first.
pub async fn list(pool: &PgPool) -> Result<Vec<IssuerRow>, DbError> {
    let text = format!("select {COLUMNS} from jwt_issuers order by created_at, id");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(text)).fetch_all(pool).await?)
}

/// Stores an issuer, or sets the one of that name up anew.
pub async fn upsert(pool: &PgPool, new: &NewIssuer<'_>) -> Result<(), DbError> {
    sqlx::query(
        "insert into jwt_issuers (id, issuer, audience, only_organization, max_role, jwks_url, sealed_secret, key_version)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (issuer) do update set id = excluded.id, audience = excluded.audience,
           only_organization = excluded.only_organization, max_role = excluded.max_role, jwks_url = excluded.jwks_url,
           sealed_secret = excluded.sealed_secret, key_version = excluded.key_version, disabled_at = null",
    )
    .bind(new.id)
    .bind(new.issuer)
    .bind(new.audience)
    .bind(new.only_organization.map(|org| org.0))
    .bind(new.max_role)
    .bind(new.jwks_url)
    .bind(new.sealed_secret.map(|(sealed, _)| sealed))
    .bind(new.sealed_secret.map(|(_, version)| version))
    .execute(pool)
    .await?;
    Ok(())
}

/// Disables an issuer; its tokens are refused from now on.
pub async fn disable(pool: &PgPool, issuer: &str) -> Result<(), DbError> {
    let done =
        sqlx::query("update jwt_issuers set disabled_at = now() where issuer = $1 and disabled_at is null")
            .bind(issuer)
            .execute(pool)
            .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::NotFound) }
}
