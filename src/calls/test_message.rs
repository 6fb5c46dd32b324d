//! *Send test SMS*: the text of a hot lead to a chosen number, recorded with whoever asked.

use std::time::Duration;

use super::CallError;
use super::messages::{self, NewText, Sent};
use crate::audit::Ended;
use crate::domain::mask::mask_phone;
use crate::integrations::{Caller, IntegrationError};
use crate::providers::egress::Deadline;
use crate::state::Services;

/// How long somebody waits for it.
const TIME: Duration = Duration::from_secs(10);
const ACTION: &str = "message.tested";

/// Lets only those on who may set this up; a refusal is recorded.
pub async fn require(services: &Services, caller: &Caller) -> Result<(), IntegrationError> {
    caller.require_configure(services, ACTION, "sms").await
}

/// Sends it, and writes into the trail who did and what came of it.
///
/// # Errors
/// As for every message.
pub async fn send(services: &Services, caller: &Caller, new: NewText) -> Result<Sent, CallError> {
    let to = mask_phone(new.to.as_str());
    let sent = messages::send(services, caller.org(), new, Deadline::after(TIME)).await;
    let (target, ended, details) = match &sent {
        Ok(sent) => (sent.provider.as_str(), Ended::Success, format!("to {to}, {}", sent.sid)),
        Err(error) => ("sms", Ended::Failure, format!("to {to}: {}", error.sentence())),
    };
    // The message is out, or it is not, and has its row: that this could not be recorded changes nothing.
    if let Err(error) = record(services, caller, target, ended, &details).await {
        tracing::error!(error = &error as &dyn std::error::Error, org = %caller.org(), "a test message was not recorded");
    }
    sent
}

async fn record(
    services: &Services,
    caller: &Caller,
    target: &str,
    ended: Ended,
    details: &str,
) -> Result<(), IntegrationError> {
    let mut tx = caller.begin(services).await?;
    caller.record(&mut tx, services, ACTION, target, ended, details).await?;
    Ok(tx.commit().await?)
}
