//! Shapes of values, for inline validation in the browser and again on the server.
//!
//! Deliberately loose: providers change their formats, so a shape that does not match is a hint
//! while typing and a refusal only where no provider could accept the value. No regular
//! expressions, since they would weigh more than all islands together.

/// What a value should look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Anything up to this many characters.
    Text { max: usize },
    /// Eight-four-four-four-twelve hexadecimal digits.
    Uuid,
    /// A fixed prefix, then exactly this many hexadecimal digits.
    PrefixedHex { prefix: &'static str, digits: usize },
    /// Exactly this many ASCII letters and digits.
    Alphanumeric { length: usize },
    /// One of these prefixes, then at least this many letters, digits, `_`, `-` and `.`.
    Key { prefixes: &'static [&'static str], rest: usize },
    /// An address that begins with `https://` or, for what an operator has allowed, `http://`.
    WebAddress,
    /// An e-mail address, by itself or behind a name: `Front desk <desk@clinic.example>`.
    Mailbox,
    /// A telephone number in international form.
    Phone,
}

/// The longest value that any field takes, in bytes.
pub const MAX_VALUE_BYTES: usize = 2048;

impl Pattern {
    pub fn matches(self, value: &str) -> bool {
        match self {
            Pattern::Text { max } => value.chars().count() <= max,
            Pattern::Uuid => is_uuid(value),
            Pattern::PrefixedHex { prefix, digits } => value
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.len() == digits && rest.bytes().all(|b| b.is_ascii_hexdigit())),
            Pattern::Alphanumeric { length } => {
                value.len() == length && value.bytes().all(|b| b.is_ascii_alphanumeric())
            }
            Pattern::Key { prefixes, rest } => prefixes.iter().any(|prefix| is_key(value, prefix, rest)),
            Pattern::WebAddress => is_web_address(value),
            Pattern::Mailbox => address_of(value).is_some(),
            Pattern::Phone => super::phone::PhoneNumber::parse(value).is_ok(),
        }
    }
}

/// Whether a value is this prefix and then at least `rest` characters of a key.
pub fn is_key(value: &str, prefix: &str, rest: usize) -> bool {
    value.strip_prefix(prefix).is_some_and(|tail| {
        tail.len() >= rest
            && tail.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    })
}

fn is_web_address(value: &str) -> bool {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        rest.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'[')
            && rest.bytes().all(|b| b.is_ascii_graphic())
    })
}

