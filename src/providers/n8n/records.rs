//! What is read of n8n's answers: only names. What workflows do, and what is pinned in them, stays
//! unread.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct WorkflowPage {
    pub(super) data: Vec<Workflow>,
    #[serde(rename = "nextCursor", default)]
    pub(super) next_cursor: Option<String>,
}

/// A workflow, for lists.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Workflow {
    pub name: String,
    /// What n8n has said so far, and calls deprecated.
    #[serde(default)]
    active: bool,
    /// What it says instead: the version that runs, none where it is switched off.
    #[serde(rename = "activeVersionId", default)]
    active_version: Option<String>,
}

impl Workflow {
    /// Whether it is switched on, in the words of an old n8n or a new one.
    pub const fn is_active(&self) -> bool {
        self.active || self.active_version.is_some()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workflow_is_on_in_the_words_of_old_and_new_instances() {
        let is_active = |mut value: serde_json::Value| {
            value["name"] = "Bookings".into();
            serde_json::from_value::<Workflow>(value).map(|one| one.is_active()).ok()
        };
        assert_eq!(is_active(json!({ "active": true })), Some(true));
        assert_eq!(is_active(json!({ "active": true, "activeVersionId": "v1" })), Some(true));
        assert_eq!(is_active(json!({ "activeVersionId": "v1" })), Some(true));
        assert_eq!(is_active(json!({ "active": false, "activeVersionId": null })), Some(false));
        assert_eq!(is_active(json!({})), Some(false));
    }
}
