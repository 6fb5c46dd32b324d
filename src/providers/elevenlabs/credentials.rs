//! What a clinic brings for ElevenLabs: one API key.

use crate::domain::ProviderId;
use crate::vault::{Credential, SecretFields, SecretText, VaultError};

use super::super::check::filled_secret;

/// A key of an ElevenLabs workspace; it may be limited to some permissions.
#[derive(Clone, Debug)]
pub struct ElevenLabsCredentials {
    pub api_key: SecretText,
}

impl Credential for ElevenLabsCredentials {
    const PROVIDER: ProviderId = ProviderId::ElevenLabs;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        Ok(Self { api_key: filled_secret(fields, Self::PROVIDER, "apiKey")? })
    }
}
