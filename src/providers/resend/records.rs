//! What is read of Resend's answers: only the few members that are needed.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct DomainList {
    pub(super) data: Vec<Domain>,
}

/// A domain of the account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Domain {
    pub name: String,
    /// `pending`, `verified`, `failed`, `not_started`, `partially_verified`, `partially_failed`.
    pub status: String,
}

impl Domain {
    pub fn is_verified(&self) -> bool {
        self.status == "verified"
    }

    /// The status as people read it.
    pub(super) fn state(&self) -> String {
        super::super::answer::quote(&self.status.replace('_', " "))
    }
}

#[derive(Deserialize)]
pub(super) struct Taken {
    pub(super) id: String,
}
