//! Drafts of the form of an endpoint: what is secret of it, sealed, from one try to the next.

use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::db::credentials::DRAFT_MINUTES;

/// A draft to be kept.
pub struct NewDraft<'a> {
    pub id: Uuid,
    /// Whose form it is; none for a new endpoint.
    pub endpoint: Option<Uuid>,
    pub sealed: &'a [u8],
    pub key_version: i32,
    pub by: &'a str,
}

/// Keeps a draft, in the place of an earlier one of the same person.
pub async fn insert(tx: &mut OrgTx, new: &NewDraft<'_>, replaces: Option<Uuid>) -> Result<(), DbError> {
    let org = tx.org();
    if let Some(replaces) = replaces {
        delete(tx, replaces, new.by).await?;
    }
    sqlx::query(
        "insert into endpoint_drafts (org_id, id, endpoint_id, sealed, key_version, created_by, expires_at)
         values ($1, $2, $3, $4, $5, $6, now() + make_interval(mins => $7))",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.endpoint)
    .bind(new.sealed)
    .bind(new.key_version)
    .bind(new.by)
    .bind(DRAFT_MINUTES)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a person typed into the form of an endpoint, while it may still be used.
pub async fn find(
    tx: &mut OrgTx,
    id: Uuid,
    endpoint: Option<Uuid>,
    by: &str,
) -> Result<Option<Vec<u8>>, DbError> {
    Ok(sqlx::query_scalar(
        "select sealed from endpoint_drafts
          where id = $1 and endpoint_id is not distinct from $2 and created_by = $3 and expires_at > now()",
    )
    .bind(id)
    .bind(endpoint)
    .bind(by)
    .fetch_optional(tx.conn())
    .await?)
}

pub async fn delete(tx: &mut OrgTx, id: Uuid, by: &str) -> Result<(), DbError> {
    sqlx::query("delete from endpoint_drafts where id = $1 and created_by = $2")
        .bind(id)
        .bind(by)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Removes those that nobody came back for; says how many.
pub async fn delete_expired(tx: &mut OrgTx) -> Result<u64, DbError> {
    let done = sqlx::query("delete from endpoint_drafts where expires_at < now()").execute(tx.conn()).await?;
    Ok(done.rows_affected())
}
