//! WhatsApp: messages through the clinic's own number of the WhatsApp Business Platform (Cloud API).
//!
//! What this module knows comes from Meta's OpenAPI description of version 23.0 and its documentation
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api>). The version is a part of the base
//! address, so that an operator can follow Meta's without a new release. Who may post webhooks is
//! `webhooks::whatsapp`'s affair.

use async_trait::async_trait;

use crate::domain::ProviderId;
use crate::domain::pattern::{Pattern, looks_like};
use crate::domain::provider::{CapabilitySpec, FieldSpec, ProviderSpec, SignIn};
use crate::vault::SecretFields;

use super::check::{Problems, filled};
use super::{FieldProblem, Provider, TestContext, TestReport};

pub mod client;
mod codes;
pub mod credentials;
pub mod errors;
mod records;
mod send;
mod test;

pub use client::WhatsAppClient;
pub use credentials::WhatsAppCredentials;
pub use errors::{WhatsAppError, explain};
pub use send::{Content, MOST_TEXT, TakenByMeta, send_message};

/// The provider's name in sentences.
const NAME: &str = "WhatsApp";

const RECEIVING: &str =
    "To receive messages and delivery reports, enter the app secret and the verify token both, or neither.";

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::WhatsApp,
    name: NAME,
    category: "Messages",
    purpose: "Sends WhatsApp messages to your patients from your own business number, and receives theirs.",
    on_disconnect: "WhatsApp messages are no longer sent or received.",
    after_disconnect: "Revoke the token of the system user in the Meta business settings, and remove the webhook in the app.",
    console_url: codes::MANAGER,
    sign_in: SignIn::Fields,
    permissions: &["whatsapp_business_messaging", "whatsapp_business_management"],
    fields: &[
        FieldSpec {
            key: "phoneNumberId",
            label: "Phone number ID",
            example: "106540352242922",
            pattern: Pattern::Text { max: 20 },
            secret: false,
            required: true,
            where_to_find: "Meta for Developers, your app, WhatsApp, API Setup, below the number",
            where_url: codes::APPS,
            folded_under: None,
        },
        FieldSpec {
            key: "businessAccountId",
            label: "WhatsApp Business Account ID",
            example: "102290129340398",
            pattern: Pattern::Text { max: 20 },
            secret: false,
            required: true,
            where_to_find: "Meta for Developers, your app, WhatsApp, API Setup",
            where_url: codes::APPS,
            folded_under: None,
        },
        FieldSpec {
            key: "accessToken",
            label: "Access token",
            example: "EAAB00000000000000000000000000000000000000000000",
            pattern: Pattern::Text { max: 1024 },
            secret: true,
            required: true,
            where_to_find: "Meta business settings, Users, System users, Generate token, never expires",
            where_url: codes::SYSTEM_USERS,
            folded_under: None,
        },
        FieldSpec {
            key: "appSecret",
            label: "App secret",
            example: "00000000000000000000000000000000",
            pattern: Pattern::PrefixedHex { prefix: "", digits: 32 },
            secret: true,
            required: false,
            where_to_find: "Meta for Developers, your app, App settings, Basic, Show",
            where_url: codes::APPS,
            folded_under: None,
        },
        FieldSpec {
            key: "verifyToken",
            label: "Verify token",
            example: "a-sentence-of-your-own-choice",
            pattern: Pattern::Text { max: 200 },
            secret: true,
            required: false,
            where_to_find: "Make one up, and enter the same at Meta: your app, WhatsApp, Configuration, Webhook",
            where_url: codes::APPS,
            folded_under: None,
        },
    ],
    capabilities: &[
        CapabilitySpec { key: "number", label: "Read the number" },
        CapabilitySpec { key: "templates", label: "Read templates" },
        CapabilitySpec { key: "send_whatsapp", label: "Send WhatsApp messages" },
        CapabilitySpec { key: "receive", label: "Receive messages and delivery reports" },
    ],
};

/// WhatsApp in the catalogue.
pub struct WhatsAppProvider;

#[async_trait]
impl Provider for WhatsAppProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    fn check(&self, fields: &SecretFields) -> Result<(), Vec<FieldProblem>> {
        let mut problems = Problems::of(&SPEC, fields);
        for (field, label) in
            [("phoneNumberId", "phone number ID"), ("businessAccountId", "WhatsApp Business Account ID")]
        {
            let Some(value) = filled(fields, field) else { continue };
            if !value.bytes().all(|byte| byte.is_ascii_digit()) {
                let message = match looks_like(value) {
                    Some(kind) => {
                        format!("This looks like {kind}. The {label} is a number of about 15 digits.")
                    }
                    None => format!("The {label} has digits only, about 15 of them."),
                };
                problems.add(field, message);
            }
        }
        if filled(fields, "phoneNumberId").is_some()
            && filled(fields, "phoneNumberId") == filled(fields, "businessAccountId")
        {
            problems.add("businessAccountId", "The two ids are not the same: this is the phone number ID.");
        }
        if filled(fields, "accessToken").is_some_and(|token| !token.bytes().all(|b| b.is_ascii_graphic())) {
            problems.add("accessToken", "The access token has no spaces and no special characters.");
        }
        match (filled(fields, "appSecret").is_some(), filled(fields, "verifyToken").is_some()) {
            (true, false) => problems.add("verifyToken", RECEIVING),
            (false, true) => problems.add("appSecret", RECEIVING),
            _ => {}
        }
        problems.judge()
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::SecretText;

    fn problems(pairs: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        let mut fields = SecretFields::new();
        for (key, value) in pairs {
            fields.insert(key, SecretText::new((*value).to_owned()));
        }
        let problems = WhatsAppProvider.check(&fields).err().unwrap_or_default();
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    const BASE: [(&str, &str); 3] = [
        ("phoneNumberId", "106540352242922"),
        ("businessAccountId", "102290129340398"),
        ("accessToken", "EAAB000000"),
    ];

    #[test]
    fn ids_and_a_token_are_enough_and_secrets_come_in_pairs() {
        assert_eq!(problems(&BASE), []);
        let with = |more: &[(&'static str, &'static str)]| problems(&[&BASE[..], more].concat());
        let (secret, token) = (("appSecret", "0123456789abcdef0123456789abcdef"), ("verifyToken", "word"));
        assert_eq!(with(&[secret, token]), []);
        assert_eq!(with(&[secret])[0].0, "verifyToken");
        assert_eq!(with(&[token])[0].0, "appSecret");
        let missing: Vec<&str> = problems(&[]).into_iter().map(|(field, _)| field).collect();
        assert_eq!(missing, ["phoneNumberId", "businessAccountId", "accessToken"]);
    }

    #[test]
    fn a_number_in_the_place_of_its_id_is_recognized() {
        let mut wrong = BASE;
        wrong[0].1 = "+15550100123";
        let found = problems(&wrong);
        assert_eq!(found[0].0, "phoneNumberId");
        assert!(found[0].1.contains("looks like a phone number"), "{}", found[0].1);
        let twice = [BASE[0], ("businessAccountId", BASE[0].1), BASE[2]];
        assert_eq!(problems(&twice)[0].0, "businessAccountId");
        let spaced = [BASE[0], BASE[1], ("accessToken", "EAAB 0000")];
        assert_eq!(problems(&spaced)[0].0, "accessToken");
    }
}
