//! Handlers of pages: extractor, one transaction, one query per view, HTML.

pub mod agents;
pub mod api_docs;
pub mod appointments;
pub mod audit;
pub mod calls;
pub mod event_test;
pub mod events;
pub mod integrations;
pub mod messages;
pub mod overview;
pub mod phone;
pub mod platform;
pub mod platform_clinic;
pub mod settings;
pub mod sign_in;
mod views;
pub mod webhooks;

use axum::Extension;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Response};
use leptos::IntoView;
use serde::Deserialize;
use tower_sessions::Session;

use super::error::HttpError;
use super::extract::{Begun, Visitor};
use super::flash::Said;
use super::forms::{Submission, people, see_other};
use super::middleware::security_headers::Nonce;
use crate::app::relative::UnixMillis;
use crate::app::{NavItem, Shell, UserNav, render};
use crate::audit::Origin;
use crate::db::{BeginError, ContextRole, OrgTx, Scope, platform as db_platform, users};
use crate::domain::UserId;
use crate::domain::card::Meaning;
use crate::state::AppState;

/// What every page of the dashboard begins with: a transaction, and what to draw around the page.
pub struct Page {
    pub state: AppState,
    pub tx: OrgTx,
    pub scope: Scope,
    pub said: Said,
    /// Where the request came from, for the trail.
    pub origin: Origin,
    nonce: String,
}

#[derive(Deserialize)]
struct SaidQuery {
    said: Option<String>,
}

impl FromRequestParts<AppState> for Page {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        let visitor = Visitor::from_request_parts(parts, state).await.map_err(HttpError::into_response)?;
        let session = parts.extensions.get::<Session>().cloned();
        let (tx, scope) = match visitor.begin(state).await.map_err(HttpError::into_response)? {
            Begun::In(tx, scope) => (tx, *scope),
            Begun::Stray { user, email } => {
                return Err(take_in(state, session, &visitor, user, email)
                    .await
                    .unwrap_or_else(HttpError::into_response));
            }
        };
        let is_told = Query::<SaidQuery>::try_from_uri(&parts.uri).is_ok_and(|query| query.said.is_some());
        let said = match session {
            Some(session) if is_told => Said::take(&session).await.map_err(HttpError::into_response)?,
            _ => Said::default(),
        };
        let nonce = Extension::<Nonce>::from_request_parts(parts, state)
            .await
            .map(|nonce| nonce.0.0)
            .unwrap_or_default();
        Ok(Self { state: state.clone(), tx, scope, said, origin: visitor.origin, nonce })
    }
}

/// Somebody was removed from the clinic that they are signed in to: another one of theirs takes them
/// in, and the next page says so. It is the overview and never the page that was asked for, which was
/// the old clinic's.
async fn take_in(
    state: &AppState,
    session: Option<Session>,
    visitor: &Visitor,
    user: UserId,
    email: String,
) -> Result<Response, HttpError> {
    let own = users::organizations_of(&state.services.pool, user).await?;
    // Staff whose access has ended, or who have no clinic of their own, choose one.
    if own.is_empty() && db_platform::is_staff(&state.services.pool, user).await? {
        return Ok(see_other("/platform"));
    }
    let (Some(session), Some((org, name))) = (session, own.into_iter().next()) else {
        return Err(BeginError::NoOrganization { user, name: String::new(), email }.into());
    };
    people::enter_clinic(state, &session, &visitor.origin, email, org).await?;
    let text = format!("You no longer belong to the clinic that you were in. You are now in {name}.");
    Said::message(Meaning::Attention, text).leave(&session).await?;
    Ok(see_other("/dashboard"))
}

impl Page {
    /// The page that answers a form right away: for what is shown in one answer and kept nowhere.
    pub async fn after(form: &Submission, nonce: Nonce) -> Result<Self, HttpError> {
        let (tx, scope) = OrgTx::begin(&form.state.services.pool, &form.caller.access).await?;
        Ok(Self {
            state: form.state.clone(),
            tx,
            scope,
            said: Said::default(),
            origin: form.caller.origin.clone(),
            nonce: nonce.0,
        })
    }

    pub fn now(&self) -> UnixMillis {
        millis(self.state.services.clock.now())
    }

    pub const fn can_configure(&self) -> bool {
        self.scope.role.may_configure()
    }

    /// Whether the person may connect accounts and endpoints: staff of the platform may, too.
    pub const fn can_connect(&self) -> bool {
        self.scope.role.may_connect()
    }

    /// Whom somebody can ask who may not set up providers.
    pub async fn may_ask(&mut self) -> Result<Option<String>, HttpError> {
        if self.can_connect() {
            return Ok(None);
        }
        let names = users::list_configurers(&mut self.tx).await?;
        Ok(Some(format!("Ask an owner or admin: {}", names.join(", "))))
    }

    /// Ends the transaction and draws the page.
    pub async fn draw<V: IntoView>(
        self,
        title: &str,
        active: NavItem,
        page: impl FnOnce() -> V,
    ) -> Result<Html<String>, HttpError> {
        let (tx, frame) = self.split();
        tx.commit().await?;
        Ok(frame.draw(title, active, page))
    }

    /// The transaction, for those who end it themselves, and what is drawn around the page.
    pub fn split(self) -> (OrgTx, Frame) {
        let Self { state, tx, scope, said, nonce, .. } = self;
        (tx, Frame { state, scope, said, nonce })
    }
}

/// What is drawn around a page whose transaction has ended.
pub struct Frame {
    pub state: AppState,
    pub scope: Scope,
    said: Said,
    nonce: String,
}

impl Frame {
    /// Draws the page.
    pub fn draw<V: IntoView>(self, title: &str, active: NavItem, page: impl FnOnce() -> V) -> Html<String> {
        let Self { state, scope, said, nonce } = self;
        let shell = Shell {
            title: title.to_owned(),
            nonce,
            assets: state.assets.clone(),
            user: Some(UserNav {
                name: scope.user_name,
                email: scope.user_email,
                role: scope.role.as_str(),
                is_visiting: scope.role == ContextRole::Platform,
                org_id: scope.org,
                org_name: scope.org_name,
                organizations: scope.organizations,
                is_staff: scope.is_staff,
            }),
            active,
            sandbox: state.is_sandbox,
            flash: said.flash(),
        };
        Html(render(shell, page))
    }
}

/// Unix time in milliseconds, as views take it.
pub fn millis(at: time::OffsetDateTime) -> UnixMillis {
    (at.unix_timestamp_nanos() / 1_000_000) as UnixMillis
}

/// Both assistants, as an answer to a form shows them.
pub fn views_assistants(agents: &[crate::db::agents::AgentRow]) -> Vec<crate::app::wire::AssistantLine> {
    views::assistants(agents)
}
