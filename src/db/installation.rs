//! The one row that says which installation this is.

use uuid::Uuid;

use super::{DbError, PgPool};

/// Identity of this installation, made at its first start.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct InstallationRow {
    pub id: Uuid,
    pub is_sandbox: bool,
    pub public_url: String,
}

/// The installation, made where there is none. What is stored wins over what is given.
pub async fn find_or_insert(
    pool: &PgPool,
    id: Uuid,
    is_sandbox: bool,
    public_url: &str,
) -> Result<InstallationRow, DbError> {
    sqlx::query(
        "insert into installation (id, is_sandbox, public_url) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(id)
    .bind(is_sandbox)
    .bind(public_url)
    .execute(pool)
    .await?;
    Ok(sqlx::query_as("select id, is_sandbox, public_url from installation").fetch_one(pool).await?)
}

/// The installation, where the database was set up before.
pub async fn find(pool: &PgPool) -> Result<Option<InstallationRow>, DbError> {
    Ok(sqlx::query_as("select id, is_sandbox, public_url from installation").fetch_optional(pool).await?)
}

pub async fn update_public_url(pool: &PgPool, public_url: &str) -> Result<(), DbError> {
    sqlx::query("update installation set public_url = $1").bind(public_url).execute(pool).await?;
    Ok(())
}

/// Whether the database answers and has been set up.
pub async fn exists(pool: &PgPool) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar("select exists (select 1 from installation)").fetch_one(pool).await?)
}
