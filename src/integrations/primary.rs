//! Which of several accounts of a provider is the primary: the one that calls and messages use.

use super::disconnect::release_vapi;
use super::save::ENSURE_ASSISTANTS;
use super::{Caller, IntegrationError, voice_key};
use crate::audit::Ended;
use crate::db::{changes, integrations, jobs};
use crate::domain::{Account, ProviderId};
use crate::state::Services;

const ACTION: &str = "integration.made_primary";

/// Makes an account the primary one, from the next use on. To ask for what is already so is no error,
/// and is recorded all the same.
///
/// # Errors
/// [`IntegrationError::NotConnected`] where the account has no credential: nothing would work then.
pub async fn make_primary(
    services: &Services,
    caller: &Caller,
    account: &Account,
) -> Result<(), IntegrationError> {
    let provider = account.provider;
    caller.require_configure(services, ACTION, &account.target()).await?;
    let mut tx = caller.begin(services).await?;
    integrations::lock_all(&mut tx, provider).await?;
    let card = integrations::lock(&mut tx, account).await?;
    let Some(card) = card.filter(|card| card.active_credential_id.is_some()) else {
        caller.record(&mut tx, services, ACTION, &account.target(), Ended::Failure, "not connected").await?;
        tx.commit().await?;
        return Err(IntegrationError::NotConnected(provider));
    };
    if !card.is_primary {
        integrations::make_primary(&mut tx, provider, card.id, caller.user()).await?;
        if provider == ProviderId::Vapi {
            // Assistants, numbers and the webhook secret are those of the account before.
            release_vapi(&mut tx).await?;
            jobs::request(&mut tx, ENSURE_ASSISTANTS).await?;
        }
        voice_key::request_if_needed(&mut tx, provider).await?;
        changes::announce(&mut tx).await?;
    }
    caller.record(&mut tx, services, ACTION, &account.target(), Ended::Success, "").await?;
    tx.commit().await?;
    services.evict(caller.org());
    Ok(())
}
