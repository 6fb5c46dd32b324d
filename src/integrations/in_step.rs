//! Whether an assistant at Vapi is what we last sent, and what we would send now.
//!
//! Two hashes: of the configuration (without how messages are authenticated, which people do not set),
//! and of what was sent together with Vapi's own mark of its last change.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::ensure::{client_until, plan, provider_error};
use super::{Caller, IntegrationError};
use crate::db::OrgTx;
use crate::db::agents::{self, AgentRow};
use crate::db::schedules::{self, ScheduleRow};
use crate::domain::OrgId;
use crate::providers::Deadline;
use crate::providers::vapi::VapiCredentials;
use crate::providers::vapi::assistant::{self, ServerAuth};
use crate::state::Services;

/// Somebody waits for the answer.
const WAIT: Duration = Duration::from_secs(8);
/// For how long the page that was opened last is enough.
const FRESH: Duration = Duration::from_secs(60);

/// How an agent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InStep {
    /// There is no assistant at Vapi, or none yet.
    NotThere,
    /// Vapi has what is configured here, as far as anybody has looked.
    Same,
    /// What is configured here was not sent to Vapi yet.
    ChangedHere,
    /// Somebody has changed the assistant at Vapi since.
    ChangedThere,
    /// Somebody has deleted it there.
    GoneThere,
}

impl InStep {
    /// The word in the interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            InStep::NotThere => "not_there",
            InStep::Same => "same",
            InStep::ChangedHere => "changed_here",
            InStep::ChangedThere => "changed_there",
            InStep::GoneThere => "gone_there",
        }
    }
}

/// Hash of what would be sent now.
pub(super) fn config_hash(services: &Services, org: OrgId, row: &AgentRow, schedule: &ScheduleRow) -> String {
    let auth = ServerAuth::Credential(uuid::Uuid::nil());
    let body = assistant::body(&plan(services, org, row, schedule, &auth));
    hex::encode(&Sha256::digest(body.to_string().as_bytes())[..16])
}

/// How an agent stands, from what is stored: no provider is asked.
pub fn of(services: &Services, org: OrgId, row: &AgentRow, schedule: &ScheduleRow) -> InStep {
    if row.vapi_assistant_id.is_none() || row.vapi_synced_hash.is_none() {
        return InStep::NotThere;
    }
    match row.vapi_found.as_deref() {
        Some("gone") => return InStep::GoneThere,
        Some("changed") => return InStep::ChangedThere,
        _ => {}
    }
    let is_sent = row.vapi_config_hash.as_deref() == Some(&config_hash(services, org, row, schedule));
    if is_sent { InStep::Same } else { InStep::ChangedHere }
}

/// Asks Vapi how the assistant of a role is now, and notes it.
///
/// # Errors
/// Vapi's own sentence; `NotConnected` as the vault says it.
pub async fn look(services: &Services, caller: &Caller, role: &str) -> Result<InStep, IntegrationError> {
    let org = caller.org();
    let mut tx = caller.begin(services).await?;
    let row = agents::find(&mut tx, role).await?.ok_or(crate::db::DbError::NotFound)?;
    let schedule = schedules::find(&mut tx).await?;
    tx.commit().await?;
    let (Some(id), Some(synced)) = (row.vapi_assistant_id, row.vapi_synced_hash.clone()) else {
        return Ok(InStep::NotThere);
    };
    let opened = services.vault.open::<VapiCredentials>(org).await?;
    let client = client_until(services, org, &opened.credentials, Deadline::after(WAIT));
    let record = client.find_assistant(id).await.map_err(|error| provider_error(&error))?;
    let found = match &record {
        None => "gone",
        Some(record) if synced.ends_with(&changed_mark(record.updated_at.as_deref())) => "same",
        Some(_) => "changed",
    };
    // Looking is anybody's right; what was seen is written down by the service.
    let mut tx = Caller::service(org).begin(services).await?;
    agents::mark_found(&mut tx, role, Some(&synced), found).await?;
    tx.commit().await?;
    Ok(of(services, org, &AgentRow { vapi_found: Some(found.to_owned()), ..row }, &schedule))
}

/// Asks about the assistants of these rows beside the page that shows them, where nobody has within a
/// minute. Nobody waits: what is found is written down, and whoever watches the page is told. Of pages
/// that are opened at once, in whatever process, one asks.
pub fn look_soon(services: &Services, org: OrgId, rows: &[AgentRow]) {
    let now = services.clock.now();
    let is_old = |row: &&AgentRow| {
        let last = row.vapi_asked_at.max(row.vapi_checked_at);
        row.vapi_state == "ready" && last.is_none_or(|last| now - last >= FRESH)
    };
    for row in rows.iter().filter(is_old) {
        let Some(services) = services.shared() else { return };
        let role = row.role.clone();
        tokio::spawn(async move {
            if let Err(error) = look_once(&services, org, &role).await {
                tracing::warn!(error = &error as &dyn std::error::Error, %org, role, "an agent could not be compared");
            }
        });
    }
}

async fn look_once(services: &Services, org: OrgId, role: &str) -> Result<(), IntegrationError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let is_ours = agents::claim_look(&mut tx, role, FRESH.as_secs_f64()).await?;
    tx.commit().await?;
    if !is_ours {
        return Ok(());
    }
    let Err(error) = look(services, &Caller::service(org), role).await else { return Ok(()) };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    agents::mark_unanswered(&mut tx, role).await?;
    tx.commit().await?;
    Err(error)
}

/// What stands behind the hash of what was sent: Vapi's own mark of its last change.
pub(super) fn changed_mark(updated_at: Option<&str>) -> String {
    format!("@{}", updated_at.unwrap_or("?"))
}
