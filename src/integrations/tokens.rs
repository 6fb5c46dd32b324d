//! The one way to an access token of Google: the stored one while it lasts, else one refresh, however
//! many ask and in however many processes.
//!
//! In one process those who ask stand in a line; between processes a lease decides, by the database's
//! clock. No connection is held while Google is asked, and what comes back is stored only over the
//! revision that it began with. A refresh runs in a task of its own: somebody who stops waiting does
//! not tear it apart between Google's answer and our commit.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::connect::bulkhead;
pub use super::token_error::TokenError;
use super::{Caller, IntegrationError};
use crate::audit::Ended;
use crate::db::oauth::{self, Refreshed, TokenRow};
use crate::db::{OrgTx, changes, jobs};
use crate::domain::{OrgId, ProviderId};
use crate::providers::google::{self, GoogleError, ISSUER, OAuthClient, TokenService, Tokens};
use crate::providers::report::Explanation;
use crate::providers::{Deadline, catalogue};
use crate::state::{FailedRefresh, Services};
use crate::vault::{Place, Sealed, SecretFields, SecretText};

/// An access token is renewed when it has less than this left, in seconds.
const EARLY: i64 = 60;
/// Longer than a refresh may take, so that a lease never ends under somebody who is at work; and short
/// enough that what a dead process began is done anew within a quarter of a minute.
const LEASE_SECONDS: f64 = 12.0;
const LEASE: &str = "google_refresh";
const REFRESH: Duration = Duration::from_secs(10);
/// How long what Google has answered is held on to while the database is away. A refresh token that was
/// rotated exists nowhere else.
const STORE: Duration = Duration::from_secs(30);
/// How long somebody waits for another process, or for what a dead one left behind.
const WAIT: Duration = Duration::from_secs(20);
/// Who stood in line behind a refresh that failed gets the same answer, instead of asking again.
const SAME_ANSWER: Duration = Duration::from_secs(5);
/// What Google gives a consent to an app whose publishing status is "Testing".
const TESTING_DAYS: f64 = 7.0;

/// Names of the sealed parts of a pair.
pub(super) mod part {
    pub const ACCESS: &str = "accessToken";
    pub const REFRESH: &str = "refreshToken";
}

/// An access token that works, as far as anybody knows.
#[derive(Clone, Debug)]
pub struct Access {
    pub token: SecretText,
    pub scopes: Vec<String>,
    /// Of the pair; tells which token was of no use.
    pub revision: i64,
}

/// The place that a pair is bound to.
pub(super) const fn place(org: OrgId, id: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "oauth_tokens", column: "sealed", provider: ISSUER, row: id }
}

/// The stored pair of an organization, opened.
pub(super) struct Pair {
    pub row: TokenRow,
    pub parts: SecretFields,
}

impl Pair {
    /// The OAuth client that the consent was given to: a pair of one client is of no use with another.
    pub fn client(&self, services: &Services) -> Option<OAuthClient> {
        own_client(&self.parts).or_else(|| services.google.clone())
    }

    fn access(&self, now: OffsetDateTime) -> Option<Access> {
        let is_fresh = self.row.refused_at.is_none() && (self.row.expires_at - now).whole_seconds() > EARLY;
        let token = self.parts.find(part::ACCESS).filter(|_| is_fresh)?;
        Some(Access { token: token.clone(), scopes: self.row.scopes.clone(), revision: self.row.revision })
    }

    fn signed_out(&self, now: OffsetDateTime) -> Option<TokenError> {
        self.row.refused_at.map(|at| self.signed_out_at(at.min(now)))
    }

    fn signed_out_at(&self, at: OffsetDateTime) -> TokenError {
        let days = (at - self.row.consented_at).as_seconds_f64() / 86_400.0;
        TokenError::SignedOut { may_be_testing: (days - TESTING_DAYS).abs() < 1.0 }
    }
}

/// The OAuth client among fields, where a clinic has brought its own.
pub(super) fn own_client(fields: &SecretFields) -> Option<OAuthClient> {
    let [id, secret] = google::CLIENT_FIELDS;
    let filled = |key: &str| fields.find(key).filter(|value| !value.expose().is_empty());
    Some(OAuthClient { id: filled(id)?.expose().to_owned(), secret: filled(secret)?.clone() })
}

