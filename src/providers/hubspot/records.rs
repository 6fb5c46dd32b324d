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
    #[serde(default)]
    pub fetch_status: Option<String>,
}

impl Usage {
    /// Whether HubSpot has counted: after `FAILURE`, `NOTFOUND` or `TIMEOUT` the numbers say nothing.
    pub fn is_counted(&self) -> bool {
        self.fetch_status.as_deref().is_none_or(|status| matches!(status, "SUCCESS" | "CACHED"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_that_hubspot_could_not_fetch_are_none() {
        let usage = |status: &str| json!({ "usageLimit": 0, "currentUsage": 0, "fetchStatus": status });
        for (status, is_counted) in
            [("SUCCESS", true), ("CACHED", true), ("FAILURE", false), ("NOTFOUND", false), ("TIMEOUT", false)]
        {
            let found: Usage = serde_json::from_value(usage(status)).expect(status);
            assert_eq!(found.is_counted(), is_counted, "{status}");
        }
    }
}
