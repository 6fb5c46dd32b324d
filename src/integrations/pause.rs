//! Pausing an integration: nothing uses it until somebody resumes it; its credential stays.

use super::{Caller, IntegrationError};
use crate::audit::Ended;
use crate::db::changes;
use crate::db::integrations::{self, PRIMARY};
use crate::domain::ProviderId;
use crate::state::Services;

/// Pauses or resumes. To ask for what is already so is no error, and is recorded all the same.
///
/// # Errors
/// [`IntegrationError::NotConnected`] where there is no credential to pause.
pub async fn set_paused(
    services: &Services,
    caller: &Caller,
    provider: ProviderId,
    paused: bool,
) -> Result<(), IntegrationError> {
    let action = if paused { "integration.paused" } else { "integration.resumed" };
    caller.require_configure(services, action, provider.as_str()).await?;
    let mut tx = caller.begin(services).await?;
    let card = integrations::lock(&mut tx, provider, PRIMARY).await?;
    let Some(card) = card.filter(|card| card.active_credential_id.is_some()) else {
        caller.record(&mut tx, services, action, provider.as_str(), Ended::Failure, "not connected").await?;
        tx.commit().await?;
        return Err(IntegrationError::NotConnected(provider));
    };
    integrations::set_paused(&mut tx, card.id, paused, caller.user()).await?;
    changes::announce(&mut tx).await?;
    caller.record(&mut tx, services, action, provider.as_str(), Ended::Success, "").await?;
    tx.commit().await?;
    services.evict(caller.org());
    Ok(())
}
