//! The login of a pool: which server it reached, and what it could do there. No judgement here.

use crate::db::PgPool;

/// Facts about the role that a pool is logged in as.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Login {
    /// `server_version_num` of the server: 180001 is 18.1.
    pub version: i32,
    pub name: String,
    pub is_superuser: bool,
    /// Has `BYPASSRLS`.
    pub bypasses: bool,
    /// Owns something in the schema `public`.
    pub owns_tables: bool,
}

/// Reads them, as the login itself.
pub async fn find_login(pool: &PgPool) -> Result<Login, sqlx::Error> {
    sqlx::query_as(
        "select current_setting('server_version_num')::int as version, r.rolname::text as name,
                r.rolsuper as is_superuser, r.rolbypassrls as bypasses,
                exists (select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                         where n.nspname = 'public' and c.relowner = r.oid) as owns_tables
           from pg_roles r where r.rolname = current_user",
    )
    .fetch_one(pool)
    .await
}
