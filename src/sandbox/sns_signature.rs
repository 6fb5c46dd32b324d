//! Verifies AWS's signature (`SigV4`) of a request, written down from AWS's description and not with
//! the library that signs: a mistake in one is not a mistake in the other.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

/// How far the time of a request may be off.
const TOLERANCE: Duration = Duration::minutes(15);

/// What a request claims in its `Authorization` header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) access_key_id: String,
    pub(super) service: String,
    region: String,
    /// `20240101`
    day: String,
    signed_headers: Vec<String>,
    signature: String,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Forged,
    Expired,
}

impl Claim {
    /// Reads the header; none where there is none of this kind.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let part =
            |name: &str| text.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let mut scope = part("Credential")?.split('/');
        let (access_key_id, day) = (scope.next()?.to_owned(), scope.next()?.to_owned());
        let (region, service) = (scope.next()?.to_owned(), scope.next()?.to_owned());
        if scope.next() != Some("aws4_request") {
            return None;
        }
        let signed_headers = part("SignedHeaders")?.split(';').map(str::to_owned).collect();
        let signature = part("Signature")?.to_owned();
        Some(Self { access_key_id, service, region, day, signed_headers, signature })
    }

    /// Computes the signature of a POST without a query anew and compares.
    pub(super) fn verify(
        &self,
        secret: &str,
        path: &str,
        headers: &HeaderMap,
        body: &str,
        now: OffsetDateTime,
    ) -> Verdict {
        let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(moment) = value("x-amz-date") else { return Verdict::Forged };
        // What is not signed could be changed on the way.
        let covers = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        if !covers("host") || !covers("x-amz-date") || !moment.starts_with(&self.day) {
            return Verdict::Forged;
        }
        let mut canonical = format!("POST\n{path}\n\n");
        for name in &self.signed_headers {
            let Some(value) = value(name) else { return Verdict::Forged };
            canonical
                .push_str(&format!("{name}:{}\n", value.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        canonical.push_str(&format!("\n{}\n{}", self.signed_headers.join(";"), digest(body)));
        let scope = format!("{}/{}/{}/aws4_request", self.day, self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", digest(&canonical));
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [&self.day, &self.region, &self.service, "aws4_request"] {
            key = keyed(&key, part);
        }
        if hex::encode(keyed(&key, &to_sign)) != self.signature {
            return Verdict::Forged;
        }
        let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
        match PrimitiveDateTime::parse(moment, format) {
            Ok(at) if (now - at.assume_utc()).abs() <= TOLERANCE => Verdict::Good,
            _ => Verdict::Expired,
        }
    }
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes a key of any length, so this is never empty.
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const BODY: &str = "Action=Publish&Version=2010-03-31&PhoneNumber=%2B15555550100&Message=Hello";

    fn headers(signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240101/us-east-1/sns/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature={signature}"
        );
        for (name, value) in [
            ("authorization", authorization.as_str()),
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "sns.us-east-1.amazonaws.com"),
            ("x-amz-date", "20240101T000000Z"),
        ] {
            headers.insert(name, value.parse().expect(name));
        }
        headers
    }

    #[test]
    fn a_known_signature_is_good_and_every_change_to_it_is_forged() {
        let now = time::macros::datetime!(2024-01-01 00:05 UTC);
        let good = headers("c23555abc30f42226f04f341ccc641ac56d15ae40d9eab5c8aa91b683887012b");
        let claim = Claim::read(&good).expect("a claim");
        assert_eq!(claim.verify(SECRET, "/", &good, BODY, now), Verdict::Good);
        assert_eq!(claim.verify(SECRET, "/", &good, "Action=Publish", now), Verdict::Forged);
        assert_eq!(claim.verify("another", "/", &good, BODY, now), Verdict::Forged);
        assert_eq!(claim.verify(SECRET, "/sns", &good, BODY, now), Verdict::Forged);
        assert_eq!(claim.verify(SECRET, "/", &good, BODY, now + Duration::hours(1)), Verdict::Expired);
        let mut moved = good.clone();
        moved.insert("host", "sts.us-east-1.amazonaws.com".parse().expect("a host"));
        assert_eq!(claim.verify(SECRET, "/", &moved, BODY, now), Verdict::Forged);
        assert_eq!(Claim::read(&HeaderMap::new()), None);
    }
}
