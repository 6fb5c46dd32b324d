//! What Vonage's statuses mean, and what to do about them.
//!
//! The SMS API puts a status into each part of an answer; the account API has an `error-code`.
//! <https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms>

use std::time::Duration;

use serde::Deserialize;

use super::super::answer::{self, Unexpected, quote};
use super::super::egress::{EgressError, Reply};
use super::super::report::Explanation;
use super::super::sms::{SendError, SendFailure};
use super::{NAME, NUMBERS_URL, SETTINGS_URL};

const GUIDE: &str = "https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms";
const DASHBOARD: &str = "https://dashboard.nexmo.com";
const PAYMENT: &str = "https://dashboard.nexmo.com/billing-and-payments";
const STATUS: &str = "https://vonageapi.statuspage.io";

/// What a status says about the message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Refused,
    /// The recipient or the text is the reason.
    AboutMessage,
    /// Not taken now; trying again may help.
    NotSent,
    /// Vonage itself does not know.
    Unknown,
}

/// Status, what it says, sentence, what to do, where. In ascending order, as the search needs it.
const TABLE: &[(u32, Is, &str, &str, &str)] = &[
    (
        1,
        Is::NotSent,
        "Vonage asks to slow down: too many messages at once. Nothing was sent.",
        "Wait a moment and try again.",
        GUIDE,
    ),
    (
        2,
        Is::Refused,
        "Vonage says that a part of the request is missing.",
        "Check the sender in the Vonage card.",
        GUIDE,
    ),
    (
        3,
        Is::Refused,
        "Vonage says that the recipient or the sender is not valid.",
        "Check the recipient's number, and the sender in the Vonage card.",
        GUIDE,
    ),
    (
        4,
        Is::Refused,
        "Vonage rejected the API key and secret: they do not belong together, or the secret was deleted.",
        "Copy both from the API settings of the Vonage dashboard.",
        SETTINGS_URL,
    ),
    (
        5,
        Is::Unknown,
        "Vonage has a problem of its own with this message.",
        "Look into the message log of the Vonage dashboard before you send it again.",
        DASHBOARD,
    ),
    (
        6,
        Is::AboutMessage,
        "Vonage can not deliver this message: the number has no known network, or the text is not valid.",
        "Check the recipient's number.",
        GUIDE,
    ),
    (
        7,
        Is::AboutMessage,
        "Vonage does not send to this recipient: the number is barred.",
        "Ask the recipient; only they or Vonage can undo this.",
        GUIDE,
    ),
    (
        8,
        Is::Refused,
        "Vonage has suspended this account.",
        "Open the Vonage dashboard and follow what it says about the account.",
        DASHBOARD,
    ),
    (
        9,
        Is::Refused,
        "Vonage says that the credit is used up. Nothing was sent.",
        "Add credit in the Vonage dashboard, or switch automatic payments on.",
        PAYMENT,
    ),
    (
        10,
        Is::NotSent,
        "Vonage says that the account has too many connections. Nothing was sent.",
        "Wait a moment and try again.",
        GUIDE,
    ),
    (
        11,
        Is::Refused,
        "Vonage says that this account may not send text messages over the API.",
        "Ask Vonage to enable the SMS API for the account.",
        DASHBOARD,
    ),
    (12, Is::AboutMessage, "Vonage says that the text is too long.", "Shorten the text.", GUIDE),
    (
        14,
        Is::Refused,
        "Vonage wants every message of this account to be signed, which this service does not do.",
        "Switch signed requests off in the API settings of the Vonage dashboard.",
        SETTINGS_URL,
    ),
    (
        15,
        Is::Refused,
        "Vonage does not accept this sender.",
        "Use a number of the account, or a sender name that the recipient's country allows.",
        NUMBERS_URL,
    ),
    (
        22,
        Is::AboutMessage,
        "Vonage does not know the network of the recipient.",
        "Check the recipient's number.",
        GUIDE,
    ),
    (
        23,
        Is::Refused,
        "Vonage does not accept the address for delivery reports.",
        "Check the webhook addresses in the API settings of the Vonage dashboard.",
        SETTINGS_URL,
    ),
    (
        29,
        Is::Refused,
        "Vonage says that this is a trial account, which sends to test numbers only.",
        "Add the recipient to the test numbers, or add credit to the account.",
        DASHBOARD,
    ),
    (
        32,
        Is::Refused,
        "Vonage was sent a signature and a secret at once.",
        "Ask who runs this service to look into it.",
        GUIDE,
    ),
    (
        33,
        Is::Refused,
        "Vonage says that the sender's number is deactivated.",
        "Choose another number of the account.",
        NUMBERS_URL,
    ),
    (
        401,
        Is::Refused,
        "Vonage rejected the API key and secret: they do not belong together, or the secret was deleted.",
        "Copy both from the API settings of the Vonage dashboard.",
        SETTINGS_URL,
    ),
];

