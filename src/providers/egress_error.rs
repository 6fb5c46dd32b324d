//! Why a call brought no answer, in words for logs and for people.

use std::error::Error;
use std::time::Duration;

use super::address::UrlRefusal;
use super::lookup::{NoSuchName, PrivateAnswer};

/// A call without a whole answer. Never holds a URL, a header or a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// No whole answer in time. The request may have arrived.
    #[error("no answer in time")]
    Timeout,
    /// The caller's time was over before anything was sent.
    #[error("no time left to call")]
    Expired,
    #[error("no connection")]
    Connect,
    #[error("the name was not found")]
    Dns,
    #[error("no trusted TLS connection")]
    Tls,
    /// The connection broke after the request went out. It may have arrived.
    #[error("the connection broke")]
    Reset,
    #[error("the answer is too large")]
    TooLarge,
    /// The address is not on the public internet, or not https.
    #[error("blocked: {0}")]
    Blocked(UrlRefusal),
    #[error("not called: too many failures in a row")]
    BreakerOpen { retry_after: Duration },
    /// The request can not be written: a control character in a credential, for example.
    #[error("the request can not be written")]
    Invalid,
}

impl EgressError {
    /// True when the request may have reached the other side, so that its effect is unknown.
    pub fn may_have_arrived(&self) -> bool {
        matches!(self, EgressError::Timeout | EgressError::Reset | EgressError::TooLarge)
    }

    /// One sentence for people. `who` is the provider's name.
    pub fn sentence(&self, who: &str) -> String {
        match self {
            EgressError::Timeout => format!("{who} did not answer in time."),
            EgressError::Expired => format!("There was no time left to ask {who}."),
            EgressError::Connect => format!("{who} could not be reached: no connection was possible."),
            EgressError::Dns => format!("{who} could not be reached: its name was not found."),
            EgressError::Tls => {
                format!("{who} could not be reached safely: its certificate was not accepted.")
            }
            EgressError::Reset => format!("{who} closed the connection without an answer."),
            EgressError::TooLarge => format!("{who} sent an answer that is too large."),
            EgressError::Blocked(_) => {
                format!("The address of {who} is not on the public internet, so it was not called.")
            }
            EgressError::BreakerOpen { retry_after } => format!(
                "{who} failed several times in a row and is not asked for another {} s.",
                retry_after.as_secs().max(1)
            ),
            EgressError::Invalid => {
                format!("A value contains characters that can not be sent to {who}.")
            }
        }
    }
}

/// Finds out what went wrong by walking down the causes.
pub(super) fn classify(error: &reqwest::Error) -> EgressError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if current.is::<PrivateAnswer>() {
            return EgressError::Blocked(UrlRefusal::Host);
        }
        if current.is::<NoSuchName>() {
            return EgressError::Dns;
        }
        if let Some(io) = current.downcast_ref::<std::io::Error>()
            && is_handshake(io)
            && error.is_connect()
        {
            return EgressError::Tls;
        }
        cause = current.source();
    }
    if error.is_builder() {
        EgressError::Invalid
    } else if error.is_dns() {
        EgressError::Dns
    } else if error.is_connect() {
        EgressError::Connect
    } else if error.is_timeout() {
        EgressError::Timeout
    } else {
        EgressError::Reset
    }
}

/// A failed handshake is invalid data, wrapped in other I/O errors that only `get_ref` opens.
fn is_handshake(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::InvalidData
        || error.get_ref().and_then(|inner| inner.downcast_ref()).is_some_and(is_handshake)
}
