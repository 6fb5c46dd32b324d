//! Organizations: made through a gate function, changed only from inside.

use super::{DbError, OrgTx, PgPool};
use crate::domain::OrgId;

/// What a clinic says about itself.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct OrganizationRow {
    pub name: String,
    pub slug: String,
    pub time_zone: String,
    pub country: String,
    pub retention_days: i32,
    pub keep_transcripts: bool,
}

/// Makes an organization. A taken slug is `Constraint { "organizations_slug_key" }`.
pub async fn create(
    pool: &PgPool,
    id: OrgId,
    name: &str,
    slug: &str,
    time_zone: &str,
    country: &str,
) -> Result<(), DbError> {
    sqlx::query("select create_organization($1, $2, $3, $4, $5)")
        .bind(id.0)
        .bind(name)
        .bind(slug)
        .bind(time_zone)
        .bind(country)
        .execute(pool)
        .await?;
    Ok(())
}

/// Makes the organization that the transaction is tied to.
pub async fn create_in(
    tx: &mut OrgTx,
    name: &str,
    slug: &str,
    time_zone: &str,
    country: &str,
) -> Result<(), DbError> {
    let id = tx.org();
    sqlx::query("select create_organization($1, $2, $3, $4, $5)")
        .bind(id.0)
        .bind(name)
        .bind(slug)
        .bind(time_zone)
        .bind(country)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether there is no clinic yet. Whoever else asks this waits until the transaction has ended, and so
/// sees what it has made.
pub async fn is_first(tx: &mut OrgTx) -> Result<bool, DbError> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('the first clinic', 0))")
        .execute(tx.conn())
        .await?;
    Ok(sqlx::query_scalar("select count_organizations() = 0").fetch_one(tx.conn()).await?)
}

pub async fn count(pool: &PgPool) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar("select count_organizations()").fetch_one(pool).await?)
}

/// The organization of the transaction.
pub async fn find(tx: &mut OrgTx) -> Result<OrganizationRow, DbError> {
    Ok(sqlx::query_as(
        "select name, slug, time_zone, country, retention_days, keep_transcripts from organizations",
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Whether conversations are kept, of an organization that may receive anything: none where it is
/// suspended.
pub async fn find_receiving(tx: &mut OrgTx) -> Result<Option<bool>, DbError> {
    Ok(sqlx::query_scalar("select keep_transcripts from organizations where suspended_at is null")
        .fetch_optional(tx.conn())
        .await?)
}

pub async fn update_profile(
    tx: &mut OrgTx,
    name: &str,
    time_zone: &str,
    country: &str,
) -> Result<(), DbError> {
    let done = sqlx::query("update organizations set name = $1, time_zone = $2, country = $3")
        .bind(name)
        .bind(time_zone)
        .bind(country)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::NotFound) }
}

/// For how many days conversations are kept.
pub async fn update_retention(tx: &mut OrgTx, days: i32) -> Result<(), DbError> {
    let done =
        sqlx::query("update organizations set retention_days = $1").bind(days).execute(tx.conn()).await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::NotFound) }
}
