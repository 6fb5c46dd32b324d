//! Testing again what is stored, and bringing an earlier version back.

use super::connect::run_test;
use super::save::{self, PutInUse, findings};
use super::{Caller, IntegrationError};
use crate::audit::Ended;
use crate::db::credentials::CredentialRow;
use crate::db::{OrgTx, account_marks, changes, credentials, integrations};
use crate::domain::{Account, CredentialId, Outcome};
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

    let spec = catalogue::find(provider).spec();
    let account_found = match report.outcome {
        Outcome::Accepted => save::fingerprint(services, spec, &fields, &report).await?,
        _ => None,
    };
    // Recorded as the service: members see state but own no right to write it.
    let recorder = Caller { access: crate::db::Access::Service(caller.org()), ..caller.clone() };
    let mut tx = recorder.begin(services).await?;
    if integrations::record_findings(&mut tx, card, row.id, &findings(&report)).await? {
        save::note(&mut tx, card, provider, &report).await?;
        if account_found.is_some() {
            account_marks::note_account(&mut tx, card, report.identity.as_deref(), account_found.as_ref())
                .await?;
        }
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

/// How a restore ended.
#[derive(Debug)]
pub enum Restored {
    InUse(TestReport),
    /// Nothing was changed: the provider refused, or nobody could tell while another credential is in use.
    NotRestored(TestReport),
}

/// Brings an earlier version back. It is tested first: a key that no longer works stays where it is,
/// and one that nobody could test takes the place of nothing that is in use.
///
/// # Errors
/// [`IntegrationError::RestoresOtherAccount`] where it belongs to another account than the one in use.
pub async fn restore(
    services: &Services,
    caller: &Caller,
    account: impl Into<Account>,
    credential: Option<CredentialId>,
) -> Result<Restored, IntegrationError> {
    let account = account.into();
    let provider = account.provider;
    caller.require_configure(services, ACTION, &account.target()).await?;
    let spec = catalogue::find(provider).spec();
    if spec.oauth().is_some() {
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

    let fields = open_or_record(services, caller, ACTION, &account, &row).await?;
    let report = run_test(services, caller, catalogue::find(provider), &fields, None).await;
    let fingerprint = save::fingerprint(services, spec, &fields, &report).await?;

    let mut tx = caller.begin(services).await?;
    let card = integrations::lock(&mut tx, &account).await?.ok_or(IntegrationError::NothingToRestore)?;
    let is_in_use = card.active_credential_id.is_some();
    if report.outcome == Outcome::Refused || (is_in_use && report.outcome == Outcome::Undetermined) {
        record(&mut tx, services, caller, &account, Ended::Failure, report.outcome.as_str()).await?;
        tx.commit().await?;
        return Ok(Restored::NotRestored(kept(report)));
    }
    if is_in_use && save::is_other_account(card.identity.as_deref(), &report) {
        record(&mut tx, services, caller, &account, Ended::Failure, "another account").await?;
        tx.commit().await?;
        return Err(IntegrationError::RestoresOtherAccount { provider });
    }
    if let Some(active) = card.active_credential_id {
        credentials::mark_superseded(&mut tx, active).await?;
    }
    credentials::mark_current(&mut tx, row.id).await?;
    let used = PutInUse { card: &card, provider, credential: row.id, report: &report, fingerprint };
    used.put(&mut tx, caller, !is_in_use).await?;
    changes::announce(&mut tx).await?;
    record(&mut tx, services, caller, &account, Ended::Success, report.outcome.as_str()).await?;
    tx.commit().await?;
    services.evict(caller.org());
    Ok(Restored::InUse(report))
}

const ACTION: &str = "integration.restored";

async fn record(
    tx: &mut OrgTx,
    services: &Services,
    caller: &Caller,
    account: &Account,
    ended: Ended,
    details: &str,
) -> Result<(), IntegrationError> {
    caller.record(tx, services, ACTION, &account.target(), ended, details).await
}

/// Where nobody could tell, what that means for the credential in use.
fn kept(report: TestReport) -> TestReport {
    if report.outcome != Outcome::Undetermined {
        return report;
    }
    let headline =
        format!("{} Nothing was brought back: the credential in use stays as it is.", report.headline);
    TestReport { headline, ..report }
}
