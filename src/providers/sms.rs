//! The family of those who send text messages: one trait, and what is honestly known of a message
//! that has no id.
//!
//! None of the family can tell a repetition from a new message, so the three kinds of failure are
//! kept apart strictly: after an undetermined send nobody may repeat it without looking, or the
//! patient gets it twice. Who is asked, and who stands in, is the caller's affair (`calls::messages`).

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::domain::phone::PhoneNumber;
use crate::vault::{SecretFields, VaultError};

use super::report::{Explanation, FixHint};
use super::{BulkheadKey, Deadline, Egress, Provider, ProviderBases, catalogue};

/// The capability that every member of the family tests: `CapabilitySpec::key`.
pub const CAPABILITY: &str = "send_sms";

/// A provider that sends text messages.
#[async_trait]
pub trait SmsSender: Send + Sync {
    /// Sends one text with the credential that these fields are, and with no other. Nothing is
    /// repeated.
    async fn send_text(
        &self,
        context: &SendContext<'_>,
        fields: &SecretFields,
        to: &PhoneNumber,
        text: &str,
    ) -> Result<SentMessage, SendError>;
}

/// What a send needs from its caller.
pub struct SendContext<'a> {
    pub egress: &'a Egress,
    pub bases: &'a ProviderBases,
    pub bulkhead: BulkheadKey,
    pub deadline: Deadline,
    /// Where the provider reports what becomes of the message, where it takes such an address and
    /// anybody listens.
    pub report_to: Option<&'a str>,
}

/// The members of the family, in the order of the catalogue.
pub fn senders() -> impl Iterator<Item = &'static dyn Provider> {
    catalogue::catalogue().iter().copied().filter(|provider| provider.sms().is_some())
}

/// A message that the provider took. Whether it arrives is known later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentMessage {
    /// The provider's own id.
    pub sid: String,
    /// `queued` or `accepted`, as the provider says it.
    pub status: String,
}

/// What is known about a message that has no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SendFailure {
    /// The provider said no; repeating it changes nothing.
    Refused,
    /// It may have been sent. Do not repeat it.
    Undetermined,
    /// It was certainly not sent; it may be repeated.
    NotSent,
}

/// A message without an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{sentence}")]
pub struct SendError {
    pub kind: SendFailure,
    /// What was refused is the recipient or the text, not the sender: somebody who answered STOP
    /// must not get the message by another way, and what is no number is none anywhere.
    pub is_about_message: bool,
    /// The provider's code.
    pub code: Option<String>,
    /// One sentence for people.
    pub sentence: String,
    pub fix: Option<FixHint>,
    pub retry_after: Option<Duration>,
}

impl SendError {
    /// From what a provider's answer means. An undetermined one says so in its sentence.
    pub fn of(kind: SendFailure, code: Option<String>, explanation: &Explanation) -> Self {
        let mut sentence = explanation.sentence.clone().into_owned();
        if kind == SendFailure::Undetermined {
            sentence.push_str(" The message may have been sent.");
        }
        Self { kind, is_about_message: false, code, sentence, fix: explanation.hint(), retry_after: None }
    }

    /// The stored fields do not make a credential; nobody was asked.
    pub fn incomplete(provider: &dyn Provider, error: &VaultError) -> Self {
        let spec = provider.spec();
        let field = match error {
            VaultError::MissingField { field, .. } | VaultError::InvalidField { field, .. } => {
                spec.field(field).map_or("a field", |field| field.label)
            }
            _ => "a field",
        };
        Self {
            kind: SendFailure::Refused,
            is_about_message: false,
            code: None,
            sentence: format!(
                "What is stored for {} is not complete: {field} is missing or not valid.",
                spec.name
            ),
            fix: Some(FixHint {
                text: format!("Open the {} card under Integrations and enter it.", spec.name).into(),
                url: spec.console_url.into(),
            }),
            retry_after: None,
        }
    }

    /// Whether another sender may be tried: only where this one surely did not send, and where the
    /// reason lies with the sender.
    pub fn allows_another(&self) -> bool {
        match self.kind {
            SendFailure::Undetermined => false,
            SendFailure::NotSent => true,
            SendFailure::Refused => !self.is_about_message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_tests_the_capability_is_a_sender_and_nobody_else() {
        for provider in catalogue::catalogue() {
            let spec = provider.spec();
            let tests_it = spec.capabilities.iter().any(|known| known.key == CAPABILITY);
            assert_eq!(provider.sms().is_some(), tests_it, "{}", spec.name);
        }
        assert!(senders().count() >= 3);
    }

    #[test]
    fn another_sender_is_tried_only_where_this_one_surely_did_not_send_and_is_the_reason() {
        let explanation = Explanation::of("It failed.", "", "");
        let error = |kind, is_about_message| SendError {
            is_about_message,
            ..SendError::of(kind, None, &explanation)
        };
        assert!(error(SendFailure::Refused, false).allows_another());
        assert!(error(SendFailure::NotSent, false).allows_another());
        assert!(!error(SendFailure::Undetermined, false).allows_another());
        assert!(!error(SendFailure::Refused, true).allows_another());
        assert!(error(SendFailure::Undetermined, false).sentence.ends_with("may have been sent."));
    }
}
