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

/// Where the door leads unless something else is asked for.
const INSIDE: &str = "/dashboard/integrations";

/// A page of the clinic, or the clinic's page of the platform: nothing else is gone to, whatever a form says.
fn next_of(asked: &str, org: OrgId) -> &str {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '?' | '=' | '&');
    let pages = [INSIDE, "/dashboard/webhooks"];
    let is_page = pages.iter().any(|page| {
        asked.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    });
    let is_known = is_page || asked == clinic_page(org);
    if is_known && asked.chars().all(is_plain) { asked } else { INSIDE }
}

fn clinic_page(org: OrgId) -> String {
    format!("/platform/organizations/{org}")
}

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
                let from_clinic = fields.text("next") == clinic_page(org);
                return Ok(see_other(if from_clinic { fields.text("next") } else { "/platform" }));
            }
        }
        Err(error) => return Err(error.into()),
    }
    staff.session.insert(key::ORG, org).await.map_err(store)?;
    staff.session.save().await.map_err(store)?;
    Ok(see_other(next_of(fields.text("next"), org)))
}

/// `POST /platform/organizations/{org}/leave`
pub async fn submit_leave(staff: Staff, Path(org): Path<String>) -> Result<Response, HttpError> {
    let org: OrgId = org.parse().map_err(|_| HttpError::not_found())?;
    staff.leave(org).await?;
    Said::message(Meaning::Works, "Your access is ended").leave(&staff.session).await?;
    Ok(see_other("/platform"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_leads_into_the_clinic_and_nowhere_else() {
        let org = OrgId(uuid::Uuid::now_v7());
        for good in [
            "/dashboard/integrations?panel=whatsapp",
            "/dashboard/webhooks/endpoints/hot-leads",
            "/dashboard/webhooks",
            &clinic_page(org),
        ] {
            assert_eq!(next_of(good, org), good);
        }
        for bad in [
            "",
            "//evil.example",
            "https://evil.example",
            "/dashboard/webhooks\r\nset-cookie: a=b",
            "/dashboard/integrationsX",
            "/dashboard/webhooks/../../logout",
            "/logout",
            &clinic_page(OrgId(uuid::Uuid::now_v7())),
        ] {
            assert_eq!(next_of(bad, org), INSIDE, "{bad}");
        }
    }
}
