//! Every column that holds something sealed under an organization's data key.
//!
//! One list, so that re-sealing forgets none of them: a test compares it with the database's own
//! catalogue.

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{DbError, OrgTx};

/// A sealed column, and where its rows say what they are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedColumn {
    pub table: &'static str,
    pub column: &'static str,
    /// The column with the row's id.
    pub id: &'static str,
    /// SQL for the provider that the place is bound to.
    pub provider: &'static str,
}

/// All of them.
pub const SEALED_COLUMNS: [SealedColumn; 11] = [
    SealedColumn { table: "org_credentials", column: "sealed", id: "id", provider: "provider" },
    SealedColumn { table: "webhook_secrets", column: "sealed", id: "id", provider: "source" },
    SealedColumn { table: "inbound_events", column: "sealed_payload", id: "id", provider: "source" },
    SealedColumn { table: "messages", column: "sealed_content", id: "id", provider: "provider" },
    SealedColumn { table: "oauth_attempts", column: "sealed", id: "id", provider: "provider" },
    SealedColumn { table: "oauth_tokens", column: "sealed", id: "id", provider: "issuer" },
    SealedColumn { table: "endpoints", column: "sealed_auth", id: "id", provider: "''" },
    SealedColumn { table: "endpoint_secrets", column: "sealed", id: "id", provider: "''" },
    SealedColumn { table: "outbound_events", column: "sealed_payload", id: "id", provider: "''" },
    SealedColumn { table: "delivery_attempts", column: "sealed_answer", id: "id", provider: "''" },
    SealedColumn { table: "audit_heads", column: "sealed_key", id: "org_id", provider: "''" },
];

/// A sealed value on its way to a newer data key.
#[derive(Clone, sqlx::FromRow)]
pub struct SealedValue {
    pub id: Uuid,
    pub provider: String,
    pub sealed: Vec<u8>,
}

impl SealedColumn {
    /// Values that are sealed under an older data key than the given one.
    pub async fn list_older(
        &self,
        tx: &mut OrgTx,
        version: i32,
        limit: i64,
    ) -> Result<Vec<SealedValue>, DbError> {
        let Self { table, column, id, provider } = self;
        Ok(sqlx::query_as(AssertSqlSafe(format!(
            "select {id} as id, {provider}::text as provider, {column} as sealed from {table}
              where key_version < $1 and {column} is not null order by {id} limit $2"
        )))
        .bind(version)
        .bind(limit)
        .fetch_all(tx.conn())
        .await?)
    }

    /// Replaces a value that is still as it was read; false where it is not.
    pub async fn replace(
        &self,
        tx: &mut OrgTx,
        old: &SealedValue,
        sealed: &[u8],
        version: i32,
    ) -> Result<bool, DbError> {
        let Self { table, column, id, .. } = self;
        let done = sqlx::query(AssertSqlSafe(format!(
            "update {table} set {column} = $3, key_version = $4 where {id} = $1 and {column} = $2"
        )))
        .bind(old.id)
        .bind(&old.sealed)
        .bind(sealed)
        .bind(version)
        .execute(tx.conn())
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
