//! What Vapi's refusals mean, and what to do about them.
//!
//! Bodies follow `{"message": text or list, "error": text, "statusCode": number}`; the delete of a
//! pinned assistant answers `{"error": "assistant_pinned", "message": text}`.

use std::time::Duration;

use serde::Deserialize;

use super::super::answer::{self, Unexpected, quote};
use super::super::egress::{EgressError, Reply};
use super::super::report::{Explanation, TestReport};
use super::{KEYS_URL, NAME};

const STATUS_URL: &str = "https://status.vapi.ai";
const DASHBOARD_URL: &str = "https://dashboard.vapi.ai";
const BILLING_URL: &str = "https://dashboard.vapi.ai/settings/billing";

/// Why a call to Vapi did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VapiError {
    /// 401: unknown, deleted, or the public key.
    #[error("Vapi does not know the key")]
    KeyRejected,
    /// 402 or 403: the key is known, the organization may not do this.
    #[error("Vapi does not allow this (status {status})")]
    Forbidden { status: u16 },
    #[error("Vapi has no such object")]
    NotFound,
    /// 400 or 422, in Vapi's own words.
    #[error("Vapi refused the request: {}", messages.join("; "))]
    Invalid { messages: Vec<String> },
    /// 409: pinned by a version or a squad, in Vapi's own words.
    #[error("Vapi keeps the object: {message}")]
    Conflict { message: String },
    #[error("Vapi asks to slow down")]
    Throttled { retry_after: Option<Duration> },
    #[error("Vapi failed with status {status}")]
    Unavailable { status: u16 },
    /// This way of the API does not exist for the account.
    #[error("Vapi does not offer this")]
    Unsupported,
    #[error("Vapi answered with {0}")]
    Unexpected(Unexpected),
    /// The answer sends the browser to an address that is none of Vapi's.
    #[error("Vapi named an address that is not its own")]
    ForeignAddress,
    #[error("Vapi was not reached: {0}")]
    Transport(EgressError),
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    message: Option<Messages>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Messages {
    One(String),
    Many(Vec<String>),
}

impl VapiError {
    /// Reads an answer whose status is not 2xx.
    pub(super) fn from_reply(reply: &Reply) -> Self {
        if answer::is_refused_by_a_page(reply) {
            return VapiError::Unexpected(Unexpected::Html);
        }
        let body: ErrorBody = serde_json::from_slice(&reply.body).unwrap_or_default();
        let messages: Vec<String> = match body.message {
            Some(Messages::One(text)) => vec![quote(&text)],
            Some(Messages::Many(texts)) => texts.iter().take(10).map(|text| quote(text)).collect(),
            None => Vec::new(),
        };
        match reply.status {
            401 => VapiError::KeyRejected,
            402 | 403 => VapiError::Forbidden { status: reply.status },
            404 => VapiError::NotFound,
            409 => VapiError::Conflict { message: messages.join("; ") },
            429 => VapiError::Throttled { retry_after: reply.retry_after },
            400..=499 => VapiError::Invalid { messages },
            status => VapiError::Unavailable { status },
        }
    }

    /// True when the request may have had its effect although no good answer came.
    pub fn may_have_happened(&self) -> bool {
        match self {
            VapiError::Transport(error) => error.may_have_arrived(),
            VapiError::Unavailable { .. } | VapiError::Unexpected(_) => true,
            _ => false,
        }
    }

    /// True when nothing is known about the credential, and trying later may help.
    pub fn is_undetermined(&self) -> bool {
        matches!(
            self,
            VapiError::Throttled { .. }
                | VapiError::Unavailable { .. }
                | VapiError::Unexpected(_)
                | VapiError::Transport(_)
        )
    }

