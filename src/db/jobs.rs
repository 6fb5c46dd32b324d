//! Jobs of the background worker, and leases that keep two processes off the same work.
//!
//! A job is unique per organization and kind: asking twice is asking once. Leases are decided by
//! the database's clock, so processes never have to agree about the time.

use uuid::Uuid;

use super::{DbError, OrgTx, PgPool};
use crate::domain::OrgId;

/// Asks for a job, now or sooner than it was due.
pub async fn request(tx: &mut OrgTx, kind: &str) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into jobs (org_id, id, kind) values ($1, $2, $3)
         on conflict on constraint jobs_kind_key do update set run_at = now(), attempts = 0, error = null",
    )
    .bind(org.0)
    .bind(Uuid::now_v7())
    .bind(kind)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A job that this worker has under a lease.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct LeasedJob {
    #[sqlx(try_from = "Uuid")]
    pub org_id: OrgId,
    pub id: Uuid,
    pub kind: String,
    pub attempts: i32,
}

pub async fn lease(pool: &PgPool, limit: i32, seconds: i32) -> Result<Vec<LeasedJob>, DbError> {
    Ok(sqlx::query_as("select org_id, id, kind, attempts from lease_jobs($1, $2)")
        .bind(limit)
        .bind(seconds)
        .fetch_all(pool)
        .await?)
}

/// Ends a job.
pub async fn finish(tx: &mut OrgTx, kind: &str) -> Result<(), DbError> {
    sqlx::query("delete from jobs where kind = $1").bind(kind).execute(tx.conn()).await?;
    Ok(())
}

/// Puts a job off.
pub async fn put_off(tx: &mut OrgTx, kind: &str, error: &str, seconds: f64) -> Result<(), DbError> {
    sqlx::query(
        "update jobs set error = $2, lease_until = null, run_at = now() + make_interval(secs => $3) where kind = $1",
    )
    .bind(kind)
    .bind(error)
    .bind(seconds)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a named lease for the organization; false while somebody else holds it.
pub async fn take_lease(tx: &mut OrgTx, name: &str, holder: Uuid, seconds: f64) -> Result<bool, DbError> {
    let org = tx.org();
    let done = sqlx::query(
        "insert into leases as l (org_id, name, holder, expires_at) values ($1, $2, $3, now() + make_interval(secs => $4))
         on conflict (org_id, name) do update set holder = excluded.holder, expires_at = excluded.expires_at
          where l.expires_at < now() or l.holder = excluded.holder",
    )
    .bind(org.0)
    .bind(name)
    .bind(holder)
    .bind(seconds)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a lease back, if it is still ours.
pub async fn release_lease(tx: &mut OrgTx, name: &str, holder: Uuid) -> Result<(), DbError> {
    sqlx::query("delete from leases where name = $1 and holder = $2")
        .bind(name)
        .bind(holder)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Asks for a job in every organization that has Vapi connected.
pub async fn request_everywhere(pool: &PgPool, kind: &str) -> Result<(), DbError> {
    sqlx::query("select request_job_everywhere($1)").bind(kind).execute(pool).await?;
    Ok(())
}
