//! Signing as Vapi does, for test messages that a clinic sends itself.
//!
//! It follows Vapi's description of its plans and shares nothing with `signature`, which verifies: a
//! mistake in one of them would otherwise be hidden by the other.

use axum::http::{HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::signature::{Algorithm, Encoding, HmacPlan, Scheme};

/// Headers of a request; the values are not printed.
pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// The headers that prove a body posted to `url` at `now` (Unix time in seconds), of a secret in its
/// scheme. None where scheme and secret do not fit.
pub fn headers(
    scheme: &Scheme,
    secret: &[u8],
    body: &[u8],
    url: &str,
    now: i64,
    message_id: &str,
) -> Option<Headers> {
    let header = |name: &str, value: &[u8]| {
        let mut value = HeaderValue::from_bytes(value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name).ok()?, value))
    };
    let plan = match scheme {
        Scheme::Bearer { header: name, with_prefix } => {
            let prefix: &[u8] = if *with_prefix { b"Bearer " } else { b"" };
            return Some(vec![header(name, &[prefix, secret].concat())?]);
        }
        Scheme::Hmac(plan) => plan,
    };
    let timestamp = now.to_string();
    let text = signed_text(plan, body, url, &timestamp, message_id);
    let decoded = if plan.secret_is_base64 { STANDARD.decode(secret).ok()? } else { secret.to_vec() };
    let mac = match plan.algorithm {
        Algorithm::Sha1 => mac::<Hmac<Sha1>>(&decoded, &text)?,
        Algorithm::Sha256 => mac::<Hmac<Sha256>>(&decoded, &text)?,
        Algorithm::Sha512 => mac::<Hmac<Sha512>>(&decoded, &text)?,
    };
    let encoded = match plan.signature_encoding {
        Encoding::Hex => hex::encode(mac),
        Encoding::Base64 => STANDARD.encode(mac),
    };
    let signature = format!("{}{encoded}", plan.signature_prefix.as_deref().unwrap_or_default());
    let mut headers = vec![header(&plan.signature_header, signature.as_bytes())?];
    if plan.include_timestamp {
        headers.push(header(&plan.timestamp_header, timestamp.as_bytes())?);
    }
    if let Some(name) = &plan.message_id_header {
        headers.push(header(name, message_id.as_bytes())?);
    }
    Some(headers)
}

/// The template with its places filled. The body goes in as it is, so that what it contains is never
/// taken for a place.
fn signed_text(plan: &HmacPlan, body: &[u8], url: &str, timestamp: &str, message_id: &str) -> Vec<u8> {
    let fill = |text: &str| {
        text.replace("{timestamp}", timestamp)
            .replace("{method}", "POST")
            .replace("{svix-id}", message_id)
            .replace("{url}", url)
    };
    let mut text = Vec::with_capacity(body.len() + 64);
    for (at, part) in plan.payload_format.split("{body}").enumerate() {
        if at > 0 {
            text.extend_from_slice(body);
        }
        text.extend_from_slice(fill(part).as_bytes());
    }
    text
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;
    use crate::webhooks::signature::{Signed, verify};

    #[test]
    fn what_is_signed_here_is_believed_there_in_every_form() {
        let plans = [
            HmacPlan::default(),
            HmacPlan::ours(),
            HmacPlan {
                algorithm: Algorithm::Sha512,
                signature_encoding: Encoding::Base64,
                ..HmacPlan::ours()
            },
            HmacPlan {
                signature_prefix: Some("v1,".to_owned()),
                message_id_header: Some("x-id".to_owned()),
                ..HmacPlan::ours()
            },
            HmacPlan { payload_format: "{method}.{url}.{svix-id}.{body}".to_owned(), ..HmacPlan::ours() },
            HmacPlan {
                algorithm: Algorithm::Sha1,
                include_timestamp: false,
                payload_format: "{body}".to_owned(),
                ..HmacPlan::ours()
            },
        ];
        let mut schemes: Vec<Scheme> = plans.into_iter().map(Scheme::Hmac).collect();
        schemes.push(Scheme::Bearer { header: "authorization".to_owned(), with_prefix: true });
        schemes.push(Scheme::Bearer { header: "x-vapi-secret".to_owned(), with_prefix: false });
        let (body, url) =
            (br#"{"message":{"type":"{timestamp}"}}"#, "https://example.test/api/webhooks/vapi");
        for scheme in schemes {
            let made = headers(&scheme, b"a secret", body, url, 1_700_000_000, "").unwrap();
            let made: HeaderMap = made.into_iter().collect();
            let signed = Signed { headers: &made, body, method: "POST", url };
            assert_eq!(verify(&scheme, b"a secret", &signed, 1_700_000_000), Ok(()), "{scheme:?}");
            assert!(verify(&scheme, b"another", &signed, 1_700_000_000).is_err(), "{scheme:?}");
        }
    }
}
