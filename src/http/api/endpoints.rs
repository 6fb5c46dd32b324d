//! Endpoints: where a clinic's events go. Secrets go in and never come out; a signing secret is shown
//! when it is made. Calling one by hand and its deliveries are in `deliveries`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::integrations::rfc3339;
use super::{Admitted, JsonBody};
use crate::http::error::{FieldError, HttpError, Problem};
use crate::integrations::endpoints::secrets::{self, OVERLAP_HOURS};
use crate::integrations::endpoints::{
    self, AuthInput, Created, Destination, EndpointChange, EndpointInput, Shown,
};
use crate::vault::SecretText;

/// An endpoint, and how it does.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointOut {
    pub id: String,
    pub workflow_name: String,
    /// `url` or `google_sheets`.
    pub destination: String,
    /// Whole for owners and admins; members and staff see its server, followed by `/***`.
    pub url: String,
    #[schema(value_type = Object)]
    pub settings: Value,
    pub description: String,
    /// The kinds that are wanted; empty for all.
    pub events: Vec<String>,
    /// Names of the clinic's own headers, values masked.
    #[schema(value_type = Object)]
    pub headers: Value,
    pub is_active: bool,
    /// Why the service switched it off: `gone` (it answered 410), `failing` (five days of failure).
    pub disabled_reason: Option<String>,
    pub disabled_at: Option<String>,
    /// Nothing is sent before this moment.
    pub blocked_until: Option<String>,
    /// `failing` or `throttled`.
    pub blocked_reason: Option<String>,
    pub failures_in_row: i32,
    /// Attempts in all.
    pub total: i64,
    pub succeeded: i64,
    pub failed: i64,
    pub last_called_at: Option<String>,
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    pub created_by: String,
    pub created_at: String,
    pub updated_at: String,
}

pub(super) fn out(Shown { row, address }: Shown) -> EndpointOut {
    EndpointOut {
        id: row.id.to_string(),
        workflow_name: row.workflow_name,
        destination: row.destination,
        url: address.text().to_owned(),
        settings: row.settings.0,
        description: row.description,
        events: row.events,
        headers: row.auth_hint.0,
        is_active: row.is_active,
        disabled_reason: row.disabled_reason,
        disabled_at: row.disabled_at.map(rfc3339),
        blocked_until: row.blocked_until.map(rfc3339),
        blocked_reason: row.blocked_reason,
        failures_in_row: row.failures_in_row,
        total: row.attempts_total,
        succeeded: row.attempts_succeeded,
        failed: row.attempts_failed,
        last_called_at: row.last_called_at.map(rfc3339),
        last_status: row.last_status,
        last_error: row.last_error,
        created_by: row.created_by,
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}

/// All endpoints of the clinic.
#[derive(Serialize, ToSchema)]
pub struct EndpointsOut {
    pub endpoints: Vec<EndpointOut>,
}

/// An endpoint to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointIn {
    /// Unique in the clinic: small letters, digits, `-` and `_`.
    pub workflow_name: String,
    /// `https://...`; without it, where the clinic's n8n would take it.
    #[serde(default)]
    pub url: Option<String>,
    /// `url` (the usual) or `google_sheets`.
    #[serde(default)]
    pub destination: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Value>,
    #[serde(default)]
    pub description: String,
    /// Kinds of events; empty for all.
    #[serde(default)]
    pub events: Vec<String>,
    /// Headers that are sent along.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub headers: Option<BTreeMap<String, SecretIn>>,
    /// Sent along as `Authorization: Bearer`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub bearer_token: Option<SecretIn>,
    #[serde(default)]
    pub is_active: Option<bool>,
}

/// Several endpoints, made all together or not at all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointsIn {
    pub endpoints: Vec<EndpointIn>,
}

/// What to change; what is absent stays, and `null` clears.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointChangeIn {
    #[serde(default)]
    pub workflow_name: Option<String>,
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Value>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub events: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    pub headers: Option<Option<BTreeMap<String, SecretIn>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub bearer_token: Option<Option<SecretIn>>,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A secret on its way in. It has no `Debug`.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct SecretIn(String);

