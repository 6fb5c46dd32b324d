//! What a provider said when a credential was tested: accepted, refused or undetermined.
//!
//! Only *refused* may block a save or change a status. *Undetermined* (a timeout, a 5xx, a 429)
//! says nothing about the credential.

use serde::{Deserialize, Serialize};

/// The three outcomes of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The provider said yes.
    Accepted,
    /// The provider said no.
    Refused,
    /// Nobody could tell.
    Undetermined,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Refused => "refused",
            Outcome::Undetermined => "undetermined",
        }
    }
}

/// What a test found for one capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Yes,
    No,
    /// Could not be asked now (timeout, outage, throttled).
    Unknown,
    /// Cannot be asked without side effects.
    NotTestable,
    /// The clinic has not set up what this needs, by choice.
    NotSetUp,
}

/// One line of a test: a capability and what the provider answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapabilityResult {
    /// Stable key, `send_sms` for example.
    pub capability: String,
    /// The line as a clinic reads it: "Send text messages".
    pub label: String,
    pub answer: Answer,
    /// Why, in one sentence, where there is more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
