//! Sends a clinic's own test message through the webhook's own route, in this process: body limit,
//! parsing, clinic, signature, dedupe, store and work are those of every message. And samples of events
//! out, through the queue of all of them.
//!
//! Owners and admins, a few a minute, each recorded. Nothing here knows a way around a signature.

use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};

use super::error::{FieldError, HttpError};
use super::front::{CALL_PATHS, Calls};
use crate::audit::Ended;
use crate::auth::throttle;
use crate::calls::samples::{self, Ask, NOBODY, SampleError};
use crate::db::event_list::{self, EventFilter};
use crate::db::inbound::EventRow;
use crate::domain::phone::PhoneNumber;
use crate::integrations::endpoints::samples::{self as endpoint_samples, Sampled, To};
use crate::integrations::{Caller, IntegrationError};
use crate::state::AppState;
use crate::webhooks::dedupe;

/// Of an answer, this much is shown.
const MOST_ANSWER: usize = 8 * 1024;

/// What became of a test.
pub struct Tested {
    pub kind: &'static str,
    /// The status that Vapi would have got.
    pub status: u16,
    /// From the request to the answer, in microseconds.
    pub took_us: u64,
    pub answer: String,
    /// As it was stored; none where it was refused.
    pub event: Option<EventRow>,
}

/// Reads what somebody wants to send. An empty number is one that belongs to nobody.
pub fn read(kind: &str, is_loud: bool, number: &str) -> Result<Ask, HttpError> {
    let wrong = |field: &str, message: &str| {
        let error = FieldError { field: field.to_owned(), message: message.to_owned() };
        HttpError::invalid("invalid_fields", message, vec![error])
    };
    let kind = samples::parse(kind).ok_or_else(|| wrong("kind", "Choose a type of message of the list."))?;
    let number = match number.trim() {
        "" if is_loud => {
            return Err(wrong(
                "number",
                "Enter the number that is used, such as +15550100123: a test in earnest may send to it.",
            ));
        }
        "" => NOBODY.to_owned(),
        text => PhoneNumber::parse(text)
            .map(|number| number.as_str().to_owned())
            .map_err(|_| wrong("number", "Start with + and the country code, such as +15550100123."))?,
    };
    Ok(Ask { kind, is_loud, number })
}

/// Sends it.
pub async fn send(state: &AppState, caller: &Caller, ask: &Ask) -> Result<Tested, HttpError> {
    let services = &state.services;
    caller.require_configure(services, "event.tested", ask.kind).await?;
    count(state, caller).await?;
    let sample = samples::prepare(services, caller, ask).await?;
    let mut tx = caller.begin(services).await?;
    let how = if ask.is_loud { "in earnest" } else { "reaching nobody" };
    caller.record(&mut tx, services, "event.tested", ask.kind, Ended::Success, how).await?;
    tx.commit().await.map_err(IntegrationError::from)?;

    let mut request = Request::builder()
        .method(Method::POST)
        .uri(CALL_PATHS[0])
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(sample.body))
        .map_err(|error| HttpError::fault(&error))?;
    for (name, value) in sample.headers {
        request.headers_mut().append(name, value);
    }
    let started = Instant::now();
    let calls = Calls::new(state.clone());
    let route = calls.find(CALL_PATHS[0]).ok_or_else(HttpError::not_found)?;
    let response = calls.answer(route, request).await;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), MOST_ANSWER).await.unwrap_or_default();
    let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);

    let mut tx = caller.begin(services).await?;
    let filter = EventFilter { call: Some(dedupe::with_half(sample.call_id)), ..EventFilter::default() };
    let event = event_list::list(&mut tx, &filter, 1).await?.rows.into_iter().next();
    tx.commit().await?;
    let answer = String::from_utf8_lossy(&body).into_owned();
    Ok(Tested { kind: ask.kind, status, took_us, answer, event })
}

/// Puts a sample of an event out into the queue.
pub async fn send_out(
    state: &AppState,
    caller: &Caller,
    to: To<'_>,
    kind: &str,
) -> Result<Sampled, HttpError> {
    caller.require_configure(&state.services, "endpoint.tested", kind).await?;
    count(state, caller).await?;
    Ok(endpoint_samples::send(&state.services, caller, to, kind).await?)
}

/// Counts a test, and refuses it where there were many.
async fn count(state: &AppState, caller: &Caller) -> Result<(), HttpError> {
    if throttle::count_test(&state.services.pool, &caller.org().to_string()).await? {
        return Ok(());
    }
    Err(HttpError {
        retry_after: Some(60),
        ..HttpError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_tests",
            "Twenty tests a minute are enough for a clinic. Please wait a minute.",
        )
    })
}

impl From<SampleError> for HttpError {
    fn from(error: SampleError) -> Self {
        match error {
            SampleError::NotSetUp => HttpError::new(
                StatusCode::CONFLICT,
                "not_connected",
                "Vapi is not connected for this clinic, so there is no assistant that a message could come from. Connect it under Integrations.",
            ),
            SampleError::Integration(error) => error.into(),
            SampleError::Vault(error) => error.into(),
            SampleError::Db(error) => error.into(),
        }
    }
}