fn auth(
    headers: Option<BTreeMap<String, SecretIn>>,
    bearer: Option<SecretIn>,
) -> Result<AuthInput, HttpError> {
    let secret = |value: SecretIn| SecretText::new(value.0);
    match (headers.filter(|headers| !headers.is_empty()), bearer) {
        (None, None) => Ok(AuthInput::None),
        (None, Some(token)) => Ok(AuthInput::Bearer(secret(token))),
        (Some(headers), None) => {
            Ok(AuthInput::Headers(headers.into_iter().map(|(name, value)| (name, secret(value))).collect()))
        }
        (Some(_), Some(_)) => Err(invalid("bearerToken", "Give headers or a bearer token, not both.")),
    }
}

pub(super) fn invalid(field: &str, message: &str) -> HttpError {
    let error = FieldError { field: field.to_owned(), message: message.to_owned() };
    HttpError::invalid("invalid_fields", message, vec![error])
}

fn input(body: EndpointIn) -> Result<EndpointInput, HttpError> {
    let destination = match body.destination.as_deref() {
        None => Destination::Url,
        Some(word) => {
            Destination::parse(word).ok_or_else(|| invalid("destination", "Use url or google_sheets."))?
        }
    };
    Ok(EndpointInput {
        workflow_name: body.workflow_name,
        url: body.url.map(SecretText::new),
        destination,
        settings: body.settings,
        description: body.description,
        events: body.events,
        auth: auth(body.headers, body.bearer_token)?,
        is_off: body.is_active == Some(false),
    })
}

/// A fresh endpoint. The signing secret is never shown again, and to staff of the platform not at all.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewEndpointOut {
    #[serde(flatten)]
    pub endpoint: EndpointOut,
    /// `whsec_...`, as the libraries of Standard Webhooks take it. Absent in answers to staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
}

fn created(new: Created) -> NewEndpointOut {
    let signing_secret = new.secret.map(|secret| secret.expose().to_owned());
    NewEndpointOut { endpoint: out(new.endpoint), signing_secret }
}

/// Fresh endpoints.
#[derive(Serialize, ToSchema)]
pub struct NewEndpointsOut {
    pub endpoints: Vec<NewEndpointOut>,
}

/// Lists the clinic's endpoints.
#[utoipa::path(get, path = "/api/endpoints", tag = "endpoints", responses((status = 200, body = EndpointsOut)))]
pub async fn list(admitted: Admitted) -> Result<Json<EndpointsOut>, HttpError> {
    let all = endpoints::list(&admitted.state.services, &admitted.caller).await?;
    Ok(Json(EndpointsOut { endpoints: all.into_iter().map(out).collect() }))
}

/// Makes an endpoint.
#[utoipa::path(post, path = "/api/endpoints", tag = "endpoints", request_body = EndpointIn,
    responses((status = 201, body = NewEndpointOut), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    admitted: Admitted,
    JsonBody(body): JsonBody<EndpointIn>,
) -> Result<(StatusCode, Json<NewEndpointOut>), HttpError> {
    let mut made = endpoints::create(&admitted.state.services, &admitted.caller, vec![input(body)?]).await?;
    let new = made.pop().ok_or_else(HttpError::not_found)?;
    Ok((StatusCode::CREATED, Json(created(new))))
}

/// Makes up to 100 endpoints, all of them or none.
#[utoipa::path(post, path = "/api/endpoints/batch", tag = "endpoints", request_body = EndpointsIn,
    responses((status = 201, body = NewEndpointsOut), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn create_several(
    admitted: Admitted,
    JsonBody(body): JsonBody<EndpointsIn>,
) -> Result<(StatusCode, Json<NewEndpointsOut>), HttpError> {
    let inputs = body.endpoints.into_iter().map(input).collect::<Result<Vec<_>, _>>()?;
    let made = endpoints::create(&admitted.state.services, &admitted.caller, inputs).await?;
    let endpoints = made.into_iter().map(created).collect();
    Ok((StatusCode::CREATED, Json(NewEndpointsOut { endpoints })))
}

/// Shows one endpoint.
#[utoipa::path(get, path = "/api/endpoints/{workflow_name}", tag = "endpoints", params(("workflow_name" = String, Path)),
    responses((status = 200, body = EndpointOut), (status = 404, body = Problem)))]
