//! What AWS's error codes mean, and what to do about them.
//! <https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html>

use std::time::Duration;

use super::super::answer::{self, Unexpected, quote};
use super::super::egress::{EgressError, Reply};
use super::super::report::Explanation;
use super::super::sms::{SendError, SendFailure};
use super::{NAME, SMS_URL, USERS_URL, xml};

const STATUS: &str = "https://health.aws.amazon.com/health/status";
const CODES: &str = "https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html";
const OPTED_OUT: &str = "https://docs.aws.amazon.com/sns/latest/dg/sms_manage_optout.html";
const ACCOUNT: &str = "https://console.aws.amazon.com/billing/home#/account";

/// Code, sentence, what to do, where.
const TABLE: &[(&str, &str, &str, &str)] = &[
    (
        "InvalidClientTokenId",
        "AWS SNS rejected the access key ID: AWS does not know it, or it was deactivated.",
        "Copy the ID of an active access key from the AWS console.",
        USERS_URL,
    ),
    (
        "SignatureDoesNotMatch",
        "AWS SNS rejected the secret access key: it does not belong to this access key ID.",
        "Make a new access key in the AWS console and copy both of its parts.",
        USERS_URL,
    ),
    (
        "ExpiredToken",
        "AWS SNS says that this is a temporary key, and that it has ended.",
        "Use an access key that begins with AKIA.",
        USERS_URL,
    ),
    (
        "AuthorizationError",
        "AWS SNS knows this key but does not allow it to do this.",
        "Allow the user sns:Publish, sns:GetSMSSandboxAccountStatus and sns:GetSMSAttributes in IAM.",
        USERS_URL,
    ),
    (
        "OptInRequired",
        "AWS SNS says that this account is not signed up for the service, or is suspended.",
        "Open the AWS console and follow what it says about the account.",
        ACCOUNT,
    ),
    (
        "OptedOut",
        "AWS SNS says that the recipient has answered STOP.",
        "Ask the recipient; a number can be opted in again once in 30 days.",
        OPTED_OUT,
    ),
    (
        "InvalidParameter",
        "AWS SNS says that a part of the message is not valid: the recipient's number, or who it comes from.",
        "Check the number, and the sender ID or origination number in the card.",
        SMS_URL,
    ),
    (
        "UserError",
        "AWS SNS says that a part of the request is not valid.",
        "Check the number, and the sender ID or origination number in the card.",
        SMS_URL,
    ),
    (
        "EndpointDisabled",
        "AWS SNS says that the recipient is switched off.",
        "Check the number with the recipient.",
        SMS_URL,
    ),
    (
        "NotFound",
        "AWS SNS does not know what was asked for: this region may not send text messages.",
        "Choose another region in the card.",
        SMS_URL,
    ),
    (
        "Throttled",
        "AWS SNS asks to slow down: too many requests. Nothing was sent.",
        "Wait a moment and try again.",
        CODES,
    ),
    (
        "MissingAuthenticationToken",
        "AWS SNS says that the request was not signed.",
        "Try again. If it stays, tell who runs this service.",
        CODES,
    ),
    (
        "IncompleteSignature",
        "AWS SNS says that the signature of the request is not whole.",
        "Try again. If it stays, tell who runs this service.",
        CODES,
    ),
    (
        "InternalError",
        "AWS SNS reports an error of its own.",
        "Look at AWS's status page and try again later.",
        STATUS,
    ),
    (
        "ServiceUnavailable",
        "AWS SNS is not available right now.",
        "Look at AWS's status page and try again later.",
        STATUS,
    ),
    (
        "RequestExpired",
        "AWS SNS says that the time of the request is wrong: a clock is not right.",
        "Ask who runs this service to check its clock.",
        CODES,
    ),
];

/// Other spellings of the same.
const SAME: &[(&str, &str)] = &[
    ("InvalidAccessKeyId", "InvalidClientTokenId"),
    ("UnrecognizedClientException", "InvalidClientTokenId"),
    ("InvalidSignatureException", "SignatureDoesNotMatch"),
    ("InvalidSecurity", "SignatureDoesNotMatch"),
    ("ExpiredTokenException", "ExpiredToken"),
    ("AccessDenied", "AuthorizationError"),
    ("AccessDeniedException", "AuthorizationError"),
    ("SubscriptionRequiredException", "OptInRequired"),
    ("ParameterValueInvalid", "InvalidParameter"),
    ("InvalidParameterValue", "InvalidParameter"),
    ("ValidationException", "InvalidParameter"),
    ("ValidationError", "InvalidParameter"),
    ("InternalFailure", "InternalError"),
    ("Throttling", "Throttled"),
    ("ThrottlingException", "Throttled"),
];

/// What a code of AWS means. Unknown codes get a plain sentence with the code in it.
pub fn explain(code: &str) -> Explanation {
    let code = same(code);
    match TABLE.iter().find(|row| row.0 == code) {
        Some((_, sentence, fix, url)) => Explanation::of(sentence, fix, url),
        None => Explanation {
            sentence: format!("AWS SNS refused with {}.", quote(code)).into(),
            fix: "Look the code up in AWS's list of errors.".into(),
            url: CODES.into(),
        },
    }
}

fn same(code: &str) -> &str {
    SAME.iter().find(|(other, _)| *other == code).map_or(code, |(_, same)| same)
}

