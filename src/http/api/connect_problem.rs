//! Why nothing was connected, as one problem document (RFC 9457): the members of every problem, and
//! beside them what the test found and what a second try needs.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::integrations::{CapabilityOut, capability_out};
use crate::domain::{CredentialId, Outcome};
use crate::http::error::{FieldError, HttpError, Problem};
use crate::integrations;
use crate::providers::TestReport;

/// A problem, with what a test of the credential found.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectProblem {
    /// The same for a browser, which gets a page.
    #[serde(skip)]
    error: HttpError,
    #[serde(flatten)]
    pub problem: Problem,
    /// Always false: nothing was saved. Absent where the request itself was not right.
    #[schema(required = false)]
    pub success: bool,
    /// `refused`, `undetermined`, of another account `accepted`; absent where nobody was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<CapabilityOut>,
    /// Names what was sent, for a second try; good for 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<String>,
    /// How long the provider asks to wait; also a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
}

impl ConnectProblem {
    fn new(error: HttpError, draft: Option<CredentialId>) -> Self {
        Self {
            problem: error.problem(),
            error,
            success: false,
            outcome: None,
            fix: None,
            capabilities: Vec::new(),
            draft: draft.map(|id| id.to_string()),
            retry_after_seconds: None,
        }
    }

    /// The provider refused, or nobody could tell.
    pub(super) fn of_report(report: &TestReport, draft: Option<CredentialId>) -> Self {
        let (status, code) = match report.outcome {
            Outcome::Undetermined => (StatusCode::SERVICE_UNAVAILABLE, "provider_unavailable"),
            Outcome::Accepted | Outcome::Refused => (StatusCode::UNPROCESSABLE_ENTITY, "provider_refused"),
        };
        let mut error = HttpError::new(status, code, report.headline.clone());
        error.fields.extend(
            report
                .field
                .as_ref()
                .map(|field| FieldError { field: field.to_string(), message: report.headline.clone() }),
        );
        let fix = report.fix.as_ref().map(|fix| fix.text.to_string()).into_iter().chain(report.again());
        let fix = fix.collect::<Vec<_>>().join(" ");
        Self {
            outcome: Some(report.outcome.as_str().to_owned()),
            fix: (!fix.is_empty()).then_some(fix),
            capabilities: report.capabilities.iter().map(capability_out).collect(),
            retry_after_seconds: report.retry_after_seconds,
            ..Self::new(error, draft)
        }
    }

    /// Fields are not right; nobody was asked.
    pub(super) fn of_fields(problems: Vec<integrations::Problem>, draft: Option<CredentialId>) -> Self {
        let fields =
            problems.into_iter().map(|p| FieldError { field: p.field, message: p.message }).collect();
        Self::new(HttpError::invalid("invalid_fields", "Some fields need your attention.", fields), draft)
    }

    /// The same of a test that found another account than the connected one.
    pub(super) fn other_account(self, name: &str) -> Self {
        let sentence = format!(
            "This is another {name} account than the connected one. Send switchAccount with the draft to confirm the switch."
        );
        let error = HttpError::new(StatusCode::CONFLICT, "other_account", sentence);
        Self { problem: error.problem(), error, ..self }
    }
}

impl IntoResponse for ConnectProblem {
    fn into_response(self) -> Response {
        let wait = self.retry_after_seconds;
        let error = HttpError {
            retry_after: wait.and_then(|seconds| u32::try_from(seconds).ok()),
            ..self.error.clone()
        };
        let mut response = (error.status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(error);
        response
    }
}
