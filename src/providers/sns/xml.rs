//! The few elements that are read of AWS's XML, found by plain search.
//!
//! Not a parser: the answers are small, of a known shape, and nothing of them is trusted beyond the
//! text of single elements. What is not there is none, and never an error.

/// The text of the first element of that name.
pub(super) fn text_of(xml: &str, tag: &str) -> Option<String> {
    let mut rest = xml;
    loop {
        let at = rest.find('<')?;
        rest = &rest[at + 1..];
        let Some(behind) = rest.strip_prefix(tag) else { continue };
        // `<Code>` or `<Code xmlns="...">`, and not `<CodeName>`.
        let content = match behind.as_bytes().first()? {
            b'>' => &behind[1..],
            byte if byte.is_ascii_whitespace() => &behind[behind.find('>')? + 1..],
            _ => continue,
        };
        let end = content.find(&format!("</{tag}"))?;
        return Some(unescape(content[..end].trim()));
    }
}

/// The value of an entry of a map: `<entry><key>..</key><value>..</value></entry>`.
pub(super) fn entry(xml: &str, key: &str) -> Option<String> {
    let mut rest = xml;
    while let Some(at) = rest.find("<entry>") {
        rest = &rest[at + "<entry>".len()..];
        let one = &rest[..rest.find("</entry>")?];
        if text_of(one, "key").as_deref() == Some(key) {
            return text_of(one, "value");
        }
    }
    None
}

/// Whether there is an element of that name.
pub(super) fn has(xml: &str, tag: &str) -> bool {
    text_of(xml, tag).is_some()
}

fn unescape(text: &str) -> String {
    // The ampersand last, so that nothing is unescaped twice.
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_whatever_stands_around_them() {
        let xml = "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error>\
                   <Type>Sender</Type><CodeName>no</CodeName><Code> Invalid&amp;lt; </Code></Error></ErrorResponse>";
        assert_eq!(text_of(xml, "Code").as_deref(), Some("Invalid&lt;"));
        assert!(has(xml, "ErrorResponse") && !has(xml, "Message"));
        for broken in ["", "<", "<Code", "<Code>", "<Code x", "<Code></Cod", "</Code>"] {
            assert_eq!(text_of(broken, "Code"), None, "{broken}");
        }
    }

    #[test]
    fn entries_are_found_by_their_key() {
        let xml = "<attributes><entry><key>DefaultSMSType</key><value>Promotional</value></entry>\
                   <entry><key>MonthlySpendLimit</key><value>1</value></entry></attributes>";
        assert_eq!(entry(xml, "MonthlySpendLimit").as_deref(), Some("1"));
        assert_eq!(entry(xml, "Nothing"), None);
        assert_eq!(entry("<entry><key>a", "a"), None);
    }
}
