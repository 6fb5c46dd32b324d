//! Every route on one screen, and the layers around them.
//!
//! Webhooks stand outside of session and CSRF: their senders have neither, and prove themselves by
//! signature. Everything else is behind both.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Json, middleware};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::{Expiry, SessionManagerLayer};
use uuid::Uuid;

use super::error::HttpError;
use super::middleware::body_limit;
use super::middleware::html_errors::html_errors;
use super::middleware::security_headers::{Nonce, security_headers};
use super::middleware::webhook_layer;
use super::pages::{self, sign_in};
use super::{api, consent, forms, live, webhooks, webhooks_resend, webhooks_twilio, webhooks_whatsapp};
use crate::auth::session::PgSessionStore;
use crate::db::{DbError, installation};
use crate::state::AppState;

/// Longer than any use case: a provider's deadline always comes first.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The whole server.
pub fn router(state: AppState) -> Router {
    let (api_routes, description) = api::router();

    let browser = Router::new()
        .route("/", get(|| async { Redirect::to("/dashboard") }))
        .route("/login", get(sign_in::show_login).post(forms::people::submit_login))
        .route("/logout", post(forms::people::submit_logout))
        .route("/switch", post(forms::people::submit_switch))
        .route("/setup", get(sign_in::show_setup).post(forms::people::submit_setup))
        .route("/dashboard", get(pages::overview::show))
        .route("/dashboard/integrations", get(pages::integrations::show))
        .route("/dashboard/integrations/{provider}/connect", post(forms::connect::submit_connect))
        .route("/dashboard/integrations/{provider}/verify", post(forms::integrations::submit_verify))
        .route("/dashboard/integrations/{provider}/restore", post(forms::integrations::submit_restore))
        .route("/dashboard/integrations/{provider}/pause", post(forms::integrations::submit_pause))
        .route("/dashboard/integrations/{provider}/resume", post(forms::integrations::submit_resume))
        .route("/dashboard/integrations/{provider}/primary", post(forms::integrations::submit_primary))
        .route("/dashboard/integrations/{provider}/purge", post(forms::integrations::submit_purge))
        .route("/dashboard/integrations/{provider}/disconnect", post(forms::integrations::submit_disconnect))
        .route(
            "/dashboard/integrations/{provider}/rotate-secret",
            post(forms::integrations::submit_rotate_secret),
        )
        .route("/api/auth/google/start", get(consent::show_start))
        .route("/api/auth/google/callback", get(consent::answer))
        .route("/dashboard/sms/test", post(forms::integrations::submit_test_sms))
        .route("/dashboard/agents", get(pages::agents::show))
        .route("/dashboard/agents/{role}", post(forms::agents::submit_agent))
        .route("/dashboard/agents/{role}/delete", post(forms::agents::submit_delete))
        .route("/dashboard/agents/{role}/check", post(forms::agents::submit_check))
        .route("/dashboard/agents/schedule", post(forms::schedule::submit_schedule))
        .route("/dashboard/appointments", get(pages::appointments::show))
        .route("/dashboard/appointments/export", get(pages::appointments::export))
        .route("/dashboard/appointments/{id}/cancel", post(forms::appointments::submit_cancel))
        .route("/dashboard/notes/{id}/done", post(forms::appointments::submit_note_done))
        .route("/dashboard/calls", get(pages::calls::show))
        .route("/dashboard/calls/{id}", get(pages::calls::show_one))
        .route("/dashboard/calls.csv", get(pages::calls::export))
        .route("/dashboard/incidents/{id}/close", post(forms::calls::submit_close))
        .route("/dashboard/phone", get(pages::phone::show))
        .route("/dashboard/phone/refresh", post(forms::phone::submit_refresh))
        .route("/dashboard/phone/import", post(forms::phone::submit_import))
        .route("/dashboard/phone/call", post(forms::phone::submit_call))
        .route("/dashboard/phone/{id}/agent", post(forms::phone::submit_agent))
        .route("/dashboard/messages", get(pages::messages::show))
        .route("/dashboard/messages/opt-outs", post(forms::messages::submit_opt_out))
        .route("/dashboard/webhooks", get(pages::webhooks::endpoints::list))
        .route("/dashboard/webhooks/endpoints", post(forms::endpoints::submit_new))
        .route(
            "/dashboard/webhooks/endpoints/{name}",
            get(pages::webhooks::endpoints::show).post(forms::endpoints::submit_change),
        )
        .route("/dashboard/webhooks/endpoints/{name}/rotate", post(forms::webhooks::submit_rotate))
        .route("/dashboard/webhooks/endpoints/{name}/on", post(forms::webhooks::submit_on))
        .route("/dashboard/webhooks/endpoints/{name}/off", post(forms::webhooks::submit_off))
        .route("/dashboard/webhooks/endpoints/{name}/delete", post(forms::webhooks::submit_delete))
        .route("/dashboard/webhooks/endpoints/{name}/test", post(forms::webhooks::submit_test))
        .route("/dashboard/webhooks/endpoints/{name}/replay", post(forms::webhooks::submit_replay_endpoint))
        .route("/dashboard/webhooks/attempts", get(pages::webhooks::attempts::show))
        .route("/dashboard/webhooks/deliveries", get(pages::webhooks::deliveries::list))
        .route("/dashboard/webhooks/deliveries/replay", post(forms::webhooks::submit_replay_all))
        .route("/dashboard/webhooks/deliveries/{id}", get(pages::webhooks::deliveries::show))
        .route("/dashboard/webhooks/deliveries/{id}/replay", post(forms::webhooks::submit_replay_one))
        .route("/dashboard/webhooks/events/{id}", get(pages::webhooks::told::show))
        .route("/dashboard/webhooks/analytics", get(pages::webhooks::analytics::show))
        .route("/dashboard/events", get(pages::events::show))
        .route("/dashboard/events/test", get(pages::event_test::show).post(forms::events::submit_test))
        .route("/dashboard/events/test/outbound", post(forms::events::submit_sample))
        .route("/dashboard/events/recover", post(forms::events::submit_recover))
        .route("/dashboard/events/{id}", get(pages::events::show_one))
        .route("/dashboard/events/{id}/replay", post(forms::events::submit_replay))
        .route("/api/live", get(live::stream))
        .route("/dashboard/audit", get(pages::audit::show))
        .route("/dashboard/settings", get(pages::settings::show))
        .route("/dashboard/settings/profile", post(forms::settings::submit_profile))
        .route("/dashboard/settings/retention", post(forms::settings::submit_retention))
        .route("/dashboard/settings/senders", post(forms::settings::submit_senders))
        .route("/dashboard/settings/alerts", post(forms::calls::submit_alerts))
        .route("/platform", get(pages::platform::show))
        .route("/platform/organizations/{org}", get(pages::platform_clinic::show))
        .route("/platform/organizations/{org}/open", post(forms::platform::submit_open))
        .route("/platform/organizations/{org}/leave", post(forms::platform::submit_leave))
        .merge(platform_by_its_other_name())
        .merge(api_routes)
        .layer(session_layer(&state))
        .layer(middleware::from_fn(refuse_cross_site))
        .layer(CsrfLayer::new())
        .layer(DefaultBodyLimit::max(body_limit::LIMIT))
        .layer(middleware::from_fn_with_state(state.clone(), body_limit::take_whole));

    let document = serde_json::to_value(&description).unwrap_or_default();
    let operations = pages::api_docs::groups(&document);
    let public = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readiness))
        .route("/api/openapi.json", get(move || async move { Json(document) }))
        .route(
            "/api/docs",
            get(|State(state): State<AppState>, Extension(nonce): Extension<Nonce>| async move {
                pages::api_docs::show(&state, &nonce, &operations)
            }),
        );

    let all_else = Router::new().merge(browser).merge(public).fallback_service(static_files(&state)).layer(
        ServiceBuilder::new()
            .layer(middleware::map_request(forget_request_id))
            .layer(SetRequestIdLayer::new(REQUEST_ID, OurRequestId))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(middleware::from_fn(trace_request))
            .layer(middleware::from_fn_with_state(state.clone(), security_headers))
            .layer(middleware::from_fn_with_state(state.clone(), html_errors))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT)),
    );
    webhooks(&state).merge(all_else).with_state(state)
}

