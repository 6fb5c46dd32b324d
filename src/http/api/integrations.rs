//! Integrations by provider: connect, see, verify, disconnect, restore.

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::account::{Labelled, account_of};
use super::connect_problem::ConnectProblem;
use super::{Admitted, JsonBody};
use crate::audit::machines::Cause;
use crate::db::agents;
use crate::db::integrations::IntegrationRow;
use crate::domain::card::CardState;
use crate::domain::provider::ProviderSpec;
use crate::domain::{Account, CredentialId, Outcome, ProviderId};
use crate::http::error::{FieldError, HttpError, Problem};
use crate::integrations::cards::{self, Card};
use crate::integrations::connect::{ConnectRequest, Connected, connect};
use crate::integrations::fields::Submitted;
use crate::integrations::verify::{self, Restored};
use crate::integrations::{disconnect as use_disconnect, ensure, signing};
use crate::providers::{TestReport, catalogue};
use crate::vault::SecretText;

/// What one line of a test found.
#[derive(Clone, Serialize, ToSchema)]
pub struct CapabilityOut {
    /// Stable key: `send_sms`.
    pub capability: String,
    pub label: String,
    /// `yes`, `no`, `unknown`, `not_testable` or `not_set_up`.
    pub answer: String,
    pub note: Option<String>,
}

/// The status of one provider. Holds no secret: `hint` has masked forms only.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusOut {
    pub provider: String,
    pub name: String,
    /// What the clinic calls this account; absent where nothing was ever connected.
    pub account: Option<String>,
    /// Calls and messages use the primary account only. Accounts beside it follow it in the list.
    pub primary: bool,
    /// The state of the card: `connected`, `connected_limited`, `needs_verification`, `error`, ...
    pub status: String,
    pub label: String,
    pub connected: bool,
    pub verified: bool,
    /// RFC 3339.
    pub last_verified_at: Option<String>,
    pub last_used_at: Option<String>,
    /// What that was: `call`, `message`, `test_message`, `alert`, `free_times`, `booking`, `email`, `sheet_row`.
    pub last_use: Option<String>,
    pub identity: Option<String>,
    pub error: Option<String>,
    pub fix: Option<String>,
    /// Something to know although the credential works.
    pub notice: Option<String>,
    /// Another clinic uses the same account now; which one is not told.
    pub account_shared: bool,
    pub capabilities: Vec<CapabilityOut>,
    #[schema(value_type = Object)]
    pub hint: Value,
}

/// The status of all providers.
#[derive(Serialize, ToSchema)]
pub struct StatusesOut {
    pub integrations: Vec<StatusOut>,
}

/// Both assistants at Vapi.
#[derive(Default, Serialize, ToSchema)]
pub struct AssistantsOut {
    pub inbound: Option<String>,
    pub outbound: Option<String>,
}

/// How a connect, verify or restore ended.
#[derive(Serialize, ToSchema)]
pub struct ResultOut {
    /// Something was saved, or what is stored works.
    pub success: bool,
    pub verified: bool,
    /// `accepted`, `refused` or `undetermined`.
    pub outcome: String,
    pub message: String,
    pub fix: Option<String>,
    pub capabilities: Vec<CapabilityOut>,
    /// How long the provider asks to wait before the next try.
    #[serde(rename = "retryAfterSeconds", skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// With Vapi: the ids of both assistants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assistants: Option<AssistantsOut>,
}

/// A consent is needed first, which only a person can give.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentOut {
    /// Always false: nothing is saved yet.
    pub success: bool,
    /// With a browser session, the consent page of the provider. With an API key, the page of this
    /// service where a person can begin.
    pub authorization_url: String,
    pub message: String,
}

/// Reads a provider from a path.
pub fn provider_of(word: &str) -> Result<ProviderId, HttpError> {
    word.parse().map_err(|()| HttpError::not_found())
}

/// A time as programs read it (RFC 3339).
pub fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

