//! Confirmations of appointments, by text message or WhatsApp with the clinic's own sender. A failure
//! never fails the booking; what is said to the caller hangs on what is known of it.

use super::CallError;
use super::clinic::ClinicFacts;
use super::messages::{self, NewText, Purpose};
use super::senders::Choice;
use super::slots::Slot;
use crate::db::{OrgTx, senders};
use crate::domain::{OrgId, ProviderId};
use crate::providers::Deadline;
use crate::providers::twilio::Channel;
use crate::state::Services;

/// What became of a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// A sender took it.
    Sent,
    /// It surely did not go out, or there was nobody to send it with.
    NotSent,
    /// It may be on its way.
    Unknown,
}

/// What a patient is told. The longest sender takes far more.
pub fn text(facts: &ClinicFacts, service: &str, slot: &Slot, is_moved: bool) -> String {
    let what = if is_moved { "has moved to" } else { "is booked for" };
    format!("{}: your appointment ({service}) {what} {}.", facts.name, facts.spoken(slot.start))
}

/// Sends a confirmation with whatever the clinic has connected.
pub async fn send(
    services: &Services,
    org: OrgId,
    call_id: &str,
    phone: &str,
    text: &str,
    deadline: Deadline,
) -> Confirmation {
    match try_send(services, org, call_id, phone, text, deadline).await {
        Ok(true) => Confirmation::Sent,
        Ok(false) | Err(CallError::Invalid { .. }) => Confirmation::NotSent,
        Err(CallError::Undetermined(_)) => Confirmation::Unknown,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, call = call_id, "a confirmation was not sent");
            Confirmation::NotSent
        }
    }
}

async fn try_send(
    services: &Services,
    org: OrgId,
    call_id: &str,
    phone: &str,
    text: &str,
    deadline: Deadline,
) -> Result<bool, CallError> {
    if phone.is_empty() {
        return Ok(false);
    }
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let row = senders::find(&mut tx).await?;
    tx.commit().await?;
    let choice = Choice::of(&row);
    let has_whatsapp = row.connected.iter().any(|word| word == ProviderId::WhatsApp.as_str());
    let channel = match (choice.connected.is_empty() && choice.primary.is_none(), has_whatsapp) {
        (false, _) => Channel::Sms,
        (true, true) => Channel::WhatsApp,
        (true, false) => return Ok(false),
    };
    let new = NewText::parse(phone, text, channel, Purpose::Confirmation, None)?.in_call(call_id);
    messages::send(services, org, new, deadline).await?;
    Ok(true)
}
