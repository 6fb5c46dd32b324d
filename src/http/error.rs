//! Errors as HTTP says them, in one place: a status, a stable code, a sentence for people.
//!
//! Programs get a problem document (RFC 9457); browsers get a page with the same sentence, made by
//! the `html_errors` middleware. The cause is logged once, here, and never leaves the process.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::audit::AuditError;
use crate::calls::CallError;
use crate::db::{BeginError, DbError};
use crate::integrations::IntegrationError;
use crate::vault::VaultError;
use crate::webhooks::inbound::InboundError;
use crate::webhooks::inbox::InboxError;
use crate::webhooks::outbound::OutboundError;

/// What a problem document is called.
pub const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A field that was not right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Name of the field in the request body.
    pub field: String,
    /// What is wrong with it, for people.
    pub message: String,
}

/// An error on its way out.
#[derive(Clone, Debug)]
pub struct HttpError {
    pub status: StatusCode,
    /// Stable, for programs: `not_found`, `clinic_changed`.
    pub code: &'static str,
    /// What happened and what to do, for people.
    pub sentence: String,
    pub fields: Vec<FieldError>,
    pub retry_after: Option<u32>,
    /// What the page about it is headed with: the name of the current clinic.
    pub subject: Option<String>,
}

/// The body of an error, after RFC 9457.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code tells what happened.
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub title: String,
    pub status: u16,
    pub code: String,
    /// What happened and what to do, for people.
    pub detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl HttpError {
    pub fn new(status: StatusCode, code: &'static str, sentence: impl Into<String>) -> Self {
        Self { status, code, sentence: sentence.into(), fields: Vec::new(), retry_after: None, subject: None }
    }

    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is nothing here. It may have been removed, or it belongs to another clinic.",
        )
    }

    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Please sign in.")
    }

    pub fn forbidden(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", sentence)
    }

    pub fn invalid(code: &'static str, sentence: impl Into<String>, fields: Vec<FieldError>) -> Self {
        Self { fields, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, sentence) }
    }

    /// Something that should not happen. The cause goes into the log, nothing of it to the user.
    pub fn fault(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = cause, "a request failed by our own fault");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side. It has been recorded; please try again.",
        )
    }

    /// The database or another part of ours is away for a moment.
    pub fn unavailable(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::warn!(error = cause, "a request could not be served now");
        Self {
            retry_after: Some(2),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "This is not available right now. Please try again in a moment.",
            )
        }
    }

    /// What is said about a request that was refused before any of our handlers saw it.
    pub fn of_status(status: StatusCode) -> Self {
        let (code, sentence) = match status {
            StatusCode::NOT_FOUND => return Self::not_found(),
            StatusCode::FORBIDDEN => {
                ("cross_site", "This request comes from another site. Please use this service's own pages.")
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "This address does not take that method.")
            }
            StatusCode::REQUEST_TIMEOUT => {
                ("too_slow", "The body did not come in time. Send it again, all at once.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "The body is too large."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("unsupported_media_type", "The body is of a kind that this address does not take.")
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                ("unavailable", "This is not available right now. Please try again in a moment.")
            }
            status if status.is_server_error() => {
                ("internal", "Something went wrong on our side. Please try again.")
            }
            _ => ("bad_request", "The request is not one that this address understands."),
        };
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(2);
        Self { retry_after, ..Self::new(status, code, sentence) }
    }

    pub fn problem(&self) -> Problem {
        Problem {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.sentence.clone(),
            errors: self.fields.clone(),
        }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.problem())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM);
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DbError> for HttpError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::NotFound => HttpError::not_found(),
            DbError::Unavailable(_) => HttpError::unavailable(&error),
            DbError::Text(_) => HttpError::new(
                StatusCode::BAD_REQUEST,
                "unreadable_text",
                "The request holds a character that no text can hold. Nothing was saved.",
            ),
            DbError::Constraint { .. } | DbError::Fault(_) => HttpError::fault(&error),
        }
    }
}

impl From<BeginError> for HttpError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::NoSession => HttpError::unauthenticated(),
            BeginError::NotStaff => HttpError::not_found(),
            BeginError::NoGrant { org_name } => HttpError::new(
                StatusCode::FORBIDDEN,
                "reason_needed",
                format!(
                    "Say why you need access to {org_name} first: open it with a reason, or send the reason as X-Access-Reason. The clinic sees it in its audit trail."
                ),
            ),
            BeginError::NoKey => HttpError::new(
                StatusCode::UNAUTHORIZED,
                "invalid_api_key",
                "This API key is unknown, revoked or expired.",
            ),
            BeginError::ForeignOrganization => HttpError::new(
                StatusCode::FORBIDDEN,
                "token_clinic_foreign",
                "The token names a clinic (org_id) that its issuer may not speak for, or that does not exist.",
            ),
            BeginError::NoOrganization { .. } => HttpError::new(
                StatusCode::FORBIDDEN,
                "no_clinic",
                "You do not belong to any clinic yet. Ask the owner of your clinic to add you.",
            ),
            BeginError::Suspended { org_name } => HttpError::new(
                StatusCode::FORBIDDEN,
                "suspended",
                format!("{org_name} is suspended. Please contact support."),
            ),
            BeginError::OtherOrganization { org_name } => HttpError {
                subject: Some(org_name.clone()),
                ..HttpError::new(
                    StatusCode::CONFLICT,
                    "clinic_changed",
                    format!(
                        "You are now in {org_name}. This page was opened for another clinic, so nothing was saved."
                    ),
                )
            },
            BeginError::Db(error) => error.into(),
        }
    }
}

