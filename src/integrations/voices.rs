//! The voices of the clinic's own ElevenLabs account, to choose from for an agent.

use std::time::Duration;

use super::IntegrationError;
use super::connect::bulkhead;
use crate::domain::{OrgId, ProviderId};
use crate::providers::api_error::Verdict;
use crate::providers::egress::Deadline;
use crate::providers::elevenlabs::{ElevenLabsClient, ElevenLabsCredentials, Voice};
use crate::state::Services;

/// Somebody waits for the list.
const WAIT: Duration = Duration::from_secs(8);

/// The first hundred voices.
///
/// # Errors
/// `NotConnected` as the vault says it, else ElevenLabs' own sentence.
pub async fn list(services: &Services, org: OrgId) -> Result<Vec<Voice>, IntegrationError> {
    let opened = services.vault.open::<ElevenLabsCredentials>(org).await?;
    let (bulkhead, deadline) = (bulkhead(org, ProviderId::ElevenLabs), Deadline::after(WAIT));
    let base = &services.bases.elevenlabs;
    let client = ElevenLabsClient::new(&services.egress, base, &opened.credentials, bulkhead, deadline);
    client.voices().await.map_err(|error| {
        let is_passing = error.verdict() == Verdict::Silent;
        let explanation = error.explain();
        IntegrationError::Provider {
            code: Some(if is_passing { "provider_unavailable" } else { "provider_refused" }),
            sentence: format!("{} {}", explanation.sentence, explanation.fix).trim().to_owned(),
            is_passing,
        }
    })
}
