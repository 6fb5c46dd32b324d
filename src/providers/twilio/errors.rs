//! What Twilio's error codes mean, and what to do about them.
//!
//! Most codes come with the answer to a request; some only later, as the reason of a message that
//! was not delivered. One table explains both. <https://www.twilio.com/docs/api/errors>

use std::time::Duration;

use serde::Deserialize;

use super::super::answer::{self, Unexpected, quote};
use super::super::egress::{EgressError, Reply};
use super::super::report::Explanation;
use super::NAME;

const DASHBOARD: &str = "https://console.twilio.com";
const NUMBERS: &str = "https://console.twilio.com/us1/develop/phone-numbers/manage/incoming";
const VERIFIED: &str = "https://console.twilio.com/us1/develop/phone-numbers/manage/verified";
const GEO: &str = "https://console.twilio.com/us1/develop/sms/settings/geo-permissions";
const A2P: &str = "https://console.twilio.com/us1/develop/sms/regulatory-compliance/a2p-onboarding";
const STATUS: &str = "https://status.twilio.com";

/// Code, sentence, what to do, where.
type Row = (u32, &'static str, &'static str, &'static str);

/// In ascending order of the code, as the search needs it.
const TABLE: &[Row] = &[
    (
        20003,
        "Twilio rejected the sign-in: Account SID and Auth Token do not belong together, or the account is suspended.",
        "Copy both from the same account in the Twilio console, and check there that the account is active.",
        DASHBOARD,
    ),
    (
        20005,
        "Twilio says that this account is not active.",
        "Open the Twilio console and follow what it says about the account.",
        DASHBOARD,
    ),
    (
        20008,
        "Twilio says that these are test credentials, which send nothing.",
        "Use the live Account SID and Auth Token.",
        DASHBOARD,
    ),
    (
        20404,
        "Twilio does not know this account or this sender.",
        "Check the Account SID and the sender in the Twilio console.",
        DASHBOARD,
    ),
    (
        20429,
        "Twilio asks to slow down: too many requests. Nothing was sent.",
        "Wait a moment and try again.",
        "https://www.twilio.com/docs/errors/20429",
    ),
    (
        21211,
        "Twilio says that the recipient's number is not a valid phone number.",
        "Check the number: it starts with + and the country code.",
        "https://www.twilio.com/docs/errors/21211",
    ),
    (
        21212,
        "Twilio says that the sender's number is not a valid phone number.",
        "Choose a number of this account as the sender.",
        NUMBERS,
    ),
    (
        21408,
        "Twilio does not send to this country: the permission for the region is off.",
        "Switch the recipient's country on under Geo permissions.",
        GEO,
    ),
    (
        21606,
        "Twilio says that the sender's number does not belong to this account or can not send text messages.",
        "Choose a number of this account that can send text messages.",
        NUMBERS,
    ),
    (
        21608,
        "Twilio says that this is a trial account, which sends to verified numbers only.",
        "Verify the recipient's number, or upgrade the account.",
        VERIFIED,
    ),
    (
        21610,
        "Twilio says that the recipient has unsubscribed by answering STOP.",
        "Ask the recipient to answer START. Nobody else can undo this.",
        "https://www.twilio.com/docs/errors/21610",
    ),
    (
        21611,
        "Twilio says that the sender has too many messages waiting. Nothing was sent.",
        "Wait until the queue is shorter, or use a Messaging Service with more numbers.",
        "https://www.twilio.com/docs/errors/21611",
    ),
    (
        21612,
        "Twilio can not send from this number to that recipient.",
        "Use a sender of the recipient's country, or a Messaging Service.",
        NUMBERS,
    ),
    (
        21614,
        "Twilio says that the recipient's number can not receive text messages: it may be a landline.",
        "Use a mobile number.",
        "https://www.twilio.com/docs/errors/21614",
    ),
    (
        21617,
        "Twilio says that the text is too long: 1,600 characters at most.",
        "Shorten the text.",
        "https://www.twilio.com/docs/errors/21617",
    ),
    (
        30002,
        "Twilio suspended the account after it had taken the message.",
        "Open the Twilio console and follow what it says about the account.",
        DASHBOARD,
    ),
    (
        30003,
        "The recipient's phone could not be reached: it may be off or out of range.",
        "Try again later.",
        "https://www.twilio.com/docs/errors/30003",
    ),
    (
        30005,
        "The recipient's number does not exist or is no longer in use.",
        "Check the number with the recipient.",
        "https://www.twilio.com/docs/errors/30005",
    ),
    (
        30006,
        "The recipient's number can not be reached by text message: it may be a landline.",
        "Use a mobile number.",
        "https://www.twilio.com/docs/errors/30006",
    ),
    (
        30007,
        "The recipient's carrier filtered the message.",
        "Check the text for links and words that look like advertising, and register the sender.",
        A2P,
    ),
    (
        30008,
        "The message was not delivered; the carrier gave no reason.",
        "Try again later.",
        "https://www.twilio.com/docs/errors/30008",
    ),
    (
        30034,
        "The carrier refused the message: the sender is not registered for A2P 10DLC.",
        "Register the number for application-to-person messaging in the Twilio console.",
        A2P,
    ),
    (
        63007,
        "Twilio says that this account has no such WhatsApp sender.",
        "Choose a WhatsApp sender of this account.",
        "https://console.twilio.com/us1/develop/sms/senders/whatsapp-senders",
    ),
    (
        63016,
        "WhatsApp took no free text: the patient's last message is more than 24 hours old.",
        "Send an approved template instead.",
        "https://www.twilio.com/docs/errors/63016",
    ),
];

/// What a code of Twilio means. Unknown codes get a plain sentence with the code in it.
pub fn explain(code: u32) -> Explanation {
    match TABLE.binary_search_by_key(&code, |row| row.0) {
        Ok(at) => {
            let (_, sentence, fix, url) = TABLE[at];
            Explanation::of(sentence, fix, url)
        }
        Err(_) => Explanation {
            sentence: format!("Twilio refused with code {code}.").into(),
            fix: "Look the code up in Twilio's list of errors.".into(),
            url: format!("https://www.twilio.com/docs/errors/{code}").into(),
        },
    }
}

/// Why a call to Twilio did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TwilioError {
    /// A 4xx. The code is Twilio's own, where the answer had one.
    #[error("Twilio refused with status {status}, code {code:?}")]
    Refused { status: u16, code: Option<u32>, message: Option<String> },
    #[error("Twilio asks to slow down")]
    Throttled { code: Option<u32>, retry_after: Option<Duration> },
    #[error("Twilio failed with status {status}")]
    Unavailable { status: u16 },
    #[error("Twilio answered with {0}")]
    Unexpected(Unexpected),
    #[error("Twilio was not reached: {0}")]
    Transport(EgressError),
}

