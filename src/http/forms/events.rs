//! Forms of the inbox: run one event again, recover everything that was parked since a moment, send a test
//! in, or one out.

use axum::extract::Path;
use axum::response::Response;

use super::Submission;
use crate::app::components::waterfall::span;
use crate::app::pages::webhooks::told::told_href;
use crate::calls::events::{self, EventError, Recovered, Replayed};
use crate::domain::EventId;
use crate::domain::card::Meaning;
use crate::http::error::{FieldError, HttpError};
use crate::http::event_test;
use crate::http::flash::Said;
use crate::http::moment;
use crate::integrations::endpoints::samples::To;

const HOME: &str = "/dashboard/events";

/// `POST /dashboard/events/{id}/replay`
pub async fn submit_replay(Path(id): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let id: EventId = id.parse().map_err(|_| HttpError::not_found())?;
    let back = format!("{HOME}/{id}");
    match events::replay(&form.state.services, &form.caller, id).await {
        Ok(Replayed::Due) => form.go(&back, Said::message(Meaning::Works, "The event is run again")).await,
        Ok(Replayed::Waiting) => {
            form.go(&back, Said::message(Meaning::Unknown, "The event is waiting for the workers already"))
                .await
        }
        Err(error) => form.back(&back, error.into(), &[], "replay").await,
    }
}

/// `POST /dashboard/events/recover`
pub async fn submit_recover(form: Submission) -> Result<Response, HttpError> {
    let Some(since) = moment::parse(form.fields.text("since")) else {
        return form.back(HOME, since_error(), &["since"], "recover").await;
    };
    match events::recover(&form.state.services, &form.caller, since).await {
        Ok(recovered) => {
            let (meaning, text) = told(recovered);
            form.go(HOME, Said::message(meaning, text)).await
        }
        Err(error) => form.back(HOME, error.into(), &["since"], "recover").await,
    }
}

/// `POST /dashboard/events/test`
pub async fn submit_test(form: Submission) -> Result<Response, HttpError> {
    const PAGE: &str = "/dashboard/events/test";
    const KEPT: [&str; 3] = ["kind", "number", "loud"];
    let fields = &form.fields;
    let ask = match event_test::read(fields.text("kind"), fields.text("loud") == "yes", fields.text("number"))
    {
        Ok(ask) => ask,
        Err(error) => return form.back(PAGE, error, &KEPT, "test").await,
    };
    let tested = match event_test::send(&form.state, &form.caller, &ask).await {
        Ok(tested) => tested,
        Err(error) => return form.back(PAGE, error, &KEPT, "test").await,
    };
    let took = span(tested.took_us);
    match tested.event {
        Some(event) => {
            let text = format!(
                "{} was verified, stored and answered with {} after {took}",
                tested.kind, tested.status
            );
            let mut said = Said::message(Meaning::Works, text);
            if let Some(message) = said.message.as_mut() {
                message.detail = Some(tested.answer).filter(|answer| !answer.is_empty());
            }
            form.go(&format!("{HOME}/{}", event.id), said).await
        }
        None => {
            let text =
                format!("{} was answered with {} after {took}, and not stored", tested.kind, tested.status);
            let mut said = Said::message(Meaning::Broken, text);
            said.values = form.fields.keep(&KEPT);
            if let Some(message) = said.message.as_mut() {
                message.detail = Some(tested.answer).filter(|answer| !answer.is_empty());
            }
            form.go(PAGE, said).await
        }
    }
}

/// `POST /dashboard/events/test/outbound`
pub async fn submit_sample(form: Submission) -> Result<Response, HttpError> {
    const PAGE: &str = "/dashboard/events/test#outbound";
    const KEPT: [&str; 2] = ["event", "workflowName"];
    let (kind, name) = (form.fields.text("event"), form.fields.text("workflowName"));
    let to = if name.is_empty() { To::AllThatListen } else { To::One(name) };
    match event_test::send_out(&form.state, &form.caller, to, kind).await {
        Ok(sampled) => {
            let whom = match sampled.deliveries.len() {
                _ if !name.is_empty() => name.to_owned(),
                1 => "the one endpoint that listens".to_owned(),
                count => format!("the {count} endpoints that listen"),
            };
            let text = format!("A sample of {kind} is on its way to {whom}");
            form.go(&told_href(sampled.event), Said::message(Meaning::Works, text)).await
        }
        // Beside the field where it is chosen, and no page of its own.
        Err(error) if error.code == "endpoint_not_configured" => {
            let message = format!("{name} is switched off or gone, so nothing was sent. Choose another one.");
            let field = FieldError { field: "workflowName".to_owned(), message: message.clone() };
            let error = HttpError::invalid("invalid_fields", message, vec![field]);
            form.back(PAGE, error, &KEPT, "sample").await
        }
        Err(error) => form.back(PAGE, error, &KEPT, "sample").await,
    }
}

/// What is said where a moment cannot be read.
pub fn since_error() -> HttpError {
    let message = "Enter a date and a time, such as 2026-01-05T08:00.".to_owned();
    let field = FieldError { field: "since".to_owned(), message: message.clone() };
    HttpError::invalid("invalid_fields", message, vec![field])
}

fn told(recovered: Recovered) -> (Meaning, String) {
    let Recovered { recovered, left } = recovered;
    let events = |count: u64| if count == 1 { "1 event".to_owned() } else { format!("{count} events") };
    let stays = match left {
        0 => String::new(),
        1 => " 1 stays parked: it was answered while the caller waited, or nothing is left of it.".to_owned(),
        _ => format!(
            " {left} stay parked: they were answered while the caller waited, or nothing is left of them."
        ),
    };
    match recovered {
        0 if left == 0 => (Meaning::Works, "Nothing was parked since then".to_owned()),
        0 => (Meaning::Attention, format!("No event was given back.{stays}")),
        _ => (Meaning::Works, format!("{} will be worked on again.{stays}", events(recovered))),
    }
}

impl From<EventError> for HttpError {
    fn from(error: EventError) -> Self {
        use axum::http::StatusCode;
        let sentence = error.sentence();
        match error {
            EventError::NotFound => HttpError::not_found(),
            EventError::AnsweredAtOnce => HttpError::new(StatusCode::CONFLICT, "not_replayable", sentence),
            EventError::Emptied => HttpError::new(StatusCode::CONFLICT, "payload_emptied", sentence),
            EventError::Integration(error) => error.into(),
            EventError::Audit(error) => error.into(),
            EventError::Vault(error) => error.into(),
            EventError::Db(error) => error.into(),
            EventError::Unreadable(_) => HttpError::fault(&error),
        }
    }
}
