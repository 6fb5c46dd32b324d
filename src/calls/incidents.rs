//! What of a call's errors is the account's fault, and therefore an incident of the clinic.
//!
//! A wrong number, a STOP, a text that is too long are the message's own affair. That an account is
//! not connected, was refused or does not answer concerns every call. The incidents themselves are
//! kept by `integrations::incidents`, whose functions are named here too.

use crate::domain::ProviderId;
use crate::integrations::IntegrationError;
use crate::providers::sms::{SendError, SendFailure};
use crate::vault::VaultError;

use super::booking::Unavailable;

pub use crate::integrations::incidents::{Cause, Trouble, close, close_in, close_later, note};

/// Of a credential that could not be opened; none where only the database is to blame.
pub fn of_error(provider: ProviderId, error: &IntegrationError) -> Option<Trouble> {
    let cause = match error {
        IntegrationError::NotConnected(_) | IntegrationError::MustReconnect(_) => Cause::NotConnected,
        IntegrationError::Vault(error) => of_vault(error)?,
        IntegrationError::Provider { is_passing: true, .. } => Cause::Unreachable,
        IntegrationError::Provider { is_passing: false, .. } => Cause::Refused,
        _ => return None,
    };
    Some(Trouble { provider, cause, sentence: error.sentence() })
}

fn of_vault(error: &VaultError) -> Option<Cause> {
    match error {
        VaultError::NotConnected { .. } => Some(Cause::NotConnected),
        VaultError::Paused { .. } => Some(Cause::Paused),
        error if error.is_transient() => None,
        _ => Some(Cause::Refused),
    }
}

/// Of a message that has no id; none where the recipient or the text was the reason.
pub fn of_send(provider: ProviderId, error: &SendError) -> Option<Trouble> {
    let cause = match error.kind {
        SendFailure::Refused if error.is_about_message => return None,
        SendFailure::Refused => Cause::Refused,
        SendFailure::Undetermined | SendFailure::NotSent => Cause::Unreachable,
    };
    let sentence = match &error.fix {
        Some(fix) => format!("{} {}", error.sentence, fix.text),
        None => error.sentence.clone(),
    };
    Some(Trouble { provider, cause, sentence })
}

/// Of a calendar that could not be asked.
pub fn of_calendar(provider: ProviderId, unavailable: &Unavailable) -> Trouble {
    let Unavailable { why, is_passing } = unavailable;
    let cause = if *is_passing { Cause::Unreachable } else { Cause::Refused };
    Trouble { provider, cause, sentence: format!("{} {}", why.sentence, why.fix) }
}
