//! Staff of the platform: every clinic in a list, and the grants by which they enter one.
//!
//! What may be done with a grant is decided by the policies for the role `platform`; who gets that role
//! by the gate functions `begin_platform` and `begin_request`.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx, PgPool};
use crate::domain::{OrgId, UserId};

/// Whether a session belongs to staff, and of whom.
pub async fn find_staff(pool: &PgPool, session: &[u8; 32]) -> Result<Option<Staff>, DbError> {
    Ok(sqlx::query_as(
        "select u.id, u.name, u.email from sessions s
           join users u on u.id = s.user_id and u.disabled_at is null
           join platform_admins p on p.user_id = s.user_id
          where s.id_hash = $1 and s.expires_at > now() and s.idle_expires_at > now()",
    )
    .bind(session.as_slice())
    .fetch_optional(pool)
    .await?)
}

/// Whether a person belongs to the staff.
pub async fn is_staff(pool: &PgPool, user: UserId) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar("select exists (select 1 from platform_admins where user_id = $1)")
        .bind(user.0)
        .fetch_one(pool)
        .await?)
}

/// A member of the staff.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Staff {
    #[sqlx(try_from = "Uuid")]
    pub id: UserId,
    pub name: String,
    pub email: String,
}

/// A clinic as the list for staff shows it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ClinicRow {
    #[sqlx(try_from = "Uuid")]
    pub id: OrgId,
    pub name: String,
    pub slug: String,
    pub suspended_at: Option<OffsetDateTime>,
    /// Accounts that are connected.
    pub connected: i64,
    /// Of these, those that were refused at their last check.
    pub attention: i64,
    /// Until when this person has access, where they have it.
    pub access_until: Option<OffsetDateTime>,
}

/// All clinics, for a session of staff; none for anybody else.
pub async fn list_clinics(pool: &PgPool, session: &[u8; 32]) -> Result<Vec<ClinicRow>, DbError> {
    Ok(sqlx::query_as("select * from list_clinics_for_staff($1)")
        .bind(session.as_slice())
        .fetch_all(pool)
        .await?)
}

/// Lets a member of the staff in for some minutes; returns until when.
pub async fn insert_grant(
    tx: &mut OrgTx,
    staff: &Staff,
    reason: &str,
    minutes: i32,
) -> Result<OffsetDateTime, DbError> {
    let org = tx.org();
    Ok(sqlx::query_scalar(
        "insert into support_grants (org_id, id, user_id, staff, reason, expires_at)
         values ($1, $2, $3, $4, $5, now() + make_interval(mins => $6)) returning expires_at",
    )
    .bind(org.0)
    .bind(Uuid::now_v7())
    .bind(staff.id.0)
    .bind(&staff.email)
    .bind(reason)
    .bind(minutes)
    .fetch_one(tx.conn())
    .await?)
}

/// Ends the access of a member of the staff; returns whether there was any.
pub async fn end_grants(tx: &mut OrgTx, staff: UserId) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update support_grants set ended_at = now() where user_id = $1 and ended_at is null and expires_at > now()",
    )
    .bind(staff.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}
