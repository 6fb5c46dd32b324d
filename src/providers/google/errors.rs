//! What Google's refusals are. What to say about them is in [`super::explain`].
//!
//! APIs answer `{"error": {"code", "message", "errors": [{"reason"}], "details": [{"reason"}]}}`, the
//! newer ones a `status` instead of `errors`, the token service `{"error", "error_description"}`. A limit
//! is not a refusal: nothing is wrong with the credential then.

use std::time::Duration;

use super::super::answer::{self, Unexpected, quote};
use super::super::egress::{EgressError, Reply};
use super::records::{ApiErrorBody, OAuthErrorBody};

/// Why a call to Google did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoogleError {
    /// `invalid_grant`: the code or the refresh token was used, revoked, or has expired.
    #[error("Google does not take the code or the refresh token any more")]
    GrantGone,
    /// `invalid_client` and its relatives.
    #[error("Google does not know the OAuth client, or its secret is wrong")]
    ClientRejected,
    #[error("the redirect address is not registered for the OAuth client")]
    RedirectMismatch,
    /// 401 of an API: the access token has expired or was revoked.
    #[error("Google rejected the access token")]
    TokenRejected,
    #[error("the consent does not cover this")]
    ScopeMissing,
    #[error("the API is switched off in the project of the OAuth client")]
    ApiDisabled,
    /// The account may not do this to this object.
    #[error("Google does not allow this ({reason})")]
    Forbidden { reason: String },
    #[error("Google has no such object, or it is not shared with the account")]
    NotFound,
    /// 409: the identifier is taken.
    #[error("the identifier is taken")]
    Duplicate,
    /// 410: deleted already.
    #[error("the object is deleted already")]
    Gone,
    #[error("Google refused the request: {message}")]
    Invalid { message: String },
    #[error("Google asks to slow down")]
    Throttled { retry_after: Option<Duration> },
    /// Limits that last for hours: of the calendar, or of the OAuth client's project for a day.
    #[error("a limit of Google is used up")]
    QuotaExceeded { is_daily: bool },
    #[error("Google failed with status {status}")]
    Unavailable { status: u16 },
    #[error("Google answered with {0}")]
    Unexpected(Unexpected),
    #[error("Google was not reached: {0}")]
    Transport(EgressError),
}

impl GoogleError {
    /// Reads an answer of the token service whose status is not 2xx.
    pub(super) fn of_token_reply(reply: &Reply) -> Self {
        if answer::is_refused_by_a_page(reply) {
            return GoogleError::Unexpected(Unexpected::Html);
        }
        let body: OAuthErrorBody = serde_json::from_slice(&reply.body).unwrap_or_default();
        match (reply.status, body.error.as_str()) {
            (_, "invalid_grant" | "invalid_token") => GoogleError::GrantGone,
            (_, "invalid_client" | "unauthorized_client" | "deleted_client") => GoogleError::ClientRejected,
            (_, "redirect_uri_mismatch") => GoogleError::RedirectMismatch,
            (429, _) => GoogleError::Throttled { retry_after: reply.retry_after },
            (401 | 403, _) => GoogleError::ClientRejected,
            (400..=499, word) => {
                GoogleError::Invalid { message: quote(&format!("{word} {}", body.error_description)) }
            }
            (status, _) => GoogleError::Unavailable { status },
        }
    }

    /// Reads an answer of an API whose status is not 2xx.
    pub(super) fn of_api_reply(reply: &Reply) -> Self {
        if answer::is_refused_by_a_page(reply) {
            return GoogleError::Unexpected(Unexpected::Html);
        }
        let ApiErrorBody { error } = serde_json::from_slice(&reply.body).unwrap_or_default();
        let has = |word: &str| error.errors.iter().chain(&error.details).any(|one| one.reason == word);
        match reply.status {
            401 => GoogleError::TokenRejected,
            403 | 429 if has("rateLimitExceeded") || has("userRateLimitExceeded") => {
                GoogleError::Throttled { retry_after: reply.retry_after }
            }
            403 | 429 if has("quotaExceeded") => GoogleError::QuotaExceeded { is_daily: false },
            403 | 429 if has("dailyLimitExceeded") => GoogleError::QuotaExceeded { is_daily: true },
            429 => GoogleError::Throttled { retry_after: reply.retry_after },
            403 if has("accessNotConfigured") || has("SERVICE_DISABLED") => GoogleError::ApiDisabled,
            403 if has("insufficientPermissions") || has("ACCESS_TOKEN_SCOPE_INSUFFICIENT") => {
                GoogleError::ScopeMissing
            }
            403 => GoogleError::Forbidden {
                reason: quote(error.errors.first().map_or(error.status.as_str(), |one| &one.reason)),
            },
            404 => GoogleError::NotFound,
            409 => GoogleError::Duplicate,
            410 => GoogleError::Gone,
            400..=499 => GoogleError::Invalid { message: quote(&error.message) },
            status => GoogleError::Unavailable { status },
        }
    }

    /// True when the request may have had its effect although no good answer came.
    pub fn may_have_happened(&self) -> bool {
        match self {
            GoogleError::Transport(error) => error.may_have_arrived(),
            GoogleError::Unavailable { .. } | GoogleError::Unexpected(_) => true,
            _ => false,
        }
    }

