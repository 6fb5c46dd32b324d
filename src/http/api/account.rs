//! Which account of a provider a request is about: the word in its path, and `?label=`.

use serde::Deserialize;
use utoipa::IntoParams;

use super::integrations::provider_of;
use crate::domain::Account;
use crate::http::error::{FieldError, HttpError};

/// Which of several accounts is meant.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Labelled {
    /// What the clinic calls the account; the primary one without it.
    label: Option<String>,
}

/// Reads an account from a path and its query.
pub fn account_of(word: &str, labelled: &Labelled) -> Result<Account, HttpError> {
    let provider = provider_of(word)?;
    Account::named(provider, labelled.label.as_deref()).map_err(|sentence| {
        let errors = vec![FieldError { field: "label".to_owned(), message: sentence.to_owned() }];
        HttpError::invalid("invalid_fields", sentence, errors)
    })
}
