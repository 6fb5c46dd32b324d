//! Single credentials by id.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::connect_problem::ConnectProblem;
use super::integrations::{ResultOut, connect_with, provider_of, result_out, rfc3339};
use super::{Admitted, JsonBody};
use crate::db::credentials::{self, CredentialRow};
use crate::domain::{Account, AccountLabel, CredentialId, Outcome};
use crate::http::error::{HttpError, Problem};
use crate::integrations::{disconnect, verify};

/// One stored version. `hint` has masked forms only.
#[derive(Serialize, ToSchema)]
pub struct CredentialOut {
    pub id: String,
    pub provider: String,
    pub label: String,
    pub display_name: Option<String>,
    pub is_active: bool,
    /// Of the active version: `pending`, `verified`, `failed` or `undetermined`.
    pub verification_status: Option<String>,
    pub last_verified_at: Option<String>,
    pub created_at: String,
    pub created_by: Option<String>,
    pub can_restore: bool,
    #[schema(value_type = Object)]
    pub hint: Value,
}

/// All stored versions.
#[derive(Serialize, ToSchema)]
pub struct CredentialsOut {
    pub credentials: Vec<CredentialOut>,
}

/// Lists every stored credential, active ones first.
#[utoipa::path(get, path = "/api/organization/credentials", tag = "credentials",
    responses((status = 200, body = CredentialsOut), (status = 401, body = Problem)))]
pub async fn list(admitted: Admitted) -> Result<Json<CredentialsOut>, HttpError> {
    let services = &admitted.state.services;
    let mut tx = admitted.caller.begin(services).await?;
    let rows = credentials::list(&mut tx, services.restore_days).await?;
    tx.commit().await?;
    let credentials = rows
        .into_iter()
        .map(|row| CredentialOut {
            id: row.id.to_string(),
            provider: row.provider,
            label: row.label,
            display_name: row.hint.0["displayName"].as_str().map(str::to_owned),
            is_active: row.is_active,
            verification_status: row.is_active.then_some(row.verification_status),
            last_verified_at: row.last_verified_at.filter(|_| row.is_active).map(rfc3339),
            created_at: rfc3339(row.created_at),
            created_by: row.created_by_name,
            can_restore: row.is_restorable && !row.is_active,
            hint: row.hint.0,
        })
        .collect();
    Ok(Json(CredentialsOut { credentials }))
}

/// Tests and stores a credential, as `POST /api/integrations/{provider}` does.
#[utoipa::path(post, path = "/api/organization/credentials/{target}", tag = "credentials",
    params(("target" = String, Path, description = "Provider: `vapi` or `twilio`")), request_body = Object,
    responses((status = 200, body = ResultOut), (status = 409, body = ConnectProblem), (status = 422, body = ConnectProblem), (status = 503, body = ConnectProblem)))]
pub async fn save(
    admitted: Admitted,
    Path(provider): Path<String>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Response, HttpError> {
    connect_with(&admitted, provider_of(&provider)?, body).await
}

/// Tests the active credential of an id and records what was found.
#[utoipa::path(post, path = "/api/organization/credentials/{target}/verify", tag = "credentials",
    params(("target" = String, Path, description = "Id of the credential")), responses((status = 200, body = ResultOut), (status = 404, body = Problem)))]
pub async fn verify_one(admitted: Admitted, Path(id): Path<String>) -> Result<Json<ResultOut>, HttpError> {
    let (row, account) = find(&admitted, &id).await?;
    if !row.is_active {
        let sentence = "Only the active credential can be verified. Restore this one to use it again.";
        return Err(HttpError::new(StatusCode::CONFLICT, "not_active", sentence));
    }
    let report = verify::verify(&admitted.state.services, &admitted.caller, account).await?;
    let success = report.outcome == Outcome::Accepted;
    Ok(Json(result_out(report, success)))
}

/// Disconnects the provider whose active credential has this id.
#[utoipa::path(delete, path = "/api/organization/credentials/{target}", tag = "credentials",
    params(("target" = String, Path, description = "Id of the credential")), responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn remove(admitted: Admitted, Path(id): Path<String>) -> Result<StatusCode, HttpError> {
    let (row, account) = find(&admitted, &id).await?;
    if !row.is_active {
        let sentence =
            "This credential is not in use any more. It can be restored for a while, and calls never use it.";
        return Err(HttpError::new(StatusCode::CONFLICT, "not_active", sentence));
    }
    disconnect::disconnect(&admitted.state.services, &admitted.caller, account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The credential of an id within the caller's clinic; a foreign one does not exist.
async fn find(admitted: &Admitted, id: &str) -> Result<(CredentialRow, Account), HttpError> {
    let id = id.parse().map(CredentialId).map_err(|_| HttpError::not_found())?;
    let mut tx = admitted.caller.begin(&admitted.state.services).await?;
    let row = credentials::find(&mut tx, id).await?.ok_or_else(HttpError::not_found)?;
    tx.commit().await?;
    let label = AccountLabel::parse(&row.label).map_err(|_| HttpError::not_found())?;
    let account = Account { provider: provider_of(&row.provider)?, label: Some(label) };
    Ok((row, account))
}
