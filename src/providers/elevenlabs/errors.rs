//! What ElevenLabs' refusals mean, and what to do about them.
//!
//! Bodies are `{"detail": {"status": .., "message": ..}}`, newer ones with `type` and `code` beside
//! it; a request that is not valid has a list under `detail`, and some errors have a plain text.

use serde_json::Value;

use super::super::api_error::{Dialect, Row, Told, Verdict, text_at};
use super::{KEYS_URL, NAME, SUBSCRIPTION_URL};

const STATUS_URL: &str = "https://status.elevenlabs.io";
const HELP_URL: &str = "https://elevenlabs.io/docs/developers/resources/error-messages";

/// ElevenLabs' errors.
pub static DIALECT: Dialect = Dialect { name: NAME, status_url: STATUS_URL, rows: ROWS, read };

const ROWS: &[Row] = &[
    Row::of(
        "invalid_api_key",
        Verdict::Refused,
        "ElevenLabs rejected the API key: it is wrong or was deleted.",
        "Make a new API key at ElevenLabs and paste it here.",
        KEYS_URL,
    ),
    Row::of(
        "missing_permissions",
        Verdict::Limited,
        "ElevenLabs knows this key but does not allow it to do this.",
        "Edit the key at ElevenLabs and switch the permission on.",
        KEYS_URL,
    ),
    Row::of(
        "detected_unusual_activity",
        Verdict::Refused,
        "ElevenLabs has suspended the free plan of this account because of unusual activity.",
        "Take a paid plan, or ask ElevenLabs' support.",
        SUBSCRIPTION_URL,
    ),
    // The key is good: a test that meets this must not throw it away.
    Row::of(
        "quota_exceeded",
        Verdict::Limited,
        "ElevenLabs says that no characters are left on this plan or this key.",
        "Wait for the next period, raise the key's own limit, or take a larger plan.",
        SUBSCRIPTION_URL,
    ),
    Row::of(
        "max_character_limit_exceeded",
        Verdict::Silent,
        "ElevenLabs says that the text is too long for this plan.",
        "Shorten the text, or take a larger plan.",
        SUBSCRIPTION_URL,
    ),
    Row::of(
        "voice_not_found",
        Verdict::Silent,
        "ElevenLabs does not know this voice: it was removed, or it belongs to another account.",
        "Choose a voice of this account.",
        "https://elevenlabs.io/app/voice-library",
    ),
    Row::of(
        "only_for_creator+",
        Verdict::Refused,
        "ElevenLabs does not allow this on the account's plan.",
        "Take a larger plan at ElevenLabs.",
        SUBSCRIPTION_URL,
    ),
    Row::of(
        "too_many_concurrent_requests",
        Verdict::Silent,
        "ElevenLabs asks to slow down: the plan allows fewer requests at once.",
        "Wait a moment and try again. Nothing was changed.",
        HELP_URL,
    ),
    Row::of(
        "system_busy",
        Verdict::Silent,
        "ElevenLabs is busy and asks to try again later.",
        "Wait a moment and try again. Nothing was changed.",
        STATUS_URL,
    ),
    Row::of(
        "401",
        Verdict::Refused,
        "ElevenLabs did not accept the API key.",
        "Make a new API key at ElevenLabs and paste it here.",
        KEYS_URL,
    ),
    Row::of(
        "402",
        Verdict::Limited,
        "ElevenLabs asks for a payment before it does this.",
        "Check the plan and the payment at ElevenLabs.",
        SUBSCRIPTION_URL,
    ),
    Row::of(
        "403",
        Verdict::Refused,
        "ElevenLabs knows this key but does not let the account do this.",
        "Check the key's permissions and the account's plan at ElevenLabs.",
        KEYS_URL,
    ),
    Row::of(
        "422",
        Verdict::Silent,
        "ElevenLabs says that the request is not valid.",
        "Try again later. If it stays, tell who runs this service.",
        HELP_URL,
    ),
    Row::of(
        "429",
        Verdict::Silent,
        "ElevenLabs asks to slow down: too many requests.",
        "Wait a moment and try again. Nothing was changed.",
        HELP_URL,
    ),
];

fn read(_: u16, body: &Value) -> Told {
    let named = text_at(body, &["/detail/status", "/detail/code"]);
    let message = text_at(body, &["/detail/message", "/detail", "/detail/0/msg"]);
    Told { code: named, message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_three_forms_of_a_detail_are_read() {
        let told = |code: Option<&str>, message: &str| Told {
            code: code.map(str::to_owned),
            message: Some(message.to_owned()),
        };
        let old = json!({ "detail": { "status": "invalid_api_key", "message": "Invalid API key" } });
        assert_eq!(read(401, &old), told(Some("invalid_api_key"), "Invalid API key"));
        let new = json!({ "detail": { "type": "authentication_error", "code": "unauthorized",
            "status": "missing_permissions", "message": "no user_read" } });
        assert_eq!(read(401, &new), told(Some("missing_permissions"), "no user_read"));
        let list = json!({ "detail": [{ "loc": ["body", "text"], "msg": "field required" }] });
        assert_eq!(read(422, &list), told(None, "field required"));
        assert_eq!(read(403, &json!({ "detail": "Forbidden" })), told(None, "Forbidden"));
        assert_eq!(read(500, &Value::Null), Told::default());
    }
}
