//! Rows of keys: wrapped data keys and key checks. The keys themselves are never in the database.

use super::{DbError, OrgTx, PgPool};
use crate::domain::OrgId;

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

/// Inserts a data key where that version is not there yet, and says whether it was not.
pub async fn insert(tx: &mut OrgTx, key: &DataKeyRow) -> Result<bool, DbError> {
    let org = tx.org();
    let done = sqlx::query(
        "insert into data_keys (org_id, version, kek_id, wrapped, seals_reserved) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
    )
    .bind(org.0)
    .bind(key.version)
    .bind(key.kek_id)
    .bind(&key.wrapped)
    .bind(key.seals_reserved)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
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
        "insert into platform_keys (version, kek_id, wrapped, seals_reserved) values ($1, $2, $3, $4)
         on conflict do nothing",
    )
    .bind(key.version)
    .bind(key.kek_id)
    .bind(&key.wrapped)
    .bind(key.seals_reserved)
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

/// A wrapped data key with its organization, as rotation reads it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct KeyToRewrap {
    #[sqlx(try_from = "uuid::Uuid")]
    pub org_id: OrgId,
    pub version: i32,
    pub kek_id: i64,
    pub wrapped: Vec<u8>,
}

/// Data keys of any organization that another key-encryption key wraps.
pub async fn list_to_rewrap(pool: &PgPool, kek_id: i64, limit: i32) -> Result<Vec<KeyToRewrap>, DbError> {
    Ok(sqlx::query_as("select org_id, version, kek_id, wrapped from list_keys_to_rewrap($1, $2)")
        .bind(kek_id)
        .bind(limit)
        .fetch_all(pool)
        .await?)
}

/// Stores rewrapped keys where they are still wrapped as they were read; returns how many.
pub async fn store_rewrapped(
    pool: &PgPool,
    old: &[KeyToRewrap],
    kek_id: i64,
    wrapped: &[Vec<u8>],
) -> Result<i64, DbError> {
    let orgs: Vec<uuid::Uuid> = old.iter().map(|key| key.org_id.0).collect();
    let versions: Vec<i32> = old.iter().map(|key| key.version).collect();
    let before: Vec<&[u8]> = old.iter().map(|key| key.wrapped.as_slice()).collect();
    Ok(sqlx::query_scalar("select store_rewrapped($1, $2, $3, $4, $5)")
        .bind(orgs)
        .bind(versions)
        .bind(before)
        .bind(kek_id)
        .bind(wrapped)
        .fetch_one(pool)
        .await?)
}

/// How many data keys each key-encryption key protects, the platform's own included.
pub async fn count_by_kek(pool: &PgPool) -> Result<Vec<(i64, i64)>, DbError> {
    Ok(sqlx::query_as(
        "select kek_id, sum(keys)::bigint from (
           select kek_id, keys from count_keys_by_kek()
           union all select kek_id, count(*) from platform_keys group by kek_id) k
          group by kek_id order by kek_id",
    )
    .fetch_all(pool)
    .await?)
}

/// The platform's data keys that another key-encryption key wraps.
pub async fn list_platform_to_rewrap(pool: &PgPool, kek_id: i64) -> Result<Vec<DataKeyRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("select {COLUMNS} from platform_keys where kek_id <> $1")))
        .bind(kek_id)
        .fetch_all(pool)
        .await?)
}

/// Stores a rewrapped platform key where it is still wrapped as it was read.
pub async fn store_rewrapped_platform(
    pool: &PgPool,
    old: &DataKeyRow,
    kek_id: i64,
    wrapped: &[u8],
) -> Result<(), DbError> {
    sqlx::query("update platform_keys set kek_id = $3, wrapped = $4 where version = $1 and wrapped = $2")
        .bind(old.version)
        .bind(&old.wrapped)
        .bind(kek_id)
        .bind(wrapped)
        .execute(pool)
        .await?;
    Ok(())
}

/// Notes that a key-encryption key protects nothing any more.
pub async fn retire_check(pool: &PgPool, kek_id: i64) -> Result<(), DbError> {
    let done = sqlx::query("update key_checks set state = 'retired' where kek_id = $1")
        .bind(kek_id)
        .execute(pool)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::NotFound) }
}
