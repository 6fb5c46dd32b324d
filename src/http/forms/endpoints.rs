//! The form of an endpoint, new or known.
//!
//! Where it is not right, the next page shows what was typed, apart from the bearer and the headers: these
//! wait as a sealed draft, and so does the address on its way. What is typed next goes over them.

use axum::Extension;
use axum::extract::Path;
use axum::response::Response;
use uuid::Uuid;

use super::webhooks::show_once;
use super::{Fields, Submission};
use crate::app::pages::webhooks::words::{HOME, endpoint_href};
use crate::domain::card::Meaning;
use crate::domain::event_kinds::EVENT_KINDS;
use crate::http::error::{FieldError, HttpError};
use crate::http::flash::Said;
use crate::http::middleware::security_headers::Nonce;
use crate::integrations::IntegrationError;
use crate::integrations::endpoints::drafts::{self, Draft};
use crate::integrations::endpoints::{self, AuthInput, Destination, EndpointChange, EndpointInput};
use crate::vault::SecretText;

/// What is kept in the session of a form that was not right.
const KEPT: [&str; 4] = ["workflowName", "destination", "description", "removeHeaders"];

/// `POST /dashboard/webhooks/endpoints`
pub async fn submit_new(Extension(nonce): Extension<Nonce>, form: Submission) -> Result<Response, HttpError> {
    let back = format!("{HOME}?panel=new");
    let (entered, auth) = match Entered::read(&form, None).await {
        (entered, Ok(auth)) => (entered, auth),
        (entered, Err(error)) => return again(&form, None, &back, error, entered).await,
    };
    let text = |key: &str| form.fields.text(key).trim().to_owned();
    let input = EndpointInput {
        workflow_name: text("workflowName"),
        url: entered.draft.address.clone(),
        destination: Destination::parse(form.fields.text("destination")).unwrap_or_default(),
        description: text("description"),
        events: events_of(&form.fields),
        auth: auth.unwrap_or_default(),
        ..EndpointInput::default()
    };
    match endpoints::create(&form.state.services, &form.caller, vec![input]).await {
        Ok(created) => {
            entered.forget(&form).await;
            let one = created.into_iter().next().ok_or_else(HttpError::not_found)?;
            show_once(&form, nonce, &one.endpoint.row.workflow_name, one.secret.as_ref()).await
        }
        Err(error) => again(&form, None, &back, error.into(), entered).await,
    }
}

/// `POST /dashboard/webhooks/endpoints/{name}`
pub async fn submit_change(Path(name): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let back = format!("{}?panel=edit", endpoint_href(&name));
    let (entered, auth) = match Entered::read(&form, Some(&name)).await {
        (entered, Ok(auth)) => (entered, auth),
        (entered, Err(error)) => return again(&form, Some(&name), &back, error, entered).await,
    };
    let text = |key: &str| form.fields.has(key).then(|| form.fields.text(key).trim().to_owned());
    let change = EndpointChange {
        workflow_name: text("workflowName"),
        // The form of a spreadsheet has no address.
        url: entered.draft.address.clone(),
        description: text("description"),
        events: Some(events_of(&form.fields)),
        settings: None,
        auth,
    };
    match endpoints::update(&form.state.services, &form.caller, &name, change).await {
        Ok(shown) => {
            entered.forget(&form).await;
            let name = &shown.row.workflow_name;
            form.go(&endpoint_href(name), Said::message(Meaning::Works, format!("{name} is saved"))).await
        }
        Err(error) => again(&form, Some(&name), &back, error.into(), entered).await,
    }
}

/// What is secret of a form: what was typed now, over what waits of the try before.
struct Entered {
    draft: Draft,
    /// The draft that it came out of.
    earlier: Option<Uuid>,
    /// Something that was typed is gone: it was kept for too long.
    is_lost: bool,
}

impl Entered {
    /// Reads it, and says what is to be sent along: nothing was said about that where it is none.
    async fn read(form: &Submission, name: Option<&str>) -> (Self, Result<Option<AuthInput>, HttpError>) {
        let (services, fields) = (&form.state.services, &form.fields);
        let earlier = fields.text("draft").parse().ok();
        let is_cleared = fields.text("removeHeaders") == "yes";
        let waiting = match earlier.filter(|_| !is_cleared) {
            Some(id) => drafts::open(services, &form.caller, name, id).await,
            None => Ok(Draft::default()),
        };
        let (waiting, problem) = match waiting {
            Ok(draft) => (draft, None),
            Err(error) => (Draft::default(), Some(error)),
        };
        let is_lost = matches!(problem, Some(IntegrationError::DraftGone));
        let (mut draft, wrong_line) = typed_over(waiting, fields);
        if is_cleared {
            draft = Draft { address: draft.address, ..Draft::default() };
        }
        let auth = match (problem, wrong_line) {
            (Some(error), _) => Err(error.into()),
            (None, _) if is_cleared => Ok(Some(AuthInput::None)),
            (None, Some(line)) => Err(no_header(line)),
            (None, None) => Ok(auth_of(&draft)),
        };
        (Self { draft, earlier, is_lost }, auth)
    }

    /// Removes the draft that was used. One that stays expires by itself.
    async fn forget(&self, form: &Submission) {
        let Some(id) = self.earlier else { return };
        if let Err(error) = drafts::forget(&form.state.services, &form.caller, id).await {
            tracing::warn!(error = &error as &dyn std::error::Error, org = %form.caller.org(), "a draft that was used expires later");
        }
    }
}

