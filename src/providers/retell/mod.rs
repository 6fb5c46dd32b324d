//! Retell AI: another host of voice agents. So far it is connected, tested and shown.
//!
//! What this module knows comes from Retell AI's OpenAPI document and the TypeScript library that is made
//! from it (<https://docs.retellai.com>). No document names a code for an error: only the status decides. How
//! 402 and 403 are written is documented, that these two reads answer with them is not.

use async_trait::async_trait;

use crate::domain::ProviderId;
use crate::domain::pattern::Pattern;
use crate::domain::provider::{CapabilitySpec, FieldSpec, ProviderSpec, SignIn};
use crate::vault::SecretFields;

use super::{Provider, TestContext, TestReport};

pub mod client;
pub mod credentials;
pub mod errors;
mod records;
mod test;

pub use client::RetellClient;
pub use credentials::RetellCredentials;

/// The provider's name in sentences.
const NAME: &str = "Retell AI";

const KEYS_URL: &str = "https://dashboard.retellai.com/settings/api-keys";

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::Retell,
    name: NAME,
    category: "Voice",
    purpose: "Connects the voice agents of your own Retell AI account.",
    on_disconnect: "Your Retell AI account is no longer used.",
    after_disconnect: "Delete the API key in the Retell AI dashboard if nothing else uses it.",
    console_url: KEYS_URL,
    sign_in: SignIn::Fields,
    permissions: &["Read agents"],
    fields: &[FieldSpec {
        key: "apiKey",
        label: "API key",
        example: "key_0000000000000000000000000000",
        pattern: Pattern::Key { prefixes: &["key_"], rest: 17 },
        secret: true,
        required: true,
        where_to_find: "Retell AI dashboard, Settings, API keys",
        where_url: KEYS_URL,
        folded_under: None,
    }],
    capabilities: &[
        CapabilitySpec { key: "agents", label: "Read voice agents" },
        CapabilitySpec { key: "concurrency", label: "Read the limit of calls at once" },
    ],
};

/// Retell AI in the catalogue.
pub struct RetellProvider;

#[async_trait]
impl Provider for RetellProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }
}