fn find(code: u32) -> Option<&'static (u32, Is, &'static str, &'static str, &'static str)> {
    TABLE.binary_search_by_key(&code, |row| row.0).ok().map(|at| &TABLE[at])
}

/// What a status means. Unknown ones get a plain sentence with the status in it.
pub fn explain(code: u32) -> Explanation {
    match find(code) {
        Some((_, _, sentence, fix, url)) => Explanation::of(sentence, fix, url),
        None => Explanation {
            sentence: format!("Vonage answered with status {code}.").into(),
            fix: "Look the status up in Vonage's guide.".into(),
            url: GUIDE.into(),
        },
    }
}

/// Why a call to Vonage did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VonageError {
    /// A 4xx, with Vonage's own code where the answer had one.
    #[error("Vonage refused with status {status}, code {code:?}")]
    Refused { status: u16, code: Option<u32> },
    /// A status inside of a 200.
    #[error("Vonage did not take the message: status {code}")]
    Status { code: u32, text: Option<String> },
    #[error("Vonage asks to slow down")]
    Throttled { retry_after: Option<Duration> },
    #[error("Vonage failed with status {status}")]
    Unavailable { status: u16 },
    #[error("Vonage answered with {0}")]
    Unexpected(Unexpected),
    #[error("Vonage was not reached: {0}")]
    Transport(EgressError),
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default, rename = "error-code")]
    code: Option<String>,
}

impl VonageError {
    /// Reads an answer whose status is not 2xx.
    pub(super) fn from_reply(reply: &Reply) -> Self {
        if answer::is_refused_by_a_page(reply) {
            return VonageError::Unexpected(Unexpected::Html);
        }
        match reply.status {
            429 => VonageError::Throttled { retry_after: reply.retry_after },
            status @ 400..=499 => {
                let body: ErrorBody = serde_json::from_slice(&reply.body).unwrap_or_default();
                VonageError::Refused { status, code: body.code.and_then(|code| code.parse().ok()) }
            }
            status => VonageError::Unavailable { status },
        }
    }

    /// A part of an answer that was not taken.
    pub(super) fn from_status(status: &str, text: Option<&str>) -> Self {
        match status.parse() {
            Ok(code) => VonageError::Status { code, text: text.map(quote) },
            Err(_) => VonageError::Unexpected(Unexpected::OtherShape),
        }
    }

