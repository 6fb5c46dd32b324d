//! Purging an integration: every version of its credential is removed for good. The owner alone may.
//!
//! What was sealed is gone from the database at once. Backups keep it for as long as they are kept,
//! under the clinic's data key; `docs/operating.md` says what that means.

use super::disconnect::{forget_consent, release_vapi};
use super::{Caller, IntegrationError, tokens};
use crate::audit::Ended;
use crate::db::integrations::{self, PRIMARY};
use crate::db::{ContextRole, changes, credentials, webhook_secrets};
use crate::domain::{ProviderId, Role};
use crate::providers::catalogue;
use crate::state::Services;

const ACTION: &str = "integration.purged";

/// Removes the card of a provider with all its versions and drafts; gives how many there were.
///
/// # Errors
/// [`IntegrationError::OwnerOnly`] for everybody else, [`IntegrationError::NotConnected`] where
/// nothing was ever stored.
pub async fn purge(
    services: &Services,
    caller: &Caller,
    provider: ProviderId,
) -> Result<u64, IntegrationError> {
    let is_consent = catalogue::find(provider).spec().oauth().is_some();
    // Looked at before the transaction: opening it may need a connection of its own.
    let pair = if is_consent { tokens::find_pair(services, caller.org()).await.ok().flatten() } else { None };
    let mut tx = caller.begin(services).await?;
    if caller.scope.role != ContextRole::Person(Role::Owner) {
        caller.record(&mut tx, services, ACTION, provider.as_str(), Ended::Denied, "").await?;
        tx.commit().await?;
        return Err(IntegrationError::OwnerOnly);
    }
    let Some(card) = integrations::lock(&mut tx, provider, PRIMARY).await? else {
        caller.record(&mut tx, services, ACTION, provider.as_str(), Ended::Failure, "nothing stored").await?;
        tx.commit().await?;
        return Err(IntegrationError::NotConnected(provider));
    };
    if provider == ProviderId::Vapi {
        release_vapi(&mut tx).await?;
        webhook_secrets::purge_all(&mut tx, provider.as_str()).await?;
    }
    integrations::deactivate(&mut tx, card.id, caller.user()).await?;
    let versions = credentials::delete_all(&mut tx, card.id).await?;
    integrations::delete(&mut tx, card.id).await?;
    let given_back = if is_consent { forget_consent(&mut tx, &pair).await? } else { None };
    changes::announce(&mut tx).await?;
    let details = format!("{versions} versions removed");
    caller.record(&mut tx, services, ACTION, provider.as_str(), Ended::Success, &details).await?;
    tx.commit().await?;
    services.evict(caller.org());
    if let Some(pair) = given_back {
        tokens::give_back(services, caller.org(), pair).await;
    }
    Ok(versions)
}
