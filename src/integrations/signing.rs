//! The secret that Vapi signs its webhooks with: made, looked after, rotated, deleted.
//!
//! A secret begins to end only when both assistants sign with the next one; then both verify for a
//! day, for what Vapi still repeats. After that the credential is deleted at Vapi as well.

use uuid::Uuid;

use super::ensure::{self, ENSURE_ASSISTANTS, provider_error};
use super::{Caller, IntegrationError};
use crate::audit::Ended;
use crate::db::webhook_secrets::{self, NewWebhookSecret};
use crate::db::{ContextRole, DbError, OrgTx, changes, jobs};
use crate::domain::{OrgId, ProviderId};
use crate::providers::vapi::assistant::ServerAuth;
use crate::providers::vapi::{self, VapiClient, VapiCredentials, VapiError};
use crate::state::Services;
use crate::vault::{SecretText, VaultError};
use crate::webhooks::resolver::RouteSecret;
use crate::webhooks::signature::{HmacPlan, Scheme};

/// Hours in which the old and the new secret both verify.
pub const OVERLAP_HOURS: i32 = 24;
/// Secrets that may verify at once; each costs every webhook a little.
const MOST_LIVE: usize = 5;
/// Ended secrets that are deleted in one go.
const DELETIONS: i64 = 20;

const SOURCE: &str = ProviderId::Vapi.as_str();
/// Headers of the signature that we ask Vapi for; `HmacPlan::ours` reads the same.
const SIGNATURE_HEADER: &str = "x-vapi-signature";
const TIMESTAMP_HEADER: &str = "x-vapi-timestamp";

/// The secret that assistants are told to sign with.
pub(super) struct LiveSecret {
    id: Uuid,
    pub(super) auth: ServerAuth,
}

/// The newest secret that has no end, where Vapi still knows it; else a new one.
pub(super) async fn ensure_secret(
    services: &Services,
    org: OrgId,
    client: &VapiClient<'_>,
) -> Result<LiveSecret, IntegrationError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let live = webhook_secrets::list_live(&mut tx, SOURCE).await?;
    tx.commit().await?;
    let Some(row) = live.into_iter().find(|row| row.not_after.is_none()) else {
        return make(services, org, client, None).await;
    };
    if let Some(at_vapi) = row.provider_credential_id.as_deref().and_then(|id| id.parse().ok()) {
        if is_gone(client, at_vapi).await {
            return replace(services, org, client).await;
        }
        return Ok(LiveSecret { id: row.id, auth: ServerAuth::Credential(at_vapi) });
    }
    let sealed = crate::vault::Sealed::parse(row.sealed)?;
    let opened = services.vault.open_at(&RouteSecret::place(org, row.id), &sealed).await?;
    let secret = String::from_utf8(opened.expose().to_vec()).map_err(|_| VaultError::UnreadableFields)?;
    Ok(LiveSecret { id: row.id, auth: ServerAuth::Bearer(SecretText::new(secret)) })
}

/// Whether Vapi certainly does not have a credential any more. Vapi documents the list nowhere, so an
/// error, or a list that may go on, tells nothing.
async fn is_gone(client: &VapiClient<'_>, id: Uuid) -> bool {
    match client.list_credentials().await {
        Ok(Some(known)) => !known.contains(&id),
        Ok(None) => false,
        Err(error) => {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the credentials at Vapi were not listed"
            );
            false
        }
    }
}

/// A new secret in the place of one that was deleted at Vapi.
pub(super) async fn replace(
    services: &Services,
    org: OrgId,
    client: &VapiClient<'_>,
) -> Result<LiveSecret, IntegrationError> {
    tracing::warn!(%org, "the webhook credential was deleted at Vapi and is made anew");
    make(services, org, client, Some(&Caller::service(org))).await
}

/// Makes a secret: an HMAC credential where Vapi takes one, else a header. `by` is recorded as who
/// rotated it; the first one is part of connecting and has no row of its own.
async fn make(
    services: &Services,
    org: OrgId,
    client: &VapiClient<'_>,
    by: Option<&Caller>,
) -> Result<LiveSecret, IntegrationError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(VaultError::Random)?;
    let secret = SecretText::new(hex::encode(bytes));
    let at_vapi = vapi::HmacPlan {
        name: format!("Voxanne {}", &org.to_string()[24..]),
        secret: secret.clone(),
        signature_header: SIGNATURE_HEADER,
        timestamp_header: TIMESTAMP_HEADER,
    };
    let (auth, scheme, provider_id) = match client.create_credential(&at_vapi).await {
        Ok(id) => (ServerAuth::Credential(id), Scheme::Hmac(HmacPlan::ours()), Some(id.to_string())),
        Err(VapiError::Unsupported) => {
            // What `ServerAuth::Bearer` puts into the header.
            let scheme = Scheme::Bearer { header: "authorization".to_owned(), with_prefix: true };
            (ServerAuth::Bearer(secret.clone()), scheme, None)
        }
        Err(failure) => return Err(provider_error(&failure)),
    };
    let id = Uuid::now_v7();
    let sealed = services.vault.seal(&RouteSecret::place(org, id), secret.expose().as_bytes()).await?;
    let (scheme, params) = scheme.to_stored();
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let new = NewWebhookSecret {
        id,
        source: SOURCE,
        scheme,
        params: &params,
        sealed: sealed.as_bytes(),
        key_version: sealed.key_version(),
        provider_credential_id: provider_id.as_deref(),
    };
    webhook_secrets::insert(&mut tx, &new).await?;
    changes::announce(&mut tx).await?;
    if let Some(by) = by {
        if by.scope.role != ContextRole::Service {
            // Stays until both assistants sign with it, whatever happens to this process.
            jobs::request(&mut tx, ENSURE_ASSISTANTS).await?;
        }
        by.record(&mut tx, services, "webhook_secret.rotated", SOURCE, Ended::Success, scheme).await?;
    }
    tx.commit().await?;
    services.evict(org);
    Ok(LiveSecret { id, auth })
}

