//! Twilio: text messages and WhatsApp messages through the clinic's own account.
//!
//! What this module knows comes from Twilio's OpenAPI description of the 2010-04-01 API and its
//! documentation (<https://www.twilio.com/docs>). Answers about an account hold its live Auth Token,
//! so no body is ever logged or kept.

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

pub use client::TwilioClient;
pub use credentials::{Sender, TwilioAuth, TwilioCredentials};
pub use errors::TwilioError;
pub use send::{Channel, MOST_TEXT, send_message};

/// The provider's name in sentences.
const NAME: &str = "Twilio";

pub(super) const CONSOLE_URL: &str = "https://console.twilio.com";
const API_KEYS_URL: &str = "https://console.twilio.com/us1/account/keys-credentials/api-keys";
const NUMBERS_URL: &str = "https://console.twilio.com/us1/develop/phone-numbers/manage/incoming";
const SERVICES_URL: &str = "https://console.twilio.com/us1/develop/sms/services";
const WHATSAPP_URL: &str = "https://console.twilio.com/us1/develop/sms/senders/whatsapp-senders";

const UNDER_API_KEY: Option<&str> = Some("Use an API key instead");

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::Twilio,
    name: NAME,
    category: "Messages",
    purpose: "Sends text messages to your patients and your team from your own number.",
    on_disconnect: "Text messages are no longer sent: confirmations, reminders and hot-lead alerts stop.",
    after_disconnect: "Rotate the Auth Token or delete the API key in the Twilio console if nothing else uses it.",
    console_url: CONSOLE_URL,
    permissions: &["Read the account", "Read phone numbers", "Send messages"],
    fields: &[
        FieldSpec {
            key: "accountSid",
            label: "Account SID",
            example: "AC00000000000000000000000000000000",
            pattern: Pattern::PrefixedHex { prefix: "AC", digits: 32 },
            secret: false,
            required: true,
            where_to_find: "Twilio console, Account Dashboard, Account Info",
            where_url: CONSOLE_URL,
            folded_under: None,
        },
        FieldSpec {
            key: "authToken",
            label: "Auth Token",
            example: "00000000000000000000000000000000",
            pattern: Pattern::PrefixedHex { prefix: "", digits: 32 },
            secret: true,
            required: false,
            where_to_find: "Twilio console, Account Dashboard, Account Info, Show",
            where_url: CONSOLE_URL,
            folded_under: None,
        },
        FieldSpec {
            key: "phoneNumber",
            label: "Phone number",
            example: "+15550100123",
            pattern: Pattern::Phone,
            secret: false,
            required: false,
            where_to_find: "Twilio console, Phone Numbers, Manage, Active numbers",
            where_url: NUMBERS_URL,
            folded_under: None,
        },
        FieldSpec {
            key: "apiKeySid",
            label: "API key SID",
            example: "SK00000000000000000000000000000000",
            pattern: Pattern::PrefixedHex { prefix: "SK", digits: 32 },
            secret: false,
            required: false,
            where_to_find: "Twilio console, Account, API keys & tokens",
            where_url: API_KEYS_URL,
            folded_under: UNDER_API_KEY,
        },
        FieldSpec {
            key: "apiKeySecret",
            label: "API key secret",
            example: "00000000000000000000000000000000",
            pattern: Pattern::Alphanumeric { length: 32 },
            secret: true,
            required: false,
            where_to_find: "Shown once, when the API key is made",
            where_url: API_KEYS_URL,
            folded_under: UNDER_API_KEY,
        },
        FieldSpec {
            key: "messagingServiceSid",
            label: "Messaging Service SID",
            example: "MG00000000000000000000000000000000",
            pattern: Pattern::PrefixedHex { prefix: "MG", digits: 32 },
            secret: false,
            required: false,
            where_to_find: "Twilio console, Messaging, Services",
            where_url: SERVICES_URL,
            folded_under: Some("Use a Messaging Service"),
        },
        FieldSpec {
            key: "whatsappNumber",
            label: "WhatsApp number",
            example: "+15550100123",
            pattern: Pattern::Phone,
            secret: false,
            required: false,
            where_to_find: "Twilio console, Messaging, Senders, WhatsApp senders",
            where_url: WHATSAPP_URL,
            folded_under: Some("More options"),
        },
        FieldSpec {
            key: "displayName",
            label: "Display name",
            example: "Front desk",
            pattern: Pattern::Text { max: 60 },
            secret: false,
            required: false,
            where_to_find: "Your own name for this connection",
            where_url: CONSOLE_URL,
            folded_under: Some("More options"),
        },
    ],
    capabilities: &[
        CapabilitySpec { key: "account", label: "Reach the account" },
        CapabilitySpec { key: "send_sms", label: "Send text messages" },
        CapabilitySpec { key: "delivery_reports", label: "Receive delivery reports" },
        CapabilitySpec { key: "send_whatsapp", label: "Send WhatsApp messages" },
    ],
    sign_in: SignIn::Fields,
};

