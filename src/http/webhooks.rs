//! `POST /api/webhooks/vapi`: body as bytes, then resolve, verify, store, answer.
//!
//! 200 is sent after the commit and never before, with one exception: where somebody waits on the line and the
//! database does not take the message in time, the answer is 200 with a sentence that says that nothing was
//! done, since Vapi lets an assistant say nothing else. Tool calls get their results within the budget of
//! `calls::tools`; what else there is to do comes after the answer.
//!
//! No timer runs for a request as a whole (`front::Calls`): its body, a route or a key that is not
//! cached, the inbox and the tools each have an end of their own.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::error::{HttpError, PROBLEM};
use super::middleware::webhook_layer::Arrival;
use super::received::Received;
use super::router::REQUEST_TIMEOUT;
use crate::audit::machines::Cause;
use crate::calls::{agents, samples, tools};
use crate::db::{OrgTx, inbound, organizations};
use crate::domain::{EventId, OrgId, sample};
use crate::state::Services;
use crate::webhooks::envelope::Envelope;
use crate::webhooks::inbound::{
    InboundError, Incoming, Verified, authenticate, is_answered_now, micros, prepare,
};
use crate::webhooks::inbox::Stored;
use crate::webhooks::payload::Payload;

/// Receives a message of Vapi, posted to `url`.
pub async fn receive_vapi(
    services: &Arc<Services>,
    received: &Received,
    url: &str,
    arrival: &Arrival,
) -> Result<Response, HttpError> {
    // From here on, since a body may take its time: what that costs is not the database's.
    let started = Instant::now();
    let Received { headers, body, .. } = received;
    let envelope = Envelope::parse(body).map_err(InboundError::from)?;
    let incoming = Incoming { headers, body, url, now: services.clock.unix() };
    let mut verified = match authenticate(&services.resolver, &services.vault, &envelope, &incoming).await {
        Ok(verified) => verified,
        Err(error @ InboundError::Refused { .. }) => {
            refused(services, error);
            return Ok(not_authentic());
        }
        Err(error) => return Err(refused(services, error)),
    };
    let org = verified.org();
    // Made where something may be logged: on the way of a report that is stored, nothing is.
    let span = || tracing::info_span!("webhook", id = %arrival.id(), %org, kind = %envelope.kind);
    // A clinic that tests itself is no call.
    if !envelope.call_id.as_deref().is_some_and(sample::is_sample) {
        match verified.assistant() {
            Some(assistant) => services.uses.assistant(assistant),
            None => services.uses.clinic_called(org),
        }
    }
    let storing = store(services, &mut verified, &envelope, started);
    let in_time = match is_answered_now(&envelope.kind) {
        // On the heap, as below.
        true => Box::pin(tokio::time::timeout_at((started + STORE).into(), storing)).await,
        false => Ok(storing.await),
    };
    let (event_id, payload, stored) = match in_time {
        Ok(Ok(stored)) => stored,
        Ok(Err(InboundError::Unparsable(error))) => {
            return Err(span().in_scope(|| InboundError::from(error).into()));
        }
        Ok(Err(error)) if is_answered_now(&envelope.kind) => {
            return span().in_scope(|| not_begun(&envelope, Some(&error)));
        }
        Ok(Err(error)) => return Err(span().in_scope(|| error.into())),
        Err(_) => return span().in_scope(|| not_begun(&envelope, None)),
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
    let answered = Box::pin(tokio::time::timeout(REQUEST_TIMEOUT, answer.instrument(span())));
    answered.await.unwrap_or_else(|_| Err(HttpError::of_status(StatusCode::SERVICE_UNAVAILABLE)))
}

/// How long the database has to take a message that somebody waits for, from the arrival of the request.
const STORE: Duration = Duration::from_millis(2500);

/// The answer where a message that somebody waits for could not be stored in time. Its work has not begun, and
/// does not: tool calls are claimed here alone, by a request that has stored its message. Where the commit
/// goes through after all, a worker finds an event without tool calls and ends it. Vapi, which has its answer,
/// does not send the message again; where the answer was lost and it does, nobody was told anything, and the
/// repetition is answered as any other.
fn not_begun(envelope: &Envelope<'_>, error: Option<&InboundError>) -> Result<Response, HttpError> {
    let error = error.map(|error| error as &dyn std::error::Error);
    tracing::warn!(error, kind = %envelope.kind, "a message that somebody waits for was not stored in time");
    if envelope.kind != "tool-calls" {
        return Ok(Json(agents::no_answer()).into_response());
    }
    let payload = Payload::parse(envelope.text, false).map_err(InboundError::from)?;
    let message = payload.message().map_err(InboundError::from)?;
    Ok(Json(json!({ "results": tools::answer_not_begun(&message) })).into_response())
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
    let message = payload.message().map_err(InboundError::from)?;
    let mut tasks = Vec::new();
    let answer = match envelope.kind.as_ref() {
        // A test that must reach nobody outside.
        "tool-calls" if sample::is_quiet(call_id) => {
            json!({ "results": samples::answer_quietly(&message) })
        }
        "tool-calls" => {
            let answered = tools::answer(services, org, call_id, &message, started).await;
            tasks = answered.tasks;
            json!({ "results": answered.results })
        }
        _ => agents::answer_request(services, org, started).await,
    };
    if stored == Stored::New {
        let stages =
            json!([{ "stage": "stored", "us": stored_us }, { "stage": "answered", "us": micros(started) }]);
        finish_later(services.clone(), org, event, stages, tasks);
    }
    Ok(Json(answer).into_response())
}

/// Seals a verified message and stores it; comes back after the commit.
async fn store<'b>(
    services: &Services,
    verified: &mut Verified,
    envelope: &Envelope<'b>,
    started: Instant,
) -> Result<(EventId, Payload<'b>, Stored), InboundError> {
    let (event, payload) = prepare(&services.vault, verified, envelope, started).await?;
    let id = EventId(event.id);
    let stored = services.inbox.store(verified, event).await?;
    Ok((id, payload, stored))
}

