//! ElevenLabs: the voices that the assistants speak with, through the clinic's own account.
//!
//! What this module knows comes from ElevenLabs' OpenAPI description and its guides
//! (<https://elevenlabs.io/docs>). Names of permissions other than `user_read` are not documented
//! anywhere that was read. Which voice an assistant has is decided elsewhere.

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

pub use client::ElevenLabsClient;
pub use credentials::ElevenLabsCredentials;
pub use records::Voice;

/// The provider's name in sentences.
const NAME: &str = "ElevenLabs";

const KEYS_URL: &str = "https://elevenlabs.io/app/settings/api-keys";
const SUBSCRIPTION_URL: &str = "https://elevenlabs.io/app/subscription";

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::ElevenLabs,
    name: NAME,
    category: "Voice",
    purpose: "Lets your assistants speak with voices of your own ElevenLabs account.",
    on_disconnect: "Voices are no longer read from your account. Vapi keeps the key that it was given until you remove it there.",
    after_disconnect: "Delete the API key at ElevenLabs if nothing else uses it, and remove it in Vapi under Integrations.",
    console_url: KEYS_URL,
    sign_in: SignIn::Fields,
    permissions: &["User: read", "Voices: read", "Text to Speech"],
    fields: &[FieldSpec {
        key: "apiKey",
        label: "API key",
        example: "sk_000000000000000000000000000000000000000000000000",
        // Older keys are 32 hexadecimal digits without a prefix: a hint, and no refusal.
        pattern: Pattern::Key { prefixes: &["sk_"], rest: 32 },
        secret: true,
        required: true,
        where_to_find: "ElevenLabs, Developers, API Keys; shown once, when the key is made",
        where_url: KEYS_URL,
        folded_under: None,
    }],
    capabilities: &[
        CapabilitySpec { key: "account", label: "Read plan and characters left" },
        CapabilitySpec { key: "voices", label: "List voices" },
        CapabilitySpec { key: "speak", label: "Speak texts" },
    ],
};

/// ElevenLabs in the catalogue.
pub struct ElevenLabsProvider;

#[async_trait]
impl Provider for ElevenLabsProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }
}
