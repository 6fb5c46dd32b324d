//! `X-Twilio-Signature`: an HMAC-SHA1 in Base64 over the address that Twilio called and what it posted.
//!
//! Pure functions. The key is always the account's Auth Token. Twilio signs no time; that nothing counts
//! twice is the dedupe key's work. <https://www.twilio.com/docs/usage/security>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Whether a form was signed. `url` is the address as it is known outside, with the query exactly as it
/// was sent; `fields` are decoded. Whether Twilio has put the port into the address is not known, so it
/// is tried with and without.
pub fn is_form_signed(token: &[u8], url: &str, fields: &[(String, String)], signature: &str) -> bool {
    // Each distinct value of a name once, in the order of the bytes.
    let mut sorted: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut is_signed = false;
    for url in spellings(url) {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token) else { return false };
        mac.update(url.as_bytes());
        for (name, value) in &sorted {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
        // As text: what decodes to the same bytes but is written otherwise is another signature.
        let expected = STANDARD.encode(mac.finalize().into_bytes());
        is_signed |= bool::from(expected.as_bytes().ct_eq(signature.as_bytes()));
    }
    is_signed
}

/// Whether a body that is no form was signed: its SHA-256 stands in the address, which is signed alone.
pub fn is_body_signed(token: &[u8], url: &str, body: &[u8], signature: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut told = query.split('&').filter_map(|pair| pair.strip_prefix("bodySHA256="));
    let (first, second) = (told.next().unwrap_or_default(), told.next());
    let digest = hex::encode(Sha256::digest(body));
    let is_same = bool::from(digest.as_bytes().ct_eq(first.to_ascii_lowercase().as_bytes()));
    is_form_signed(token, url, &[], signature) && is_same && second.is_none()
}

/// The address as it is, and with its port left out or written down.
fn spellings(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return all };
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    let after_bracket = host.rfind(']').map_or(0, |at| at + 1);
    match host[after_bracket..].find(':') {
        Some(colon) => all.push(format!("{scheme}://{}{path}", &host[..after_bracket + colon])),
        None => {
            let port = if scheme == "https" { 443 } else { 80 };
            all.push(format!("{scheme}://{host}:{port}{path}"));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &[u8] = b"12345";
    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn call() -> Vec<(String, String)> {
        fields(&[
            ("From", "+14158675309"),
            ("Digits", "1234"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
            ("CallSid", "CA1234567890ABCDE"),
        ])
    }

    #[test]
    fn twilios_own_examples_verify() {
        assert!(is_form_signed(TOKEN, URL, &call(), SIGNATURE));
        // The port was signed and is not in our address, or the other way round.
        assert!(is_form_signed(TOKEN, URL, &call(), "kvajT1Ptam85bY51eRf/AJRuM3w="));
        let with_port = URL.replace("mycompany.com", "mycompany.com:443");
        assert!(is_form_signed(TOKEN, &with_port, &call(), "kvajT1Ptam85bY51eRf/AJRuM3w="));
        assert!(is_form_signed(TOKEN, &with_port, &call(), SIGNATURE));
        let plain = URL.replace("https", "http");
        assert!(is_form_signed(TOKEN, &plain, &call(), "0ZXoZLH/DfblKGATFgpif+LLRf4="));
        let digits = fields(&[
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            ("Digits", "5678"),
            ("Digits", "1234"),
            ("Digits", "1234"),
        ]);
        assert!(is_form_signed(TOKEN, URL, &digits, "IK+Dwps556ElfBT0I3Rgjkr1wJU="));
        let body = br#"{"property": "value", "boolean": true}"#;
        let url =
            format!("{URL}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620");
        assert!(is_body_signed(TOKEN, &url, body, "a9nBmqA0ju/hNViExpshrM61xv4="));
        assert!(!is_body_signed(TOKEN, &url, b"{}", "a9nBmqA0ju/hNViExpshrM61xv4="));
        assert!(!is_body_signed(TOKEN, URL, body, SIGNATURE));
    }

    #[test]
    fn anything_that_differs_is_refused() {
        for at in 0..SIGNATURE.len() {
            let mut changed = SIGNATURE.as_bytes().to_vec();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert!(!is_form_signed(TOKEN, URL, &call(), &changed), "{changed}");
        }
        for at in 0..URL.len() {
            let mut changed = URL.as_bytes().to_vec();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert!(!is_form_signed(TOKEN, &changed, &call(), SIGNATURE), "{changed}");
        }
        assert!(!is_form_signed(b"12346", URL, &call(), SIGNATURE));
        assert!(!is_form_signed(TOKEN, URL, &call()[1..], SIGNATURE));
        assert!(!is_form_signed(TOKEN, URL, &call(), ""));
        assert!(!is_form_signed(TOKEN, URL, &call(), &format!("{SIGNATURE} ")));
        assert!(!is_form_signed(TOKEN, "", &[], ""));
    }

    #[test]
    fn ports_are_found_where_they_are() {
        assert_eq!(spellings("http://[::1]/a")[1], "http://[::1]:80/a");
        assert_eq!(spellings("http://[::1]:4000/a")[1], "http://[::1]/a");
        assert_eq!(spellings("https://a.example:8443?b=1")[1], "https://a.example?b=1");
    }
}
