//! Disconnecting a provider: at once for calls, undoable for 30 days.

use super::{Caller, IntegrationError};
use crate::audit::Ended;
use crate::db::integrations::{self, PRIMARY};
use crate::db::{OrgTx, agents, changes, credentials, jobs, routes, webhook_secrets};
use crate::domain::ProviderId;
use crate::state::Services;

use super::save::ENSURE_ASSISTANTS;

/// Takes a provider's credential out of use. Disconnecting what is not connected is an error that
/// says so, and harms nothing.
pub async fn disconnect(
    services: &Services,
    caller: &Caller,
    provider: ProviderId,
) -> Result<(), IntegrationError> {
    caller.require_configure(services, "integration.disconnected", provider.as_str()).await?;
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
    changes::announce(&mut tx).await?;
    caller
        .record(&mut tx, services, "integration.disconnected", provider.as_str(), Ended::Success, "")
        .await?;
    tx.commit().await?;
    services.evict(caller.org());
    Ok(())
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
