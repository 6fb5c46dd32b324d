//! What is read of Retell AI's answers: only the few members that are needed.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct AgentPage {
    pub(super) items: Vec<Agent>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// An agent, for lists.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Agent {
    pub agent_id: String,
    pub agent_name: Option<String>,
}

/// How many calls the account may have at once.
#[derive(Clone, Debug, Deserialize)]
pub struct Concurrency {
    pub current_concurrency: Option<i64>,
    pub concurrency_limit: Option<i64>,
}