/// Lists the status of every provider; one query, no secret.
#[utoipa::path(get, path = "/api/integrations/status", tag = "integrations",
    responses((status = 200, body = StatusesOut), (status = 401, body = Problem)))]
pub async fn show_status(admitted: Admitted) -> Result<Json<StatusesOut>, HttpError> {
    let services = &admitted.state.services;
    let mut tx = admitted.caller.begin(services).await?;
    let mut cards = cards::list(&mut tx, services).await?;
    tx.commit().await?;
    services.counts.count(admitted.caller.org(), Cause::ApiRead, services.clock.now());
    cards.sort_by_key(|card| card.spec.id);
    Ok(Json(StatusesOut { integrations: cards.iter().flat_map(statuses_of_card).collect() }))
}

/// The status of a card without a secret: the primary account, then the others.
pub fn statuses_of_card(card: &Card) -> Vec<StatusOut> {
    let mut all = vec![status_out(card.spec, card.row.as_ref(), card.state, true)];
    all.extend(card.others.iter().map(|other| status_out(card.spec, Some(&other.row), other.state, false)));
    all
}

fn status_out(
    spec: &ProviderSpec,
    row: Option<&IntegrationRow>,
    state: CardState,
    primary: bool,
) -> StatusOut {
    let account = row.map(|row| row.label.clone());
    let row = row.filter(|row| row.active_credential_id.is_some());
    StatusOut {
        provider: spec.id.as_str().to_owned(),
        name: spec.name.to_owned(),
        account,
        primary,
        status: state.as_str().to_owned(),
        label: state.label().to_owned(),
        connected: row.is_some(),
        verified: matches!(state, CardState::Connected | CardState::ConnectedLimited),
        last_verified_at: row.and_then(|row| row.last_verified_at).map(rfc3339),
        last_used_at: row.and_then(|row| row.last_success_at).map(rfc3339),
        last_use: row.and_then(|row| row.last_use()?.1).map(|what| what.as_str().to_owned()),
        identity: row.and_then(|row| row.identity_name.clone().or_else(|| row.identity.clone())),
        error: row.and_then(|row| row.verification_error.clone()),
        fix: row.and_then(|row| row.fix_hint.clone()),
        notice: row.and_then(|row| row.notice.clone()),
        account_shared: row.is_some_and(|row| row.is_shared),
        capabilities: row
            .map(|row| row.capabilities.iter().map(capability_out).collect())
            .unwrap_or_default(),
        hint: row.and_then(|row| row.hint.clone()).map(|hint| hint.0).unwrap_or_default(),
    }
}

pub(super) fn capability_out(line: &crate::domain::CapabilityResult) -> CapabilityOut {
    let answer = serde_json::to_value(line.answer).ok().and_then(|value| value.as_str().map(str::to_owned));
    CapabilityOut {
        capability: line.capability.clone(),
        label: line.label.clone(),
        answer: answer.unwrap_or_default(),
        note: line.note.clone(),
    }
}

/// A test's report as the interface tells it.
pub fn result_out(report: TestReport, success: bool) -> ResultOut {
    ResultOut {
        success,
        verified: report.outcome == Outcome::Accepted,
        outcome: report.outcome.as_str().to_owned(),
        message: report.headline,
        fix: report.fix.map(|fix| fix.text.into_owned()),
        capabilities: report.capabilities.iter().map(capability_out).collect(),
        retry_after_seconds: report.retry_after_seconds,
        assistants: None,
    }
}