/// The row of the stored pair, whether it opens or not.
pub(super) async fn find_row(services: &Services, org: OrgId) -> Result<Option<TokenRow>, IntegrationError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let row = oauth::find_tokens(&mut tx, ISSUER).await?;
    tx.commit().await?;
    Ok(row)
}

/// The stored pair, if there is one.
pub(super) async fn find_pair(services: &Services, org: OrgId) -> Result<Option<Pair>, TokenError> {
    let Some(row) = find_row(services, org).await? else { return Ok(None) };
    let sealed = Sealed::parse(row.sealed.clone())?;
    let parts = services.vault.open_fields(&place(org, row.id), &sealed).await?;
    Ok(Some(Pair { row, parts }))
}

/// Google's token service with a client.
pub(super) fn service<'a>(services: &'a Services, org: OrgId, client: &'a OAuthClient) -> TokenService<'a> {
    TokenService {
        egress: &services.egress,
        base: &services.bases.google_oauth,
        client,
        bulkhead: bulkhead(org, ProviderId::GoogleCalendar),
        deadline: Deadline::after(REFRESH),
    }
}

/// What is known without asking Google; `None` means that a refresh is due.
async fn look(services: &Services, org: OrgId) -> Result<(Pair, Option<Access>), TokenError> {
    let pair = find_pair(services, org).await?.ok_or(TokenError::None)?;
    let now = services.clock.now();
    if let Some(signed_out) = pair.signed_out(now) {
        return Err(signed_out);
    }
    let access = pair.access(now);
    Ok((pair, access))
}

/// An access token of the clinic's consent.
pub async fn access(services: &Services, org: OrgId) -> Result<Access, TokenError> {
    if let (_, Some(access)) = look(services, org).await? {
        return Ok(access);
    }
    let Some(shared) = services.shared() else { return Err(TokenError::Busy) };
    let refresh = tokio::spawn(async move { stand_in_line(&shared, org).await });
    refresh.await.unwrap_or(Err(TokenError::Busy))
}

/// An access token after Google has rejected this one, before its time was over.
pub async fn access_after(services: &Services, org: OrgId, rejected: &Access) -> Result<Access, TokenError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    oauth::expire(&mut tx, ISSUER, rejected.revision).await?;
    tx.commit().await?;
    access(services, org).await
}

async fn stand_in_line(services: &Services, org: OrgId) -> Result<Access, TokenError> {
    let flight = services.flights.of(org);
    let mut last = flight.lock().await;
    let (pair, found) = look(services, org).await?;
    if let Some(access) = found {
        return Ok(access);
    }
    if let Some(failed) = last.as_ref()
        && failed.revision == pair.row.revision
        && failed.at.elapsed() < SAME_ANSWER
    {
        return Err(TokenError::Google(failed.error.clone()));
    }
    let revision = pair.row.revision;
    let result = refresh_under_lease(services, org).await;
    *last = match &result {
        Err(TokenError::Google(error)) => {
            Some(FailedRefresh { at: std::time::Instant::now(), revision, error: error.clone() })
        }
        _ => None,
    };
    result
}

