//! Extractors: who asks, where from, and what they want back.
//!
//! A [`Visitor`] is only a claim: a cookie, a key or a token. It becomes a `Caller` when the database says
//! so, in the same round trip that begins the transaction. The address of a request is believed
//! from `X-Forwarded-For` only where a trusted proxy wrote it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use tower_http::request_id::RequestId;
use tower_sessions::Session;

use super::error::HttpError;
use crate::audit::Origin;
use crate::auth::{api_keys, session};
use crate::db::{Access, BeginError, OrgTx, Scope};
use crate::domain::access_scope::Needed;
use crate::domain::{OrgId, UserId};
use crate::integrations::Caller;
use crate::integrations::bearer::authenticate;
use crate::state::AppState;

/// Somebody who brought a session cookie, an API key or a token.
#[derive(Clone, Debug)]
pub struct Visitor {
    access: Option<Access>,
    needed: Needed,
    pub origin: Origin,
}

impl Visitor {
    /// Begins a transaction for the visitor's clinic: for pages, which only read.
    pub async fn begin(&self, state: &AppState) -> Result<Begun, HttpError> {
        let access = self.access.as_ref().ok_or_else(HttpError::unauthenticated)?;
        match OrgTx::begin(&state.services.pool, access).await {
            Ok((tx, scope)) => {
                self.require_scope(&scope)?;
                Ok(Begun::In(tx, Box::new(scope)))
            }
            Err(BeginError::NoOrganization { user, email, .. }) => Ok(Begun::Stray { user, email }),
            Err(error) => Err(error.into()),
        }
    }

    /// Keys and tokens may be limited to parts of the interface; sessions never are.
    fn require_scope(&self, scope: &Scope) -> Result<(), HttpError> {
        let Some(scopes) = &scope.scopes else { return Ok(()) };
        if self.needed.is_within(scopes.split_ascii_whitespace()) {
            return Ok(());
        }
        let sentence =
            format!("This needs the scope {}, which the key or token does not have.", self.needed.name());
        Err(HttpError::new(axum::http::StatusCode::FORBIDDEN, "missing_scope", sentence))
    }

    /// Admits the visitor as a caller of use cases. `opened_for` is the clinic that the page was
    /// opened for; where it is no longer the current one, nothing happens.
    pub async fn caller(&self, state: &AppState, opened_for: Option<OrgId>) -> Result<Caller, HttpError> {
        let access = match self.access.clone().ok_or_else(HttpError::unauthenticated)? {
            Access::Session { hash, .. } => Access::Session { hash, expected: opened_for },
            other => other,
        };
        let caller = Caller::admit(&state.services.pool, access, self.origin.clone()).await?;
        self.require_scope(&caller.scope)?;
        // A key belongs to one clinic; a program that means another one is told so as well.
        if opened_for.is_some_and(|org| org != caller.org()) {
            return Err(BeginError::OtherOrganization { org_name: caller.scope.org_name }.into());
        }
        Ok(caller)
    }
}

/// How a page's transaction began.
pub enum Begun {
    In(OrgTx, Box<Scope>),
    /// Signed in, but no longer a member of the clinic that the session is in.
    Stray {
        user: UserId,
        email: String,
    },
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        let origin = origin(parts, state);
        let expected = opened_for(&parts.headers)?;
        let needed = Needed::by(parts.uri.path(), !parts.method.is_safe());
        let access = match bearer(&parts.headers)? {
            Some(key) if key.starts_with(api_keys::PREFIX) => {
                Some(Access::ApiKey { hash: api_keys::hash(key) })
            }
            Some(token) => {
                let bearer = authenticate(&state.services, token).await?;
                Some(Access::Token {
                    issuer: bearer.issuer,
                    org: bearer.org,
                    role: bearer.role,
                    subject: bearer.subject,
                    scopes: bearer.scopes,
                    ends_at: bearer.ends_at,
                })
            }
            None => parts
                .extensions
                .get::<Session>()
                .and_then(Session::id)
                .map(|id| Access::Session { hash: session::hash_id(id), expected }),
        };
        Ok(Self { access, needed, origin })
    }
}

