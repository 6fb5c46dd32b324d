//! Verification of signatures: pure functions of bytes, headers, a secret and the time.
//!
//! The forms are those of Vapi's credential schemas (`BearerAuthenticationPlan`,
//! `HMACAuthenticationPlan`) and the older `x-vapi-secret`. A secret verifies only in the scheme it
//! was made for. Comparisons take the same time whatever is compared.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

/// How far a timestamp may be off, in seconds, either way.
pub const TOLERANCE: i64 = 300;

/// Hash functions of Vapi's HMAC plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

/// How the signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    Hex,
    Base64,
}

/// Parameters of an HMAC scheme, named as in Vapi's `HMACAuthenticationPlan`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HmacPlan {
    pub algorithm: Algorithm,
    pub signature_header: String,
    pub timestamp_header: String,
    pub signature_prefix: Option<String>,
    pub include_timestamp: bool,
    pub payload_format: String,
    pub message_id_header: Option<String>,
    pub signature_encoding: Encoding,
    pub secret_is_base64: bool,
}

impl Default for HmacPlan {
    /// The defaults of Vapi's schema.
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Sha256,
            signature_header: "x-signature".to_owned(),
            timestamp_header: "x-timestamp".to_owned(),
            signature_prefix: None,
            include_timestamp: true,
            payload_format: "{timestamp}.{body}".to_owned(),
            message_id_header: None,
            signature_encoding: Encoding::Hex,
            secret_is_base64: false,
        }
    }
}

impl HmacPlan {
    /// The plan that we set up at Vapi.
    pub fn ours() -> Self {
        Self {
            signature_header: "x-vapi-signature".to_owned(),
            timestamp_header: "x-vapi-timestamp".to_owned(),
            ..Self::default()
        }
    }
}

/// How a secret proves who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    Hmac(HmacPlan),
    /// The secret itself in a header, after `Bearer ` or bare. Proves the sender, not the time.
    Bearer {
        header: String,
        with_prefix: bool,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BearerParams {
    #[serde(default = "authorization")]
    header_name: String,
    #[serde(default = "yes")]
    bearer_prefix_enabled: bool,
}

fn authorization() -> String {
    "authorization".to_owned()
}

const fn yes() -> bool {
    true
}

impl Scheme {
    /// Reads a scheme as it is stored: its name and its parameters.
    pub fn from_stored(name: &str, params: &serde_json::Value) -> Option<Self> {
        match name {
            "hmac" => serde_json::from_value(params.clone()).ok().map(Scheme::Hmac),
            "bearer" => serde_json::from_value::<BearerParams>(params.clone())
                .ok()
                .map(|p| Scheme::Bearer { header: p.header_name, with_prefix: p.bearer_prefix_enabled }),
            _ => None,
        }
    }

    /// The name and the parameters to store.
    pub fn to_stored(&self) -> (&'static str, serde_json::Value) {
        match self {
            Scheme::Hmac(plan) => ("hmac", serde_json::json!(plan)),
            Scheme::Bearer { header, with_prefix } => {
                ("bearer", serde_json::json!({ "headerName": header, "bearerPrefixEnabled": with_prefix }))
            }
        }
    }
}

/// What a request brought, exactly as it came.
pub struct Signed<'a> {
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    pub method: &'a str,
    /// The URL as the sender called it, for plans that sign it.
    pub url: &'a str,
}

/// Why a request is not believed. Only logs and the clinic's own trail ever see the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("a header of the signature is missing or unreadable")]
    Missing,
    #[error("the timestamp is too far from the present")]
    Expired,
    #[error("the signature does not fit")]
    Forged,
}

/// Verifies a request with one secret in its own scheme. `now` is Unix time in seconds.
pub fn verify(scheme: &Scheme, secret: &[u8], request: &Signed<'_>, now: i64) -> Result<(), Refusal> {
    match scheme {
        Scheme::Bearer { header, with_prefix } => verify_bearer(header, *with_prefix, secret, request),
        Scheme::Hmac(plan) => verify_hmac(plan, secret, request, now),
    }
}

fn verify_bearer(
    header: &str,
    with_prefix: bool,
    secret: &[u8],
    request: &Signed<'_>,
) -> Result<(), Refusal> {
    let value = single_header(request.headers, header)?;
    let token = if with_prefix {
        let (word, token) = value.split_once(' ').ok_or(Refusal::Missing)?;
        if !word.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Missing);
        }
        token
    } else {
        value
    };
    // Hashing first makes the lengths equal, so that the comparison tells nothing about them.
    let is_same = !secret.is_empty() & bool::from(digest(token.as_bytes()).ct_eq(&digest(secret)));
    if is_same { Ok(()) } else { Err(Refusal::Forged) }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    Sha256::digest(bytes).into()
}

