//! What every request to a stand-in passes through: it is written down, and it meets the fault that
//! is switched on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::domain::ProviderId;

use super::agreement::{self, SentBody};
use super::faults::Fault;
use super::listener::Cut;
use super::state::Shared;

/// Headers that sign in to one provider or another.
const CREDENTIAL_HEADERS: [&str; 3] = ["authorization", "xi-api-key", "x-n8n-api-key"];

/// Requests that are kept; older ones are forgotten.
const MOST_SEEN: usize = 20_000;
/// The largest body that a stand-in reads, in bytes.
const MOST_OF_A_BODY: usize = 4 * 1024 * 1024;

/// A request that a stand-in has seen. The credential itself is not kept.
#[derive(Clone, Debug, Serialize)]
pub struct SeenRequest {
    pub at: OffsetDateTime,
    pub provider: ProviderId,
    pub method: String,
    /// Path and query.
    pub path: String,
    /// What the body is made of, without its values; none for an empty one.
    pub body: Option<SentBody>,
    /// Name of the account that the credential belongs to; none for an unknown one.
    pub account: Option<String>,
    /// First 12 hexadecimal digits of the SHA-256 of the header that signs in; empty without one.
    pub credential_fingerprint: String,
    /// 0 while, or where, no answer was given.
    pub status: u16,
    /// What the answer is made of, where the provider's description tells it.
    pub answer: Option<SentBody>,
}

/// The requests seen.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<(u64, VecDeque<(u64, SeenRequest)>)>);

impl Seen {
    pub(super) fn list(&self, provider: ProviderId) -> Vec<SeenRequest> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.iter().filter(|(_, seen)| seen.provider == provider).map(|(_, seen)| seen.clone()).collect()
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clear();
    }

    fn add(&self, request: SeenRequest) -> u64 {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 += 1;
        let ticket = inner.0;
        if inner.1.len() == MOST_SEEN {
            inner.1.pop_front();
        }
        inner.1.push_back((ticket, request));
        ticket
    }

    fn answered(&self, ticket: u64, status: u16, answer: Option<SentBody>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, seen)) = inner.1.iter_mut().rev().find(|(known, _)| *known == ticket) {
            seen.status = status;
            seen.answer = answer;
        }
    }
}

/// Who a stand-in is, for the gate.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) provider: ProviderId,
    pub(super) shared: Arc<Shared>,
    /// The name of the account that a request signs in to.
    pub(super) account_name: fn(&Shared, &HeaderMap) -> Option<String>,
    /// The provider's own form of an error.
    pub(super) error: fn(Fault) -> Response,
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The headers by which a request is written down: its own, with key and secret of a form (Vonage's) in
/// the place where others have them.
fn sign_in_of(headers: &HeaderMap, body: &[u8]) -> HeaderMap {
    let mut headers = headers.clone();
    let find = |wanted: &str| {
        let mut pairs = url::form_urlencoded::parse(body);
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    if !headers.contains_key(AUTHORIZATION)
        && let (Some(key), Some(secret)) = (find("api_key"), find("api_secret"))
        && let Ok(value) = format!("Basic {}", STANDARD.encode(format!("{key}:{secret}"))).parse()
    {
        headers.insert(AUTHORIZATION, value);
    }
    headers
}

/// Writes the request down, lets it meet the fault, writes the answer's status down.
pub(super) async fn pass(
    State(gate): State<Gate>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, MOST_OF_A_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let signed_in = sign_in_of(&parts.headers, &bytes);
    let sent = CREDENTIAL_HEADERS.iter().find_map(|name| signed_in.get(*name));
    let fingerprint =
        sent.map(|value| hex::encode(Sha256::digest(value.as_bytes()))[..12].to_owned()).unwrap_or_default();
    let sent_body = SentBody::read(gate.provider, kind_of(&parts.headers), &bytes);
    let request = Request::from_parts(parts, Body::from(bytes));
    let ticket = gate.shared.seen.add(SeenRequest {
        at: OffsetDateTime::now_utc(),
        provider: gate.provider,
        method: request.method().to_string(),
        path: request.uri().path_and_query().map_or_else(String::new, ToString::to_string),
        body: sent_body,
        account: (gate.account_name)(&gate.shared, &signed_in),
        credential_fingerprint: fingerprint,
        status: 0,
        answer: None,
    });
    let fault = gate.shared.faults.of(gate.provider);
    let response = match fault {
        Fault::None => next.run(request).await,
        Fault::Slow => {
            tokio::time::sleep(gate.shared.faults.delay()).await;
            next.run(request).await
        }
        Fault::LostAnswer => {
            next.run(request).await;
            cut.cut();
            return StatusCode::OK.into_response();
        }
        Fault::HeldAnswer => {
            // Google says 200 of an event that it has made.
            let makes_event = request.method() == Method::POST && request.uri().path().ends_with("/events");
            let response = next.run(request).await;
            if response.status() == StatusCode::CREATED
                || (makes_event && response.status() == StatusCode::OK)
            {
                return std::future::pending().await;
            }
            response
        }
        Fault::Reset => {
            cut.cut();
            return StatusCode::OK.into_response();
        }
        Fault::Hang => return std::future::pending().await,
        Fault::Html => page(),
        Fault::HtmlForbidden => (StatusCode::FORBIDDEN, page()).into_response(),
        Fault::InvalidJson => json_text("{\"id\":\"0000"),
        fault @ (Fault::Unauthorized
        | Fault::Forbidden
        | Fault::Throttled
        | Fault::ServerError
        | Fault::ErrorInside
        | Fault::Suspended
        | Fault::Expired
        | Fault::Revoked) => with_retry_after(fault, (gate.error)(fault)),
    };
    let status = response.status();
    // A success that a fault has made is none of the provider's.
    let is_its_own = !status.is_success() || matches!(fault, Fault::None | Fault::Slow | Fault::HeldAnswer);
    let (response, answer) = if is_its_own && agreement::tells_answers(gate.provider) {
        read_answer(gate.provider, response).await
    } else {
        (response, None)
    };
    gate.shared.seen.answered(ticket, status.as_u16(), answer);
    response
}

fn kind_of(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The same answer, and what it is made of where it is JSON or XML.
async fn read_answer(provider: ProviderId, response: Response) -> (Response, Option<SentBody>) {
    let kind = kind_of(response.headers()).to_owned();
    if !kind.starts_with("application/json") && !kind.starts_with("text/xml") {
        return (response, None);
    }
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, MOST_OF_A_BODY).await.unwrap_or_default();
    let answer = SentBody::read(provider, &kind, &bytes);
    (Response::from_parts(parts, Body::from(bytes)), answer)
}

fn page() -> Response {
    ([(CONTENT_TYPE, "text/html")], "<!doctype html><title>Welcome</title><p>Please sign in to this network.")
        .into_response()
}

fn json_text(text: &'static str) -> Response {
    ([(CONTENT_TYPE, "application/json")], Body::from(text)).into_response()
}

fn with_retry_after(fault: Fault, mut response: Response) -> Response {
    if fault == Fault::Throttled {
        response.headers_mut().insert(RETRY_AFTER, axum::http::HeaderValue::from_static("7"));
    }
    response
}
