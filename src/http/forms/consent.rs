//! The form of a provider that is signed in to on its own page: it leads there, lists what may be
//! chosen in the account, and saves a choice. Always a whole page, as another site takes part.

use axum::response::{IntoResponse, Redirect, Response};

use super::Submission;
use super::connect::{answer, answer_as_page, request};
use super::integrations::HOME;
use crate::domain::ProviderId;
use crate::domain::card::Meaning;
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::integrations::connect::{Connected, choices, connect};

/// `POST /dashboard/integrations/{provider}/connect` of such a provider.
pub(super) async fn submit(provider: ProviderId, form: Submission) -> Result<Response, HttpError> {
    let services = &form.state.services;
    if form.fields.text("intent") == "list" {
        form.caller.require_configure(services, "integration.listed", provider.as_str()).await?;
        let choices = choices(services, &form.caller, provider).await;
        let mut said = Said { form: provider.as_str().to_owned(), choices, ..Said::default() };
        if said.choices.is_empty() {
            said.message = Said::message(Meaning::Unknown, "The list could not be read right now.").message;
        }
        return form.go(&format!("{HOME}?panel={}", provider.as_str()), said).await;
    }
    let answered = match connect(services, &form.caller, provider, request(&form, provider), None).await {
        Ok(Connected::Consent { url }) => return Ok(Redirect::to(url.as_str()).into_response()),
        Ok(connected) => answer(&form, &provider.into(), connected, None).await,
        Err(error) => Err(error.into()),
    };
    answer_as_page(&provider.into(), &form, answered).await
}
