//! Rows of keys: wrapped data keys and key checks. The keys themselves are never in the database.

use sqlx::PgPool;

use super::{DbError, OrgTx};

/// A wrapped data key.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct DataKeyRow {
    pub version: i32,
    pub kek_id: i64,
    pub wrapped: Vec<u8>,
    pub seals_reserved: i64,
}

/// A fixed text sealed under a key-encryption key.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct KeyCheckRow {
    pub kek_id: i64,
    pub state: String,
    pub sealed: Vec<u8>,
}

const COLUMNS: &str = "version, kek_id, wrapped, seals_reserved";

/// The data key of an organization: a given version, or the newest.
pub async fn find(tx: &mut OrgTx, version: Option<i32>) -> Result<Option<DataKeyRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from data_keys where $1::int is null or version = $1 order by version desc limit 1"
    )))
    .bind(version)
    .fetch_optional(tx.conn())
    .await?)
}

/// Inserts a data key where that version is not there yet.
pub async fn insert(tx: &mut OrgTx, key: &DataKeyRow) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query("insert into data_keys (org_id, version, kek_id, wrapped) values ($1, $2, $3, $4) on conflict do nothing")
        .bind(org.0)
        .bind(key.version)
        .bind(key.kek_id)
        .bind(&key.wrapped)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Reserves a block of seals and returns the total that is now reserved.
pub async fn reserve_seals(tx: &mut OrgTx, version: i32, block: i64) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "update data_keys set seals_reserved = seals_reserved + $2 where version = $1 returning seals_reserved",
    )
    .bind(version)
    .bind(block)
    .fetch_one(tx.conn())
    .await?)
}

/// The platform's own data key: a given version, or the newest.
pub async fn find_platform(pool: &PgPool, version: Option<i32>) -> Result<Option<DataKeyRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from platform_keys where $1::int is null or version = $1 order by version desc limit 1"
    )))
    .bind(version)
    .fetch_optional(pool)
    .await?)
}

pub async fn insert_platform(pool: &PgPool, key: &DataKeyRow) -> Result<(), DbError> {
    sqlx::query(
        "insert into platform_keys (version, kek_id, wrapped) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(key.version)
    .bind(key.kek_id)
    .bind(&key.wrapped)
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn reserve_platform_seals(pool: &PgPool, version: i32, block: i64) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "update platform_keys set seals_reserved = seals_reserved + $2 where version = $1 returning seals_reserved",
    )
    .bind(version)
    .bind(block)
    .fetch_one(pool)
    .await?)
}

/// All key checks.
pub async fn list_checks(pool: &PgPool) -> Result<Vec<KeyCheckRow>, DbError> {
    Ok(sqlx::query_as("select kek_id, state, sealed from key_checks order by created_at")
        .fetch_all(pool)
        .await?)
}

/// Inserts or restates a key check.
pub async fn upsert_check(pool: &PgPool, check: &KeyCheckRow) -> Result<(), DbError> {
    sqlx::query(
        "insert into key_checks (kek_id, state, sealed) values ($1, $2, $3)
         on conflict (kek_id) do update set state = excluded.state, sealed = excluded.sealed",
    )
    .bind(check.kek_id)
    .bind(&check.state)
    .bind(&check.sealed)
    .execute(pool)
    .await?;
    Ok(())
}
