//! `book_appointment`: one booking, confirmed to the patient by message.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::arguments::When;
use super::{Context, EFFECT, Ended, RESERVE, fallback};
use crate::calls::NoteText;
use crate::calls::appointments::{self, Concluded, Outcome, Wanted};
use crate::calls::clinic::timestamp;
use crate::calls::confirm::{self, Confirmation, Telling};
use crate::calls::owed::{self, Claim};
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
        Err(sentence) => return Ended::failed(sentence),
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

/// When the appointment shall begin, or what to say where that was not understood.
pub(super) fn start(context: &Context<'_>) -> Result<Timestamp, String> {
    let now = timestamp(context.services.clock.now());
    match context.call.when(&START, &context.facts.local(now)) {
        Some(When::Moment(at)) => Ok(at),
        Some(When::Day(day)) => Err(format!("I need the time on {day} at which it shall begin.")),
        None => Err("I need to know the day and the time at which the appointment shall begin.".to_owned()),
    }
}

/// What is said about how a booking ended, and what else is to be done about it.
pub(super) async fn conclude(context: &Context<'_>, wanted: &Wanted<'_>, concluded: Concluded) -> Ended {
    let facts = context.facts;
    let Concluded { outcome, owed } = concluded;
    let sentence = match outcome {
        Ok(Outcome::Booked(slot)) => return booked(context, wanted, &slot, owed).await,
        Ok(Outcome::WasBooked(slot)) => {
            return Ended::done(format!("That is booked already: {}.", facts.spoken(slot.start)));
        }
        // It is found out about by itself, and the patient or the team hears of it then.
        Ok(Outcome::Unknown) => return Ended::parked(),
        Ok(Outcome::Closed) => format!(
            "{} is outside of what can be booked. Use check_availability for times that are free.",
            facts.spoken(wanted.start)
        ),
        Ok(Outcome::Taken) => format!(
            "{} is no longer free. Use check_availability for another time.",
            facts.spoken(wanted.start)
        ),
        Ok(Outcome::Superseded) => format!(
            "That appointment had been moved or cancelled before, so nothing was booked for {}. Ask which appointment is meant.",
            facts.spoken(wanted.start)
        ),
        Ok(Outcome::Unavailable(why)) => {
            tracing::warn!(org = %context.org, why = %why.why.sentence, "a calendar could not be asked during a call");
            fallback::calendar_down(context).await
        }
        // Whatever it was, nothing was booked.
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, org = %context.org, "nothing could be booked during a call");
            fallback::calendar_down(context).await
        }
    };
    let (service, at) = (&wanted.service.name, facts.spoken(wanted.start));
    let why = wanted.patient.text.clone();
    Ended::failed(sentence).or_note(noting(wanted, NoteText::Unbooked(why).sentence(service, &at)), owed)
}

/// The patient, with what the team is to know.
fn noting(wanted: &Wanted<'_>, text: String) -> Patient {
    Patient { text, ..wanted.patient.clone() }
}

/// Confirms a booking. The confirmation is owed since the booking was written down, so whatever dies here, a
/// worker sends it, once.
async fn booked(context: &Context<'_>, wanted: &Wanted<'_>, slot: &Slot, owed: Option<Claim>) -> Ended {
    let is_moved = wanted.instead_of.is_some();
    let text = confirm::text(context.facts, &wanted.service.name, slot, is_moved);
    let confirmation = match owed {
        Some(claim) => send(context, wanted, claim, text).await,
        None => Confirmation::Unknown,
    };
    let what = if is_moved { "The appointment has moved to" } else { "The appointment is booked for" };
    let at = context.facts.spoken(slot.start);
    let said = |more: &str| Ended::done(format!("{what} {at}.{more}"));
    match confirmation {
        Confirmation::Sent => said(" A message with the details is on its way."),
        Confirmation::Unknown => said(" I am sending a message with the details."),
        Confirmation::NotSent | Confirmation::NotYet => {
            let note = noting(wanted, NoteText::NotTold.sentence(&wanted.service.name, &at));
            said(" Please note it down: I can not send a message with the details.").or_note(note, owed)
        }
    }
}

/// Sends the confirmation, and waits for it as long as the answer can. What comes later than that is promised,
/// so what surely did not go out then is left to a worker.
async fn send(context: &Context<'_>, wanted: &Wanted<'_>, claim: Claim, text: String) -> Confirmation {
    let (services, org) = (context.services.clone(), context.org);
    let (phone, call) = (wanted.patient.phone.clone(), context.call_id.to_owned());
    let (tell, mut told) = oneshot::channel();
    tokio::spawn(async move {
        let telling = Telling { claim, call_id: &call, phone: &phone, text: &text };
        let confirmation = confirm::send(&services, org, &telling, Deadline::after(EFFECT)).await;
        let is_paid = matches!(confirmation, Confirmation::Sent | Confirmation::Unknown);
        if is_paid {
            owed::settle(&services, org, claim).await;
        }
        if tell.send(confirmation).is_err() && !is_paid {
            owed::give_back(&services, org, claim).await;
        }
    });
    let left = context.about.until.saturating_duration_since(Instant::now()).saturating_sub(RESERVE);
    match tokio::time::timeout(left.min(CONFIRM), &mut told).await {
        Ok(Ok(confirmation)) => confirmation,
        Ok(Err(_)) => Confirmation::Unknown,
        Err(_) => {
            told.close();
            told.try_recv().unwrap_or(Confirmation::Unknown)
        }
    }
}
