//! Pausing an integration: nothing uses it until somebody resumes it; its credential stays.

use super::{Caller, IntegrationError};
use crate::audit::Ended;
use crate::db::{changes, integrations};
use crate::domain::Account;
use crate::state::Services;

/// Pauses or resumes. To ask for what is already so is no error, and is recorded all the same.
///
/// # Errors
/// [`IntegrationError::NotConnected`] where there is no credential to pause.
pub async fn set_paused(
    services: &Services,
    caller: &Caller,
    account: impl Into<Account>,
    paused: bool,
) -> Result<(), IntegrationError> {
    let account = account.into();
    let provider = account.provider;
    let action = if paused { "integration.paused" } else { "integration.resumed" };
    caller.require_configure(services, action, &account.target()).await?;
    let mut tx = caller.begin(services).await?;
    let card = integrations::lock(&mut tx, &account).await?;
    let Some(card) = card.filter(|card| card.active_credential_id.is_some()) else {
        caller.record(&mut tx, services, action, &account.target(), Ended::Failure, "not connected").await?;
        tx.commit().await?;
        return Err(IntegrationError::NotConnected(provider));
    };
    integrations::set_paused(&mut tx, card.id, paused, caller.user()).await?;
    changes::announce(&mut tx).await?;
    caller.record(&mut tx, services, action, &account.target(), Ended::Success, "").await?;
    tx.commit().await?;
    services.evict(caller.org());
    Ok(())
}
