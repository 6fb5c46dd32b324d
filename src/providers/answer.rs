//! Reading answers that should be JSON and sometimes are not.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::egress::Reply;

/// An answer with a good status that can not be taken at its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexpected {
    /// A web page: a proxy, a captive portal, a status page.
    #[error("a web page instead of JSON")]
    Html,
    #[error("no valid JSON")]
    NotJson,
    #[error("JSON of another shape")]
    OtherShape,
    /// A success by its status, an error by its body.
    #[error("a success with an error inside")]
    ErrorInside,
}

impl Unexpected {
    /// One sentence for people. `who` is the provider's name.
    pub fn sentence(self, who: &str) -> String {
        match self {
            Unexpected::Html => format!(
                "A web page came back instead of an answer from {who}: something between us and {who} answered."
            ),
            Unexpected::NotJson => format!("{who} sent an answer that can not be read."),
            Unexpected::OtherShape => format!("{who} sent an answer of an unknown form."),
            Unexpected::ErrorInside => format!("{who} reported an error inside of a successful answer."),
        }
    }
}

/// Reads the body of a successful answer.
pub fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, Unexpected> {
    let value: Value = serde_json::from_slice(&reply.body)
        .map_err(|_| if is_page(reply) { Unexpected::Html } else { Unexpected::NotJson })?;
    if has_error(&value) {
        return Err(Unexpected::ErrorInside);
    }
    serde_json::from_value(value).map_err(|_| Unexpected::OtherShape)
}

/// Whether an answer is a web page, whatever its status says. A refusal on such a page is none of the
/// provider's: a firewall, a proxy or a captive portal in between has answered, and it knows nothing
/// of the credential. An empty body, or plain words, is what some providers really answer.
pub fn is_page(reply: &Reply) -> bool {
    let first = reply.body.iter().find(|byte| !byte.is_ascii_whitespace());
    first == Some(&b'<') || (reply.is_html && first.is_some_and(|byte| !matches!(byte, b'{' | b'[')))
}

/// Whether a refusal came on a web page. Not so with 429: a door-keeper that asks to wait is obeyed too.
pub fn is_refused_by_a_page(reply: &Reply) -> bool {
    (400..500).contains(&reply.status) && reply.status != 429 && is_page(reply)
}

/// Whether an answer is one of the forms in which providers write errors, whatever its status says.
fn has_error(value: &Value) -> bool {
    let has_status =
        ["statusCode", "status"].iter().any(|key| value.get(key).and_then(Value::as_u64) >= Some(400));
    has_status
        || value.get("status").and_then(Value::as_str) == Some("error")
        || value.get("error").is_some_and(Value::is_object)
        || value.get("detail").is_some_and(Value::is_object)
}

/// A provider's own words, cut to a length that fits a sentence and without control characters.
pub fn quote(text: &str) -> String {
    const MOST: usize = 200;
    let mut words: String = text.chars().filter(|c| !c.is_control()).take(MOST).collect();
    if text.chars().count() > MOST {
        words.push('\u{2026}');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &'static str) -> Reply {
        Reply { status: 200, retry_after: None, is_html: false, body: body.into() }
    }

    #[test]
    fn each_unreadable_answer_has_its_own_name() {
        assert_eq!(read::<Value>(&reply(" <html></html>")).err(), Some(Unexpected::Html));
        assert_eq!(read::<Value>(&reply("{\"a\":")).err(), Some(Unexpected::NotJson));
        assert_eq!(read::<Vec<u8>>(&reply("{}")).err(), Some(Unexpected::OtherShape));
        assert_eq!(read::<Value>(&reply("{\"statusCode\":401}")).err(), Some(Unexpected::ErrorInside));
        for inside in [
            "{\"status\":\"error\"}",
            "{\"error\":{\"type\":\"api_error\"}}",
            "{\"detail\":{\"status\":\"x\"}}",
        ] {
            assert_eq!(read::<Value>(&reply(inside)).err(), Some(Unexpected::ErrorInside), "{inside}");
        }
        assert_eq!(read::<Value>(&reply("{\"status\":\"active\"}")).map(|_| ()), Ok(()));
    }

    #[test]
    fn a_web_page_is_told_from_the_plain_and_empty_answers_that_providers_give() {
        let of = |status, is_html, body: &'static str| Reply {
            status,
            is_html,
            retry_after: None,
            body: body.into(),
        };
        for page in [of(403, false, " \n<!doctype html>"), of(401, true, "Please sign in to this network.")] {
            assert!(is_refused_by_a_page(&page), "{page:?}");
        }
        for own in [
            of(401, false, ""),
            of(401, true, ""),
            of(403, false, "Authorization data is wrong!"),
            of(401, true, "{\"message\":\"unauthorized\"}"),
            of(429, true, "<html>"),
            of(502, true, "<html>"),
        ] {
            assert!(!is_refused_by_a_page(&own), "{own:?}");
        }
    }

    #[test]
    fn quotes_are_short_and_plain() {
        assert_eq!(quote("a\r\nb"), "ab");
        assert_eq!(quote(&"x".repeat(300)).chars().count(), 201);
    }
}
