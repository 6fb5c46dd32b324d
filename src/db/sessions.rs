//! Rows of browser sessions, keyed by the SHA-256 of the cookie.
//!
//! The session layer is in `auth`; here is only its SQL. Saving never inserts: a request that was
//! under way while the person signed out must not bring the session back.

use time::OffsetDateTime;

use super::{DbError, PgPool};
use crate::domain::{OrgId, UserId};

/// The parts of a session that the database keeps.
#[derive(sqlx::FromRow)]
pub struct SessionRow {
    pub data: Vec<u8>,
    pub idle_expires_at: OffsetDateTime,
}

/// What is written at creation.
pub struct NewSession<'a> {
    pub id_hash: &'a [u8; 32],
    pub user: Option<UserId>,
    pub org: Option<OrgId>,
    pub data: &'a [u8],
    pub idle_seconds: i64,
    pub absolute_seconds: i64,
}

/// Inserts a session; false where the identifier is taken.
pub async fn insert(pool: &PgPool, new: &NewSession<'_>) -> Result<bool, DbError> {
    let done = sqlx::query(
        "insert into sessions (id_hash, user_id, org_id, data, idle_expires_at, expires_at)
         values ($1, $2, $3, $4, now() + make_interval(secs => $5), now() + make_interval(secs => $6))
         on conflict do nothing",
    )
    .bind(new.id_hash.as_slice())
    .bind(new.user.map(|id| id.0))
    .bind(new.org.map(|id| id.0))
    .bind(new.data)
    .bind(new.idle_seconds as f64)
    .bind(new.absolute_seconds as f64)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the data of a session that is still there; false where it is gone.
pub async fn update(
    pool: &PgPool,
    id_hash: &[u8; 32],
    user: Option<UserId>,
    org: Option<OrgId>,
    data: &[u8],
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update sessions set data = $2, user_id = $3, org_id = $4 where id_hash = $1 and expires_at > now()",
    )
    .bind(id_hash.as_slice())
    .bind(data)
    .bind(user.map(|id| id.0))
    .bind(org.map(|id| id.0))
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn find(pool: &PgPool, id_hash: &[u8; 32]) -> Result<Option<SessionRow>, DbError> {
    Ok(sqlx::query_as(
        "select data, least(idle_expires_at, expires_at) as idle_expires_at from sessions
          where id_hash = $1 and expires_at > now() and idle_expires_at > now()",
    )
    .bind(id_hash.as_slice())
    .fetch_optional(pool)
    .await?)
}

pub async fn delete(pool: &PgPool, id_hash: &[u8; 32]) -> Result<(), DbError> {
    sqlx::query("delete from sessions where id_hash = $1").bind(id_hash.as_slice()).execute(pool).await?;
    Ok(())
}

/// Ends every session of a person; other processes see it with their next request.
pub async fn delete_all_of(pool: &PgPool, user: UserId) -> Result<u64, DbError> {
    Ok(sqlx::query("delete from sessions where user_id = $1")
        .bind(user.0)
        .execute(pool)
        .await?
        .rows_affected())
}

/// Removes what has expired.
pub async fn delete_expired(pool: &PgPool) -> Result<u64, DbError> {
    Ok(sqlx::query("delete from sessions where expires_at < now() or idle_expires_at < now()")
        .execute(pool)
        .await?
        .rows_affected())
}
