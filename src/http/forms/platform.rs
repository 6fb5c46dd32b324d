//! Staff of the platform open a clinic, and leave it.

use axum::extract::{Path, Request};
use axum::response::Response;

use super::{read_fields, see_other};
use crate::auth::session::key;
use crate::db::BeginError;
use crate::domain::OrgId;
use crate::domain::card::Meaning;
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::http::staff::Staff;

/// `POST /platform/organizations/{org}/open`: with a reason, unless it is open already.
pub async fn submit_open(
    staff: Staff,
    Path(org): Path<String>,
    request: Request,
) -> Result<Response, HttpError> {
    let org: OrgId = org.parse().map_err(|_| HttpError::not_found())?;
    let fields = read_fields(request).await?;
    let store = |error: tower_sessions::session::Error| HttpError::unavailable(&error);
    match staff.caller(org).await {
        Ok(_) => {}
        Err(BeginError::NoGrant { .. }) => {
            if let Err(error) = staff.open(org, fields.text("reason")).await {
                Said::error(&error, &staff.origin.request_id).leave(&staff.session).await?;
                return Ok(see_other("/platform"));
            }
        }
        Err(error) => return Err(error.into()),
    }
    staff.session.insert(key::ORG, org).await.map_err(store)?;
    staff.session.save().await.map_err(store)?;
    Ok(see_other("/dashboard/integrations"))
}

/// `POST /platform/organizations/{org}/leave`
pub async fn submit_leave(staff: Staff, Path(org): Path<String>) -> Result<Response, HttpError> {
    let org: OrgId = org.parse().map_err(|_| HttpError::not_found())?;
    staff.leave(org).await?;
    Said::message(Meaning::Works, "Your access is ended").leave(&staff.session).await?;
    Ok(see_other("/platform"))
}
