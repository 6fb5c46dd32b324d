//! `/api/webhooks/whatsapp/{route}`: Meta's question at set-up (GET) and its news (POST).
//!
//! 200 is sent after everything is committed, the state of our own messages included: what was not
//! done Meta posts again for up to seven days, and doing it twice changes nothing.

use std::time::Instant;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join_all;
use serde::Deserialize;
use tower_http::request_id::RequestId;
use tracing::Instrument;

use super::error::HttpError;
use super::webhooks::unreadable;
use crate::audit::machines::Cause;
use crate::calls::whatsapp::note_statuses;
use crate::db::messages::StatusNews;
use crate::db::{OrgTx, organizations};
use crate::state::{AppState, Services};
use crate::webhooks::inbound::{InboundError, micros};
use crate::webhooks::inbox::Stored;
use crate::webhooks::whatsapp::{Sender, authenticate, challenge};
use crate::webhooks::whatsapp_events::{News, prepare, read};

/// Events of one post that wait for a commit together: well below a clinic's share of the inbox.
const TOGETHER: usize = 128;

/// What Meta asks when somebody enters the address. A member may be missing: then nobody is believed.
#[derive(Deserialize)]
pub struct Question {
    #[serde(rename = "hub.mode", default)]
    mode: String,
    #[serde(rename = "hub.verify_token", default)]
    verify_token: String,
    #[serde(rename = "hub.challenge", default)]
    challenge: String,
}

/// Gives the challenge back to whoever knows the clinic's verify token.
pub async fn answer_challenge(
    State(state): State<AppState>,
    Path(route): Path<String>,
    question: Result<Query<Question>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, HttpError> {
    let services = &state.services;
    let Ok(Query(question)) = question else { return Err(InboundError::Refused { org: None }.into()) };
    if let Err(error) = challenge(&services.vault, &route, &question.verify_token).await {
        return Err(refused(services, error));
    }
    let is_echoed =
        question.challenge.len() <= 256 && question.challenge.bytes().all(|b| b.is_ascii_graphic());
    if question.mode != "subscribe" || !is_echoed {
        return Err(InboundError::Refused { org: None }.into());
    }
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, plain)], question.challenge).into_response())
}

/// Receives messages of patients and statuses of messages.
pub async fn receive(
    State(state): State<AppState>,
    Extension(request_id): Extension<RequestId>,
    Path(route): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, HttpError> {
    let started = Instant::now();
    let body = body.map_err(|rejection| unreadable(&rejection))?;
    let services = &state.services;
    let sender = match authenticate(&services.vault, &route, &headers, &body).await {
        Ok(sender) => sender,
        Err(error) => return Err(refused(services, error)),
    };
    let verified_us = micros(started);
    let org = sender.verified.org();
    let id = request_id.header_value().to_str().unwrap_or_default();
    let span = tracing::info_span!("webhook", id, %org, kind = "whatsapp");
    async {
        let mut tx = OrgTx::service(&services.pool, org).await?;
        let keeps = organizations::find_receiving(&mut tx).await?;
        tx.commit().await?;
        let keeps = keeps.ok_or_else(|| refused(services, InboundError::Refused { org: Some(org) }))?;
        let news = read(&sender, keeps, &body).map_err(InboundError::from)?;
        store(services, &sender, &news, started, verified_us).await?;
        let statuses: Vec<StatusNews> = news.into_iter().filter_map(|one| one.status).collect();
        note_statuses(services, org, &statuses).await?;
        Ok(StatusCode::OK)
    }
    .instrument(span)
    .await
}

async fn store(
    services: &Services,
    sender: &Sender,
    news: &[News],
    started: Instant,
    verified_us: u64,
) -> Result<(), InboundError> {
    for some in news.chunks(TOGETHER) {
        let stored = try_join_all(some.iter().map(|one| async move {
            let event = prepare(&services.vault, sender, one, started, verified_us).await?;
            Ok::<_, InboundError>(services.inbox.store(&sender.verified, event).await?)
        }))
        .await?;
        for _ in stored.iter().filter(|stored| **stored == Stored::Duplicate) {
            services.counts.count(sender.verified.org(), Cause::WebhookDuplicate, services.clock.now());
        }
    }
    Ok(())
}

/// Counts a refusal for the clinic whose address it came to.
fn refused(services: &Services, error: InboundError) -> HttpError {
    if let InboundError::Refused { org: Some(org) } = &error {
        services.counts.count(*org, Cause::WebhookRefused, services.clock.now());
    }
    error.into()
}

/// What other methods get: the words of the methods that there are.
pub async fn only_get_and_post() -> Response {
    let mut response = HttpError::of_status(StatusCode::METHOD_NOT_ALLOWED).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    response
}