pub async fn show(admitted: Admitted, Path(name): Path<String>) -> Result<Json<EndpointOut>, HttpError> {
    Ok(Json(out(endpoints::find(&admitted.state.services, &admitted.caller, &name).await?)))
}

/// Changes an endpoint; what is absent stays.
#[utoipa::path(patch, path = "/api/endpoints/{workflow_name}", tag = "endpoints", params(("workflow_name" = String, Path)),
    request_body = EndpointChangeIn,
    responses((status = 200, body = EndpointOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn change(
    admitted: Admitted,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<EndpointChangeIn>,
) -> Result<Json<EndpointOut>, HttpError> {
    let auth = match (body.headers, body.bearer_token) {
        (None, None) => None,
        (headers, bearer) => Some(auth(headers.flatten(), bearer.flatten())?),
    };
    let change = EndpointChange {
        workflow_name: body.workflow_name,
        url: body.url.map(SecretText::new),
        settings: body.settings,
        description: body.description,
        events: body.events,
        auth,
    };
    Ok(Json(out(endpoints::update(&admitted.state.services, &admitted.caller, &name, change).await?)))
}

/// Deletes an endpoint with its secrets. What was delivered stays.
#[utoipa::path(delete, path = "/api/endpoints/{workflow_name}", tag = "endpoints", params(("workflow_name" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn remove(admitted: Admitted, Path(name): Path<String>) -> Result<StatusCode, HttpError> {
    endpoints::delete(&admitted.state.services, &admitted.caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a switched-on endpoint begins.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnableIn {
    /// Whether everything that was parked or failed goes out again.
    #[serde(default)]
    pub replay: bool,
}

/// An endpoint, and what goes out again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwitchedOut {
    #[serde(flatten)]
    pub endpoint: EndpointOut,
    /// Deliveries that go out again.
    pub replayed: u64,
}

/// Switches an endpoint on; in the same step, what has failed can go out again.
#[utoipa::path(post, path = "/api/endpoints/{workflow_name}/enable", tag = "endpoints", params(("workflow_name" = String, Path)),
    request_body = EnableIn,
    responses((status = 200, body = SwitchedOut), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn enable(
    admitted: Admitted,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<EnableIn>,
) -> Result<Json<SwitchedOut>, HttpError> {
    let (services, caller) = (&admitted.state.services, &admitted.caller);
    let (shown, replayed) = endpoints::set_active(services, caller, &name, true, body.replay).await?;
    Ok(Json(SwitchedOut { endpoint: out(shown), replayed }))
}

/// Switches an endpoint off. What waits for it is parked.
#[utoipa::path(post, path = "/api/endpoints/{workflow_name}/disable", tag = "endpoints", params(("workflow_name" = String, Path)),
    responses((status = 200, body = SwitchedOut), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn disable(admitted: Admitted, Path(name): Path<String>) -> Result<Json<SwitchedOut>, HttpError> {
    let (services, caller) = (&admitted.state.services, &admitted.caller);
    let (shown, replayed) = endpoints::set_active(services, caller, &name, false, false).await?;
    Ok(Json(SwitchedOut { endpoint: out(shown), replayed }))
}

/// For how long the old secret signs along.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateIn {
    /// 0 to 168; 24 unless said otherwise.
    #[serde(default)]
    pub overlap_hours: Option<u32>,
}

/// A fresh signing secret. It is never shown again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotatedOut {
    /// Absent in answers to staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
    /// How many secrets sign now.
    pub live: usize,
}

/// Makes a new signing secret; the old one signs along for a while.
#[utoipa::path(post, path = "/api/endpoints/{workflow_name}/rotate-signing-secret", tag = "endpoints",
    params(("workflow_name" = String, Path)), request_body = RotateIn,
    responses((status = 200, body = RotatedOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn rotate(
    admitted: Admitted,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<RotateIn>,
) -> Result<Json<RotatedOut>, HttpError> {
    let hours = body.overlap_hours.unwrap_or(OVERLAP_HOURS);
    let rotated = secrets::rotate(&admitted.state.services, &admitted.caller, &name, hours).await?;
    let signing_secret = rotated.secret.map(|secret| secret.expose().to_owned());
    Ok(Json(RotatedOut { signing_secret, live: rotated.live }))
}
