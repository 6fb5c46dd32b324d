//! Why there is no access token, as an error, as a report of a test, and in words for the card.

use super::IntegrationError;
use crate::domain::provider::CapabilitySpec;
use crate::domain::{Answer, CapabilityResult, ProviderId};
use crate::providers::catalogue;
use crate::providers::google::{self, GoogleError};
use crate::providers::report::{Explanation, TestReport};

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("there is no consent")]
    None,
    /// The issuer has ended the consent: only a new one helps.
    #[error("the consent has ended")]
    SignedOut { may_be_testing: bool },
    #[error("the refresh failed")]
    Google(#[source] GoogleError),
    /// Another process is at it for longer than anybody should wait.
    #[error("another process refreshes")]
    Busy,
    #[error(transparent)]
    Other(#[from] IntegrationError),
}

impl From<crate::db::DbError> for TokenError {
    fn from(error: crate::db::DbError) -> Self {
        Self::Other(error.into())
    }
}

impl From<crate::vault::VaultError> for TokenError {
    fn from(error: crate::vault::VaultError) -> Self {
        Self::Other(error.into())
    }
}

impl TokenError {
    /// What happened and what to do, for the card of a provider.
    pub fn explain(&self, provider: ProviderId) -> Explanation {
        let api = google::api_of(provider);
        let mut explanation = match self {
            TokenError::Google(error) => return error.explain(api),
            TokenError::None | TokenError::SignedOut { .. } => GoogleError::GrantGone.explain(api),
            TokenError::Busy | TokenError::Other(_) => {
                return Explanation::of(
                    "The sign-in to Google could not be renewed right now.",
                    "Try again in a moment. The connection is not affected.",
                    "https://www.google.com/appsstatus/dashboard/",
                );
            }
        };
        if matches!(self, TokenError::SignedOut { may_be_testing: true }) {
            explanation.fix = "It ended seven days after the consent, as Google does it while an OAuth app is in testing. In the Google Cloud console, set the publishing status of the app to \"In production\", then connect with Google again.".into();
            explanation.url = "https://console.cloud.google.com/auth/audience".into();
        }
        explanation
    }

    /// The report of a test that came no further than this.
    pub fn report(&self, provider: ProviderId) -> TestReport {
        let spec = catalogue::find(provider).spec();
        let explanation = self.explain(provider);
        let (report, answer) = match self {
            TokenError::None | TokenError::SignedOut { .. } => {
                let report = TestReport::refused(&explanation, None);
                (TestReport { reference: GoogleError::GrantGone.reference(), ..report }, Answer::No)
            }
            TokenError::Google(error) => {
                let is_open = error.is_undetermined();
                let answer = if is_open { Answer::Unknown } else { Answer::No };
                (error.report(google::api_of(provider)), answer)
            }
            TokenError::Busy | TokenError::Other(_) => {
                let report = TestReport::undetermined(explanation.sentence.clone(), None);
                (TestReport { fix: explanation.hint(), ..report }, Answer::Unknown)
            }
        };
        let line = |(at, capability): (usize, &CapabilitySpec)| CapabilityResult {
            capability: capability.key.to_owned(),
            label: capability.label.to_owned(),
            answer: if at == 0 { answer } else { Answer::Unknown },
            note: None,
        };
        TestReport { capabilities: spec.capabilities.iter().enumerate().map(line).collect(), ..report }
    }

    /// As an error of a use case of that provider.
    pub fn of(self, provider: ProviderId) -> IntegrationError {
        match self {
            TokenError::Other(error) => error,
            TokenError::Busy => IntegrationError::Busy,
            TokenError::None => IntegrationError::NotConnected(provider),
            other => IntegrationError::Provider {
                code: matches!(other, TokenError::SignedOut { .. }).then_some("signed_out"),
                is_passing: matches!(&other, TokenError::Google(error) if error.is_undetermined()),
                sentence: other.explain(provider).sentence.into_owned(),
            },
        }
    }
}
