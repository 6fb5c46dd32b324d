//! The tables are whole and say what to do; what no table knows is told all the same.

use std::collections::HashSet;

use super::*;
use crate::providers::catalogue;

#[test]
fn every_code_says_who_what_to_do_and_where() {
    for dialect in catalogue::dialects() {
        let codes: HashSet<&str> = dialect.rows.iter().map(|row| row.code).collect();
        assert_eq!(codes.len(), dialect.rows.len(), "{}: a code twice", dialect.name);
        for status in ["401", "403", "429"] {
            assert!(codes.contains(status), "{}: {status}", dialect.name);
        }
        assert!(dialect.status_url.starts_with("https://"));
        for row in dialect.rows {
            assert!(row.sentence.contains(dialect.name), "{}: {}", dialect.name, row.sentence);
            assert!(row.sentence.ends_with('.') && row.fix.ends_with('.'), "{}: {}", dialect.name, row.code);
            assert!(row.url.starts_with("https://"), "{}: {}", dialect.name, row.code);
        }
    }
}

/// What the providers' documents name, listed apart from the tables, so that a row that goes missing is
/// missed.
const DOCUMENTED: &[(&str, &[&str])] = &[
    (
        "ElevenLabs",
        &[
            "invalid_api_key",
            "missing_permissions",
            "quota_exceeded",
            "detected_unusual_activity",
            "max_character_limit_exceeded",
            "voice_not_found",
            "only_for_creator+",
            "too_many_concurrent_requests",
            "system_busy",
            "401",
            "402",
            "403",
            "422",
            "429",
        ],
    ),
    (
        "Resend",
        &[
            "missing_api_key",
            "restricted_api_key",
            "invalid_api_key",
            "suspended_api_key",
            "invalid_permission",
            "validation_error",
            "invalid_from_address",
            "invalid_access",
            "invalid_region",
            "missing_required_field",
            "missing_required_parameter",
            "invalid_parameter",
            "invalid_attachment",
            "not_found",
            "method_not_allowed",
            "invalid_idempotency_key",
            "invalid_idempotent_request",
            "concurrent_idempotent_requests",
            "resource_locked",
            "rate_limit_exceeded",
            "daily_quota_exceeded",
            "monthly_quota_exceeded",
            "security_error",
            "application_error",
            "internal_server_error",
            "service_unavailable",
        ],
    ),
    (
        "Stripe",
        &[
            "api_key_expired",
            "platform_api_key_expired",
            "secret_key_required",
            "account_invalid",
            "account_closed",
            "testmode_charges_only",
            "livemode_mismatch",
            "rate_limit",
            "lock_timeout",
            "400",
            "401",
            "402",
            "403",
            "404",
            "409",
            "424",
            "429",
        ],
    ),
    (
        "HubSpot",
        &[
            "INVALID_AUTHENTICATION",
            "EXPIRED_AUTHENTICATION",
            "MISSING_SCOPES",
            "USER_DOES_NOT_HAVE_PERMISSIONS",
            "RATE_LIMITS",
            "VALIDATION_ERROR",
            "BANNED",
            "401",
            "403",
            "423",
            "429",
            "477",
            "502",
            "503",
            "504",
            "521",
            "522",
            "523",
            "524",
            "525",
            "526",
        ],
    ),
    ("Retell AI", &["400", "401", "402", "404", "422", "429"]),
    ("n8n", &["401", "403", "404", "429"]),
];

#[test]
fn every_documented_code_has_a_row() {
    assert_eq!(DOCUMENTED.len(), catalogue::dialects().into_iter().count());
    for dialect in catalogue::dialects() {
        let (_, codes) = DOCUMENTED.iter().find(|(name, _)| *name == dialect.name).expect(dialect.name);
        for code in *codes {
            let row = dialect.row(code).unwrap_or_else(|| panic!("{}: {code}", dialect.name));
            assert!(!row.fix.is_empty(), "{}: {code}", dialect.name);
        }
    }
}

#[test]
fn what_no_row_knows_is_told_in_the_providers_words_and_refuses_only_as_401_and_403() {
    for dialect in catalogue::dialects() {
        let of = |status: u16, body: &'static str| {
            let reply = Reply { status, retry_after: None, is_html: false, body: body.into() };
            ApiError::from_reply(dialect, &reply)
        };
        // An empty body and plain words are what some of them really answer.
        for own in ["", "unauthorized"] {
            assert_ne!(of(401, own).verdict(), Verdict::Silent, "{}", dialect.name);
            assert_ne!(of(403, own).verdict(), Verdict::Silent, "{}", dialect.name);
            for status in [409, 418, 429, 500, 503] {
                let error = of(status, own);
                assert_eq!(error.verdict(), Verdict::Silent, "{} {status}", dialect.name);
                assert!(error.explain().sentence.contains(dialect.name), "{error}");
                assert_eq!(error.reference(), Some(status.to_string()));
            }
        }
        for status in [401, 402, 403, 404, 407] {
            let error = of(status, "<html>");
            assert_eq!(error.verdict(), Verdict::Silent, "{} {status}", dialect.name);
            assert_eq!(error.explain().sentence, Unexpected::Html.sentence(dialect.name));
        }
    }
}