    /// How long to wait before the next try, where somebody said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            VonageError::Throttled { retry_after } => *retry_after,
            VonageError::Transport(EgressError::BreakerOpen { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }

    /// The status by which Vonage refused, for reference.
    pub fn reference(&self) -> Option<String> {
        match self {
            VonageError::Refused { code: Some(code), .. } | VonageError::Status { code, .. } => {
                Some(code.to_string())
            }
            VonageError::Refused { status, code: None } | VonageError::Unavailable { status } => {
                Some(status.to_string())
            }
            VonageError::Throttled { .. } => Some("429".to_owned()),
            VonageError::Unexpected(_) | VonageError::Transport(_) => None,
        }
    }

    /// What it means and what to do.
    pub fn explain(&self) -> Explanation {
        match self {
            VonageError::Status { code, text: Some(text) } if find(*code).is_none() => Explanation {
                sentence: format!("Vonage answered with status {code}: {}.", text.trim_end_matches('.'))
                    .into(),
                ..explain(*code)
            },
            VonageError::Status { code, .. } => explain(*code),
            VonageError::Refused { code: Some(code), .. } if find(*code).is_some() => explain(*code),
            VonageError::Refused { status: 401, .. } => explain(401),
            VonageError::Refused { status: 403, .. } => Explanation::of(
                "Vonage knows this API key but does not allow it to do this.",
                "Use the API key of the account that sends, and check in the dashboard what it may do.",
                SETTINGS_URL,
            ),
            VonageError::Refused { status, .. } => Explanation {
                sentence: format!("Vonage refused the request with status {status}.").into(),
                fix: "Look the status up in Vonage's guide.".into(),
                url: GUIDE.into(),
            },
            VonageError::Throttled { .. } => explain(1),
            VonageError::Unavailable { .. } => Explanation::of(
                "Vonage has a problem of its own right now.",
                "Look at Vonage's status page and try again later.",
                STATUS,
            ),
            VonageError::Unexpected(what) => Explanation {
                sentence: what.sentence(NAME).into(),
                fix: "Try again later.".into(),
                url: STATUS.into(),
            },
            VonageError::Transport(error) => Explanation {
                sentence: error.sentence(NAME).into(),
                fix: "Try again later. If it stays, ask who runs this service to check its network.".into(),
                url: STATUS.into(),
            },
        }
    }

    /// What it says about a message that was being sent. A status that Vonage does not document says
    /// nothing for sure.
    pub(super) fn failure(&self) -> SendError {
        let is = match self {
            VonageError::Status { code, .. } => find(*code).map_or(Is::Unknown, |row| row.1),
            VonageError::Refused { .. } | VonageError::Transport(EgressError::Invalid) => Is::Refused,
            VonageError::Throttled { .. } => Is::NotSent,
            VonageError::Unavailable { .. } | VonageError::Unexpected(_) => Is::Unknown,
            VonageError::Transport(error) if error.may_have_arrived() => Is::Unknown,
            VonageError::Transport(_) => Is::NotSent,
        };
        let kind = match is {
            Is::Refused | Is::AboutMessage => SendFailure::Refused,
            Is::NotSent => SendFailure::NotSent,
            Is::Unknown => SendFailure::Undetermined,
        };
        SendError {
            is_about_message: is == Is::AboutMessage,
            retry_after: self.retry_after(),
            ..SendError::of(kind, self.reference(), &self.explain())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u32) -> SendError {
        VonageError::from_status(&code.to_string(), Some("Words of Vonage.")).failure()
    }

    #[test]
    fn every_documented_status_is_explained_and_in_order() {
        for code in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 22, 23, 29, 32, 33] {
            let explanation = explain(code);
            assert!(!explanation.sentence.contains("with status"), "{code} has no sentence of its own");
            assert!(explanation.sentence.ends_with('.') && explanation.fix.ends_with('.'), "{code}");
            assert!(explanation.url.starts_with("https://"), "{code}");
        }
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn a_refusal_on_a_web_page_is_not_vonages() {
        for status in [401, 403, 404] {
            let page = Reply { status, retry_after: None, is_html: false, body: "<html>".into() };
            assert_eq!(VonageError::from_reply(&page), VonageError::Unexpected(Unexpected::Html), "{status}");
        }
    }

    #[test]
    fn a_status_says_whether_the_message_may_have_left() {
        assert_eq!(status(4).kind, SendFailure::Refused);
        assert_eq!(status(1).kind, SendFailure::NotSent);
        assert_eq!(status(5).kind, SendFailure::Undetermined);
        assert!(status(7).is_about_message && !status(9).is_about_message);
        let unknown = status(77);
        assert_eq!(unknown.kind, SendFailure::Undetermined, "nobody documents it");
        assert!(
            unknown.sentence.starts_with("Vonage answered with status 77: Words of Vonage."),
            "{unknown}"
        );
        let arrived = VonageError::Transport(EgressError::Timeout).failure();
        assert_eq!(arrived.kind, SendFailure::Undetermined);
        assert_eq!(VonageError::Transport(EgressError::Connect).failure().kind, SendFailure::NotSent);
    }
}
