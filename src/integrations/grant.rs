//! What a consent gave: redeemed, tested, held against the account that the card is pinned to, and
//! stored with it in one transaction.

use uuid::Uuid;

use super::connect::{Connected, bulkhead, test_with};
use super::consent::{self, Answered, Callback};
use super::consent_refusal::ConsentRefusal;
use super::give_up::Unused;
use super::save::{self, Saving, save_active, save_draft};
use super::tokens::{
    Pair, find_pair, find_row, give_back, own_client, part, place, providers_of_issuer, service, with_tokens,
};
use super::{Caller, IntegrationError};
use crate::audit::Ended;
use crate::db::integrations;
use crate::db::oauth::NewTokens;
use crate::db::{OrgTx, account_marks, credentials, oauth};
use crate::domain::{CredentialId, Outcome, ProviderId};
use crate::providers::google::{self, CLIENT_FIELDS, GoogleError, ISSUER, OAuthClient, TokenService, Tokens};
use crate::providers::{Provider, catalogue};
use crate::state::Services;
use crate::vault::{Sealed, SecretFields, SecretText};

/// Names under which a draft keeps what a consent gave, beside the fields of the form.
mod kept {
    pub const SUBJECT: &str = "subject";
    pub const EMAIL: &str = "email";
    pub const SCOPES: &str = "grantedScopes";
    pub const EXPIRES: &str = "expiresAt";
}

/// A token pair on its way into its row.
#[derive(Clone)]
pub(super) struct Grant {
    /// Access and refresh token, and the clinic's own client where it has one.
    parts: SecretFields,
    subject: String,
    email: Option<String>,
    scopes: Vec<String>,
    expires_at: time::OffsetDateTime,
}

/// A pair that is sealed and waits for its transaction.
pub(super) struct SealedGrant {
    id: Uuid,
    sealed: Sealed,
    replaces: i64,
    grant: Grant,
    consented_at: time::OffsetDateTime,
}

/// How an answer ended.
#[derive(Debug)]
pub struct Finished {
    pub provider: ProviderId,
    pub connected: Connected,
}

/// Takes the answer of the consent page.
///
/// # Errors
/// [`IntegrationError::Consent`] for an answer that is not taken. It stands in the trail.
pub async fn finish(
    services: &Services,
    caller: &Caller,
    callback: &Callback,
) -> Result<Finished, IntegrationError> {
    caller.require_configure(services, "integration.connected", ISSUER).await?;
    let result = match consent::accept(services, caller, callback).await {
        Ok(answered) => redeem(services, caller, answered).await,
        Err(error) => Err(error),
    };
    if let Err(IntegrationError::Consent(refusal)) = &result {
        let mut tx = caller.begin(services).await?;
        caller
            .record(&mut tx, services, "integration.connected", ISSUER, Ended::Failure, refusal.code())
            .await?;
        tx.commit().await?;
    }
    result
}

async fn redeem(
    services: &Services,
    caller: &Caller,
    answered: Answered,
) -> Result<Finished, IntegrationError> {
    let org = caller.org();
    let client = consent::client_of(services, org, &answered.fields).await?;
    let at_google =
        TokenService { bulkhead: bulkhead(org, answered.provider), ..service(services, org, &client) };
    let redirect = services.google_redirect_url();
    let tokens = at_google.redeem(answered.code.expose(), answered.verifier.expose(), &redirect).await;
    let tokens = match tokens {
        Ok(tokens) => tokens,
        Err(GoogleError::GrantGone) => return Err(ConsentRefusal::CodeRefused.into()),
        Err(error) => return Err(provider_error(answered.provider, &error)),
    };
    let unused = Unused::of(&client, &tokens);
    let provider = catalogue::find(answered.provider);
    let judged = match grant_of(services, &client, &answered, tokens) {
        Ok(grant) => judge(services, caller, provider, &answered.fields, grant).await,
        Err(error) => Err(error),
    };
    match judged {
        Ok(connected) => {
            if let Connected::ConsentRefused { .. } = connected {
                unused.give_up(services, org).await;
            }
            Ok(Finished { provider: answered.provider, connected })
        }
        Err(error) => {
            unused.give_up(services, org).await;
            Err(error)
        }
    }
}

