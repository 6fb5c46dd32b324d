//! The form about who wants no messages.

use axum::response::Response;

use super::Submission;
use crate::calls::opt_outs;
use crate::domain::card::Meaning;
use crate::http::error::HttpError;
use crate::http::flash::Said;

const HOME: &str = "/dashboard/messages";

/// `POST /dashboard/messages/opt-outs`
pub async fn submit_opt_out(form: Submission) -> Result<Response, HttpError> {
    // Whatever the button was, only the one that says so allows messages again.
    let is_out = form.fields.text("intent") != "in";
    let number = form.fields.text("number");
    match opt_outs::set(&form.state.services, &form.caller, number, is_out).await {
        Ok(()) => {
            let text = if is_out {
                "Nothing is sent to this number any more"
            } else {
                "Messages to this number are sent again"
            };
            form.go(HOME, Said::message(Meaning::Works, text)).await
        }
        Err(error) => form.back(HOME, error.into(), &["number"], "opt-outs").await,
    }
}
