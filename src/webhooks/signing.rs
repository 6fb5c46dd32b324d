//! Signatures of events out, as Standard Webhooks 1.0.0 has them: pure functions.
//!
//! What comes in is verified in `signature`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::vault::{SecretBytes, SecretText};

/// What stands before the base64 of a secret.
pub const PREFIX: &str = "whsec_";
/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

/// A fresh secret, as it is shown once: `whsec_` and base64.
///
/// # Errors
/// Where the system gives no random bytes.
pub fn generate() -> Result<SecretText, getrandom::Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    let key = SecretBytes::new(bytes.to_vec());
    Ok(SecretText::new(format!("{PREFIX}{}", STANDARD.encode(key.expose()))))
}

/// The value of `webhook-signature`: one `v1` for each secret, separated by spaces. A secret that is no
/// base64 signs nothing; where none signs, there is no value.
pub fn signatures<'a>(
    secrets: impl IntoIterator<Item = &'a SecretText>,
    id: &str,
    timestamp: i64,
    body: &str,
) -> Option<String> {
    let parts: Vec<String> =
        secrets.into_iter().filter_map(|secret| sign(secret, id, timestamp, body)).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn sign(secret: &SecretText, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let text = secret.expose();
    let key = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).map(SecretBytes::new).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the reference libraries: secret, id, timestamp, body, signature.
    const VECTORS: [(&str, &str, i64, &str, &str); 3] = [
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
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ];

    #[test]
    fn the_official_vectors_sign_alike() {
        for (secret, id, at, body, expected) in VECTORS {
            let secret = SecretText::new(secret.to_owned());
            assert_eq!(signatures([&secret], id, at, body).as_deref(), Some(expected), "{id}");
        }
    }

    #[test]
    fn two_live_secrets_sign_both_and_a_broken_one_signs_nothing() {
        let secrets =
            [VECTORS[0].0, "whsec_not base64", VECTORS[1].0].map(|it| SecretText::new(it.to_owned()));
        let value = signatures(&secrets, "msg_1", 7, "{}").expect("signatures");
        let parts: Vec<&str> = value.split(' ').collect();
        assert_eq!(parts.len(), 2);
        assert!(parts.iter().all(|part| part.starts_with("v1,")) && parts[0] != parts[1]);
        assert_eq!(signatures(&secrets[1..2], "msg_1", 7, "{}"), None);
    }

    #[test]
    fn fresh_secrets_differ_and_hold_32_bytes() {
        let [one, other] = [(); 2].map(|()| generate().expect("random bytes"));
        assert_ne!(one.expose(), other.expose());
        let bytes = STANDARD.decode(one.expose().strip_prefix(PREFIX).expect("the prefix")).expect("base64");
        assert_eq!(bytes.len(), 32);
    }
}
