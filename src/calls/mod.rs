//! What a call needs: the agents' assistants, the tools that they use, the messages they send, free
//! appointments and bookings. And what it leaves: its report, a lead, alerts to the clinic's people.
//!
//! Everything is done with the clinic's own accounts, or not at all: there is no fall-back to
//! anybody else's credentials.

pub mod agents;
pub mod alert_sending;
pub mod alerts;
pub mod appointment_list;
pub mod appointments;
pub mod booking;
pub mod clinic;
pub mod confirm;
pub mod ended_reasons;
pub mod events;
pub mod history;
pub mod incidents;
pub mod incoming;
pub mod lead_score;
pub mod mail;
mod message_rows;
pub mod messages;
pub mod notes;
pub mod numbers;
pub mod open_bookings;
pub mod opt_outs;
pub mod outbound;
pub mod owed;
pub mod patients;
pub mod report;
pub mod reports;
pub mod samples;
pub mod schedule;
pub mod senders;
pub mod slots;
pub mod statuses;
pub mod talk;
pub mod test_message;
pub mod tools;
pub mod unfinished;
pub mod whatsapp;

use crate::db::DbError;
use crate::integrations::IntegrationError;
use crate::providers::sms::{SendError, SendFailure};
use crate::webhooks::outbound::OutboundError;

/// What a note about an appointment says to the team.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NoteText {
    /// The caller may believe in a booking that there is not; why.
    Unbooked(String),
    /// It is booked, and no message about it went out.
    NotTold,
    /// It is cancelled here and still in the calendar.
    NotReleased,
}

impl NoteText {
    fn sentence(&self, service: &str, at: &str) -> String {
        match self {
            NoteText::Unbooked(why) => format!("{service} on {at} was wanted and is not booked. {why}"),
            NoteText::NotTold => {
                format!(
                    "{service} on {at} is booked, and the message about it could not be sent. Tell the patient."
                )
            }
            NoteText::NotReleased => format!(
                "{service} on {at} is cancelled, and its event could not be taken out of the calendar. Delete it there."
            ),
        }
    }
}

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
    /// Something is not in the state that this takes: it was cancelled, it is over.
    #[error("not possible as things are")]
    Conflict { code: &'static str, message: &'static str },
    #[error("an event could not be written down")]
    Event(#[from] OutboundError),
    /// A clinic may do this only so often.
    #[error("the clinic's limit is reached")]
    Limited { sentence: String, seconds: u32 },
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<crate::vault::VaultError> for CallError {
    fn from(error: crate::vault::VaultError) -> Self {
        CallError::Integration(error.into())
    }
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

    /// Whether trying again later may help, of something that surely did not happen.
    fn is_passing(&self) -> bool {
        match self {
            CallError::Integration(error) => error.is_passing(),
            CallError::NoSender { first, second } => first.is_passing() || second.is_passing(),
            CallError::Db(error) => matches!(error, DbError::Unavailable(_)),
            CallError::Invalid { .. }
            | CallError::Undetermined(_)
            | CallError::Conflict { .. }
            | CallError::Limited { .. }
            | CallError::Event(_) => false,
        }
    }

    /// What happened and what to do, for people.
    pub fn sentence(&self) -> String {
        match self {
            CallError::Invalid { message, .. } => message.clone(),
            CallError::Limited { sentence, .. } => sentence.clone(),
            CallError::Integration(error) | CallError::Undetermined(error) => error.sentence(),
            CallError::NoSender { first, second } => format!("{} {}", first.sentence(), second.sentence()),
            CallError::Conflict { message, .. } => (*message).to_owned(),
            CallError::Db(_) | CallError::Event(_) => {
                "This could not be done right now. Please try again in a moment.".to_owned()
            }
        }
    }
}
