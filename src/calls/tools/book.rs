//! `book_appointment`: one booking, confirmed to the patient by message.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::arguments::When;
use super::{Context, EFFECT, Ended, RESERVE, fallback};
use crate::calls::CallError;
use crate::calls::appointments::{self, Outcome, Wanted};
use crate::calls::clinic::timestamp;
use crate::calls::confirm::{self, Confirmation};
use crate::calls::notes::{self, NoteKind};
use crate::calls::patients::Patient;
use crate::calls::slots::Slot;
use crate::providers::Deadline;

/// How long the answer waits for the sender of the confirmation. It goes on without the answer.
const CONFIRM: Duration = Duration::from_millis(1200);

/// The arguments that say when.
pub(super) const START: [&str; 7] = ["start", "startsAt", "dateTime", "datetime", "slot", "newStart", "date"];

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let (facts, call) = (context.facts, context.call);
    let service = match facts.service(call.text(&["service", "serviceName", "reason"])) {
        Ok(service) => service,
        Err(sentence) => return Ended::failed(sentence),
    };
    let practitioner = match facts.practitioner(service, call.text(&["practitioner", "doctor", "with"])) {
        Ok(practitioner) => practitioner,
        Err(sentence) => return Ended::failed(sentence),
    };
    let start = match start(context) {
        Ok(start) => start,
        Err(ended) => return ended,
    };
    let name = call.text(&["name", "patientName", "fullName", "customerName"]);
    let patient = Patient::of(name, context.phone(), call.text(&["notes", "note", "reason"]));
    if patient.name.is_empty() {
        return Ended::failed("I need the patient's name to book an appointment.");
    }
    let wanted = Wanted { service, practitioner, start, patient, call_id: context.call_id, instead_of: None };
    let outcome =
        appointments::book(context.services, context.org, facts, &wanted, Deadline::after(EFFECT)).await;
    conclude(context, &wanted, outcome).await
}

/// When the appointment shall begin.
pub(super) fn start(context: &Context<'_>) -> Result<Timestamp, Ended> {
    let now = timestamp(context.services.clock.now());
    match context.call.when(&START, &context.facts.local(now)) {
        Some(When::Moment(at)) => Ok(at),
        Some(When::Day(day)) => {
            Err(Ended::failed(format!("I need the time on {day} at which it shall begin.")))
        }
        None => {
            Err(Ended::failed("I need to know the day and the time at which the appointment shall begin."))
        }
    }
}

/// What is said about how a booking ended, and what else is to be done about it.
pub(super) async fn conclude(
    context: &Context<'_>,
    wanted: &Wanted<'_>,
    outcome: Result<Outcome, CallError>,
) -> Ended {
    let facts = context.facts;
    let ended = match outcome {
        Ok(Outcome::Booked(slot)) => return booked(context, wanted, &slot).await,
        Ok(Outcome::WasBooked(slot)) => {
            return Ended::done(format!("That is booked already: {}.", facts.spoken(slot.start)));
        }
        // It is found out about by itself, and the patient or the team hears of it then.
        Ok(Outcome::Unknown) => return Ended::parked(),
        Ok(Outcome::Closed) => Ended::failed(format!(
            "{} is outside of what can be booked. Use check_availability for times that are free.",
            facts.spoken(wanted.start)
        )),
        Ok(Outcome::Taken) => Ended::failed(format!(
            "{} is no longer free. Use check_availability for another time.",
            facts.spoken(wanted.start)
        )),
        Ok(Outcome::Unavailable(why)) => {
            tracing::warn!(org = %context.org, why = %why.why.sentence, "a calendar could not be asked during a call");
            Ended::failed(fallback::calendar_down(context).await)
        }
        // Whatever it was, nothing was booked.
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, org = %context.org, "nothing could be booked during a call");
            Ended::failed(fallback::calendar_down(context).await)
        }
    };
    if context.is_late() {
        // The caller was told that a message follows, and none will: a person has to call.
        let mut patient = wanted.patient.clone();
        let at = facts.spoken(wanted.start);
        patient.text =
            format!("{} on {at} was wanted and is not booked. {}", wanted.service.name, patient.text);
        let noted =
            notes::take(context.services, context.org, context.call_id, NoteKind::FollowUp, &patient).await;
        if let Err(error) = noted {
            tracing::error!(error = &error as &dyn std::error::Error, org = %context.org, "a booking that failed late was not noted");
        }
    }
    ended
}

async fn booked(context: &Context<'_>, wanted: &Wanted<'_>, slot: &Slot) -> Ended {
    let is_moved = wanted.instead_of.is_some();
    let (services, org) = (context.services.clone(), context.org);
    let text = confirm::text(context.facts, &wanted.service.name, slot, is_moved);
    let (phone, call) = (wanted.patient.phone.clone(), context.call_id.to_owned());
    let sending = tokio::spawn(async move {
        confirm::send(&services, org, &call, &phone, &text, Deadline::after(EFFECT)).await
    });
    let left = context.about.until.saturating_duration_since(Instant::now()).saturating_sub(RESERVE);
    let confirmation = match tokio::time::timeout(left.min(CONFIRM), sending).await {
        Ok(Ok(confirmation)) => confirmation,
        Ok(Err(_)) => Confirmation::NotSent,
        Err(_) => Confirmation::Unknown,
    };
    let what = if is_moved { "The appointment has moved to" } else { "The appointment is booked for" };
    let at = context.facts.spoken(slot.start);
    let more = match confirmation {
        Confirmation::Sent => " A message with the details is on its way.",
        Confirmation::Unknown => " I am sending a message with the details.",
        Confirmation::NotSent => " Please note it down: I can not send a message with the details.",
    };
    Ended::done(format!("{what} {at}.{more}"))
}
