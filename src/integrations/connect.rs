//! Connecting a provider: check, test, then save, or keep a draft and say why not.
//!
//! Only a refusal by the provider blocks. Where nobody could tell (an outage, a timeout), what was
//! typed is kept as a draft and may be saved anyway.

use super::fields::{Submitted, has_typed_secret, is_same, merge};
use super::save::{self, Saving, is_other_account, save_active, save_draft};
use super::{Caller, IntegrationError, Problem, consent, grant, tokens};
use crate::db::credentials;
use crate::db::integrations;
use crate::domain::provider::OAuthSpec;
use crate::domain::{Account, CapabilityResult, CredentialId, OrgId, Outcome, ProviderId};
use crate::providers::egress::{BulkheadKey, Deadline};
use crate::providers::google::GoogleError;
use crate::providers::{Choice, Provider, TestContext, TestReport, catalogue};
use crate::state::Services;
use crate::vault::SecretFields;
use tokio::sync::mpsc;
use url::Url;

/// What somebody asks for when they connect a provider.
#[derive(Debug, Default)]
pub struct ConnectRequest {
    pub fields: Vec<(String, Submitted)>,
    /// What was typed before, kept under this id.
    pub draft: Option<CredentialId>,
    /// Save what could not be tested. Only where the draft's test was undetermined.
    pub save_anyway: bool,
    /// Yes, this is meant to be another account.
    pub switch_account: bool,
    /// Go to the provider's page, although what is stored may do.
    pub sign_in: bool,
}

/// How it ended.
#[derive(Debug)]
pub enum Connected {
    Saved {
        report: TestReport,
        credential: CredentialId,
    },
    /// Fields are not right; nothing was asked of the provider.
    Invalid {
        problems: Vec<Problem>,
        draft: Option<CredentialId>,
    },
    /// The provider refused, or nobody could tell, or it is another account.
    NotSaved {
        report: TestReport,
        draft: CredentialId,
        is_other_account: bool,
    },
    /// Somebody has to consent on the provider's page first.
    Consent {
        url: Url,
    },
    /// What a consent gave was refused, and was given back.
    ConsentRefused {
        report: TestReport,
    },
}

/// How long a test may take altogether.
const TEST_SECONDS: u64 = 20;

