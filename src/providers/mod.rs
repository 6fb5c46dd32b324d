//! The providers that a clinic brings, and the one HTTP client that reaches them.
//!
//! A provider is data first (`ProviderSpec`), a small trait second. It takes a credential and
//! returns what the other side said; it never sees an organization, the database or the vault's
//! keys. Retries are the caller's affair. The table of contents is `catalogue`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use url::Url;

use crate::domain::CapabilityResult;
use crate::domain::provider::ProviderSpec;
use crate::vault::SecretFields;

pub mod address;
pub mod answer;
pub mod api_error;
pub mod bases;
pub mod breaker;
pub mod calendar;
pub mod catalogue;
pub mod check;
pub mod egress;
mod egress_error;
pub mod elevenlabs;
pub mod google;
pub mod hook;
pub mod hubspot;
pub mod key_client;
pub mod lookup;
pub mod mail;
pub mod n8n;
pub mod report;
pub mod resend;
pub mod retell;
pub mod sms;
pub mod sns;
pub mod stripe;
pub mod twilio;
pub mod vapi;
pub mod vonage;
pub mod whatsapp;

pub use bases::ProviderBases;
pub use egress::{BulkheadKey, Deadline, Egress, EgressError, EgressOptions};
pub use report::{Explanation, FixHint, TestReport};
pub use sms::SmsSender;

/// What every provider can do. What only some can (send a message, host an assistant) is in their
/// own modules.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The static facts: forms, masks, schemas and docs are made from them.
    fn spec(&self) -> &'static ProviderSpec;

    /// Checks the fields among themselves, without asking anybody; by default each by itself. The
    /// values are cleaned already (`domain::pattern::clean_paste`).
    ///
    /// # Errors
    /// Every problem found, in the order of the form.
    fn check(&self, fields: &SecretFields) -> Result<(), Vec<FieldProblem>> {
        check::Problems::of(self.spec(), fields).judge()
    }

    /// Asks the provider what the credential can do, and changes nothing there.
    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport;

    /// What may be chosen in the account, for a provider whose `OAuthSpec` names a choice. Empty where
    /// the account does not tell.
    async fn choices(&self, _context: &TestContext<'_>, _fields: &SecretFields) -> Vec<Choice> {
        Vec::new()
    }

    /// The provider as a sender of text messages, where it is one.
    fn sms(&self) -> Option<&dyn SmsSender> {
        None
    }
}

/// Something of an account that may be chosen: a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub value: String,
    pub label: String,
}

/// What is wrong with one field, in words for the person who typed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// Key of the field in the provider's `ProviderSpec`.
    pub field: &'static str,
    pub message: String,
}

/// What a test needs from its caller.
pub struct TestContext<'a> {
    pub egress: &'a Egress,
    pub bases: &'a ProviderBases,
    pub bulkhead: BulkheadKey,
    pub deadline: Deadline,
    /// Receives each line as soon as it is known. A slow or absent reader never holds the test up.
    pub progress: Option<mpsc::Sender<CapabilityResult>>,
}

/// A path below a base URL. Each segment is encoded, so an identifier can not leave its place.
pub(crate) fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded_and_stay_below_their_base() {
        let bases = ProviderBases::default();
        assert_eq!(
            below(&bases.vapi, &["assistant", "a/../b?c"]).as_str(),
            "https://api.vapi.ai/assistant/a%2F..%2Fb%3Fc"
        );
        assert_eq!(below(&bases.twilio, &["v1"]).as_str(), "https://api.twilio.com/v1");
    }
}

#[cfg(test)]
mod guard_tests;
#[cfg(all(test, feature = "sandbox"))]
mod stand_in_tests;
