//! Signing in and out, switching the clinic, and the first run.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use subtle::ConstantTimeEq;
use tower_sessions::Session;

use super::{Fields, read_fields};
use crate::app::pages::login::{LoginView, login_page};
use crate::app::pages::setup::{SetupView, setup_page};
use crate::app::render;
use crate::app::wire;
use crate::audit::machines::Cause;
use crate::audit::{self, Ended, Entry, Origin};
use crate::auth::accounts::{self, NewUser};
use crate::auth::session::key;
use crate::auth::sign_in::{SignInError, normalize_email, sign_in};
use crate::db::{OrgTx, organizations, users};
use crate::domain::{OrgId, UserId};
use crate::http::error::HttpError;
use crate::http::extract::Visitor;
use crate::http::middleware::security_headers::Nonce;
use crate::http::pages::sign_in::{plain_shell, safe_next};
use crate::integrations::found::{Maker, NewClinic, found};
use crate::state::AppState;
use crate::vault::SecretText;

/// `POST /login`
pub async fn submit_login(
    State(state): State<AppState>,
    Extension(nonce): Extension<Nonce>,
    session: Session,
    origin: Origin,
    request: Request,
) -> Result<Response, HttpError> {
    let fields = read_fields(request).await?;
    let email = fields.text("email").to_owned();
    let next = Some(fields.text("next")).filter(|next| !next.is_empty());
    let password = SecretText::new(fields.text("password").to_owned());
    let services = &state.services;
    match sign_in(&services.pool, &state.passwords, &email, password, &origin.address).await {
        Ok(person) => {
            open_session(&session, person.user, person.org).await?;
            record_sign_in(&state, &origin, &email, person.org, Ended::Success).await?;
            Ok(Redirect::to(safe_next(next)).into_response())
        }
        Err(error) => {
            match &error {
                SignInError::Refused => record_sign_in(&state, &origin, &email, None, Ended::Denied).await?,
                // Counted: a row for each would let anybody fill the trail.
                SignInError::Throttled { .. } => {
                    services.counts.count(None, Cause::SignInThrottled, services.clock.now());
                }
                SignInError::Password(_) | SignInError::Db(_) => {}
            }
            let error = HttpError::from(error);
            if error.status.is_server_error() {
                return Err(error);
            }
            let view =
                LoginView { email, next: next.map(str::to_owned), error: Some(error.sentence.clone()) };
            let page = render(plain_shell(&state, "Sign in", &nonce), || login_page(view));
            let mut response = (error.status, Html(page)).into_response();
            if let Some(seconds) = error.retry_after {
                response.headers_mut().insert(axum::http::header::RETRY_AFTER, seconds.into());
            }
            Ok(response)
        }
    }
}

/// Gives the session a new id and a person. Saved at once: an error later must not undo it.
async fn open_session(session: &Session, user: UserId, org: Option<OrgId>) -> Result<(), HttpError> {
    let store = |error: tower_sessions::session::Error| HttpError::unavailable(&error);
    session.clear().await;
    session.cycle_id().await.map_err(store)?;
    session.insert(key::USER, user).await.map_err(store)?;
    if let Some(org) = org {
        session.insert(key::ORG, org).await.map_err(store)?;
    }
    session.save().await.map_err(store)
}

/// Sign-ins stand in the clinic's trail, refused ones in the platform's: nobody knows whose they
/// were.
async fn record_sign_in(
    state: &AppState,
    origin: &Origin,
    email: &str,
    org: Option<OrgId>,
    ended: Ended,
) -> Result<(), HttpError> {
    let services = &state.services;
    let action = if ended == Ended::Success { "session.opened" } else { "session.refused" };
    let entry = Entry {
        actor: normalize_email(email),
        action,
        target: "sign-in".to_owned(),
        ended,
        details: String::new(),
    };
    match org {
        Some(org) => {
            let mut tx = OrgTx::service(&services.pool, org).await?;
            audit::append(&mut tx, &services.vault, &services.clock, origin, entry).await?;
            tx.commit().await?;
        }
        None => {
            audit::append_platform(&services.pool, &services.vault, &services.clock, origin, entry).await?
        }
    }
    Ok(())
}

/// `POST /logout`
pub async fn submit_logout(
    State(state): State<AppState>,
    session: Session,
    visitor: Visitor,
) -> Result<Response, HttpError> {
    if let Ok(caller) = visitor.caller(&state, None).await {
        let mut tx = caller.begin(&state.services).await?;
        caller.record(&mut tx, &state.services, "session.closed", "sign-out", Ended::Success, "").await?;
        tx.commit().await?;
    }
    session.flush().await.map_err(|error| HttpError::unavailable(&error))?;
    Ok(Redirect::to("/login").into_response())
}

