//! Appointments: booked, moved, cancelled, each once.
//!
//! A row is committed before the calendar is asked, under an id from which the event's id is made; then
//! the calendar, then the result on the row together with the event for the clinic's endpoints. What
//! nobody knows the outcome of stays pending, and [`super::open_bookings`] asks the calendar later.

use jiff::Timestamp;
use uuid::Uuid;

use super::booking::{self, Booked, Booking, Unavailable};
use super::clinic::{ClinicFacts, moment, timestamp};
use super::owed::Claim;
use super::patients::{Patient, appointment_place, key_of};
use super::slots::{self, Slot};
use super::{CallError, open_bookings};
use crate::audit::Ended;
use crate::db::appointments::{self, AppointmentRow, End, NewAppointment};
use crate::db::{DbError, OrgTx, fresh_id};
use crate::domain::OrgId;
use crate::domain::clinic_plan::{Practitioner, Service};
use crate::integrations::{Caller, IntegrationError};
use crate::providers::Deadline;
use crate::providers::google::calendar::event_id;
use crate::state::Services;
use crate::webhooks::event_data::{self, Appointment, EventData, Rescheduled};
use crate::webhooks::outbound::{OutboundEvent, emit};

/// Seconds after which a pending booking has lost whoever made it.
pub const STALE_SECONDS: f64 = 60.0;

/// An appointment that a call wants.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    pub service: &'a Service,
    pub practitioner: Option<&'a Practitioner>,
    pub start: Timestamp,
    pub patient: Patient,
    pub call_id: &'a str,
    /// The appointment that it takes the place of.
    pub instead_of: Option<&'a AppointmentRow>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Booked(Slot),
    /// The same call has booked this very time before.
    WasBooked(Slot),
    /// Nobody is there then, or it is too early or too far ahead.
    Closed,
    /// Somebody was faster.
    Taken,
    /// The calendar could not be asked; surely nothing was booked.
    Unavailable(Unavailable),
    /// The appointment that it was to take the place of is not booked any more, so it was given back.
    Superseded,
    /// Nobody knows whether it is in the calendar. It is found out later.
    Unknown,
}

/// How it ended, and what the appointment owes from then on: a confirmation where it is booked, else a note
/// to the team where the caller does not hear of it.
#[derive(Debug)]
pub struct Concluded {
    /// An error where there is no calendar to ask, and where the database is away: nothing was booked then.
    pub outcome: Result<Outcome, CallError>,
    pub owed: Option<Claim>,
}

impl Concluded {
    const fn without_debt(outcome: Result<Outcome, CallError>) -> Self {
        Self { outcome, owed: None }
    }
}

/// Books an appointment.
pub async fn book(
    services: &Services,
    org: OrgId,
    facts: &ClinicFacts,
    wanted: &Wanted<'_>,
    deadline: Deadline,
) -> Concluded {
    match try_book(services, org, facts, wanted, deadline).await {
        Ok(concluded) => concluded,
        Err(error) => Concluded::without_debt(Err(error)),
    }
}

