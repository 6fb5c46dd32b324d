//! Where a provider's consent page sends people back to, and where they come from.
//!
//! The way there is a form of the dashboard like any other, so that no foreign page can begin it. The
//! way back is a plain GET from another site: the cookie is sent along because it is `Lax`, nothing
//! else in the request is believed, and where it leads is never read from it.

use axum::extract::{Query, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use serde::Deserialize;
use tower_sessions::Session;
use url::form_urlencoded;

use super::error::HttpError;
use super::extract::Visitor;
use super::flash::Said;
use super::forms::connect::report_view;
use super::forms::integrations::HOME;
use super::forms::see_other;
use crate::app::wire::ConnectAnswer;
use crate::domain::ProviderId;
use crate::domain::card::Meaning;
use crate::integrations::connect::{Connected, choices};
use crate::integrations::consent::{Callback, org_of_state};
use crate::integrations::grant::{Finished, finish};
use crate::integrations::{Caller, IntegrationError};
use crate::providers::catalogue;
use crate::state::AppState;

#[derive(Deserialize)]
pub struct Start {
    provider: Option<String>,
}

/// `GET /api/auth/google/start`: the card from which a person begins. It changes nothing, so it may be
/// a link.
pub async fn show_start(Query(start): Query<Start>) -> Redirect {
    let provider = start.provider.and_then(|word| word.parse::<ProviderId>().ok());
    let provider = provider.filter(|id| catalogue::find(*id).spec().oauth().is_some());
    let word = provider.unwrap_or(ProviderId::GoogleCalendar).as_str();
    Redirect::to(&format!("{HOME}?panel={word}"))
}

/// Reads the answer. A name that is there twice was not written by the provider.
fn read(query: &str) -> Option<Callback> {
    let mut callback = Callback::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "state" => &mut callback.state,
            "code" => &mut callback.code,
            "error" => &mut callback.error,
            "iss" => &mut callback.issuer,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            return None;
        }
    }
    Some(callback)
}

/// `GET /api/auth/google/callback`
pub async fn answer(
    State(state): State<AppState>,
    visitor: Visitor,
    session: Session,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    let callback = read(query.as_deref().unwrap_or_default()).unwrap_or_default();
    let opened_for = callback.state.as_deref().and_then(org_of_state);
    let caller = match visitor.caller(&state, opened_for).await {
        Err(error) if error.code == "unauthenticated" => return Err(nobody()),
        caller => caller?,
    };
    match finish(&state.services, &caller, &callback).await {
        Ok(Finished { provider, connected }) => {
            let said = said(&state, &caller, provider, connected).await;
            said.leave(&session).await?;
            Ok(see_other(&format!("{HOME}?panel={}", provider.as_str())))
        }
        Err(error @ IntegrationError::MayNot) => Err(error.into()),
        Err(error) => {
            let is_cancelled = matches!(error, IntegrationError::Consent(refusal) if refusal.is_cancelled());
            let error = HttpError::from(error);
            let mut said = Said::error(&error, &caller.origin.request_id);
            if let (true, Some(message)) = (is_cancelled, said.message.as_mut()) {
                message.meaning = Meaning::Unknown;
            }
            said.leave(&session).await?;
            Ok(see_other(HOME))
        }
    }
}

/// The sign-in page would carry the code along in its address; this page does not.
fn nobody() -> HttpError {
    HttpError::new(
        StatusCode::UNAUTHORIZED,
        "consent_without_session",
        "Google sent you back, but you are not signed in here any more. Nothing was saved. Sign in and connect again.",
    )
}

async fn said(state: &AppState, caller: &Caller, provider: ProviderId, connected: Connected) -> Said {
    let spec = catalogue::find(provider).spec();
    let form = provider.as_str().to_owned();
    match connected {
        Connected::Saved { report, .. } => {
            let who = report.identity_name.clone().unwrap_or_default();
            let mut said = if report.notes.is_empty() {
                Said::message(Meaning::Works, format!("{} is connected as {who}", spec.name))
            } else {
                Said::message(Meaning::Attention, format!("{} is connected as {who}, with limits", spec.name))
            };
            if let Some(message) = said.message.as_mut().filter(|_| !report.notes.is_empty()) {
                message.detail = Some(report.notes.join(" "));
            }
            let choices = choices(&state.services, caller, provider).await;
            Said { form, choices, ..said }
        }
        Connected::NotSaved { report, draft, .. } => Said {
            form,
            picked: report.identity_name.clone().or_else(|| report.identity.clone()),
            connect: Some(ConnectAnswer { draft: Some(draft.to_string()), ..ConnectAnswer::default() }),
            ..Said::default()
        },
        Connected::ConsentRefused { report } => Said {
            form,
            connect: Some(ConnectAnswer { report: Some(report_view(report)), ..ConnectAnswer::default() }),
            ..Said::default()
        },
        Connected::Invalid { .. } | Connected::Consent { .. } => Said::default(),
    }
}
