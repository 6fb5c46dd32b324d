//! Errors of Meta's Graph API: refused, throttled or undetermined, with a sentence for people.
//!
//! The code decides, not the status: Meta has moved codes from one status to another. Some codes come
//! only later, as the reason of a message that was not delivered; one table (`codes.rs`) explains both.

use std::time::Duration;

use serde::Deserialize;

use super::super::answer::{self, Unexpected, quote};
use super::super::egress::{EgressError, Reply};
use super::super::report::Explanation;
use super::NAME;
use super::codes::{
    APPS, LIST, NUMBERS, OUTAGE, STATUS, SYSTEM_USERS, TABLE, THROTTLED, TOKEN_FIX, TOKEN_SUBCODES,
};

/// What a code of Meta means. Unknown codes get a plain sentence with the code in it.
pub fn explain(code: u32) -> Explanation {
    let code = if (201..=299).contains(&code) { 200 } else { code };
    match TABLE.binary_search_by_key(&code, |row| row.0) {
        Ok(at) => {
            let (_, sentence, fix, url) = TABLE[at];
            Explanation::of(sentence, fix, url)
        }
        Err(_) => Explanation {
            sentence: format!("WhatsApp refused with code {code}.").into(),
            fix: "Look the code up in Meta's list of errors.".into(),
            url: LIST.into(),
        },
    }
}

