//! Verification of webhooks that are signed in Svix's way, as Resend's delivery reports are: a pure
//! function of a secret, headers, bytes and the time.
//!
//! The same algorithm as Standard Webhooks, under headers of its own.

use axum::http::HeaderMap;

use super::signature::{Encoding, HmacPlan, Refusal, Scheme, Signed, verify};

/// What stands before the base64 of a secret.
const PREFIX: &str = "whsec_";
const ID: &str = "svix-id";
/// The longest id that is kept, in bytes.
const MOST_ID: usize = 256;

/// The id of a verified message: the same in every retry of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageId(String);

impl MessageId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Verifies a request with the secret as it is shown at the provider, with `whsec_` before it or
/// without. `now` is Unix time in seconds.
///
/// # Errors
/// Why it is not believed.
pub fn verify_svix(secret: &str, headers: &HeaderMap, body: &[u8], now: i64) -> Result<MessageId, Refusal> {
    let key = secret.strip_prefix(PREFIX).unwrap_or(secret);
    let signed = Signed { headers, body, method: "POST", url: "" };
    verify(&Scheme::Hmac(plan()), key.as_bytes(), &signed, now)?;
    let id = headers.get(ID).and_then(|value| value.to_str().ok()).ok_or(Refusal::Missing)?;
    // An id with a dot could be read together with the timestamp in two ways.
    if id.is_empty() || id.len() > MOST_ID || id.contains('.') {
        return Err(Refusal::Missing);
    }
    Ok(MessageId(id.to_owned()))
}

fn plan() -> HmacPlan {
    HmacPlan {
        signature_header: "svix-signature".to_owned(),
        timestamp_header: "svix-timestamp".to_owned(),
        message_id_header: Some(ID.to_owned()),
        payload_format: "{svix-id}.{timestamp}.{body}".to_owned(),
        signature_prefix: Some("v1,".to_owned()),
        signature_encoding: Encoding::Base64,
        secret_is_base64: true,
        ..HmacPlan::default()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    /// Secret, id, timestamp, body, signature: the vectors of the reference libraries.
    const VECTORS: [(&str, &str, i64, &str, &str); 2] = [
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
        (
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ];

    fn headers(id: &str, timestamp: i64, signature: &str) -> HeaderMap {
        let pairs =
            [("svix-id", id), ("svix-timestamp", &timestamp.to_string()), ("svix-signature", signature)];
        let pair = |(name, value): (&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect(name))
        };
        pairs.map(pair).into_iter().collect()
    }

    #[test]
    fn the_vectors_verify_with_their_prefix_and_without() {
        for (secret, id, at, body, signature) in VECTORS {
            let given = headers(id, at, signature);
            let bare = secret.trim_start_matches(PREFIX);
            for secret in [bare.to_owned(), format!("{PREFIX}{bare}")] {
                let verified = verify_svix(&secret, &given, body.as_bytes(), at).expect(id);
                assert_eq!(verified.as_str(), id);
            }
        }
    }

    #[test]
    fn one_good_signature_among_several_is_enough_and_other_versions_are_none() {
        let (secret, id, at, body, signature) = VECTORS[0];
        let several = format!("v1a,AAAA v1,AAAA {signature}");
        assert!(verify_svix(secret, &headers(id, at, &several), body.as_bytes(), at).is_ok());
        for none in ["v1a,AAAA", "", "v1,", &signature.replace("v1,", "v2,"), &signature[3..]] {
            let given = headers(id, at, none);
            assert_eq!(verify_svix(secret, &given, body.as_bytes(), at), Err(Refusal::Forged), "{none}");
        }
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        let (secret, id, at, body, signature) = VECTORS[0];
        let good = headers(id, at, signature);
        for place in 0..body.len() {
            let mut bytes = body.as_bytes().to_vec();
            bytes[place] ^= 1;
            assert_eq!(verify_svix(secret, &good, &bytes, at), Err(Refusal::Forged), "byte {place}");
        }
        let other = VECTORS[1].0;
        assert_eq!(verify_svix(other, &good, body.as_bytes(), at), Err(Refusal::Forged));
        for empty in ["", PREFIX, "whsec_not base64"] {
            assert_eq!(verify_svix(empty, &good, body.as_bytes(), at), Err(Refusal::Forged), "{empty}");
        }
        let foreign = headers("msg_another", at, signature);
        assert_eq!(verify_svix(secret, &foreign, body.as_bytes(), at), Err(Refusal::Forged));
        let later = headers(id, at + 1, signature);
        assert_eq!(verify_svix(secret, &later, body.as_bytes(), at), Err(Refusal::Forged));
    }

    #[test]
    fn the_window_is_five_minutes_both_ways_and_each_header_stands_there_once() {
        let (secret, id, at, body, signature) = VECTORS[0];
        let good = headers(id, at, signature);
        for off in [-300, 0, 300] {
            assert!(verify_svix(secret, &good, body.as_bytes(), at + off).is_ok(), "{off}");
        }
        for off in [-301, 301] {
            assert_eq!(verify_svix(secret, &good, body.as_bytes(), at + off), Err(Refusal::Expired), "{off}");
        }
        for name in ["svix-id", "svix-timestamp", "svix-signature"] {
            let mut without = good.clone();
            without.remove(name);
            assert_eq!(verify_svix(secret, &without, body.as_bytes(), at), Err(Refusal::Missing), "{name}");
            let mut twice = good.clone();
            twice.append(name, good[name].clone());
            assert_eq!(verify_svix(secret, &twice, body.as_bytes(), at), Err(Refusal::Missing), "{name}");
        }
    }
}
