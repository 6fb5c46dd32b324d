//! Vapi: the service that hosts the voice assistants.
//!
//! What this module knows comes from Vapi's OpenAPI description and its guides
//! (<https://docs.vapi.ai>). Which assistants a clinic should have is decided elsewhere.

use async_trait::async_trait;

use crate::domain::ProviderId;
use crate::domain::pattern::Pattern;
use crate::domain::provider::{CapabilitySpec, FieldSpec, ProviderSpec, SignIn};
use crate::vault::SecretFields;

use super::{Provider, TestContext, TestReport};

pub mod assistant;
pub mod calls;
pub mod client;
pub mod control;
pub mod credentials;
pub mod errors;
mod records;
pub mod talk;
mod test;
mod voice_key;
mod whole;

pub use calls::NewCall;
pub use client::VapiClient;
pub use credentials::VapiCredentials;
pub use errors::VapiError;
pub use records::{AssistantRecord, Deletion, HmacPlan, PhoneNumberRecord};
pub use talk::StartedTalk;
pub use whole::WholeAssistant;

/// The provider's name in sentences.
const NAME: &str = "Vapi";

/// The page of the dashboard that lists the keys.
pub(super) const KEYS_URL: &str = "https://dashboard.vapi.ai/org/api-keys";

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::Vapi,
    name: NAME,
    category: "Voice",
    purpose: "Answers and places the calls of your clinic with two assistants.",
    on_disconnect: "Calls are no longer answered with this clinic's data, and both assistants stop working.",
    after_disconnect: "Delete the private key in the Vapi dashboard if nothing else uses it.",
    console_url: KEYS_URL,
    permissions: &["Read and change assistants", "Read and change phone numbers", "Create credentials"],
    fields: &[FieldSpec {
        key: "apiKey",
        label: "Private key",
        example: "00000000-0000-4000-8000-000000000000",
        pattern: Pattern::Uuid,
        secret: true,
        required: true,
        where_to_find: "Vapi dashboard, Organization, API Keys, Private API Keys",
        where_url: KEYS_URL,
        folded_under: None,
    }],
    capabilities: &[
        CapabilitySpec { key: "read_assistants", label: "Read assistants" },
        CapabilitySpec { key: "manage_assistants", label: "Create and change assistants" },
        CapabilitySpec { key: "phone_numbers", label: "Use phone numbers" },
    ],
    sign_in: SignIn::Fields,
};

/// Vapi in the catalogue.
pub struct VapiProvider;

#[async_trait]
impl Provider for VapiProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }
}
