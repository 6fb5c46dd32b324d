//! What a booking owes when it has ended: a confirmation to the patient, or a note to the team.
//!
//! The debt is written with the end of the booking and taken out when it is paid, each in one transaction.
//! Whoever ends a booking pays at once; where its process dies, a worker does. A confirmation's message has
//! a row before anybody is asked, tied to the appointment: with it, whoever comes later sees that the patient
//! was told, or that nobody knows, and sends nothing.

use std::time::Duration;

use uuid::Uuid;

use super::appointments::slot_of;
use super::clinic::{ClinicFacts, zone};
use super::confirm::{self, Confirmation, Telling};
use super::notes::{self, NoteKind};
use super::patients::{Patient, appointment_place};
use super::{CallError, NoteText};
use crate::db::appointments::AppointmentRow;
use crate::db::owed::{self, Claimed, Owed};
use crate::db::{OrgTx, schedules};
use crate::domain::OrgId;
use crate::providers::Deadline;
use crate::state::Services;

/// What is taken up in one go.
const BATCH: i64 = 20;
/// How long the senders have for one confirmation.
const WAIT: Duration = Duration::from_secs(20);
/// After so many claims the team is told instead.
const MOST_CLAIMS: i32 = 5;

/// A claim on what an appointment owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub appointment: Uuid,
    /// Which claim it is; see `db::owed`.
    pub number: i32,
}

/// Notes that nothing is owed any more. Where that fails, a worker takes it up and finds out.
pub(super) async fn settle(services: &Services, org: OrgId, claim: Claim) {
    let settled = async {
        let mut tx = OrgTx::service(&services.pool, org).await?;
        owed::settle(&mut tx, claim.appointment, claim.number).await?;
        tx.commit().await
    };
    if let Err(error) = settled.await {
        tracing::warn!(error = &error as &dyn std::error::Error, %org, appointment = %claim.appointment, "what an appointment owes is left to a worker");
    }
}

/// Leaves a confirmation that surely did not go out to a worker.
pub(super) async fn give_back(services: &Services, org: OrgId, claim: Claim) {
    let given = async {
        let mut tx = OrgTx::service(&services.pool, org).await?;
        owed::give_back(&mut tx, claim.appointment, claim.number).await?;
        tx.commit().await
    };
    if let Err(error) = given.await {
        // Its time runs out, and then a worker takes it.
        tracing::warn!(error = &error as &dyn std::error::Error, %org, appointment = %claim.appointment, "a confirmation was not given back");
    }
}

/// Leaves the team a note in place of what is owed: both, or nothing where the claim holds no more.
pub(super) async fn note_instead(
    services: &Services,
    org: OrgId,
    claim: Claim,
    call_id: &str,
    patient: &Patient,
) -> Result<(), CallError> {
    let note = notes::prepare(services, org, call_id, NoteKind::FollowUp, patient).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    if owed::settle(&mut tx, claim.appointment, claim.number).await? {
        note.insert(&mut tx, services).await?;
    }
    Ok(tx.commit().await?)
}

/// Pays what a clinic's appointments owe and nobody is at.
///
/// # Errors
/// Where the database is away; what is owed stays owed.
pub(super) async fn work_off(services: &Services, org: OrgId) -> Result<(), CallError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let all = owed::claim(&mut tx, BATCH).await?;
    tx.commit().await?;
    for claimed in all {
        pay(services, org, claimed).await?;
    }
    Ok(())
}

/// Pays what one appointment owes.
pub(super) async fn pay(services: &Services, org: OrgId, claimed: Claimed) -> Result<(), CallError> {
    let Claimed { row, owed, claim } = claimed;
    let claim = Claim { appointment: row.id, number: claim };
    let call = row.call_id.clone().unwrap_or_default();
    let why = match owed {
        Owed::FollowUp => NoteText::Unbooked(row.reason.clone().unwrap_or_default()),
        // Over, or emptied by the clinic's retention: there is nothing to tell any more.
        Owed::Confirmation if row.sealed_patient.is_none() || services.clock.now() > row.starts_at => {
            settle(services, org, claim).await;
            return Ok(());
        }
        Owed::Confirmation => match confirm(services, org, &row, claim).await? {
            Confirmation::Sent | Confirmation::Unknown => {
                settle(services, org, claim).await;
                return Ok(());
            }
            // The claim runs out, and then it is tried again.
            Confirmation::NotYet if claim.number < MOST_CLAIMS => return Ok(()),
            Confirmation::NotYet | Confirmation::NotSent => NoteText::NotTold,
        },
    };
    let patient = about(services, org, &row, &why).await?;
    note_instead(services, org, claim, &call, &patient).await
}

async fn confirm(
    services: &Services,
    org: OrgId,
    row: &AppointmentRow,
    claim: Claim,
) -> Result<Confirmation, CallError> {
    let patient = patient_of(services, org, row).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let facts = ClinicFacts::of(schedules::find_for_call(&mut tx, None).await?);
    tx.commit().await?;
    let text = confirm::text(&facts, &row.service, &slot_of(row), row.replaces.is_some());
    let call_id = row.call_id.as_deref().unwrap_or_default();
    let telling = Telling { claim, call_id, phone: &patient.phone, text: &text };
    Ok(confirm::send(services, org, &telling, Deadline::after(WAIT)).await)
}

async fn patient_of(services: &Services, org: OrgId, row: &AppointmentRow) -> Result<Patient, CallError> {
    let place = appointment_place(org, row.id);
    Ok(Patient::open(services, &place, row.sealed_patient.as_ref()).await?.unwrap_or_default())
}

/// The patient of an appointment, with what the team is to know.
pub(super) async fn about(
    services: &Services,
    org: OrgId,
    row: &AppointmentRow,
    why: &NoteText,
) -> Result<Patient, CallError> {
    let mut patient = patient_of(services, org, row).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let name = schedules::find(&mut tx).await?.time_zone;
    tx.commit().await?;
    let at = slot_of(row).start.to_zoned_datetime(zone(&name)).strftime("%A, %-d %B %Y at %H:%M").to_string();
    patient.text = why.sentence(&row.service, &at);
    Ok(patient)
}
