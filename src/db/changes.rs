//! News of changed credentials, for the caches of all processes.
//!
//! A change writes a row and notifies in the same transaction. Listening alone would lose what is
//! said while a connection is down; the sequence in the row lets a process catch up.

use uuid::Uuid;

use super::{DbError, OrgTx, PgPool};
use crate::domain::OrgId;

/// The channel of `NOTIFY`; the payload is the organization's id.
pub const CHANNEL: &str = "voxanne_credentials";

/// Tells all processes that something cached about the transaction's organization has changed.
pub async fn announce(tx: &mut OrgTx) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "with change as (insert into credential_changes (org_id) values ($1)) select pg_notify($2, $3)",
    )
    .bind(org.0)
    .bind(CHANNEL)
    .bind(org.to_string())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Organizations that changed after a sequence number, and the newest number.
pub async fn list_since(pool: &PgPool, seq: i64) -> Result<(Vec<OrgId>, i64), DbError> {
    let rows: Vec<(i64, Uuid)> =
        sqlx::query_as("select seq, org_id from credential_changes where seq > $1 order by seq limit 10000")
            .bind(seq)
            .fetch_all(pool)
            .await?;
    let newest = rows.last().map_or(seq, |row| row.0);
    Ok((rows.into_iter().map(|(_, org)| OrgId(org)).collect(), newest))
}

pub async fn newest(pool: &PgPool) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar("select coalesce(max(seq), 0) from credential_changes").fetch_one(pool).await?)
}

/// Forgets changes that every process has seen long ago.
pub async fn prune(pool: &PgPool) -> Result<(), DbError> {
    sqlx::query("delete from credential_changes where at < now() - interval '1 day'").execute(pool).await?;
    Ok(())
}