/// Tests a credential, seals and stores it. With Vapi, both assistants are made.
///
/// The body has the fields of the provider (`apiKey`; `accountSid`, `authToken`, `phoneNumber`,
/// `whatsappNumber`, `displayName`, ...). A field that is absent stays as it is, `null` clears it.
/// `draft` names an earlier try, `saveAnyway` stores what nobody could test, `switchAccount` confirms
/// another account.
#[utoipa::path(post, path = "/api/integrations/{provider}", tag = "integrations",
    params(("provider" = String, Path, description = "The word of a provider: `vapi`, `twilio`, `elevenlabs`, ..."), Labelled), request_body = Object,
    responses((status = 200, body = ResultOut), (status = 202, body = ConsentOut, description = "A consent is needed first"),
        (status = 422, body = ConnectProblem, description = "Fields are wrong (`invalid_fields`), or the provider refused (`provider_refused`)"),
        (status = 409, body = ConnectProblem, description = "Another account (`other_account`), or a draft that is gone"),
        (status = 503, body = ConnectProblem, description = "Nobody could tell (`provider_unavailable`); nothing was saved")))]
pub async fn save(
    admitted: Admitted,
    Path(provider): Path<String>,
    Query(labelled): Query<Labelled>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Response, HttpError> {
    connect_with(&admitted, account_of(&provider, &labelled)?, body).await
}

/// Connects a provider with a JSON body.
pub async fn connect_with(
    admitted: &Admitted,
    account: impl Into<Account>,
    body: Map<String, Value>,
) -> Result<Response, HttpError> {
    let account: Account = account.into();
    let provider = account.provider;
    let is_primary = account.label.is_none();
    let spec = catalogue::find(provider).spec();
    let request = read_body(spec, body)?;
    let services = &admitted.state.services;
    match connect(services, &admitted.caller, account, request, None).await? {
        Connected::Saved { report, .. } => {
            let mut out = result_out(report, true);
            if provider == ProviderId::Vapi && is_primary {
                out.assistants = Some(assistants(admitted).await?);
            }
            Ok(Json(out).into_response())
        }
        Connected::Consent { url } => {
            let message = format!(
                "Open authorizationUrl in a browser and consent there: {} is connected when Google sends you back.",
                spec.name
            );
            let out = ConsentOut { success: false, authorization_url: url.to_string(), message };
            Ok((StatusCode::ACCEPTED, Json(out)).into_response())
        }
        Connected::ConsentRefused { report } => Ok(ConnectProblem::of_report(&report, None).into_response()),
        Connected::Invalid { problems, draft } => {
            Ok(ConnectProblem::of_fields(problems, draft).into_response())
        }
        Connected::NotSaved { report, draft, is_other_account } => {
            let problem = ConnectProblem::of_report(&report, Some(draft));
            Ok(if is_other_account { problem.other_account(spec.name) } else { problem }.into_response())
        }
    }
}

fn read_body(spec: &ProviderSpec, body: Map<String, Value>) -> Result<ConnectRequest, HttpError> {
    let mut request = ConnectRequest::default();
    let mut errors = Vec::new();
    for (key, value) in body {
        match (key.as_str(), value) {
            ("draft", Value::String(id)) => request.draft = id.parse().ok().map(CredentialId),
            ("saveAnyway", Value::Bool(yes)) => request.save_anyway = yes,
            ("switchAccount", Value::Bool(yes)) => request.switch_account = yes,
            ("signIn", Value::Bool(yes)) => request.sign_in = yes,
            (field, Value::String(text)) if spec.field(field).is_some() => {
                request.fields.push((key, Submitted::Value(SecretText::new(text))));
            }
            (field, Value::Null) if spec.field(field).is_some() => {
                request.fields.push((key, Submitted::Cleared))
            }
            (field, _) if spec.field(field).is_some() => {
                errors.push(FieldError { field: key, message: "This field is a text.".to_owned() });
            }
            _ => errors.push(FieldError {
                message: format!("{} has no field of this name.", spec.name),
                field: key,
            }),
        }
    }
    if errors.is_empty() {
        Ok(request)
    } else {
        Err(HttpError::invalid("invalid_fields", "Some fields need your attention.", errors))
    }
}

/// Makes the assistants now; one that is not there yet is absent from the answer.
async fn assistants(admitted: &Admitted) -> Result<AssistantsOut, HttpError> {
    let services = &admitted.state.services;
    if let Err(error) = ensure::ensure_assistants(services, admitted.caller.org()).await {
        tracing::warn!(error = &error as &dyn std::error::Error, org = %admitted.caller.org(), "the assistants are not there yet");
    }
    let mut tx = admitted.caller.begin(services).await?;
    let rows = agents::list(&mut tx).await?;
    tx.commit().await?;
    let id = |role: &str| {
        rows.iter()
            .find(|row| row.role == role)
            .and_then(|row| row.vapi_assistant_id)
            .map(|id| id.to_string())
    };
    Ok(AssistantsOut { inbound: id("inbound"), outbound: id("outbound") })
}

/// Tests what is stored and records what was found.
#[utoipa::path(post, path = "/api/integrations/{provider}/verify", tag = "integrations",
    params(("provider" = String, Path), Labelled), responses((status = 200, body = ResultOut), (status = 409, body = Problem)))]
