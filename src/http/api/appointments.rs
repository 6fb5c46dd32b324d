//! Appointments that agents have made.

use axum::Json;
use axum::extract::{Path, Query};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Admitted;
use super::integrations::rfc3339;
use crate::calls::appointment_list::{self, OpenedAppointment, SHOWN};
use crate::calls::appointments;
use crate::db::appointments::Which;
use crate::http::error::{FieldError, HttpError, Problem};

/// Who an appointment is for.
#[derive(Serialize, ToSchema)]
pub struct PatientOut {
    pub name: String,
    /// In E.164 form; empty where nobody has said it.
    pub phone: String,
    pub notes: String,
}

/// An appointment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppointmentOut {
    pub id: String,
    /// Vapi's id of the call that made it.
    pub call_id: Option<String>,
    pub service: String,
    pub practitioner: Option<String>,
    pub starts_at: String,
    pub ends_at: String,
    /// `pending` (nobody knows yet whether it is in the calendar), `booked`, `cancelled`.
    pub status: String,
    /// Why it was cancelled.
    pub reason: Option<String>,
    /// For owners and admins, as long as the clinic keeps it.
    pub patient: Option<PatientOut>,
    pub patient_mask: String,
    pub created_at: String,
}

/// At most 200 appointments.
#[derive(Serialize, ToSchema)]
pub struct AppointmentsOut {
    pub appointments: Vec<AppointmentOut>,
}

#[derive(Deserialize)]
pub struct ListQuery {
    state: Option<String>,
}

/// The list that a word asks for; none for a word that means none.
pub fn which(word: Option<&str>) -> Option<Which> {
    match word.unwrap_or("upcoming") {
        "upcoming" => Some(Which::Upcoming),
        "past" => Some(Which::Past),
        "cancelled" => Some(Which::Cancelled),
        _ => None,
    }
}

fn out(opened: OpenedAppointment) -> AppointmentOut {
    let OpenedAppointment { row, patient } = opened;
    AppointmentOut {
        id: row.id.to_string(),
        call_id: row.call_id,
        service: row.service,
        practitioner: row.practitioner,
        starts_at: rfc3339(row.starts_at),
        ends_at: rfc3339(row.ends_at),
        status: row.status,
        reason: row.reason,
        patient: patient.map(|it| PatientOut { name: it.name, phone: it.phone, notes: it.text }),
        patient_mask: row.patient_mask,
        created_at: rfc3339(row.created_at),
    }
}

/// Lists appointments: `state` is `upcoming` (the default), `past` or `cancelled`.
#[utoipa::path(get, path = "/api/appointments", tag = "appointments",
    params(("state" = Option<String>, Query)),
    responses((status = 200, body = AppointmentsOut), (status = 422, body = Problem)))]
pub async fn list(
    admitted: Admitted,
    Query(query): Query<ListQuery>,
) -> Result<Json<AppointmentsOut>, HttpError> {
    let which = which(query.state.as_deref()).ok_or_else(|| {
        let message = "Use one of upcoming, past, cancelled.".to_owned();
        let fields = vec![FieldError { field: "state".to_owned(), message: message.clone() }];
        HttpError::invalid("invalid_fields", message, fields)
    })?;
    let found = appointment_list::list(&admitted.state.services, &admitted.caller, which, SHOWN).await?;
    Ok(Json(AppointmentsOut { appointments: found.into_iter().map(out).collect() }))
}

/// Cancels a booked appointment and takes it out of the calendar.
#[utoipa::path(post, path = "/api/appointments/{id}/cancel", tag = "appointments", params(("id" = String, Path)),
    responses((status = 200, body = AppointmentOut), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn cancel(admitted: Admitted, Path(id): Path<String>) -> Result<Json<AppointmentOut>, HttpError> {
    let id: Uuid = id.parse().map_err(|_| HttpError::not_found())?;
    let services = &admitted.state.services;
    let row = appointments::cancel(services, &admitted.caller, id).await?;
    let opened = appointment_list::open(services, admitted.caller.org(), vec![row], true).await;
    opened.into_iter().next().map(|one| Json(out(one))).ok_or_else(HttpError::not_found)
}
