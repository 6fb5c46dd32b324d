//! What travels between requests, pages and islands: no secrets, by type.
//!
//! An answer to a connect form fills a page after a redirect, or the fragments that an island puts
//! in place; both are drawn by the server. What a browser itself reads is [`PatternKind`].

use serde::{Deserialize, Serialize};

use crate::domain::pattern::{Pattern, is_key};
use crate::domain::{CapabilityResult, Outcome};

/// A sentence that belongs to one field of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's key, `accountSid` for example.
    pub field: String,
    pub message: String,
}

impl FieldError {
    /// The message for `field`, if there is one.
    pub fn find<'a>(errors: &'a [FieldError], field: &str) -> Option<&'a str> {
        errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}

/// What a test of a credential found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportView {
    pub outcome: Outcome,
    /// Says who said what: "Twilio rejected the Auth Token".
    pub headline: String,
    /// What to do now, in one sentence.
    #[serde(default)]
    pub fix: Option<String>,
    #[serde(default)]
    pub fix_url: Option<String>,
    /// Also stands in the audit trail and in the log.
    #[serde(default)]
    pub reference: Option<String>,
    #[serde(default)]
    pub lines: Vec<CapabilityResult>,
    /// How long the provider asks to wait, in words: "Try again in 7 s."
    #[serde(default)]
    pub again: Option<String>,
    #[serde(default)]
    pub retry_after_seconds: Option<u64>,
}

/// What a save made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuccessView {
    #[serde(default)]
    pub assistants: Vec<AssistantLine>,
}

/// One assistant at Vapi.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssistantLine {
    /// `inbound` or `outbound`.
    pub role: String,
    /// Vapi's id; absent while it is still being made.
    #[serde(default)]
    pub id: Option<String>,
    /// What the id's absence means, or what else there is to say.
    #[serde(default)]
    pub note: Option<String>,
}

/// The answer to a connect form. All parts but `ok` may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectAnswer {
    /// Something was saved.
    pub ok: bool,
    pub report: Option<ReportView>,
    /// Stands for the secrets that were typed, so that they need not be typed again.
    pub draft: Option<String>,
    pub field_errors: Vec<FieldError>,
    /// Offer to save without a test: only when nobody could tell.
    pub save_anyway: bool,
    pub success: Option<SuccessView>,
    /// A sentence for the whole form.
    #[serde(alias = "detail")]
    pub message: Option<String>,
}

/// A [`Pattern`] that can be written into an attribute and read again in the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternKind {
    Text { max: usize },
    Uuid,
    PrefixedHex { prefix: String, digits: usize },
    Alphanumeric { length: usize },
    Key { prefixes: Vec<String>, rest: usize },
    WebAddress,
    Mailbox,
    Phone,
}

impl From<Pattern> for PatternKind {
    fn from(pattern: Pattern) -> Self {
        match pattern {
            Pattern::Text { max } => PatternKind::Text { max },
            Pattern::Uuid => PatternKind::Uuid,
            Pattern::PrefixedHex { prefix, digits } => {
                PatternKind::PrefixedHex { prefix: prefix.to_owned(), digits }
            }
            Pattern::Alphanumeric { length } => PatternKind::Alphanumeric { length },
            Pattern::Key { prefixes, rest } => {
                PatternKind::Key { prefixes: prefixes.iter().map(|text| (*text).to_owned()).collect(), rest }
            }
            Pattern::WebAddress => PatternKind::WebAddress,
            Pattern::Mailbox => PatternKind::Mailbox,
            Pattern::Phone => PatternKind::Phone,
        }
    }
}

