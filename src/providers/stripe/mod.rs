//! Stripe: the clinic's own account for payments. So far it is connected, tested and shown.
//!
//! What this module knows comes from Stripe's OpenAPI document and its reference
//! (<https://docs.stripe.com/api>). That a restricted key without the right permission is answered with 403
//! and words about permissions was seen in public code; no document that was read names a code for it.

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

pub use client::StripeClient;
pub use credentials::StripeCredentials;

/// The provider's name in sentences.
const NAME: &str = "Stripe";

const KEYS_URL: &str = "https://dashboard.stripe.com/apikeys";

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::Stripe,
    name: NAME,
    category: "Office",
    purpose: "Connects your own Stripe account for payments.",
    on_disconnect: "Your Stripe account is no longer used.",
    after_disconnect: "Roll or delete the key in the Stripe dashboard if nothing else uses it.",
    console_url: KEYS_URL,
    sign_in: SignIn::Fields,
    permissions: &["Accounts: read", "Balance: read"],
    fields: &[FieldSpec {
        key: "apiKey",
        label: "Secret or restricted key",
        example: "rk_test_000000000000000000000000",
        pattern: Pattern::Key { prefixes: &["rk_live_", "sk_live_", "rk_test_", "sk_test_"], rest: 10 },
        secret: true,
        required: true,
        where_to_find: "Stripe dashboard, Developers, API keys, Restricted keys",
        where_url: KEYS_URL,
        folded_under: None,
    }],
    capabilities: &[
        CapabilitySpec { key: "account", label: "Read the account" },
        CapabilitySpec { key: "payments", label: "Take payments" },
        CapabilitySpec { key: "balance", label: "Read the balance" },
    ],
};

/// Stripe in the catalogue.
pub struct StripeProvider;

#[async_trait]
impl Provider for StripeProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }
}
