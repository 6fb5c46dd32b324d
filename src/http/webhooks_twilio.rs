//! `/api/webhooks/twilio/{route}/inbound` and `.../status`: patients' messages, and what became of the
//! clinic's own.
//!
//! 200 is sent after the commit; a worker takes it up from there, at once. Twilio posts again only
//! where nobody answered it, so nothing may be left undone behind a 200.

use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::error::HttpError;
use super::received::Received;
use super::webhooks::{check_receives, count_duplicates, refused};
use crate::state::{AppState, Services};
use crate::webhooks::envelope::EnvelopeError;
use crate::webhooks::inbound::{InboundError, micros};
use crate::webhooks::news::{self, News};
use crate::webhooks::twilio::{Posted, authenticate};
use crate::webhooks::twilio_events::{read_message, read_status};

/// What Twilio is told to answer the patient with: nothing.
const NO_REPLY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>";

/// Receives a patient's message.
pub async fn receive_inbound(
    State(state): State<AppState>,
    Path(route): Path<String>,
    received: Received,
) -> Result<Response, HttpError> {
    receive(&state.services, &route, &received, |form, _| read_message(form)).await?;
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], NO_REPLY).into_response())
}

/// Receives what became of a message.
pub async fn receive_status(
    State(state): State<AppState>,
    Path(route): Path<String>,
    received: Received,
) -> Result<StatusCode, HttpError> {
    receive(&state.services, &route, &received, read_status).await?;
    Ok(StatusCode::OK)
}

async fn receive(
    services: &Services,
    route: &str,
    received: &Received,
    read: fn(&crate::webhooks::form::Form, &str) -> Result<News, EnvelopeError>,
) -> Result<(), HttpError> {
    let started = Instant::now();
    // The configured address, never the Host header: that one is the caller's to choose.
    let base = services.public_url.as_str().trim_end_matches('/');
    let Received { headers, uri, body, .. } = received;
    let target = uri.path_and_query().map_or_else(|| uri.path(), |all| all.as_str());
    let url = format!("{base}{target}");
    let posted = Posted { route, url: &url, headers, body };
    let signed = match authenticate(&services.vault, &posted).await {
        Ok(signed) => signed,
        Err(error) => return Err(refused(services, error)),
    };
    let verified_us = micros(started);
    let org = signed.verified.org();
    let id = received.request_id();
    let span = tracing::info_span!("webhook", id, %org, kind = "twilio");
    async {
        check_receives(services, org).await?;
        let form = signed.form.ok_or(InboundError::Unparsable(EnvelopeError::Unparsable))?;
        let news = read(&form, uri.query().unwrap_or_default()).map_err(InboundError::from)?;
        let stored = news::store(services, &signed.verified, &[news], started, verified_us).await?;
        count_duplicates(services, org, stored);
        Ok(())
    }
    .instrument(span)
    .await
}