/// Twilio in the catalogue.
pub struct TwilioProvider;

#[async_trait]
impl Provider for TwilioProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    fn check(&self, fields: &SecretFields) -> Result<(), Vec<FieldProblem>> {
        let mut problems = Problems::of(&SPEC, fields);
        let has = |key| filled(fields, key).is_some();
        match (has("authToken"), has("apiKeySid"), has("apiKeySecret")) {
            (false, false, false) => {
                problems.add("authToken", "Enter the Auth Token, or use an API key instead.")
            }
            (false, true, false) => problems.add("apiKeySecret", "Enter the secret of this API key."),
            (false, false, true) => {
                problems.add("apiKeySid", "Enter the SID of this API key (it starts with SK).")
            }
            _ => {}
        }
        if !has("phoneNumber") && !has("messagingServiceSid") {
            problems
                .add("phoneNumber", "Enter the number that sends the messages, or use a Messaging Service.");
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

    const AC: &str = "AC00000000000000000000000000000000";
    const SK: &str = "SK00000000000000000000000000000000";
    const HEX: &str = "00000000000000000000000000000000";

    fn problems(pairs: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        let mut fields = SecretFields::new();
        for (key, value) in pairs {
            fields.insert(key, SecretText::new((*value).to_owned()));
        }
        let problems = TwilioProvider.check(&fields).err().unwrap_or_default();
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    #[test]
    fn an_auth_token_or_an_api_key_with_a_sender_is_enough() {
        let number = ("phoneNumber", "+1 555 010 0123");
        assert_eq!(problems(&[("accountSid", AC), ("authToken", HEX), number]), []);
        assert_eq!(problems(&[("accountSid", AC), ("apiKeySid", SK), ("apiKeySecret", HEX), number]), []);
        let service = ("messagingServiceSid", "MG00000000000000000000000000000000");
        assert_eq!(problems(&[("accountSid", AC), ("authToken", HEX), service]), []);
    }

    #[test]
    fn what_is_missing_is_named_in_the_order_of_the_form() {
        let fields: Vec<&str> = problems(&[]).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["accountSid", "authToken", "phoneNumber"]);
        let halves = problems(&[("accountSid", AC), ("apiKeySid", SK), ("phoneNumber", "+15550100123")]);
        assert_eq!(halves.first().map(|(field, _)| *field), Some("apiKeySecret"));
    }

    #[test]
    fn a_value_of_another_kind_is_recognized() {
        let (field, message) =
            problems(&[("accountSid", SK), ("authToken", HEX), ("phoneNumber", "+15550100123")]).remove(0);
        assert_eq!(field, "accountSid");
        assert!(message.contains("looks like a Twilio API key SID"), "{message}");
        let (field, message) =
            problems(&[("accountSid", AC), ("authToken", SK), ("phoneNumber", "+15550100123")]).remove(0);
        assert_eq!(field, "authToken");
        assert!(message.contains("looks like a Twilio API key SID"), "{message}");
    }

    #[test]
    fn a_number_without_country_code_is_refused_with_the_way_to_write_it() {
        let (field, message) =
            problems(&[("accountSid", AC), ("authToken", HEX), ("phoneNumber", "555 0100")]).remove(0);
        assert_eq!(field, "phoneNumber");
        assert!(message.contains("country code"), "{message}");
    }
}
