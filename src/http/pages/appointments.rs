//! `/dashboard/appointments`: appointments by state, notes for the team, and the same as CSV.

use axum::extract::{Query, State};
use axum::response::{Html, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::{Page, millis};
use crate::app::NavItem;
use crate::app::pages::appointments::{
    AppointmentLine, AppointmentStatus, AppointmentsView, PatientLines, appointments_page,
};
use crate::app::pages::notes::{NoteKind, NoteLine, NoteText};
use crate::audit::{self, Ended, Entry};
use crate::calls::appointment_list::{self, OpenedAppointment, SHOWN};
use crate::calls::appointments::slot_of;
use crate::calls::clinic::zone;
use crate::calls::notes::{self, OpenedNote};
use crate::db::appointments::{self as rows, AppointmentRow, Which};
use crate::db::{notes as note_rows, schedules};
use crate::domain::csv;
use crate::http::api::appointments::which;
use crate::http::csv::download;
use crate::http::error::HttpError;
use crate::http::extract::Visitor;
use crate::integrations::IntegrationError;
use crate::state::AppState;

/// Appointments in one part of the file.
const EXPORTED: i64 = 10_000;

#[derive(Deserialize)]
pub struct PageQuery {
    state: Option<String>,
    /// The appointment whose patient is shown; `notes` shows what the notes say.
    open: Option<String>,
    /// In the file: the last appointment of the part before.
    before: Option<String>,
}

const fn word(which: Which) -> &'static str {
    match which {
        Which::Upcoming => "upcoming",
        Which::Past => "past",
        Which::Cancelled => "cancelled",
    }
}

/// The page.
pub async fn show(mut page: Page, Query(query): Query<PageQuery>) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let services = page.state.services.clone();
    let (org, can_configure) = (page.scope.org, page.can_configure());
    // A state that nobody knows is the usual one: a page has no fields to be wrong.
    let state = which(query.state.as_deref()).unwrap_or(Which::Upcoming);
    let list = rows::list(&mut page.tx, state, services.clock.now(), SHOWN, None).await?;
    let zone_name = schedules::find(&mut page.tx).await?.time_zone;
    let time_zone = zone(&zone_name);
    let taken = note_rows::list(&mut page.tx, notes::SHOWN).await?;
    let asked: Option<Uuid> = query.open.as_deref().and_then(|id| id.parse().ok()).filter(|_| can_configure);
    let wanted: Vec<AppointmentRow> = list.iter().filter(|row| Some(row.id) == asked).cloned().collect();
    let opened = appointment_list::open(&services, org, wanted, can_configure).await.into_iter().next();
    if let Some(opened) = &opened {
        let entry = Entry {
            actor: page.scope.actor(),
            action: "appointment.opened",
            target: opened.row.id.to_string(),
            ended: Ended::Success,
            details: String::new(),
        };
        let origin = page.origin.clone();
        audit::append(&mut page.tx, &services.vault, &services.clock, &origin, entry).await?;
    }
    let opens_notes = can_configure && query.open.as_deref() == Some("notes");
    let notes = notes::open(&services, org, taken, opens_notes).await;
    let opened_notes = notes.iter().filter(|note| note.patient.is_some()).count();
    if opened_notes > 0 {
        let entry = Entry {
            actor: page.scope.actor(),
            action: notes::OPENED,
            target: "notes".to_owned(),
            ended: Ended::Success,
            details: format!("{opened_notes} notes"),
        };
        let origin = page.origin.clone();
        audit::append(&mut page.tx, &services.vault, &services.clock, &origin, entry).await?;
    }
    let patient = opened.and_then(|opened| Some((opened.row.id, opened.patient?)));
    let view = AppointmentsView {
        org,
        now: page.now(),
        can_configure,
        may_ask,
        state: word(state),
        time_zone: zone_name,
        is_cut: list.len() as i64 == SHOWN,
        appointments: list
            .into_iter()
            .map(|row| {
                let own = patient.as_ref().filter(|(id, _)| *id == row.id);
                let opened = own.map(|(_, patient)| PatientLines {
                    name: patient.name.clone(),
                    phone: patient.phone.clone(),
                    notes: patient.text.clone(),
                });
                line(row, &time_zone, opened)
            })
            .collect(),
        are_notes_open: opens_notes,
        notes: notes.into_iter().map(note).collect(),
    };
    page.draw("Appointments", NavItem::Appointments, || appointments_page(view)).await
}

