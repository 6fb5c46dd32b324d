//! What Resend's refusals mean, and what to do about them.
//!
//! Bodies are `{"statusCode": number, "message": text, "name": text}`.

use serde_json::Value;

use super::super::api_error::{Dialect, Row, Told, Verdict, text_at};
use super::{DOMAINS_URL, KEYS_URL, NAME};

const STATUS_URL: &str = "https://resend-status.com";
const USAGE_URL: &str = "https://resend.com/settings/usage";
const ERRORS_URL: &str = "https://resend.com/docs/api-reference/errors";
const ONCE_URL: &str = "https://resend.com/docs/dashboard/emails/idempotency-keys";

/// Resend's errors.
pub static DIALECT: Dialect = Dialect { name: NAME, status_url: STATUS_URL, rows: ROWS, read };

const NEW_KEY: &str = "Make a new API key at Resend and paste it here.";
const TELL_US: &str = "Try again. If it stays, tell who runs this service.";
const LATER: &str = "Wait a moment and try again.";

const ROWS: &[Row] = &[
    Row::of("missing_api_key", Verdict::Refused, "Resend says that no API key was sent.", NEW_KEY, KEYS_URL),
    Row::of(
        "restricted_api_key",
        Verdict::Limited,
        "Resend says that this key may only send e-mails.",
        "Use a key with full access to see domains here as well.",
        KEYS_URL,
    ),
    Row::of(
        "invalid_api_key",
        Verdict::Refused,
        "Resend rejected the API key: it is wrong or was deleted.",
        NEW_KEY,
        KEYS_URL,
    ),
    Row::of(
        "suspended_api_key",
        Verdict::Refused,
        "Resend has suspended this API key.",
        "Look into the Resend dashboard for the reason, or make a new key.",
        KEYS_URL,
    ),
    Row::of(
        "invalid_permission",
        Verdict::Refused,
        "Resend knows this key but does not allow it to do this.",
        "Make a key with sending access or full access.",
        KEYS_URL,
    ),
    Row::of(
        "domain_not_verified",
        Verdict::Limited,
        "Resend does not send from this domain: it is not verified in this account.",
        "Add the domain at Resend and set the DNS records that it shows.",
        DOMAINS_URL,
    ),
    Row::of(
        "validation_error",
        Verdict::Silent,
        "Resend says that the e-mail is not valid.",
        "Check sender and recipient.",
        ERRORS_URL,
    ),
    Row::of(
        "invalid_from_address",
        Verdict::Silent,
        "Resend says that the sender is not a valid address.",
        "Write the sender as desk@clinic.example or Front desk <desk@clinic.example>.",
        DOMAINS_URL,
    ),
    Row::of(
        "invalid_access",
        Verdict::Silent,
        "Resend says that the access of the key is not valid.",
        NEW_KEY,
        KEYS_URL,
    ),
    Row::of(
        "invalid_region",
        Verdict::Silent,
        "Resend says that the region of the domain is not valid.",
        "Look at the domain in the Resend dashboard.",
        DOMAINS_URL,
    ),
    Row::of(
        "missing_required_field",
        Verdict::Silent,
        "Resend says that something is missing in the request.",
        TELL_US,
        ERRORS_URL,
    ),
    Row::of(
        "missing_required_parameter",
        Verdict::Silent,
        "Resend says that a parameter is missing in the request.",
        TELL_US,
        ERRORS_URL,
    ),
    Row::of(
        "invalid_parameter",
        Verdict::Silent,
        "Resend says that a parameter of the request is not valid.",
        TELL_US,
        ERRORS_URL,
    ),
    Row::of(
        "invalid_attachment",
        Verdict::Silent,
        "Resend does not take the attachment.",
        "Send the e-mail without it.",
        ERRORS_URL,
    ),
    Row::of("not_found", Verdict::Silent, "Resend has no such object.", TELL_US, ERRORS_URL),
    Row::of("method_not_allowed", Verdict::Silent, "Resend does not offer this.", TELL_US, ERRORS_URL),
    Row::of(
        "invalid_idempotency_key",
        Verdict::Silent,
        "Resend does not take the mark that keeps an e-mail from going out twice.",
        TELL_US,
        ONCE_URL,
    ),
    Row::of(
        "invalid_idempotent_request",
        Verdict::Silent,
        "Resend has another e-mail under the same mark, so this one was not sent.",
        "Send it as a new e-mail.",
        ONCE_URL,
    ),
    Row::of(
        "concurrent_idempotent_requests",
        Verdict::Silent,
        "Resend is still busy with the same e-mail.",
        LATER,
        ONCE_URL,
    ),
    Row::of(
        "resource_locked",
        Verdict::Silent,
        "Resend is still busy with the same object.",
        LATER,
        ERRORS_URL,
    ),
    Row::of(
        "rate_limit_exceeded",
        Verdict::Silent,
        "Resend asks to slow down: too many requests. Nothing was sent.",
        LATER,
        "https://resend.com/docs/api-reference/rate-limit",
    ),
    Row::of(
        "daily_quota_exceeded",
        Verdict::Silent,
        "Resend says that today's e-mails are used up.",
        "Wait until tomorrow, or take a larger plan.",
        USAGE_URL,
    ),
    Row::of(
        "monthly_quota_exceeded",
        Verdict::Silent,
        "Resend says that this month's e-mails are used up.",
        "Take a larger plan, or wait until next month.",
        USAGE_URL,
    ),
    Row::of(
        "security_error",
        Verdict::Silent,
        "Resend stopped the request for security reasons.",
        "Look into the Resend dashboard for the reason.",
        ERRORS_URL,
    ),
    Row::of("application_error", Verdict::Silent, "Resend has a problem of its own.", LATER, STATUS_URL),
    Row::of(
        "internal_server_error",
        Verdict::Silent,
        "Resend has a problem of its own right now.",
        LATER,
        STATUS_URL,
    ),
    Row::of("service_unavailable", Verdict::Silent, "Resend is not available right now.", LATER, STATUS_URL),
    Row::of("401", Verdict::Refused, "Resend did not accept the API key.", NEW_KEY, KEYS_URL),
    Row::of(
        "403",
        Verdict::Refused,
        "Resend knows this key but does not let it do this.",
        "Make a key with sending access or full access.",
        KEYS_URL,
    ),
    Row::of("429", Verdict::Silent, "Resend asks to slow down. Nothing was sent.", LATER, STATUS_URL),
];

