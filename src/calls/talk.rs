//! Calls in which somebody of the clinic talks to an agent from the browser.
//!
//! Nothing of such a call is parked, unlike of one that is placed: until somebody opens its address nobody
//! speaks and nothing is charged, and an address that got lost on its way is opened by nobody. So whoever
//! gets an error simply tries again. What became of the call comes by its report, as of any other.

use std::time::Duration;

use url::Url;
use uuid::Uuid;

use super::CallError;
use super::numbers::{client, not_ready};
use super::outbound::limit;
use crate::audit::Ended;
use crate::db::{DbError, agents};
use crate::domain::Use;
use crate::integrations::ensure::ROLES;
use crate::integrations::{Caller, IntegrationError};
use crate::providers::vapi::VapiCredentials;
use crate::providers::vapi::talk::SAMPLE_RATE;
use crate::state::Services;

/// How long Vapi may take to start a call; somebody looks at a button meanwhile.
const TIME: Duration = Duration::from_secs(10);
/// What stands in the trail.
const STARTED: &str = "talk.started";

/// A call that waits for the browser.
#[derive(Clone, Debug)]
pub struct Talk {
    /// Vapi's id.
    pub call_id: Uuid,
    /// Takes whoever has it into the call: it goes to the browser that asked, and is kept nowhere.
    pub url: Url,
    /// Of the sound in both directions.
    pub sample_rate: u32,
}

/// Starts a call with the agent of a role, for an owner or admin.
///
/// # Errors
/// Not found for a role that is none; where the agent is not at Vapi, Vapi is not connected, paused, refuses
/// or does not answer. Then no call can be charged.
pub async fn start(services: &Services, caller: &Caller, role: &str) -> Result<Talk, CallError> {
    if !ROLES.contains(&role) {
        return Err(DbError::NotFound.into());
    }
    caller.require_configure(services, STARTED, role).await?;
    let org = caller.org();
    let mut tx = caller.begin(services).await?;
    let assistant = agents::find_ready(&mut tx, role).await?;
    tx.commit().await?;
    let opened = services.vault.open::<VapiCredentials>(org).await.map_err(IntegrationError::from)?;
    let assistant = assistant.ok_or_else(|| not_ready(role))?;
    limit(services, org, "talk", |most, time| {
        format!(
            "A clinic can start {most} calls from the browser in a {time}. Please wait, and try again later."
        )
    })
    .await?;
    let answer = client(services, org, &opened.credentials, TIME).start_talk(assistant).await;
    let (ended, details) = match &answer {
        Ok(started) => (Ended::Success, started.id.to_string()),
        Err(error) => (Ended::Failure, error.reference().unwrap_or_default()),
    };
    let mut tx = caller.begin(services).await?;
    caller.record(&mut tx, services, STARTED, role, ended, &details).await?;
    tx.commit().await?;
    let started = answer.map_err(|error| {
        let told = error.explain_talk(role);
        let is_passing = error.is_undetermined();
        CallError::Integration(IntegrationError::Provider {
            code: Some(if is_passing { "provider_unavailable" } else { "provider_refused" }),
            sentence: format!("{} {}", told.sentence, told.fix).trim().to_owned(),
            is_passing,
        })
    })?;
    services.uses.integration(org, opened.integration_id, Use::Call);
    Ok(Talk { call_id: started.id, url: started.url, sample_rate: SAMPLE_RATE })
}
