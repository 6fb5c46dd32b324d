//! What HubSpot's refusals mean, and what to do about them.
//!
//! Bodies are `{"status": "error", "category": .., "message": .., "correlationId": ..}`; a 429 names
//! in `policyName` which limit was met. <https://developers.hubspot.com/docs/api-reference/error-handling>

use serde_json::Value;

use super::super::api_error::{Dialect, Row, Told, Verdict, text_at};
use super::{KEYS_URL, NAME};

const STATUS_URL: &str = "https://status.hubspot.com";
const ERRORS_URL: &str = "https://developers.hubspot.com/docs/api-reference/error-handling";
const LIMITS_URL: &str = "https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines";

/// HubSpot's errors.
pub static DIALECT: Dialect = Dialect { name: NAME, status_url: STATUS_URL, rows: ROWS, read };

const ROWS: &[Row] = &[
    Row::of(
        "INVALID_AUTHENTICATION",
        Verdict::Refused,
        "HubSpot rejected the access token: it is wrong, was rotated, or its app was deleted.",
        "Copy the access token of the private app again.",
        KEYS_URL,
    ),
    Row::of(
        "EXPIRED_AUTHENTICATION",
        Verdict::Refused,
        "HubSpot says that this access token has expired.",
        "Copy the new access token of the private app.",
        KEYS_URL,
    ),
    Row::of(
        "MISSING_SCOPES",
        Verdict::Limited,
        "HubSpot knows this token but its app lacks a scope for this.",
        "Add the scope crm.objects.contacts.read to the private app.",
        KEYS_URL,
    ),
    Row::of(
        "USER_DOES_NOT_HAVE_PERMISSIONS",
        Verdict::Limited,
        "HubSpot says that the person who made the app may not do this any more.",
        "Let a super admin make the private app again.",
        KEYS_URL,
    ),
    Row::of(
        "BANNED",
        Verdict::Refused,
        "HubSpot has closed or suspended this account.",
        "Open HubSpot and follow what it says about the account.",
        "https://app.hubspot.com",
    ),
    Row::of(
        "RATE_LIMITS",
        Verdict::Silent,
        "HubSpot asks to slow down: too many requests.",
        "Wait a moment and try again. Nothing was changed.",
        LIMITS_URL,
    ),
    Row::of(
        "DAILY",
        Verdict::Silent,
        "HubSpot says that today's calls of this account are used up.",
        "Wait until midnight in the account's time zone, or raise the limit.",
        LIMITS_URL,
    ),
    Row::of(
        "VALIDATION_ERROR",
        Verdict::Silent,
        "HubSpot says that the request is not valid.",
        "Try again. If it stays, tell who runs this service.",
        ERRORS_URL,
    ),
    Row::of(
        "401",
        Verdict::Refused,
        "HubSpot did not accept the access token.",
        "Copy the access token of the private app again.",
        KEYS_URL,
    ),
    Row::of(
        "403",
        Verdict::Refused,
        "HubSpot knows this token but does not let it do this.",
        "Check the scopes of the private app and the state of the account.",
        KEYS_URL,
    ),
    Row::of(
        "423",
        Verdict::Silent,
        "HubSpot has locked the account's data for a moment.",
        "Wait two seconds and try again.",
        ERRORS_URL,
    ),
    Row::of(
        "429",
        Verdict::Silent,
        "HubSpot asks to slow down.",
        "Wait a moment and try again. Nothing was changed.",
        LIMITS_URL,
    ),
    Row::of(
        "477",
        Verdict::Silent,
        "HubSpot is moving this account to another data centre.",
        "Try again later; a move takes up to a day.",
        ERRORS_URL,
    ),
    Row::of("502", Verdict::Silent, "HubSpot did not finish in time.", LATER, STATUS_URL),
    Row::of("503", Verdict::Silent, "HubSpot is not available for a moment.", LATER, STATUS_URL),
    Row::of("504", Verdict::Silent, "HubSpot gave up before it was done.", LATER, STATUS_URL),
    Row::of("521", Verdict::Silent, "HubSpot's server is down.", LATER, STATUS_URL),
    Row::of("522", Verdict::Silent, "HubSpot's server let the connection run out.", LATER, STATUS_URL),
    Row::of("523", Verdict::Silent, "HubSpot's server can not be reached.", LATER, STATUS_URL),
    Row::of("524", Verdict::Silent, "HubSpot took too long to answer.", LATER, STATUS_URL),
    Row::of(
        "525",
        Verdict::Silent,
        "HubSpot's server has a problem with its certificate.",
        LATER,
        STATUS_URL,
    ),
    Row::of(
        "526",
        Verdict::Silent,
        "HubSpot's server shows a certificate that is not valid.",
        LATER,
        STATUS_URL,
    ),
];

const LATER: &str = "Try again in a few minutes. Nothing was changed.";

fn read(status: u16, body: &Value) -> Told {
    let category = text_at(body, &["/category"]);
    let policy = text_at(body, &["/policyName"]).filter(|policy| status == 429 && policy == "DAILY");
    Told { code: policy.or(category), message: text_at(body, &["/message"]) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_daily_limit_is_told_from_the_one_of_ten_seconds() {
        let code = |policy: &str| {
            read(429, &json!({ "status": "error", "category": "RATE_LIMITS", "policyName": policy })).code
        };
        assert_eq!(code("DAILY").as_deref(), Some("DAILY"));
        assert_eq!(code("TEN_SECONDLY_ROLLING").as_deref(), Some("RATE_LIMITS"));
        assert_eq!(read(500, &Value::Null), Told::default());
    }
}