/// A wrong key is answered with `validation_error` and words, and so is a domain that is not
/// verified: the words decide then.
fn read(status: u16, body: &Value) -> Told {
    let message = text_at(body, &["/message"]);
    let words = message.as_deref().unwrap_or_default().to_ascii_lowercase();
    let name = text_at(body, &["/name"]);
    let code = match name.as_deref() {
        Some("validation_error") if words.contains("api key is invalid") => {
            Some("invalid_api_key".to_owned())
        }
        Some("validation_error") if status == 403 => Some("domain_not_verified".to_owned()),
        _ => name,
    };
    Told { code, message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_words_of_a_validation_error_tell_a_wrong_key_from_a_wrong_domain() {
        let code = |status, message: &str| {
            read(status, &json!({ "statusCode": status, "name": "validation_error", "message": message }))
                .code
        };
        assert_eq!(code(400, "API key is invalid").as_deref(), Some("invalid_api_key"));
        let domain = "The clinic.example domain is not verified. Please, add and verify your domain";
        assert_eq!(code(403, domain).as_deref(), Some("domain_not_verified"));
        assert_eq!(code(422, "Invalid `to` field").as_deref(), Some("validation_error"));
        assert_eq!(
            read(401, &json!({ "name": "restricted_api_key" })).code.as_deref(),
            Some("restricted_api_key")
        );
    }
}
