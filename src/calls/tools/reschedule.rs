//! `reschedule_appointment`: the new time is booked first; only then is the old one given back.

use super::{Context, EFFECT, Ended, book, own};
use crate::calls::appointments::{self, Wanted};
use crate::calls::patients::{Patient, appointment_place};
use crate::domain::clinic_plan::Service;
use crate::providers::Deadline;

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let facts = context.facts;
    let start = match book::start(context) {
        Ok(start) => start,
        Err(sentence) => return Ended::failed(sentence),
    };
    let old = match own::find(context, &[]).await {
        Ok(old) => old,
        Err(ended) => return ended,
    };
    let plan = &facts.plan;
    // A service that the clinic no longer has stays as long as it was.
    let minutes = (old.ends_at - old.starts_at).whole_minutes();
    let as_it_was = Service {
        name: old.service.clone(),
        minutes: u32::try_from(minutes).unwrap_or(30),
        buffer_before: 0,
        buffer_after: 0,
        practitioner: old.practitioner.clone(),
    };
    let service = plan.services.iter().find(|service| service.name == old.service).unwrap_or(&as_it_was);
    let asked = context.call.text(&["practitioner", "doctor", "with"]).or(old.practitioner.as_deref());
    let practitioner = match facts.practitioner(service, asked) {
        Ok(practitioner) => practitioner,
        Err(sentence) => return Ended::failed(sentence),
    };
    let place = appointment_place(context.org, old.id);
    let patient = match Patient::open(context.services, &place, old.sealed_patient.as_ref()).await {
        Ok(patient) => patient.unwrap_or_else(|| Patient::of(None, context.phone(), None)),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, org = %context.org, appointment = %old.id, "a patient's data does not open");
            return Ended::failed("I can not move this appointment. I can take a message for the team.");
        }
    };
    let wanted =
        Wanted { service, practitioner, start, patient, call_id: context.call_id, instead_of: Some(&old) };
    let outcome =
        appointments::book(context.services, context.org, facts, &wanted, Deadline::after(EFFECT)).await;
    book::conclude(context, &wanted, outcome).await
}
