//! The forms about endpoints and deliveries, apart from the one that says what an endpoint is (`endpoints`).
//!
//! Two of all these answer with a page instead of a redirect: a signing secret is shown in the one answer to
//! the form that made it, and lies in no session meanwhile.

use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Submission;
use crate::app::pages::webhooks::deliveries::ADDRESS as DELIVERIES;
use crate::app::pages::webhooks::words::{HOME, delivery_href, endpoint_href};
use crate::db::organizations;
use crate::domain::card::Meaning;
use crate::domain::event_kinds::EVENT_KINDS;
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::http::middleware::security_headers::Nonce;
use crate::http::pages::Page;
use crate::http::pages::webhooks::endpoints::draw;
use crate::http::range::start_of_day;
use crate::integrations::endpoints::deliveries::{self, Replayed};
use crate::integrations::endpoints::samples;
use crate::integrations::endpoints::{self, secrets};
use crate::vault::SecretText;

/// `POST /dashboard/webhooks/endpoints/{name}/rotate`
pub async fn submit_rotate(
    Extension(nonce): Extension<Nonce>,
    Path(name): Path<String>,
    form: Submission,
) -> Result<Response, HttpError> {
    let hours = form.fields.text("overlapHours").parse().unwrap_or(secrets::OVERLAP_HOURS);
    match secrets::rotate(&form.state.services, &form.caller, &name, hours).await {
        Ok(rotated) => show_once(&form, nonce, &name, rotated.secret.as_ref()).await,
        Err(error) => form.back(&endpoint_href(&name), error.into(), &[], "").await,
    }
}

/// `POST /dashboard/webhooks/endpoints/{name}/on`
pub async fn submit_on(Path(name): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let is_replay = form.fields.text("replay") == "yes";
    let home = endpoint_href(&name);
    match endpoints::set_active(&form.state.services, &form.caller, &name, true, is_replay).await {
        Ok((_, count)) => {
            let text = match (is_replay, count) {
                (true, 1) => format!("{name} is on, and one delivery goes out again"),
                (true, count) => format!("{name} is on, and {count} deliveries go out again"),
                (false, _) => format!("{name} is on"),
            };
            form.go(&home, Said::message(Meaning::Works, text)).await
        }
        Err(error) => form.back(&home, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/webhooks/endpoints/{name}/off`
pub async fn submit_off(Path(name): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let home = endpoint_href(&name);
    match endpoints::set_active(&form.state.services, &form.caller, &name, false, false).await {
        Ok(_) => {
            let text = format!("{name} is paused. What waited for it is parked.");
            form.go(&home, Said::message(Meaning::Unknown, text)).await
        }
        Err(error) => form.back(&home, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/webhooks/endpoints/{name}/delete`
pub async fn submit_delete(Path(name): Path<String>, form: Submission) -> Result<Response, HttpError> {
    match endpoints::delete(&form.state.services, &form.caller, &name).await {
        Ok(()) => form.go(HOME, Said::message(Meaning::Unknown, format!("{name} is deleted"))).await,
        Err(error) => form.back(HOME, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/webhooks/endpoints/{name}/test`: one sample, to this endpoint only.
pub async fn submit_test(Path(name): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let kind = match form.fields.text("kind") {
        "" => EVENT_KINDS[0].name,
        kind => kind,
    };
    match samples::send_to_one(&form.state.services, &form.caller, &name, kind).await {
        Ok(delivery) => {
            let text = format!("A sample of {kind} is on its way to {name}");
            form.go(&delivery_href(delivery), Said::message(Meaning::Works, text)).await
        }
        Err(error) => form.back(&endpoint_href(&name), error.into(), &[], "").await,
    }
}

/// `POST /dashboard/webhooks/endpoints/{name}/replay`: all that is dead or parked, since a day or ever.
pub async fn submit_replay_endpoint(
    Path(name): Path<String>,
    form: Submission,
) -> Result<Response, HttpError> {
    replay_failed(&form, Some(&name), &endpoint_href(&name)).await
}

/// `POST /dashboard/webhooks/deliveries/replay`: the same for the clinic, or an endpoint of it.
pub async fn submit_replay_all(form: Submission) -> Result<Response, HttpError> {
    let name = Some(form.fields.text("endpoint")).filter(|name| !name.is_empty());
    replay_failed(&form, name, DELIVERIES).await
}

async fn replay_failed(form: &Submission, name: Option<&str>, home: &str) -> Result<Response, HttpError> {
    let since = match since_of(form).await {
        Ok(since) => since,
        Err(error) => return form.back(home, error, &[], "").await,
    };
    match deliveries::replay_failed(&form.state.services, &form.caller, name, since).await {
        Ok(0) => {
            let text = "Nothing is replayed: nothing is dead or parked there that could go out again.";
            form.go(home, Said::message(Meaning::Unknown, text)).await
        }
        Ok(1) => form.go(home, Said::message(Meaning::Works, "One delivery goes out again")).await,
        Ok(count) => {
            form.go(home, Said::message(Meaning::Works, format!("{count} deliveries go out again"))).await
        }
        Err(error) => form.back(home, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/webhooks/deliveries/{id}/replay`
pub async fn submit_replay_one(Path(id): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let id: Uuid = id.parse().map_err(|_| HttpError::not_found())?;
    let home = delivery_href(id);
    match deliveries::replay_one(&form.state.services, &form.caller, id).await {
        Ok(replayed) => {
            let (meaning, text) = match replayed {
                Replayed::Queued => (Meaning::Works, "It goes out again, under the same id"),
                Replayed::Waits => (Meaning::Unknown, "It waits for its next try already"),
                Replayed::CanNot => (
                    Meaning::Attention,
                    "It can not go out again: its endpoint is off or gone, or what was sent is no longer kept.",
                ),
            };
            form.go(&home, Said::message(meaning, text)).await
        }
        Err(error) => form.back(&home, error.into(), &[], "").await,
    }
}

/// Answers with the endpoint's page and a secret that nobody can ask for again.
pub(super) async fn show_once(
    form: &Submission,
    nonce: Nonce,
    name: &str,
    secret: Option<&SecretText>,
) -> Result<Response, HttpError> {
    // Staff set things up and see no secret: whoever belongs to the clinic makes one to see it.
    let Some(secret) = secret else {
        let text = format!("{name} is saved. An owner or admin makes a new signing secret to see one.");
        return form.go(&endpoint_href(name), Said::message(Meaning::Works, text)).await;
    };
    let page = Page::after(form, nonce).await?;
    Ok(draw(page, name, "", Some(secret.expose().to_owned())).await?.into_response())
}

/// The beginning of the day since which something is sent again, on the clinic's clock.
async fn since_of(form: &Submission) -> Result<Option<OffsetDateTime>, HttpError> {
    let text = form.fields.text("since").trim();
    if text.is_empty() {
        return Ok(None);
    }
    let mut tx = form.caller.begin(&form.state.services).await?;
    let zone = organizations::find(&mut tx).await?.time_zone;
    tx.commit().await?;
    let day = start_of_day(text, &zone);
    day.map(Some).ok_or_else(|| {
        HttpError::invalid("invalid_fields", "Enter a day such as 2026-02-01, or none.", Vec::new())
    })
}
