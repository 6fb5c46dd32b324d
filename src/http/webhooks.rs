//! `POST /api/webhooks/vapi`: body as bytes, then resolve, verify, store, answer.
//!
//! 200 is sent after the commit and never before. Tool calls get their results within the budget of
//! `calls::tools`; what else there is to do comes after the answer.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};
use tower_http::request_id::RequestId;
use tracing::Instrument;

use super::error::HttpError;
use super::webhook_body::WebhookBody;
use crate::audit::machines::Cause;
use crate::calls::{agents, samples, tools};
use crate::db::{OrgTx, inbound};
use crate::domain::{EventId, OrgId, sample};
use crate::state::{AppState, Services};
use crate::webhooks::envelope::Envelope;
use crate::webhooks::inbound::{
    InboundError, Incoming, Verified, authenticate, is_answered_now, micros, prepare,
};
use crate::webhooks::inbox::Stored;
use crate::webhooks::payload::Payload;

/// Receives a message of Vapi.
pub async fn receive_vapi(
    State(state): State<AppState>,
    Extension(request_id): Extension<RequestId>,
    uri: Uri,
    headers: HeaderMap,
    WebhookBody(body): WebhookBody,
) -> Result<Response, HttpError> {
    let started = Instant::now();
    let services = &state.services;
    let envelope = Envelope::parse(&body).map_err(InboundError::from)?;
    let url = format!("{}{}", services.public_url.as_str().trim_end_matches('/'), uri.path());
    let incoming = Incoming { headers: &headers, body: &body, url: &url, now: services.clock.unix() };
    let verified = match authenticate(&services.resolver, &services.vault, &envelope, &incoming).await {
        Ok(verified) => verified,
        Err(error) => return Err(refused(services, error)),
    };
    let org = verified.org();
    let id = request_id.header_value().to_str().unwrap_or_default();
    // Made where something may be logged: on the way of a report that is stored, nothing is.
    let span = || tracing::info_span!("webhook", id, %org, kind = %envelope.kind);
    // A clinic that tests itself is no call.
    if !envelope.call_id.as_deref().is_some_and(sample::is_sample) {
        match verified.assistant() {
            Some(assistant) => services.uses.assistant(assistant),
            None => services.uses.clinic_called(org),
        }
    }
    let (event_id, payload, stored) = match store(services, &verified, &envelope, &body, started).await {
        Ok(stored) => stored,
        Err(error) => return Err(span().in_scope(|| error.into())),
    };
    if stored == Stored::Duplicate {
        services.counts.count(org, Cause::WebhookDuplicate, services.clock.now());
    }
    if !is_answered_now(&envelope.kind) {
        return Ok(StatusCode::OK.into_response());
    }
    // On the heap, and only here: the work of all tools would make every report's future so large that
    // moving it costs more than to verify a signature.
    let answer = answer_now(services, org, &envelope, payload, started, (event_id, stored));
    Box::pin(answer.instrument(span())).await
}

/// Answers what the caller waits for.
async fn answer_now(
    services: &Arc<Services>,
    org: OrgId,
    envelope: &Envelope<'_>,
    payload: Payload<'_>,
    started: Instant,
    (event, stored): (EventId, Stored),
) -> Result<Response, HttpError> {
    let stored_us = micros(started);
    let call_id = envelope.call_id.as_deref().unwrap_or_default();
    let answer = match envelope.kind.as_ref() {
        // A test that must reach nobody outside.
        "tool-calls" if sample::is_quiet(call_id) => {
            json!({ "results": samples::answer_quietly(&payload.message()) })
        }
        "tool-calls" => {
            json!({ "results": tools::answer(services, org, call_id, &payload.message(), started).await })
        }
        _ => agents::answer_request(services, org, started).await,
    };
    if stored == Stored::New {
        let stages =
            json!([{ "stage": "stored", "us": stored_us }, { "stage": "answered", "us": micros(started) }]);
        finish_later(services.clone(), org, event, stages);
    }
    Ok(Json(answer).into_response())
}

/// Seals a verified message and stores it; comes back after the commit.
async fn store<'b>(
    services: &Services,
    verified: &Verified,
    envelope: &Envelope<'_>,
    body: &'b [u8],
    started: Instant,
) -> Result<(EventId, Payload<'b>, Stored), InboundError> {
    let (event, payload) = prepare(&services.vault, verified, envelope, body, started).await?;
    let id = EventId(event.id);
    let stored = services.inbox.store(verified, event).await?;
    Ok((id, payload, stored))
}

/// Webhooks are posted; a browser that looks here gets the words of the method it should not use.
pub async fn only_post() -> Response {
    let mut response = HttpError::of_status(StatusCode::METHOD_NOT_ALLOWED).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// Counts a refusal for the clinic whose address it came to.
pub(super) fn refused(services: &Services, error: InboundError) -> HttpError {
    let now = services.clock.now();
    match &error {
        InboundError::Refused { org: Some(org) } => services.counts.count(*org, Cause::WebhookRefused, now),
        InboundError::Unreadable { org, .. } => {
            services.counts.count(*org, Cause::WebhookUnreadable, now);
            tracing::error!(error = &error as &dyn std::error::Error, %org, "a webhook could not be verified");
        }
        _ => {}
    }
    error.into()
}

/// Counts what was there before.
pub(super) fn count_duplicates(services: &Services, org: OrgId, duplicates: usize) {
    for _ in 0..duplicates {
        services.counts.count(org, Cause::WebhookDuplicate, services.clock.now());
    }
}

/// Ends the event after the answer: nobody waits for it, and a worker does it where this is lost.
fn finish_later(services: Arc<Services>, org: OrgId, event: EventId, stages: Value) {
    tokio::spawn(
        async move {
            let finish = async {
                let mut tx = OrgTx::service(&services.pool, org).await?;
                inbound::finish(&mut tx, event, None, &stages).await?;
                tx.commit().await
            };
            if let Err(error) = finish.await {
                tracing::warn!(error = &error as &dyn std::error::Error, %event, "an event is left to the worker");
            }
        }
        .in_current_span(),
    );
}
