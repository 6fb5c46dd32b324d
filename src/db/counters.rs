//! Counters: what machines did per organization and minute, and throttles that processes share.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx, PgPool};
use crate::domain::OrgId;

/// A count gathered in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineCount {
    /// None: of nobody that is known, which is the platform's.
    pub org: Option<OrgId>,
    pub minute: OffsetDateTime,
    pub cause: &'static str,
    pub count: i64,
}

/// Adds counts of several organizations in one statement, and those of the platform in another; all
/// of them or none. They are to be sorted, so that two processes never wait for each other.
pub async fn add(pool: &PgPool, counts: &[MachineCount]) -> Result<(), DbError> {
    let (own, nobodys): (Vec<_>, Vec<_>) = counts.iter().partition(|count| count.org.is_some());
    let mut tx = pool.begin().await?;
    if !own.is_empty() {
        let orgs: Vec<Uuid> = own.iter().filter_map(|c| c.org).map(|org| org.0).collect();
        let (minutes, causes, numbers) = columns(&own);
        sqlx::query("select add_machine_counts($1, $2, $3, $4)")
            .bind(orgs)
            .bind(minutes)
            .bind(causes)
            .bind(numbers)
            .execute(&mut *tx)
            .await?;
    }
    if !nobodys.is_empty() {
        let (minutes, causes, numbers) = columns(&nobodys);
        sqlx::query(
            "insert into platform_counts as c (minute, cause, count)
             select * from unnest($1::timestamptz[], $2::text[], $3::bigint[])
             on conflict (minute, cause) do update set count = c.count + excluded.count",
        )
        .bind(minutes)
        .bind(causes)
        .bind(numbers)
        .execute(&mut *tx)
        .await?;
    }
    Ok(tx.commit().await?)
}

fn columns(counts: &[&MachineCount]) -> (Vec<OffsetDateTime>, Vec<&'static str>, Vec<i64>) {
    let minutes = counts.iter().map(|c| c.minute).collect();
    let causes = counts.iter().map(|c| c.cause).collect();
    (minutes, causes, counts.iter().map(|c| c.count).collect())
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

/// Forgets counts of the transaction's organization that are older than that; gives how many.
pub async fn delete_old(tx: &mut OrgTx, days: i32, limit: i64) -> Result<u64, DbError> {
    let done = sqlx::query(
        "delete from machine_counts where (minute, cause) in (
           select minute, cause from machine_counts where minute < now() - make_interval(days => $1) limit $2)",
    )
    .bind(days)
    .bind(limit)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