/// Why a call to AWS did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnsError {
    /// A 4xx with AWS's code.
    #[error("AWS refused with status {status}, code {code:?}")]
    Refused { status: u16, code: Option<String>, message: Option<String> },
    /// AWS's clock and ours differ by more than the quarter of an hour that it forgives.
    #[error("AWS refused the time of the request")]
    Clock,
    #[error("AWS asks to slow down")]
    Throttled { code: Option<String>, retry_after: Option<Duration> },
    #[error("AWS failed with status {status}")]
    Unavailable { status: u16 },
    #[error("AWS answered with {0}")]
    Unexpected(Unexpected),
    #[error("AWS was not reached: {0}")]
    Transport(EgressError),
}

impl SnsError {
    /// Reads an answer whose status is not 2xx.
    pub(super) fn from_reply(reply: &Reply) -> Self {
        let text = String::from_utf8_lossy(&reply.body);
        let code = xml::text_of(&text, "Code").map(|code| quote(&code));
        let message = xml::text_of(&text, "Message").map(|message| quote(&message));
        // AWS's own form begins with an angle bracket as well.
        if code.is_none() && answer::is_refused_by_a_page(reply) {
            return SnsError::Unexpected(Unexpected::Html);
        }
        let says = |words: &str| message.as_deref().is_some_and(|message| message.contains(words));
        match (reply.status, code.as_deref().map(same)) {
            (429, _) | (400, Some("Throttled")) => {
                SnsError::Throttled { code, retry_after: reply.retry_after }
            }
            (_, Some("RequestExpired")) => SnsError::Clock,
            // A wrong time is told under the code of a wrong secret.
            (_, Some("SignatureDoesNotMatch")) if says("Signature expired") || says("not yet current") => {
                SnsError::Clock
            }
            (status @ 400..=499, _) => SnsError::Refused { status, code, message },
            (status, _) => SnsError::Unavailable { status },
        }
    }

    /// AWS's code, in the spelling of the table.
    pub fn code(&self) -> Option<&str> {
        match self {
            SnsError::Refused { code, .. } => code.as_deref().map(same),
            SnsError::Throttled { .. } => Some("Throttled"),
            SnsError::Clock => Some("RequestExpired"),
            _ => None,
        }
    }

    /// True where the key is good and only lacks a permission.
    pub fn is_missing_permission(&self) -> bool {
        self.code() == Some("AuthorizationError")
    }

    /// How long to wait before the next try, where somebody said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            SnsError::Throttled { retry_after, .. } => *retry_after,
            SnsError::Transport(EgressError::BreakerOpen { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }

    /// The code or status by which AWS refused, for reference.
    pub fn reference(&self) -> Option<String> {
        match self {
            SnsError::Refused { code: Some(code), .. } | SnsError::Throttled { code: Some(code), .. } => {
                Some(code.clone())
            }
            SnsError::Refused { status, code: None, .. } | SnsError::Unavailable { status } => {
                Some(status.to_string())
            }
            SnsError::Throttled { code: None, .. } => Some("429".to_owned()),
            SnsError::Clock => Some("RequestExpired".to_owned()),
            SnsError::Unexpected(_) | SnsError::Transport(_) => None,
        }
    }

    /// What it means and what to do.
    pub fn explain(&self) -> Explanation {
        match self {
            SnsError::Refused { code: Some(code), message, .. } => {
                let mut explanation = explain(code);
                if let Some(message) = message
                    && !TABLE.iter().any(|row| row.0 == same(code))
                {
                    explanation.sentence =
                        format!("AWS SNS refused with {code}: {}.", message.trim_end_matches('.')).into();
                }
                explanation
            }
            SnsError::Refused { status, code: None, .. } => Explanation {
                sentence: format!("AWS SNS refused the request with status {status} and gave no reason.")
                    .into(),
                fix: "Check the access key and its permissions in the AWS console.".into(),
                url: USERS_URL.into(),
            },
            SnsError::Clock => explain("RequestExpired"),
            SnsError::Throttled { .. } => explain("Throttled"),
            SnsError::Unavailable { .. } => Explanation::of(
                "AWS SNS has a problem of its own right now.",
                "Look at AWS's status page and try again later.",
                STATUS,
            ),
            SnsError::Unexpected(what) => Explanation {
                sentence: what.sentence(NAME).into(),
                fix: "Try again later.".into(),
                url: STATUS.into(),
            },
            SnsError::Transport(error) => Explanation {
                sentence: error.sentence(NAME).into(),
                fix: "Try again later. If it stays, ask who runs this service to check its network.".into(),
                url: STATUS.into(),
            },
        }
    }

    /// What it says about a message that was being sent.
    pub(super) fn failure(&self) -> SendError {
        let kind = match self {
            SnsError::Refused { .. } | SnsError::Clock => SendFailure::Refused,
            SnsError::Throttled { .. } => SendFailure::NotSent,
            SnsError::Unavailable { .. } | SnsError::Unexpected(_) => SendFailure::Undetermined,
            SnsError::Transport(EgressError::Invalid) => SendFailure::Refused,
            SnsError::Transport(error) if error.may_have_arrived() => SendFailure::Undetermined,
            SnsError::Transport(_) => SendFailure::NotSent,
        };
        let is_about_number = match self {
            SnsError::Refused { message: Some(message), .. } => {
                self.code() == Some("InvalidParameter") && message.contains("PhoneNumber")
            }
            _ => false,
        };
        SendError {
            is_about_message: is_about_number || matches!(self.code(), Some("OptedOut" | "EndpointDisabled")),
            retry_after: self.retry_after(),
            ..SendError::of(kind, self.reference(), &self.explain())
        }
    }
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