fn provider_error(provider: ProviderId, error: &GoogleError) -> IntegrationError {
    let explanation = error.explain(google::api_of(provider));
    IntegrationError::Provider {
        code: Some(if error.is_undetermined() { "provider_unavailable" } else { "provider_refused" }),
        sentence: format!("{} {}", explanation.sentence, explanation.fix),
        is_passing: error.is_undetermined(),
    }
}

/// Holds the identity against what was asked for.
fn grant_of(
    services: &Services,
    client: &OAuthClient,
    answered: &Answered,
    tokens: Tokens,
) -> Result<Grant, IntegrationError> {
    let claims = tokens.identity.ok_or(ConsentRefusal::OtherIdentity)?;
    let is_google = claims.iss == google::ISSUER_URL || claims.iss == "accounts.google.com";
    if !is_google {
        return Err(ConsentRefusal::OtherIssuer.into());
    }
    let is_ours = claims.aud == client.id && claims.nonce.as_deref() == Some(answered.nonce.expose());
    if !is_ours || claims.sub.is_empty() {
        return Err(ConsentRefusal::OtherIdentity.into());
    }
    let mut parts = SecretFields::new();
    parts.insert(part::ACCESS, tokens.access);
    if let Some(refresh) = tokens.refresh {
        parts.insert(part::REFRESH, refresh);
    }
    if services.google.as_ref().is_none_or(|platform| platform.id != client.id) {
        let [id, secret] = CLIENT_FIELDS;
        parts.insert(id, SecretText::new(client.id.clone()));
        parts.insert(secret, client.secret.clone());
    }
    Ok(Grant {
        parts,
        subject: claims.sub,
        email: claims.email,
        scopes: tokens.scopes,
        expires_at: services.clock.now() + time::Duration::seconds(tokens.expires_in),
    })
}

/// Tests what the consent gave, and stores it unless it is refused or another account's.
async fn judge(
    services: &Services,
    caller: &Caller,
    provider: &dyn Provider,
    fields: &SecretFields,
    grant: Grant,
) -> Result<Connected, IntegrationError> {
    let spec = provider.spec();
    let token = grant.parts.find(part::ACCESS).cloned().unwrap_or_else(|| SecretText::new(String::new()));
    let all = with_tokens(fields, &token, &grant.scopes);
    let mut report = test_with(services, caller.org(), provider, &all, None).await;
    report.identity = Some(grant.subject.clone());
    report.identity_name = report.identity_name.or_else(|| grant.email.clone());
    let stored = find_pair(services, caller.org()).await.ok().flatten();
    if report.outcome == Outcome::Refused {
        let mut tx = caller.begin(services).await?;
        caller
            .record(&mut tx, services, "integration.tested", spec.id.as_str(), Ended::Failure, "refused")
            .await?;
        tx.commit().await?;
        return Ok(Connected::ConsentRefused { report });
    }
    if is_other_account(services, caller, spec.id, stored.as_ref(), &grant.subject).await? {
        let draft =
            save_draft(services, caller, &spec.id.into(), &keep(fields, &grant), Some(&report), None).await?;
        return Ok(Connected::NotSaved { report, draft, is_other_account: true });
    }
    let grant = seal(services, caller, grant, stored.as_ref()).await?;
    let saving = Saving {
        account: &spec.id.into(),
        fields,
        report: &report,
        used_draft: None,
        allow_other_account: true,
        grant: Some(&grant),
    };
    let subject = grant.grant.subject.clone();
    let credential = save_active(services, caller, saving).await?;
    settle_others(services, caller, spec.id, &subject).await?;
    Ok(Connected::Saved { report, credential })
}

