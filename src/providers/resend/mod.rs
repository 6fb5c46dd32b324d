//! Resend: e-mails from the clinic's own domain.
//!
//! What this module knows comes from Resend's OpenAPI description, its Rust library and its
//! documentation (<https://resend.com/docs>). The description declares no errors; what a wrong key is
//! answered with is documented as 403 and was seen as 400, so both are read.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::ProviderId;
use crate::domain::pattern::Pattern;
use crate::domain::provider::{CapabilitySpec, FieldSpec, ProviderSpec, SignIn};
use crate::vault::SecretFields;

use super::check::{Problems, filled};
use super::{FieldProblem, Provider, TestContext, TestReport};

pub mod client;
pub mod credentials;
pub mod errors;
mod records;
mod send;
mod test;

pub use client::ResendClient;
pub use credentials::ResendCredentials;

/// The provider's name in sentences.
const NAME: &str = "Resend";

const KEYS_URL: &str = "https://resend.com/api-keys";
const DOMAINS_URL: &str = "https://resend.com/domains";

const WEBHOOKS_URL: &str = "https://resend.com/webhooks";

/// Verifies what Resend tells about e-mails; a clinic may leave it out.
const WEBHOOK_SECRET: &str = "webhookSecret";

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::Resend,
    name: NAME,
    category: "Messages",
    purpose: "Sends e-mails from your own domain.",
    on_disconnect: "E-mails are no longer sent.",
    after_disconnect: "Delete the API key at Resend if nothing else uses it.",
    console_url: KEYS_URL,
    sign_in: SignIn::Fields,
    permissions: &["Sending access; full access also shows domains"],
    fields: &[
        FieldSpec {
            key: "apiKey",
            label: "API key",
            example: "re_00000000_000000000000000000000000",
            pattern: Pattern::Key { prefixes: &["re_"], rest: 16 },
            secret: true,
            required: true,
            where_to_find: "Resend, API Keys, Create API Key; shown once",
            where_url: KEYS_URL,
            folded_under: None,
        },
        FieldSpec {
            key: "from",
            label: "Sender",
            example: "Front desk <desk@clinic.example>",
            pattern: Pattern::Mailbox,
            secret: false,
            required: true,
            where_to_find: "Your own choice: any address of a domain that is verified at Resend",
            where_url: DOMAINS_URL,
            folded_under: None,
        },
        FieldSpec {
            key: WEBHOOK_SECRET,
            label: "Signing secret",
            example: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            pattern: Pattern::Text { max: 200 },
            secret: true,
            required: false,
            where_to_find: "Resend, Webhooks, your webhook, Signing secret",
            where_url: WEBHOOKS_URL,
            folded_under: Some("News of deliveries"),
        },
    ],
    capabilities: &[
        CapabilitySpec { key: "send_email", label: "Send e-mails" },
        CapabilitySpec { key: "domains", label: "See which domains are verified" },
    ],
};

/// Resend in the catalogue.
pub struct ResendProvider;

#[async_trait]
impl Provider for ResendProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    fn check(&self, fields: &SecretFields) -> Result<(), Vec<FieldProblem>> {
        let mut problems = Problems::of(&SPEC, fields);
        let secret = filled(fields, WEBHOOK_SECRET);
        let is_one = |text: &str| {
            let bare = text.strip_prefix("whsec_");
            bare.is_some_and(|bare| STANDARD.decode(bare).is_ok_and(|bytes| bytes.len() >= 16))
        };
        if secret.is_some_and(|text| !is_one(text)) {
            problems.add(
                WEBHOOK_SECRET,
                "A signing secret of Resend begins with whsec_ and is copied as a whole.",
            );
        }
        problems.judge()
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }
}
