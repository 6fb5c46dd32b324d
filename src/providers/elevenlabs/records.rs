//! What is read of ElevenLabs' answers: only the few members that are needed.
//!
//! The rest is dropped unread, since an answer about a user may carry the key itself.

use serde::{Deserialize, Serialize};

/// The account of a key.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    pub user_id: String,
    pub first_name: Option<String>,
    pub subscription: Subscription,
}

/// What the account has bought and used.
#[derive(Clone, Debug, Deserialize)]
pub struct Subscription {
    pub tier: String,
    pub character_count: i64,
    pub character_limit: i64,
    /// Unix time in seconds.
    pub next_character_count_reset_unix: Option<i64>,
    /// `trialing`, `active`, `incomplete`, `past_due`, `free`, `free_disabled`.
    pub status: Option<String>,
}

impl Subscription {
    /// Characters that can still be spoken before the next reset.
    pub fn characters_left(&self) -> i64 {
        self.character_limit.saturating_sub(self.character_count).max(0)
    }
}

#[derive(Deserialize)]
pub(super) struct VoicePage {
    pub(super) voices: Vec<Voice>,
}

/// A voice, for lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voice {
    pub voice_id: String,
    pub name: String,
    pub category: Option<String>,
}
