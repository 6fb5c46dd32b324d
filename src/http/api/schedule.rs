//! Opening hours, closures, services and practitioners of the clinic.

use axum::Json;
use utoipa::ToSchema;

use super::{Admitted, JsonBody};
use crate::calls::schedule;
use crate::domain::clinic_plan::ClinicPlan;
use crate::http::error::{HttpError, Problem};

/// The clinic's plan, one for both agents. Times are by the clinic's clock.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described for programs; what travels is the type of the domain")]
pub struct ScheduleBody {
    /// `{"day": "monday", "from": "09:00", "until": "17:00"}`, several for one day.
    #[schema(value_type = Vec<Object>)]
    openings: (),
    /// `{"first": "2026-12-24", "last": "2026-12-26", "label": "Christmas"}`
    #[schema(value_type = Vec<Object>)]
    closures: (),
    /// `{"name": "Cleaning", "minutes": 30, "bufferBefore": 0, "bufferAfter": 10, "practitioner": null}`
    #[schema(value_type = Vec<Object>)]
    services: (),
    /// `{"name": "Dr. Nord", "hours": []}`; no hours of their own means the clinic's.
    #[schema(value_type = Vec<Object>)]
    practitioners: (),
    /// No appointment begins earlier than so many minutes from now.
    notice_minutes: u32,
    /// Appointments begin at whole steps after the opening.
    step_minutes: u32,
    /// How many days ahead appointments are offered.
    days_ahead: u32,
}

/// Shows when the clinic is open and for what.
#[utoipa::path(get, path = "/api/schedule", tag = "schedule",
    responses((status = 200, body = ScheduleBody), (status = 401, body = Problem)))]
pub async fn show(admitted: Admitted) -> Result<Json<ClinicPlan>, HttpError> {
    Ok(Json(schedule::find(&admitted.state.services, &admitted.caller).await?))
}

/// Replaces the plan as a whole, and tells both agents.
#[utoipa::path(put, path = "/api/schedule", tag = "schedule", request_body = ScheduleBody,
    responses((status = 200, body = ScheduleBody), (status = 422, body = Problem)))]
pub async fn save(
    admitted: Admitted,
    JsonBody(plan): JsonBody<ClinicPlan>,
) -> Result<Json<ClinicPlan>, HttpError> {
    schedule::save(&admitted.state.services, &admitted.caller, &plan).await?;
    Ok(Json(plan))
}