/// `POST /switch`: another clinic of the same person. A clinic that is not theirs does not exist.
pub async fn submit_switch(
    State(state): State<AppState>,
    session: Session,
    visitor: Visitor,
    request: Request,
) -> Result<Response, HttpError> {
    let fields = read_fields(request).await?;
    let caller = visitor.caller(&state, None).await?;
    let user = caller.user().ok_or_else(HttpError::unauthenticated)?;
    let wanted: OrgId = fields.text("org").parse().map_err(|_| HttpError::not_found())?;
    let own = users::organizations_of(&state.services.pool, user).await?;
    if !own.iter().any(|(org, _)| *org == wanted) {
        return Err(HttpError::not_found());
    }
    enter_clinic(&state, &session, &caller.origin, caller.actor(), wanted).await?;
    Ok(Redirect::to("/dashboard").into_response())
}

/// Makes a clinic the current one of a session. In the trail of the clinic that is entered: its people
/// want to know who came in. Saved at once.
pub async fn enter_clinic(
    state: &AppState,
    session: &Session,
    origin: &Origin,
    actor: String,
    wanted: OrgId,
) -> Result<(), HttpError> {
    let store = |error: tower_sessions::session::Error| HttpError::unavailable(&error);
    let services = &state.services;
    let entry = Entry {
        actor,
        action: "session.switched",
        target: "sign-in".to_owned(),
        ended: Ended::Success,
        details: String::new(),
    };
    let mut tx = OrgTx::service(&services.pool, wanted).await?;
    audit::append(&mut tx, &services.vault, &services.clock, origin, entry).await?;
    tx.commit().await?;
    session.insert(key::ORG, wanted).await.map_err(store)?;
    session.save().await.map_err(store)
}

/// `POST /setup`: the first clinic and its owner, with the code that was printed at start.
pub async fn submit_setup(
    State(state): State<AppState>,
    Extension(nonce): Extension<Nonce>,
    session: Session,
    origin: Origin,
    request: Request,
) -> Result<Response, HttpError> {
    let fields = read_fields(request).await?;
    let services = &state.services;
    let Some(code) = &state.setup_code else { return Err(HttpError::not_found()) };
    if organizations::count(&services.pool).await? > 0 {
        return Err(HttpError::not_found());
    }
    let is_code = bool::from(code.as_bytes().ct_eq(fields.text("code").trim().as_bytes()));
    let made = if is_code { make_first(&state, &origin, &fields).await } else { Err(wrong_code()) };
    match made {
        Ok((user, org)) => {
            open_session(&session, user, Some(org)).await?;
            record_sign_in(&state, &origin, fields.text("email"), Some(org), Ended::Success).await?;
            Ok(Redirect::to("/dashboard").into_response())
        }
        Err(error) if error.status == StatusCode::UNPROCESSABLE_ENTITY => {
            let view = SetupView {
                clinic: fields.text("clinic").to_owned(),
                name: fields.text("name").to_owned(),
                email: fields.text("email").to_owned(),
                errors: error
                    .fields
                    .iter()
                    .map(|e| wire::FieldError { field: e.field.clone(), message: e.message.clone() })
                    .collect(),
                error: Some(error.sentence.clone()),
            };
            let page = render(plain_shell(&state, "Set up", &nonce), || setup_page(view));
            Ok((error.status, Html(page)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// All of it, or nothing: what went wrong can be sent again. Of two at once, one finds the page gone.
async fn make_first(
    state: &AppState,
    origin: &Origin,
    fields: &Fields,
) -> Result<(UserId, OrgId), HttpError> {
    let password = SecretText::new(fields.text("password").to_owned());
    let new = NewUser { email: fields.text("email"), name: fields.text("name"), password };
    // Before the password is hashed: that takes a while.
    accounts::check_organization(fields.text("clinic"), "UTC")?;
    let owner = accounts::prepare(&state.passwords, new).await?;
    let clinic = NewClinic {
        id: None,
        name: fields.text("clinic"),
        time_zone: "UTC",
        country: "US",
        must_be_first: true,
    };
    let by = Maker { name: &owner.email, origin };
    let org = found(&state.services, &clinic, Some(&owner), by).await?;
    Ok((owner.id, org))
}

fn wrong_code() -> HttpError {
    let message = "This is not the code that was printed when the service started.".to_owned();
    let field = crate::http::error::FieldError { field: "code".to_owned(), message: message.clone() };
    HttpError::invalid("invalid_fields", message, vec![field])
}
