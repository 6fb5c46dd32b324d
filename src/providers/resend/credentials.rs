//! What a clinic brings for Resend: a key, and who its e-mails come from.

use crate::domain::ProviderId;
use crate::domain::pattern::address_of;
use crate::vault::{Credential, SecretFields, SecretText, VaultError};

use super::super::check::{filled, filled_secret};

/// A Resend key with a sender. The key may be limited to sending, and to one domain.
#[derive(Clone, Debug)]
pub struct ResendCredentials {
    pub api_key: SecretText,
    /// `Front desk <desk@clinic.example>`.
    pub from: String,
}

impl ResendCredentials {
    /// The domain of the sender, in lower case.
    pub fn domain(&self) -> String {
        let address = address_of(&self.from).unwrap_or_default();
        address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase()
    }
}

impl Credential for ResendCredentials {
    const PROVIDER: ProviderId = ProviderId::Resend;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        let api_key = filled_secret(fields, Self::PROVIDER, "apiKey")?;
        let from = filled(fields, "from")
            .ok_or(VaultError::MissingField { provider: Self::PROVIDER, field: "from" })?;
        if address_of(from).is_none() {
            return Err(VaultError::InvalidField { provider: Self::PROVIDER, field: "from" });
        }
        Ok(Self { api_key, from: from.to_owned() })
    }
}
