//! What is read of HubSpot's answers: only the few members that are needed. Of contacts nothing is.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The account of a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    pub portal_id: u64,
    /// `STANDARD`, `DEVELOPER_TEST`, `SANDBOX`, `APP_DEVELOPER`.
    pub account_type: Option<String>,
    pub ui_domain: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Contacts {
    /// Read so that another kind of answer is noticed; what is in it stays unread.
    #[serde(rename = "results")]
    pub(super) _results: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct UsageList {
    pub(super) results: Vec<Usage>,
}

/// Calls of today, of all private apps of the account together.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub usage_limit: i64,
    pub current_usage: i64,
}
