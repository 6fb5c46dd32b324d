//! People: users, their memberships, the clinics they may switch to.
//!
//! Users are global, since one person may work for several clinics; a membership is a tenant row.

use time::OffsetDateTime;

use super::{DbError, OrgTx, PgPool};
use crate::domain::{OrgId, Role, UserId};

/// A person, as sign-in needs it.
#[derive(Clone, sqlx::FromRow)]
pub struct UserRow {
    #[sqlx(try_from = "uuid::Uuid")]
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub password_hash: String,
    pub disabled_at: Option<OffsetDateTime>,
}

pub async fn find_by_email(pool: &PgPool, email: &str) -> Result<Option<UserRow>, DbError> {
    Ok(sqlx::query_as("select id, email, name, password_hash, disabled_at from users where email = $1")
        .bind(email)
        .fetch_optional(pool)
        .await?)
}

/// Inserts a person. A taken e-mail address is `Constraint { "users_email_key" }`.
pub async fn insert(
    pool: &PgPool,
    id: UserId,
    email: &str,
    name: &str,
    password_hash: &str,
) -> Result<(), DbError> {
    insertion(id, email, name, password_hash).execute(pool).await?;
    Ok(())
}

/// The same as a part of the transaction that makes the person a member.
pub async fn insert_in(
    tx: &mut OrgTx,
    id: UserId,
    email: &str,
    name: &str,
    password_hash: &str,
) -> Result<(), DbError> {
    insertion(id, email, name, password_hash).execute(tx.conn()).await?;
    Ok(())
}

fn insertion<'q>(
    id: UserId,
    email: &'q str,
    name: &'q str,
    password_hash: &'q str,
) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
    sqlx::query("insert into users (id, email, name, password_hash) values ($1, $2, $3, $4)")
        .bind(id.0)
        .bind(email)
        .bind(name)
        .bind(password_hash)
}

/// Replaces a password's hash that is still the given one: a password that was changed meanwhile stays.
pub async fn replace_password_hash(pool: &PgPool, id: UserId, old: &str, new: &str) -> Result<(), DbError> {
    sqlx::query("update users set password_hash = $3 where id = $1 and password_hash = $2")
        .bind(id.0)
        .bind(old)
        .bind(new)
        .execute(pool)
        .await?;
    Ok(())
}

pub async fn insert_platform_admin(pool: &PgPool, id: UserId) -> Result<(), DbError> {
    sqlx::query("insert into platform_admins (user_id) values ($1) on conflict do nothing")
        .bind(id.0)
        .execute(pool)
        .await?;
    Ok(())
}

/// The clinics that a person belongs to and that are not suspended, by name.
pub async fn organizations_of(pool: &PgPool, user: UserId) -> Result<Vec<(OrgId, String)>, DbError> {
    let rows: Vec<(uuid::Uuid, String)> =
        sqlx::query_as("select org_id, name from organizations_of($1)").bind(user.0).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|(id, name)| (OrgId(id), name)).collect())
}

/// Makes a person a member of the transaction's organization.
pub async fn insert_membership(tx: &mut OrgTx, user: UserId, role: Role) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query("insert into memberships (org_id, user_id, role) values ($1, $2, $3)")
        .bind(org.0)
        .bind(user.0)
        .bind(role.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Names of those who may set up providers: whom a member can ask.
pub async fn list_configurers(tx: &mut OrgTx) -> Result<Vec<String>, DbError> {
    Ok(sqlx::query_scalar(
        "select u.name from memberships m join users u on u.id = m.user_id
          where m.role in ('owner', 'admin') and u.disabled_at is null order by m.role desc, u.name limit 3",
    )
    .fetch_all(tx.conn())
    .await?)
}
