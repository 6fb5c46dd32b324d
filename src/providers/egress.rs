//! The one HTTP client: every request that leaves the service goes through it.
//!
//! It holds the limits (time, size, addresses, no redirects, no proxies), one breaker per bulkhead
//! and host, and one debug line per call that names no secret. It retries nothing: whether a call
//! may be repeated is known by who made it. It knows no provider.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Client;
pub use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::address;
pub use super::breaker::BulkheadKey;
use super::breaker::{Breakers, Permit};
pub use super::egress_error::EgressError;
use super::egress_error::classify;
use super::lookup::{GuardedLookup, Lookup, SystemLookup};

/// Time to open a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time for a whole call to a provider.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, unless the call says otherwise.
pub const ANSWER_LIMIT: usize = 256 * 1024;
/// The longest wait that a provider can ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// A timeout below this says more about the caller's deadline than about the other side.
const FAIR_BUDGET: Duration = Duration::from_secs(1);

const USER_AGENT: &str = concat!("voxanne-integrations/", env!("CARGO_PKG_VERSION"));

/// The moment by which the caller needs an answer.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// What is left; zero when it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// An exact host and port that may be called although it is private: the sandbox, or a private
/// address that an operator (never a clinic) has named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        };
        Self { host, port: address.port() }
    }
}

impl HostPort {
    /// The host and port of a URL; none where it has no host.
    pub fn of(url: &Url) -> Option<Self> {
        Some(Self { host: url.host_str()?.to_owned(), port: url.port_or_known_default()? })
    }
}

impl FromStr for HostPort {
    type Err = InvalidHostPort;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(&format!("http://{text}")).map_err(|_| InvalidHostPort)?;
        if url.path() != "/" || !url.username().is_empty() || url.query().is_some() {
            return Err(InvalidHostPort);
        }
        Self::of(&url).ok_or(InvalidHostPort)
    }
}

/// The text is not `host:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a host and a port, for example 127.0.0.1:4010")]
pub struct InvalidHostPort;

/// How the client is set up.
pub struct EgressOptions {
    /// Private hosts and ports that may be called, over http too.
    pub allowed: Vec<HostPort>,
    pub connect_timeout: Duration,
    pub total_timeout: Duration,
    /// Who looks names up; its answers are judged in any case.
    pub lookup: Arc<dyn Lookup>,
}

impl Default for EgressOptions {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            connect_timeout: CONNECT_TIMEOUT,
            total_timeout: TOTAL_TIMEOUT,
            lookup: Arc::new(SystemLookup),
        }
    }
}

/// How a call proves who it is. Its `Debug` shows the kind only.
#[derive(Clone, Copy)]
pub enum Auth<'a> {
    None,
    Bearer(&'a str),
    Basic {
        user: &'a str,
        password: &'a str,
    },
    /// A header of the provider's own: `xi-api-key`.
    Header {
        name: &'static str,
        value: &'a str,
    },
    /// The headers of a signature over the request, names and values.
    Signed(&'a [(&'static str, String)]),
}

impl fmt::Debug for Auth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Auth::None => "None",
            Auth::Bearer(_) => "Bearer(redacted)",
            Auth::Basic { .. } => "Basic(redacted)",
            Auth::Header { .. } => "Header(redacted)",
            Auth::Signed(_) => "Signed(redacted)",
        })
    }
}