/// The routes that providers post to, with the layers around them.
fn webhooks(state: &AppState) -> Router<AppState> {
    // Messages of calls are taken before the router (`front`): who comes here comes with another method.
    let only_posted = any(webhooks::only_post);
    let webhooks = Router::new()
        .route("/api/webhooks/vapi", only_posted.clone())
        .route("/webhooks/vapi", only_posted)
        .route("/api/webhooks/resend/{route}", post(webhooks_resend::receive).fallback(webhooks::only_post))
        .route(
            "/api/webhooks/whatsapp/{route}",
            get(webhooks_whatsapp::answer_challenge)
                .post(webhooks_whatsapp::receive)
                .fallback(webhooks_whatsapp::only_get_and_post),
        )
        .route(
            "/api/webhooks/twilio/{route}/inbound",
            post(webhooks_twilio::receive_inbound).fallback(webhooks::only_post),
        )
        .route(
            "/api/webhooks/twilio/{route}/status",
            post(webhooks_twilio::receive_status).fallback(webhooks::only_post),
        );
    webhook_layer::around(webhooks, state)
}

/// The interface for staff, with `tenants` where its addresses say `organizations`.
fn platform_by_its_other_name() -> Router<AppState> {
    use super::api::{platform as staff, platform_webhooks as webhooks};
    Router::new()
        .route("/api/platform/tenants", get(staff::list))
        .route("/api/platform/tenants/{org}/access", post(staff::open).delete(staff::leave))
        .route("/api/platform/tenants/{org}/integrations", get(staff::list_integrations))
        .route(
            "/api/platform/tenants/{org}/integrations/{provider}",
            get(staff::show_integration).put(staff::set_integration).delete(staff::remove_integration),
        )
        .route("/api/platform/tenants/{org}/integrations/{provider}/verify", post(staff::verify_integration))
        .route("/api/platform/tenants/{org}/integrations/{provider}/pause", post(staff::pause_integration))
        .route("/api/platform/tenants/{org}/integrations/{provider}/resume", post(staff::resume_integration))
        .route("/api/platform/tenants/{org}/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/api/platform/tenants/{org}/webhooks/analytics/summary", get(webhooks::analytics_summary))
        .route(
            "/api/platform/tenants/{org}/webhooks/{wid}",
            get(webhooks::show).patch(webhooks::change).delete(webhooks::remove),
        )
        .route("/api/platform/tenants/{org}/webhooks/{wid}/pause", post(webhooks::pause))
        .route("/api/platform/tenants/{org}/webhooks/{wid}/resume", post(webhooks::resume))
        .route("/api/platform/tenants/{org}/webhooks/{wid}/analytics", get(webhooks::analytics_of_one))
}

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a client sends is not believed: the layer that sets the id would keep it, and the trail and
/// the logs would carry whatever it likes.
async fn forget_request_id(mut request: Request) -> Request {
    request.headers_mut().remove(REQUEST_ID);
    request
}

