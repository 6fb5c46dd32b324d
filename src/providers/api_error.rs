//! Why a call to a provider with one key did not do what it should, read by the provider's own table.
//!
//! The providers that are signed in to with one key differ in the form of their errors and in their
//! codes, and in nothing else: each brings a [`Dialect`], which is data. Vapi and Twilio, whose
//! errors carry more than that, have types of their own.

use std::time::Duration;

use serde_json::Value;

use super::answer::{self, Unexpected, quote};
use super::egress::{EgressError, Reply};
use super::report::{Explanation, TestReport};

/// What a refusal says about the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not good, or the account behind it is not.
    Refused,
    /// It is good, and may not do this one thing.
    Limited,
    /// Nothing: the request was not right, or the provider has a problem.
    Silent,
}

/// One code of a provider: what it means, what to do, where.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The provider's own word, or a status where the answer had none: `401`.
    pub code: &'static str,
    pub verdict: Verdict,
    pub sentence: &'static str,
    pub fix: &'static str,
    pub url: &'static str,
}

impl Row {
    pub const fn of(
        code: &'static str,
        verdict: Verdict,
        sentence: &'static str,
        fix: &'static str,
        url: &'static str,
    ) -> Self {
        Self { code, verdict, sentence, fix, url }
    }
}

/// How a provider writes errors.
#[derive(Debug)]
pub struct Dialect {
    /// The provider's name in sentences.
    pub name: &'static str,
    pub status_url: &'static str,
    /// Every code that its documents name, and one row each for the statuses 401, 403 and 429.
    pub rows: &'static [Row],
    /// Finds code and message in the body of an error with that status. `Null` where it is no JSON.
    pub read: fn(u16, &Value) -> Told,
}

/// What an error said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub code: Option<String>,
    pub message: Option<String>,
}

impl Dialect {
    pub fn row(&self, code: &str) -> Option<&'static Row> {
        self.rows.iter().find(|row| row.code == code)
    }
}

/// Why a call did not do what it should.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {kind}", dialect.name)]
pub struct ApiError {
    dialect: &'static Dialect,
    pub kind: ErrorKind,
}

/// The kinds of failures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// A 4xx but 429, or another status with a code that the table knows as a refusal.
    #[error("refused with status {status}, code {code:?}")]
    Refused { status: u16, code: Option<String>, message: Option<String> },
    #[error("asks to slow down (code {code:?})")]
    Throttled { code: Option<String>, retry_after: Option<Duration> },
    #[error("failed with status {status}")]
    Unavailable { status: u16, code: Option<String> },
    /// A refusal on a web page, so by somebody in between.
    #[error("a web page with status {status} came back")]
    Page { status: u16 },
    #[error("answered with {0}")]
    Unexpected(Unexpected),
    #[error("was not reached: {0}")]
    Transport(EgressError),
}

impl ApiError {
    pub(super) const fn new(dialect: &'static Dialect, kind: ErrorKind) -> Self {
        Self { dialect, kind }
    }

    /// Reads an answer whose status is not 2xx.
    pub(super) fn from_reply(dialect: &'static Dialect, reply: &Reply) -> Self {
        if answer::is_refused_by_a_page(reply) {
            return Self { dialect, kind: ErrorKind::Page { status: reply.status } };
        }
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let Told { code, message } = (dialect.read)(reply.status, &body);
        let code = code.map(|code| quote(&code));
        let kind = match reply.status {
            429 => ErrorKind::Throttled { code, retry_after: reply.retry_after },
            status @ 400..=499 => {
                ErrorKind::Refused { status, code, message: message.map(|text| quote(&text)) }
            }
            status => ErrorKind::Unavailable { status, code },
        };
        Self { dialect, kind }
    }

    /// The provider's code.
    pub fn code(&self) -> Option<&str> {
        match &self.kind {
            ErrorKind::Refused { code, .. }
            | ErrorKind::Throttled { code, .. }
            | ErrorKind::Unavailable { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    fn status(&self) -> Option<u16> {
        match &self.kind {
            ErrorKind::Refused { status, .. } | ErrorKind::Unavailable { status, .. } => Some(*status),
            ErrorKind::Throttled { .. } => Some(429),
            _ => None,
        }
    }

    /// The row of the code, else of the status. What is on a web page is in no table.
    fn row(&self) -> Option<&'static Row> {
        let by_code = self.code().and_then(|code| self.dialect.row(code));
        by_code.or_else(|| self.dialect.row(&self.status()?.to_string()))
    }

    /// What it says about the credential. Without a row only 401 and 403 say something, and only where
    /// they are the provider's own.
    pub fn verdict(&self) -> Verdict {
        match (&self.kind, self.row()) {
            (ErrorKind::Refused { .. }, Some(row)) => row.verdict,
            (ErrorKind::Refused { status: 401 | 403, .. }, None) => Verdict::Refused,
            _ => Verdict::Silent,
        }
    }

    /// How long to wait before the next try, where somebody said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.kind {
            ErrorKind::Throttled { retry_after, .. } => *retry_after,
            ErrorKind::Transport(EgressError::BreakerOpen { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }

    /// The code or status by which the provider refused, for reference.
    pub fn reference(&self) -> Option<String> {
        self.code().map(str::to_owned).or_else(|| self.status().map(|status| status.to_string()))
    }

    /// What it means and what to do.
    pub fn explain(&self) -> Explanation {
        let Dialect { name, status_url, .. } = self.dialect;
        if let Some(row) = self.row() {
            return Explanation::of(row.sentence, row.fix, row.url);
        }
        let again = |sentence: String| Explanation {
            sentence: sentence.into(),
            fix: "Try again later.".into(),
            url: (*status_url).into(),
        };
        match &self.kind {
            ErrorKind::Refused { status, message, .. } => Explanation {
                sentence: match message {
                    Some(text) => format!("{name} refused the request: {}.", text.trim_end_matches('.')),
                    None => format!("{name} refused the request with status {status} and gave no reason."),
                }
                .into(),
                fix: "Check the key and try again.".into(),
                url: (*status_url).into(),
            },
            ErrorKind::Throttled { .. } => again(format!("{name} asks to slow down: too many requests.")),
            ErrorKind::Unavailable { .. } => Explanation {
                sentence: format!("{name} has a problem of its own right now.").into(),
                fix: format!("Look at the status page of {name} and try again later.").into(),
                url: (*status_url).into(),
            },
            ErrorKind::Page { .. } => again(Unexpected::Html.sentence(name)),
            ErrorKind::Unexpected(what) => again(what.sentence(name)),
            ErrorKind::Transport(error) => Explanation {
                sentence: error.sentence(name).into(),
                fix: "Try again later. If it stays, ask who runs this service to check its network.".into(),
                url: (*status_url).into(),
            },
        }
    }

    /// The report of a test that ended with this error, about that field.
    pub(super) fn report(&self, field: &'static str) -> TestReport {
        let explanation = self.explain();
        let report = if self.verdict() == Verdict::Silent {
            TestReport {
                fix: explanation.hint(),
                ..TestReport::undetermined(explanation.sentence.into_owned(), self.retry_after())
            }
        } else {
            TestReport::refused(&explanation, Some(field))
        };
        TestReport { reference: self.reference(), ..report }
    }
}

/// A text at one of these places of a body, the first that is there.
pub(super) fn text_at(body: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|at| body.pointer(at)?.as_str()).map(str::to_owned)
}

#[cfg(test)]
#[path = "api_error_tests.rs"]
mod tests;
