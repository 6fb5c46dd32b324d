//! Tokens of other programs (JWT, RFC 7519), signed by an issuer that the operator trusts.
//!
//! A token is believed only in the algorithm of its issuer: HS256 where we share a secret, an
//! asymmetric one where the issuer publishes keys, never one for the other and never `none`
//! (RFC 8725, 3.1 and 3.2). It must say for whom it is (`aud`), for which clinic (`org_id`) and when
//! it ends (`exp`). What it may do there is decided by the database.

use std::sync::Arc;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use uuid::Uuid;

use crate::domain::{OrgId, Role};
use crate::vault::SecretBytes;

/// How far the clocks of issuer and service may differ, in seconds.
pub const LEEWAY: i64 = 30;
/// The longest token that is looked at, in bytes.
const MOST_BYTES: usize = 8 * 1024;

/// What an issuer signs with.
pub enum IssuerKey {
    /// A shared secret, for HS256.
    Secret(SecretBytes),
    /// Its public keys.
    Published(Arc<JwkSet>),
}

/// Who may have signed, and for whom.
pub struct Issuer {
    pub id: Uuid,
    pub issuer: String,
    pub audience: String,
    pub key: IssuerKey,
}

/// What a token claims, before its signature was looked at. Only good for finding the issuer.
#[derive(Debug)]
pub struct Unverified {
    pub issuer: String,
    pub key_id: Option<String>,
    is_unsigned: bool,
}

/// A program whose token was believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub issuer: Uuid,
    pub org: OrgId,
    pub role: Role,
    /// Who the issuer says it is; for the trail.
    pub subject: String,
    /// Separated by spaces; none where the token names no scope.
    pub scopes: Option<String>,
    /// Unix time from which on it is refused.
    pub ends_at: i64,
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is not a JWT")]
    Malformed,
    #[error("the token is not signed")]
    Unsigned,
    #[error("the token's issuer is not configured")]
    UnknownIssuer,
    #[error("the token's signature does not fit")]
    BadSignature,
    #[error("the token is for another audience")]
    OtherAudience,
    #[error("the token has no expiry")]
    NoExpiry,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    TooEarly,
    #[error("the token names no clinic")]
    NoOrganization,
    #[error("the issuer's keys could not be fetched")]
    KeysUnreachable,
}

impl TokenError {
    /// Stable, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            TokenError::Malformed => "token_malformed",
            TokenError::Unsigned => "token_unsigned",
            TokenError::UnknownIssuer => "token_issuer_unknown",
            TokenError::BadSignature => "token_signature",
            TokenError::OtherAudience => "token_audience",
            TokenError::NoExpiry => "token_without_expiry",
            TokenError::Expired => "token_expired",
            TokenError::TooEarly => "token_too_early",
            TokenError::NoOrganization => "token_without_clinic",
            TokenError::KeysUnreachable => "token_keys_unreachable",
        }
    }

    /// What happened and what to do, for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            TokenError::Malformed => "The bearer token is neither an API key of this service nor a JWT.",
            TokenError::Unsigned => {
                "The token is not signed (its algorithm is \"none\"). Have it signed by its issuer."
            }
            TokenError::UnknownIssuer => {
                "The token's issuer (iss) is not configured here. Ask the operator of this service to add it."
            }
            TokenError::BadSignature => {
                "The token's signature does not fit its issuer's key, or it is signed in another algorithm."
            }
            TokenError::OtherAudience => {
                "The token is made for another service: its audience (aud) is not ours."
            }
            TokenError::NoExpiry => "The token has no expiry (exp). A token must say when it ends.",
            TokenError::Expired => "The token has expired. Get a new one from its issuer.",
            TokenError::TooEarly => "The token is not valid yet (nbf). Compare the clocks.",
            TokenError::NoOrganization => "The token names no clinic: org_id must be the id of a clinic.",
            TokenError::KeysUnreachable => {
                "The keys of the token's issuer could not be fetched right now. Try again in a minute."
            }
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    iss: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    org_id: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    scope: Option<String>,
}

/// Reads who a token claims to be from. Nothing of it is proven yet.
pub fn look(token: &str) -> Result<Unverified, TokenError> {
    if token.len() > MOST_BYTES {
        return Err(TokenError::Malformed);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed);
    };
    let header: Header = read_part(header)?;
    let claims: Named = read_part(claims)?;
    Ok(Unverified {
        issuer: claims.iss.unwrap_or_default(),
        key_id: header.kid,
        is_unsigned: header.alg.eq_ignore_ascii_case("none"),
    })
}

