//! The forms about endpoints and deliveries.
//!
//! Two of them answer with a page instead of a redirect: a signing secret is shown in the one answer to
//! the form that made it, and lies in no session meanwhile.

use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Fields, Submission};
use crate::app::pages::webhooks::deliveries::ADDRESS as DELIVERIES;
use crate::app::pages::webhooks::words::{HOME, delivery_href, endpoint_href};
use crate::db::organizations;
use crate::domain::card::Meaning;
use crate::domain::event_kinds::EVENT_KINDS;
use crate::http::error::{FieldError, HttpError};
use crate::http::flash::Said;
use crate::http::middleware::security_headers::Nonce;
use crate::http::pages::Page;
use crate::http::pages::webhooks::endpoints::draw;
use crate::http::range::start_of_day;
use crate::integrations::endpoints::deliveries::{self, Replayed};
use crate::integrations::endpoints::samples;
use crate::integrations::endpoints::{self, AuthInput, Destination, EndpointChange, EndpointInput, secrets};
use crate::vault::SecretText;

/// What is kept of a form that was not right; secrets are not.
const KEPT: [&str; 4] = ["workflowName", "destination", "url", "description"];

/// `POST /dashboard/webhooks/endpoints`
pub async fn submit_new(Extension(nonce): Extension<Nonce>, form: Submission) -> Result<Response, HttpError> {
    let back = format!("{HOME}?panel=new");
    let auth = match auth_of(&form.fields) {
        Ok(auth) => auth,
        Err(error) => return again(&form, &back, error).await,
    };
    let text = |key: &str| form.fields.text(key).trim().to_owned();
    let input = EndpointInput {
        workflow_name: text("workflowName"),
        url: Some(text("url")).filter(|url| !url.is_empty()),
        destination: Destination::parse(form.fields.text("destination")).unwrap_or_default(),
        description: text("description"),
        events: events_of(&form.fields),
        auth: auth.unwrap_or_default(),
        ..EndpointInput::default()
    };
    match endpoints::create(&form.state.services, &form.caller, vec![input]).await {
        Ok(created) => {
            let one = created.into_iter().next().ok_or_else(HttpError::not_found)?;
            show_once(&form, nonce, &one.endpoint.workflow_name, one.secret.as_ref()).await
        }
        Err(error) => again(&form, &back, error.into()).await,
    }
}

/// `POST /dashboard/webhooks/endpoints/{name}`
pub async fn submit_change(Path(name): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let back = format!("{}?panel=edit", endpoint_href(&name));
    let auth = match auth_of(&form.fields) {
        _ if form.fields.text("removeHeaders") == "yes" => Some(AuthInput::None),
        Ok(auth) => auth,
        Err(error) => return again(&form, &back, error).await,
    };
    // The form of a spreadsheet has no address.
    let text = |key: &str| form.fields.has(key).then(|| form.fields.text(key).trim().to_owned());
    let change = EndpointChange {
        workflow_name: text("workflowName"),
        url: text("url").filter(|url| !url.is_empty()),
        description: text("description"),
        events: Some(events_of(&form.fields)),
        settings: None,
        auth,
    };
    match endpoints::update(&form.state.services, &form.caller, &name, change).await {
        Ok(row) => {
            let said = Said::message(Meaning::Works, format!("{} is saved", row.workflow_name));
            form.go(&endpoint_href(&row.workflow_name), said).await
        }
        Err(error) => again(&form, &back, error.into()).await,
    }
}

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
async fn show_once(
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

/// Sends the browser back to a form that was not right, without its secrets.
async fn again(form: &Submission, path: &str, error: HttpError) -> Result<Response, HttpError> {
    if form.is_from_island() || matches!(error.status.as_u16(), 403 | 404) {
        return Err(error);
    }
    let mut said = Said::error(&error, &form.caller.origin.request_id);
    let is_kept = |key: &str| KEPT.contains(&key) || key.starts_with("event:");
    said.values = form
        .fields
        .iter()
        .filter(|(key, _)| is_kept(key))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    if ["bearerToken", "headers"].iter().any(|key| !form.fields.text(key).trim().is_empty()) {
        said.values.insert("lostSecret".to_owned(), "yes".to_owned());
    }
    "endpoint".clone_into(&mut said.form);
    form.go(path, said).await
}

/// The kinds that are ticked.
fn events_of(fields: &Fields) -> Vec<String> {
    let ticked = |name: &str| fields.text(&format!("event:{name}")) == "yes";
    EVENT_KINDS.iter().filter(|kind| ticked(kind.name)).map(|kind| kind.name.to_owned()).collect()
}

/// What is to be sent along; nothing was typed where it is none.
fn auth_of(fields: &Fields) -> Result<Option<AuthInput>, HttpError> {
    let bearer = fields.text("bearerToken").trim();
    let mut headers = Vec::new();
    for (at, line) in fields.text("headers").lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Some((name, value)) = line.split_once(':') else {
            let message = format!("Line {} is not of the form Name: value.", at + 1);
            let field = FieldError { field: "headers".to_owned(), message };
            return Err(HttpError::invalid(
                "invalid_fields",
                "Some fields need your attention.",
                vec![field],
            ));
        };
        headers.push((name.trim().to_owned(), SecretText::new(value.trim().to_owned())));
    }
    Ok(match (bearer, headers.is_empty()) {
        ("", true) => None,
        (bearer, true) => Some(AuthInput::Bearer(SecretText::new(bearer.to_owned()))),
        ("", false) => Some(AuthInput::Headers(headers)),
        (bearer, false) => {
            headers.push(("authorization".to_owned(), SecretText::new(format!("Bearer {bearer}"))));
            Some(AuthInput::Headers(headers))
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Fields {
        Fields::parse(body.as_bytes())
    }

    #[test]
    fn headers_are_read_line_by_line_and_a_token_is_one_of_them() {
        assert!(matches!(auth_of(&fields("headers=%20%0A")), Ok(None)));
        let both = auth_of(&fields("bearerToken=t&headers=X-Key%3A%20a%3Ab%0D%0A%0D%0AX-Other%3Ac"));
        let Ok(Some(AuthInput::Headers(headers))) = both else { panic!("headers") };
        let read: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(read, [("X-Key", "a:b"), ("X-Other", "c"), ("authorization", "Bearer t")]);
        let wrong = auth_of(&fields("headers=X-Key%3A%20a%0Asecret-without-a-name")).unwrap_err();
        assert_eq!(wrong.fields[0].message, "Line 2 is not of the form Name: value.");
    }

    #[test]
    fn only_kinds_that_there_are_can_be_ticked() {
        let form = fields("event%3Alead.hot=yes&event%3Acall.ended=no&event%3Anonsense=yes");
        assert_eq!(events_of(&form), ["lead.hot"]);
    }
}
