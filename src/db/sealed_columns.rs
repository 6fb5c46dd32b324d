//! Every column that holds something sealed under an organization's data key.
//!
//! One list, so that re-sealing forgets none of them: a test compares it with the database's own
//! catalogue.

use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::vault::Sealed;

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
pub const SEALED_COLUMNS: [SealedColumn; 21] = [
    SealedColumn { table: "org_credentials", column: "sealed", id: "id", provider: "provider" },
    SealedColumn { table: "webhook_secrets", column: "sealed", id: "id", provider: "source" },
    SealedColumn { table: "inbound_events", column: "sealed_payload", id: "id", provider: "source" },
    SealedColumn { table: "messages", column: "sealed_content", id: "id", provider: "provider" },
    SealedColumn { table: "inbound_messages", column: "sealed_content", id: "id", provider: "provider" },
    SealedColumn { table: "outbound_calls", column: "sealed_customer", id: "id", provider: "'vapi'" },
    SealedColumn { table: "oauth_attempts", column: "sealed", id: "id", provider: "provider" },
    SealedColumn { table: "oauth_tokens", column: "sealed", id: "id", provider: "issuer" },
    SealedColumn { table: "appointments", column: "sealed_patient", id: "id", provider: "''" },
    SealedColumn { table: "notes", column: "sealed_note", id: "id", provider: "''" },
    SealedColumn { table: "calls", column: "sealed_details", id: "id", provider: "''" },
    SealedColumn { table: "leads", column: "sealed_contact", id: "id", provider: "''" },
    SealedColumn { table: "alerts", column: "sealed_content", id: "id", provider: "''" },
    SealedColumn { table: "alert_settings", column: "sealed_recipients", id: "org_id", provider: "''" },
    // Of these two a row has one, so one version of the key does for both.
    SealedColumn { table: "endpoints", column: "sealed_target", id: "id", provider: "''" },
    SealedColumn { table: "endpoints", column: "sealed_auth", id: "id", provider: "''" },
    SealedColumn { table: "endpoint_drafts", column: "sealed", id: "id", provider: "''" },
    SealedColumn { table: "endpoint_secrets", column: "sealed", id: "id", provider: "''" },
    SealedColumn { table: "outbound_events", column: "sealed_payload", id: "id", provider: "''" },
    SealedColumn { table: "delivery_attempts", column: "sealed_answer", id: "id", provider: "''" },
    SealedColumn { table: "audit_heads", column: "sealed_key", id: "org_id", provider: "''" },
];

/// A sealed value on its way to a newer data key.
#[derive(Clone, sqlx::FromRow)]
pub struct SealedValue {
    /// The place of its column in [`SEALED_COLUMNS`].
    place: i32,
    pub id: Uuid,
    pub provider: String,
    pub sealed: Vec<u8>,
}

impl SealedValue {
    /// The column that it stands in.
    pub fn column(&self) -> Option<&'static SealedColumn> {
        SEALED_COLUMNS.get(usize::try_from(self.place).ok()?)
    }
}

/// Where a walk over all values of an organization stands: after this value of this column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    place: i32,
    id: Uuid,
}

impl Cursor {
    pub const START: Self = Self { place: 0, id: Uuid::nil() };

    pub const fn after(value: &SealedValue) -> Self {
        Self { place: value.place, id: value.id }
    }
}

/// Every column in one statement: most have nothing to do, and a round trip for each would cost more than
/// the work. The walk goes on after the cursor, so that nothing is read again that was done before.
static LIST_OLDER: LazyLock<String> = LazyLock::new(|| {
    let branches: Vec<String> = SEALED_COLUMNS
        .iter()
        .enumerate()
        .map(|(place, SealedColumn { table, column, id, provider })| {
            format!(
                "(select {place} as place, {id} as id, {provider}::text as provider, {column} as sealed from {table}
                   where {place} >= $3 and {id} > case {place} when $3 then $4 else '{nil}'::uuid end
                     and key_version < $1 and {column} is not null
                   order by {id} limit $2)",
                nil = Uuid::nil()
            )
        })
        .collect();
    format!("{} limit $2", branches.join(" union all "))
});

/// Values that are sealed under an older data key than the given one, `limit` at most.
pub async fn list_older(
    tx: &mut OrgTx,
    version: i32,
    limit: i64,
    cursor: Cursor,
) -> Result<Vec<SealedValue>, DbError> {
    Ok(sqlx::query_as(AssertSqlSafe(LIST_OLDER.as_str()))
        .bind(version)
        .bind(limit)
        .bind(cursor.place)
        .bind(cursor.id)
        .fetch_all(tx.conn())
        .await?)
}

impl SealedColumn {
    /// Replaces those values of this column that are still as they were read; says how many it were.
    pub async fn replace(&self, tx: &mut OrgTx, old: &[SealedValue], new: &[Sealed]) -> Result<u64, DbError> {
        let Self { table, column, id, .. } = self;
        let done = sqlx::query(AssertSqlSafe(format!(
            "update {table} t set {column} = u.new, key_version = u.version
               from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::integer[]) as u (id, old, new, version)
              where t.{id} = u.id and t.{column} = u.old"
        )))
        .bind(old.iter().map(|value| value.id).collect::<Vec<_>>())
        .bind(old.iter().map(|value| value.sealed.as_slice()).collect::<Vec<_>>())
        .bind(new.iter().map(Sealed::as_bytes).collect::<Vec<_>>())
        .bind(new.iter().map(Sealed::key_version).collect::<Vec<_>>())
        .execute(tx.conn())
        .await?;
        Ok(done.rows_affected())
    }
}
