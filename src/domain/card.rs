//! The state that a card shows: one pure function of what is known.
//!
//! Stale is not broken, an outage is not a bad key, and a pause is somebody's wish: each has a
//! state of its own, with a word and an icon, never a colour alone.

use serde::{Deserialize, Serialize};

use super::outcome::Answer;

/// How the last test of the stored credential ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verification {
    Pending,
    Verified,
    Failed,
    Undetermined,
}

impl Verification {
    pub const ALL: [Verification; 4] =
        [Verification::Pending, Verification::Verified, Verification::Failed, Verification::Undetermined];

    pub const fn as_str(self) -> &'static str {
        match self {
            Verification::Pending => "pending",
            Verification::Verified => "verified",
            Verification::Failed => "failed",
            Verification::Undetermined => "undetermined",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.as_str() == word)
    }
}

/// What is known about an integration when its card is drawn.
#[derive(Clone, Debug)]
pub struct CardFacts<'a> {
    /// An active credential is stored.
    pub has_credential: bool,
    pub is_paused: bool,
    pub verification: Verification,
    /// Answers of the last test, one per capability.
    pub answers: &'a [Answer],
    /// The stored credential opened with the keys that this process has.
    pub is_readable: bool,
    /// Set-up at the provider is not finished (the assistants of Vapi).
    pub setup_incomplete: bool,
}

/// The states of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardState {
    NotConfigured,
    Connected,
    ConnectedLimited,
    NeedsVerification,
    Error,
    Paused,
    CannotCheck,
    Unreadable,
}

/// The four meanings that colours and icons stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Meaning {
    Works,
    Attention,
    Broken,
    Unknown,
}

impl CardState {
    pub const ALL: [CardState; 8] = [
        CardState::NotConfigured,
        CardState::Connected,
        CardState::ConnectedLimited,
        CardState::NeedsVerification,
        CardState::Error,
        CardState::Paused,
        CardState::CannotCheck,
        CardState::Unreadable,
    ];

    /// Decides. The order is the order of importance: what nobody can read comes first.
    pub fn of(facts: &CardFacts<'_>) -> Self {
        if !facts.has_credential {
            return CardState::NotConfigured;
        }
        if !facts.is_readable {
            return CardState::Unreadable;
        }
        if facts.is_paused {
            return CardState::Paused;
        }
        match facts.verification {
            Verification::Failed => CardState::Error,
            Verification::Pending => CardState::NeedsVerification,
            Verification::Undetermined => CardState::CannotCheck,
            Verification::Verified if facts.setup_incomplete => CardState::NeedsVerification,
            Verification::Verified if facts.answers.contains(&Answer::No) => CardState::ConnectedLimited,
            Verification::Verified => CardState::Connected,
        }
    }

    /// The words on the card.
    pub const fn label(self) -> &'static str {
        match self {
            CardState::NotConfigured => "Not configured",
            CardState::Connected => "Connected",
            CardState::ConnectedLimited => "Connected (limited)",
            CardState::NeedsVerification => "Needs verification",
            CardState::Error => "Error",
            CardState::Paused => "Paused",
            CardState::CannotCheck => "Cannot check right now",
            CardState::Unreadable => "Unreadable",
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            CardState::NotConfigured => "not_configured",
            CardState::Connected => "connected",
            CardState::ConnectedLimited => "connected_limited",
            CardState::NeedsVerification => "needs_verification",
            CardState::Error => "error",
            CardState::Paused => "paused",
            CardState::CannotCheck => "cannot_check",
            CardState::Unreadable => "unreadable",
        }
    }

    pub const fn meaning(self) -> Meaning {
        match self {
            CardState::Connected => Meaning::Works,
            CardState::ConnectedLimited | CardState::NeedsVerification => Meaning::Attention,
            CardState::Error | CardState::Unreadable => Meaning::Broken,
            CardState::NotConfigured | CardState::Paused | CardState::CannotCheck => Meaning::Unknown,
        }
    }

    /// Smaller is worse: cards are listed worst first.
    pub const fn urgency(self) -> u8 {
        match self.meaning() {
            Meaning::Broken => 0,
            Meaning::Attention => 1,
            Meaning::Unknown => match self {
                CardState::NotConfigured => 4,
                _ => 2,
            },
            Meaning::Works => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(verification: Verification) -> CardFacts<'static> {
        CardFacts {
            has_credential: true,
            is_paused: false,
            verification,
            answers: &[Answer::Yes],
            is_readable: true,
            setup_incomplete: false,
        }
    }

    #[test]
    fn each_fact_has_its_own_state() {
        let none = CardFacts { has_credential: false, ..facts(Verification::Verified) };
        assert_eq!(CardState::of(&none), CardState::NotConfigured);
        assert_eq!(CardState::of(&facts(Verification::Verified)), CardState::Connected);
        assert_eq!(CardState::of(&facts(Verification::Failed)), CardState::Error);
        assert_eq!(CardState::of(&facts(Verification::Pending)), CardState::NeedsVerification);
        assert_eq!(CardState::of(&facts(Verification::Undetermined)), CardState::CannotCheck);
        let limited = CardFacts { answers: &[Answer::Yes, Answer::No], ..facts(Verification::Verified) };
        assert_eq!(CardState::of(&limited), CardState::ConnectedLimited);
        let paused = CardFacts { is_paused: true, ..facts(Verification::Failed) };
        assert_eq!(CardState::of(&paused), CardState::Paused);
        let unreadable = CardFacts { is_readable: false, ..facts(Verification::Verified) };
        assert_eq!(CardState::of(&unreadable), CardState::Unreadable);
    }

    #[test]
    fn an_outage_is_not_a_broken_card() {
        assert_eq!(CardState::of(&facts(Verification::Undetermined)).meaning(), Meaning::Unknown);
    }
}