async fn try_book(
    services: &Services,
    org: OrgId,
    facts: &ClinicFacts,
    wanted: &Wanted<'_>,
    deadline: Deadline,
) -> Result<Concluded, CallError> {
    let now = timestamp(services.clock.now());
    let schedule = facts.schedule(wanted.practitioner);
    let day = facts.local(wanted.start).date();
    let wish = facts.wish(wanted.service, now, day, day, 1);
    let closed = || Ok(Concluded::without_debt(Ok(Outcome::Closed)));
    let Ok(end) = wanted.start.checked_add(wish.duration) else { return closed() };
    let slot = Slot { start: wanted.start, end };
    let days_ahead = facts.local(now).date().until(day).map(|span| span.get_days()).unwrap_or(i32::MAX);
    let is_near = i64::from(days_ahead) <= i64::from(facts.plan.days_ahead);
    if !is_near || !slots::fits(&schedule, &wish, &slot, &[]) {
        return closed();
    }
    let id: Uuid = fresh_id();
    let wide = |at: Timestamp, by: jiff::SignedDuration| at.checked_add(by).unwrap_or(at);
    let around = (wide(slot.start, -wish.buffer_before), wide(slot.end, wish.buffer_after));
    match take(services, org, id, wanted, &slot, around, deadline).await? {
        Place::Own => {}
        Place::Taken => return Ok(Concluded::without_debt(Ok(Outcome::Taken))),
        Place::WasBooked => return Ok(Concluded::without_debt(Ok(Outcome::WasBooked(slot)))),
    }
    let aside = booking::of_others(services, org, around, wanted.practitioner).await?;
    let title = if wanted.patient.name.is_empty() { "Patient" } else { &wanted.patient.name };
    let booking = Booking {
        id,
        slot,
        summary: format!("{}: {title}", wanted.service.name),
        description: description(wanted),
        instead_of: wanted.instead_of.map(slot_of),
        aside,
    };
    let booked = booking::book(services, org, &schedule, &wish, &booking, deadline).await;
    let (outcome, failed) = match booked {
        Ok(Booked::Done { .. }) => {
            // It stands in the calendar: a row that could not be ended is ended by the worker.
            return Ok(match record_booked(services, org, id).await {
                Ok(Recorded::Booked(owed)) => {
                    Concluded { outcome: Ok(Outcome::Booked(slot)), owed: Some(owed) }
                }
                Ok(Recorded::Superseded(owed)) => {
                    Concluded { outcome: Ok(Outcome::Superseded), owed: Some(owed) }
                }
                Ok(Recorded::Before) => Concluded::without_debt(Ok(Outcome::Unknown)),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, %org, appointment = %id, "a booking was not recorded");
                    Concluded::without_debt(Ok(Outcome::Unknown))
                }
            });
        }
        Ok(Booked::Unknown(_)) => return Ok(Concluded::without_debt(Ok(Outcome::Unknown))),
        Ok(Booked::Taken | Booked::Cancelled) => (Ok(Outcome::Taken), "The time was taken in the calendar."),
        Ok(Booked::Unavailable(why)) => (Ok(Outcome::Unavailable(why)), "The calendar could not be asked."),
        Err(error) => (Err(error.into()), "There was no calendar to ask."),
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let end = End::Failed { reason: failed, must_release: false };
    let number = appointments::finish(&mut tx, id, &end).await?;
    tx.commit().await?;
    Ok(Concluded { outcome, owed: number.map(|number| Claim { appointment: id, number }) })
}

fn description(wanted: &Wanted<'_>) -> String {
    let mut lines = Vec::new();
    if !wanted.patient.phone.is_empty() {
        lines.push(format!("Phone: {}", wanted.patient.phone));
    }
    if let Some(person) = wanted.practitioner {
        lines.push(format!("With: {}", person.name));
    }
    if !wanted.patient.text.is_empty() {
        lines.push(wanted.patient.text.clone());
    }
    lines.push("Booked by the telephone agent.".to_owned());
    lines.join("\n")
}

/// The time of an appointment.
pub fn slot_of(row: &AppointmentRow) -> Slot {
    Slot { start: timestamp(row.starts_at), end: timestamp(row.ends_at) }
}

enum Place {
    Own,
    Taken,
    WasBooked,
}

