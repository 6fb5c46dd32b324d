//! Both assistants of a clinic at Vapi: there, ours, up to date, and never more than two.
//!
//! Look up by our own metadata, then GET, PATCH or POST, then claim: under a lease, so that any
//! number of processes and people asking at once do it once; found again by metadata, so that a
//! process killed between Vapi's answer and our commit leaves nothing behind that a retry would
//! double. The job row stays until all of it is done.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::connect::bulkhead;
use super::{Caller, IntegrationError};
use crate::audit::Ended;
use crate::db::agents::{self, AgentRow};
use crate::db::webhook_secrets::{self, NewWebhookSecret};
use crate::db::{OrgTx, changes, jobs, routes};
use crate::domain::{OrgId, ProviderId};
use crate::providers::egress::Deadline;
use crate::providers::vapi::{self, AssistantPlan, ServerAuth, VapiCredentials, VapiFailure};
use crate::state::Services;
use crate::vault::{SecretText, VaultError};
use crate::webhooks::resolver::RouteSecret;
use crate::webhooks::signature::{HmacPlan, Scheme};

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
    let holder = Uuid::now_v7();
    let until = tokio::time::Instant::now() + WAIT;
    while !take_lease(services, org, holder).await? {
        if tokio::time::Instant::now() > until {
            return Err(IntegrationError::Busy);
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let result = run(services, org).await;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    jobs::release_lease(&mut tx, ENSURE_ASSISTANTS, holder).await?;
    match &result {
        Ok(_) => jobs::finish(&mut tx, ENSURE_ASSISTANTS).await?,
        Err(error) => {
            let sentence = error.sentence();
            for role in ROLES {
                agents::mark_unfinished(&mut tx, role, if error.is_passing() { "pending" } else { "failed" }, &sentence).await?;
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

async fn take_lease(services: &Services, org: OrgId, holder: Uuid) -> Result<bool, IntegrationError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let taken = jobs::take_lease(&mut tx, ENSURE_ASSISTANTS, holder, LEASE_SECONDS).await?;
    tx.commit().await?;
    Ok(taken)
}

async fn run(services: &Services, org: OrgId) -> Result<Vec<AgentRow>, IntegrationError> {
    let opened = services.vault.open::<VapiCredentials>(org).await?;
    let client = client(services, org, &opened.credentials);
    let auth = ensure_secret(services, org, &client).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let rows = agents::list(&mut tx).await?;
    tx.commit().await?;
    for row in rows.iter().filter(|row| row.vapi_state != "deleted") {
        ensure_one(services, org, &client, row, &auth).await?;
    }
    claim_numbers(services, org, &client).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let rows = agents::list(&mut tx).await?;
    changes::announce(&mut tx).await?;
    tx.commit().await?;
    services.uses.integration(org, opened.integration_id);
    Ok(rows)
}

/// A client of Vapi with the clinic's own key.
pub fn client<'a>(services: &'a Services, org: OrgId, credentials: &'a VapiCredentials) -> vapi::Client<'a> {
    vapi::Client {
        egress: &services.egress,
        bases: &services.bases,
        bulkhead: bulkhead(org, ProviderId::Vapi),
        deadline: Deadline::after(RUN),
        key: &credentials.private_key,
    }
}

/// The secret that Vapi signs with: an HMAC credential where Vapi takes one, else a header.
async fn ensure_secret(services: &Services, org: OrgId, client: &vapi::Client<'_>) -> Result<ServerAuth, IntegrationError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let live = webhook_secrets::list_live(&mut tx, "vapi").await?;
    tx.commit().await?;
    if let Some(row) = live.iter().find(|row| row.not_after.is_none()) {
        if let Some(id) = &row.provider_credential_id {
            return Ok(ServerAuth::Credential(id.clone()));
        }
        let sealed = crate::vault::Sealed::parse(row.sealed.clone())?;
        let opened = services.vault.open_at(&RouteSecret::place(org, row.id), &sealed).await?;
        let secret = String::from_utf8(opened.expose().to_vec()).map_err(|_| VaultError::UnreadableFields)?;
        return Ok(ServerAuth::Header { name: LEGACY_HEADER.to_owned(), secret: SecretText::new(secret) });
    }
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(VaultError::Random)?;
    let secret = SecretText::new(hex::encode(bytes));
    let plan = HmacPlan::ours();
    let name = format!("Voxanne {}", &org.to_string()[24..]);
    let (auth, scheme, provider_id) = match client.create_webhook_credential(&name, &json!(plan), &secret).await {
        Ok(id) => (ServerAuth::Credential(id.clone()), Scheme::Hmac(plan), Some(id)),
        Err(VapiFailure::Unsupported) => {
            let scheme = Scheme::Bearer { header: LEGACY_HEADER.to_owned(), with_prefix: false };
            (ServerAuth::Header { name: LEGACY_HEADER.to_owned(), secret: secret.clone() }, scheme, None)
        }
        Err(failure) => return Err(provider_error(failure)),
    };
    let id = Uuid::now_v7();
    let sealed = services.vault.seal(&RouteSecret::place(org, id), secret.expose().as_bytes()).await?;
    let (scheme, params) = scheme.to_stored();
    let mut tx = OrgTx::service(&services.pool, org).await?;
    webhook_secrets::insert(
        &mut tx,
        &NewWebhookSecret {
            id,
            source: "vapi",
            scheme,
            params: &params,
            sealed: sealed.as_bytes(),
            key_version: sealed.key_version(),
            provider_credential_id: provider_id.as_deref(),
        },
    )
    .await?;
    changes::announce(&mut tx).await?;
    tx.commit().await?;
    services.evict(org);
    Ok(auth)
}

/// The header of the older form, for accounts where Vapi takes no webhook credential.
const LEGACY_HEADER: &str = "x-vapi-secret";

async fn ensure_one(
    services: &Services,
    org: OrgId,
    client: &vapi::Client<'_>,
    row: &AgentRow,
    auth: &ServerAuth,
) -> Result<(), IntegrationError> {
    let body = vapi::assistant_body(&plan(services, org, row, auth));
    let wanted = hash(&body);
    let ours = find_ours(services, org, client, row).await?;
    let id = match ours.split_first() {
        None => {
            let made = client.create_assistant(&body).await.map_err(provider_error)?;
            read_id(&made)?
        }
        Some((first, doubles)) => {
            for double in doubles {
                client.delete_assistant(read_id(double)?).await.map_err(provider_error)?;
            }
            let id = read_id(first)?;
            let is_current = row.vapi_synced_hash.as_deref() == Some(&wanted) && vapi::contains(first, &body);
            if !is_current {
                client.patch_assistant(id, &body).await.map_err(provider_error)?;
            }
            id
        }
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    if let Some(old) = row.vapi_assistant_id.filter(|old| *old != id) {
        routes::release_assistant(&mut tx, old).await?;
    }
    if !routes::claim_assistant(&mut tx, id, &row.role, &row.name).await? {
        return Err(IntegrationError::Provider {
            code: Some("assistant_claimed"),
            sentence: "This assistant is already connected to another clinic. Ask support to move it.".to_owned(),
            is_passing: false,
        });
    }
    agents::mark_ready(&mut tx, &row.role, id, &wanted).await?;
    tx.commit().await?;
    Ok(())
}

/// Assistants that carry our metadata for this role, oldest first; the one we know by id comes
/// first where it is still there.
async fn find_ours(
    services: &Services,
    org: OrgId,
    client: &vapi::Client<'_>,
    row: &AgentRow,
) -> Result<Vec<Value>, IntegrationError> {
    let all = client.list_assistants(1000).await.map_err(provider_error)?;
    let marks = metadata(services, org, &row.role);
    let mut ours: Vec<Value> = all.into_iter().filter(|assistant| vapi::contains(&assistant["metadata"], &marks)).collect();
    let known = row.vapi_assistant_id.map(|id| id.to_string());
    ours.sort_by_key(|assistant| {
        let is_known = known.is_some() && assistant["id"].as_str() == known.as_deref();
        (!is_known, assistant["createdAt"].as_str().unwrap_or_default().to_owned())
    });
    Ok(ours)
}

fn metadata(services: &Services, org: OrgId, role: &str) -> Value {
    json!({
        "voxanneInstallation": services.installation.to_string(),
        "voxanneOrganization": org.to_string(),
        "voxanneRole": role,
    })
}

fn plan<'a>(services: &Services, org: OrgId, row: &'a AgentRow, auth: &'a ServerAuth) -> AssistantPlan<'a> {
    AssistantPlan {
        name: &row.name,
        first_message: &row.first_message,
        system_prompt: &row.system_prompt,
        model_provider: &row.model_provider,
        model: &row.model,
        voice_provider: &row.voice_provider,
        voice_id: &row.voice_id,
        language: &row.language,
        max_duration_seconds: row.max_duration_seconds,
        tools: &row.tools,
        server_url: services.vapi_webhook_url(),
        auth,
        metadata: metadata(services, org, &row.role),
    }
}

/// Lists the phone numbers of the account and claims them, so that calls without an assistant find
/// their clinic. A number that another clinic has stays there.
async fn claim_numbers(services: &Services, org: OrgId, client: &vapi::Client<'_>) -> Result<(), IntegrationError> {
    let numbers = match client.list_phone_numbers().await {
        Ok(numbers) => numbers,
        // A key that may not read numbers is a limited one; its card says so.
        Err(VapiFailure::Refused { .. }) => return Ok(()),
        Err(failure) => return Err(provider_error(failure)),
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    for number in &numbers {
        if let Some(id) = number["id"].as_str().and_then(|id| id.parse().ok()) {
            let text = number["number"].as_str().unwrap_or("unknown");
            if !routes::claim_phone_number(&mut tx, id, text).await? {
                tracing::warn!(%org, "a phone number of this clinic is claimed by another one");
            }
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Deletes the assistant of a role at Vapi; keeps our row and frees its route.
pub async fn delete_assistant(services: &Services, caller: &Caller, role: &str) -> Result<(), IntegrationError> {
    caller.require_configure(services, "assistant.deleted", role).await?;
    let mut tx = caller.begin(services).await?;
    let row = agents::find(&mut tx, role).await?.ok_or(crate::db::DbError::NotFound)?;
    tx.commit().await?;
    if let Some(id) = row.vapi_assistant_id {
        let opened = services.vault.open::<VapiCredentials>(caller.org()).await?;
        client(services, caller.org(), &opened.credentials).delete_assistant(id).await.map_err(provider_error)?;
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

fn read_id(assistant: &Value) -> Result<Uuid, IntegrationError> {
    assistant["id"].as_str().and_then(|id| id.parse().ok()).ok_or_else(|| IntegrationError::Provider {
        code: Some("provider_unexpected"),
        sentence: "Vapi answered with an assistant that has no id. Please try again in a minute.".to_owned(),
        is_passing: true,
    })
}

fn provider_error(failure: VapiFailure) -> IntegrationError {
    let is_passing = !matches!(failure, VapiFailure::Refused { .. });
    let code = if is_passing { "provider_unavailable" } else { "provider_refused" };
    IntegrationError::Provider { code: Some(code), sentence: failure.sentence(), is_passing }
}

/// What an assistant was made from, in short.
fn hash(body: &Value) -> String {
    hex::encode(&Sha256::digest(body.to_string().as_bytes())[..16])
}
