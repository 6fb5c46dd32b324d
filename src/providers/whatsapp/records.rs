//! The parts of Meta's answers that are read. Only ids are taken for granted: Meta leaves out what a
//! token may not see.

use serde::Deserialize;

/// A phone number of the WhatsApp Business Platform.
#[derive(Debug, Deserialize)]
pub struct Number {
    pub id: String,
    pub display_phone_number: Option<String>,
    pub verified_name: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `NA` or `UNKNOWN`.
    pub quality_rating: Option<String>,
}

/// How many customers a number may write to within 24 hours.
#[derive(Debug, Deserialize)]
pub(super) struct Tier {
    /// `TIER_250`, `TIER_1K`, `TIER_10K`, `TIER_100K`, `TIER_UNLIMITED`.
    pub messaging_limit_tier: Option<String>,
}

/// A list of things of which only the ids are looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Ids {
    pub data: Vec<Named>,
    #[serde(default)]
    paging: Paging,
}

impl Ids {
    /// Behind what the next page begins; none where this is the last one.
    pub fn next_cursor(self) -> Option<String> {
        self.paging.next.and(self.paging.cursors.after)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Paging {
    cursors: Cursors,
    /// The address of the next page. Only that there is one is looked at.
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cursors {
    after: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub id: String,
}

/// What Meta says about the token itself.
#[derive(Debug, Deserialize)]
pub(super) struct Inspected {
    pub data: TokenFacts,
}

#[derive(Debug, Deserialize)]
pub(super) struct TokenFacts {
    /// Unix time; 0 for a token that does not end.
    pub expires_at: Option<i64>,
    pub scopes: Option<Vec<String>>,
}

/// A message that Meta took.
#[derive(Debug, Deserialize)]
pub(super) struct Taken {
    pub messages: Vec<TakenMessage>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TakenMessage {
    pub id: String,
    /// Only of templates: `accepted`, `held_for_quality_assessment`, `paused`.
    pub message_status: Option<String>,
}
