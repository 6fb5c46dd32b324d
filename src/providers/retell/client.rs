//! Calls to Retell AI, each with the key that it is given and no other.

use reqwest::Method;
use serde_json::json;

use super::super::TestContext;
use super::super::api_error::ApiError;
use super::super::egress::{Auth, Body};
use super::super::key_client::KeyClient;
use super::credentials::RetellCredentials;
use super::errors::DIALECT;
use super::records::{Agent, AgentPage, Concurrency};

/// Retell AI, as seen with one key, for one piece of work.
pub struct RetellClient<'a>(KeyClient<'a>);

impl<'a> RetellClient<'a> {
    pub(super) fn of_test(context: &TestContext<'a>, credentials: &'a RetellCredentials) -> Self {
        let auth = Auth::Bearer(credentials.api_key.expose());
        Self(KeyClient::of_test(context, &context.bases.retell, auth, &DIALECT))
    }

    /// The first voice agents of the account, and whether there are more. A list, although it is posted.
    pub async fn agents(&self) -> Result<(Vec<Agent>, bool), ApiError> {
        let of_voice = json!({ "channel": { "type": "string", "op": "eq", "value": "voice" } });
        let filter = json!({ "filter_criteria": of_voice });
        let body = Body::Json(&filter);
        let page: AgentPage = self.0.send(Method::POST, "/v2/list-agents", &[("limit", "50")], body).await?;
        Ok((page.items, page.has_more))
    }

    /// How many calls the account may have at once.
    pub async fn concurrency(&self) -> Result<Concurrency, ApiError> {
        self.0.get("/get-concurrency", &[]).await
    }
}
