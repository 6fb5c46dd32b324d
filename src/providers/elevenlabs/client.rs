//! Calls to ElevenLabs, each with the key that it is given and no other.

use super::super::TestContext;
use super::super::api_error::ApiError;
use super::super::egress::{Auth, BulkheadKey, Deadline, Egress};
use super::super::key_client::KeyClient;
use super::credentials::ElevenLabsCredentials;
use super::errors::DIALECT;
use super::records::{Account, Voice, VoicePage};

/// Voices that are listed at most, which is also what one page of ElevenLabs holds.
const MOST_VOICES: &str = "100";

/// ElevenLabs, as seen with one key, for one piece of work.
pub struct ElevenLabsClient<'a>(KeyClient<'a>);

impl<'a> ElevenLabsClient<'a> {
    pub fn new(
        egress: &'a Egress,
        base: &'a url::Url,
        credentials: &'a ElevenLabsCredentials,
        bulkhead: BulkheadKey,
        deadline: Deadline,
    ) -> Self {
        let auth = auth(credentials);
        Self(KeyClient { egress, base, auth, bulkhead, deadline, dialect: &DIALECT })
    }

    pub(super) fn of_test(context: &TestContext<'a>, credentials: &'a ElevenLabsCredentials) -> Self {
        Self(KeyClient::of_test(context, &context.bases.elevenlabs, auth(credentials), &DIALECT))
    }

    /// The account with its subscription.
    pub async fn account(&self) -> Result<Account, ApiError> {
        self.0.get("/v1/user", &[]).await
    }

    /// The first hundred voices of the account.
    pub async fn voices(&self) -> Result<Vec<Voice>, ApiError> {
        let page: VoicePage = self.0.get("/v2/voices", &[("page_size", MOST_VOICES)]).await?;
        Ok(page.voices)
    }
}

fn auth(credentials: &ElevenLabsCredentials) -> Auth<'_> {
    Auth::Header { name: "xi-api-key", value: credentials.api_key.expose() }
}
