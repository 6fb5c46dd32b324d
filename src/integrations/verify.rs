//! Testing again what is stored, and bringing an earlier version back.

use super::connect::run_test;
use super::save::{self, ENSURE_ASSISTANTS, findings};
use super::{Caller, IntegrationError, voice_key};
use crate::audit::Ended;
use crate::db::credentials::CredentialRow;
use crate::db::integrations::{self, PRIMARY};
use crate::db::{changes, credentials, jobs};
use crate::domain::{CredentialId, Outcome, ProviderId};
use crate::providers::{TestReport, catalogue};
use crate::state::Services;
use crate::vault::SecretFields;

/// Tests the active credential of a provider and records what was found. Members may do this too:
/// it shows state and changes nothing at the provider.
pub async fn verify(
    services: &Services,
    caller: &Caller,
    provider: ProviderId,
) -> Result<TestReport, IntegrationError> {
    let mut tx = caller.begin(services).await?;
    // No lock: a member may not take one, and what is found is recorded only for this version.
    let card = integrations::find_id(&mut tx, provider, PRIMARY)
        .await?
        .ok_or(IntegrationError::NotConnected(provider))?;
    let row =
        credentials::find_active(&mut tx, card).await?.ok_or(IntegrationError::NotConnected(provider))?;
    tx.commit().await?;

    let fields = open_or_record(services, caller, "integration.verified", provider, &row).await?;
    let report = run_test(services, caller, catalogue::find(provider), &fields, None).await;

    // Recorded as the service: members see state but own no right to write it.
    let recorder = Caller { access: crate::db::Access::Service(caller.org()), ..caller.clone() };
    let mut tx = recorder.begin(services).await?;
    if integrations::record_findings(&mut tx, card, row.id, &findings(&report)).await? {
        save::note(&mut tx, card, provider, &report).await?;
    }
    changes::announce(&mut tx).await?;
    let ended = if report.outcome == Outcome::Accepted { Ended::Success } else { Ended::Failure };
    caller
        .record(&mut tx, services, "integration.verified", provider.as_str(), ended, report.outcome.as_str())
        .await?;
    tx.commit().await?;
    services.evict(caller.org());
    Ok(report)
}

/// Opens a stored version. One that does not open was moved, damaged, or sealed with a lost key:
/// whichever it is belongs into the trail.
async fn open_or_record(
    services: &Services,
    caller: &Caller,
    action: &'static str,
    provider: ProviderId,
    row: &CredentialRow,
) -> Result<SecretFields, IntegrationError> {
    let opened = save::open(services, caller.org(), provider, row.id, row.sealed.clone()).await;
    if let Err(IntegrationError::Vault(error)) = &opened
        && error.is_unreadable()
    {
        let mut tx = caller.begin(services).await?;
        caller.record(&mut tx, services, action, provider.as_str(), Ended::Failure, "unreadable").await?;
        tx.commit().await?;
    }
    opened
}

/// Brings an earlier version back. It is tested first: a key that no longer works stays where it is.
pub async fn restore(
    services: &Services,
    caller: &Caller,
    provider: ProviderId,
    credential: Option<CredentialId>,
) -> Result<TestReport, IntegrationError> {
    caller.require_configure(services, "integration.restored", provider.as_str()).await?;
    if catalogue::find(provider).spec().oauth().is_some() {
        return Err(IntegrationError::MustReconnect(provider));
    }
    let mut tx = caller.begin(services).await?;
    let rows = integrations::list(&mut tx, services.restore_days).await?;
    let card = rows
        .into_iter()
        .find(|row| row.provider_id() == Some(provider) && row.label == PRIMARY)
        .ok_or(IntegrationError::NothingToRestore)?;
    let wanted =
        credential.or(card.restorable_id.map(CredentialId)).ok_or(IntegrationError::NothingToRestore)?;
    let row = credentials::find_restorable(&mut tx, wanted, services.restore_days)
        .await?
        .filter(|row| row.integration_id == card.id);
    tx.commit().await?;
    let row = row.ok_or(IntegrationError::NothingToRestore)?;

    let fields = open_or_record(services, caller, "integration.restored", provider, &row).await?;
    let report = run_test(services, caller, catalogue::find(provider), &fields, None).await;
    if report.outcome == Outcome::Refused {
        let mut tx = caller.begin(services).await?;
        caller
            .record(&mut tx, services, "integration.restored", provider.as_str(), Ended::Failure, "refused")
            .await?;
        tx.commit().await?;
        return Ok(report);
    }

    let mut tx = caller.begin(services).await?;
    let card =
        integrations::lock(&mut tx, provider, PRIMARY).await?.ok_or(IntegrationError::NothingToRestore)?;
    if let Some(active) = card.active_credential_id {
        credentials::mark_superseded(&mut tx, active).await?;
    }
    credentials::mark_current(&mut tx, row.id).await?;
    integrations::activate(&mut tx, card.id, row.id, &findings(&report), caller.user()).await?;
    save::note(&mut tx, card.id, provider, &report).await?;
    if provider == ProviderId::Vapi {
        jobs::request(&mut tx, ENSURE_ASSISTANTS).await?;
    }
    voice_key::request_if_needed(&mut tx, provider).await?;
    changes::announce(&mut tx).await?;
    caller
        .record(
            &mut tx,
            services,
            "integration.restored",
            provider.as_str(),
            Ended::Success,
            report.outcome.as_str(),
        )
        .await?;
    tx.commit().await?;
    services.evict(caller.org());
    Ok(report)
}
