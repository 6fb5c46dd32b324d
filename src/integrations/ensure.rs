//! Both assistants of a clinic at Vapi: there, ours, up to date, and never more than two.
//!
//! Look up by our own metadata, then GET, PATCH or POST, then claim: under a lease, so that any
//! number of processes and people asking at once do it once; found again by metadata, so that a
//! process killed between Vapi's answer and our commit leaves nothing behind that a retry would
//! double. The job row stays until all of it is done.

use std::time::Duration;

use uuid::Uuid;

use super::assistant_sync::{bring, synced_hash, write};
use super::assistant_tools;
use super::claim_numbers::claim_numbers;
use super::claims::{ClaimError, Claimed, end_if_lost};
use super::connect::bulkhead;
use super::in_step::config_hash;
use super::signing::{self, LiveSecret};
use super::{Caller, IntegrationError, save};
use crate::audit::Ended;
use crate::db::agents::{self, AgentRow};
use crate::db::schedules::{self, ScheduleRow};
use crate::db::{OrgTx, account_marks, changes, integrations, jobs, routes};
use crate::domain::clinic_plan::ClinicPlan;
use crate::domain::{OrgId, ProviderId};
use crate::providers::egress::Deadline;
use crate::providers::vapi::assistant::{
    self, AssistantPlan, ModelChoice, Ownership, ServerAuth, ServerPlan, VoiceChoice,
};
use crate::providers::vapi::{AssistantRecord, VapiClient, VapiCredentials, VapiError};
use crate::state::Services;
use crate::vault::VaultError;

pub use super::save::ENSURE_ASSISTANTS;

/// The two roles of every clinic.
pub const ROLES: [&str; 2] = ["inbound", "outbound"];
/// Longer than all requests of one run may take together.
const LEASE_SECONDS: f64 = 60.0;
const RUN: Duration = Duration::from_secs(45);
/// How long somebody waits for a run that another process has begun.
const WAIT: Duration = Duration::from_secs(20);

/// Makes sure that both assistants exist and are up to date. Returns the agents as they are then.
///
/// # Errors
/// [`IntegrationError::Busy`] where another process is still at it, a provider's sentence where
/// Vapi refuses or does not answer. The job row stays then.
pub async fn ensure_assistants(services: &Services, org: OrgId) -> Result<Vec<AgentRow>, IntegrationError> {
    let holder = wait_for_lease(services, org).await?;
    let result = run(services, org).await;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    jobs::release_lease(&mut tx, ENSURE_ASSISTANTS, holder).await?;
    match &result {
        Ok(_) => jobs::finish(&mut tx, ENSURE_ASSISTANTS).await?,
        Err(error) => {
            let sentence = error.sentence();
            for role in ROLES {
                agents::mark_unfinished(
                    &mut tx,
                    role,
                    if error.is_passing() { "pending" } else { "failed" },
                    &sentence,
                )
                .await?;
            }
            if matches!(error, IntegrationError::Vault(VaultError::NotConnected { .. })) {
                jobs::finish(&mut tx, ENSURE_ASSISTANTS).await?;
            }
        }
    }
    tx.commit().await?;
    services.evict(org);
    result
}