/// Takes back a secret that no assistant could be told to use.
pub(super) async fn discard(services: &Services, org: OrgId, client: &VapiClient<'_>, secret: &LiveSecret) {
    let discarded = async {
        if let ServerAuth::Credential(id) = &secret.auth {
            client.delete_credential(*id).await.map_err(|error| provider_error(&error))?;
        }
        let mut tx = OrgTx::service(&services.pool, org).await?;
        webhook_secrets::delete(&mut tx, secret.id).await?;
        tx.commit().await?;
        Ok::<(), IntegrationError>(())
    };
    if let Err(error) = discarded.await {
        tracing::warn!(error = &error as &dyn std::error::Error, %org, "a webhook credential that nobody uses stays at Vapi");
    }
}

/// Gives all other secrets their end: the assistants sign with this one.
pub(super) async fn let_others_end(tx: &mut OrgTx, secret: &LiveSecret) -> Result<(), DbError> {
    webhook_secrets::expire_others(tx, SOURCE, secret.id, OVERLAP_HOURS * 60).await
}

/// How a rotation went on.
#[derive(Debug)]
pub struct Rotated {
    /// Why the assistants do not sign with the new secret yet; the job goes on, and both verify.
    pub waits: Option<String>,
}

impl Rotated {
    /// What happened, for people.
    pub fn sentence(&self) -> String {
        match &self.waits {
            None => format!(
                "The signing secret is rotated. Both assistants sign with the new one; the old one verifies for {OVERLAP_HOURS} more hours."
            ),
            Some(why) => format!(
                "A new signing secret is made, but the assistants do not use it yet. {why} It is tried again by itself, and the old one verifies until then."
            ),
        }
    }
}

/// Makes a new secret and tells both assistants. The old one verifies until they sign with the new
/// one, and a day longer.
pub async fn rotate(services: &Services, caller: &Caller) -> Result<Rotated, IntegrationError> {
    caller.require_configure(services, "webhook_secret.rotated", SOURCE).await?;
    let org = caller.org();
    let holder = ensure::wait_for_lease(services, org).await?;
    let made = make_next(services, caller).await;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    jobs::release_lease(&mut tx, ENSURE_ASSISTANTS, holder).await?;
    tx.commit().await?;
    made?;
    match ensure::ensure_assistants(services, org).await {
        Ok(_) => Ok(Rotated { waits: None }),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, "the assistants do not sign with the new secret yet");
            Ok(Rotated { waits: Some(error.sentence()) })
        }
    }
}

async fn make_next(services: &Services, caller: &Caller) -> Result<(), IntegrationError> {
    let org = caller.org();
    let opened = services.vault.open::<VapiCredentials>(org).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let live = webhook_secrets::list_live(&mut tx, SOURCE).await?;
    tx.commit().await?;
    if live.len() >= MOST_LIVE {
        return Err(IntegrationError::RotatedTooOften);
    }
    make(services, org, &ensure::client(services, org, &opened.credentials), Some(caller)).await?;
    Ok(())
}

/// Deletes what verifies no more: at Vapi, then here. Without a usable key for Vapi it waits, for
/// `old_days` at most.
pub async fn delete_ended(services: &Services, org: OrgId, old_days: i32) -> Result<(), IntegrationError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let ended = webhook_secrets::list_ended(&mut tx, SOURCE, old_days, DELETIONS).await?;
    tx.commit().await?;
    let opened = match services.vault.open::<VapiCredentials>(org).await {
        Ok(opened) => Some(opened),
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => None,
    };
    for row in ended {
        let at_vapi = row.provider_credential_id.as_deref().and_then(|id| id.parse().ok());
        let is_deleted = match (at_vapi, &opened) {
            (None, _) => true,
            (Some(id), Some(opened)) => {
                let client = ensure::client(services, org, &opened.credentials);
                // Of another account than the connected one: as good as gone.
                let deleted = client.delete_credential(id).await;
                if let Err(error) = &deleted {
                    tracing::warn!(error = error as &dyn std::error::Error, %org, "an ended webhook credential is still at Vapi");
                }
                deleted.is_ok()
            }
            (Some(_), None) => false,
        };
        if !is_deleted && !row.is_old {
            continue;
        }
        let mut tx = OrgTx::service(&services.pool, org).await?;
        if webhook_secrets::delete(&mut tx, row.id).await? {
            let details = if is_deleted { "" } else { "could not be deleted at Vapi" };
            let caller = Caller::service(org);
            caller
                .record(&mut tx, services, "webhook_secret.deleted", SOURCE, Ended::Success, details)
                .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
