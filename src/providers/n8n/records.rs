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
    #[serde(default)]
    pub active: bool,
}
