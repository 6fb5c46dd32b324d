//! Errors as pages: where a browser asked, the problem document becomes a page with the same words.

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use tower_http::request_id::RequestId;
use url::form_urlencoded;

use super::security_headers::Nonce;
use crate::app::pages::error::{ErrorPage, error_page};
use crate::app::{NavItem, Shell, render};
use crate::http::error::HttpError;
use crate::http::extract::wants_html;
use crate::state::AppState;

/// Renders errors for browsers; sends people who are not signed in to the sign-in page.
pub async fn html_errors(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let is_page = wants_html(request.headers());
    let method = request.method().clone();
    let target = request.uri().path_and_query().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let nonce = request.extensions().get::<Nonce>().map(|nonce| nonce.0.clone()).unwrap_or_default();
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let response = next.run(request).await;
    let known = response.extensions().get::<HttpError>().cloned();
    let (error, response) = match known {
        Some(error) => (error, response),
        None if is_bare(&response) => {
            let error = HttpError::of_status(response.status());
            let allow = response.headers().get(header::ALLOW).cloned();
            let mut response = error.clone().into_response();
            if let Some(allow) = allow {
                response.headers_mut().insert(header::ALLOW, allow);
            }
            (error, response)
        }
        None => return response,
    };
    if !is_page {
        return response;
    }
    // Only a page that was looked at can be looked at again.
    let again = Some(target.clone()).filter(|target| method == Method::GET && target.starts_with('/'));
    if error.status == StatusCode::UNAUTHORIZED && error.code == "unauthenticated" {
        let next = if method == Method::GET { target } else { "/dashboard".to_owned() };
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
        return Redirect::to(&format!("/login?{query}")).into_response();
    }
    let shell = Shell {
        title: error.status.canonical_reason().unwrap_or("Error").to_owned(),
        nonce,
        assets: state.assets.clone(),
        user: None,
        active: NavItem::None,
        sandbox: state.is_sandbox,
        flash: None,
    };
    let page = match (error.status, error.code) {
        (_, "clinic_changed") => ErrorPage::OtherClinic { now_in: clinic_name(&error), opened_in: None },
        (StatusCode::NOT_FOUND, _) => ErrorPage::NotFound,
        (StatusCode::FORBIDDEN, "forbidden") => {
            ErrorPage::Forbidden { may_ask: Some(error.sentence.clone()) }
        }
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            ErrorPage::TooMany { retry_after_seconds: error.retry_after.map(u64::from) }
        }
        (StatusCode::INTERNAL_SERVER_ERROR, _) => ErrorPage::Internal { reference: request_id, again },
        (StatusCode::SERVICE_UNAVAILABLE, _) => ErrorPage::Unavailable { reference: Some(request_id), again },
        _ => ErrorPage::BadRequest { sentence: error.sentence.clone() },
    };
    let mut page = (error.status, Html(render(shell, || error_page(page)))).into_response();
    if let Some(seconds) = error.retry_after {
        page.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    page
}

/// Whether a layer or an extractor of a library refused the request: its words are not ours, and
/// may tell how we are made.
fn is_bare(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_ours = kind.is_some_and(|kind| kind.starts_with("text/html") || kind.contains("json"));
    (response.status().is_client_error() || response.status().is_server_error()) && !is_ours
}

/// The current clinic's name, which the error carries for programs as part of its sentence.
fn clinic_name(error: &HttpError) -> String {
    error.subject.clone().unwrap_or_else(|| "another clinic".to_owned())
}