    /// How long to wait before the next try, where somebody said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            VapiError::Throttled { retry_after } => *retry_after,
            VapiError::Transport(EgressError::BreakerOpen { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }

    /// The status by which Vapi refused, for reference.
    pub fn reference(&self) -> Option<String> {
        let status = match self {
            VapiError::KeyRejected => 401,
            VapiError::Forbidden { status } | VapiError::Unavailable { status } => *status,
            VapiError::NotFound => 404,
            VapiError::Invalid { .. } => 400,
            VapiError::Conflict { .. } => 409,
            VapiError::Throttled { .. } => 429,
            _ => return None,
        };
        Some(status.to_string())
    }

    /// What it means and what to do.
    pub fn explain(&self) -> Explanation {
        match self {
            VapiError::KeyRejected => Explanation::of(
                "Vapi rejected the key: it is wrong, or it is the public key instead of the private one.",
                "Copy the private key from the list \"Private API Keys\" and paste it again.",
                KEYS_URL,
            ),
            VapiError::Forbidden { status: 402 } => Explanation::of(
                "Vapi refused: the Vapi organization has no active subscription or no credit.",
                "Check the billing page of the Vapi organization.",
                BILLING_URL,
            ),
            VapiError::Forbidden { .. } => Explanation::of(
                "Vapi knows this key but does not allow it to do this.",
                "Use a private key without restrictions, or allow it to use assistants and phone numbers.",
                KEYS_URL,
            ),
            VapiError::NotFound => Explanation::of(
                "Vapi has no such object: it was deleted there, or it belongs to another Vapi organization.",
                "Check that the key belongs to the Vapi organization that holds your assistants.",
                DASHBOARD_URL,
            ),
            VapiError::Invalid { messages } => Explanation {
                sentence: format!(
                    "Vapi refused the settings: {}.",
                    messages.first().map_or("no reason given", |text| text.trim_end_matches('.'))
                )
                .into(),
                fix: "Change the setting that Vapi names and save again.".into(),
                url: "https://docs.vapi.ai/api-reference/assistants/create".into(),
            },
            VapiError::Conflict { .. } => Explanation::of(
                "Vapi keeps the assistant because something else there still uses it.",
                "Remove it from squads, phone numbers and pinned versions in the Vapi dashboard, then try again.",
                DASHBOARD_URL,
            ),
            VapiError::Throttled { .. } => Explanation::of(
                "Vapi asks to slow down: too many requests.",
                "Wait a moment and try again. Nothing was changed.",
                "https://docs.vapi.ai/calls/call-concurrency",
            ),
            VapiError::Unavailable { .. } => Explanation::of(
                "Vapi has a problem of its own right now.",
                "Look at Vapi's status page and try again later.",
                STATUS_URL,
            ),
            VapiError::Unsupported => Explanation::of(
                "Vapi does not offer this for the account.",
                "Set it up by hand in the Vapi dashboard.",
                "https://docs.vapi.ai/server-url/server-authentication",
            ),
            VapiError::Unexpected(what) => Explanation {
                sentence: what.sentence(NAME).into(),
                fix: "Try again later.".into(),
                url: STATUS_URL.into(),
            },
            VapiError::ForeignAddress => Explanation::of(
                "Vapi named an address for the call that is not one of Vapi's own, so it is not opened.",
                "Try again later. If it stays, tell Vapi's support and who runs this service.",
                STATUS_URL,
            ),
            VapiError::Transport(error) => Explanation {
                sentence: error.sentence(NAME).into(),
                fix: "Try again later. If it stays, ask who runs this service to check its network.".into(),
                url: STATUS_URL.into(),
            },
        }
    }

    /// The report of a test that ended with this error.
    pub(super) fn report(&self) -> TestReport {
        let explanation = self.explain();
        // A plain read that is "not found" or "invalid" says nothing about the key.
        let is_refusal = matches!(self, VapiError::KeyRejected | VapiError::Forbidden { .. });
        let report = if is_refusal {
            TestReport::refused(&explanation, Some("apiKey"))
        } else {
            TestReport {
                fix: explanation.hint(),
                ..TestReport::undetermined(explanation.sentence.into_owned(), self.retry_after())
            }
        };
        TestReport { reference: self.reference(), ..report }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &'static str) -> VapiError {
        VapiError::from_reply(&Reply { status, retry_after: None, is_html: false, body: body.into() })
    }

    #[test]
    fn statuses_become_their_meanings() {
        assert_eq!(error(401, "{}"), VapiError::KeyRejected);
        assert_eq!(error(403, ""), VapiError::Forbidden { status: 403 });
        assert_eq!(error(404, ""), VapiError::NotFound);
        assert_eq!(error(503, ""), VapiError::Unavailable { status: 503 });
        assert_eq!(
            error(400, r#"{"message":["assistant.property x should not exist"],"statusCode":400}"#),
            VapiError::Invalid { messages: vec!["assistant.property x should not exist".into()] }
        );
        assert_eq!(
            error(409, r#"{"error":"assistant_pinned","message":"pinned by v2"}"#),
            VapiError::Conflict { message: "pinned by v2".into() }
        );
    }

    #[test]
    fn a_refusal_on_a_web_page_is_not_vapis() {
        for status in [401, 402, 403, 404] {
            let page = error(status, "<!doctype html>");
            assert_eq!(page, VapiError::Unexpected(Unexpected::Html), "{status}");
            assert!(page.is_undetermined(), "{status}");
        }
    }

    #[test]
    fn one_sentence_names_both_causes_of_a_rejected_key() {
        let sentence = VapiError::KeyRejected.explain().sentence;
        assert!(sentence.contains("wrong") && sentence.contains("public key"), "{sentence}");
        assert_eq!(sentence.matches('.').count(), 1, "{sentence}");
    }

    #[test]
    fn every_error_says_who_what_to_do_and_where() {
        let all = [
            VapiError::KeyRejected,
            VapiError::Forbidden { status: 402 },
            VapiError::Forbidden { status: 403 },
            VapiError::NotFound,
            VapiError::Invalid { messages: Vec::new() },
            VapiError::Conflict { message: String::new() },
            VapiError::Throttled { retry_after: None },
            VapiError::Unavailable { status: 500 },
            VapiError::Unsupported,
            VapiError::Unexpected(Unexpected::Html),
            VapiError::ForeignAddress,
            VapiError::Transport(EgressError::Timeout),
        ];
        for error in all {
            let explanation = error.explain();
            assert!(explanation.sentence.contains(NAME), "{explanation:?}");
            let hint = explanation.hint().expect("a hint");
            assert!(hint.url.starts_with("https://"), "{hint:?}");
        }
    }

    #[test]
    fn only_answers_about_the_key_are_refusals() {
        assert!(!VapiError::KeyRejected.is_undetermined());
        for error in [error(429, ""), error(500, ""), VapiError::Transport(EgressError::Timeout)] {
            assert!(error.is_undetermined(), "{error}");
        }
    }
}
