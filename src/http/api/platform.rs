//! The interface for staff of the platform: the integrations of any clinic, written and never read.
//!
//! The same use cases as a clinic's own routes, by the role `platform`. Who is no staff gets the answer
//! of an address that nobody has; staff without a live reason are asked for one. `tenants` is another
//! word for `organizations` in these addresses.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::connect_problem::ConnectProblem;
use super::integrations::{
    ResultOut, StatusOut, StatusesOut, connect_with, provider_of, result_out, rfc3339, statuses_of_card,
};
use super::{Admitted, JsonBody};
use crate::db::platform;
use crate::domain::{OrgId, Outcome};
use crate::http::error::{HttpError, Problem};
use crate::http::staff::{Staff, Visiting};
use crate::integrations::{cards, disconnect, pause, verify};

/// A clinic as staff see it in the list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClinicOut {
    pub id: String,
    pub name: String,
    pub slug: String,
    pub suspended: bool,
    /// Connected accounts.
    pub connected: i64,
    /// Of these, those that were refused at their last check.
    pub needs_attention: i64,
    /// Until when you have access; absent without.
    pub access_until: Option<String>,
}

/// All clinics.
#[derive(Serialize, ToSchema)]
pub struct ClinicsOut {
    pub organizations: Vec<ClinicOut>,
}

/// Why staff come.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessIn {
    /// 8 to 300 characters; the clinic reads it in its audit trail.
    pub reason: String,
}

/// An access that was opened.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessOut {
    /// RFC 3339.
    pub expires_at: String,
}

/// Lists every clinic. Staff only.
#[utoipa::path(get, path = "/api/platform/organizations", tag = "platform",
    responses((status = 200, body = ClinicsOut), (status = 404, body = Problem)))]
pub async fn list(staff: Staff) -> Result<Json<ClinicsOut>, HttpError> {
    let rows = platform::list_clinics(&staff.state.services.pool, &staff.hash).await?;
    let organizations = rows
        .into_iter()
        .map(|row| ClinicOut {
            id: row.id.to_string(),
            name: row.name,
            slug: row.slug,
            suspended: row.suspended_at.is_some(),
            connected: row.connected,
            needs_attention: row.attention,
            access_until: row.access_until.map(rfc3339),
        })
        .collect();
    Ok(Json(ClinicsOut { organizations }))
}

/// Opens a clinic for an hour, with a reason.
#[utoipa::path(post, path = "/api/platform/organizations/{org}/access", tag = "platform", request_body = AccessIn,
    params(("org" = uuid::Uuid, Path)),
    responses((status = 201, body = AccessOut), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn open(
    staff: Staff,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<AccessIn>,
) -> Result<(StatusCode, Json<AccessOut>), HttpError> {
    let org: OrgId = org.parse().map_err(|_| HttpError::not_found())?;
    let until = staff.open(org, &body.reason).await?;
    Ok((StatusCode::CREATED, Json(AccessOut { expires_at: rfc3339(until) })))
}

/// Ends your access to a clinic.
#[utoipa::path(delete, path = "/api/platform/organizations/{org}/access", tag = "platform",
    params(("org" = uuid::Uuid, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub async fn leave(staff: Staff, Path(org): Path<String>) -> Result<StatusCode, HttpError> {
    let org: OrgId = org.parse().map_err(|_| HttpError::not_found())?;
    staff.leave(org).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the status of a clinic's providers; no secret.
#[utoipa::path(get, path = "/api/platform/organizations/{org}/integrations", tag = "platform",
    params(("org" = uuid::Uuid, Path)),
    responses((status = 200, body = StatusesOut), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn list_integrations(visiting: Visiting) -> Result<Json<StatusesOut>, HttpError> {
    Ok(Json(StatusesOut { integrations: statuses(&visiting).await? }))
}

/// The status of one provider of a clinic; no secret.
#[utoipa::path(get, path = "/api/platform/organizations/{org}/integrations/{provider}", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("provider" = String, Path)),
    responses((status = 200, body = StatusOut), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn show_integration(
    visiting: Visiting,
    Path((_, provider)): Path<(String, String)>,
) -> Result<Json<StatusOut>, HttpError> {
    let provider = provider_of(&provider)?;
    let found = statuses(&visiting).await?.into_iter().find(|status| status.provider == provider.as_str());
    found.map(Json).ok_or_else(HttpError::not_found)
}

async fn statuses(visiting: &Visiting) -> Result<Vec<StatusOut>, HttpError> {
    let services = &visiting.state.services;
    let mut tx = visiting.caller.begin(services).await?;
    let mut cards = cards::list(&mut tx, services).await?;
    tx.commit().await?;
    cards.sort_by_key(|card| card.spec.id);
    Ok(cards.iter().flat_map(statuses_of_card).collect())
}

/// Sets or replaces a clinic's credential: tested, sealed, stored, and masked from then on. The body is
/// that of `POST /api/integrations/{provider}`.
#[utoipa::path(put, path = "/api/platform/organizations/{org}/integrations/{provider}", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("provider" = String, Path)), request_body = Object,
    responses((status = 200, body = ResultOut), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = ConnectProblem), (status = 422, body = ConnectProblem), (status = 503, body = ConnectProblem)))]
pub async fn set_integration(
    visiting: Visiting,
    Path((_, provider)): Path<(String, String)>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Response, HttpError> {
    connect_with(&Admitted::from(visiting), provider_of(&provider)?, body).await
}

/// Tests what a clinic has stored.
#[utoipa::path(post, path = "/api/platform/organizations/{org}/integrations/{provider}/verify", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("provider" = String, Path)),
    responses((status = 200, body = ResultOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn verify_integration(
    visiting: Visiting,
    Path((_, provider)): Path<(String, String)>,
) -> Result<Json<ResultOut>, HttpError> {
    let report = verify::verify(&visiting.state.services, &visiting.caller, provider_of(&provider)?).await?;
    let success = report.outcome == Outcome::Accepted;
    Ok(Json(result_out(report, success)))
}

/// Pauses a clinic's provider.
#[utoipa::path(post, path = "/api/platform/organizations/{org}/integrations/{provider}/pause", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("provider" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn pause_integration(
    visiting: Visiting,
    Path((_, provider)): Path<(String, String)>,
) -> Result<StatusCode, HttpError> {
    pause::set_paused(&visiting.state.services, &visiting.caller, provider_of(&provider)?, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Resumes a clinic's provider.
#[utoipa::path(post, path = "/api/platform/organizations/{org}/integrations/{provider}/resume", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("provider" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn resume_integration(
    visiting: Visiting,
    Path((_, provider)): Path<(String, String)>,
) -> Result<StatusCode, HttpError> {
    pause::set_paused(&visiting.state.services, &visiting.caller, provider_of(&provider)?, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Disconnects a clinic's provider; the clinic can restore it.
#[utoipa::path(delete, path = "/api/platform/organizations/{org}/integrations/{provider}", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("provider" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn remove_integration(
    visiting: Visiting,
    Path((_, provider)): Path<(String, String)>,
) -> Result<StatusCode, HttpError> {
    disconnect::disconnect(&visiting.state.services, &visiting.caller, provider_of(&provider)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