/// Sends the browser back to a form that was not right. What is secret of it is kept as a draft, without
/// what is wrong itself.
async fn again(
    form: &Submission,
    name: Option<&str>,
    path: &str,
    error: HttpError,
    entered: Entered,
) -> Result<Response, HttpError> {
    if form.is_from_island() || matches!(error.status.as_u16(), 403 | 404) {
        return Err(error);
    }
    let Entered { mut draft, earlier, mut is_lost } = entered;
    if error.fields.iter().any(|field| ["bearerToken", "headers"].contains(&field.field.as_str())) {
        draft.forget_bad();
    }
    let mut said = Said::error(&error, &form.caller.origin.request_id);
    let is_kept = |key: &str| KEPT.contains(&key) || key.starts_with("event:");
    said.values = form
        .fields
        .iter()
        .filter(|(key, _)| is_kept(key))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    if !draft.is_empty() {
        match drafts::keep(&form.state.services, &form.caller, name, &draft, earlier).await {
            Ok(id) => {
                said.values.insert("draft".to_owned(), id.to_string());
            }
            Err(error @ IntegrationError::MayNot) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, org = %form.caller.org(), "what was typed is not kept");
                is_lost |= draft.has_secrets();
            }
        }
    }
    if is_lost {
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

/// Puts what was typed over what waits: the bearer, and each header by its name. The address comes back to
/// the form, so it is what stands there. Says which line of the headers is none.
fn typed_over(waiting: Draft, fields: &Fields) -> (Draft, Option<usize>) {
    let typed = |key: &str| {
        let text = fields.text(key).trim();
        (!text.is_empty()).then(|| SecretText::new(text.to_owned()))
    };
    let mut wrong = None;
    let mut headers = Vec::new();
    for (at, line) in fields.text("headers").lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match line.split_once(':') {
            Some((name, value)) => {
                headers.push((name.trim().to_owned(), SecretText::new(value.trim().to_owned())));
            }
            None => wrong = wrong.or(Some(at + 1)),
        }
    }
    let mut all = waiting.headers;
    all.retain(|(known, _)| !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(known)));
    all.append(&mut headers);
    let draft =
        Draft { address: typed("url"), bearer: typed("bearerToken").or(waiting.bearer), headers: all };
    (draft, wrong)
}

fn no_header(line: usize) -> HttpError {
    let message = format!("Line {line} is not of the form Name: value. Enter it again.");
    let field = FieldError { field: "headers".to_owned(), message };
    HttpError::invalid("invalid_fields", "Some fields need your attention.", vec![field])
}

/// What is to be sent along; nothing was said where it is none.
fn auth_of(draft: &Draft) -> Option<AuthInput> {
    match (&draft.bearer, draft.headers.is_empty()) {
        (None, true) => None,
        (Some(bearer), true) => Some(AuthInput::Bearer(bearer.clone())),
        (None, false) => Some(AuthInput::Headers(draft.headers.clone())),
        (Some(bearer), false) => {
            let mut headers = draft.headers.clone();
            headers
                .push(("authorization".to_owned(), SecretText::new(format!("Bearer {}", bearer.expose()))));
            Some(AuthInput::Headers(headers))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Fields {
        Fields::parse(body.as_bytes())
    }

    fn sent(draft: &Draft) -> Vec<(String, String)> {
        let Some(AuthInput::Headers(headers)) = auth_of(draft) else { panic!("headers") };
        headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn headers_are_read_line_by_line_and_a_token_is_one_of_them() {
        let (none, wrong) = typed_over(Draft::default(), &fields("headers=%20%0A"));
        assert!(auth_of(&none).is_none() && wrong.is_none() && none.is_empty());
        let body = "bearerToken=t&headers=X-Key%3A%20a%3Ab%0D%0A%0D%0AX-Other%3Ac";
        let (both, wrong) = typed_over(Draft::default(), &fields(body));
        assert_eq!(sent(&both), pairs(&[("X-Key", "a:b"), ("X-Other", "c"), ("authorization", "Bearer t")]));
        assert_eq!(wrong, None);
        let body = "headers=X-Key%3A%20a%0Asecret-without-a-name";
        let (good, wrong) = typed_over(Draft::default(), &fields(body));
        assert_eq!((sent(&good), wrong), (pairs(&[("X-Key", "a")]), Some(2)), "the good line is kept");
    }

    #[test]
    fn what_is_typed_goes_over_what_waits_by_its_name() {
        let secret = |text: &str| SecretText::new(text.to_owned());
        let waiting = Draft {
            address: Some(secret("https://example.com/old")),
            bearer: Some(secret("t")),
            headers: vec![("X-Key".to_owned(), secret("a")), ("X-Other".to_owned(), secret("b"))],
        };
        let (kept, _) = typed_over(waiting.clone(), &fields("url=&bearerToken=&headers="));
        assert_eq!(
            kept,
            Draft { address: None, ..waiting.clone() },
            "the address is what stands in its field"
        );
        let (over, _) = typed_over(waiting, &fields("bearerToken=u&headers=x-key%3A%20c"));
        let expected = [("X-Other", "b"), ("x-key", "c"), ("authorization", "Bearer u")];
        assert_eq!(sent(&over), pairs(&expected));
    }

    #[test]
    fn only_kinds_that_there_are_can_be_ticked() {
        let form = fields("event%3Alead.hot=yes&event%3Acall.ended=no&event%3Anonsense=yes");
        assert_eq!(events_of(&form), ["lead.hot"]);
    }
}
