//! What a clinic brings for Stripe: one secret or restricted key.

use crate::domain::ProviderId;
use crate::vault::{Credential, SecretFields, SecretText, VaultError};

use super::super::check::filled_secret;

/// A key of a Stripe account: `sk_` may do everything, `rk_` what was chosen for it.
#[derive(Clone, Debug)]
pub struct StripeCredentials {
    pub api_key: SecretText,
}

impl Credential for StripeCredentials {
    const PROVIDER: ProviderId = ProviderId::Stripe;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        Ok(Self { api_key: filled_secret(fields, Self::PROVIDER, "apiKey")? })
    }
}
