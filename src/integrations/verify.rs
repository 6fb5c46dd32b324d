//! Testing again what is stored, and bringing an earlier version back.

use super::connect::run_test;
use super::save::{self, ENSURE_ASSISTANTS, findings};
use super::{Caller, IntegrationError, voice_key};
use crate::audit::Ended;
use crate::db::credentials::CredentialRow;
use crate::db::integrations;
use crate::db::{changes, credentials, jobs};
use crate::domain::{Account, CredentialId, Outcome, ProviderId};
use crate::providers::{TestReport, catalogue};
use crate::state::Services;
use crate::vault::SecretFields;

/// Tests the active credential of a provider and records what was found. Members may do this too:
/// it shows state and changes nothing at the provider.
pub async fn verify(
    services: &Services,
    caller: &Caller,
    account: impl Into<Account>,
) -> Result<TestReport, IntegrationError> {
    let account = account.into();
    let provider = account.provider;
    let mut tx = caller.begin(services).await?;
    // No lock: a member may not take one, and what is found is recorded only for this version.
    let card =
        integrations::find_id(&mut tx, &account).await?.ok_or(IntegrationError::NotConnected(provider))?;
    let row =
        credentials::find_active(&mut tx, card).await?.ok_or(IntegrationError::NotConnected(provider))?;
    tx.commit().await?;

    let fields = open_or_record(services, caller, "integration.verified", &account, &row).await?;
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
        .record(&mut tx, services, "integration.verified", &account.target(), ended, report.outcome.as_str())
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
    account: &Account,
    row: &CredentialRow,
) -> Result<SecretFields, IntegrationError> {
    let opened = save::open(services, caller.org(), account.provider, row.id, row.sealed.clone()).await;
    if let Err(IntegrationError::Vault(error)) = &opened
        && error.is_unreadable()
    {
        let mut tx = caller.begin(services).await?;
        caller.record(&mut tx, services, action, &account.target(), Ended::Failure, "unreadable").await?;
        tx.commit().await?;
    }
    opened
}

/// Brings an earlier version back. It is tested first: a key that no longer works stays where it is.
pub async fn restore(
    services: &Services,
    caller: &Caller,
    account: impl Into<Account>,
    credential: Option<CredentialId>,
) -> Result<TestReport, IntegrationError> {
    let account = account.into();
    let provider = account.provider;
    caller.require_configure(services, "integration.restored", &account.target()).await?;
    if catalogue::find(provider).spec().oauth().is_some() {
        return Err(IntegrationError::MustReconnect(provider));
    }
    let mut tx = caller.begin(services).await?;
    let rows = integrations::list(&mut tx, services.restore_days).await?;
    let wanted_card = integrations::find_id(&mut tx, &account).await?;
    let card =
        rows.into_iter().find(|row| Some(row.id) == wanted_card).ok_or(IntegrationError::NothingToRestore)?;
    let wanted =
        credential.or(card.restorable_id.map(CredentialId)).ok_or(IntegrationError::NothingToRestore)?;
    let row = credentials::find_restorable(&mut tx, wanted, services.restore_days)
        .await?
        .filter(|row| row.integration_id == card.id);
    tx.commit().await?;
    let row = row.ok_or(IntegrationError::NothingToRestore)?;

    let fields = open_or_record(services, caller, "integration.restored", &account, &row).await?;
    let report = run_test(services, caller, catalogue::find(provider), &fields, None).await;
    if report.outcome == Outcome::Refused {
        let mut tx = caller.begin(services).await?;
        caller
            .record(&mut tx, services, "integration.restored", &account.target(), Ended::Failure, "refused")
            .await?;
        tx.commit().await?;
        return Ok(report);
    }

    let mut tx = caller.begin(services).await?;
    let card = integrations::lock(&mut tx, &account).await?.ok_or(IntegrationError::NothingToRestore)?;
    if let Some(active) = card.active_credential_id {
        credentials::mark_superseded(&mut tx, active).await?;
    }
    credentials::mark_current(&mut tx, row.id).await?;
    integrations::activate(&mut tx, card.id, row.id, &findings(&report), caller.user()).await?;
    save::note(&mut tx, card.id, provider, &report).await?;
    if provider == ProviderId::Vapi && card.is_primary {
        jobs::request(&mut tx, ENSURE_ASSISTANTS).await?;
    }
    if card.is_primary {
        voice_key::request_if_needed(&mut tx, provider).await?;
    }
    changes::announce(&mut tx).await?;
    caller
        .record(
            &mut tx,
            services,
            "integration.restored",
            &account.target(),
            Ended::Success,
            report.outcome.as_str(),
        )
        .await?;
    tx.commit().await?;
    services.evict(caller.org());
    Ok(report)
}