/// What a call carries.
pub enum Body<'a> {
    Empty,
    Json(&'a serde_json::Value),
    /// With an `Idempotency-Key`: sent again with the same key, it is done once.
    JsonOnce {
        value: &'a serde_json::Value,
        key: &'a str,
    },
    Form(&'a [(&'a str, &'a str)]),
    /// A form that is encoded already, because its bytes are signed. XML comes back.
    SignedForm(&'a str),
}

/// The kind of a [`Body::SignedForm`], which a signature covers too.
pub const SIGNED_FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// One request.
pub struct Call<'a> {
    pub method: Method,
    pub url: Url,
    /// The path as it is logged, identifiers replaced: `/assistant/{id}`.
    pub template: &'static str,
    pub auth: Auth<'a>,
    pub body: Body<'a>,
    pub bulkhead: BulkheadKey,
    /// The largest answer in bytes; [`ANSWER_LIMIT`] for all but lists.
    pub answer_limit: usize,
}

/// What came back. Its `Debug` leaves the body out, since answers may hold secrets.
#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub retry_after: Option<Duration>,
    /// The answer calls itself a web page.
    pub is_html: bool,
    pub body: Bytes,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// The client. Cheap to clone; clones share connections and breakers.
#[derive(Clone)]
pub struct Egress {
    guarded: Client,
    /// Only for the allowed hosts: looks names up without judging the answers.
    trusted: Client,
    pub(super) lookup: Arc<dyn Lookup>,
    allowed: Arc<[HostPort]>,
    breakers: Breakers,
    total_timeout: Duration,
}

impl Egress {
    /// Builds the client. Fails only where the platform has no usable TLS set-up.
    pub fn new(options: EgressOptions) -> Result<Self, EgressSetupError> {
        let client = || {
            Client::builder()
                .user_agent(USER_AGENT)
                .connect_timeout(options.connect_timeout)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .retry(reqwest::retry::never())
                .referer(false)
        };
        Ok(Self {
            guarded: client()
                .dns_resolver(Arc::new(GuardedLookup::new(Arc::clone(&options.lookup))))
                .build()
                .map_err(EgressSetupError)?,
            trusted: client().build().map_err(EgressSetupError)?,
            lookup: options.lookup,
            allowed: options.allowed.into(),
            breakers: Breakers::default(),
            total_timeout: options.total_timeout,
        })
    }

    /// Judges a URL as `send` would, before a look-up: for the moment at which it is saved.
    pub fn check(&self, url: &Url) -> Result<(), EgressError> {
        self.client_for(url).map(|_| ())
    }

    /// Sends one request and reads the answer, within the client's own limit and the caller's.
    ///
    /// Any status is a [`Reply`], 5xx too; an error means that there is no whole answer.
    pub async fn send(&self, call: Call<'_>, deadline: Deadline) -> Result<Reply, EgressError> {
        let started = Instant::now();
        let host = call.url.host_str().unwrap_or_default().to_owned();
        let (method, template) = (call.method.clone(), call.template);
        let result = self.send_guarded(call, &host, deadline).await;
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(reply) => {
                tracing::debug!(host, %method, path = template, status = reply.status, ms, "called");
            }
            Err(error) => tracing::debug!(host, %method, path = template, %error, ms, "call failed"),
        }
        result
    }

    async fn send_guarded(
        &self,
        call: Call<'_>,
        host: &str,
        deadline: Deadline,
    ) -> Result<Reply, EgressError> {
        let client = self.client_for(&call.url)?;
        let request = build(client, &call)?;
        let budget = self.total_timeout.min(deadline.remaining());
        if budget.is_zero() {
            return Err(EgressError::Expired);
        }
        let permit = self
            .breakers
            .enter(call.bulkhead, host)
            .map_err(|retry_after| EgressError::BreakerOpen { retry_after })?;
        let exchange = exchange(client, request, call.answer_limit);
        let result = tokio::time::timeout(budget, exchange).await.unwrap_or(Err(EgressError::Timeout));
        settle(permit, &result, budget);
        result
    }

    /// Whether an operator has named this host and port.
    pub(super) fn is_trusted(&self, url: &Url) -> bool {
        let is_bare = url.username().is_empty() && url.password().is_none();
        is_bare
            && matches!(url.scheme(), "http" | "https")
            && HostPort::of(url).is_some_and(|target| self.allowed.contains(&target))
    }

    /// The client that may call this address, if any may.
    pub(super) fn client_for(&self, url: &Url) -> Result<&Client, EgressError> {
        if self.is_trusted(url) {
            return Ok(&self.trusted);
        }
        address::check_url(url).map_err(EgressError::Blocked)?;
        Ok(&self.guarded)
    }
}

/// The platform's TLS set-up can not be used.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up")]
pub struct EgressSetupError(#[source] reqwest::Error);

fn build(client: &Client, call: &Call<'_>) -> Result<reqwest::Request, EgressError> {
    let accept = if let Body::SignedForm(_) = call.body { "text/xml" } else { "application/json" };
    let mut builder = client.request(call.method.clone(), call.url.clone()).header(ACCEPT, accept);
    builder = match call.auth {
        Auth::None => builder,
        Auth::Bearer(token) => {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| EgressError::Invalid)?;
            value.set_sensitive(true);
            builder.header(AUTHORIZATION, value)
        }
        Auth::Basic { user, password } => builder.basic_auth(user, Some(password)),
        Auth::Header { name, value } => {
            let mut value = HeaderValue::from_str(value).map_err(|_| EgressError::Invalid)?;
            value.set_sensitive(true);
            builder.header(name, value)
        }
        Auth::Signed(headers) => {
            for (name, value) in headers {
                let mut value = HeaderValue::from_str(value).map_err(|_| EgressError::Invalid)?;
                value.set_sensitive(true);
                builder = builder.header(*name, value);
            }
            builder
        }
    };
    builder = match call.body {
        Body::Empty => builder,
        Body::Json(value) => builder.json(value),
        Body::JsonOnce { value, key } => builder.json(value).header("idempotency-key", key),
        Body::Form(pairs) => builder.form(pairs),
        Body::SignedForm(text) => builder.header(CONTENT_TYPE, SIGNED_FORM).body(text.to_owned()),
    };
    builder.build().map_err(|_| EgressError::Invalid)
}

async fn exchange(client: &Client, request: reqwest::Request, limit: usize) -> Result<Reply, EgressError> {
    let mut response = client.execute(request).await.map_err(|error| classify(&error))?;
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| parse_retry_after(value, LONGEST_RETRY_AFTER));
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_html = kind.starts_with("text/html") || kind.starts_with("application/xhtml");
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(EgressError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(EgressError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, retry_after, is_html, body: body.into() })
}

fn settle(permit: Permit, result: &Result<Reply, EgressError>, budget: Duration) {
    match result {
        Ok(reply) if reply.status >= 500 => permit.failed(),
        Ok(_) | Err(EgressError::TooLarge) => permit.succeeded(),
        Err(EgressError::Timeout) if budget >= FAIR_BUDGET => permit.failed(),
        Err(EgressError::Connect | EgressError::Dns | EgressError::Tls | EgressError::Reset) => {
            permit.failed()
        }
        Err(_) => drop(permit),
    }
}

/// Reads `Retry-After`: seconds or a date (RFC 9110, 10.2.3). There is a most, so that nobody can put a
/// clinic to sleep.
pub(super) fn parse_retry_after(value: &HeaderValue, most: Duration) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(most));
    }
    let format = &time::format_description::well_known::Rfc2822;
    let until = time::OffsetDateTime::parse(text, format).ok()? - time::OffsetDateTime::now_utc();
    Some(Duration::try_from(until).unwrap_or_default().min(most))
}

#[cfg(test)]
#[path = "egress_tests.rs"]
mod tests;