impl PatternKind {
    /// `text:80`, `uuid`, `hex:AC:32`, `alnum:32`, `key:sk_,rk_:24`, `web`, `mailbox`, `phone`.
    pub fn encode(&self) -> String {
        match self {
            PatternKind::Text { max } => format!("text:{max}"),
            PatternKind::Uuid => "uuid".to_owned(),
            PatternKind::PrefixedHex { prefix, digits } => format!("hex:{prefix}:{digits}"),
            PatternKind::Alphanumeric { length } => format!("alnum:{length}"),
            PatternKind::Key { prefixes, rest } => format!("key:{}:{rest}", prefixes.join(",")),
            PatternKind::WebAddress => "web".to_owned(),
            PatternKind::Mailbox => "mailbox".to_owned(),
            PatternKind::Phone => "phone".to_owned(),
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let kind = match parts.next()? {
            "text" => PatternKind::Text { max: parts.next()?.parse().ok()? },
            "uuid" => PatternKind::Uuid,
            "hex" => PatternKind::PrefixedHex {
                prefix: parts.next()?.to_owned(),
                digits: parts.next()?.parse().ok()?,
            },
            "alnum" => PatternKind::Alphanumeric { length: parts.next()?.parse().ok()? },
            "key" => PatternKind::Key {
                prefixes: parts.next()?.split(',').map(str::to_owned).collect(),
                rest: parts.next()?.parse().ok()?,
            },
            "web" => PatternKind::WebAddress,
            "mailbox" => PatternKind::Mailbox,
            "phone" => PatternKind::Phone,
            _ => return None,
        };
        parts.next().is_none().then_some(kind)
    }

    pub fn matches(&self, value: &str) -> bool {
        match self {
            PatternKind::Text { max } => Pattern::Text { max: *max }.matches(value),
            PatternKind::Uuid => Pattern::Uuid.matches(value),
            PatternKind::PrefixedHex { prefix, digits } => {
                value.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                    rest.len() == *digits && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
                })
            }
            PatternKind::Alphanumeric { length } => Pattern::Alphanumeric { length: *length }.matches(value),
            PatternKind::Key { prefixes, rest } => prefixes.iter().any(|prefix| is_key(value, prefix, *rest)),
            PatternKind::WebAddress => Pattern::WebAddress.matches(value),
            PatternKind::Mailbox => Pattern::Mailbox.matches(value),
            PatternKind::Phone => Pattern::Phone.matches(value),
        }
    }

    /// What a value should look like, as the end of a sentence that begins with the field's label.
    pub fn expectation(&self) -> String {
        match self {
            PatternKind::Text { max } => format!("has at most {max} characters"),
            PatternKind::Uuid => "has 36 characters, with dashes: 8-4-4-4-12".to_owned(),
            PatternKind::PrefixedHex { prefix, digits } => {
                format!("starts with {prefix} and has {} characters", prefix.len() + digits)
            }
            PatternKind::Alphanumeric { length } => format!("has {length} letters and digits"),
            PatternKind::Key { prefixes, .. } => format!("starts with {}", prefixes.join(" or ")),
            PatternKind::WebAddress => "starts with https://".to_owned(),
            PatternKind::Mailbox => "has an e-mail address, for example desk@clinic.example".to_owned(),
            PatternKind::Phone => {
                "starts with + and the country code, for example +1 555 010 0123".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_survives_the_attribute() {
        for pattern in [
            Pattern::Text { max: 80 },
            Pattern::Uuid,
            Pattern::PrefixedHex { prefix: "AC", digits: 32 },
            Pattern::Alphanumeric { length: 32 },
            Pattern::Key { prefixes: &["sk_live_", "rk_live_"], rest: 24 },
            Pattern::WebAddress,
            Pattern::Mailbox,
            Pattern::Phone,
        ] {
            let kind = PatternKind::from(pattern);
            assert_eq!(PatternKind::decode(&kind.encode()), Some(kind));
        }
        for broken in ["", "hex", "hex:AC", "uuid:1", "text:x", "alnum:", "key:sk_", "web:1"] {
            assert_eq!(PatternKind::decode(broken), None, "{broken}");
        }
    }

    #[test]
    fn the_browser_and_the_server_agree_on_shapes() {
        let sid = Pattern::PrefixedHex { prefix: "AC", digits: 4 };
        for value in ["AC12ab", "AC12a", "SK12ab", "AC12ag", ""] {
            assert_eq!(PatternKind::from(sid).matches(value), sid.matches(value), "{value}");
        }
    }
}
