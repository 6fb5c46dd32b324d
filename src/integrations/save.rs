//! Storing what was tested: as the active version of a card, or as a draft.

use serde_json::{Value, json};

use super::fields::hints;
use super::grant::{self, SealedGrant};
use super::tokens::providers_of_issuer;
use super::{Caller, IntegrationError, voice_key};
use crate::audit::Ended;
use crate::db::credentials::{self, NewCredential};
use crate::db::integrations::{self, Findings, LockedIntegration};
use crate::db::{OrgTx, account_marks, changes, fresh_id, jobs, webhook_secrets};
use crate::domain::account::MOST_ACCOUNTS;
use crate::domain::card::Verification;
use crate::domain::provider::ProviderSpec;
use crate::domain::{Account, CredentialId, IntegrationId, OrgId, Outcome, ProviderId};
use crate::providers::{TestReport, catalogue};
use crate::state::Services;
use crate::vault::{Place, Sealed, SecretFields, VaultError};

/// The job that makes the assistants at Vapi.
pub const ENSURE_ASSISTANTS: &str = "ensure_assistants";

/// The place that a credential's secret is bound to.
pub const fn place(org: OrgId, provider: ProviderId, id: CredentialId) -> Place<'static> {
    Place {
        org: Some(org),
        table: "org_credentials",
        column: "sealed",
        provider: provider.as_str(),
        row: id.0,
    }
}

/// What a test found, as the card keeps it.
pub fn findings(report: &TestReport) -> Findings<'_> {
    Findings {
        status: match report.outcome {
            Outcome::Accepted => Verification::Verified,
            Outcome::Refused => Verification::Failed,
            Outcome::Undetermined => Verification::Undetermined,
        },
        capabilities: &report.capabilities,
        identity: report.identity.as_deref(),
        identity_name: report.identity_name.as_deref(),
        error: (report.outcome != Outcome::Accepted).then_some(report.headline.as_str()),
        fix: report.fix.as_ref().map(|fix| (&*fix.text, &*fix.url)),
    }
}

/// A form on its way into the database: sealed before the transaction begins, under an id of its own.
struct SealedForm {
    id: CredentialId,
    provider: ProviderId,
    sealed: Sealed,
    hint: Value,
}

impl SealedForm {
    async fn seal(
        services: &Services,
        caller: &Caller,
        spec: &ProviderSpec,
        fields: &SecretFields,
    ) -> Result<Self, IntegrationError> {
        let id: CredentialId = fresh_id();
        let sealed = services.vault.seal(&place(caller.org(), spec.id, id), fields.encode().expose()).await?;
        Ok(Self { id, provider: spec.id, sealed, hint: hints(spec, fields) })
    }

    async fn insert(
        &self,
        tx: &mut OrgTx,
        caller: &Caller,
        card: IntegrationId,
        report: &Value,
        is_draft: bool,
    ) -> Result<(), IntegrationError> {
        let row = NewCredential {
            id: self.id,
            integration: card,
            provider: self.provider.as_str(),
            sealed: self.sealed.as_bytes(),
            key_version: self.sealed.key_version(),
            hint: &self.hint,
            report,
            is_draft,
            by: caller.user(),
        };
        Ok(credentials::insert(tx, &row).await?)
    }
}

/// What becomes the active version of a card.
pub(super) struct Saving<'a> {
    pub account: &'a Account,
    pub fields: &'a SecretFields,
    pub report: &'a TestReport,
    pub used_draft: Option<CredentialId>,
    pub allow_other_account: bool,
    /// What a consent gave, where it was one.
    pub grant: Option<&'a SealedGrant>,
}

/// Makes tested fields the active version of the card. Everything that follows from it (news to
/// other processes, the job for the assistants, the row of the trail) is in the same transaction.
pub(super) async fn save_active(
    services: &Services,
    caller: &Caller,
    saving: Saving<'_>,
) -> Result<CredentialId, IntegrationError> {
    let Saving { account, fields, report, used_draft, allow_other_account, grant } = saving;
    let spec = catalogue::find(account.provider).spec();
    let form = SealedForm::seal(services, caller, spec, fields).await?;
    let fingerprint = fingerprint(services, spec, fields, report).await?;
    let mut tx = caller.begin(services).await?;
    let card = lock_card(&mut tx, caller, account).await?;
    if !allow_other_account
        && card.active_credential_id.is_some()
        && is_other_account(card.identity.as_deref(), report)
    {
        return Err(IntegrationError::OtherAccount { provider: spec.id });
    }
    // Behind the card's lock: of two requests with the same draft, one finds it gone.
    if !delete_drafts(&mut tx, used_draft).await? {
        return Err(IntegrationError::DraftGone);
    }
    if let Some(old) = card.active_credential_id {
        credentials::mark_superseded(&mut tx, old).await?;
    }
    form.insert(&mut tx, caller, card.id, &json!(report), false).await?;
    if let Some(grant) = grant {
        grant::insert(&mut tx, grant).await?;
    }
    let used = PutInUse { card: &card, provider: spec.id, credential: form.id, report, fingerprint };
    used.put(&mut tx, caller, allow_other_account || card.active_credential_id.is_none()).await?;
    changes::announce(&mut tx).await?;
    let action =
        if card.active_credential_id.is_some() { "integration.replaced" } else { "integration.connected" };
    caller
        .record(&mut tx, services, action, &account.target(), Ended::Success, report.outcome.as_str())
        .await?;
    tx.commit().await?;
    services.evict(caller.org());
    Ok(form.id)
}

