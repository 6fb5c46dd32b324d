//! Pages before anybody is signed in: `/login` and, while there is no clinic, `/setup`.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::app::pages::login::{LoginView, login_page};
use crate::app::pages::setup::{SetupView, setup_page};
use crate::app::{NavItem, Shell, render};
use crate::db::organizations;
use crate::http::error::HttpError;
use crate::http::middleware::security_headers::Nonce;
use crate::state::AppState;

#[derive(Deserialize)]
pub struct Next {
    next: Option<String>,
}

/// A shell without anybody in it.
pub fn plain_shell(state: &AppState, title: &str, nonce: &Nonce) -> Shell {
    Shell {
        title: title.to_owned(),
        nonce: nonce.0.clone(),
        assets: state.assets.clone(),
        user: None,
        active: NavItem::None,
        sandbox: state.is_sandbox,
        flash: None,
    }
}

/// The sign-in page; the first-run page where there is nobody to sign in.
pub async fn show_login(
    State(state): State<AppState>,
    Extension(nonce): Extension<Nonce>,
    Query(query): Query<Next>,
) -> Result<Response, HttpError> {
    if state.setup_code.is_some() && organizations::count(&state.services.pool).await? == 0 {
        return Ok(Redirect::to("/setup").into_response());
    }
    let view = LoginView { email: String::new(), next: query.next, error: None };
    Ok(Html(render(plain_shell(&state, "Sign in", &nonce), || login_page(view))).into_response())
}

/// The first-run page, while there is no clinic.
pub async fn show_setup(
    State(state): State<AppState>,
    Extension(nonce): Extension<Nonce>,
) -> Result<Html<String>, HttpError> {
    if state.setup_code.is_none() || organizations::count(&state.services.pool).await? > 0 {
        return Err(HttpError::not_found());
    }
    let view = SetupView {
        clinic: String::new(),
        name: String::new(),
        email: String::new(),
        errors: Vec::new(),
        error: None,
    };
    Ok(Html(render(plain_shell(&state, "Set up", &nonce), || setup_page(view))))
}

/// A place of our own to go to after signing in; anything else becomes the overview.
pub fn safe_next(next: Option<&str>) -> &str {
    let is_safe = |path: &str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && !path.starts_with("/\\")
            && path.len() <= 2000
            && path.bytes().all(|byte| byte > 0x20 && byte < 0x7f && byte != b'\\')
    };
    next.filter(|path| is_safe(path)).unwrap_or("/dashboard")
}

#[cfg(test)]
mod tests {
    use super::safe_next;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for bad in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\r\nSet-Cookie: x",
            "javascript:1",
            "",
            "/a\\b",
        ] {
            assert_eq!(safe_next(Some(bad)), "/dashboard", "{bad:?}");
        }
        assert_eq!(safe_next(Some("/dashboard/events?x=1")), "/dashboard/events?x=1");
    }
}
