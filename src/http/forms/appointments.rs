//! Forms of the appointments' page.

use axum::extract::Path;
use axum::response::Response;
use uuid::Uuid;

use super::Submission;
use crate::calls::{appointments, notes};
use crate::domain::card::Meaning;
use crate::http::error::HttpError;
use crate::http::flash::Said;

const HOME: &str = "/dashboard/appointments";

fn parse(id: &str) -> Result<Uuid, HttpError> {
    id.parse().map_err(|_| HttpError::not_found())
}

/// `POST /dashboard/appointments/{id}/cancel`
pub async fn submit_cancel(Path(id): Path<String>, form: Submission) -> Result<Response, HttpError> {
    match appointments::cancel(&form.state.services, &form.caller, parse(&id)?).await {
        Ok(_) => {
            let text = "The appointment is cancelled. The patient is not told by itself";
            form.go(HOME, Said::message(Meaning::Works, text)).await
        }
        Err(error) => form.back(HOME, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/notes/{id}/done`
pub async fn submit_note_done(Path(id): Path<String>, form: Submission) -> Result<Response, HttpError> {
    match notes::mark_done(&form.state.services, &form.caller, parse(&id)?).await {
        Ok(()) => form.go(HOME, Said::message(Meaning::Works, "The note is done")).await,
        Err(error) => form.back(HOME, error.into(), &[], "").await,
    }
}
