//! n8n: the clinic's own workflows, at an address that the clinic gives.
//!
//! What this module knows comes from n8n's own OpenAPI document of its API and its documentation
//! (<https://docs.n8n.io/api/>). No document tells the body of `/healthz` (only that it answers 200, and that
//! an instance may move it), the bodies of refusals, or what an instance answers whose API is switched off:
//! these are from n8n's public source. The address comes from outside, so the guard of `egress` judges it
//! before anything is asked, and again at every connection.

use async_trait::async_trait;

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
mod test;

pub use client::N8nClient;
pub use credentials::N8nCredentials;

/// The provider's name in sentences.
const NAME: &str = "n8n";

const API_URL: &str = "https://docs.n8n.io/api/authentication/";

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::N8n,
    name: NAME,
    category: "Office",
    purpose: "Connects the workflows of your own n8n.",
    on_disconnect: "Your n8n is no longer used.",
    after_disconnect: "Delete the API key in n8n if nothing else uses it.",
    console_url: API_URL,
    sign_in: SignIn::Fields,
    permissions: &["workflow:list"],
    fields: &[
        FieldSpec {
            key: "baseUrl",
            label: "Instance address",
            example: "https://clinic.app.n8n.cloud",
            pattern: Pattern::WebAddress,
            secret: false,
            required: true,
            where_to_find: "The address line of the browser while n8n is open",
            where_url: API_URL,
            folded_under: None,
        },
        FieldSpec {
            key: "apiKey",
            label: "API key",
            example: "n8n_api_0000000000000000000000000000000000000000",
            pattern: Pattern::Key { prefixes: &["n8n_api_", "eyJ"], rest: 20 },
            secret: true,
            required: false,
            where_to_find: "n8n, Settings, n8n API, Create an API key; may be left empty",
            where_url: API_URL,
            folded_under: None,
        },
    ],
    capabilities: &[
        CapabilitySpec { key: "reach", label: "Reach the instance" },
        CapabilitySpec { key: "workflows", label: "List workflows" },
    ],
};

/// n8n in the catalogue.
pub struct N8nProvider;

#[async_trait]
impl Provider for N8nProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    fn check(&self, fields: &SecretFields) -> Result<(), Vec<FieldProblem>> {
        let mut problems = Problems::of(&SPEC, fields);
        if filled(fields, "baseUrl").is_some_and(|address| credentials::base_of(address).is_none()) {
            problems
                .add("baseUrl", "Enter the address without a user name, a question mark or a number sign.");
        }
        problems.judge()
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }
}
