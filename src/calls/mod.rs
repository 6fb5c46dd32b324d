//! What a call needs: the agents' assistants, the tools that they use, the messages they send, free
//! appointments and bookings.
//!
//! Everything is done with the clinic's own accounts, or not at all: there is no fall-back to
//! anybody else's credentials.

pub mod agents;
pub mod booking;
pub mod incidents;
pub mod messages;
pub mod senders;
pub mod slots;
pub mod tools;
pub mod whatsapp;

use crate::db::DbError;
use crate::integrations::IntegrationError;
use crate::providers::sms::{SendError, SendFailure};

/// Why something around a call did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("a field is not valid")]
    Invalid { field: &'static str, message: String },
    #[error(transparent)]
    Integration(#[from] IntegrationError),
    /// The provider was asked and nobody knows whether it did it: it must not be repeated, and nobody
    /// may be told that it did not happen.
    #[error("the outcome is not known")]
    Undetermined(#[source] IntegrationError),
    /// Neither of a clinic's two senders could send; both surely did not.
    #[error("neither sender could send")]
    NoSender { first: Box<CallError>, second: Box<CallError> },
    #[error(transparent)]
    Db(#[from] DbError),
}

impl CallError {
    /// From what is known of a message without an id: only an undetermined one may have gone out.
    fn of_send(failure: &SendError) -> Self {
        let is_passing = failure.kind != SendFailure::Refused;
        let code = if is_passing { "provider_unavailable" } else { "provider_refused" };
        let sentence = match &failure.fix {
            Some(fix) => format!("{} {}", failure.sentence, fix.text),
            None => failure.sentence.clone(),
        };
        let error = IntegrationError::Provider { code: Some(code), sentence, is_passing };
        match failure.kind {
            SendFailure::Undetermined => CallError::Undetermined(error),
            SendFailure::Refused | SendFailure::NotSent => CallError::Integration(error),
        }
    }

    /// What happened and what to do, for people.
    pub fn sentence(&self) -> String {
        match self {
            CallError::Invalid { message, .. } => message.clone(),
            CallError::Integration(error) | CallError::Undetermined(error) => error.sentence(),
            CallError::NoSender { first, second } => format!("{} {}", first.sentence(), second.sentence()),
            CallError::Db(_) => "This could not be done right now. Please try again in a moment.".to_owned(),
        }
    }
}