impl From<VaultError> for HttpError {
    fn from(error: VaultError) -> Self {
        if error.is_transient() {
            return HttpError::unavailable(&error);
        }
        match &error {
            VaultError::NotConnected { .. }
            | VaultError::Paused { .. }
            | VaultError::Failed { .. }
            | VaultError::Pending { .. } => IntegrationError::Vault(error).into(),
            _ => HttpError::fault(&error),
        }
    }
}

impl From<AuditError> for HttpError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Db(error) => error.into(),
            // What cannot be recorded does not happen.
            other => HttpError::fault(&other),
        }
    }
}

impl From<IntegrationError> for HttpError {
    fn from(error: IntegrationError) -> Self {
        let sentence = error.sentence();
        match error {
            IntegrationError::Db(error) => error.into(),
            IntegrationError::Begin(error) => error.into(),
            IntegrationError::Audit(error) => error.into(),
            IntegrationError::MayNot | IntegrationError::OwnerOnly => HttpError::forbidden(sentence),
            IntegrationError::NotConnected(_) => {
                HttpError::new(StatusCode::CONFLICT, "not_connected", sentence)
            }
            IntegrationError::DraftGone => HttpError::new(StatusCode::CONFLICT, "draft_expired", sentence),
            IntegrationError::OtherAccount { .. } | IntegrationError::RestoresOtherAccount { .. } => {
                HttpError::new(StatusCode::CONFLICT, "other_account", sentence)
            }
            IntegrationError::TooManyAccounts(_) => {
                HttpError::new(StatusCode::CONFLICT, "too_many_accounts", sentence)
            }
            IntegrationError::OneAccountOnly(_) => {
                HttpError::new(StatusCode::CONFLICT, "one_account_only", sentence)
            }
            IntegrationError::NothingToRestore => {
                HttpError::new(StatusCode::CONFLICT, "nothing_to_restore", sentence)
            }
            IntegrationError::MustReconnect(_) => {
                HttpError::new(StatusCode::CONFLICT, "must_reconnect", sentence)
            }
            IntegrationError::Consent(refusal) => {
                HttpError::new(StatusCode::BAD_REQUEST, refusal.code(), sentence)
            }
            IntegrationError::Busy => {
                HttpError { retry_after: Some(5), ..HttpError::new(StatusCode::CONFLICT, "busy", sentence) }
            }
            IntegrationError::EndpointNotConfigured => {
                HttpError::new(StatusCode::NOT_FOUND, "endpoint_not_configured", sentence)
            }
            IntegrationError::RotatedTooOften => {
                HttpError::new(StatusCode::CONFLICT, "rotated_too_often", sentence)
            }
            IntegrationError::Invalid(problems) => {
                let fields =
                    problems.into_iter().map(|p| FieldError { field: p.field, message: p.message }).collect();
                HttpError::invalid("invalid_fields", sentence, fields)
            }
            IntegrationError::Provider { ref code, .. } => {
                let code = code.unwrap_or("provider_error");
                HttpError::new(StatusCode::BAD_GATEWAY, code, sentence)
            }
            IntegrationError::Vault(ref vault) => match vault {
                VaultError::NotConnected { .. } => {
                    HttpError::new(StatusCode::CONFLICT, "not_connected", sentence)
                }
                VaultError::Paused { .. } => HttpError::new(StatusCode::CONFLICT, "paused", sentence),
                VaultError::Failed { .. } | VaultError::Pending { .. } => {
                    HttpError::new(StatusCode::CONFLICT, "needs_attention", sentence)
                }
                unreadable if unreadable.is_unreadable() => {
                    tracing::error!(
                        error = vault as &dyn std::error::Error,
                        "a stored credential does not open"
                    );
                    HttpError::new(StatusCode::CONFLICT, "unreadable", sentence)
                }
                other if other.is_transient() => HttpError::unavailable(other),
                other => HttpError::fault(other),
            },
        }
    }
}

impl From<CallError> for HttpError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Integration(error) | CallError::Undetermined(error) => error.into(),
            // The code is that of the clinic's first choice.
            CallError::NoSender { first, second } => {
                let sentence = format!("{} {}", first.sentence(), second.sentence());
                HttpError { sentence, ..(*first).into() }
            }
            CallError::Db(error) | CallError::Event(OutboundError::Db(error)) => error.into(),
            CallError::Event(OutboundError::Vault(error)) => error.into(),
            CallError::Conflict { code, message } => HttpError::new(StatusCode::CONFLICT, code, message),
            CallError::Limited { sentence, seconds } => HttpError {
                retry_after: Some(seconds),
                ..HttpError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", sentence)
            },
            CallError::Invalid { field, message } => HttpError::invalid(
                "invalid_fields",
                message.clone(),
                vec![FieldError { field: field.to_owned(), message }],
            ),
        }
    }
}

impl From<InboundError> for HttpError {
    fn from(error: InboundError) -> Self {
        match error {
            InboundError::Unparsable(_) => HttpError::new(
                StatusCode::BAD_REQUEST,
                "unparsable",
                "The body is not a message that this service understands.",
            ),
            // One answer for unknown, foreign, forged and missing: nothing can be learned from it.
            InboundError::Refused { .. } | InboundError::Unreadable { .. } => HttpError::new(
                StatusCode::UNAUTHORIZED,
                "not_authentic",
                "The webhook could not be verified.",
            ),
            InboundError::Inbox(InboxError::Refused) => {
                HttpError::new(StatusCode::BAD_REQUEST, "not_storable", "The message could not be stored.")
            }
            InboundError::Inbox(ref cause) => HttpError::unavailable(cause),
            InboundError::Resolve(ref cause) => HttpError::unavailable(cause),
            InboundError::Vault(error) => error.into(),
        }
    }
}
