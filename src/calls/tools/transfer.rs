//! `transfer_call`: Vapi is told to put the running call through, at the address that the call's own
//! message names.

use super::{Context, Ended};
use crate::calls::notes::{self, NoteKind};
use crate::calls::patients::Patient;
use crate::domain::ProviderId;
use crate::integrations::connect::bulkhead;
use crate::providers::vapi::control::{self, ControlError};

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let number = &context.facts.fallbacks.transfer_number;
    let Some(control_url) = context.about.control_url.as_deref().filter(|_| !number.is_empty()) else {
        return not_put_through(context).await;
    };
    let services = context.services;
    let told = control::transfer(
        &services.egress,
        &services.bases.vapi,
        control_url,
        number,
        bulkhead(context.org, ProviderId::Vapi),
        context.time_to_look(),
    );
    match told.await {
        Ok(()) => Ended::done("I am putting you through."),
        Err(ControlError::Unknown) => Ended::of("parked", "I am trying to put you through."),
        Err(ControlError::Refused) => not_put_through(context).await,
    }
}

/// The team hears of somebody who wanted to speak to them.
async fn not_put_through(context: &Context<'_>) -> Ended {
    let reason =
        context.call.text(&["reason", "message"]).unwrap_or("The caller wanted to speak to somebody.");
    let text = format!("A call could not be put through. {reason}");
    let patient = Patient::of(context.call.text(&["name"]), context.phone(), Some(&text));
    let noted =
        notes::take(context.services, context.org, context.call_id, NoteKind::CallBack, &patient).await;
    match noted {
        Ok(_) if !patient.phone.is_empty() => Ended::failed(
            "I can not put you through at the moment. I have noted that the team calls you back.",
        ),
        _ => Ended::failed("I can not put you through at the moment. I can take a message for the team."),
    }
}