/// Makes an id for every request.
#[derive(Clone, Copy)]
struct OurRequestId;

impl MakeRequestId for OurRequestId {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&Uuid::now_v7().simple().to_string()).ok().map(RequestId::new)
    }
}

/// One line and one count per request, without query strings or bodies.
async fn trace_request(request: Request, next: middleware::Next) -> Response {
    use tracing::Instrument;
    let id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default();
    // The pattern, never the path: the number of series is that of the routes.
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "files".to_owned(), |route| route.as_str().to_owned());
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    async move {
        let started = std::time::Instant::now();
        let response = next.run(request).await;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let status = response.status().as_u16();
        tracing::debug!(status, micros, "answered");
        let status = status.to_string();
        metrics::counter!("voxanne_http_requests_total", "route" => route.clone(), "status" => status)
            .increment(1);
        metrics::histogram!("voxanne_http_request_seconds", "route" => route).record(started.elapsed());
        response
    }
    .instrument(span)
    .await
}

/// Browsers say where a request comes from. A form that carries neither header, or a body that a
/// foreign page could send without asking, does not change anything here.
async fn refuse_cross_site(request: Request, next: middleware::Next) -> Result<Response, HttpError> {
    let headers = request.headers();
    let has_session = headers.get(header::COOKIE).is_some() && headers.get(header::AUTHORIZATION).is_none();
    let says_origin = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    if has_session && !says_origin && !request.method().is_safe() {
        let sentence = "This request does not say which page it comes from. Please use a current browser, or an API key.";
        return Err(HttpError::new(StatusCode::FORBIDDEN, "cross_site", sentence));
    }
    if !request.method().is_safe() && !has_own_kind_of_body(headers) {
        let sentence = "Send the body as application/json, or a form as application/x-www-form-urlencoded.";
        return Err(HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", sentence));
    }
    Ok(next.run(request).await)
}

/// Whether the body, where there is one, is of a kind that this service reads. Also asked where a
/// route would not look at its body: `text/plain` is what a foreign page can send without asking.
fn has_own_kind_of_body(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match kind.as_deref() {
        Some("application/json" | "application/x-www-form-urlencoded") => true,
        Some(_) => false,
        None => {
            let is_empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
            is_empty && !headers.contains_key(header::TRANSFER_ENCODING)
        }
    }
}

fn session_layer(state: &AppState) -> SessionManagerLayer<PgSessionStore> {
    let store = PgSessionStore::new(
        state.services.pool.clone(),
        state.session_idle_seconds,
        state.session_absolute_seconds,
    );
    let is_https = state.is_https();
    // A `__Host-` cookie is accepted only with Secure, Path=/ and without Domain; plain http on
    // loopback cannot have it.
    SessionManagerLayer::new(store)
        .with_name(if is_https { "__Host-voxanne" } else { "voxanne" })
        .with_secure(is_https)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnSessionEnd)
}