/// Takes the time in the database: whoever comes second finds the first one's row.
async fn take(
    services: &Services,
    org: OrgId,
    id: Uuid,
    wanted: &Wanted<'_>,
    slot: &Slot,
    around: (Timestamp, Timestamp),
    deadline: Deadline,
) -> Result<Place, CallError> {
    let sealed = wanted.patient.seal(services, &appointment_place(org, id)).await?;
    let key = key_of(services, org, &wanted.patient.phone).await?;
    let (mask, event) = (wanted.patient.mask(), event_id(id));
    let old = wanted.instead_of.map(|row| row.id);
    let new = NewAppointment {
        id,
        call_id: Some(wanted.call_id).filter(|id| !id.is_empty()),
        service: &wanted.service.name,
        practitioner: wanted.practitioner.map(|person| person.name.as_str()),
        starts_at: moment(slot.start),
        ends_at: moment(slot.end),
        sealed_patient: sealed.as_bytes(),
        key_version: sealed.key_version(),
        patient_mask: &mask,
        patient_key: key.as_ref().map(<[u8; 32]>::as_slice),
        calendar_event_id: &event,
        replaces: old,
    };
    // The second time is after an old booking in the way was found out about.
    for try_number in 0..2 {
        let mut tx = OrgTx::service(&services.pool, org).await?;
        appointments::lock(&mut tx).await?;
        // The same call asks for the same once more, however long it has talked since.
        if let Some(call) = new.call_id.filter(|_| old.is_none())
            && appointments::is_booked_by_call(&mut tx, call, new.starts_at, new.service).await?
        {
            tx.commit().await?;
            return Ok(Place::WasBooked);
        }
        let who = new.practitioner;
        let in_the_way =
            appointments::list_claimed(&mut tx, moment(around.0), moment(around.1), old, who).await?;
        if in_the_way.is_empty() {
            appointments::insert(&mut tx, &new).await?;
            tx.commit().await?;
            return Ok(Place::Own);
        }
        tx.commit().await?;
        let stale = in_the_way.iter().all(|row| row.status == "pending" && row.seconds > STALE_SECONDS);
        if try_number > 0 || !stale {
            return Ok(Place::Taken);
        }
        for row in in_the_way {
            open_bookings::settle_by_id(services, org, row.id, deadline).await?;
        }
    }
    Ok(Place::Taken)
}

/// What became of a booking that stands in the calendar.
pub(super) enum Recorded {
    Booked(Claim),
    /// What it was to take the place of is not booked any more. It has failed, and its event is to go.
    Superseded(Claim),
    /// Somebody has ended it before.
    Before,
}

/// Ends a pending appointment as booked, ends the one that it replaces, and tells the clinic's endpoints:
/// all of it or nothing. Of two that were to replace the same one, the second is given back.
pub(super) async fn record_booked(services: &Services, org: OrgId, id: Uuid) -> Result<Recorded, CallError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let Some(row) = appointments::lock_pending(&mut tx, id).await? else {
        tx.commit().await?;
        return Ok(Recorded::Before);
    };
    let old = match row.replaces {
        Some(old) => {
            let call = row.call_id.as_deref();
            appointments::cancel(&mut tx, old, "Moved to another time.", call).await?
        }
        None => None,
    };
    if row.replaces.is_some() && old.is_none() {
        let end = End::Failed { reason: SUPERSEDED, must_release: true };
        let number = appointments::finish(&mut tx, id, &end).await?.ok_or(DbError::NotFound)?;
        tx.commit().await?;
        release_later(services, org, id);
        return Ok(Recorded::Superseded(Claim { appointment: id, number }));
    }
    let number = appointments::finish(&mut tx, id, &End::Booked).await?.ok_or(DbError::NotFound)?;
    let appointment = event_data(services, org, &row, "booked").await?;
    let data = match row.replaces {
        None => EventData::AppointmentBooked(appointment),
        Some(_) => EventData::AppointmentRescheduled(Rescheduled {
            appointment,
            previous_appointment_id: old.as_ref().map(|old| old.id),
            previous_starts_at: old.as_ref().map(|old| timestamp(old.starts_at).to_string()),
        }),
    };
    emit(&mut tx, &services.vault, &OutboundEvent::of(&data, "call")).await?;
    tx.commit().await?;
    if let Some(old) = old {
        release_later(services, org, old.id);
    }
    Ok(Recorded::Booked(Claim { appointment: id, number }))
}

/// Why an appointment was given back that was to take the place of another one.
const SUPERSEDED: &str = "The appointment that was to be moved had been moved or cancelled before.";