/// Waits until nobody else works on the clinic's assistants. Returns who holds the lease now.
pub(super) async fn wait_for_lease(services: &Services, org: OrgId) -> Result<Uuid, IntegrationError> {
    let holder = Uuid::now_v7();
    let until = tokio::time::Instant::now() + WAIT;
    while !take_lease(services, org, holder).await? {
        if tokio::time::Instant::now() > until {
            return Err(IntegrationError::Busy);
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    Ok(holder)
}

async fn take_lease(services: &Services, org: OrgId, holder: Uuid) -> Result<bool, IntegrationError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let taken = jobs::take_lease(&mut tx, ENSURE_ASSISTANTS, holder, LEASE_SECONDS).await?;
    tx.commit().await?;
    Ok(taken)
}

async fn run(services: &Services, org: OrgId) -> Result<Vec<AgentRow>, IntegrationError> {
    let opened = services.vault.open::<VapiCredentials>(org).await?;
    let client = client(services, org, &opened.credentials);
    let mut secret = signing::ensure_secret(services, org, &client).await?;
    let mut ensured = ensure_each(services, org, &client, &secret).await;
    if matches!(&ensured, Err(error) if is_about_credential(error)) {
        // Deleted at Vapi, and Vapi would not list it: made anew, once.
        secret = signing::replace(services, org, &client).await?;
        ensured = ensure_each(services, org, &client, &secret).await;
        if ensured.is_err() {
            signing::discard(services, org, &client, &secret).await;
        }
    }
    let account = ensured?;
    let notice = claim_numbers(services, org, &client).await?;
    let account = match account {
        Some(id) => Some((save::fingerprint_of(services, ProviderId::Vapi, &id).await?, id)),
        None => None,
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    // A new account is empty, so its test cannot tell which one it is; its first assistant does.
    if let Some((fingerprint, account)) = account {
        account_marks::pin_identity(&mut tx, opened.integration_id, &account, &fingerprint).await?;
    }
    if let Some(notice) = notice {
        integrations::set_notice(&mut tx, opened.integration_id, notice.as_deref()).await?;
    }
    integrations::mark_ensured(&mut tx, opened.integration_id).await?;
    // Both assistants sign with this one now; what signed before has its time to run out.
    signing::let_others_end(&mut tx, &secret).await?;
    let rows = agents::list(&mut tx).await?;
    changes::announce(&mut tx).await?;
    tx.commit().await?;
    Ok(rows)
}

/// All assistants that shall be there. Returns the Vapi organization that they are in.
async fn ensure_each(
    services: &Services,
    org: OrgId,
    client: &VapiClient<'_>,
    secret: &LiveSecret,
) -> Result<Option<String>, IntegrationError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let rows = agents::list(&mut tx).await?;
    let schedule = schedules::find(&mut tx).await?;
    tx.commit().await?;
    let mut account = None;
    for row in rows.iter().filter(|row| row.vapi_state != "deleted") {
        account = ensure_one(services, org, client, row, &schedule, &secret.auth).await?.or(account);
    }
    Ok(account)
}

/// The code of an error that says: Vapi does not know the webhook credential any more.
const CREDENTIAL_GONE: &str = "webhook_credential_gone";

fn is_about_credential(error: &IntegrationError) -> bool {
    matches!(error, IntegrationError::Provider { code: Some(CREDENTIAL_GONE), .. })
}

/// A client of Vapi with the clinic's own key.
pub fn client<'a>(services: &'a Services, org: OrgId, credentials: &'a VapiCredentials) -> VapiClient<'a> {
    client_until(services, org, credentials, Deadline::after(RUN))
}

/// The same for a shorter piece of work.
pub(super) fn client_until<'a>(
    services: &'a Services,
    org: OrgId,
    credentials: &'a VapiCredentials,
    deadline: Deadline,
) -> VapiClient<'a> {
    VapiClient {
        egress: &services.egress,
        base: &services.bases.vapi,
        key: &credentials.private_key,
        bulkhead: bulkhead(org, ProviderId::Vapi),
        deadline,
    }
}