async fn refresh_under_lease(services: &Services, org: OrgId) -> Result<Access, TokenError> {
    let holder = Uuid::now_v7();
    let until = Instant::now() + WAIT;
    while !take_lease(services, org, holder).await? {
        if Instant::now() > until {
            return Err(TokenError::Busy);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        if let (_, Some(access)) = look(services, org).await? {
            return Ok(access);
        }
    }
    // Who held the lease before may have done it already.
    let result = match look(services, org).await {
        Ok((_, Some(access))) => Ok(access),
        Ok((pair, None)) => refresh(services, org, &pair).await,
        Err(error) => Err(error),
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    jobs::release_lease(&mut tx, LEASE, holder).await?;
    tx.commit().await?;
    result
}

async fn take_lease(services: &Services, org: OrgId, holder: Uuid) -> Result<bool, TokenError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let taken = jobs::take_lease(&mut tx, LEASE, holder, LEASE_SECONDS).await?;
    tx.commit().await?;
    Ok(taken)
}

async fn refresh(services: &Services, org: OrgId, pair: &Pair) -> Result<Access, TokenError> {
    let client = pair.client(services).ok_or(TokenError::Google(GoogleError::ClientRejected))?;
    let token = pair.parts.find(part::REFRESH).ok_or(TokenError::None)?;
    match service(services, org, &client).refresh(token).await {
        Ok(tokens) => store(services, org, pair, tokens).await,
        Err(GoogleError::GrantGone) => gone(services, org, pair).await,
        Err(error) => Err(TokenError::Google(error)),
    }
}

/// Stores what a refresh gave, as long as the database can be waited for. Where a new consent came in
/// between, that one counts.
async fn store(services: &Services, org: OrgId, pair: &Pair, tokens: Tokens) -> Result<Access, TokenError> {
    let mut parts = pair.parts.clone();
    parts.insert(part::ACCESS, tokens.access);
    if let Some(refresh) = tokens.refresh {
        parts.insert(part::REFRESH, refresh);
    }
    let scopes = if tokens.scopes.is_empty() { pair.row.scopes.clone() } else { tokens.scopes };
    let expires_at = services.clock.now() + time::Duration::seconds(tokens.expires_in);
    let until = Instant::now() + STORE;
    let is_stored = loop {
        match store_once(services, org, pair, &parts, &scopes, expires_at).await {
            Ok(is_stored) => break is_stored,
            Err(error) if Instant::now() < until => {
                tracing::warn!(error = &error as &dyn std::error::Error, %org, "refreshed tokens could not be stored and are tried again");
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            Err(error) => return Err(error),
        }
    };
    if !is_stored {
        // Either a try before was committed although no answer came, or a new consent was faster.
        tracing::info!(%org, "a token pair was changed while it was refreshed");
    }
    match look(services, org).await? {
        (_, Some(access)) => Ok(access),
        (_, None) => Err(TokenError::Busy),
    }
}

async fn store_once(
    services: &Services,
    org: OrgId,
    pair: &Pair,
    parts: &SecretFields,
    scopes: &[String],
    expires_at: OffsetDateTime,
) -> Result<bool, TokenError> {
    let sealed = services.vault.seal(&place(org, pair.row.id), parts.encode().expose()).await?;
    let refreshed = Refreshed {
        id: pair.row.id,
        revision: pair.row.revision,
        sealed: sealed.as_bytes(),
        key_version: sealed.key_version(),
        scopes,
        expires_at,
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let is_stored = oauth::store_refreshed(&mut tx, &refreshed).await?;
    tx.commit().await?;
    Ok(is_stored)
}

/// Google refused the refresh token. It is looked at once more: only if the pair is still the same
/// has the consent ended. The pair, the cards and the trail say so together, or not at all.
async fn gone(services: &Services, org: OrgId, pair: &Pair) -> Result<Access, TokenError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    if !oauth::mark_refused(&mut tx, ISSUER, pair.row.revision).await? {
        tx.commit().await?;
        return match look(services, org).await? {
            (_, Some(access)) => Ok(access),
            (_, None) => Err(TokenError::Busy),
        };
    }
    let error = pair.signed_out_at(services.clock.now());
    for provider in providers_of_issuer() {
        let Explanation { sentence, fix, url } = error.explain(provider);
        oauth::mark_signed_out(&mut tx, &[provider.as_str()], &sentence, &fix, &url).await?;
    }
    changes::announce(&mut tx).await?;
    Caller::service(org)
        .record(&mut tx, services, "integration.signed_out", ISSUER, Ended::Failure, "invalid_grant")
        .await?;
    tx.commit().await?;
    services.evict(org);
    Err(error)
}

/// The cards that share Google's consent.
pub(super) fn providers_of_issuer() -> Vec<ProviderId> {
    let specs = catalogue::catalogue().iter().map(|provider| provider.spec());
    specs
        .filter(|spec| spec.oauth().is_some_and(|oauth| oauth.issuer == ISSUER))
        .map(|spec| spec.id)
        .collect()
}

/// Gives a pair back to Google. It is gone here in any case; false where Google could not be told.
pub(super) async fn give_back(services: &Services, org: OrgId, pair: &Pair) -> bool {
    let token = pair.parts.find(part::REFRESH).or_else(|| pair.parts.find(part::ACCESS));
    let (Some(client), Some(token)) = (pair.client(services), token) else { return true };
    match service(services, org, &client).revoke(token).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, "a consent could not be given back");
            false
        }
    }
}

/// The fields of a form with the tokens beside them, as a test takes them.
pub(super) fn with_tokens(fields: &SecretFields, token: &SecretText, scopes: &[String]) -> SecretFields {
    let mut all = fields.clone();
    all.insert(google::granted::ACCESS_TOKEN, token.clone());
    all.insert(google::granted::SCOPES, SecretText::new(scopes.join(" ")));
    all
}