pub async fn verify_stored(
    admitted: Admitted,
    Path(provider): Path<String>,
    Query(labelled): Query<Labelled>,
) -> Result<Json<ResultOut>, HttpError> {
    let account = account_of(&provider, &labelled)?;
    let report = verify::verify(&admitted.state.services, &admitted.caller, account).await?;
    let success = report.outcome == Outcome::Accepted;
    Ok(Json(result_out(report, success)))
}

/// Disconnects a provider. It can be restored for 30 days.
#[utoipa::path(delete, path = "/api/integrations/{provider}", tag = "integrations",
    params(("provider" = String, Path), Labelled), responses((status = 204), (status = 409, body = Problem)))]
pub async fn remove(
    admitted: Admitted,
    Path(provider): Path<String>,
    Query(labelled): Query<Labelled>,
) -> Result<StatusCode, HttpError> {
    let account = account_of(&provider, &labelled)?;
    use_disconnect::disconnect(&admitted.state.services, &admitted.caller, account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings the last credential back, after testing it.
#[utoipa::path(post, path = "/api/integrations/{provider}/restore", tag = "integrations",
    params(("provider" = String, Path), Labelled), responses((status = 200, body = ResultOut), (status = 409, body = Problem)))]
pub async fn restore(
    admitted: Admitted,
    Path(provider): Path<String>,
    Query(labelled): Query<Labelled>,
) -> Result<Json<ResultOut>, HttpError> {
    let account = account_of(&provider, &labelled)?;
    let is_vapi = account.provider == ProviderId::Vapi && account.label.is_none();
    let restored = verify::restore(&admitted.state.services, &admitted.caller, account, None).await?;
    let (report, success) = match restored {
        Restored::InUse(report) => (report, true),
        Restored::NotRestored(report) => (report, false),
    };
    let mut out = result_out(report, success);
    if success && is_vapi {
        out.assistants = Some(assistants(&admitted).await?);
    }
    Ok(Json(out))
}

/// How a rotation of the signing secret went on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotatedOut {
    /// Both assistants sign with the new secret. Where not, it is tried again, and both verify.
    pub success: bool,
    pub message: String,
    /// Hours in which the old secret verifies as well, from the moment that both sign with the new.
    pub overlap_hours: i32,
}

/// Makes a new secret for the webhooks of Vapi and tells both assistants.
#[utoipa::path(post, path = "/api/integrations/{provider}/rotate-secret", tag = "integrations",
    params(("provider" = String, Path, description = "`vapi`")),
    responses((status = 200, body = RotatedOut), (status = 409, body = Problem), (status = 502, body = Problem)))]
pub async fn rotate_secret(
    admitted: Admitted,
    Path(provider): Path<String>,
) -> Result<Json<RotatedOut>, HttpError> {
    if provider_of(&provider)? != ProviderId::Vapi {
        return Err(HttpError::not_found());
    }
    let rotated = signing::rotate(&admitted.state.services, &admitted.caller).await?;
    let message = rotated.sentence();
    Ok(Json(RotatedOut { success: rotated.waits.is_none(), message, overlap_hours: signing::OVERLAP_HOURS }))
}