/// The key or token of an `Authorization: Bearer` header. Another scheme is refused rather than
/// ignored.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, HttpError> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let key = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim());
    key.map(Some).ok_or_else(|| {
        HttpError::new(
            axum::http::StatusCode::UNAUTHORIZED,
            "invalid_api_key",
            "The Authorization header must be \"Bearer\" and an API key of this service (vxn_...) or a token of a configured issuer.",
        )
    })
}

/// The clinic that a program or an island says it means (`X-Organization`). One that cannot be read
/// is refused: to act for the current clinic instead might be to act for the wrong one.
pub fn opened_for(headers: &HeaderMap) -> Result<Option<OrgId>, HttpError> {
    let Some(value) = headers.get("x-organization") else { return Ok(None) };
    value.to_str().ok().and_then(|text| text.parse().ok()).map(Some).ok_or_else(|| {
        HttpError::new(
            axum::http::StatusCode::BAD_REQUEST,
            "clinic_unreadable",
            "The X-Organization header is not the id of a clinic. Nothing was done.",
        )
    })
}

impl FromRequestParts<AppState> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        Ok(origin(parts, state))
    }
}

fn origin(parts: &Parts, state: &AppState) -> Origin {
    let text = |value: Option<&axum::http::HeaderValue>| {
        value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    Origin {
        address: client_address(peer, &parts.headers, &state.trusted_proxies)
            .map(|ip| ip.to_string())
            .unwrap_or_default(),
        user_agent: text(parts.headers.get(USER_AGENT)),
        request_id: text(parts.extensions.get::<RequestId>().map(RequestId::header_value)),
    }
}

/// The address of the client: the last one of `X-Forwarded-For` that is not itself a trusted
/// proxy, and only where the peer is one.
fn client_address(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[ipnet::IpNet]) -> Option<IpAddr> {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(&ip.to_canonical()));
    let peer = peer?.to_canonical();
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        match hop.parse::<IpAddr>() {
            Ok(ip) if is_trusted(&ip) => {}
            Ok(ip) => return Some(ip.to_canonical()),
            Err(_) => return Some(peer),
        }
    }
    Some(peer)
}

/// Whether the sender is a browser that wants a page, rather than a program or an island.
pub fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngSeed, TestRunner};

    use super::*;

    fn address(peer: &str, forwarded: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        client_address(peer.parse().ok(), &headers, &trusted).unwrap().to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(address("203.0.113.9", "198.51.100.1"), "203.0.113.9");
        assert_eq!(address("10.0.0.1", "198.51.100.1"), "198.51.100.1");
        assert_eq!(address("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2"), "198.51.100.1");
        assert_eq!(address("10.0.0.1", "nonsense"), "10.0.0.1");
        assert_eq!(address("10.0.0.1", "10.0.0.3"), "10.0.0.1");
    }

    #[test]
    fn any_bytes_of_an_authorization_header_are_a_key_or_a_refusal_and_never_a_panic() {
        let rng_seed = RngSeed::Fixed(20_250_701);
        let config = Config { cases: 20_000, rng_seed, failure_persistence: None, ..Config::default() };
        let prefix =
            prop_oneof![Just(&b""[..]), Just(&b"Bearer "[..]), Just(&b"bearer"[..]), Just(&b"Basic "[..])];
        let strategy = (prefix, proptest::collection::vec(any::<u8>(), 0..60));
        TestRunner::new(config)
            .run(&strategy, |(prefix, bytes)| {
                let Ok(value) = HeaderValue::from_bytes(&[prefix, &bytes].concat()) else { return Ok(()) };
                let mut headers = HeaderMap::new();
                headers.insert(AUTHORIZATION, value.clone());
                if let Ok(Some(key)) = bearer(&headers) {
                    let text = value.to_str().unwrap();
                    assert!(text.len() > 6 && text[..6].eq_ignore_ascii_case("bearer"), "{text}");
                    assert!(text.ends_with(key) || text.trim_end().ends_with(key), "{text}");
                }
                let _ = crate::auth::tokens::look(&String::from_utf8_lossy(&bytes));
                headers.insert("x-organization", value);
                let _ = opened_for(&headers);
                Ok(())
            })
            .unwrap();
    }
}
