//! What a clinic brings for Retell AI: one API key.

use crate::domain::ProviderId;
use crate::vault::{Credential, SecretFields, SecretText, VaultError};

use super::super::check::filled_secret;

/// A key of a Retell AI workspace.
#[derive(Clone, Debug)]
pub struct RetellCredentials {
    pub api_key: SecretText,
}

impl Credential for RetellCredentials {
    const PROVIDER: ProviderId = ProviderId::Retell;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        Ok(Self { api_key: filled_secret(fields, Self::PROVIDER, "apiKey")? })
    }
}
