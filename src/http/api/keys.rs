//! API keys of the clinic: made, listed, revoked. The key itself is shown once.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::integrations::rfc3339;
use super::{Admitted, JsonBody};
use crate::audit::Ended;
use crate::auth::api_keys as auth;
use crate::db::Access;
use crate::db::api_keys::{self, NewApiKey};
use crate::domain::Role;
use crate::domain::access_scope::{NOUNS, is_scope};
use crate::http::error::{FieldError, HttpError, Problem};

/// A key as lists show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyOut {
    pub id: String,
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    pub role: String,
    /// What the key is limited to; absent where only its role limits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    pub created_at: String,
    pub last_used_at: Option<String>,
    pub expires_at: Option<String>,
    pub revoked_at: Option<String>,
}

/// All keys of the clinic.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeysOut {
    pub api_keys: Vec<ApiKeyOut>,
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiKeyIn {
    pub name: String,
    /// `admin` or `member`.
    pub role: String,
    /// Scopes such as `integrations:read`; without them the role alone limits the key.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// Days until the key ends, 1 to 3650; without them it ends when it is revoked.
    #[serde(default)]
    pub expires_in_days: Option<u16>,
}

/// A fresh key. `key` is never shown again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewApiKeyOut {
    pub id: String,
    pub key: String,
    /// When it ends; absent where it ends with its revocation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// Lists the clinic's API keys.
#[utoipa::path(get, path = "/api/api-keys", tag = "api-keys", responses((status = 200, body = ApiKeysOut), (status = 401, body = Problem)))]
pub async fn list(admitted: Admitted) -> Result<Json<ApiKeysOut>, HttpError> {
    let mut tx = admitted.caller.begin(&admitted.state.services).await?;
    let rows = api_keys::list(&mut tx).await?;
    tx.commit().await?;
    let api_keys = rows
        .into_iter()
        .map(|row| ApiKeyOut {
            id: row.id.to_string(),
            name: row.name,
            prefix: row.prefix,
            role: row.role,
            scopes: row.scopes,
            created_at: rfc3339(row.created_at),
            last_used_at: row.last_used_at.map(rfc3339),
            expires_at: row.expires_at.map(rfc3339),
            revoked_at: row.revoked_at.map(rfc3339),
        })
        .collect();
    Ok(Json(ApiKeysOut { api_keys }))
}

/// Makes an API key. A key can never make a key that may do more than itself, or that outlives it. A
/// token of an issuer lives for minutes and makes none.
#[utoipa::path(post, path = "/api/api-keys", tag = "api-keys", request_body = ApiKeyIn,
    responses((status = 201, body = NewApiKeyOut), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    admitted: Admitted,
    JsonBody(body): JsonBody<ApiKeyIn>,
) -> Result<(StatusCode, Json<NewApiKeyOut>), HttpError> {
    let services = &admitted.state.services;
    admitted.caller.require_configure(services, "api_key.created", "api-keys").await?;
    if let Access::Token { .. } = admitted.caller.access {
        let mut tx = admitted.caller.begin(services).await?;
        admitted
            .caller
            .record(&mut tx, services, "api_key.created", "api-keys", Ended::Denied, "by a token")
            .await?;
        tx.commit().await?;
        return Err(HttpError::forbidden(
            "A token of an issuer ends within minutes, so it makes no keys that last. Let an owner or admin make the key.",
        ));
    }
    let made_with = match &admitted.caller.access {
        Access::ApiKey { hash } => Some(hash),
        _ => None,
    };
    let invalid = |field: &str, message: &str| {
        let error = FieldError { field: field.to_owned(), message: message.to_owned() };
        HttpError::invalid("invalid_fields", message, vec![error])
    };
    let name = body.name.trim();
    if !(1..=80).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(invalid("name", "Enter a name with 1 to 80 characters."));
    }
    let role = match body.role.parse::<Role>() {
        Ok(role @ (Role::Admin | Role::Member)) => role,
        _ => return Err(invalid("role", "An API key is an admin or a member.")),
    };
    if let Some(scopes) = &body.scopes
        && (scopes.is_empty() || scopes.len() > 32 || !scopes.iter().all(|scope| is_scope(scope)))
    {
        let message =
            format!("A scope is read, write, or one of {} followed by :read or :write.", NOUNS.join(", "));
        return Err(invalid("scopes", &message));
    }
    // What a limited key makes must not reach further than itself.
    if let Some(own) = &admitted.caller.scope.scopes {
        let own: Vec<&str> = own.split_ascii_whitespace().collect();
        let is_within = |scopes: &Vec<String>| scopes.iter().all(|scope| own.contains(&scope.as_str()));
        if !body.scopes.as_ref().is_some_and(is_within) {
            return Err(invalid("scopes", "A limited key makes only keys with scopes that it has itself."));
        }
    }
    if body.expires_in_days.is_some_and(|days| !(1..=3650).contains(&days)) {
        return Err(invalid("expiresInDays", "A key can last 1 to 3650 days."));
    }
    let expires_at =
        body.expires_in_days.map(|days| services.clock.now() + time::Duration::days(i64::from(days)));
    let key = auth::generate().map_err(|error| HttpError::fault(&error))?;
    let id = Uuid::now_v7();
    let mut tx = admitted.caller.begin(services).await?;
    let new = NewApiKey {
        id,
        name,
        prefix: &key.prefix,
        key_hash: &key.hash,
        role,
        scopes: body.scopes.as_deref(),
        expires_at,
        created_by: admitted.caller.user(),
        made_with,
    };
    let expires_at = api_keys::insert(&mut tx, &new).await?;
    admitted
        .caller
        .record(&mut tx, services, "api_key.created", &key.prefix, Ended::Success, role.as_str())
        .await?;
    tx.commit().await?;
    let out = NewApiKeyOut {
        id: id.to_string(),
        key: key.secret.expose().to_owned(),
        expires_at: expires_at.map(rfc3339),
    };
    Ok((StatusCode::CREATED, Json(out)))
}

/// Revokes a key, at once.
#[utoipa::path(delete, path = "/api/api-keys/{id}", tag = "api-keys", params(("id" = uuid::Uuid, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn revoke(admitted: Admitted, Path(id): Path<String>) -> Result<StatusCode, HttpError> {
    let services = &admitted.state.services;
    admitted.caller.require_configure(services, "api_key.revoked", "api-keys").await?;
    let id: Uuid = id.parse().map_err(|_| HttpError::not_found())?;
    let mut tx = admitted.caller.begin(services).await?;
    api_keys::revoke(&mut tx, id).await?;
    admitted.caller.record(&mut tx, services, "api_key.revoked", &id.to_string(), Ended::Success, "").await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