    /// True when nothing is known about the credential, and trying later may help.
    pub fn is_undetermined(&self) -> bool {
        matches!(
            self,
            GoogleError::Throttled { .. }
                | GoogleError::QuotaExceeded { .. }
                | GoogleError::Unavailable { .. }
                | GoogleError::Unexpected(_)
                | GoogleError::Transport(_)
        )
    }

    /// How long to wait before the next try, where somebody said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            GoogleError::Throttled { retry_after } => *retry_after,
            GoogleError::Transport(EgressError::BreakerOpen { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }

    /// Google's own word for it.
    pub fn reference(&self) -> Option<String> {
        let word = match self {
            GoogleError::GrantGone => "invalid_grant",
            GoogleError::ClientRejected => "invalid_client",
            GoogleError::RedirectMismatch => "redirect_uri_mismatch",
            GoogleError::TokenRejected => "authError",
            GoogleError::ScopeMissing => "insufficientPermissions",
            GoogleError::ApiDisabled => "accessNotConfigured",
            GoogleError::Forbidden { reason } => reason,
            GoogleError::NotFound => "notFound",
            GoogleError::Duplicate => "duplicate",
            GoogleError::Gone => "deleted",
            GoogleError::Invalid { .. } => "invalid",
            GoogleError::Throttled { .. } => "rateLimitExceeded",
            GoogleError::QuotaExceeded { is_daily: false } => "quotaExceeded",
            GoogleError::QuotaExceeded { is_daily: true } => "dailyLimitExceeded",
            GoogleError::Unavailable { status } => return Some(status.to_string()),
            GoogleError::Unexpected(_) | GoogleError::Transport(_) => return None,
        };
        Some(word.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, retry_after: None, is_html: false, body: body.to_owned().into() }
    }

    fn api(status: u16, reason: &str) -> GoogleError {
        GoogleError::of_api_reply(&reply(
            status,
            &format!(r#"{{"error":{{"code":{status},"message":"m","errors":[{{"reason":"{reason}"}}]}}}}"#),
        ))
    }

    #[test]
    fn each_documented_reason_has_its_meaning() {
        let throttled = GoogleError::Throttled { retry_after: None };
        let table = [
            (api(401, "authError"), GoogleError::TokenRejected),
            (api(403, "rateLimitExceeded"), throttled.clone()),
            (api(403, "userRateLimitExceeded"), throttled.clone()),
            (api(429, "rateLimitExceeded"), throttled),
            (api(403, "quotaExceeded"), GoogleError::QuotaExceeded { is_daily: false }),
            (api(403, "dailyLimitExceeded"), GoogleError::QuotaExceeded { is_daily: true }),
            (api(403, "accessNotConfigured"), GoogleError::ApiDisabled),
            (api(403, "insufficientPermissions"), GoogleError::ScopeMissing),
            (
                api(403, "requiredAccessLevel"),
                GoogleError::Forbidden { reason: "requiredAccessLevel".to_owned() },
            ),
            (api(404, "notFound"), GoogleError::NotFound),
            (api(409, "duplicate"), GoogleError::Duplicate),
            (api(410, "deleted"), GoogleError::Gone),
            (api(400, "timeRangeEmpty"), GoogleError::Invalid { message: "m".to_owned() }),
            (api(503, "backendError"), GoogleError::Unavailable { status: 503 }),
        ];
        for (found, meant) in table {
            assert_eq!(found, meant);
        }
        let disabled = r#"{"error":{"code":403,"details":[{"reason":"SERVICE_DISABLED"}]}}"#;
        assert_eq!(GoogleError::of_api_reply(&reply(403, disabled)), GoogleError::ApiDisabled);
        let denied = r#"{"error":{"code":403,"message":"m","status":"PERMISSION_DENIED"}}"#;
        let denied = GoogleError::of_api_reply(&reply(403, denied));
        assert_eq!(denied, GoogleError::Forbidden { reason: "PERMISSION_DENIED".to_owned() });
    }

    #[test]
    fn the_token_service_has_reasons_of_its_own() {
        let token = |status, word: &str| {
            GoogleError::of_token_reply(&reply(status, &format!(r#"{{"error":"{word}"}}"#)))
        };
        assert_eq!(token(400, "invalid_grant"), GoogleError::GrantGone);
        assert_eq!(token(401, "invalid_client"), GoogleError::ClientRejected);
        assert_eq!(token(400, "redirect_uri_mismatch"), GoogleError::RedirectMismatch);
        assert_eq!(token(500, ""), GoogleError::Unavailable { status: 500 });
        assert!(matches!(token(400, "invalid_request"), GoogleError::Invalid { .. }));
    }

    #[test]
    fn a_refusal_on_a_web_page_is_not_googles() {
        for status in [400, 401, 403, 404] {
            for error in [
                GoogleError::of_api_reply(&reply(status, "<html>")),
                GoogleError::of_token_reply(&reply(status, "<html>")),
            ] {
                assert_eq!(error, GoogleError::Unexpected(Unexpected::Html), "{status}");
                assert!(error.is_undetermined(), "{status}");
            }
        }
    }

    #[test]
    fn a_limit_is_no_refusal() {
        for error in [api(403, "quotaExceeded"), api(403, "rateLimitExceeded"), api(429, ""), api(500, "")] {
            assert!(error.is_undetermined(), "{error}");
        }
        assert!(!api(403, "insufficientPermissions").is_undetermined());
    }
}