/// One assistant. Returns the Vapi organization that it is in, where Vapi says so.
async fn ensure_one(
    services: &Services,
    org: OrgId,
    client: &VapiClient<'_>,
    row: &AgentRow,
    schedule: &ScheduleRow,
    auth: &ServerAuth,
) -> Result<Option<String>, IntegrationError> {
    let body = assistant::body(&plan(services, org, row, schedule, auth));
    let config = config_hash(services, org, row, schedule);
    let ours = find_ours(services, org, client, row).await?;
    let (record, left) = match ours.split_first() {
        None => (write(client, None, &body, auth).await?, None),
        Some((first, doubles)) => {
            for double in doubles {
                client.delete_assistant(double.id).await.map_err(|error| provider_error(&error))?;
            }
            bring(client, row, first, &body, auth).await?
        }
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    if let Some(old) = row.vapi_assistant_id.filter(|old| *old != record.id) {
        routes::release_assistant(&mut tx, old).await?;
    }
    if !routes::claim_assistant(&mut tx, record.id, &row.role, &row.name).await? {
        // No transaction is open while another clinic's account is asked.
        tx.commit().await?;
        let is_free = end_if_lost(services, org, Claimed::Assistant(record.id)).await.map_err(claim_error)?;
        tx = OrgTx::service(&services.pool, org).await?;
        if !is_free || !routes::claim_assistant(&mut tx, record.id, &row.role, &row.name).await? {
            return Err(IntegrationError::Provider {
                code: Some("assistant_claimed"),
                sentence: "This assistant is already connected to another clinic. Ask support to move it."
                    .to_owned(),
                is_passing: false,
            });
        }
    }
    match left {
        None => agents::mark_ready(&mut tx, row, record.id, &synced_hash(&body, &record), &config).await?,
        Some(mended) => {
            agents::mark_left(&mut tx, &row.role, record.id).await?;
            if !mended.is_empty() {
                let (caller, details) = (Caller::service(org), mended.join(", "));
                let ended = Ended::Success;
                caller.record(&mut tx, services, "assistant.repaired", &row.role, ended, &details).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(record.org_id)
}

pub(super) fn claim_error(error: ClaimError) -> IntegrationError {
    match error {
        ClaimError::Db(error) => error.into(),
        ClaimError::Audit(error) => error.into(),
    }
}

/// Assistants that carry our marks for this role: the one we know by id first, then the oldest.
async fn find_ours(
    services: &Services,
    org: OrgId,
    client: &VapiClient<'_>,
    row: &AgentRow,
) -> Result<Vec<AssistantRecord>, IntegrationError> {
    let found = client.find_assistants(&services.installation.to_string(), &org.to_string()).await;
    let mut ours = found.map_err(|error| provider_error(&error))?;
    ours.retain(|found| {
        found.metadata.as_ref().and_then(|marks| marks.voxanne_role.as_deref()) == Some(&row.role)
    });
    ours.sort_by_key(|found| Some(found.id) != row.vapi_assistant_id);
    Ok(ours)
}

/// What the assistant of a row is to be.
pub(super) fn plan(
    services: &Services,
    org: OrgId,
    row: &AgentRow,
    schedule: &ScheduleRow,
    auth: &ServerAuth,
) -> AssistantPlan {
    let usual = ClinicPlan::default();
    let clinic = schedule.plan.as_ref().map_or(&usual, |stored| &stored.0);
    AssistantPlan {
        name: row.name.clone(),
        first_message: row.first_message.clone(),
        system_prompt: format!(
            "{}\n\n{}",
            row.system_prompt,
            assistant_tools::context(clinic, &schedule.time_zone)
        ),
        model: ModelChoice { provider: row.model_provider.clone(), model: row.model.clone() },
        voice: VoiceChoice { provider: row.voice_provider.clone(), voice_id: row.voice_id.clone() },
        language: row.language.clone(),
        max_duration_seconds: u32::try_from(row.max_duration_seconds).unwrap_or(600),
        tools: assistant_tools::plans(&row.tools(), clinic),
        extracted: assistant_tools::extracted(),
        server: ServerPlan { url: services.vapi_webhook_url(), auth: auth.clone() },
        ownership: Ownership {
            installation: services.installation.to_string(),
            organization: org.to_string(),
            role: row.role.clone(),
        },
    }
}

/// Deletes the assistant of a role at Vapi; keeps our row and frees its route.
pub async fn delete_assistant(
    services: &Services,
    caller: &Caller,
    role: &str,
) -> Result<(), IntegrationError> {
    if !ROLES.contains(&role) {
        return Err(crate::db::DbError::NotFound.into());
    }
    caller.require_configure(services, "assistant.deleted", role).await?;
    // Under the lease: a run that goes on beside this would make the assistant again.
    let holder = wait_for_lease(services, caller.org()).await?;
    let result = delete_at_vapi(services, caller, role).await;
    let mut tx = OrgTx::service(&services.pool, caller.org()).await?;
    jobs::release_lease(&mut tx, ENSURE_ASSISTANTS, holder).await?;
    tx.commit().await?;
    result
}

async fn delete_at_vapi(services: &Services, caller: &Caller, role: &str) -> Result<(), IntegrationError> {
    let mut tx = caller.begin(services).await?;
    let row = agents::find(&mut tx, role).await?.ok_or(crate::db::DbError::NotFound)?;
    tx.commit().await?;
    if let Some(id) = row.vapi_assistant_id {
        let opened = services.vault.open::<VapiCredentials>(caller.org()).await?;
        client(services, caller.org(), &opened.credentials)
            .delete_assistant(id)
            .await
            .map_err(|error| provider_error(&error))?;
    }
    let mut tx = caller.begin(services).await?;
    if let Some(id) = row.vapi_assistant_id {
        routes::release_assistant(&mut tx, id).await?;
    }
    agents::mark_state(&mut tx, role, "deleted", None).await?;
    changes::announce(&mut tx).await?;
    caller.record(&mut tx, services, "assistant.deleted", role, Ended::Success, "").await?;
    tx.commit().await?;
    services.evict(caller.org());
    Ok(())
}

/// The error of a write that names the webhook credential, which may be what Vapi does not like.
pub(super) fn write_error(error: &VapiError, auth: &ServerAuth) -> IntegrationError {
    let named = match (error, auth) {
        (VapiError::Invalid { messages }, ServerAuth::Credential(id)) => {
            let id = id.to_string();
            messages.iter().any(|message| message.contains(&id))
        }
        (VapiError::NotFound, ServerAuth::Credential(_)) => true,
        _ => false,
    };
    match provider_error(error) {
        IntegrationError::Provider { sentence, is_passing, .. } if named => {
            IntegrationError::Provider { code: Some(CREDENTIAL_GONE), sentence, is_passing }
        }
        other => other,
    }
}

pub(super) fn provider_error(error: &VapiError) -> IntegrationError {
    let is_passing = error.is_undetermined();
    let explanation = error.explain();
    IntegrationError::Provider {
        code: Some(if is_passing { "provider_unavailable" } else { "provider_refused" }),
        sentence: format!("{} {}", explanation.sentence, explanation.fix).trim().to_owned(),
        is_passing,
    }
}
