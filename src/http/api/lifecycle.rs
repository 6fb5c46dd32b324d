//! What may happen to an integration beside connecting: a pause, a purge, and a change of which account
//! is the primary.

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Admitted;
use super::account::{Labelled, account_of};
use crate::http::error::{HttpError, Problem};
use crate::integrations::{pause as use_pause, primary as use_primary, purge as use_purge};

/// What a purge removed.
#[derive(Serialize, ToSchema)]
pub struct PurgedOut {
    /// Versions and drafts of the credential.
    pub versions: u64,
}

/// Pauses a provider: nothing uses it, and its credential stays.
#[utoipa::path(post, path = "/api/integrations/{provider}/pause", tag = "integrations",
    params(("provider" = String, Path), Labelled), responses((status = 204), (status = 409, body = Problem)))]
pub async fn pause(
    admitted: Admitted,
    Path(provider): Path<String>,
    Query(labelled): Query<Labelled>,
) -> Result<StatusCode, HttpError> {
    set_paused(&admitted, &provider, &labelled, true).await
}

/// Resumes a paused provider.
#[utoipa::path(post, path = "/api/integrations/{provider}/resume", tag = "integrations",
    params(("provider" = String, Path), Labelled), responses((status = 204), (status = 409, body = Problem)))]
pub async fn resume(
    admitted: Admitted,
    Path(provider): Path<String>,
    Query(labelled): Query<Labelled>,
) -> Result<StatusCode, HttpError> {
    set_paused(&admitted, &provider, &labelled, false).await
}

async fn set_paused(
    admitted: &Admitted,
    provider: &str,
    labelled: &Labelled,
    paused: bool,
) -> Result<StatusCode, HttpError> {
    let account = account_of(provider, labelled)?;
    use_pause::set_paused(&admitted.state.services, &admitted.caller, account, paused).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes every version of a provider's credential for good. Only a signed-in owner may.
#[utoipa::path(post, path = "/api/integrations/{provider}/purge", tag = "integrations",
    params(("provider" = String, Path), Labelled),
    responses((status = 200, body = PurgedOut), (status = 403, body = Problem), (status = 409, body = Problem)))]
pub async fn purge(
    admitted: Admitted,
    Path(provider): Path<String>,
    Query(labelled): Query<Labelled>,
) -> Result<Json<PurgedOut>, HttpError> {
    let account = account_of(&provider, &labelled)?;
    let versions = use_purge::purge(&admitted.state.services, &admitted.caller, account).await?;
    Ok(Json(PurgedOut { versions }))
}

/// Makes an account the primary one of its provider: the one that calls and messages use.
#[utoipa::path(post, path = "/api/integrations/{provider}/primary", tag = "integrations",
    params(("provider" = String, Path), Labelled), responses((status = 204), (status = 409, body = Problem)))]
pub async fn make_primary(
    admitted: Admitted,
    Path(provider): Path<String>,
    Query(labelled): Query<Labelled>,
) -> Result<StatusCode, HttpError> {
    let account = account_of(&provider, &labelled)?;
    use_primary::make_primary(&admitted.state.services, &admitted.caller, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}
