//! Which account of a provider an integration is pinned to: the provider's own identifier, and a keyed
//! hash by which the same account is known in another clinic.

use super::{DbError, OrgTx};
use crate::domain::IntegrationId;

/// Notes which account the active credential belongs to, where only its use could tell.
pub async fn pin_identity(
    tx: &mut OrgTx,
    id: IntegrationId,
    identity: &str,
    fingerprint: &[u8; 32],
) -> Result<(), DbError> {
    sqlx::query(
        "update org_integrations set identity = $2, account_fingerprint = $3
          where id = $1 and active_credential_id is not null",
    )
    .bind(id.0)
    .bind(identity)
    .bind(fingerprint.as_slice())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes which account a later test found: nothing was known of it when the credential was saved, or what
/// was known is of the credential before, as where a new one was saved while nobody could tell.
pub async fn note_account(
    tx: &mut OrgTx,
    id: IntegrationId,
    identity: Option<&str>,
    fingerprint: Option<&[u8; 32]>,
) -> Result<(), DbError> {
    sqlx::query(
        "update org_integrations
            set account_fingerprint = case when account_fingerprint is null or identity is distinct from coalesce($2, identity)
                                           then $3 else account_fingerprint end,
                identity = coalesce($2, identity)
          where id = $1 and active_credential_id is not null",
    )
    .bind(id.0)
    .bind(identity)
    .bind(fingerprint.map(<[u8; 32]>::as_slice))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes which account is in use, as a keyed hash; see `is_account_shared`.
pub async fn set_fingerprint(
    tx: &mut OrgTx,
    id: IntegrationId,
    fingerprint: Option<&[u8; 32]>,
) -> Result<(), DbError> {
    sqlx::query("update org_integrations set account_fingerprint = $2 where id = $1")
        .bind(id.0)
        .bind(fingerprint.map(<[u8; 32]>::as_slice))
        .execute(tx.conn())
        .await?;
    Ok(())
}
