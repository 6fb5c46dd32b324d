//! What is read of Vonage's answers. Numbers come as text, and as numbers where it pleases.

use serde::{Deserialize, Deserializer};

/// What is left on the account.
#[derive(Debug, Deserialize)]
pub struct Balance {
    /// In euros.
    pub value: f64,
    #[serde(default, rename = "autoReload")]
    pub auto_reload: bool,
}

/// The answer to a send: one entry per part of the message.
#[derive(Debug, Deserialize)]
pub(super) struct SendAnswer {
    pub(super) messages: Vec<Part>,
}

/// One part of a message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Part {
    /// `0` is taken; all else is in `errors`.
    #[serde(deserialize_with = "text_or_number")]
    pub(super) status: String,
    #[serde(default)]
    pub(super) message_id: Option<String>,
    #[serde(default)]
    pub(super) error_text: Option<String>,
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(u32),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Text(text) => text,
        Either::Number(number) => number.to_string(),
    })
}
