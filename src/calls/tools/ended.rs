//! How a tool ended: what is said, and what is left to do where nobody hears it.

use super::LATER;
use crate::calls::owed::Claim;
use crate::calls::patients::Patient;

/// How a tool ended, and what the assistant says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// `done`, `failed`, or `parked` where nobody knows.
    pub(super) status: &'static str,
    pub(super) sentence: String,
    /// What the team is to know where the caller does not hear the sentence.
    pub(super) unheard: Option<Patient>,
    /// What an appointment owes until the caller has heard the sentence, or the team is told.
    pub(super) owed: Option<Claim>,
}

impl Ended {
    pub(super) fn of(status: &'static str, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into(), unheard: None, owed: None }
    }

    pub(super) fn done(sentence: impl Into<String>) -> Self {
        Self::of("done", sentence)
    }

    pub(super) fn failed(sentence: impl Into<String>) -> Self {
        Self::of("failed", sentence)
    }

    pub(super) fn parked() -> Self {
        Self::of("parked", LATER)
    }

    /// With what the team is told where the answer went out before this came: the caller was told then that
    /// a message follows, and none will.
    pub(super) fn or_note(self, patient: Patient, owed: Option<Claim>) -> Self {
        Self { unheard: Some(patient), owed, ..self }
    }
}
