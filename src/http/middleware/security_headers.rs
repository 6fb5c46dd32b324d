//! Security headers on every answer, with a fresh nonce for the scripts of each page.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::providers::vapi::talk;
use crate::state::AppState;

/// The nonce of one answer. Pages put it on their script.
#[derive(Clone, Debug)]
pub struct Nonce(pub String);

/// Marks the answer of a page on which somebody may talk to an agent. There, and nowhere else, the browser may
/// use the microphone and reach the calls of Vapi.
#[derive(Clone, Copy, Debug)]
pub struct MayTalk;

/// Adds the headers. What a route has set itself stays.
pub async fn security_headers(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let mut bytes = [0_u8; 16];
    // Without randomness the nonce is empty and no script runs: it fails closed.
    let nonce =
        if getrandom::fill(&mut bytes).is_ok() { STANDARD_NO_PAD.encode(bytes) } else { String::new() };
    request.extensions_mut().insert(Nonce(nonce.clone()));
    let mut response = next.run(request).await;
    let may_talk = response.extensions().get::<MayTalk>().is_some();
    let headers = response.headers_mut();
    // A form may end on the consent page: browsers hold redirects of a form against this as well.
    let consent = state.services.bases.google_accounts.origin().ascii_serialization();
    let calls =
        if may_talk { format!(" {}", talk::sources(&state.services.bases.vapi)) } else { String::new() };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'{calls}; manifest-src 'self'; form-action 'self' {consent}; base-uri 'none'; \
         frame-ancestors 'none'; object-src 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        set(headers, header::CONTENT_SECURITY_POLICY, policy);
    }
    let fixed = HeaderValue::from_static;
    set(headers, header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    set(headers, header::X_FRAME_OPTIONS, fixed("DENY"));
    set(headers, header::REFERRER_POLICY, fixed("same-origin"));
    let permissions = if may_talk {
        "camera=(), geolocation=(), microphone=(self), payment=(), usb=()"
    } else {
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    };
    set(headers, HeaderName::from_static("permissions-policy"), fixed(permissions));
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), fixed("same-origin"));
    set(headers, HeaderName::from_static("cross-origin-resource-policy"), fixed("same-origin"));
    set(headers, header::CACHE_CONTROL, fixed("private, no-store"));
    if state.is_https() {
        set(headers, header::STRICT_TRANSPORT_SECURITY, fixed("max-age=63072000; includeSubDomains"));
    }
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.entry(name).or_insert(value);
}