/// Connects a provider for the caller's clinic.
///
/// `progress` gets each line of the test as it is known.
pub async fn connect(
    services: &Services,
    caller: &Caller,
    account: impl Into<Account>,
    request: ConnectRequest,
    progress: Option<mpsc::Sender<CapabilityResult>>,
) -> Result<Connected, IntegrationError> {
    let account = account.into();
    caller.require_configure(services, "integration.connected", &account.target()).await?;
    let provider = catalogue::find(account.provider);
    let spec = provider.spec();
    if account.label.is_some() && spec.oauth().is_some() {
        return Err(IntegrationError::OneAccountOnly(spec.id));
    }
    let stored = load_base(services, caller, &account, request.draft).await?;
    let fields = merge(spec, stored.fields.as_ref(), &request.fields);

    if let Some(oauth) = spec.oauth()
        && let Some(done) =
            consent_first(services, caller, provider, oauth, &request, &stored, &fields).await?
    {
        return Ok(done);
    }

    fn saving_of<'a>(
        account: &'a Account,
        fields: &'a SecretFields,
        report: &'a TestReport,
        request: &ConnectRequest,
    ) -> Saving<'a> {
        Saving {
            account,
            fields,
            report,
            used_draft: request.draft,
            allow_other_account: request.switch_account,
            grant: None,
        }
    }
    if request.save_anyway {
        // The report speaks of the draft as it was tested, and of nothing else.
        let is_untouched = request.draft.is_some()
            && stored.fields.as_ref().is_some_and(|tested| is_same(spec, tested, &fields));
        let report = stored.report.filter(|report| is_untouched && report.outcome == Outcome::Undetermined);
        let report = report.ok_or(IntegrationError::DraftGone)?;
        let credential =
            save_active(services, caller, saving_of(&account, &fields, &report, &request)).await?;
        return Ok(Connected::Saved { report, credential });
    }

    let problems = check(provider, &fields);
    if !problems.is_empty() {
        let draft = if has_typed_secret(spec, &request.fields) || request.draft.is_some() {
            Some(save_draft(services, caller, &account, &fields, None, request.draft).await?)
        } else {
            None
        };
        return Ok(Connected::Invalid { problems, draft });
    }

    let report = run_test(services, caller, provider, &fields, progress).await;
    if report.outcome == Outcome::Accepted {
        let saved = save_active(services, caller, saving_of(&account, &fields, &report, &request)).await;
        match saved {
            Ok(credential) => return Ok(Connected::Saved { report, credential }),
            Err(IntegrationError::OtherAccount { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let is_other_account =
        report.outcome == Outcome::Accepted || is_other_account(stored.identity.as_deref(), &report);
    let draft = save_draft(services, caller, &account, &fields, Some(&report), request.draft).await?;
    Ok(Connected::NotSaved { report, draft, is_other_account })
}

/// With a provider that asks for consent: the consent, unless there is one and only a choice changes.
async fn consent_first(
    services: &Services,
    caller: &Caller,
    provider: &dyn Provider,
    oauth: &OAuthSpec,
    request: &ConnectRequest,
    stored: &Base,
    fields: &SecretFields,
) -> Result<Option<Connected>, IntegrationError> {
    if let (Some(draft), true) = (request.draft, request.switch_account) {
        return Ok(Some(grant::switch(services, caller, provider, draft).await?));
    }
    let problems = check(provider, fields);
    if !problems.is_empty() {
        return Ok(Some(Connected::Invalid { problems, draft: None }));
    }
    let has_consent = stored.is_active && tokens::access(services, caller.org()).await.is_ok();
    let is_same_client = oauth
        .client
        .iter()
        .all(|key| stored.fields.as_ref().and_then(|fields| fields.find(key)) == fields.find(key));
    if has_consent && is_same_client && !request.sign_in {
        return Ok(None);
    }
    match consent::start(services, caller, provider.spec(), oauth, fields).await {
        Ok(url) => Ok(Some(Connected::Consent { url })),
        Err(IntegrationError::Invalid(problems)) => Ok(Some(Connected::Invalid { problems, draft: None })),
        Err(error) => Err(error),
    }
}

/// What the submitted fields are put over.
struct Base {
    is_active: bool,
    fields: Option<SecretFields>,
    report: Option<TestReport>,
    identity: Option<String>,
}

/// The draft, where one is named; else what is stored. A stored credential that cannot be read is
/// no obstacle to entering a new one.
async fn load_base(
    services: &Services,
    caller: &Caller,
    account: &Account,
    draft: Option<CredentialId>,
) -> Result<Base, IntegrationError> {
    let id = account.provider;
    let mut tx = caller.begin(services).await?;
    let card = integrations::lock(&mut tx, account).await?;
    let row = match (draft, &card) {
        (Some(draft), _) => {
            Some(credentials::find_draft(&mut tx, draft).await?.ok_or(IntegrationError::DraftGone)?)
        }
        (None, Some(card)) => credentials::find_active(&mut tx, card.id).await?,
        (None, None) => None,
    };
    tx.commit().await?;
    let card_id = card.as_ref().map(|card| card.id);
    let is_active = card.as_ref().is_some_and(|card| card.active_credential_id.is_some());
    let identity = card.and_then(|card| card.active_credential_id.and(card.identity));
    let Some(row) = row else { return Ok(Base { is_active, fields: None, report: None, identity }) };
    // A draft belongs to the account that it was typed for.
    let is_of_account = card_id.is_some_and(|card| card == row.integration_id);
    if row.provider != id.as_str() || !is_of_account {
        return Err(IntegrationError::DraftGone);
    }
    let report = row.report.and_then(|json| serde_json::from_value(json.0).ok());
    match save::open(services, caller.org(), id, row.id, row.sealed).await {
        Ok(fields) => Ok(Base { is_active, fields: Some(fields), report, identity }),
        Err(IntegrationError::Vault(error)) if !error.is_transient() && draft.is_none() => {
            tracing::error!(error = &error as &dyn std::error::Error, org = %caller.org(), "a stored credential does not open");
            Ok(Base { is_active, fields: None, report: None, identity })
        }
        Err(error) => Err(error),
    }
}

fn check(provider: &dyn Provider, fields: &SecretFields) -> Vec<Problem> {
    let problems = provider.check(fields).err().unwrap_or_default();
    problems.into_iter().map(|p| Problem { field: p.field.to_owned(), message: p.message }).collect()
}

/// Tests fields against the provider. Changes nothing anywhere. A provider that asks for consent gets
/// an access token beside them, from the one way to it; one that Google rejects is renewed once.
pub async fn run_test(
    services: &Services,
    caller: &Caller,
    provider: &dyn Provider,
    fields: &SecretFields,
    progress: Option<mpsc::Sender<CapabilityResult>>,
) -> TestReport {
    let org = caller.org();
    let id = provider.spec().id;
    if provider.spec().oauth().is_none() {
        return test_with(services, org, provider, fields, progress).await;
    }
    let access = match tokens::access(services, org).await {
        Ok(access) => access,
        Err(error) => return error.report(id),
    };
    let all = tokens::with_tokens(fields, &access.token, &access.scopes);
    let report = test_with(services, org, provider, &all, progress.clone()).await;
    if report.reference != GoogleError::TokenRejected.reference() {
        return report;
    }
    match tokens::access_after(services, org, &access).await {
        Ok(access) => {
            let all = tokens::with_tokens(fields, &access.token, &access.scopes);
            test_with(services, org, provider, &all, progress).await
        }
        Err(error) => error.report(id),
    }
}

/// Tests fields as they are.
pub(super) async fn test_with(
    services: &Services,
    org: OrgId,
    provider: &dyn Provider,
    fields: &SecretFields,
    progress: Option<mpsc::Sender<CapabilityResult>>,
) -> TestReport {
    provider.test(&context(services, org, provider, progress), fields).await
}

fn context<'a>(
    services: &'a Services,
    org: OrgId,
    provider: &dyn Provider,
    progress: Option<mpsc::Sender<CapabilityResult>>,
) -> TestContext<'a> {
    TestContext {
        egress: &services.egress,
        bases: &services.bases,
        bulkhead: bulkhead(org, provider.spec().id),
        deadline: Deadline::after(std::time::Duration::from_secs(TEST_SECONDS)),
        progress,
    }
}

/// What may be chosen in the connected account. Empty where nobody could tell.
pub async fn choices(services: &Services, caller: &Caller, provider: ProviderId) -> Vec<Choice> {
    let Ok(access) = tokens::access(services, caller.org()).await else { return Vec::new() };
    let provider = catalogue::find(provider);
    let fields = tokens::with_tokens(&SecretFields::new(), &access.token, &access.scopes);
    provider.choices(&context(services, caller.org(), provider, None), &fields).await
}

/// One clinic's failing provider must not slow another clinic's.
pub fn bulkhead(org: OrgId, provider: ProviderId) -> BulkheadKey {
    BulkheadKey(org.0.as_u128() ^ (provider as u128))
}
