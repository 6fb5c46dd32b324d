//! HubSpot: the clinic's own contacts. So far it is connected, tested and shown.
//!
//! What this module knows comes from HubSpot's reference (<https://developers.hubspot.com/docs>) and, for
//! contacts and the form of errors, its libraries. Which answer an account gets that HubSpot has closed is
//! documented nowhere that was read (`BANNED` is a guess), and the words of `category` only in prose.

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

pub use client::HubSpotClient;
pub use credentials::HubSpotCredentials;

/// The provider's name in sentences.
const NAME: &str = "HubSpot";

const KEYS_URL: &str = "https://app.hubspot.com/l/private-apps";

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::HubSpot,
    name: NAME,
    category: "Office",
    purpose: "Connects the contacts of your own HubSpot account.",
    on_disconnect: "Your HubSpot account is no longer used.",
    after_disconnect: "Delete the private app in HubSpot if nothing else uses it.",
    console_url: KEYS_URL,
    sign_in: SignIn::Fields,
    permissions: &["crm.objects.contacts.read"],
    fields: &[FieldSpec {
        key: "accessToken",
        label: "Access token",
        example: "pat-na1-00000000-0000-0000-0000-000000000000",
        pattern: Pattern::Key { prefixes: &["pat-"], rest: 20 },
        secret: true,
        required: true,
        where_to_find: "HubSpot, Development, Legacy apps (or Settings, Integrations, Private Apps), your app, Auth",
        where_url: KEYS_URL,
        folded_under: None,
    }],
    capabilities: &[
        CapabilitySpec { key: "account", label: "Read the account" },
        CapabilitySpec { key: "contacts", label: "Read contacts" },
        CapabilitySpec { key: "usage", label: "Read the daily limit" },
    ],
};

/// HubSpot in the catalogue.
pub struct HubSpotProvider;

#[async_trait]
impl Provider for HubSpotProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }
}