fn read_part<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    use base64::Engine as _;
    let bytes =
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

impl Unverified {
    /// Refuses what no key could make good.
    pub fn require_signature(&self) -> Result<(), TokenError> {
        if self.is_unsigned { Err(TokenError::Unsigned) } else { Ok(()) }
    }
}

/// Whether the issuer's published keys have the one that the token names.
pub fn has_key(keys: &JwkSet, key_id: Option<&str>) -> bool {
    pick(keys, key_id).is_some()
}

/// The key that the token names, or the only one.
fn pick<'a>(keys: &'a JwkSet, key_id: Option<&str>) -> Option<&'a Jwk> {
    match (key_id, keys.keys.as_slice()) {
        (Some(id), _) => keys.find(id),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// Verifies a token against its issuer. `now` is Unix time in seconds.
///
/// # Errors
/// The first thing that is wrong: signature, audience, expiry, clinic, in this order.
pub fn verify(token: &str, issuer: &Issuer, now: i64) -> Result<Bearer, TokenError> {
    let unverified = look(token)?;
    unverified.require_signature()?;
    let (key, algorithms) = match &issuer.key {
        IssuerKey::Secret(secret) => (DecodingKey::from_secret(secret.expose()), vec![Algorithm::HS256]),
        IssuerKey::Published(keys) => {
            let jwk = pick(keys, unverified.key_id.as_deref()).ok_or(TokenError::BadSignature)?;
            let key = DecodingKey::from_jwk(jwk).map_err(|_| TokenError::BadSignature)?;
            (key, asymmetric(jwk))
        }
    };
    let Some(first) = algorithms.first() else { return Err(TokenError::BadSignature) };
    let mut rules = Validation::new(*first);
    rules.algorithms = algorithms;
    // Times are judged below, by the service's own clock.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules.set_required_spec_claims(&["aud", "iss"]);
    rules.set_audience(&[&issuer.audience]);
    rules.set_issuer(&[&issuer.issuer]);
    let claims = decode::<Claims>(token, &key, &rules).map_err(|error| reason(&error))?.claims;

    let end = claims.exp.ok_or(TokenError::NoExpiry)?;
    if end + (LEEWAY as f64) < now as f64 {
        return Err(TokenError::Expired);
    }
    if claims.nbf.is_some_and(|start| start - (LEEWAY as f64) > now as f64) {
        return Err(TokenError::TooEarly);
    }
    let org =
        claims.org_id.as_deref().and_then(|text| text.parse().ok()).ok_or(TokenError::NoOrganization)?;
    // What is not named is not given.
    let role = claims.role.as_deref().and_then(|word| word.parse().ok()).unwrap_or(Role::Member);
    Ok(Bearer {
        issuer: issuer.id,
        org,
        role,
        subject: claims.sub.unwrap_or_default().chars().filter(|c| !c.is_control()).take(80).collect(),
        scopes: claims.scope,
        // A float of any size becomes the nearest time that there is.
        ends_at: (end + LEEWAY as f64) as i64,
    })
}

/// The algorithms that a published key may be used in: its own, if it names one. Never an HMAC: the
/// key is public.
fn asymmetric(jwk: &Jwk) -> Vec<Algorithm> {
    use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, KeyAlgorithm};
    match (&jwk.algorithm, jwk.common.key_algorithm) {
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::RS384)) => vec![Algorithm::RS384],
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::RS512)) => vec![Algorithm::RS512],
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::PS256)) => vec![Algorithm::PS256],
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::RS256) | None) => vec![Algorithm::RS256],
        (AlgorithmParameters::EllipticCurve(key), _) => match key.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => Vec::new(),
        },
        (AlgorithmParameters::OctetKeyPair(_), _) => vec![Algorithm::EdDSA],
        _ => Vec::new(),
    }
}

fn reason(error: &jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidAudience => TokenError::OtherAudience,
        ErrorKind::InvalidIssuer => TokenError::UnknownIssuer,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => TokenError::OtherAudience,
        ErrorKind::Json(_) | ErrorKind::Base64(_) | ErrorKind::Utf8(_) | ErrorKind::InvalidToken => {
            TokenError::Malformed
        }
        _ => TokenError::BadSignature,
    }
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
