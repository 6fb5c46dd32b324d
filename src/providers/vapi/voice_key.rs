//! The clinic's own ElevenLabs key at Vapi, so that assistants speak on the clinic's account.
//!
//! Vapi documents `POST /credential` in prose and the body as a schema; that credentials can be
//! listed and deleted is documented nowhere that was read. So a refusal that does not concern the
//! key is [`VapiError::Unsupported`], and a list that is not there counts as empty.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::vault::SecretText;

use super::super::below;
use super::super::egress::Body;
use super::client::VapiClient;
use super::errors::VapiError;
use super::records::{Deletion, Made};

/// Vapi's word for ElevenLabs.
const ELEVENLABS: &str = "11labs";
/// The one other place of ElevenLabs' API that Vapi's schema names.
const EUROPE: &str = "https://api.eu.residency.elevenlabs.io";
/// More credentials than any clinic has; each is a few hundred bytes.
const LIST_LIMIT: usize = 1024 * 1024;

#[derive(Deserialize)]
struct StoredCredential {
    id: Uuid,
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

impl VapiClient<'_> {
    /// Puts a key of ElevenLabs there under this name and takes away what stood under the name
    /// before. Made before the old one goes, so that a failure between leaves a key that works.
    pub async fn replace_voice_key(&self, name: &str, key: &SecretText, base: &str) -> Result<(), VapiError> {
        let old = self.voice_keys(name).await?;
        let mut body = json!({ "provider": ELEVENLABS, "name": name, "apiKey": key.expose() });
        if base.trim_end_matches('/') == EUROPE {
            body["apiUrl"] = EUROPE.into();
        }
        let url = below(self.base, &["credential"]);
        let made: Result<Made, VapiError> = self.write(Method::POST, url, "/credential", &body).await;
        match made {
            Ok(_) => {}
            Err(VapiError::NotFound | VapiError::Forbidden { .. } | VapiError::Invalid { .. }) => {
                return Err(VapiError::Unsupported);
            }
            Err(error) => return Err(error),
        }
        for id in old {
            // One that can not be taken away is the newest one's shadow, and no reason to repeat all.
            match self.delete_credential(id).await {
                Ok(Deletion::Deleted | Deletion::AlreadyGone) => {}
                Err(error) if error.is_undetermined() => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// What stands there under our name.
    async fn voice_keys(&self, name: &str) -> Result<Vec<Uuid>, VapiError> {
        let url = below(self.base, &["credential"]);
        let reply = match self.send(Method::GET, url, "/credential", Body::Empty, LIST_LIMIT).await {
            Ok(reply) => reply,
            Err(VapiError::NotFound | VapiError::Forbidden { .. } | VapiError::Invalid { .. }) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let stored: Vec<StoredCredential> =
            super::super::answer::read(&reply).map_err(VapiError::Unexpected)?;
        let is_ours = |one: &StoredCredential| {
            one.provider.as_deref() == Some(ELEVENLABS) && one.name.as_deref() == Some(name)
        };
        Ok(stored.into_iter().filter(is_ours).map(|one| one.id).collect())
    }
}
