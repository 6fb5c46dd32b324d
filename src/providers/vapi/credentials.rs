//! What a clinic brings for Vapi: one private key.

use crate::domain::ProviderId;
use crate::vault::{Credential, SecretFields, SecretText, VaultError};

/// The private key of a Vapi organization.
#[derive(Clone, Debug)]
pub struct VapiCredentials {
    pub private_key: SecretText,
}

impl Credential for VapiCredentials {
    const PROVIDER: ProviderId = ProviderId::Vapi;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        let private_key = fields
            .find("apiKey")
            .filter(|key| !key.expose().is_empty())
            .ok_or(VaultError::MissingField { provider: Self::PROVIDER, field: "apiKey" })?;
        Ok(Self { private_key: private_key.clone() })
    }
}