/// The other cards of the issuer live on the new pair as well: they belong to its account from now on,
/// and what they can do with it is looked at anew. That ends a sign-out on them, or tells what is missing.
async fn settle_others(
    services: &Services,
    caller: &Caller,
    saved: ProviderId,
    subject: &str,
) -> Result<(), IntegrationError> {
    for other in providers_of_issuer().into_iter().filter(|other| *other != saved) {
        let fingerprint = save::fingerprint_of(services, other, subject).await?;
        let mut tx = caller.begin(services).await?;
        let card = integrations::lock(&mut tx, &other.into()).await?;
        let card = card.filter(|card| card.active_credential_id.is_some());
        if let Some(card) = &card {
            account_marks::pin_identity(&mut tx, card.id, subject, &fingerprint).await?;
        }
        tx.commit().await?;
        if card.is_some()
            && let Err(error) = super::verify::verify(services, caller, other).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, org = %caller.org(), "a card could not be looked at after a consent");
        }
    }
    Ok(())
}

async fn is_other_account(
    services: &Services,
    caller: &Caller,
    provider: ProviderId,
    stored: Option<&Pair>,
    subject: &str,
) -> Result<bool, IntegrationError> {
    if stored.is_some_and(|pair| pair.row.subject != subject) {
        return Ok(true);
    }
    let mut tx = caller.begin(services).await?;
    let card = integrations::lock(&mut tx, &provider.into()).await?;
    tx.commit().await?;
    let pinned = card.and_then(|card| card.active_credential_id.and(card.identity));
    Ok(pinned.is_some_and(|pinned| pinned != subject))
}

/// Everything of a consent, as a draft keeps it until somebody confirms the other account.
fn keep(fields: &SecretFields, grant: &Grant) -> SecretFields {
    let mut all = fields.clone();
    for (name, value) in grant.parts.iter() {
        all.insert(name, value.clone());
    }
    let text = |text: &str| SecretText::new(text.to_owned());
    all.insert(kept::SUBJECT, text(&grant.subject));
    all.insert(kept::EMAIL, text(grant.email.as_deref().unwrap_or_default()));
    all.insert(kept::SCOPES, text(&grant.scopes.join(" ")));
    all.insert(kept::EXPIRES, text(&grant.expires_at.unix_timestamp().to_string()));
    all
}

/// What a draft keeps of a consent that nobody has confirmed.
pub(super) fn unconfirmed(services: &Services, draft: &SecretFields) -> Option<Unused> {
    let grant = unkeep(draft)?;
    let client = own_client(&grant.parts).or_else(|| services.google.clone())?;
    let token = grant.parts.find(part::REFRESH).or_else(|| grant.parts.find(part::ACCESS))?.clone();
    Some(Unused { client, token, subject: Some(grant.subject) })
}

fn unkeep(draft: &SecretFields) -> Option<Grant> {
    let text = |name: &str| draft.find(name).map(|value| value.expose().to_owned());
    let mut parts = SecretFields::new();
    for name in [part::ACCESS, part::REFRESH, CLIENT_FIELDS[0], CLIENT_FIELDS[1]] {
        if let Some(value) = draft.find(name) {
            parts.insert(name, value.clone());
        }
    }
    let expires_at = time::OffsetDateTime::from_unix_timestamp(text(kept::EXPIRES)?.parse().ok()?).ok()?;
    Some(Grant {
        parts,
        subject: text(kept::SUBJECT)?,
        email: text(kept::EMAIL).filter(|email| !email.is_empty()),
        scopes: text(kept::SCOPES)?.split(' ').map(str::to_owned).collect(),
        expires_at,
    })
}

