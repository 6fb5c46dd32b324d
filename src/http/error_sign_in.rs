//! Errors of people and programs that want to come in, as HTTP says them; all others are in `error`.

use axum::http::StatusCode;

use super::error::{FieldError, HttpError};
use crate::auth::accounts::AccountError;
use crate::auth::sign_in::SignInError;
use crate::auth::tokens::TokenError;
use crate::integrations::bearer::AuthenticateError;
use crate::integrations::found::FoundError;

impl From<AuthenticateError> for HttpError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Token(TokenError::KeysUnreachable) => {
                let error = TokenError::KeysUnreachable;
                HttpError::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.sentence())
            }
            AuthenticateError::Token(error) => {
                HttpError::new(StatusCode::UNAUTHORIZED, error.code(), error.sentence())
            }
            AuthenticateError::Db(error) => error.into(),
            AuthenticateError::Vault(error) => error.into(),
        }
    }
}

impl From<SignInError> for HttpError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Refused => HttpError::new(
                StatusCode::UNAUTHORIZED,
                "sign_in_refused",
                "This e-mail address and password do not belong together.",
            ),
            SignInError::Throttled { seconds } => HttpError {
                retry_after: Some(seconds),
                ..HttpError::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_attempts",
                    format!(
                        "There were too many attempts. Please wait {} minutes and try again.",
                        seconds.div_ceil(60)
                    ),
                )
            },
            SignInError::Password(error) => HttpError::fault(&error),
            SignInError::Db(error) => error.into(),
        }
    }
}

impl From<AccountError> for HttpError {
    fn from(error: AccountError) -> Self {
        if let AccountError::Db(error) = error {
            return error.into();
        }
        let (field, message) = error.field_and_sentence();
        HttpError::invalid(
            "invalid_fields",
            message.clone(),
            vec![FieldError { field: field.to_owned(), message }],
        )
    }
}

impl From<FoundError> for HttpError {
    fn from(error: FoundError) -> Self {
        match error {
            FoundError::Account(error) => error.into(),
            FoundError::NotFirst => HttpError::not_found(),
            FoundError::Start(error) => error.into(),
        }
    }
}
