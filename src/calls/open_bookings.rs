//! Appointments that were left open: bookings that nobody knows the outcome of, and cancelled ones whose
//! event is still in the calendar. The calendar is asked for our own id; only its answer ends them.

use std::time::Duration;

use uuid::Uuid;

use super::appointments::{STALE_SECONDS, record_booked, slot_of};
use super::clinic::ClinicFacts;
use super::notes::{self, NoteKind};
use super::patients::{Patient, appointment_place};
use super::{CallError, booking, confirm};
use crate::db::appointments::{self, AppointmentRow};
use crate::db::{OrgTx, schedules};
use crate::domain::OrgId;
use crate::providers::Deadline;
use crate::state::Services;

/// Open appointments of one clinic that are looked at in one go.
const BATCH: i64 = 20;
/// How long the calendar may take for one of them.
const WAIT: Duration = Duration::from_secs(10);
/// A calendar that could not be asked for this long is not waited for any more.
const GIVE_UP: time::Duration = time::Duration::hours(24);

/// Looks at the open appointments of a clinic. What the calendar does not tell stays open.
pub async fn settle(services: &Services, org: OrgId) -> Result<(), CallError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let rows = appointments::list_open(&mut tx, STALE_SECONDS, BATCH).await?;
    tx.commit().await?;
    for row in rows {
        settle_one(services, org, &row, Deadline::after(WAIT)).await?;
    }
    Ok(())
}

/// Looks at one that stands in the way of another booking.
pub(super) async fn settle_by_id(
    services: &Services,
    org: OrgId,
    id: Uuid,
    deadline: Deadline,
) -> Result<(), CallError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let row = appointments::find(&mut tx, id).await?;
    tx.commit().await?;
    match row {
        Some(row) => settle_one(services, org, &row, deadline).await,
        None => Ok(()),
    }
}

async fn settle_one(
    services: &Services,
    org: OrgId,
    row: &AppointmentRow,
    deadline: Deadline,
) -> Result<(), CallError> {
    if row.status != "pending" {
        return release(services, org, row.id, deadline).await;
    }
    let found = booking::is_there(services, org, row.id, deadline).await;
    let failed = match found {
        Ok(Ok(true)) => {
            if record_booked(services, org, row.id).await? {
                tell_patient(services, org, row).await?;
            }
            return Ok(());
        }
        Ok(Ok(false)) => "The booking did not reach the calendar.",
        _ if services.clock.now() - row.created_at > GIVE_UP => {
            "The calendar could not be asked for a day. Look into it before you call back."
        }
        _ => {
            let mut tx = OrgTx::service(&services.pool, org).await?;
            appointments::put_off(&mut tx, row.id).await?;
            return Ok(tx.commit().await?);
        }
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let is_ours = appointments::finish(&mut tx, row.id, "failed", Some(failed)).await?;
    tx.commit().await?;
    if is_ours {
        // The caller was told that a confirmation follows, and none will: a person has to call.
        follow_up(services, org, row, failed).await?;
    }
    Ok(())
}

/// Takes the event of a cancelled appointment out of the calendar.
pub(super) async fn release(
    services: &Services,
    org: OrgId,
    id: Uuid,
    deadline: Deadline,
) -> Result<(), CallError> {
    let taken_out = booking::cancel(services, org, id, deadline).await;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    match taken_out {
        Ok(Ok(())) => appointments::mark_released(&mut tx, id).await?,
        _ => appointments::put_off(&mut tx, id).await?,
    }
    Ok(tx.commit().await?)
}

async fn patient_of(services: &Services, org: OrgId, row: &AppointmentRow) -> Result<Patient, CallError> {
    let place = appointment_place(org, row.id);
    Ok(Patient::open(services, &place, row.sealed_patient.as_ref()).await?.unwrap_or_default())
}

async fn tell_patient(services: &Services, org: OrgId, row: &AppointmentRow) -> Result<(), CallError> {
    let patient = patient_of(services, org, row).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let facts = ClinicFacts::of(schedules::find_for_call(&mut tx, None).await?);
    tx.commit().await?;
    let text = confirm::text(&facts, &row.service, &slot_of(row), row.replaces.is_some());
    let call = row.call_id.as_deref().unwrap_or_default();
    confirm::send(services, org, call, &patient.phone, &text, Deadline::after(WAIT)).await;
    Ok(())
}

/// Leaves the team a note about a booking that a caller believes in.
pub(super) async fn follow_up(
    services: &Services,
    org: OrgId,
    row: &AppointmentRow,
    why: &str,
) -> Result<(), CallError> {
    let mut patient = patient_of(services, org, row).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let zone = schedules::find(&mut tx).await.map(|found| found.time_zone);
    tx.commit().await?;
    let zone = super::clinic::zone(&zone.map_err(CallError::from)?);
    let at = slot_of(row).start.to_zoned_datetime(zone).strftime("%A, %-d %B %Y at %H:%M").to_string();
    patient.text = format!("{} on {at} was wanted and is not booked. {why}", row.service);
    let call = row.call_id.as_deref().unwrap_or_default();
    notes::take(services, org, call, NoteKind::FollowUp, &patient).await?;
    Ok(())
}
