//! Consent on the provider's own page: how it begins, and what its answer is held against.
//!
//! The answer comes through the person's browser, so nothing in it is believed: not before its state
//! is one that this session began, in this clinic, once, a few minutes ago. What the consent gave is
//! in [`super::grant`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;
use uuid::Uuid;

use super::consent_refusal::ConsentRefusal;
use super::tokens::{find_pair, own_client, providers_of_issuer};
use super::{Caller, IntegrationError, Problem};
use crate::db::oauth::{self, NewAttempt};
use crate::db::{Access, OrgTx};
use crate::domain::provider::{OAuthSpec, ProviderSpec};
use crate::domain::{OrgId, ProviderId};
use crate::providers::catalogue;
use crate::providers::google::oauth::{ConsentRequest, consent_url};
use crate::providers::google::{self, CLIENT_FIELDS, OAuthClient};
use crate::state::Services;
use crate::vault::{Place, Sealed, SecretFields, SecretText, VaultError};

/// Names of what an attempt seals beside the fields of the form.
mod part {
    pub const VERIFIER: &str = "codeVerifier";
    pub const NONCE: &str = "nonce";
}

/// Where a state has its parts: the attempt, the clinic, and what nobody can guess.
const STATE_BYTES: usize = 16 + 16 + 32;

/// What the provider sent back, as it came.
#[derive(Clone, Debug, Default)]
pub struct Callback {
    pub state: Option<String>,
    pub code: Option<String>,
    pub error: Option<String>,
    pub issuer: Option<String>,
}

/// An answer whose state was right.
pub(super) struct Answered {
    pub provider: ProviderId,
    pub code: SecretText,
    pub verifier: SecretText,
    pub nonce: SecretText,
    /// What was typed beside the consent.
    pub fields: SecretFields,
}

fn place(org: OrgId, provider: &str, id: Uuid) -> Place<'_> {
    Place { org: Some(org), table: "oauth_attempts", column: "sealed", provider, row: id }
}

fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(VaultError::Random)?;
    Ok(bytes)
}