/// A stored version on its way to being the one that is used.
pub(super) struct PutInUse<'a> {
    pub card: &'a LockedIntegration,
    pub provider: ProviderId,
    pub credential: CredentialId,
    pub report: &'a TestReport,
    pub fingerprint: Option<[u8; 32]>,
}

impl PutInUse<'_> {
    /// Makes it the active version of its locked card, with what follows from that for calls. What was
    /// active before has been marked already.
    pub(super) async fn put(
        self,
        tx: &mut OrgTx,
        caller: &Caller,
        may_be_another_account: bool,
    ) -> Result<(), IntegrationError> {
        let Self { card, provider, credential, report, fingerprint } = self;
        let found = findings(report);
        integrations::activate(tx, card.id, credential, &found, may_be_another_account, caller.user())
            .await?;
        // Where the test could not tell, what is known of the account stays known.
        if may_be_another_account || report.identity.is_some() || card.identity.is_none() {
            account_marks::set_fingerprint(tx, card.id, fingerprint.as_ref()).await?;
        }
        note(tx, card.id, provider, report).await?;
        // Calls use the primary account, so nothing at Vapi follows another one.
        if provider == ProviderId::Vapi && card.is_primary {
            // A webhook credential belongs to one Vapi organization and is of no use in another.
            if card.identity.is_none() || card.identity != report.identity {
                webhook_secrets::end_all(tx, provider.as_str()).await?;
            }
            jobs::request(tx, ENSURE_ASSISTANTS).await?;
        }
        if card.is_primary {
            voice_key::request_if_needed(tx, provider).await?;
        }
        Ok(())
    }
}

/// What tells an account from others without telling which it is: a keyed hash of the provider's own
/// identifier, or of the key where a test shows none.
pub(super) async fn fingerprint(
    services: &Services,
    spec: &ProviderSpec,
    fields: &SecretFields,
    report: &TestReport,
) -> Result<Option<[u8; 32]>, VaultError> {
    if let Some(identity) = &report.identity {
        return fingerprint_of(services, spec.id, identity).await.map(Some);
    }
    let Some(key) = spec.fields.iter().filter(|field| field.secret).find_map(|field| fields.find(field.key))
    else {
        return Ok(None);
    };
    let purpose = format!("key of {}", spec.id.as_str());
    services.vault.fingerprint(&purpose, key.expose().as_bytes()).await.map(Some)
}

/// The same of an identifier that is known.
pub(super) async fn fingerprint_of(
    services: &Services,
    provider: ProviderId,
    identity: &str,
) -> Result<[u8; 32], VaultError> {
    services.vault.fingerprint(provider.as_str(), identity.as_bytes()).await
}

/// The card of an account, locked; made where it is missing and there is room for one more.
async fn lock_card(
    tx: &mut OrgTx,
    caller: &Caller,
    account: &Account,
) -> Result<LockedIntegration, IntegrationError> {
    if integrations::find_id(tx, account).await?.is_none()
        && integrations::lock_all(tx, account.provider).await? >= MOST_ACCOUNTS
    {
        return Err(IntegrationError::TooManyAccounts(account.provider));
    }
    Ok(integrations::lock_or_insert(tx, account, caller.user()).await?)
}

/// Puts what a test noticed onto the card, or takes it back. What stands on Vapi's card is `ensure`'s.
pub(super) async fn note(
    tx: &mut OrgTx,
    card: IntegrationId,
    provider: ProviderId,
    report: &TestReport,
) -> Result<(), IntegrationError> {
    if provider != ProviderId::Vapi && report.outcome == Outcome::Accepted {
        integrations::set_notice(tx, card, report.notice.as_deref()).await?;
    }
    Ok(())
}

/// True where a report names another account than the one that the card is pinned to.
pub fn is_other_account(pinned: Option<&str>, report: &TestReport) -> bool {
    matches!((pinned, report.identity.as_deref()), (Some(old), Some(new)) if old != new)
}

async fn delete_drafts(tx: &mut OrgTx, used: Option<CredentialId>) -> Result<bool, IntegrationError> {
    let with_consents: Vec<&str> = providers_of_issuer().into_iter().map(ProviderId::as_str).collect();
    Ok(credentials::delete_drafts(tx, used, &with_consents).await?)
}

/// Keeps what somebody typed, sealed, for 15 minutes and one use. The test's report goes with it.
pub async fn save_draft(
    services: &Services,
    caller: &Caller,
    account: &Account,
    fields: &SecretFields,
    report: Option<&TestReport>,
    replaces: Option<CredentialId>,
) -> Result<CredentialId, IntegrationError> {
    let spec = catalogue::find(account.provider).spec();
    let form = SealedForm::seal(services, caller, spec, fields).await?;
    let mut tx = caller.begin(services).await?;
    let card = lock_card(&mut tx, caller, account).await?;
    delete_drafts(&mut tx, replaces).await?;
    form.insert(&mut tx, caller, card.id, &json!(report), true).await?;
    let outcome = report.map_or("invalid", |report| report.outcome.as_str());
    caller
        .record(&mut tx, services, "integration.tested", &account.target(), Ended::Failure, outcome)
        .await?;
    tx.commit().await?;
    Ok(form.id)
}

/// Opens a stored version or draft.
pub async fn open(
    services: &Services,
    org: OrgId,
    provider: ProviderId,
    id: CredentialId,
    sealed: Vec<u8>,
) -> Result<SecretFields, IntegrationError> {
    let sealed = Sealed::parse(sealed)?;
    Ok(services.vault.open_fields(&place(org, provider, id), &sealed).await?)
}