/// The bare address of a mailbox: what is between the angle brackets, or all of it.
pub fn address_of(mailbox: &str) -> Option<&str> {
    let mailbox = mailbox.trim();
    let address = match mailbox.rsplit_once('<') {
        Some((_, behind)) => behind.strip_suffix('>')?,
        None => mailbox,
    };
    let (local, domain) = address.split_once('@')?;
    let is_plain =
        |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'@' | b'<' | b'>' | b','));
    (!local.is_empty()
        && domain.contains('.')
        && !domain.ends_with('.')
        && is_plain(local)
        && is_plain(domain))
    .then_some(address)
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Cleans what people paste: surrounding white space, line breaks, zero-width characters and
/// quotation marks around the whole value.
pub fn clean_paste(value: &str) -> String {
    let kept: String = value
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'))
        .collect();
    let trimmed = kept.trim();
    let unquoted = ['"', '\'', '`']
        .iter()
        .find_map(|quote| trimmed.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(trimmed);
    unquoted.trim().to_owned()
}

/// A JSON Web Token, which newer versions of n8n give as their API keys.
fn is_token(value: &str) -> bool {
    value.starts_with("eyJ") && value.len() > 20 && value.bytes().filter(|b| *b == b'.').count() == 2
}

/// Recognizes values of another kind or provider, to say "this looks like ..." instead of "wrong".
pub fn looks_like(value: &str) -> Option<&'static str> {
    let hex = |prefix: &'static str| Pattern::PrefixedHex { prefix, digits: 32 }.matches(value);
    if hex("AC") {
        Some("a Twilio Account SID")
    } else if hex("SK") {
        Some("a Twilio API key SID")
    } else if hex("MG") {
        Some("a Twilio Messaging Service SID")
    } else if hex("PN") {
        Some("a Twilio phone number SID")
    } else if value.starts_with("AKIA") && value.len() == 20 {
        Some("an AWS access key ID")
    } else if value.starts_with("re_") {
        Some("a Resend API key")
    } else if ["sk_live_", "sk_test_", "rk_live_", "rk_test_"].iter().any(|prefix| value.starts_with(prefix))
    {
        Some("a Stripe API key")
    } else if value.starts_with("pk_live_") || value.starts_with("pk_test_") {
        Some("a Stripe publishable key")
    } else if value.starts_with("pat-") && value.len() > 20 {
        Some("a HubSpot access token")
    } else if value.starts_with("key_") && value.len() > 20 {
        Some("a Retell AI API key")
    } else if value.starts_with("n8n_api_") || is_token(value) {
        Some("an n8n API key")
    } else if value.starts_with("GOCSPX-") {
        Some("a Google client secret")
    } else if value.ends_with(".apps.googleusercontent.com") {
        Some("a Google client ID")
    } else if value.starts_with("ya29.") {
        Some("a Google access token")
    } else if value.starts_with("1//") && value.len() > 20 {
        Some("a Google refresh token")
    } else if is_uuid(value) {
        Some("a Vapi key")
    } else if value.starts_with("sk-") {
        Some("an OpenAI API key")
    } else if value.starts_with("sk_") {
        Some("an ElevenLabs API key")
    } else if value.starts_with("EAA") && value.len() > 40 {
        Some("a Meta access token")
    } else if value.starts_with("whsec_") {
        Some("a webhook signing secret")
    } else if value.starts_with('+') && super::phone::PhoneNumber::parse(value).is_ok() {
        Some("a phone number")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_values_lose_what_nobody_typed() {
        assert_eq!(clean_paste("  \u{feff}AC12\r\n"), "AC12");
        assert_eq!(clean_paste("\"abc\""), "abc");
        assert_eq!(clean_paste("'"), "'");
        assert_eq!(clean_paste("a\u{200b}b"), "ab");
    }

    #[test]
    fn patterns_accept_the_documented_forms_and_nothing_shorter() {
        let sid = Pattern::PrefixedHex { prefix: "AC", digits: 32 };
        assert!(sid.matches("AC0123456789abcdefABCDEF0123456789"));
        assert!(!sid.matches("AC0123456789abcdefABCDEF012345678"));
        assert!(!sid.matches("SK0123456789abcdefABCDEF0123456789"));
        assert!(Pattern::Uuid.matches("c0ffee00-0000-4000-8000-000000000001"));
        assert!(!Pattern::Uuid.matches("c0ffee0000000-4000-8000-00000000001"));
    }

    #[test]
    fn keys_addresses_and_mailboxes_have_their_own_shapes() {
        let key = Pattern::Key { prefixes: &["sk_live_", "rk_live_"], rest: 4 };
        assert!(key.matches("sk_live_0a1B") && key.matches("rk_live_0_-9"));
        for wrong in ["sk_live_0a1", "pk_live_0a1B", "sk_live_0a 1B", ""] {
            assert!(!key.matches(wrong), "{wrong}");
        }
        for address in ["https://n8n.clinic.example", "http://[::1]:5678/n8n"] {
            assert!(Pattern::WebAddress.matches(address), "{address}");
        }
        for wrong in ["n8n.clinic.example", "https://", "ftp://a", "https://a b", "https:///path"] {
            assert!(!Pattern::WebAddress.matches(wrong), "{wrong}");
        }
        for (mailbox, address) in [
            ("desk@clinic.example", "desk@clinic.example"),
            ("Front desk <desk@clinic.example>", "desk@clinic.example"),
        ] {
            assert_eq!(address_of(mailbox), Some(address));
        }
        for wrong in [
            "desk",
            "desk@clinic",
            "@clinic.example",
            "a@b@c.example",
            "Desk <desk@clinic.example",
            "a@b.example, c@d.example",
        ] {
            assert!(!Pattern::Mailbox.matches(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_value_of_another_kind_is_recognized() {
        assert_eq!(looks_like("SK0123456789abcdef0123456789abcdef"), Some("a Twilio API key SID"));
        assert_eq!(looks_like("re_c1tpEyD8_NKFusih9vKVQknRAQfmFcWCv"), Some("a Resend API key"));
        assert_eq!(looks_like("sk_live_0000"), Some("a Stripe API key"));
        assert_eq!(looks_like("rk_test_0000"), Some("a Stripe API key"));
        assert_eq!(looks_like("pk_live_0000"), Some("a Stripe publishable key"));
        assert_eq!(looks_like("sk_0000"), Some("an ElevenLabs API key"));
        assert_eq!(
            looks_like("pat-na1-00000000-0000-0000-0000-000000000000"),
            Some("a HubSpot access token")
        );
        assert_eq!(looks_like("key_0123456789abcdef0123"), Some("a Retell AI API key"));
        assert_eq!(looks_like("n8n_api_0123"), Some("an n8n API key"));
        assert_eq!(looks_like("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"), Some("an n8n API key"));
        assert_eq!(looks_like("c0ffee00-0000-4000-8000-000000000001"), Some("a Vapi key"));
        assert_eq!(looks_like("GOCSPX-0000"), Some("a Google client secret"));
        assert_eq!(looks_like("1-a.apps.googleusercontent.com"), Some("a Google client ID"));
        assert_eq!(looks_like("ya29.a0"), Some("a Google access token"));
        assert_eq!(looks_like("1//0gAAAAAAAAAAAAAAAAAAAAAA"), Some("a Google refresh token"));
        assert_eq!(looks_like("0123"), None);
        assert_eq!(looks_like("Front desk"), None);
    }
}
