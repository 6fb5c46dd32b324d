//! The REST interface: one file per noun, described by OpenAPI from the same declarations.
//!
//! Takes a browser session, an API key or a token of a configured issuer. Handlers are declared once: `routes!` makes the route and
//! its description together, so the two cannot differ.

pub mod account;
pub mod agents;
pub mod alerts;
pub mod analytics;
pub mod appointments;
pub mod calls;
pub mod connect_problem;
pub mod credentials;
pub mod deliveries;
pub mod endpoints;
pub mod event_kinds;
pub mod event_test;
pub mod events;
pub mod integrations;
pub mod keys;
pub mod lifecycle;
pub mod messages;
pub mod notes;
pub mod phone;
pub mod platform;
pub mod platform_webhooks;
pub mod samples;
pub mod schedule;
pub mod sms;
pub mod talk;
pub mod voices;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{HttpError, Problem};
use super::extract::{Visitor, opened_for};
use crate::integrations::Caller;
use crate::state::AppState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Voxanne Integrations",
        description = "Connect a clinic's own provider accounts, and see whether they work. Secrets go in and never come out.",
        license(name = "MIT", identifier = "MIT")
    ),
    modifiers(&ApiKeyScheme),
    security(("apiKey" = [])),
    components(schemas(Problem))
)]
struct Description;

struct ApiKeyScheme;

impl Modify for ApiKeyScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An API key of the clinic, which begins with vxn_, or a JWT of an issuer that the operator configured.",
            ))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("apiKey", SecurityScheme::Http(scheme));
    }
}

/// The routes of the interface and their description.
pub fn router() -> (axum::Router<AppState>, utoipa::openapi::OpenApi) {
    let (router, mut document) = routes();
    call_problems_by_name(&mut document);
    (router, document)
}

/// Problems are described as JSON by their type alone; they are sent as what RFC 9457 calls them.
fn call_problems_by_name(document: &mut utoipa::openapi::OpenApi) {
    use utoipa::openapi::{Content, RefOr};
    let is_problem = |content: &RefOr<Content>| match content {
        RefOr::T(Content { schema: Some(RefOr::Ref(found)), .. }) => found.ref_location.ends_with("Problem"),
        _ => false,
    };
    for path in document.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.put, &mut path.post, &mut path.delete, &mut path.patch];
        for operation in operations.into_iter().flatten() {
            for response in operation.responses.responses.values_mut() {
                let RefOr::T(response) = response else { continue };
                for (kind, content) in std::mem::take(&mut response.content) {
                    let kind =
                        if is_problem(&content) { "application/problem+json".to_owned() } else { kind };
                    response.content.insert(kind, content);
                }
            }
        }
    }
}

fn routes() -> (axum::Router<AppState>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(integrations::show_status))
        .routes(routes!(integrations::save, integrations::remove))
        .routes(routes!(integrations::verify_stored))
        .routes(routes!(integrations::restore))
        .routes(routes!(integrations::rotate_secret))
        .routes(routes!(lifecycle::pause))
        .routes(routes!(lifecycle::resume))
        .routes(routes!(lifecycle::purge))
        .routes(routes!(lifecycle::make_primary))
        .routes(routes!(credentials::list))
        .routes(routes!(credentials::save, credentials::remove))
        .routes(routes!(credentials::verify_one))
        .routes(routes!(agents::show, agents::save, agents::remove))
        .routes(routes!(agents::check))
        .routes(routes!(talk::start))
        .routes(routes!(schedule::show, schedule::save))
        .routes(routes!(appointments::list))
        .routes(routes!(appointments::cancel))
        .routes(routes!(notes::list))
        .routes(routes!(notes::mark_done))
        .routes(routes!(voices::list))
        .routes(routes!(sms::send_test))
        .routes(routes!(sms::show_senders, sms::choose_senders))
        .routes(routes!(calls::list))
        .routes(routes!(calls::show))
        .routes(routes!(alerts::show, alerts::save))
        .routes(routes!(phone::list_numbers))
        .routes(routes!(phone::refresh))
        .routes(routes!(phone::import))
        .routes(routes!(phone::bind))
        .routes(routes!(phone::list_placed, phone::place))
        .routes(routes!(messages::list))
        .routes(routes!(messages::set_opt_out))
        .routes(routes!(endpoints::list, endpoints::create))
        .routes(routes!(endpoints::create_several))
        .routes(routes!(event_kinds::list_kinds))
        .routes(routes!(endpoints::show, endpoints::change, endpoints::remove))
        .routes(routes!(endpoints::enable))
        .routes(routes!(endpoints::disable))
        .routes(routes!(endpoints::rotate))
        .routes(routes!(deliveries::call_endpoint))
        .routes(routes!(deliveries::send_sample))
        .routes(routes!(samples::send))
        .routes(routes!(samples::show))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::replay_failed))
        .routes(routes!(deliveries::show))
        .routes(routes!(deliveries::replay))
        .routes(routes!(events::list))
        .routes(routes!(analytics::webhooks))
        .routes(routes!(events::show))
        .routes(routes!(events::replay))
        .routes(routes!(events::recover))
        .routes(routes!(event_test::send_test))
        .routes(routes!(events::list_audit))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(platform::list))
        .routes(routes!(platform::open, platform::leave))
        .routes(routes!(platform::list_integrations))
        .routes(routes!(platform::show_integration, platform::set_integration, platform::remove_integration))
        .routes(routes!(platform::verify_integration))
        .routes(routes!(platform::pause_integration))
        .routes(routes!(platform::resume_integration))
        .routes(routes!(platform_webhooks::list, platform_webhooks::create))
        .routes(routes!(platform_webhooks::analytics_summary))
        .routes(routes!(platform_webhooks::show, platform_webhooks::change, platform_webhooks::remove))
        .routes(routes!(platform_webhooks::pause))
        .routes(routes!(platform_webhooks::resume))
        .routes(routes!(platform_webhooks::analytics_of_one))
        .split_for_parts()
}

/// A caller of the interface, admitted by the database.
pub struct Admitted {
    pub state: AppState,
    pub caller: Caller,
}

impl FromRequestParts<AppState> for Admitted {
    type Rejection = HttpError;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        let caller = visitor.caller(state, opened_for(&parts.headers)?).await?;
        Ok(Self { state: state.clone(), caller })
    }
}

/// A JSON body; what is wrong with it is told as a problem document.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for JsonBody<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Self::Rejection> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(match rejection {
                JsonRejection::MissingJsonContentType(_) => HttpError::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unsupported_media_type",
                    "Send the body as application/json.",
                ),
                JsonRejection::BytesRejection(_) => {
                    HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large.")
                }
                // Serde's own words quote what was sent, which may be a secret: they stay here.
                JsonRejection::JsonDataError(_) => HttpError::invalid(
                    "invalid_body",
                    "A field of the body is missing, unknown, or of another kind than this route takes.",
                    Vec::new(),
                ),
                _ => HttpError::new(
                    StatusCode::BAD_REQUEST,
                    "unparsable",
                    "The body is not the JSON that this route takes.",
                ),
            }),
        }
    }
}