/// The built files. Their names carry a hash of their content, so they never change.
fn static_files(state: &AppState) -> Router {
    let immutable = HeaderValue::from_static("public, max-age=31536000, immutable");
    let hour = HeaderValue::from_static("public, max-age=3600");
    let pkg = ServeDir::new(state.site_dir.join("pkg")).precompressed_br().precompressed_gzip();
    let rest = ServeDir::new(&state.site_dir)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    let not_found = || async { HttpError::not_found() };
    Router::new()
        .nest_service(
            "/pkg",
            ServiceBuilder::new()
                .layer(SetResponseHeaderLayer::overriding(
                    header::CACHE_CONTROL,
                    move |response: &axum::http::Response<_>| {
                        response.status().is_success().then(|| immutable.clone())
                    },
                ))
                .service(pkg.fallback(get(not_found))),
        )
        .fallback_service(
            ServiceBuilder::new()
                .layer(SetResponseHeaderLayer::overriding(
                    header::CACHE_CONTROL,
                    move |response: &axum::http::Response<_>| {
                        response.status().is_success().then(|| hour.clone())
                    },
                ))
                .service(rest.fallback(get(not_found))),
        )
}

/// Ready means: the database answers, and every key that it needs is here.
async fn readiness(State(state): State<AppState>) -> Result<&'static str, HttpError> {
    let services = &state.services;
    let look = installation::exists(&services.pool);
    match tokio::time::timeout(Duration::from_secs(2), look).await {
        Ok(Ok(true)) if services.vault.unknown_kek().is_none() => Ok("ready"),
        Ok(Ok(_)) => Err(HttpError::unavailable(&DbError::NotFound)),
        Ok(Err(error)) => Err(error.into()),
        Err(elapsed) => Err(HttpError::unavailable(&elapsed)),
    }
}

/// A panic is our fault and nobody else's business. The panic hook has logged where it was.
pub(super) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    #[derive(Debug, thiserror::Error)]
    #[error("a handler panicked")]
    struct Panicked;
    HttpError::fault(&Panicked).into_response()
}
