//! Disconnecting a provider: at once for calls, undoable for 30 days. A consent is given back instead.

use super::tokens::{self, Pair};
use super::{Caller, IntegrationError};
use crate::audit::Ended;
use crate::db::integrations::{self, PRIMARY};
use crate::db::{OrgTx, agents, changes, credentials, jobs, oauth, routes, webhook_secrets};
use crate::domain::ProviderId;
use crate::providers::catalogue;
use crate::providers::google::ISSUER;
use crate::state::Services;

use super::save::ENSURE_ASSISTANTS;

/// Takes a provider's credential out of use. Disconnecting what is not connected is an error that
/// says so, and harms nothing.
pub async fn disconnect(
    services: &Services,
    caller: &Caller,
    provider: ProviderId,
) -> Result<Disconnected, IntegrationError> {
    caller.require_configure(services, "integration.disconnected", provider.as_str()).await?;
    // Looked at before the transaction: opening it may need a connection of its own.
    let pair = match catalogue::find(provider).spec().oauth() {
        Some(_) => tokens::find_pair(services, caller.org()).await.ok().flatten(),
        None => None,
    };
    let mut tx = caller.begin(services).await?;
    let card = integrations::lock(&mut tx, provider, PRIMARY).await?;
    let active = card.and_then(|card| card.active_credential_id.map(|credential| (card.id, credential)));
    let Some((card, credential)) = active else {
        caller
            .record(
                &mut tx,
                services,
                "integration.disconnected",
                provider.as_str(),
                Ended::Failure,
                "not connected",
            )
            .await?;
        tx.commit().await?;
        return Err(IntegrationError::NotConnected(provider));
    };
    credentials::mark_disconnected(&mut tx, credential).await?;
    integrations::deactivate(&mut tx, card, caller.user()).await?;
    if provider == ProviderId::Vapi {
        release_vapi(&mut tx).await?;
    }
    let given_back = if catalogue::find(provider).spec().oauth().is_some() {
        forget_consent(&mut tx, &pair).await?
    } else {
        None
    };
    changes::announce(&mut tx).await?;
    caller
        .record(&mut tx, services, "integration.disconnected", provider.as_str(), Ended::Success, "")
        .await?;
    tx.commit().await?;
    services.evict(caller.org());
    let is_known_there = match given_back {
        Some(pair) => !tokens::give_back(services, caller.org(), pair).await,
        None => false,
    };
    Ok(Disconnected { is_known_there })
}

/// What a disconnect leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected {
    /// The consent is gone here, and the provider could not be told.
    pub is_known_there: bool,
}

/// Forgets the consent, unless another card still lives on it. What is forgotten is given back when
/// the transaction is over.
pub(super) async fn forget_consent<'a>(
    tx: &mut OrgTx,
    pair: &'a Option<Pair>,
) -> Result<Option<&'a Pair>, IntegrationError> {
    let cards: Vec<&str> = tokens::providers_of_issuer().iter().map(|id| id.as_str()).collect();
    if !oauth::list_connected(tx, &cards).await?.is_empty() {
        return Ok(None);
    }
    oauth::delete_tokens(tx, ISSUER).await?;
    Ok(pair.as_ref())
}

/// Gives up what only a connected Vapi account has: its assistants' routes, its webhook secrets and
/// the work on them.
pub(super) async fn release_vapi(tx: &mut OrgTx) -> Result<(), IntegrationError> {
    // Somebody else may claim the assistants now, with a key that can read them.
    routes::release_all(tx).await?;
    for role in ["inbound", "outbound"] {
        agents::mark_state(tx, role, "missing", None).await?;
    }
    // The next account may be another one, where this webhook credential does not exist.
    webhook_secrets::end_all(tx, ProviderId::Vapi.as_str()).await?;
    jobs::finish(tx, ENSURE_ASSISTANTS).await?;
    Ok(())
}
