//! Confirmations of appointments, by text message or WhatsApp with the clinic's own sender. A failure
//! never fails the booking; what is said to the caller hangs on what is known of it. That one is owed, and who
//! sends it where a process dies, is in `owed`.

use super::CallError;
use super::clinic::ClinicFacts;
use super::message_rows::TAKEN_OVER;
use super::messages::{self, NewText, Purpose};
use super::owed::Claim;
use super::senders::Choice;
use super::slots::Slot;
use crate::db::messages::Once;
use crate::db::{OrgTx, owed, senders};
use crate::domain::{OrgId, ProviderId};
use crate::providers::Deadline;
use crate::providers::twilio::Channel;
use crate::state::Services;

/// What became of a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// A sender took it, now or before.
    Sent,
    /// It surely did not go out, and trying again changes nothing; or there was nobody to send it with.
    NotSent,
    /// It surely did not go out, for a reason that passes.
    NotYet,
    /// It may be on its way, or somebody else is at it.
    Unknown,
}

/// What a patient is told. The longest sender takes far more.
pub fn text(facts: &ClinicFacts, service: &str, slot: &Slot, is_moved: bool) -> String {
    let what = if is_moved { "has moved to" } else { "is booked for" };
    format!("{}: your appointment ({service}) {what} {}.", facts.name, facts.spoken(slot.start))
}

/// A confirmation to be sent.
#[derive(Clone, Debug)]
pub struct Telling<'a> {
    pub claim: Claim,
    pub call_id: &'a str,
    pub phone: &'a str,
    pub text: &'a str,
}

/// Sends a confirmation with whatever the clinic has connected, where none went out before.
pub async fn send(
    services: &Services,
    org: OrgId,
    telling: &Telling<'_>,
    deadline: Deadline,
) -> Confirmation {
    match try_send(services, org, telling, deadline).await {
        Ok(confirmation) => confirmation,
        Err(CallError::Undetermined(_) | CallError::Conflict { code: TAKEN_OVER, .. }) => {
            Confirmation::Unknown
        }
        Err(CallError::Invalid { .. }) => Confirmation::NotSent,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, call = telling.call_id, "a confirmation was not sent");
            if error.is_passing() { Confirmation::NotYet } else { Confirmation::NotSent }
        }
    }
}

async fn try_send(
    services: &Services,
    org: OrgId,
    telling: &Telling<'_>,
    deadline: Deadline,
) -> Result<Confirmation, CallError> {
    if telling.phone.is_empty() {
        return Ok(Confirmation::NotSent);
    }
    let Claim { appointment, number } = telling.claim;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    // A process that died may have told the patient already, or nobody knows whether it has.
    let told = owed::find_told(&mut tx, appointment).await?;
    let row = senders::find(&mut tx).await?;
    tx.commit().await?;
    if told.is_out || told.is_unknown {
        return Ok(if told.is_out { Confirmation::Sent } else { Confirmation::Unknown });
    }
    let choice = Choice::of(&row);
    let has_whatsapp = row.connected.iter().any(|word| word == ProviderId::WhatsApp.as_str());
    let channel = match (choice.connected.is_empty() && choice.primary.is_none(), has_whatsapp) {
        (false, _) => Channel::Sms,
        (true, true) => Channel::WhatsApp,
        (true, false) => return Ok(Confirmation::NotSent),
    };
    let mut new = NewText::parse(telling.phone, telling.text, channel, Purpose::Confirmation, None)?
        .in_call(telling.call_id);
    new.once = Some(Once::Confirmation { appointment, claim: number });
    messages::send(services, org, new, deadline).await?;
    Ok(Confirmation::Sent)
}
