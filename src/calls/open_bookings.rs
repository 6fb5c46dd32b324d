//! Appointments that were left open: bookings that nobody knows the outcome of, and cancelled ones whose
//! event is still in the calendar. The calendar is asked for our own id; only its answer ends them.

use std::time::Duration;

use uuid::Uuid;

use super::appointments::{Recorded, STALE_SECONDS, record_booked};
use super::notes::{self, NoteKind};
use super::{CallError, NoteText, booking, owed};
use crate::db::OrgTx;
use crate::db::appointments::{self, AppointmentRow, End};
use crate::db::owed::{Claimed, Owed};
use crate::domain::OrgId;
use crate::providers::Deadline;
use crate::state::Services;

/// Open appointments of one clinic that are looked at in one go.
const BATCH: i64 = 20;
/// How long the calendar may take for one of them.
const WAIT: Duration = Duration::from_secs(10);
/// A calendar that could not be asked for this long is not waited for any more.
const GIVE_UP: time::Duration = time::Duration::hours(24);

/// How often an event that is to go is tried to be taken out: about a day.
const MOST_LOOKS: i32 = 17;

/// Looks at the open appointments of a clinic, and at what the ended ones owe. What the calendar does not
/// tell stays open.
pub async fn settle(services: &Services, org: OrgId) -> Result<(), CallError> {
    // First, since no calendar is needed for it: one that is away keeps no patient waiting.
    owed::work_off(services, org).await?;
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
            let (owed, claim) = match record_booked(services, org, row.id).await? {
                Recorded::Booked(claim) => (Owed::Confirmation, claim),
                Recorded::Superseded(claim) => (Owed::FollowUp, claim),
                Recorded::Before => return Ok(()),
            };
            return pay(services, org, row.id, owed, claim.number).await;
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
    let end = End::Failed { reason: failed, must_release: false };
    let claim = appointments::finish(&mut tx, row.id, &end).await?;
    tx.commit().await?;
    match claim {
        // The caller was told that a confirmation follows, and none will: a person has to call.
        Some(claim) => pay(services, org, row.id, Owed::FollowUp, claim).await,
        None => Ok(()),
    }
}

/// Pays at once what a booking owes that was just ended here.
async fn pay(services: &Services, org: OrgId, id: Uuid, owed: Owed, claim: i32) -> Result<(), CallError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let row = appointments::find(&mut tx, id).await?;
    tx.commit().await?;
    match row {
        Some(row) => owed::pay(services, org, Claimed { row, owed, claim }).await,
        None => Ok(()),
    }
}

/// Takes the event of a cancelled appointment out of the calendar. After [`MOST_LOOKS`] in vain the team
/// is told to do it.
pub(super) async fn release(
    services: &Services,
    org: OrgId,
    id: Uuid,
    deadline: Deadline,
) -> Result<(), CallError> {
    let taken_out = booking::cancel(services, org, id, deadline).await;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let row = appointments::find(&mut tx, id).await?;
    if matches!(taken_out, Ok(Ok(()))) {
        appointments::mark_released(&mut tx, id).await?;
        return Ok(tx.commit().await?);
    }
    let Some(row) = row.filter(|row| row.must_release && row.looks >= MOST_LOOKS) else {
        appointments::put_off(&mut tx, id).await?;
        return Ok(tx.commit().await?);
    };
    // Sealing may need another connection.
    tx.commit().await?;
    let patient = owed::about(services, org, &row, &NoteText::NotReleased).await?;
    let call = row.call_id.as_deref().unwrap_or_default();
    let note = notes::prepare(services, org, call, NoteKind::FollowUp, &patient).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    if appointments::mark_released(&mut tx, id).await? {
        note.insert(&mut tx, services).await?;
    }
    Ok(tx.commit().await?)
}
