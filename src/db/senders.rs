//! Who sends a clinic's text messages: what it has chosen, and what is connected at all.

use super::{DbError, OrgTx};

/// The words of the chosen providers and of those that are connected.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct SenderRow {
    pub sms_primary: Option<String>,
    pub sms_fallback: Option<String>,
    /// Every connected provider, whether it sends messages or not.
    pub connected: Vec<String>,
}

/// The choice of the transaction's organization.
pub async fn find(tx: &mut OrgTx) -> Result<SenderRow, DbError> {
    Ok(sqlx::query_as(
        "select o.sms_primary, o.sms_fallback,
                array(select i.provider from org_integrations i
                       where i.is_primary and i.active_credential_id is not null) as connected
           from organizations o",
    )
    .fetch_one(tx.conn())
    .await?)
}

pub async fn update(tx: &mut OrgTx, primary: Option<&str>, fallback: Option<&str>) -> Result<(), DbError> {
    let done = sqlx::query("update organizations set sms_primary = $1, sms_fallback = $2")
        .bind(primary)
        .bind(fallback)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::NotFound) }
}