/// Both forms of an error: the classic one and RFC 9457, which newer parts of the API use.
#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    code: Option<u32>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    title: Option<String>,
}

impl TwilioError {
    /// Reads an answer whose status is not 2xx.
    pub(super) fn from_reply(reply: &Reply) -> Self {
        if answer::is_refused_by_a_page(reply) {
            return TwilioError::Unexpected(Unexpected::Html);
        }
        let body: ErrorBody = serde_json::from_slice(&reply.body).unwrap_or_default();
        let message = body.message.or(body.detail).or(body.title).map(|text| quote(&text));
        match reply.status {
            429 => TwilioError::Throttled { code: body.code, retry_after: reply.retry_after },
            400..=499 => TwilioError::Refused { status: reply.status, code: body.code, message },
            status => TwilioError::Unavailable { status },
        }
    }

    /// Twilio's code.
    pub fn code(&self) -> Option<u32> {
        match self {
            TwilioError::Refused { code, .. } | TwilioError::Throttled { code, .. } => *code,
            _ => None,
        }
    }

    /// True when nothing is known about the credential, and trying later may help.
    pub fn is_undetermined(&self) -> bool {
        !matches!(self, TwilioError::Refused { .. })
    }

    /// How long to wait before the next try, where somebody said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            TwilioError::Throttled { retry_after, .. } => *retry_after,
            TwilioError::Transport(EgressError::BreakerOpen { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }

    /// The code or status by which Twilio refused, for reference.
    pub fn reference(&self) -> Option<String> {
        match self {
            TwilioError::Refused { status, code: None, .. } | TwilioError::Unavailable { status } => {
                Some(status.to_string())
            }
            TwilioError::Throttled { code: None, .. } => Some("429".to_owned()),
            _ => self.code().map(|code| code.to_string()),
        }
    }

    /// What it means and what to do.
    pub fn explain(&self) -> Explanation {
        match self {
            TwilioError::Refused { code: Some(code), message, .. } => {
                let mut explanation = explain(*code);
                if let Some(message) = message
                    && TABLE.binary_search_by_key(code, |row| row.0).is_err()
                {
                    explanation.sentence =
                        format!("Twilio refused with code {code}: {}.", message.trim_end_matches('.')).into();
                }
                explanation
            }
            TwilioError::Refused { status: 401, .. } => explain(20003),
            TwilioError::Refused { status: 403, .. } => Explanation::of(
                "Twilio knows this key but does not allow it to do this.",
                "Use the Auth Token, or an API key that may read numbers and send messages.",
                "https://console.twilio.com/us1/account/keys-credentials/api-keys",
            ),
            TwilioError::Refused { status: 404, .. } => explain(20404),
            TwilioError::Refused { status, .. } => Explanation {
                sentence: format!("Twilio refused the request with status {status} and gave no reason.")
                    .into(),
                fix: "Look into the error log of the Twilio console.".into(),
                url: "https://console.twilio.com/us1/monitor/logs/debugger/errors".into(),
            },
            TwilioError::Throttled { .. } => explain(20429),
            TwilioError::Unavailable { .. } => Explanation::of(
                "Twilio has a problem of its own right now.",
                "Look at Twilio's status page and try again later.",
                STATUS,
            ),
            TwilioError::Unexpected(what) => Explanation {
                sentence: what.sentence(NAME).into(),
                fix: "Try again later.".into(),
                url: STATUS.into(),
            },
            TwilioError::Transport(error) => Explanation {
                sentence: error.sentence(NAME).into(),
                fix: "Try again later. If it stays, ask who runs this service to check its network.".into(),
                url: STATUS.into(),
            },
        }
    }
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
