//! From the bytes of a request to a verified, sealed event: resolve, verify, seal.
//!
//! Unknown, foreign, forged and missing ids give the same refusal after the same work; only our own
//! counters know the difference.

use std::sync::Arc;
use std::time::Instant;

use axum::http::HeaderMap;
use uuid::Uuid;

use super::envelope::{Envelope, EnvelopeError};
use super::payload::Payload;
use super::resolver::{ResolveError, Resolver, Route, RouteSecret};
use super::signature::{HmacPlan, Scheme, Signed, verify};
use super::{dedupe, inbox::InboxError};
use crate::db::inbound::{DUE, NewEvent};
use crate::domain::OrgId;
use crate::vault::{DataKey, Place, Vault, VaultError};

/// Proof that a request came from an organization's own account. Only verification makes one
/// ([`authenticate`], and [`super::whatsapp::authenticate`]), and the inbox opens to nothing else.
pub struct Verified {
    org: OrgId,
    /// The route of an assistant; other providers have none.
    route: Option<Arc<Route>>,
    /// The data key of the secret that it was verified with, for what is sealed next.
    key: Option<DataKey>,
}

impl Verified {
    pub(super) const fn of(org: OrgId) -> Self {
        Self { org, route: None, key: None }
    }

    pub fn org(&self) -> OrgId {
        self.org
    }

    /// The assistant that the message named, where it named one.
    pub fn assistant(&self) -> Option<Uuid> {
        self.route.as_ref().and_then(|route| route.assistant)
    }
}

/// Why a webhook is not taken.
#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    #[error(transparent)]
    Unparsable(#[from] EnvelopeError),
    /// Not believed. The organization is known only where the id was; it is for counters alone.
    #[error("the webhook is not authentic")]
    Refused { org: Option<OrgId> },
    /// Not believed either, since a secret of the clinic could not be read: the sender gets the same refusal,
    /// operators learn of it.
    #[error("a secret that webhooks are verified with is unreadable")]
    Unreadable { org: OrgId, source: VaultError },
    #[error(transparent)]
    Inbox(#[from] InboxError),
    #[error("the route could not be looked up")]
    Resolve(#[source] ResolveError),
    #[error("the event could not be sealed")]
    Vault(#[from] VaultError),
}

/// A request as it came in.
pub struct Incoming<'a> {
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    pub url: &'a str,
    /// Unix time in seconds.
    pub now: i64,
}

/// Finds the clinic and verifies the signature with that clinic's own secrets.
pub async fn authenticate(
    resolver: &Resolver,
    vault: &Vault,
    envelope: &Envelope<'_>,
    incoming: &Incoming<'_>,
) -> Result<Verified, InboundError> {
    let route =
        resolver.resolve(envelope.assistant, envelope.phone_number).await.map_err(InboundError::Resolve)?;
    let signed = Signed { headers: incoming.headers, body: incoming.body, method: "POST", url: incoming.url };
    let Some(route) = route else {
        spend_the_same_time(&signed, incoming.now);
        return Err(InboundError::Refused { org: None });
    };
    let mut unreadable = route.has_malformed.then_some(VaultError::Malformed("webhook secret"));
    let mut was_compared = false;
    for secret in route.secrets.iter().filter(|secret| secret.not_after.is_none_or(|end| end > incoming.now))
    {
        let place = RouteSecret::place(route.org, secret.id);
        let (opened, key) = match vault.open_and_keep_key(&place, &secret.sealed, &secret.key) {
            Ok(opened) => opened,
            // The other secret of a rotation may still open.
            Err(error) => {
                unreadable = Some(error);
                continue;
            }
        };
        was_compared = true;
        if verify(&secret.scheme, opened.expose(), &signed, incoming.now).is_ok() {
            return Ok(Verified { org: route.org, route: Some(route), key: Some(key) });
        }
    }
    if !was_compared {
        spend_the_same_time(&signed, incoming.now);
    }
    let org = route.org;
    match unreadable {
        // What is only away for a moment is worth another try of the sender.
        Some(error) if error.is_transient() => Err(error.into()),
        Some(source) => Err(InboundError::Unreadable { org, source }),
        None => Err(InboundError::Refused { org: Some(org) }),
    }
}

/// Verifies against a secret that nobody has.
fn spend_the_same_time(signed: &Signed<'_>, now: i64) {
    let plan = Scheme::Hmac(HmacPlan::ours());
    let _ = std::hint::black_box(verify(&plan, b"a secret that no clinic has ever had", signed, now));
}

/// Kinds of messages that are answered while the caller waits.
pub fn is_answered_now(kind: &str) -> bool {
    matches!(kind, "tool-calls" | "assistant-request")
}

/// What is stored of a message: `received` where it is being answered right now, `due` where a worker
/// takes it up at once (`jobs::inbox`), `processed` where there is nothing to do.
pub fn arrival(envelope: &Envelope<'_>) -> &'static str {
    let status = envelope.status.as_deref().unwrap_or_default();
    match envelope.kind.as_ref() {
        kind if is_answered_now(kind) => "received",
        "end-of-call-report" => DUE,
        "status-update" if matches!(status, "in-progress" | "forwarding" | "ended") => DUE,
        _ => "processed",
    }
}

/// Seals a verified message into the event that the inbox stores.
///
/// The stages of the trace are counted from `started`, the arrival of the request. When a row is
/// committed can not stand in the row itself: an event that is answered now gets the stage `stored`
/// when it is finished, the others have `received_at` from the database's clock.
pub async fn prepare<'b>(
    vault: &Vault,
    verified: &mut Verified,
    envelope: &Envelope<'b>,
    started: Instant,
) -> Result<(NewEvent, Payload<'b>), InboundError> {
    let verified_us = micros(started);
    let keep_transcripts = verified.route.as_ref().is_some_and(|route| route.keep_transcripts);
    let payload = Payload::parse(envelope.text, keep_transcripts)?;
    let id = Uuid::now_v7();
    let org = verified.org();
    let key = verified.key.take();
    let sealed = vault.seal_with(key.as_ref(), &payload_place(org, id), payload.as_bytes()).await?;
    drop(key);
    let event = NewEvent {
        org,
        id,
        source: "vapi",
        kind: envelope.kind.to_string(),
        call_id: envelope.call_id.as_deref().map(str::to_owned),
        dedupe_key: dedupe::key("vapi", envelope),
        key_version: sealed.key_version(),
        sealed_payload: sealed.into_bytes(),
        summary: payload.summary(),
        trace: format!(
            r#"[{{"stage":"received","us":0}},{{"stage":"verified","us":{verified_us}}},{{"stage":"sealed","us":{}}}]"#,
            micros(started)
        ),
        status: arrival(envelope),
    };
    Ok((event, payload))
}

/// Microseconds since an instant.
pub fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// The place that an event's payload is bound to.
pub const fn payload_place(org: OrgId, event: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "inbound_events", column: "sealed_payload", provider: "vapi", row: event }
}