async fn event_data(
    services: &Services,
    org: OrgId,
    row: &AppointmentRow,
    status: &str,
) -> Result<Appointment, CallError> {
    let place = appointment_place(org, row.id);
    let patient = Patient::open(services, &place, row.sealed_patient.as_ref()).await?.unwrap_or_default();
    Ok(Appointment {
        appointment_id: row.id,
        call_id: row.call_id.clone(),
        service: row.service.clone(),
        practitioner: row.practitioner.clone(),
        starts_at: timestamp(row.starts_at).to_string(),
        ends_at: timestamp(row.ends_at).to_string(),
        status: status.to_owned(),
        patient: event_data::Patient { name: patient.name, phone: patient.phone },
    })
}

/// Cancels an appointment in the name of a call. None where it is not booked any more.
pub async fn cancel_in_call(
    services: &Services,
    org: OrgId,
    id: Uuid,
    call_id: &str,
) -> Result<Option<AppointmentRow>, CallError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let call = Some(call_id).filter(|id| !id.is_empty());
    let Some(row) = appointments::cancel(&mut tx, id, "Cancelled by the caller.", call).await? else {
        tx.commit().await?;
        return Ok(None);
    };
    let mut data = event_data(services, org, &row, "cancelled").await?;
    // The call in which it happened, as with every other event, and not the one that booked.
    data.call_id = call.map(str::to_owned);
    let data = EventData::AppointmentCancelled(data);
    emit(&mut tx, &services.vault, &OutboundEvent::of(&data, "call")).await?;
    tx.commit().await?;
    release_later(services, org, id);
    Ok(Some(row))
}

/// Cancels an appointment for somebody of the clinic.
///
/// # Errors
/// `Conflict` where it is not booked.
pub async fn cancel(services: &Services, caller: &Caller, id: Uuid) -> Result<AppointmentRow, CallError> {
    let target = id.to_string();
    caller.require_configure(services, "appointment.cancelled", &target).await?;
    let mut tx = caller.begin(services).await?;
    let Some(row) = appointments::cancel(&mut tx, id, "Cancelled by the clinic.", None).await? else {
        appointments::find(&mut tx, id).await?.ok_or(DbError::NotFound)?;
        tx.commit().await?;
        let message = "This appointment is not booked, so there is nothing to cancel.";
        return Err(CallError::Conflict { code: "not_booked", message });
    };
    let data = EventData::AppointmentCancelled(event_data(services, caller.org(), &row, "cancelled").await?);
    emit(&mut tx, &services.vault, &OutboundEvent::of(&data, caller.actor())).await?;
    caller.record(&mut tx, services, "appointment.cancelled", &target, Ended::Success, "").await?;
    tx.commit().await.map_err(IntegrationError::from)?;
    release_later(services, caller.org(), id);
    Ok(row)
}

/// Takes the event of a cancelled appointment out of the calendar. Nobody waits for it: the worker does
/// it where this fails.
fn release_later(services: &Services, org: OrgId, id: Uuid) {
    let Some(services) = services.shared() else { return };
    tokio::spawn(async move {
        let deadline = Deadline::after(std::time::Duration::from_secs(20));
        if let Err(error) = open_bookings::release(&services, org, id, deadline).await {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, appointment = %id, "an event is still in the calendar");
        }
    });
}

/// The appointments to come of whoever calls: by their number, and those of this call.
pub(super) async fn list_of_caller(
    services: &Services,
    org: OrgId,
    phone: Option<&str>,
    call_id: &str,
) -> Result<Vec<AppointmentRow>, CallError> {
    let key = match phone {
        Some(phone) => key_of(services, org, phone).await?,
        None => None,
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let key = key.as_ref().map(<[u8; 32]>::as_slice);
    let rows = appointments::list_of_patient(&mut tx, key, call_id, services.clock.now()).await?;
    tx.commit().await?;
    Ok(rows)
}