/// The confirmed step to another account: what the draft keeps takes the place of what is stored, and
/// the old consent is given back.
pub(super) async fn switch(
    services: &Services,
    caller: &Caller,
    provider: &dyn Provider,
    draft: CredentialId,
) -> Result<Connected, IntegrationError> {
    let spec = provider.spec();
    let mut tx = caller.begin(services).await?;
    let row = credentials::find_draft(&mut tx, draft).await?;
    tx.commit().await?;
    let row = row.filter(|row| row.provider == spec.id.as_str()).ok_or(IntegrationError::DraftGone)?;
    let report = row.report.and_then(|report| serde_json::from_value(report.0).ok());
    let opened = save::open(services, caller.org(), spec.id, row.id, row.sealed).await?;
    let (Some(grant), Some(report)) = (unkeep(&opened), report) else {
        return Err(IntegrationError::DraftGone);
    };
    let mut fields = SecretFields::new();
    for field in spec.fields {
        if let Some(value) = opened.find(field.key) {
            fields.insert(field.key, value.clone());
        }
    }
    let old = find_pair(services, caller.org()).await.ok().flatten();
    let grant = seal(services, caller, grant, old.as_ref()).await?;
    let saving = Saving {
        account: &spec.id.into(),
        fields: &fields,
        report: &report,
        used_draft: Some(draft),
        allow_other_account: true,
        grant: Some(&grant),
    };
    let credential = save_active(services, caller, saving).await?;
    settle_others(services, caller, spec.id, &grant.grant.subject).await?;
    if let Some(old) = old.filter(|old| old.row.subject != grant.grant.subject) {
        give_back(services, caller.org(), &old).await;
    }
    Ok(Connected::Saved { report, credential })
}

/// Seals a pair under its row's id. Without a new refresh token the stored one goes on, if it belongs
/// to the same account and client.
async fn seal(
    services: &Services,
    caller: &Caller,
    mut grant: Grant,
    stored: Option<&Pair>,
) -> Result<SealedGrant, IntegrationError> {
    let now = services.clock.now();
    let mut consented_at = now;
    if grant.parts.find(part::REFRESH).is_none() {
        let client = |parts: &SecretFields| own_client(parts).map(|client| client.id);
        let kept = stored
            .filter(|pair| pair.row.subject == grant.subject && pair.row.refused_at.is_none())
            .filter(|pair| client(&pair.parts) == client(&grant.parts))
            .and_then(|pair| Some((pair.parts.find(part::REFRESH)?.clone(), pair.row.consented_at)));
        let (refresh, since) = kept.ok_or(ConsentRefusal::NotLasting)?;
        grant.parts.insert(part::REFRESH, refresh);
        consented_at = since;
    }
    // One that does not open is replaced like any other; one that has changed meanwhile is not.
    let row = find_row(services, caller.org()).await?;
    if stored.is_some_and(|pair| row.as_ref().is_none_or(|row| row.revision != pair.row.revision)) {
        return Err(IntegrationError::Busy);
    }
    let id = row.as_ref().map_or_else(Uuid::now_v7, |row| row.id);
    let sealed = services.vault.seal(&place(caller.org(), id), grant.parts.encode().expose()).await?;
    Ok(SealedGrant { id, sealed, replaces: row.map_or(0, |row| row.revision), grant, consented_at })
}

/// Stores a pair in the transaction that activates the card.
pub(super) async fn insert(tx: &mut OrgTx, sealed: &SealedGrant) -> Result<(), IntegrationError> {
    let SealedGrant { id, sealed, replaces, grant, consented_at } = sealed;
    let new = NewTokens {
        id: *id,
        issuer: ISSUER,
        subject: &grant.subject,
        email: grant.email.as_deref(),
        scopes: &grant.scopes,
        sealed: sealed.as_bytes(),
        key_version: sealed.key_version(),
        expires_at: grant.expires_at,
        consented_at: *consented_at,
        replaces: *replaces,
    };
    if oauth::upsert_tokens(tx, &new).await? { Ok(()) } else { Err(IntegrationError::Busy) }
}
