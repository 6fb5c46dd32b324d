//! Counters: what machines did per organization and minute, and throttles that processes share.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, PgPool};
use crate::domain::OrgId;

/// A count gathered in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineCount {
    pub org: OrgId,
    pub minute: OffsetDateTime,
    pub cause: &'static str,
    pub count: i64,
}

/// Adds counts of several organizations in one statement.
pub async fn add(pool: &PgPool, counts: &[MachineCount]) -> Result<(), DbError> {
    let orgs: Vec<Uuid> = counts.iter().map(|c| c.org.0).collect();
    let minutes: Vec<OffsetDateTime> = counts.iter().map(|c| c.minute).collect();
    let causes: Vec<&str> = counts.iter().map(|c| c.cause).collect();
    let numbers: Vec<i64> = counts.iter().map(|c| c.count).collect();
    sqlx::query("select add_machine_counts($1, $2, $3, $4)")
        .bind(orgs)
        .bind(minutes)
        .bind(causes)
        .bind(numbers)
        .execute(pool)
        .await?;
    Ok(())
}

/// Counts a hit on a throttle and returns the hits in its current window (of `seconds`).
pub async fn hit(pool: &PgPool, key: &[u8; 32], seconds: f64) -> Result<i32, DbError> {
    Ok(sqlx::query_scalar(
        "insert into rate_counters as r (key) values ($1)
         on conflict (key) do update
            set hits = case when r.window_start < now() - make_interval(secs => $2) then 1 else r.hits + 1 end,
                window_start = case when r.window_start < now() - make_interval(secs => $2) then now() else r.window_start end
         returning hits",
    )
    .bind(key.as_slice())
    .bind(seconds)
    .fetch_one(pool)
    .await?)
}

/// Clears a throttle after a success.
pub async fn clear(pool: &PgPool, key: &[u8; 32]) -> Result<(), DbError> {
    sqlx::query("delete from rate_counters where key = $1").bind(key.as_slice()).execute(pool).await?;
    Ok(())
}

/// Forgets old windows.
pub async fn prune(pool: &PgPool) -> Result<(), DbError> {
    sqlx::query("delete from rate_counters where window_start < now() - interval '1 day'")
        .execute(pool)
        .await?;
    Ok(())
}

/// Whether a counter was hit within its window.
pub async fn exists(pool: &PgPool, key: &[u8; 32], seconds: f64) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar(
        "select exists (select 1 from rate_counters where key = $1 and window_start > now() - make_interval(secs => $2))",
    )
    .bind(key.as_slice())
    .bind(seconds)
    .fetch_one(pool)
    .await?)
}
