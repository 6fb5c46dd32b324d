//! `/api/webhooks/whatsapp/{route}`: Meta's question at set-up (GET) and its news (POST).
//!
//! 200 is sent after everything is committed, the state of our own messages included: what was not
//! done Meta posts again for up to seven days, and doing it twice changes nothing. Patients' messages
//! are taken up by a worker, at once.

use std::time::Instant;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tracing::Instrument;

use super::error::HttpError;
use super::received::Received;
use super::webhooks::{check_receives, count_duplicates, refused};
use crate::calls::statuses;
use crate::db::messages::StatusNews;
use crate::domain::ProviderId;
use crate::state::AppState;
use crate::webhooks::inbound::{InboundError, micros};
use crate::webhooks::news;
use crate::webhooks::whatsapp::{authenticate, challenge};
use crate::webhooks::whatsapp_events::read;

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
    Path(route): Path<String>,
    received: Received,
) -> Result<StatusCode, HttpError> {
    let started = Instant::now();
    let services = &state.services;
    let sender = match authenticate(&services.vault, &route, &received.headers, &received.body).await {
        Ok(sender) => sender,
        Err(error) => return Err(refused(services, error)),
    };
    let verified_us = micros(started);
    let org = sender.verified.org();
    let id = received.request_id();
    let span = tracing::info_span!("webhook", id, %org, kind = "whatsapp");
    async {
        check_receives(services, org).await?;
        let news = read(&sender, &received.body).map_err(InboundError::from)?;
        let duplicates = news::store(services, &sender.verified, &news, started, verified_us).await?;
        count_duplicates(services, org, duplicates);
        let statuses: Vec<StatusNews> = news.into_iter().filter_map(|one| one.status).collect();
        statuses::note(services, org, ProviderId::WhatsApp, &statuses).await?;
        Ok(StatusCode::OK)
    }
    .instrument(span)
    .await
}

/// What other methods get: the words of the methods that there are.
pub async fn only_get_and_post() -> Response {
    let mut response = HttpError::of_status(StatusCode::METHOD_NOT_ALLOWED).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    response
}
