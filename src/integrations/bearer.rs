//! Finds the issuer of a token and its keys, and lets `auth::tokens` judge.
//!
//! Issuers are remembered for a minute, published keys for ten; a key that is not among them is
//! looked for at most once a minute, so that made-up key ids cost the issuer nothing. What is
//! remembered decides nothing: the database refuses a disabled issuer when the request begins.

use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;
use url::Url;
use uuid::Uuid;

use crate::auth::tokens::{self, Bearer, Issuer, IssuerKey, TokenError};
use crate::db::DbError;
use crate::db::issuers::{self, IssuerRow, NewIssuer};
use crate::domain::{OrgId, Role};
use crate::providers::egress::{ANSWER_LIMIT, Auth, Body, BulkheadKey, Call, Deadline, Method};
use crate::state::Services;
use crate::vault::{Place, Sealed, SecretText, VaultError};

/// How long a caller waits for an issuer's keys.
const FETCH: std::time::Duration = std::time::Duration::from_secs(5);

/// Why a token did not become a caller.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("the issuer's secret could not be opened")]
    Vault(#[from] VaultError),
}

/// An issuer to be added.
pub struct IssuerToAdd<'a> {
    pub issuer: &'a str,
    pub audience: &'a str,
    pub only_organization: Option<OrgId>,
    pub max_role: Role,
    pub key: KeyToAdd,
}

/// What the issuer signs with.
pub enum KeyToAdd {
    Published(Url),
    Secret(SecretText),
}

/// Stores an issuer; the secret is sealed with the platform's data key.
pub async fn add(services: &Services, new: &IssuerToAdd<'_>) -> Result<Uuid, AuthenticateError> {
    let id = Uuid::now_v7();
    let sealed = match &new.key {
        KeyToAdd::Secret(secret) => Some(services.vault.seal(&place(id), secret.expose().as_bytes()).await?),
        KeyToAdd::Published(_) => None,
    };
    let url = match &new.key {
        KeyToAdd::Published(url) => Some(url.as_str()),
        KeyToAdd::Secret(_) => None,
    };
    let row = NewIssuer {
        id,
        issuer: new.issuer,
        audience: new.audience,
        only_organization: new.only_organization,
        max_role: new.max_role.as_str(),
        jwks_url: url,
        sealed_secret: sealed.as_ref().map(|sealed| (sealed.as_bytes(), sealed.key_version())),
    };
    issuers::upsert(&services.pool, &row).await?;
    Ok(id)
}

/// Who brought this token. What they may do is for the database to say.
pub async fn authenticate(services: &Services, token: &str) -> Result<Bearer, AuthenticateError> {
    let claimed = tokens::look(token)?;
    claimed.require_signature()?;
    let row = find(services, &claimed.issuer).await?;
    let key = match (&row.sealed_secret, &row.jwks_url) {
        (Some(sealed), _) => {
            let sealed = Sealed::parse(sealed.clone())?;
            IssuerKey::Secret(services.vault.open_at(&place(row.id), &sealed).await?)
        }
        (None, Some(url)) => {
            IssuerKey::Published(published(services, row.id, url, claimed.key_id.as_deref()).await?)
        }
        (None, None) => return Err(TokenError::UnknownIssuer.into()),
    };
    let issuer = Issuer { id: row.id, issuer: row.issuer.clone(), audience: row.audience.clone(), key };
    Ok(tokens::verify(token, &issuer, services.clock.unix())?)
}

async fn find(services: &Services, issuer: &str) -> Result<Arc<IssuerRow>, AuthenticateError> {
    if let Some(known) = services.issuers.issuers.get(issuer).await {
        return Ok(known);
    }
    let row = issuers::find(&services.pool, issuer).await?.ok_or(TokenError::UnknownIssuer)?;
    let row = Arc::new(row);
    services.issuers.issuers.insert(issuer.to_owned(), row.clone()).await;
    Ok(row)
}

async fn published(
    services: &Services,
    issuer: Uuid,
    url: &str,
    key_id: Option<&str>,
) -> Result<Arc<JwkSet>, TokenError> {
    if let Some(known) = services.issuers.keys.get(&issuer).await
        && (tokens::has_key(&known, key_id) || services.issuers.asked.get(&issuer).await.is_some())
    {
        return Ok(known);
    }
    services.issuers.asked.insert(issuer, ()).await;
    // Whoever comes meanwhile waits for the one request.
    services.issuers.keys.invalidate(&issuer).await;
    let fetched = services.issuers.keys.try_get_with(issuer, fetch(services, issuer, url)).await;
    fetched.map_err(|error| *error)
}

async fn fetch(services: &Services, issuer: Uuid, url: &str) -> Result<Arc<JwkSet>, TokenError> {
    let url = Url::parse(url).map_err(|_| TokenError::KeysUnreachable)?;
    let call = Call {
        method: Method::GET,
        url,
        template: "/{issuer's keys}",
        auth: Auth::None,
        body: Body::Empty,
        bulkhead: BulkheadKey(issuer.as_u128()),
        answer_limit: ANSWER_LIMIT,
    };
    let reply = services.egress.send(call, Deadline::after(FETCH)).await.map_err(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, %issuer, "an issuer's keys were not fetched");
        TokenError::KeysUnreachable
    })?;
    let keys = (reply.status == 200).then(|| serde_json::from_slice(&reply.body).ok()).flatten();
    keys.map(Arc::new).ok_or(TokenError::KeysUnreachable)
}

const fn place(issuer: Uuid) -> Place<'static> {
    Place { org: None, table: "jwt_issuers", column: "sealed_secret", provider: "", row: issuer }
}
