//! What a clinic brings for WhatsApp: a number, its business account, a token, and what proves who
//! sends webhooks.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::ProviderId;
use crate::vault::{Credential, SecretFields, SecretText, VaultError};

use super::super::check::filled;

/// A number of the WhatsApp Business Platform as a clinic has set it up.
#[derive(Clone, Debug)]
pub struct WhatsAppCredentials {
    /// Meta's id of the number, not the number itself.
    pub phone_number_id: String,
    pub business_account_id: String,
    pub access_token: SecretText,
    /// Signs webhooks; without it nothing is received.
    pub app_secret: Option<SecretText>,
}

impl WhatsAppCredentials {
    /// Proves to Meta that who holds the token holds the app secret too: HMAC-SHA256 of the token,
    /// keyed with the secret. <https://developers.facebook.com/docs/graph-api/securing-requests>
    pub(super) fn proof(&self) -> Option<String> {
        let secret = self.app_secret.as_ref()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
        mac.update(self.access_token.expose().as_bytes());
        Some(hex::encode(mac.finalize().into_bytes()))
    }
}

impl Credential for WhatsAppCredentials {
    const PROVIDER: ProviderId = ProviderId::WhatsApp;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        let text = |key| {
            filled(fields, key)
                .map(str::to_owned)
                .ok_or(VaultError::MissingField { provider: Self::PROVIDER, field: key })
        };
        Ok(Self {
            phone_number_id: text("phoneNumberId")?,
            business_account_id: text("businessAccountId")?,
            access_token: SecretText::new(text("accessToken")?),
            app_secret: fields.find("appSecret").filter(|secret| !secret.expose().is_empty()).cloned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_the_token_under_the_secret_and_nothing_secret_is_printed() {
        let mut fields = SecretFields::new();
        for (key, value) in [
            ("phoneNumberId", "106540352242922"),
            ("businessAccountId", "102290129340398"),
            ("accessToken", "test"),
            ("appSecret", "secret"),
        ] {
            fields.insert(key, SecretText::new(value.to_owned()));
        }
        let credentials = WhatsAppCredentials::from_fields(&fields).expect("complete");
        assert_eq!(
            credentials.proof().as_deref(),
            Some("0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914")
        );
        assert!(!format!("{credentials:?}").contains("\"test\""), "{credentials:?}");
        let mut none = SecretFields::new();
        none.insert("phoneNumberId", SecretText::new("1".to_owned()));
        let error = WhatsAppCredentials::from_fields(&none).expect_err("no account");
        assert!(error.to_string().contains("businessAccountId"), "{error}");
    }
}
