//! The endpoints of any clinic, for staff of the platform: the handlers of a clinic's own routes, behind
//! the door of `staff`. `wid` is the endpoint's id or its workflow name.

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::analytics::{self, AnalyticsOut, AnalyticsQuery};
use super::endpoints::{
    self, EnableIn, EndpointChangeIn, EndpointIn, EndpointOut, EndpointsOut, NewEndpointOut,
};
use super::{Admitted, JsonBody};
use crate::db::endpoints as rows;
use crate::http::error::{HttpError, Problem};
use crate::http::staff::Visiting;

/// The workflow name of an endpoint that was named by it or by its id. What is neither is left as it is, and
/// found by nobody.
async fn name_of(visiting: &Visiting, wid: String) -> Result<String, HttpError> {
    let Ok(id) = wid.parse::<uuid::Uuid>() else { return Ok(wid) };
    let mut tx = visiting.caller.begin(&visiting.state.services).await?;
    let row = rows::find(&mut tx, id).await?;
    tx.commit().await?;
    Ok(row.map_or(wid, |row| row.workflow_name))
}

/// Lists a clinic's endpoints.
#[utoipa::path(get, path = "/api/platform/organizations/{org}/webhooks", tag = "platform",
    params(("org" = uuid::Uuid, Path)),
    responses((status = 200, body = EndpointsOut), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn list(visiting: Visiting) -> Result<Json<EndpointsOut>, HttpError> {
    endpoints::list(Admitted::from(visiting)).await
}

/// Makes an endpoint for a clinic.
#[utoipa::path(post, path = "/api/platform/organizations/{org}/webhooks", tag = "platform", request_body = EndpointIn,
    params(("org" = uuid::Uuid, Path)),
    responses((status = 201, body = NewEndpointOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn create(visiting: Visiting, body: JsonBody<EndpointIn>) -> Result<Response, HttpError> {
    Ok(endpoints::create(Admitted::from(visiting), body).await?.into_response())
}

/// Shows an endpoint of a clinic.
#[utoipa::path(get, path = "/api/platform/organizations/{org}/webhooks/{wid}", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("wid" = String, Path)),
    responses((status = 200, body = EndpointOut), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn show(
    visiting: Visiting,
    Path((_, wid)): Path<(String, String)>,
) -> Result<Json<EndpointOut>, HttpError> {
    let wid = name_of(&visiting, wid).await?;
    endpoints::show(Admitted::from(visiting), Path(wid)).await
}

/// Changes an endpoint of a clinic; what is absent stays.
#[utoipa::path(patch, path = "/api/platform/organizations/{org}/webhooks/{wid}", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("wid" = String, Path)), request_body = EndpointChangeIn,
    responses((status = 200, body = EndpointOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn change(
    visiting: Visiting,
    Path((_, wid)): Path<(String, String)>,
    body: JsonBody<EndpointChangeIn>,
) -> Result<Json<EndpointOut>, HttpError> {
    let wid = name_of(&visiting, wid).await?;
    endpoints::change(Admitted::from(visiting), Path(wid), body).await
}

/// Deletes an endpoint of a clinic.
#[utoipa::path(delete, path = "/api/platform/organizations/{org}/webhooks/{wid}", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("wid" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn remove(
    visiting: Visiting,
    Path((_, wid)): Path<(String, String)>,
) -> Result<StatusCode, HttpError> {
    let wid = name_of(&visiting, wid).await?;
    endpoints::remove(Admitted::from(visiting), Path(wid)).await
}

/// Pauses an endpoint of a clinic: what waits is parked.
#[utoipa::path(post, path = "/api/platform/organizations/{org}/webhooks/{wid}/pause", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("wid" = String, Path)),
    responses((status = 200, body = EndpointOut), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn pause(
    visiting: Visiting,
    Path((_, wid)): Path<(String, String)>,
) -> Result<Response, HttpError> {
    let wid = name_of(&visiting, wid).await?;
    Ok(endpoints::disable(Admitted::from(visiting), Path(wid)).await?.into_response())
}

/// Resumes an endpoint of a clinic.
#[utoipa::path(post, path = "/api/platform/organizations/{org}/webhooks/{wid}/resume", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("wid" = String, Path)),
    responses((status = 200, body = EndpointOut), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn resume(
    visiting: Visiting,
    Path((_, wid)): Path<(String, String)>,
) -> Result<Response, HttpError> {
    let wid = name_of(&visiting, wid).await?;
    let body = JsonBody(EnableIn { replay: false });
    Ok(endpoints::enable(Admitted::from(visiting), Path(wid), body).await?.into_response())
}

/// Sums the attempts of one endpoint of a clinic, over a range of days.
#[utoipa::path(get, path = "/api/platform/organizations/{org}/webhooks/{wid}/analytics", tag = "platform",
    params(("org" = uuid::Uuid, Path), ("wid" = String, Path), AnalyticsQuery),
    responses((status = 200, body = AnalyticsOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn analytics_of_one(
    visiting: Visiting,
    Path((_, wid)): Path<(String, String)>,
    Query(query): Query<AnalyticsQuery>,
) -> Result<Json<AnalyticsOut>, HttpError> {
    let wid = name_of(&visiting, wid).await?;
    let query = AnalyticsQuery { endpoint: Some(wid), ..query };
    analytics::webhooks(Admitted::from(visiting), Query(query)).await
}

/// Sums the attempts of a clinic, over a range of days.
#[utoipa::path(get, path = "/api/platform/organizations/{org}/webhooks/analytics/summary", tag = "platform",
    params(("org" = uuid::Uuid, Path), AnalyticsQuery),
    responses((status = 200, body = AnalyticsOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn analytics_summary(
    visiting: Visiting,
    query: Query<AnalyticsQuery>,
) -> Result<Json<AnalyticsOut>, HttpError> {
    analytics::webhooks(Admitted::from(visiting), query).await
}
