//! Rows of the audit trail. What is hashed, and with which key, is decided in `crate::audit`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{DbError, OrgTx, PgPool};
use crate::domain::OrgId;

/// The head of a chain, with the wrapped key of its sealed key.
#[derive(Clone, sqlx::FromRow)]
pub struct AuditHead {
    pub seq: i64,
    pub hash: Vec<u8>,
    pub sealed_key: Vec<u8>,
    pub version: i32,
    pub kek_id: i64,
    pub wrapped: Vec<u8>,
}

/// One row of a chain.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct AuditRow {
    pub seq: i64,
    pub at: OffsetDateTime,
    pub actor: String,
    pub action: String,
    pub target: String,
    pub outcome: String,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: Option<String>,
    pub details: String,
    pub prev_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

const COLUMNS: &str =
    "seq, at, actor, action, target, outcome, address, user_agent, request_id, details, prev_hash, hash";

/// The head of the organization's chain as it is now, locked by nobody.
pub async fn find_head(tx: &mut OrgTx) -> Result<Option<AuditHead>, DbError> {
    Ok(sqlx::query_as(
        "select h.seq, h.hash, h.sealed_key, k.version, k.kek_id, k.wrapped
           from audit_heads h join data_keys k on k.org_id = h.org_id and k.version = h.key_version",
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// The same of the platform's chain.
pub async fn find_full_platform_head(conn: &mut PgConnection) -> Result<Option<AuditHead>, DbError> {
    Ok(sqlx::query_as(
        "select h.seq, h.hash, h.sealed_key, k.version, k.kek_id, k.wrapped
           from platform_audit_head h join platform_keys k on k.version = h.key_version",
    )
    .persistent(false)
    .fetch_optional(conn)
    .await?)
}

/// Locks the head of the organization's chain. To be called as the last but one statement of a
/// transaction, never before a provider is called.
pub async fn lock_head(tx: &mut OrgTx) -> Result<Option<AuditHead>, DbError> {
    Ok(sqlx::query_as(
        "select h.seq, h.hash, h.sealed_key, k.version, k.kek_id, k.wrapped
           from audit_heads h join data_keys k on k.org_id = h.org_id and k.version = h.key_version for update of h",
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// Starts the chain of an organization.
pub async fn insert_head(tx: &mut OrgTx, sealed_key: &[u8], key_version: i32) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into audit_heads (org_id, seq, hash, sealed_key, key_version) values ($1, 0, ''::bytea, $2, $3)
         on conflict do nothing",
    )
    .bind(org.0)
    .bind(sealed_key)
    .bind(key_version)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Adds a row and moves the head, in one statement.
pub async fn append(tx: &mut OrgTx, row: &AuditRow) -> Result<(), DbError> {
    let org = tx.org();
    let query = sqlx::query(
        "with head as (update audit_heads set seq = $2, hash = $13 where org_id = $1)
         insert into audit_log (org_id, seq, at, actor, action, target, outcome, address, user_agent, request_id, details, prev_hash, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(org.0);
    bind_row(query, row).execute(tx.conn()).await?;
    Ok(())
}

fn bind_row<'q>(
    query: sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>,
    row: &AuditRow,
) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
    query
        .bind(row.seq)
        .bind(row.at)
        .bind(row.actor.clone())
        .bind(row.action.clone())
        .bind(row.target.clone())
        .bind(row.outcome.clone())
        .bind(row.address.clone())
        .bind(row.user_agent.clone())
        .bind(row.request_id.clone())
        .bind(row.details.clone())
        .bind(row.prev_hash.clone())
        .bind(row.hash.clone())
}

/// The newest rows of the organization's chain.
pub async fn list(tx: &mut OrgTx, limit: i64) -> Result<Vec<AuditRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from audit_log order by seq desc limit $1"
    )))
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Rows after a sequence number, oldest first, for verification in pieces.
pub async fn list_after(tx: &mut OrgTx, seq: i64, limit: i64) -> Result<Vec<AuditRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from audit_log where seq > $1 order by seq limit $2"
    )))
    .bind(seq)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Where a chain ends, without its key.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct HeadLine {
    #[sqlx(try_from = "uuid::Uuid")]
    pub org_id: OrgId,
    pub seq: i64,
    pub hash: Vec<u8>,
}

/// The heads of the organizations' chains, in the order of their ids, after a given one.
pub async fn list_heads(pool: &PgPool, after: OrgId, limit: i32) -> Result<Vec<HeadLine>, DbError> {
    Ok(sqlx::query_as("select org_id, seq, hash from list_audit_heads($1, $2)")
        .bind(after.0)
        .bind(limit)
        .fetch_all(pool)
        .await?)
}

/// The head of the platform's chain: how many rows, and the last hash.
pub async fn find_platform_head(pool: &PgPool) -> Result<Option<(i64, Vec<u8>)>, DbError> {
    Ok(sqlx::query_as("select seq, hash from platform_audit_head").fetch_optional(pool).await?)
}

/// Locks the head of the platform's own chain. What takes a plain connection here prepares nothing
/// under a name, since the connection may be a pooler's.
pub async fn lock_platform_head(conn: &mut PgConnection) -> Result<Option<AuditHead>, DbError> {
    Ok(sqlx::query_as(
        "select h.seq, h.hash, h.sealed_key, k.version, k.kek_id, k.wrapped
           from platform_audit_head h join platform_keys k on k.version = h.key_version for update of h",
    )
    .persistent(false)
    .fetch_optional(conn)
    .await?)
}

pub async fn insert_platform_head(pool: &PgPool, sealed_key: &[u8], key_version: i32) -> Result<(), DbError> {
    sqlx::query(
        "insert into platform_audit_head (seq, hash, sealed_key, key_version) values (0, ''::bytea, $1, $2)
         on conflict do nothing",
    )
    .bind(sealed_key)
    .bind(key_version)
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn append_platform(conn: &mut PgConnection, row: &AuditRow) -> Result<(), DbError> {
    let query = sqlx::query(
        "with head as (update platform_audit_head set seq = $1, hash = $12)
         insert into platform_audit_log (seq, at, actor, action, target, outcome, address, user_agent, request_id, details, prev_hash, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    );
    bind_row(query, row).persistent(false).execute(conn).await?;
    Ok(())
}

/// Rows of the platform's chain after a sequence number, oldest first.
pub async fn list_platform_after(
    conn: &mut PgConnection,
    seq: i64,
    limit: i64,
) -> Result<Vec<AuditRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from platform_audit_log where seq > $1 order by seq limit $2"
    )))
    .bind(seq)
    .bind(limit)
    .persistent(false)
    .fetch_all(conn)
    .await?)
}
