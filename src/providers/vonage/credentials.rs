//! What a clinic brings for Vonage: a key, its secret, a sender.

use crate::domain::ProviderId;
use crate::domain::phone::PhoneNumber;
use crate::vault::{Credential, SecretFields, SecretText, VaultError};

use super::super::check::filled;

/// The longest name that a message may come from.
const MOST_NAME: usize = 11;

/// A Vonage account as a clinic has set it up.
#[derive(Clone, Debug)]
pub struct VonageCredentials {
    pub api_key: String,
    pub api_secret: SecretText,
    /// As Vonage takes it: digits without a plus, or a name.
    pub sender: String,
}

impl Credential for VonageCredentials {
    const PROVIDER: ProviderId = ProviderId::Vonage;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        let missing = |field| VaultError::MissingField { provider: Self::PROVIDER, field };
        let text = filled(fields, "sender").ok_or_else(|| missing("sender"))?;
        let invalid = || VaultError::InvalidField { provider: Self::PROVIDER, field: "sender" };
        Ok(Self {
            api_key: filled(fields, "apiKey").ok_or_else(|| missing("apiKey"))?.to_owned(),
            api_secret: fields
                .find("apiSecret")
                .filter(|value| !value.expose().is_empty())
                .cloned()
                .ok_or_else(|| missing("apiSecret"))?,
            sender: sender(text).ok_or_else(invalid)?,
        })
    }
}

/// The form in which Vonage takes a sender; none for what is neither a number nor a name.
pub(super) fn sender(text: &str) -> Option<String> {
    if let Ok(number) = PhoneNumber::parse(text) {
        return Some(digits(&number).to_owned());
    }
    let is_name = (1..=MOST_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_name.then(|| text.to_owned())
}

/// A number as Vonage takes it: without the plus.
pub(super) fn digits(number: &PhoneNumber) -> &str {
    number.as_str().trim_start_matches('+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lose_their_plus_and_nothing_secret_is_printed() {
        let mut fields = SecretFields::new();
        for (key, value) in [("apiKey", "0a1b2c3d"), ("apiSecret", "canary"), ("sender", "+1 555 010 0123")] {
            fields.insert(key, SecretText::new(value.to_owned()));
        }
        let credentials = VonageCredentials::from_fields(&fields).expect("complete");
        assert_eq!(credentials.sender, "15550100123");
        assert!(!format!("{credentials:?}").contains("canary"));
    }
}
