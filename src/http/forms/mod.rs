//! Forms of the dashboard: post, do, redirect. Where an island posts, the same address answers with
//! what the island puts in place, and errors are problem documents.
//!
//! Every form carries the clinic that its page was opened for; where that is no longer the current
//! one, nothing is done. What was typed survives the round trip: values in the session, secrets as
//! sealed drafts.

pub mod agents;
pub mod appointments;
pub mod calls;
pub mod connect;
mod consent;
pub mod endpoints;
pub mod events;
pub mod integrations;
pub mod messages;
pub mod people;
pub mod phone;
pub mod platform;
pub mod schedule;
pub mod settings;
pub mod webhooks;

use std::collections::BTreeMap;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use tower_sessions::Session;
use url::form_urlencoded;

use super::error::HttpError;
use super::extract::{Visitor, wants_html};
use super::flash::Said;
use crate::domain::OrgId;
use crate::http::middleware::body_limit;
use crate::integrations::Caller;
use crate::state::AppState;

/// A form of the dashboard, with who sent it.
pub struct Submission {
    pub state: AppState,
    pub caller: Caller,
    pub session: Session,
    pub fields: Fields,
    headers: HeaderMap,
}

/// The fields of a form, in their order. A name given twice counts once, the last time.
#[derive(Clone, Default)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).map(String::as_str).unwrap_or_default()
    }

    /// Whether the form has such a field, filled or not.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The named values, to be shown again.
    pub fn keep(&self, keys: &[&str]) -> BTreeMap<String, String> {
        keys.iter().filter_map(|key| Some(((*key).to_owned(), self.0.get(*key)?.clone()))).collect()
    }
}

/// Reads the fields of a form from a request.
pub async fn read_fields(request: Request) -> Result<Fields, HttpError> {
    let is_form = request
        .headers()
        .get(axum::http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        let sentence = "A form of this service is sent as application/x-www-form-urlencoded.";
        return Err(HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", sentence));
    }
    let body = axum::body::to_bytes(request.into_body(), body_limit::LIMIT).await.map_err(|_| {
        HttpError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "This form is larger than 64 kB. Nothing was saved.",
        )
    })?;
    Ok(Fields::parse(&body))
}

impl FromRequest<AppState> for Submission {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, state).await?;
        let session = parts.extensions.get::<Session>().cloned().ok_or_else(HttpError::unauthenticated)?;
        let headers = parts.headers.clone();
        let fields = read_fields(Request::from_parts(parts, body)).await?;
        let opened_for: OrgId = fields.text("org").parse().map_err(|_| {
            HttpError::new(
                StatusCode::BAD_REQUEST,
                "clinic_missing",
                "The form does not say which clinic it is for. Nothing was saved.",
            )
        })?;
        let caller = visitor.caller(state, Some(opened_for)).await?;
        Ok(Self { state: state.clone(), caller, session, fields, headers })
    }
}

impl Submission {
    /// Whether an island asked, which stays on its page.
    pub fn is_from_island(&self) -> bool {
        !wants_html(&self.headers)
    }

    /// Sends the browser on, with something said to the next page.
    pub async fn go(&self, path: &str, said: Said) -> Result<Response, HttpError> {
        said.leave(&self.session).await?;
        Ok(see_other(path))
    }

    /// Sends the browser back with an error, unless it is one that deserves a page of its own.
    pub async fn back(
        &self,
        path: &str,
        error: HttpError,
        keep: &[&str],
        form: &str,
    ) -> Result<Response, HttpError> {
        let deserves_a_page = matches!(error.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        if self.is_from_island() || deserves_a_page {
            return Err(error);
        }
        let mut said = Said::error(&error, &self.caller.origin.request_id);
        said.values = self.fields.keep(keep);
        form.clone_into(&mut said.form);
        self.go(path, said).await
    }
}

/// A redirect after a post, to a page that looks at what was said.
pub fn see_other(path: &str) -> Response {
    let (path, anchor) = path.split_once('#').map_or((path, None), |(path, anchor)| (path, Some(anchor)));
    let joint = if path.contains('?') { '&' } else { '?' };
    let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
    Redirect::to(&format!("{path}{joint}said=1{anchor}")).into_response()
}
