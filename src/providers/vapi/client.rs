//! Calls to Vapi, each with the key that it is given and no other.
//!
//! Nothing is retried here. After [`VapiError::may_have_happened`] the caller looks before it
//! repeats.

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::vault::SecretText;

use super::super::egress::{ANSWER_LIMIT, Auth, Body, BulkheadKey, Call, Deadline, Egress, Reply};
use super::super::{answer, below};
use super::assistant::Ownership;
use super::errors::VapiError;
use super::records::{AssistantRecord, Deletion, HmacPlan, Made, PhoneNumberRecord};
use super::whole::WholeAssistant;

/// Objects per page of a list, and the most that is read of one.
const PAGE: usize = 100;
const PAGE_LIMIT: usize = 8 * 1024 * 1024;
/// A list longer than this many pages is cut: no clinic has ten thousand assistants.
const MOST_PAGES: usize = 100;

/// Vapi, as seen with one key, for one piece of work.
#[derive(Clone, Copy)]
pub struct VapiClient<'a> {
    pub egress: &'a Egress,
    pub base: &'a Url,
    pub key: &'a SecretText,
    pub bulkhead: BulkheadKey,
    pub deadline: Deadline,
}

impl VapiClient<'_> {
    /// The assistants that one of our installations made for one organization, oldest first.
    pub async fn find_assistants(
        &self,
        installation: &str,
        organization: &str,
    ) -> Result<Vec<AssistantRecord>, VapiError> {
        let mut own: Vec<AssistantRecord> = self.list_assistants().await?;
        own.retain(|assistant| {
            assistant.metadata.as_ref().is_some_and(|marks| {
                marks.voxanne_installation.as_deref() == Some(installation)
                    && marks.voxanne_organization.as_deref() == Some(organization)
            })
        });
        own.sort_by(|a, b| (&a.created_at, a.id).cmp(&(&b.created_at, b.id)));
        Ok(own)
    }

    /// The assistant with the same marks, the oldest where there are several.
    pub async fn find_assistant_of(&self, owner: &Ownership) -> Result<Option<AssistantRecord>, VapiError> {
        let found = self.find_assistants(&owner.installation, &owner.organization).await?;
        Ok(found.into_iter().find(|assistant| {
            assistant.metadata.as_ref().and_then(|marks| marks.voxanne_role.as_deref()) == Some(&owner.role)
        }))
    }

    /// All assistants of the Vapi organization, page by page.
    pub async fn list_assistants(&self) -> Result<Vec<AssistantRecord>, VapiError> {
        let mut all: Vec<AssistantRecord> = Vec::new();
        let mut before: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut url = below(self.base, &["assistant"]);
            url.query_pairs_mut().append_pair("limit", &PAGE.to_string());
            if let Some(before) = &before {
                // Inclusive, so that assistants of the same instant are not lost between pages.
                url.query_pairs_mut().append_pair("createdAtLe", before);
            }
            let page: Vec<AssistantRecord> = self.read(url, "/assistant", PAGE_LIMIT).await?;
            let (length, known) = (page.len(), all.len());
            before = page.iter().filter_map(|assistant| assistant.created_at.clone()).min();
            for assistant in page {
                if !all.iter().any(|seen| seen.id == assistant.id) {
                    all.push(assistant);
                }
            }
            if length < PAGE || all.len() == known || before.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// One assistant, if the key can see it.
    pub async fn find_assistant(&self, id: Uuid) -> Result<Option<AssistantRecord>, VapiError> {
        let url = below(self.base, &["assistant", &id.to_string()]);
        match self.read(url, "/assistant/{id}", PAGE_LIMIT).await {
            Ok(assistant) => Ok(Some(assistant)),
            Err(VapiError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same with all that it holds.
    pub async fn find_whole_assistant(&self, id: Uuid) -> Result<Option<WholeAssistant>, VapiError> {
        let url = below(self.base, &["assistant", &id.to_string()]);
        match self.read(url, "/assistant/{id}", PAGE_LIMIT).await {
            Ok(value) => Ok(Some(WholeAssistant::of(value))),
            Err(VapiError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an assistant. `body` comes from [`super::assistant::body`].
    pub async fn create_assistant(&self, body: &Value) -> Result<AssistantRecord, VapiError> {
        let url = below(self.base, &["assistant"]);
        self.write(Method::POST, url, "/assistant", body).await
    }

    /// Replaces the settings of an assistant; nested objects are replaced as a whole.
    pub async fn patch_assistant(&self, id: Uuid, body: &Value) -> Result<AssistantRecord, VapiError> {
        let url = below(self.base, &["assistant", &id.to_string()]);
        self.write(Method::PATCH, url, "/assistant/{id}", body).await
    }

    /// Deletes an assistant. One that is gone already is no error; one that Vapi keeps because
    /// something else uses it is [`VapiError::Conflict`].
    pub async fn delete_assistant(&self, id: Uuid) -> Result<Deletion, VapiError> {
        self.delete(below(self.base, &["assistant", &id.to_string()]), "/assistant/{id}").await
    }

    /// All phone numbers of the Vapi organization.
    pub async fn list_phone_numbers(&self) -> Result<Vec<PhoneNumberRecord>, VapiError> {
        let mut url = below(self.base, &["phone-number"]);
        url.query_pairs_mut().append_pair("limit", "1000");
        self.read(url, "/phone-number", PAGE_LIMIT).await
    }

    /// Lets an assistant answer a number, or nobody.
    pub async fn assign_phone_number(
        &self,
        id: Uuid,
        assistant: Option<Uuid>,
    ) -> Result<PhoneNumberRecord, VapiError> {
        let url = below(self.base, &["phone-number", &id.to_string()]);
        self.write(Method::PATCH, url, "/phone-number/{id}", &json!({ "assistantId": assistant })).await
    }

    /// Stores our webhook secret at Vapi and gives the credential's id.
    ///
    /// Vapi documents this way in prose only, so a refusal that does not concern the key is
    /// [`VapiError::Unsupported`].
    pub async fn create_credential(&self, plan: &HmacPlan) -> Result<Uuid, VapiError> {
        let name: String = plan.name.chars().take(40).collect();
        let body = json!({
            "provider": "webhook",
            "name": name,
            "authenticationPlan": {
                "type": "hmac",
                "secretKey": plan.secret.expose(),
                "algorithm": "sha256",
                "signatureHeader": plan.signature_header,
                "timestampHeader": plan.timestamp_header,
                "includeTimestamp": true,
                "payloadFormat": "{timestamp}.{body}",
                "signatureEncoding": "hex",
            },
        });
        let url = below(self.base, &["credential"]);
        match self.write::<Made>(Method::POST, url, "/credential", &body).await {
            Ok(made) => Ok(made.id),
            Err(VapiError::NotFound | VapiError::Forbidden { .. } | VapiError::Invalid { .. }) => {
                Err(VapiError::Unsupported)
            }
            Err(error) => Err(error),
        }
    }

    /// The ids of the credentials of the Vapi organization; `None` where the list may go on.
    pub async fn list_credentials(&self) -> Result<Option<Vec<Uuid>>, VapiError> {
        let mut url = below(self.base, &["credential"]);
        url.query_pairs_mut().append_pair("limit", &PAGE.to_string());
        let page: Vec<Made> = self.read(url, "/credential", PAGE_LIMIT).await?;
        Ok((page.len() < PAGE).then(|| page.into_iter().map(|made| made.id).collect()))
    }

    /// Removes a webhook secret at Vapi.
    pub async fn delete_credential(&self, id: Uuid) -> Result<Deletion, VapiError> {
        self.delete(below(self.base, &["credential", &id.to_string()]), "/credential/{id}").await
    }

    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        url: Url,
        template: &'static str,
        limit: usize,
    ) -> Result<T, VapiError> {
        let reply = self.send(Method::GET, url, template, Body::Empty, limit).await?;
        answer::read(&reply).map_err(VapiError::Unexpected)
    }

    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        template: &'static str,
        body: &Value,
    ) -> Result<T, VapiError> {
        let reply = self.send(method, url, template, Body::Json(body), ANSWER_LIMIT).await?;
        answer::read(&reply).map_err(VapiError::Unexpected)
    }

    async fn delete(&self, url: Url, template: &'static str) -> Result<Deletion, VapiError> {
        match self.send(Method::DELETE, url, template, Body::Empty, ANSWER_LIMIT).await {
            Ok(_) => Ok(Deletion::Deleted),
            Err(VapiError::NotFound) => Ok(Deletion::AlreadyGone),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        template: &'static str,
        body: Body<'_>,
        answer_limit: usize,
    ) -> Result<Reply, VapiError> {
        let auth = Auth::Bearer(self.key.expose());
        let call = Call { method, url, template, auth, body, bulkhead: self.bulkhead, answer_limit };
        let reply = self.egress.send(call, self.deadline).await.map_err(VapiError::Transport)?;
        if (200..300).contains(&reply.status) { Ok(reply) } else { Err(VapiError::from_reply(&reply)) }
    }
}
