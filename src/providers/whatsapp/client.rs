//! Calls to Meta's Graph API, each with the credential that it is given and no other.
//!
//! Nothing is retried here. The token goes into a header; what is asked about the token itself goes
//! into a body, never into an address.

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::super::answer::{self, Unexpected};
use super::super::below;
use super::super::egress::{ANSWER_LIMIT, Auth, Body, BulkheadKey, Call, Deadline, Egress};
use super::credentials::WhatsAppCredentials;
use super::errors::WhatsAppError;
use super::records::{Ids, Inspected, Number, Tier, TokenFacts};

/// Meta, as seen with one credential, for one piece of work.
#[derive(Clone, Copy)]
pub struct WhatsAppClient<'a> {
    pub egress: &'a Egress,
    /// With the version: `https://graph.facebook.com/v23.0`.
    pub base: &'a Url,
    pub credentials: &'a WhatsAppCredentials,
    pub bulkhead: BulkheadKey,
    pub deadline: Deadline,
}

impl WhatsAppClient<'_> {
    /// The number itself.
    pub async fn number(&self) -> Result<Number, WhatsAppError> {
        let mut url = below(self.base, &[&self.credentials.phone_number_id]);
        url.query_pairs_mut().append_pair("fields", "id,display_phone_number,verified_name,quality_rating");
        self.get(url, "/{phone_number_id}").await
    }

    /// The messaging limit of the number. Newer versions of the API no longer tell it.
    pub(super) async fn tier(&self) -> Result<Option<String>, WhatsAppError> {
        let mut url = below(self.base, &[&self.credentials.phone_number_id]);
        url.query_pairs_mut().append_pair("fields", "messaging_limit_tier");
        let tier: Tier = self.get(url, "/{phone_number_id}").await?;
        Ok(tier.messaging_limit_tier)
    }

    /// Whether the number is one of the business account. Meta gives a hundred at once at most, so the pages
    /// are read until it is found or none follows.
    pub(super) async fn owns_number(&self) -> Result<bool, WhatsAppError> {
        let mut after: Option<String> = None;
        loop {
            let mut url = below(self.base, &[&self.credentials.business_account_id, "phone_numbers"]);
            url.query_pairs_mut().append_pair("fields", "id").append_pair("limit", "100");
            if let Some(cursor) = &after {
                url.query_pairs_mut().append_pair("after", cursor);
            }
            let page: Ids = self.get(url, "/{business_account_id}/phone_numbers").await?;
            if page.data.iter().any(|number| number.id == self.credentials.phone_number_id) {
                return Ok(true);
            }
            let next = page.next_cursor();
            if next.is_none() || next == after {
                return Ok(false);
            }
            after = next;
        }
    }

    /// Whether templates can be read; whether there are any is the clinic's affair.
    pub(super) async fn templates(&self) -> Result<usize, WhatsAppError> {
        let mut url = below(self.base, &[&self.credentials.business_account_id, "message_templates"]);
        url.query_pairs_mut().append_pair("fields", "id").append_pair("limit", "1");
        let templates: Ids = self.get(url, "/{business_account_id}/message_templates").await?;
        Ok(templates.data.len())
    }

    /// What Meta says about the token: when it ends, what it may do. `debug_token` is documented as
    /// GET with the token in the address; as Meta's own libraries do, it is posted with the method in
    /// the body instead, so that no address ever holds a token.
    pub(super) async fn token(&self) -> Result<TokenFacts, WhatsAppError> {
        let url = below(self.base, &["debug_token"]);
        let form = [("method", "get"), ("input_token", self.credentials.access_token.expose())];
        let inspected: Inspected = self.call(Method::POST, url, "/debug_token", Body::Form(&form)).await?;
        Ok(inspected.data)
    }

    /// Posts a message of the number.
    pub(super) async fn post_message<T: DeserializeOwned>(
        &self,
        message: &Value,
    ) -> Result<T, WhatsAppError> {
        let url = below(self.base, &[&self.credentials.phone_number_id, "messages"]);
        self.call(Method::POST, url, "/{phone_number_id}/messages", Body::Json(message)).await
    }

    async fn get<T: DeserializeOwned>(&self, url: Url, template: &'static str) -> Result<T, WhatsAppError> {
        self.call(Method::GET, url, template, Body::Empty).await
    }

    /// With an app secret, every call proves that who has the token has the secret too: an app can be
    /// set to take no others, and a wrong secret shows with the first.
    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        mut url: Url,
        template: &'static str,
        body: Body<'_>,
    ) -> Result<T, WhatsAppError> {
        if let Some(proof) = self.credentials.proof() {
            url.query_pairs_mut().append_pair("appsecret_proof", &proof);
        }
        let call = Call {
            method,
            url,
            template,
            auth: Auth::Bearer(self.credentials.access_token.expose()),
            body,
            bulkhead: self.bulkhead,
            answer_limit: ANSWER_LIMIT,
        };
        let reply = self.egress.send(call, self.deadline).await.map_err(WhatsAppError::Transport)?;
        if !(200..300).contains(&reply.status) {
            return Err(WhatsAppError::from_reply(&reply));
        }
        let value: Value = answer::read(&reply).map_err(WhatsAppError::Unexpected)?;
        // Graph answers some failures, of batches above all, with 200.
        if value.get("error").is_some_and(|error| !error.is_null()) {
            return Err(WhatsAppError::Unexpected(Unexpected::ErrorInside));
        }
        serde_json::from_value(value).map_err(|_| WhatsAppError::Unexpected(Unexpected::OtherShape))
    }
}