/// Why a call to Meta did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhatsAppError {
    /// Meta said no. The code is Meta's own, where the answer had one.
    #[error("WhatsApp refused with status {status}, code {code:?}")]
    Refused { status: u16, code: Option<u32>, subcode: Option<u32>, message: Option<String> },
    #[error("WhatsApp asks to slow down")]
    Throttled { code: Option<u32>, retry_after: Option<Duration> },
    #[error("WhatsApp failed with status {status}")]
    Unavailable { status: u16, code: Option<u32> },
    #[error("WhatsApp answered with {0}")]
    Unexpected(Unexpected),
    #[error("WhatsApp was not reached: {0}")]
    Transport(EgressError),
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error: ErrorMember,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorMember {
    code: Option<u32>,
    error_subcode: Option<u32>,
    message: Option<String>,
    is_transient: Option<bool>,
    error_data: Option<ErrorData>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorData {
    details: Option<String>,
}

impl WhatsAppError {
    /// Reads an answer whose status is not 2xx.
    pub(super) fn from_reply(reply: &Reply) -> Self {
        if answer::is_refused_by_a_page(reply) {
            return WhatsAppError::Unexpected(Unexpected::Html);
        }
        let ErrorBody { error } = serde_json::from_slice(&reply.body).unwrap_or_default();
        let (status, code) = (reply.status, error.code);
        let is_of = |codes: &[u32]| code.is_some_and(|code| codes.contains(&code));
        if status == 429 || is_of(THROTTLED) {
            return WhatsAppError::Throttled { code, retry_after: reply.retry_after };
        }
        // A missing capability is documented with status 500.
        let is_refusal = (400..500).contains(&status) || code == Some(3);
        if !is_refusal || is_of(OUTAGE) || error.is_transient == Some(true) {
            return WhatsAppError::Unavailable { status, code };
        }
        let details = error.error_data.and_then(|data| data.details);
        let message = details.or(error.message).map(|text| quote(&text));
        WhatsAppError::Refused { status, code, subcode: error.error_subcode, message }
    }

    /// Meta's code.
    pub fn code(&self) -> Option<u32> {
        match self {
            WhatsAppError::Refused { code, .. }
            | WhatsAppError::Throttled { code, .. }
            | WhatsAppError::Unavailable { code, .. } => *code,
            WhatsAppError::Unexpected(_) | WhatsAppError::Transport(_) => None,
        }
    }

    /// How long to wait before the next try, where somebody said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            WhatsAppError::Throttled { retry_after, .. } => *retry_after,
            WhatsAppError::Transport(EgressError::BreakerOpen { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }

    /// The code or status by which Meta refused, for reference.
    pub fn reference(&self) -> Option<String> {
        match (self, self.code()) {
            (WhatsAppError::Refused { subcode: Some(subcode), .. }, Some(code)) => {
                Some(format!("{code}/{subcode}"))
            }
            (_, Some(code)) => Some(code.to_string()),
            (WhatsAppError::Refused { status, .. } | WhatsAppError::Unavailable { status, .. }, None) => {
                Some(status.to_string())
            }
            (WhatsAppError::Throttled { .. }, None) => Some("429".to_owned()),
            _ => None,
        }
    }

    /// True where the app secret is missing or not that of the token's app. Meta has no code for it.
    pub(super) fn is_about_the_proof(&self) -> bool {
        matches!(self, WhatsAppError::Refused { message: Some(message), .. } if message.contains("appsecret_proof"))
    }

    /// True where an id is unknown to the token: the classic answer is code 100 with subcode 33, a
    /// newer description says 803.
    pub(super) fn is_about_the_id(&self) -> bool {
        matches!(
            self,
            WhatsAppError::Refused { code: Some(33 | 803), .. }
                | WhatsAppError::Refused { code: Some(100), subcode: Some(33), .. }
                | WhatsAppError::Refused { code: None, status: 404, .. }
        )
    }

    /// What it means and what to do.
    pub fn explain(&self) -> Explanation {
        match self {
            WhatsAppError::Refused { message: Some(message), .. }
                if self.is_about_the_proof() && message.contains("require") =>
            {
                Explanation::of(
                    "WhatsApp says that this app takes calls only together with its app secret.",
                    "Enter the app secret, or switch \"Require app secret\" off in the app's advanced settings.",
                    APPS,
                )
            }
            WhatsAppError::Refused { .. } if self.is_about_the_proof() => Explanation::of(
                "WhatsApp says that the app secret is not that of the app which made the access token.",
                "Copy the app secret of the app that the token was made for.",
                APPS,
            ),
            WhatsAppError::Refused { .. } if self.is_about_the_id() => Explanation::of(
                "WhatsApp does not know this id, or does not show it to this token.",
                "Copy the ids again, and assign the WhatsApp account to the system user of the token.",
                NUMBERS,
            ),
            WhatsAppError::Refused { code: Some(190), subcode: Some(subcode), .. } => {
                match TOKEN_SUBCODES.iter().find(|row| row.0 == *subcode) {
                    Some((_, sentence)) => Explanation::of(sentence, TOKEN_FIX, SYSTEM_USERS),
                    None => explain(190),
                }
            }
            WhatsAppError::Refused { code: Some(code), message, .. } => {
                with_message(*code, message.as_deref())
            }
            WhatsAppError::Refused { status: 401, .. } => explain(0),
            WhatsAppError::Refused { status: 403, .. } => explain(10),
            WhatsAppError::Refused { status, .. } => Explanation {
                sentence: format!("WhatsApp refused the request with status {status} and gave no reason.")
                    .into(),
                fix: "Look at the app's alerts at Meta.".into(),
                url: APPS.into(),
            },
            WhatsAppError::Throttled { code: Some(code), .. } => with_message(*code, None),
            WhatsAppError::Throttled { code: None, .. } => explain(4),
            WhatsAppError::Unavailable { code: Some(code), .. }
                if TABLE.binary_search_by_key(code, |row| row.0).is_ok() =>
            {
                explain(*code)
            }
            WhatsAppError::Unavailable { .. } => Explanation::of(
                "WhatsApp has a problem of its own right now.",
                "Look at Meta's status page and try again later.",
                STATUS,
            ),
            WhatsAppError::Unexpected(what) => Explanation {
                sentence: what.sentence(NAME).into(),
                fix: "Try again later.".into(),
                url: STATUS.into(),
            },
            WhatsAppError::Transport(error) => Explanation {
                sentence: error.sentence(NAME).into(),
                fix: "Try again later. If it stays, ask who runs this service to check its network.".into(),
                url: STATUS.into(),
            },
        }
    }
}

/// The table's sentence; where a value is not valid or the code is unknown, Meta's own words too.
fn with_message(code: u32, message: Option<&str>) -> Explanation {
    let mut explanation = explain(code);
    let is_known = TABLE.binary_search_by_key(&code, |row| row.0).is_ok() || (201..=299).contains(&code);
    let Some(message) = message.map(|text| text.trim_end_matches('.')) else { return explanation };
    if !is_known {
        explanation.sentence = format!("WhatsApp refused with code {code}: {message}.").into();
    } else if matches!(code, 100 | 131008 | 131009) {
        let sentence = explanation.sentence.trim_end_matches('.');
        explanation.sentence = format!("{sentence}: {message}.").into();
    }
    explanation
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
