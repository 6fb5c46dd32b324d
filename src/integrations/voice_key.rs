//! The clinic's ElevenLabs key at Vapi: a job that follows the connect of either, once both are
//! connected. Found again by its name, so that a retry leaves one.

use super::IntegrationError;
use super::ensure::client;
use crate::db::integrations;
use crate::db::{DbError, OrgTx, credentials, jobs};
use crate::domain::{OrgId, ProviderId};
use crate::providers::elevenlabs::ElevenLabsCredentials;
use crate::providers::vapi::{VapiCredentials, VapiError};
use crate::state::Services;
use crate::vault::{Credential, VaultError};

/// The job that brings the key to Vapi.
pub const REGISTER_VOICE_KEY: &str = "register_voice_key";

/// Asks for the job where one of the two was connected and the other one is.
pub async fn request_if_needed(tx: &mut OrgTx, connected: ProviderId) -> Result<(), DbError> {
    let other = match connected {
        ProviderId::Vapi => ProviderId::ElevenLabs,
        ProviderId::ElevenLabs => ProviderId::Vapi,
        _ => return Ok(()),
    };
    let Some(card) = integrations::find_id(tx, &other.into()).await? else { return Ok(()) };
    if credentials::find_active(tx, card).await?.is_some() {
        jobs::request(tx, REGISTER_VOICE_KEY).await?;
    }
    Ok(())
}

/// Brings the key to Vapi. Where Vapi does not offer this, or one of the two is not connected any
/// more, there is nothing left to do.
pub async fn register(services: &Services, org: OrgId) -> Result<(), IntegrationError> {
    let voice = usable::<ElevenLabsCredentials>(services, org).await?;
    let vapi = usable::<VapiCredentials>(services, org).await?;
    if let (Some(voice), Some(vapi)) = (voice, vapi) {
        let name = format!("Voxanne voice {}", &org.to_string()[24..]);
        let base = services.bases.elevenlabs.as_str();
        let registered = client(services, org, &vapi).replace_voice_key(&name, &voice.api_key, base).await;
        match registered {
            Ok(()) => {}
            Err(VapiError::Unsupported) => {
                tracing::info!(%org, "Vapi took no ElevenLabs key; it has to be entered there by hand");
            }
            Err(error) => return Err(super::ensure::provider_error(&error)),
        }
    }
    let mut tx = OrgTx::service(&services.pool, org).await?;
    jobs::finish(&mut tx, REGISTER_VOICE_KEY).await?;
    tx.commit().await?;
    Ok(())
}

/// The credential, unless it is not connected or not to be used: then nothing is to be registered.
async fn usable<C: Credential>(services: &Services, org: OrgId) -> Result<Option<C>, IntegrationError> {
    match services.vault.open::<C>(org).await {
        Ok(opened) => Ok(Some(opened.credentials)),
        Err(VaultError::NotConnected { .. } | VaultError::Paused { .. } | VaultError::Failed { .. }) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
