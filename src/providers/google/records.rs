//! The parts of Google's answers that are read.

use serde::Deserialize;

/// Who an account is, from `oauth2/v2/userinfo`.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    /// The same as `sub` of an identity token.
    pub id: String,
    #[serde(default)]
    pub email: Option<String>,
}

/// The claims of an identity token that are held against what was asked.
#[derive(Clone, Debug, Deserialize)]
pub struct IdClaims {
    pub iss: String,
    pub aud: String,
    pub sub: String,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub nonce: Option<String>,
}

/// A token answer as it comes. It holds secrets, so it has no `Debug`.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    pub(super) access_token: String,
    pub(super) expires_in: i64,
    #[serde(default)]
    pub(super) refresh_token: Option<String>,
    #[serde(default)]
    pub(super) scope: String,
    #[serde(default)]
    pub(super) id_token: Option<String>,
}

/// An error of the token service.
#[derive(Default, Deserialize)]
pub(super) struct OAuthErrorBody {
    #[serde(default)]
    pub(super) error: String,
    #[serde(default)]
    pub(super) error_description: String,
}

/// An error of an API.
#[derive(Default, Deserialize)]
pub(super) struct ApiErrorBody {
    #[serde(default)]
    pub(super) error: ApiErrorPart,
}

#[derive(Default, Deserialize)]
pub(super) struct ApiErrorPart {
    #[serde(default)]
    pub(super) message: String,
    /// The newer APIs' own word: `PERMISSION_DENIED`.
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) errors: Vec<ApiReason>,
    #[serde(default)]
    pub(super) details: Vec<ApiReason>,
}

#[derive(Default, Deserialize)]
pub(super) struct ApiReason {
    #[serde(default)]
    pub(super) reason: String,
}
