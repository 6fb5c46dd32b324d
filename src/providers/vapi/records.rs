//! What is read of Vapi's answers: only the few members that are needed.
//!
//! The rest is dropped unread, since an answer about a phone number may carry the Auth Token of the
//! Twilio account behind it.

use serde::Deserialize;
use uuid::Uuid;

use crate::vault::SecretText;

/// An assistant as Vapi lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssistantRecord {
    pub id: Uuid,
    pub org_id: Option<String>,
    pub name: Option<String>,
    /// RFC 3339, as Vapi sent it.
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    #[serde(default)]
    pub metadata: Option<RecordedMetadata>,
    #[serde(default)]
    pub server: Option<RecordedServer>,
}

/// Our own marks on an assistant; those of others have none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedMetadata {
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub voxanne_installation: Option<String>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub voxanne_organization: Option<String>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub voxanne_role: Option<String>,
}

/// Where an assistant's messages go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedServer {
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub credential_id: Option<String>,
}

/// A phone number as Vapi lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhoneNumberRecord {
    pub id: Uuid,
    pub org_id: Option<String>,
    pub number: Option<String>,
    pub name: Option<String>,
    pub provider: Option<String>,
    pub assistant_id: Option<Uuid>,
}

/// Only the identifier of what was made.
#[derive(Deserialize)]
pub(super) struct Made {
    pub id: Uuid,
}

/// How a deletion ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    Deleted,
    AlreadyGone,
}

/// How Vapi shall sign its server messages: HMAC-SHA256 in hexadecimal over `{timestamp}.{body}`.
#[derive(Clone, Debug)]
pub struct HmacPlan {
    /// Name of the credential in Vapi's dashboard, at most 40 characters.
    pub name: String,
    pub secret: SecretText,
    pub signature_header: &'static str,
    pub timestamp_header: &'static str,
}

/// Metadata is free-form, so a member of ours may hold anything that somebody typed there.
fn text_or_nothing<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned))
}
