//! `/api/webhooks/twilio/{route}/inbound` and `.../status`: patients' messages, and what became of the
//! clinic's own.
//!
//! 200 is sent after the commit; a worker takes it up from there, at once. Twilio posts again only
//! where nobody answered it, so nothing may be left undone behind a 200.

use std::time::Instant;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tower_http::request_id::RequestId;
use tracing::Instrument;

use super::error::HttpError;
use super::webhook_body::WebhookBody;
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
    Extension(request_id): Extension<RequestId>,
    Path(route): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    WebhookBody(body): WebhookBody,
) -> Result<Response, HttpError> {
    let post = Post { request_id: &request_id, route: &route, uri: &uri, headers: &headers };
    receive(&state.services, &post, body, |form, _| read_message(form)).await?;
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], NO_REPLY).into_response())
}

/// Receives what became of a message.
pub async fn receive_status(
    State(state): State<AppState>,
    Extension(request_id): Extension<RequestId>,
    Path(route): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    WebhookBody(body): WebhookBody,
) -> Result<StatusCode, HttpError> {
    let post = Post { request_id: &request_id, route: &route, uri: &uri, headers: &headers };
    receive(&state.services, &post, body, read_status).await?;
    Ok(StatusCode::OK)
}

/// A post before anybody has looked at its body.
struct Post<'a> {
    request_id: &'a RequestId,
    route: &'a str,
    uri: &'a Uri,
    headers: &'a HeaderMap,
}

async fn receive(
    services: &Services,
    post: &Post<'_>,
    body: Bytes,
    read: fn(&crate::webhooks::form::Form, &str) -> Result<News, EnvelopeError>,
) -> Result<(), HttpError> {
    let started = Instant::now();
    // The configured address, never the Host header: that one is the caller's to choose.
    let base = services.public_url.as_str().trim_end_matches('/');
    let target = post.uri.path_and_query().map_or_else(|| post.uri.path(), |all| all.as_str());
    let url = format!("{base}{target}");
    let posted = Posted { route: post.route, url: &url, headers: post.headers, body: &body };
    let signed = match authenticate(&services.vault, &posted).await {
        Ok(signed) => signed,
        Err(error) => return Err(refused(services, error)),
    };
    let verified_us = micros(started);
    let org = signed.verified.org();
    let id = post.request_id.header_value().to_str().unwrap_or_default();
    let span = tracing::info_span!("webhook", id, %org, kind = "twilio");
    async {
        check_receives(services, org).await?;
        let form = signed.form.ok_or(InboundError::Unparsable(EnvelopeError::Unparsable))?;
        let news = read(&form, post.uri.query().unwrap_or_default()).map_err(InboundError::from)?;
        let stored = news::store(services, &signed.verified, &[news], started, verified_us).await?;
        count_duplicates(services, org, stored);
        Ok(())
    }
    .instrument(span)
    .await
}