fn random_text() -> Result<SecretText, VaultError> {
    Ok(SecretText::new(URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// The clinic that a state says it was begun in; believed only as a question to the database.
pub fn org_of_state(state: &str) -> Option<OrgId> {
    Some(read_state(state)?.1)
}

fn read_state(state: &str) -> Option<(Uuid, OrgId)> {
    let bytes = URL_SAFE_NO_PAD.decode(state).ok().filter(|bytes| bytes.len() == STATE_BYTES)?;
    let id = |at: usize| Uuid::from_slice(&bytes[at..at + 16]).ok();
    Some((id(0)?, OrgId(id(16)?)))
}

/// Begins a consent and gives the address of the provider's page. A program has no browser session to
/// bind it to: it gets the address of the card, where a person can begin.
pub(super) async fn start(
    services: &Services,
    caller: &Caller,
    spec: &ProviderSpec,
    oauth: &OAuthSpec,
    fields: &SecretFields,
) -> Result<Url, IntegrationError> {
    let pair = find_pair(services, caller.org()).await;
    // A pair that does not open is no obstacle to a new consent.
    let pair = pair.ok().flatten();
    let stored = pair.as_ref().and_then(|pair| own_client(&pair.parts));
    let client = own_client(fields).or(stored).or_else(|| services.google.clone());
    let client = client.ok_or_else(|| IntegrationError::Invalid(vec![no_client()]))?;
    let (Access::Session { hash, .. }, Some(user)) = (&caller.access, caller.user()) else {
        return Ok(card_address(services, spec.id));
    };
    let id = Uuid::now_v7();
    let (verifier, nonce) = (random_text()?, random_text()?);
    let state = state_of(id, caller.org())?;
    let mut sealed = fields.clone();
    sealed.insert(part::VERIFIER, verifier.clone());
    sealed.insert(part::NONCE, nonce.clone());
    let word = spec.id.as_str();
    let sealed = services.vault.seal(&place(caller.org(), word, id), sealed.encode().expose()).await?;
    let mut tx = caller.begin(services).await?;
    let lost = match pair.as_ref().filter(|pair| pair.row.refused_at.is_some()) {
        Some(pair) => lost_by_others(&mut tx, spec.id, &pair.row.scopes).await?,
        None => Vec::new(),
    };
    let attempt = NewAttempt {
        id,
        provider: word,
        state_hash: &Sha256::digest(state.as_bytes()),
        session_hash: hash,
        by: user,
        sealed: sealed.as_bytes(),
        key_version: sealed.key_version(),
    };
    oauth::insert_attempt(&mut tx, &attempt).await?;
    tx.commit().await?;
    // With a living consent to the same client, Google need not ask again for what it has. For a
    // permission that is new it does: the refresh token of an earlier consent does not cover it.
    let living = pair.filter(|pair| {
        pair.row.refused_at.is_none() && pair.client(services).is_some_and(|known| known.id == client.id)
    });
    let mut scopes: Vec<&str> =
        google::IDENTITY_SCOPES.into_iter().chain(oauth.scopes.iter().map(|scope| scope.scope)).collect();
    scopes.extend(lost.iter().map(String::as_str));
    Ok(consent_url(
        &services.bases.google_accounts,
        &ConsentRequest {
            client_id: &client.id,
            redirect_uri: &services.google_redirect_url(),
            scopes: &scopes,
            state: &state,
            nonce: nonce.expose(),
            verifier: verifier.expose(),
            login_hint: living.as_ref().and_then(|pair| pair.row.email.as_deref()),
            ask_again: living.as_ref().is_none_or(|pair| {
                oauth.scopes.iter().any(|scope| !pair.row.scopes.iter().any(|had| had == scope.scope))
            }),
        },
    ))
}

/// What the other connected cards of the issuer had and lost with a consent that has ended: one new
/// consent gives all of it back.
async fn lost_by_others(
    tx: &mut OrgTx,
    provider: ProviderId,
    had: &[String],
) -> Result<Vec<String>, IntegrationError> {
    let others: Vec<ProviderId> = providers_of_issuer().into_iter().filter(|id| *id != provider).collect();
    let words: Vec<&str> = others.iter().map(|id| id.as_str()).collect();
    let connected = oauth::list_connected(tx, &words).await?;
    let of_others = others.iter().filter(|id| connected.iter().any(|word| word == id.as_str()));
    let scopes = of_others.filter_map(|id| catalogue::find(*id).spec().oauth()).flat_map(|spec| spec.scopes);
    Ok(scopes.map(|spec| spec.scope.to_owned()).filter(|scope| had.contains(scope)).collect())
}

fn state_of(id: Uuid, org: OrgId) -> Result<String, VaultError> {
    let mut bytes = Vec::with_capacity(STATE_BYTES);
    bytes.extend_from_slice(id.as_bytes());
    bytes.extend_from_slice(org.0.as_bytes());
    bytes.extend_from_slice(&random::<32>()?);
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn no_client() -> Problem {
    Problem {
        field: CLIENT_FIELDS[0].to_owned(),
        message:
            "This service has no Google app of its own. Enter the client ID and the client secret of yours."
                .to_owned(),
    }
}

/// The page on which a person begins a consent.
fn card_address(services: &Services, provider: ProviderId) -> Url {
    let mut url = services.public_url.clone();
    url.set_path("/dashboard/integrations");
    url.set_query(Some(&format!("panel={}", provider.as_str())));
    url
}

/// Holds an answer against what was begun. The attempt is used up by the first answer that comes from
/// the right session; what an answer of another session would use up is not its own.
pub(super) async fn accept(
    services: &Services,
    caller: &Caller,
    callback: &Callback,
) -> Result<Answered, IntegrationError> {
    let state = callback.state.as_deref().filter(|state| !state.is_empty());
    let state = state.ok_or(ConsentRefusal::StateMissing)?;
    let (id, _) =
        read_state(state).filter(|(_, org)| *org == caller.org()).ok_or(ConsentRefusal::StateForged)?;
    let Access::Session { hash, .. } = &caller.access else {
        return Err(ConsentRefusal::OtherSession.into());
    };
    let mut tx = caller.begin(services).await?;
    let attempt = oauth::lock_attempt(&mut tx, id).await?.ok_or(ConsentRefusal::StateForged)?;
    let is_ours: bool = attempt.state_hash.ct_eq(Sha256::digest(state.as_bytes()).as_slice()).into();
    if !is_ours {
        return Err(ConsentRefusal::StateForged.into());
    }
    if attempt.is_used {
        return Err(ConsentRefusal::StateUsed.into());
    }
    if attempt.session_hash != hash {
        return Err(ConsentRefusal::OtherSession.into());
    }
    oauth::use_attempt(&mut tx, id).await?;
    tx.commit().await?;
    if attempt.is_expired {
        return Err(ConsentRefusal::StateExpired.into());
    }
    let provider: ProviderId = attempt.provider.parse().map_err(|()| ConsentRefusal::StateForged)?;
    if callback.issuer.as_deref().is_some_and(|issuer| issuer != google::ISSUER_URL) {
        return Err(ConsentRefusal::OtherIssuer.into());
    }
    match callback.error.as_deref() {
        None => {}
        Some("access_denied") => return Err(ConsentRefusal::Denied.into()),
        Some(_) => return Err(ConsentRefusal::ProviderError.into()),
    }
    let code = callback.code.as_deref().filter(|code| !code.is_empty()).ok_or(ConsentRefusal::CodeMissing)?;
    let sealed = Sealed::parse(attempt.sealed)?;
    let opened = services.vault.open_fields(&place(caller.org(), provider.as_str(), id), &sealed).await?;
    let take = |name: &str| opened.find(name).cloned().ok_or(VaultError::UnreadableFields);
    let mut fields = SecretFields::new();
    for field in catalogue::find(provider).spec().fields {
        if let Some(value) = opened.find(field.key) {
            fields.insert(field.key, value.clone());
        }
    }
    Ok(Answered {
        provider,
        code: SecretText::new(code.to_owned()),
        verifier: take(part::VERIFIER)?,
        nonce: take(part::NONCE)?,
        fields,
    })
}

/// The client that an answer's code belongs to: as it was when the consent began.
pub(super) async fn client_of(
    services: &Services,
    org: OrgId,
    fields: &SecretFields,
) -> Result<OAuthClient, IntegrationError> {
    if let Some(own) = own_client(fields) {
        return Ok(own);
    }
    let stored = find_pair(services, org).await.ok().flatten().and_then(|pair| own_client(&pair.parts));
    stored.or_else(|| services.google.clone()).ok_or_else(|| IntegrationError::Invalid(vec![no_client()]))
}
