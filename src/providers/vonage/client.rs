//! Calls to Vonage, each with the credential that it is given and no other. Nothing is retried here.
//!
//! Key and secret never stand in a URL, which is in every proxy's log: they go in HTTP Basic for the
//! balance, and in the form of a message, as Vonage documents both.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::super::answer::Unexpected;
use super::super::egress::{ANSWER_LIMIT, Auth, Body, BulkheadKey, Call, Deadline, Egress};
use super::super::{answer, below};
use super::credentials::VonageCredentials;
use super::errors::VonageError;
use super::records::{Balance, SendAnswer};

/// Vonage, as seen with one credential, for one piece of work.
#[derive(Clone, Copy)]
pub struct VonageClient<'a> {
    pub egress: &'a Egress,
    pub base: &'a Url,
    pub credentials: &'a VonageCredentials,
    pub bulkhead: BulkheadKey,
    pub deadline: Deadline,
}

impl VonageClient<'_> {
    /// What is left on the account: the cheapest question that needs the secret.
    pub async fn balance(&self) -> Result<Balance, VonageError> {
        let auth =
            Auth::Basic { user: &self.credentials.api_key, password: self.credentials.api_secret.expose() };
        let path = ["account", "get-balance"];
        let value = self.call(Method::GET, path, "/account/get-balance", auth, Body::Empty).await?;
        serde_json::from_value(value).map_err(|_| VonageError::Unexpected(Unexpected::OtherShape))
    }

    /// Sends one message. That there is an answer does not say that it was taken.
    pub(super) async fn send(&self, message: &[(&str, &str)]) -> Result<SendAnswer, VonageError> {
        let mut form = vec![
            ("api_key", self.credentials.api_key.as_str()),
            ("api_secret", self.credentials.api_secret.expose()),
        ];
        form.extend_from_slice(message);
        let body = Body::Form(&form);
        let value = self.call(Method::POST, ["sms", "json"], "/sms/json", Auth::None, body).await?;
        serde_json::from_value(value).map_err(|_| VonageError::Unexpected(Unexpected::OtherShape))
    }

    async fn call(
        &self,
        method: Method,
        path: [&str; 2],
        template: &'static str,
        auth: Auth<'_>,
        body: Body<'_>,
    ) -> Result<Value, VonageError> {
        let call = Call {
            method,
            url: below(self.base, &path),
            template,
            auth,
            body,
            bulkhead: self.bulkhead,
            answer_limit: ANSWER_LIMIT,
        };
        let reply = self.egress.send(call, self.deadline).await.map_err(VonageError::Transport)?;
        if !(200..300).contains(&reply.status) {
            return Err(VonageError::from_reply(&reply));
        }
        let value: Value = answer::read(&reply).map_err(VonageError::Unexpected)?;
        if value.get("error-code").is_some() {
            return Err(VonageError::Unexpected(Unexpected::ErrorInside));
        }
        Ok(value)
    }
}
