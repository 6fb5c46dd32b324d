//! Posting to an address that a clinic has named: the same client and the same guard as every request.
//!
//! Apart from providers it has no breaker here (the caller keeps one for each endpoint, which outlives
//! this process), a longer time, headers of the caller's own, and an answer of which only the beginning
//! is kept. It signs nothing and repeats nothing.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::address::UrlRefusal;
use super::egress::{Deadline, Egress, EgressError, parse_retry_after};
use super::egress_error::classify;
use super::lookup::{LookupRefusal, judge};
use crate::vault::SecretText;

/// Time for a whole call to an endpoint of a clinic.
pub const HOOK_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer that are kept; the rest is not read.
pub const ANSWER_KEPT: usize = 64 * 1024;
/// The longest wait that an answer can ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Headers of an answer that are worth a look and hold no secret.
const KEPT_HEADERS: [&str; 8] = [
    "content-type",
    "content-length",
    "content-encoding",
    "date",
    "retry-after",
    "server",
    "x-request-id",
    "cf-ray",
];
/// Characters of such a header.
const KEPT_CHARACTERS: usize = 200;

/// Headers that belong to HTTP itself or to us: no clinic sets them.
const RESERVED_HEADERS: [&str; 19] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "proxy-connection",
    "proxy-authenticate",
    "user-agent",
    "accept-encoding",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// One post of JSON.
pub struct Post<'a> {
    pub url: Url,
    /// Names and values; secrets among them.
    pub headers: &'a [(String, SecretText)],
    pub body: String,
}

/// What came back.
#[derive(Clone)]
pub struct Posted {
    pub status: u16,
    pub retry_after: Option<Duration>,
    /// Those that may be shown.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body.
    pub body: Bytes,
    /// Whether there was more.
    pub is_cut: bool,
}

/// Whether a clinic may set a header: its name is one, and it is neither HTTP's own nor ours.
pub fn may_set_header(name: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| !RESERVED_HEADERS.contains(&name.as_str()))
}

/// Whether a text can be the value of a header.
pub fn is_header_value(value: &str) -> bool {
    HeaderValue::from_str(value).is_ok()
}

impl Egress {
    /// Judges an address and looks its name up, and calls nothing: for the moment at which it is saved.
    ///
    /// # Errors
    /// [`EgressError::Blocked`], and [`EgressError::Dns`] where the name is not found.
    pub async fn vet(&self, url: &Url) -> Result<(), EgressError> {
        self.check(url)?;
        match url.domain() {
            Some(name) if !self.is_trusted(url) => match judge(&*self.lookup, name).await {
                Ok(_) => Ok(()),
                Err(LookupRefusal::Private(_)) => Err(EgressError::Blocked(UrlRefusal::Host)),
                Err(LookupRefusal::NoName(_)) => Err(EgressError::Dns),
            },
            _ => Ok(()),
        }
    }

    /// Posts JSON and reads the beginning of the answer, before the deadline and never for longer than
    /// [`HOOK_TIMEOUT`]. Any status is an answer, redirects too.
    ///
    /// # Errors
    /// Why there is no whole answer. Nothing was sent where the address is [`EgressError::Blocked`].
    pub async fn post(&self, post: Post<'_>, deadline: Deadline) -> Result<Posted, EgressError> {
        let started = Instant::now();
        let host = post.url.host_str().unwrap_or_default().to_owned();
        let result = self.post_guarded(post, deadline).await;
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(posted) => tracing::debug!(host, status = posted.status, ms, "posted to an endpoint"),
            Err(error) => tracing::debug!(host, %error, ms, "a post to an endpoint failed"),
        }
        result
    }

    async fn post_guarded(&self, post: Post<'_>, deadline: Deadline) -> Result<Posted, EgressError> {
        let client = self.client_for(&post.url)?;
        let mut builder = client.post(post.url).header(CONTENT_TYPE, "application/json");
        for (name, value) in post.headers {
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| EgressError::Invalid)?;
            value.set_sensitive(true);
            builder = builder.header(name.as_str(), value);
        }
        let request = builder.body(post.body).build().map_err(|_| EgressError::Invalid)?;
        let budget = HOOK_TIMEOUT.min(deadline.remaining());
        if budget.is_zero() {
            return Err(EgressError::Expired);
        }
        let exchange = async {
            let response = client.execute(request).await.map_err(|error| classify(&error))?;
            read_beginning(response).await
        };
        tokio::time::timeout(budget, exchange).await.unwrap_or(Err(EgressError::Timeout))
    }
}

async fn read_beginning(mut response: reqwest::Response) -> Result<Posted, EgressError> {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| parse_retry_after(value, LONGEST_RETRY_AFTER));
    let headers = KEPT_HEADERS
        .iter()
        .filter_map(|name| {
            let value = response.headers().get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.chars().take(KEPT_CHARACTERS).collect()))
        })
        .collect();
    let mut body = Vec::new();
    let mut is_cut = false;
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        let room = ANSWER_KEPT - body.len();
        if chunk.len() > room {
            body.extend_from_slice(&chunk[..room]);
            is_cut = true;
            // What is left is not read: the connection goes with the response.
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Posted { status, retry_after, headers, body: body.into(), is_cut })
}

#[cfg(test)]
#[path = "hook_tests.rs"]
mod tests;
