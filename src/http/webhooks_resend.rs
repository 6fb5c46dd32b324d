//! `/api/webhooks/resend/{route}`: what became of the clinic's e-mails. 200 is sent after the event is
//! committed; what was not answered Resend posts again, and the same message counts once.

use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use tracing::Instrument;

use super::error::HttpError;
use super::received::Received;
use super::webhooks::{check_receives, count_duplicates, refused};
use crate::state::AppState;
use crate::webhooks::inbound::{InboundError, micros};
use crate::webhooks::inbox::Stored;
use crate::webhooks::resend::{authenticate, prepare, read};

/// Receives one event.
pub async fn receive(
    State(state): State<AppState>,
    Path(route): Path<String>,
    received: Received,
) -> Result<StatusCode, HttpError> {
    let started = Instant::now();
    let services = &state.services;
    let now = services.clock.now().unix_timestamp();
    let sender = authenticate(&services.vault, &route, &received.headers, &received.body, now)
        .await
        .map_err(|error| refused(services, error))?;
    let verified_us = micros(started);
    let org = sender.verified.org();
    let id = received.request_id();
    let span = tracing::info_span!("webhook", id, %org, kind = "resend");
    async {
        check_receives(services, org).await?;
        let news = read(&received.body).map_err(InboundError::from)?;
        let event = prepare(&services.vault, &sender, &news, started, verified_us).await?;
        let stored = services.inbox.store(&sender.verified, event).await.map_err(InboundError::from)?;
        count_duplicates(services, org, usize::from(stored == Stored::Duplicate));
        Ok(StatusCode::OK)
    }
    .instrument(span)
    .await
}
