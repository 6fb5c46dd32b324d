//! What every provider that sends e-mails can do, and what is known about an e-mail afterwards.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::report::FixHint;

/// An e-mail on its way out.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    pub to: &'a str,
    pub subject: &'a str,
    pub text: &'a str,
    /// 1 to 256 characters that stand for this one e-mail: sent again with the same key within a
    /// day, it goes out once. The id of the row that says that it is being sent.
    pub once: &'a str,
}

/// An e-mail that the provider took. Whether it arrives is known later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentMail {
    /// The provider's own id.
    pub id: String,
}

/// What is known about an e-mail that has no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MailFailure {
    /// The provider said no; repeating it changes nothing.
    Refused,
    /// It may have been sent. Repeating it with the same key is safe, with another one it is not.
    Undetermined,
    /// It was certainly not sent; it may be repeated with the same key.
    NotSent,
}

/// An e-mail without an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{sentence}")]
pub struct MailError {
    pub kind: MailFailure,
    /// The provider's code.
    pub code: Option<String>,
    /// One sentence for people.
    pub sentence: String,
    pub fix: Option<FixHint>,
    pub retry_after: Option<Duration>,
}

/// A provider that sends e-mails, signed in to with one clinic's credential.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands an e-mail over.
    ///
    /// # Errors
    /// [`MailError`] with what is known: see [`MailFailure`].
    async fn send(&self, mail: &Mail<'_>) -> Result<SentMail, MailError>;
}
