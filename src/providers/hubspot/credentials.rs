//! What a clinic brings for HubSpot: the access token of a private app.

use crate::domain::ProviderId;
use crate::vault::{Credential, SecretFields, SecretText, VaultError};

use super::super::check::filled_secret;

/// The token of a private app in the clinic's HubSpot account.
#[derive(Clone, Debug)]
pub struct HubSpotCredentials {
    pub access_token: SecretText,
}

impl Credential for HubSpotCredentials {
    const PROVIDER: ProviderId = ProviderId::HubSpot;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        Ok(Self { access_token: filled_secret(fields, Self::PROVIDER, "accessToken")? })
    }
}
