//! Vonage: text messages through the clinic's own account, by the SMS API of `rest.nexmo.com`.
//!
//! What this module knows comes from Vonage's OpenAPI descriptions of the SMS and the Account API
//! (<https://developer.vonage.com>). The SMS API answers 200 to nearly everything and puts what
//! happened into each message of the answer. Key and secret travel in HTTP Basic, never in a URL.

use async_trait::async_trait;

use crate::domain::ProviderId;
use crate::domain::pattern::Pattern;
use crate::domain::provider::{CapabilitySpec, FieldSpec, ProviderSpec, SignIn};
use crate::vault::SecretFields;

use super::check::{Problems, filled};
use super::{FieldProblem, Provider, SmsSender, TestContext, TestReport};

pub mod client;
pub mod credentials;
pub mod errors;
mod records;
mod send;
mod test;

pub use credentials::VonageCredentials;
pub use errors::VonageError;

/// The provider's name in sentences.
const NAME: &str = "Vonage";

const SETTINGS_URL: &str = "https://dashboard.nexmo.com/settings";
const NUMBERS_URL: &str = "https://dashboard.nexmo.com/your-numbers";

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::Vonage,
    name: NAME,
    category: "Messages",
    purpose: "Sends text messages from your own number or sender name, alone or beside another sender.",
    on_disconnect: "Text messages are no longer sent over Vonage: confirmations, reminders and hot-lead alerts stop where nothing else sends them.",
    after_disconnect: "Delete the API secret in the Vonage dashboard if nothing else uses it.",
    console_url: SETTINGS_URL,
    sign_in: SignIn::Fields,
    permissions: &["Read the balance", "Send messages"],
    fields: &[
        FieldSpec {
            key: "apiKey",
            label: "API key",
            example: "0a1b2c3d",
            pattern: Pattern::Alphanumeric { length: 8 },
            secret: false,
            required: true,
            where_to_find: "Vonage dashboard, API Settings, API key",
            where_url: SETTINGS_URL,
            folded_under: None,
        },
        FieldSpec {
            key: "apiSecret",
            label: "API secret",
            example: "0000000000000000",
            pattern: Pattern::Text { max: 64 },
            secret: true,
            required: true,
            where_to_find: "Vonage dashboard, API Settings, Account secret",
            where_url: SETTINGS_URL,
            folded_under: None,
        },
        FieldSpec {
            key: "sender",
            label: "Sender",
            example: "+15550100123",
            pattern: Pattern::Text { max: 20 },
            secret: false,
            required: true,
            where_to_find: "Vonage dashboard, Numbers, Your numbers; or a name of up to 11 letters and digits",
            where_url: NUMBERS_URL,
            folded_under: None,
        },
    ],
    capabilities: &[
        CapabilitySpec { key: "account", label: "Reach the account" },
        CapabilitySpec { key: "send_sms", label: "Send text messages" },
    ],
};

/// Vonage in the catalogue.
pub struct VonageProvider;

#[async_trait]
impl Provider for VonageProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    fn check(&self, fields: &SecretFields) -> Result<(), Vec<FieldProblem>> {
        let mut problems = Problems::of(&SPEC, fields);
        if filled(fields, "sender").is_some_and(|sender| credentials::sender(sender).is_none()) {
            let message = "Enter a number with its country code, or a name of 1 to 11 letters and digits with a letter among them.";
            problems.add("sender", message);
        }
        problems.judge()
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }

    fn sms(&self) -> Option<&dyn SmsSender> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::SecretText;

    #[test]
    fn a_sender_is_a_number_or_a_short_name() {
        for (sender, is_good) in [
            ("+15550100123", true),
            ("Sunrise", true),
            ("555 0100", false),
            ("Sunrise Dental", false),
            ("TwelveLetters", false),
            ("", false),
        ] {
            let mut fields = SecretFields::new();
            for (key, value) in
                [("apiKey", "0a1b2c3d"), ("apiSecret", "0000000000000000"), ("sender", sender)]
            {
                fields.insert(key, SecretText::new(value.to_owned()));
            }
            let problems = VonageProvider.check(&fields).err().unwrap_or_default();
            assert_eq!(problems.is_empty(), is_good, "{sender}: {problems:?}");
            assert!(problems.iter().all(|problem| problem.field == "sender"), "{problems:?}");
        }
    }
}
