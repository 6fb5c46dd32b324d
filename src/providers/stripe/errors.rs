//! What Stripe's refusals mean, and what to do about them.
//!
//! Bodies are `{"error": {"type": .., "code": .., "message": ..}}`; many have no code. Messages
//! quote a part of the key, so none is shown where a row knows better.

use serde_json::Value;

use super::super::api_error::{Dialect, Row, Told, Verdict, text_at};
use super::{KEYS_URL, NAME};

const STATUS_URL: &str = "https://status.stripe.com";
const CODES_URL: &str = "https://docs.stripe.com/error-codes";
const ACCOUNT_URL: &str = "https://dashboard.stripe.com/account/status";

/// Our own word for a restricted key that lacks a permission; Stripe has none.
pub(super) const PERMISSION_MISSING: &str = "permission_missing";

/// Stripe's errors.
pub static DIALECT: Dialect = Dialect { name: NAME, status_url: STATUS_URL, rows: ROWS, read };

const ROWS: &[Row] = &[
    Row::of(
        "api_key_expired",
        Verdict::Refused,
        "Stripe says that this key has expired.",
        "Copy the key that took its place, or make a new one.",
        KEYS_URL,
    ),
    Row::of(
        "platform_api_key_expired",
        Verdict::Refused,
        "Stripe says that the key of the platform has expired.",
        "Use a key of your own account.",
        KEYS_URL,
    ),
    Row::of(
        "secret_key_required",
        Verdict::Refused,
        "Stripe says that this is a publishable key, which may not do this.",
        "Use a restricted key (rk_) or a secret key (sk_).",
        KEYS_URL,
    ),
    Row::of(
        PERMISSION_MISSING,
        Verdict::Limited,
        "Stripe knows this restricted key but does not allow it to do this.",
        "Edit the key in the Stripe dashboard and add the permission.",
        KEYS_URL,
    ),
    Row::of(
        "account_invalid",
        Verdict::Refused,
        "Stripe says that this account is closed or not open to this key.",
        "Open the Stripe dashboard and follow what it says about the account.",
        ACCOUNT_URL,
    ),
    Row::of(
        "account_closed",
        Verdict::Refused,
        "Stripe says that this account is closed.",
        "Open the Stripe dashboard and follow what it says about the account.",
        ACCOUNT_URL,
    ),
    Row::of(
        "testmode_charges_only",
        Verdict::Limited,
        "Stripe takes no real payments for this account yet.",
        "Finish the activation of the account in the Stripe dashboard.",
        ACCOUNT_URL,
    ),
    Row::of(
        "livemode_mismatch",
        Verdict::Silent,
        "Stripe says that test and live were mixed.",
        "Use a live key for real payments and a test key for tests.",
        CODES_URL,
    ),
    Row::of(
        "rate_limit",
        Verdict::Silent,
        "Stripe asks to slow down: too many requests.",
        "Wait a moment and try again. Nothing was changed.",
        "https://docs.stripe.com/rate-limits",
    ),
    Row::of(
        "lock_timeout",
        Verdict::Silent,
        "Stripe is busy with the same object.",
        "Wait a moment and try again. Nothing was changed.",
        "https://docs.stripe.com/rate-limits",
    ),
    Row::of(
        "400",
        Verdict::Silent,
        "Stripe says that the request is not valid.",
        "Try again. If it stays, tell who runs this service.",
        CODES_URL,
    ),
    Row::of(
        "402",
        Verdict::Silent,
        "Stripe could not carry the request out although it is valid.",
        "Look into the Stripe dashboard for the reason.",
        CODES_URL,
    ),
    Row::of(
        "404",
        Verdict::Silent,
        "Stripe has no such object for this key.",
        "Check that the key belongs to the account, and that test and live are not mixed.",
        KEYS_URL,
    ),
    Row::of(
        "409",
        Verdict::Silent,
        "Stripe says that the request collides with another one.",
        "Wait a moment and try again. Nothing was changed.",
        CODES_URL,
    ),
    Row::of(
        "424",
        Verdict::Silent,
        "Stripe waits for somebody else who did not answer.",
        "Try again later.",
        STATUS_URL,
    ),
    Row::of(
        "401",
        Verdict::Refused,
        "Stripe rejected the key: it is wrong or was deleted.",
        "Copy the key from the Stripe dashboard again, or make a new one.",
        KEYS_URL,
    ),
    Row::of(
        "403",
        Verdict::Refused,
        "Stripe knows this key but does not let it do this.",
        "Check the key's permissions and the state of the account in the Stripe dashboard.",
        KEYS_URL,
    ),
    Row::of(
        "429",
        Verdict::Silent,
        "Stripe asks to slow down.",
        "Wait a moment and try again. Nothing was changed.",
        "https://docs.stripe.com/rate-limits",
    ),
];

fn read(status: u16, body: &Value) -> Told {
    let message = text_at(body, &["/error/message"]);
    let code = text_at(body, &["/error/code"]).or_else(|| {
        let is_about_permission =
            message.as_deref().is_some_and(|text| text.contains("required permissions"));
        (status == 403 && is_about_permission).then(|| PERMISSION_MISSING.to_owned())
    });
    Told { code, message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_permission_is_told_from_other_refusals_by_its_words() {
        let code = |status, error: Value| read(status, &json!({ "error": error })).code;
        let words =
            "The provided key 'rk_live_***' does not have the required permissions for this endpoint.";
        assert_eq!(code(403, json!({ "message": words })).as_deref(), Some(PERMISSION_MISSING));
        assert_eq!(code(403, json!({ "message": "No." })), None);
        assert_eq!(code(401, json!({ "code": "api_key_expired" })).as_deref(), Some("api_key_expired"));
        assert_eq!(read(500, &Value::Null), Told::default());
    }
}
