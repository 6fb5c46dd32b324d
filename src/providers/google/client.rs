//! Calls to Google's APIs with one access token: what all of them have in common.
//!
//! Nothing is retried here. A token that Google rejects is the caller's to renew, once.

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::vault::SecretText;

use super::super::answer::{self, Unexpected};
use super::super::egress::{Auth, Body, BulkheadKey, Call, Deadline, Egress, Reply};
use super::super::{TestContext, below};
use super::errors::GoogleError;
use super::records::Account;

/// The largest answer of Google's that is read: a list of calendars, or a month of busy times.
const LIMIT: usize = 1024 * 1024;

/// Google, as seen with one access token, for one piece of work.
#[derive(Clone, Copy)]
pub struct GoogleClient<'a> {
    pub egress: &'a Egress,
    /// Of the API that is meant.
    pub base: &'a Url,
    pub token: &'a SecretText,
    pub bulkhead: BulkheadKey,
    pub deadline: Deadline,
}

impl<'a> GoogleClient<'a> {
    /// The client of a test.
    pub(super) fn of_test(context: &'a TestContext<'_>, token: &'a SecretText) -> Self {
        Self {
            egress: context.egress,
            base: &context.bases.google_api,
            token,
            bulkhead: context.bulkhead,
            deadline: context.deadline,
        }
    }

    /// Whose token it is.
    pub async fn account(&self) -> Result<Account, GoogleError> {
        self.read(below(self.base, &["oauth2", "v2", "userinfo"]), "/oauth2/v2/userinfo").await
    }

    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        url: Url,
        template: &'static str,
    ) -> Result<T, GoogleError> {
        read(&self.send(Method::GET, url, template, Body::Empty).await?)
    }

    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        template: &'static str,
        body: &Value,
    ) -> Result<T, GoogleError> {
        read(&self.send(method, url, template, Body::Json(body)).await?)
    }

    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        template: &'static str,
        body: Body<'_>,
    ) -> Result<Reply, GoogleError> {
        let auth = Auth::Bearer(self.token.expose());
        let call = Call { method, url, template, auth, body, bulkhead: self.bulkhead, answer_limit: LIMIT };
        let reply = self.egress.send(call, self.deadline).await.map_err(GoogleError::Transport)?;
        if (200..300).contains(&reply.status) { Ok(reply) } else { Err(GoogleError::of_api_reply(&reply)) }
    }
}

fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, GoogleError> {
    if has_error_inside(reply) {
        return Err(GoogleError::Unexpected(Unexpected::ErrorInside));
    }
    answer::read(reply).map_err(GoogleError::Unexpected)
}

/// Google's errors are an object named `error`; a success has none.
pub(super) fn has_error_inside(reply: &Reply) -> bool {
    serde_json::from_slice::<Value>(&reply.body).is_ok_and(|value| value.get("error").is_some())
}