fn verify_hmac(plan: &HmacPlan, secret: &[u8], request: &Signed<'_>, now: i64) -> Result<(), Refusal> {
    let signature = single_header(request.headers, &plan.signature_header)?;
    let timestamp = if plan.include_timestamp {
        Some(single_header(request.headers, &plan.timestamp_header)?)
    } else {
        None
    };
    if let Some(text) = timestamp {
        let seconds = unix_seconds(text).ok_or(Refusal::Missing)?;
        if seconds.abs_diff(now) > TOLERANCE as u64 {
            return Err(Refusal::Expired);
        }
    }
    let message_id = match &plan.message_id_header {
        Some(header) => single_header(request.headers, header)?,
        None => "",
    };
    let decoded;
    let key = if plan.secret_is_base64 {
        decoded = STANDARD.decode(secret).map_err(|_| Refusal::Forged)?;
        decoded.as_slice()
    } else {
        secret
    };
    if key.is_empty() {
        return Err(Refusal::Forged);
    }
    let mut is_good = false;
    // Senders that rotate keys write several signatures, separated by spaces.
    for candidate in signature.split_ascii_whitespace().take(8) {
        let prefix = plan.signature_prefix.as_deref().unwrap_or_default();
        let Some(encoded) = candidate.strip_prefix(prefix) else { continue };
        let mut room = [0; MOST_SIGNATURE];
        let Some(given) = decode(plan.signature_encoding, encoded, &mut room) else { continue };
        is_good |= mac_fits(plan, key, request, timestamp.unwrap_or_default(), message_id, given);
    }
    if is_good { Ok(()) } else { Err(Refusal::Forged) }
}

fn mac_fits(
    plan: &HmacPlan,
    key: &[u8],
    request: &Signed<'_>,
    timestamp: &str,
    message_id: &str,
    given: &[u8],
) -> bool {
    match plan.algorithm {
        Algorithm::Sha1 => check::<Hmac<Sha1>>(plan, key, request, timestamp, message_id, given),
        Algorithm::Sha256 => check::<Hmac<Sha256>>(plan, key, request, timestamp, message_id, given),
        Algorithm::Sha512 => check::<Hmac<Sha512>>(plan, key, request, timestamp, message_id, given),
    }
}

fn check<M: Mac + KeyInit>(
    plan: &HmacPlan,
    key: &[u8],
    request: &Signed<'_>,
    timestamp: &str,
    message_id: &str,
    given: &[u8],
) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return false };
    feed(&mut mac, &plan.payload_format, request, timestamp, message_id);
    mac.verify_slice(given).is_ok()
}

/// Feeds the payload template part by part; the body is never copied.
fn feed<M: Mac>(mac: &mut M, template: &str, request: &Signed<'_>, timestamp: &str, message_id: &str) {
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        mac.update(&rest.as_bytes()[..open]);
        let tail = &rest[open..];
        let (name, after) = tail[1..].split_once('}').unwrap_or((&tail[1..], ""));
        match name {
            "body" => mac.update(request.body),
            "timestamp" => mac.update(timestamp.as_bytes()),
            "method" => mac.update(request.method.as_bytes()),
            "url" => mac.update(request.url.as_bytes()),
            "svix-id" => mac.update(message_id.as_bytes()),
            _ => mac.update(&tail.as_bytes()[..tail.len() - after.len()]),
        }
        rest = after;
    }
    mac.update(rest.as_bytes());
}

/// The bytes of the longest signature, that of SHA-512.
const MOST_SIGNATURE: usize = 64;

/// A signature's bytes, on the stack; none where it is longer than any, or not of its encoding.
fn decode<'a>(encoding: Encoding, text: &str, room: &'a mut [u8; MOST_SIGNATURE]) -> Option<&'a [u8]> {
    let length = match encoding {
        // Not `hex`, which takes several times as long: floods pay for it.
        Encoding::Hex => {
            let length = HEXLOWER_PERMISSIVE.decode_len(text.len()).ok()?;
            HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), room.get_mut(..length)?).ok()?
        }
        Encoding::Base64 => STANDARD.decode_slice(text, room).ok()?,
    };
    room.get(..length)
}

/// A header that must be there exactly once: which of two would be the signed one?
fn single_header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Refusal::Missing),
        _ => Err(Refusal::Missing),
    }
}

/// Unix seconds from seconds or milliseconds; Vapi does not say which it sends.
fn unix_seconds(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 16 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = text.parse().ok()?;
    Some(if number > 100_000_000_000 { number / 1000 } else { number })
}

#[cfg(test)]
#[path = "signature_tests.rs"]
pub(super) mod tests;
