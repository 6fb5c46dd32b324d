//! What one request tells the next page: a message, and a form that was not right.
//!
//! Kept in the session for the one page after a redirect, which names it by `?said`: pages without
//! it need no look at the session. No secret ever lies here: secrets that were typed wait as sealed
//! drafts, and only the draft's id is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tower_sessions::Session;

use super::error::HttpError;
use crate::app::Flash;
use crate::app::wire::{ConnectAnswer, FieldError};
use crate::auth::session::key;
use crate::domain::card::Meaning;
use crate::providers::Choice;

/// What the next page is told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Said {
    pub message: Option<Message>,
    /// Values that are no secrets, as they were typed.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// Which form it was: a provider, an agent's role, `profile`, `sms`.
    #[serde(default)]
    pub form: String,
    pub connect: Option<ConnectAnswer>,
    pub sms: Option<SmsSaid>,
    /// What may be chosen in an account that was just asked.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// The account of a consent that waits for a word, because another one is connected.
    #[serde(default)]
    pub picked: Option<String>,
}

/// A message at the top of the next page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    pub meaning: Meaning,
    pub text: String,
    pub detail: Option<String>,
    pub reference: Option<String>,
}

/// How a test message went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SmsSaid {
    pub ok: bool,
    pub text: String,
    pub sid: Option<String>,
    pub status: Option<String>,
    pub at: i64,
    pub took_ms: u64,
}

impl Said {
    pub fn message(meaning: Meaning, text: impl Into<String>) -> Self {
        let message = Message { meaning, text: text.into(), detail: None, reference: None };
        Self { message: Some(message), ..Self::default() }
    }

    /// An error as the next page shows it.
    pub fn error(error: &HttpError, request_id: &str) -> Self {
        let message = Message {
            meaning: Meaning::Broken,
            text: error.sentence.clone(),
            detail: None,
            reference: (!request_id.is_empty()).then(|| request_id.to_owned()),
        };
        let errors = error
            .fields
            .iter()
            .map(|field| FieldError { field: field.field.clone(), message: field.message.clone() })
            .collect();
        Self { message: Some(message), errors, ..Self::default() }
    }

    /// The message as the shell takes it.
    pub fn flash(&self) -> Option<Flash> {
        self.message.as_ref().map(|message| Flash {
            kind: message.meaning,
            text: message.text.clone(),
            detail: message.detail.clone(),
            reference: message.reference.clone(),
        })
    }

    /// Leaves this for the next page.
    pub async fn leave(self, session: &Session) -> Result<(), HttpError> {
        session.insert(key::FLASH, self).await.map_err(|error| HttpError::unavailable(&error))
    }

    /// Takes what was left, once.
    pub async fn take(session: &Session) -> Result<Self, HttpError> {
        let said = session.remove(key::FLASH).await.map_err(|error| HttpError::unavailable(&error))?;
        Ok(said.unwrap_or_default())
    }
}
