//! What may happen to an integration beside connecting: a pause, and a purge.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Admitted;
use super::integrations::provider_of;
use crate::http::error::{HttpError, Problem};
use crate::integrations::{pause as use_pause, purge as use_purge};

/// What a purge removed.
#[derive(Serialize, ToSchema)]
pub struct PurgedOut {
    /// Versions and drafts of the credential.
    pub versions: u64,
}

/// Pauses a provider: nothing uses it, and its credential stays.
#[utoipa::path(post, path = "/api/integrations/{provider}/pause", tag = "integrations",
    params(("provider" = String, Path)), responses((status = 204), (status = 409, body = Problem)))]
pub async fn pause(admitted: Admitted, Path(provider): Path<String>) -> Result<StatusCode, HttpError> {
    set_paused(&admitted, &provider, true).await
}

/// Resumes a paused provider.
#[utoipa::path(post, path = "/api/integrations/{provider}/resume", tag = "integrations",
    params(("provider" = String, Path)), responses((status = 204), (status = 409, body = Problem)))]
pub async fn resume(admitted: Admitted, Path(provider): Path<String>) -> Result<StatusCode, HttpError> {
    set_paused(&admitted, &provider, false).await
}

async fn set_paused(admitted: &Admitted, provider: &str, paused: bool) -> Result<StatusCode, HttpError> {
    let provider = provider_of(provider)?;
    use_pause::set_paused(&admitted.state.services, &admitted.caller, provider, paused).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes every version of a provider's credential for good. Only a signed-in owner may.
#[utoipa::path(post, path = "/api/integrations/{provider}/purge", tag = "integrations",
    params(("provider" = String, Path)),
    responses((status = 200, body = PurgedOut), (status = 403, body = Problem), (status = 409, body = Problem)))]
pub async fn purge(admitted: Admitted, Path(provider): Path<String>) -> Result<Json<PurgedOut>, HttpError> {
    let provider = provider_of(&provider)?;
    let versions = use_purge::purge(&admitted.state.services, &admitted.caller, provider).await?;
    Ok(Json(PurgedOut { versions }))
}
