//! What a clinic brings for Twilio: an account, a way to sign in, a sender.

use crate::domain::ProviderId;
use crate::domain::phone::PhoneNumber;
use crate::vault::{Credential, SecretFields, SecretText, VaultError};

use super::super::check::filled;

/// A Twilio account as a clinic has set it up.
#[derive(Clone, Debug)]
pub struct TwilioCredentials {
    pub account_sid: String,
    pub auth: TwilioAuth,
    pub sender: Sender,
    /// The account's WhatsApp sender, where there is one.
    pub whatsapp: Option<PhoneNumber>,
    pub display_name: Option<String>,
}

/// How the account is signed in to.
#[derive(Clone, Debug)]
pub enum TwilioAuth {
    /// Also the key by which Twilio signs its callbacks.
    AuthToken(SecretText),
    /// Sends messages but signs nothing, so delivery reports can not be verified.
    ApiKey { sid: String, secret: SecretText },
}

/// Who a text message comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    Number(PhoneNumber),
    MessagingService(String),
}

impl TwilioCredentials {
    /// User name and password of HTTP Basic.
    pub(super) fn basic(&self) -> (&str, &SecretText) {
        match &self.auth {
            TwilioAuth::AuthToken(token) => (&self.account_sid, token),
            TwilioAuth::ApiKey { sid, secret } => (sid, secret),
        }
    }
}

impl Credential for TwilioCredentials {
    const PROVIDER: ProviderId = ProviderId::Twilio;

    /// Reads the fields. The Auth Token goes before an API key, since only it verifies delivery
    /// reports; a Messaging Service goes before a number, since it picks from its own pool.
    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        let missing = |field| VaultError::MissingField { provider: Self::PROVIDER, field };
        let secret = |key| fields.find(key).filter(|value| !value.expose().is_empty()).cloned();
        let number = |key| -> Result<Option<PhoneNumber>, VaultError> {
            filled(fields, key)
                .map(PhoneNumber::parse)
                .transpose()
                .map_err(|_| VaultError::InvalidField { provider: Self::PROVIDER, field: key })
        };
        let auth = match secret("authToken") {
            Some(token) => TwilioAuth::AuthToken(token),
            None => TwilioAuth::ApiKey {
                sid: filled(fields, "apiKeySid").ok_or_else(|| missing("authToken"))?.to_owned(),
                secret: secret("apiKeySecret").ok_or_else(|| missing("apiKeySecret"))?,
            },
        };
        let sender = match filled(fields, "messagingServiceSid") {
            Some(service) => Sender::MessagingService(service.to_owned()),
            None => Sender::Number(number("phoneNumber")?.ok_or_else(|| missing("phoneNumber"))?),
        };
        Ok(Self {
            account_sid: filled(fields, "accountSid").ok_or_else(|| missing("accountSid"))?.to_owned(),
            auth,
            sender,
            whatsapp: number("whatsappNumber")?,
            display_name: filled(fields, "displayName").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> SecretFields {
        let mut fields = SecretFields::new();
        for (key, value) in pairs {
            fields.insert(key, SecretText::new((*value).to_owned()));
        }
        fields
    }

    #[test]
    fn the_auth_token_goes_before_the_api_key_and_the_service_before_the_number() {
        let all = fields(&[
            ("accountSid", "AC1"),
            ("authToken", "token"),
            ("apiKeySid", "SK1"),
            ("apiKeySecret", "secret"),
            ("phoneNumber", "+15550100123"),
            ("messagingServiceSid", "MG1"),
        ]);
        let credentials = TwilioCredentials::from_fields(&all).expect("complete");
        assert_eq!(credentials.basic().0, "AC1");
        assert_eq!(credentials.sender, Sender::MessagingService("MG1".into()));
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_secret_is_printed() {
        let partly = fields(&[("accountSid", "AC1"), ("authToken", "canary")]);
        let error = TwilioCredentials::from_fields(&partly).expect_err("no sender");
        assert!(error.to_string().contains("phoneNumber"), "{error}");
        let whole =
            fields(&[("accountSid", "AC1"), ("authToken", "canary"), ("phoneNumber", "+15550100123")]);
        let credentials = TwilioCredentials::from_fields(&whole).expect("complete");
        assert!(!format!("{credentials:?}").contains("canary"));
    }
}