/// The refusal of whoever is not believed, as [`HttpError`] writes it: made once, since floods get it.
fn not_authentic() -> Response {
    static BODY: LazyLock<Bytes> = LazyLock::new(|| {
        let error = HttpError::from(InboundError::Refused { org: None });
        serde_json::to_vec(&error.problem()).unwrap_or_default().into()
    });
    let headers = [(header::CONTENT_TYPE, PROBLEM)];
    (StatusCode::UNAUTHORIZED, headers, BODY.clone()).into_response()
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

/// Refuses for a clinic that takes nothing in: one that is suspended, or gone.
pub(super) async fn check_receives(services: &Services, org: OrgId) -> Result<(), HttpError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let receives = organizations::find_receiving(&mut tx).await?;
    tx.commit().await?;
    match receives {
        Some(_) => Ok(()),
        None => Err(refused(services, InboundError::Refused { org: Some(org) })),
    }
}

/// Counts what was there before.
pub(super) fn count_duplicates(services: &Services, org: OrgId, duplicates: usize) {
    for _ in 0..duplicates {
        services.counts.count(org, Cause::WebhookDuplicate, services.clock.now());
    }
}

/// Ends the event after the answer and after what goes on from it: nobody waits for it. A worker does it where
/// this is lost, and parks what of it is not known: where how a tool ended could not be recorded, the event is
/// left to that worker.
fn finish_later(
    services: Arc<Services>,
    org: OrgId,
    event: EventId,
    stages: Value,
    tasks: Vec<JoinHandle<bool>>,
) {
    tokio::spawn(
        async move {
            for task in tasks {
                if !task.await.unwrap_or(false) {
                    tracing::warn!(%event, "an event with a tool call of unknown end is left to the worker");
                    return;
                }
            }
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