/// The time of an appointment by the clinic's clock.
pub(super) fn when(row: &AppointmentRow, zone: &jiff::tz::TimeZone) -> String {
    let slot = slot_of(row);
    let (start, end) = (slot.start.to_zoned_datetime(zone.clone()), slot.end.to_zoned_datetime(zone.clone()));
    format!("{} to {}", start.strftime("%a %-d %b %Y, %H:%M"), end.strftime("%H:%M"))
}

fn line(row: AppointmentRow, zone: &jiff::tz::TimeZone, opened: Option<PatientLines>) -> AppointmentLine {
    AppointmentLine {
        id: row.id.to_string(),
        when: when(&row, zone),
        status: AppointmentStatus::parse(&row.status),
        service: row.service,
        practitioner: row.practitioner,
        patient_mask: row.patient_mask,
        opened,
        reason: row.reason,
        ended_call_id: row.ended_call_id.filter(|ended| Some(ended) != row.call_id.as_ref()),
        call_id: row.call_id,
    }
}

fn note(opened: OpenedNote) -> NoteLine {
    NoteLine {
        id: opened.row.id.to_string(),
        kind: match opened.row.kind.as_str() {
            "callback" => NoteKind::CallBack,
            "follow_up" => NoteKind::FollowUp,
            _ => NoteKind::Message,
        },
        caller_mask: opened.row.caller_mask,
        text: opened.patient.map(|it| NoteText { name: it.name, phone: it.phone, message: it.text }),
        at: millis(opened.row.created_at),
        is_done: opened.row.done_at.is_some(),
    }
}

/// `GET /dashboard/appointments/export`: the same list as CSV. Patients are named for owners and admins,
/// which stands in the trail.
pub async fn export(
    State(state): State<AppState>,
    visitor: Visitor,
    Query(query): Query<PageQuery>,
) -> Result<Response, HttpError> {
    let services = &state.services;
    let caller = visitor.caller(&state, None).await?;
    let which = which(query.state.as_deref()).unwrap_or(Which::Upcoming);
    let behind = query.before.as_deref().and_then(|id| id.parse().ok());
    // One more tells whether there is another part.
    let mut list = appointment_list::list_behind(services, &caller, which, EXPORTED + 1, behind).await?;
    let has_more = list.len() as i64 > EXPORTED;
    list.truncate(EXPORTED as usize);
    let next = list
        .last()
        .filter(|_| has_more)
        .map(|last| format!("/dashboard/appointments/export?state={}&before={}", word(which), last.row.id));
    let mut tx = caller.begin(services).await?;
    let zone = zone(&schedules::find(&mut tx).await?.time_zone);
    let details = format!("{} {}", list.len(), word(which));
    caller.record(&mut tx, services, "appointments.exported", "csv", Ended::Success, &details).await?;
    tx.commit().await.map_err(IntegrationError::from)?;
    let heads = [
        "Id",
        "Starts",
        "Ends",
        "Service",
        "Practitioner",
        "Status",
        "Patient",
        "Phone",
        "Notes",
        "Reason",
        "Call",
    ];
    let rows = list.into_iter().map(|OpenedAppointment { row, patient }| {
        let slot = slot_of(&row);
        let local =
            |at: jiff::Timestamp| at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
        let (name, phone, notes) = match patient {
            Some(patient) => (patient.name, patient.phone, patient.text),
            None => (row.patient_mask, String::new(), String::new()),
        };
        vec![
            row.id.to_string(),
            local(slot.start),
            local(slot.end),
            row.service,
            row.practitioner.unwrap_or_default(),
            row.status,
            name,
            phone,
            notes,
            row.reason.unwrap_or_default(),
            row.call_id.unwrap_or_default(),
        ]
    });
    Ok(download("appointments.csv", csv::document(&heads, rows), next))
}
