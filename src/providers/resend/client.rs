//! Calls to Resend, each with the key that it is given and no other.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::super::TestContext;
use super::super::api_error::ApiError;
use super::super::egress::{Auth, Body, BulkheadKey, Deadline, Egress};
use super::super::key_client::KeyClient;
use super::credentials::ResendCredentials;
use super::errors::DIALECT;
use super::records::{Domain, DomainList, Taken};

/// Resend, as seen with one key, for one piece of work.
pub struct ResendClient<'a> {
    client: KeyClient<'a>,
    pub(super) credentials: &'a ResendCredentials,
}

impl<'a> ResendClient<'a> {
    pub fn new(
        egress: &'a Egress,
        base: &'a Url,
        credentials: &'a ResendCredentials,
        bulkhead: BulkheadKey,
        deadline: Deadline,
    ) -> Self {
        let auth = Auth::Bearer(credentials.api_key.expose());
        Self { client: KeyClient { egress, base, auth, bulkhead, deadline, dialect: &DIALECT }, credentials }
    }

    pub(super) fn of_test(context: &TestContext<'a>, credentials: &'a ResendCredentials) -> Self {
        let auth = Auth::Bearer(credentials.api_key.expose());
        let client = KeyClient::of_test(context, &context.bases.resend, auth, &DIALECT);
        Self { client, credentials }
    }

    /// The domains of the account. A key that only sends may not ask.
    pub async fn domains(&self) -> Result<Vec<Domain>, ApiError> {
        let list: DomainList = self.client.get("/domains", &[("limit", "100")]).await?;
        Ok(list.data)
    }

    /// Hands an e-mail over, once for each key. Gives Resend's id.
    pub(super) async fn take(&self, mail: &Value, key: &str) -> Result<String, ApiError> {
        let body = Body::JsonOnce { value: mail, key };
        let taken: Taken = self.client.send(Method::POST, "/emails", &[], body).await?;
        Ok(taken.id)
    }
}
