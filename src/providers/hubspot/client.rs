//! Calls to HubSpot, each with the token that it is given and no other.

use super::super::TestContext;
use super::super::api_error::ApiError;
use super::super::egress::Auth;
use super::super::key_client::KeyClient;
use super::credentials::HubSpotCredentials;
use super::errors::DIALECT;
use super::records::{Contacts, Details, Usage, UsageList};

/// HubSpot, as seen with one token, for one piece of work.
pub struct HubSpotClient<'a>(KeyClient<'a>);

impl<'a> HubSpotClient<'a> {
    pub(super) fn of_test(context: &TestContext<'a>, credentials: &'a HubSpotCredentials) -> Self {
        let auth = Auth::Bearer(credentials.access_token.expose());
        Self(KeyClient::of_test(context, &context.bases.hubspot, auth, &DIALECT))
    }

    /// The account of the token.
    pub async fn details(&self) -> Result<Details, ApiError> {
        self.0.get("/account-info/v3/details", &[]).await
    }

    /// Whether contacts can be read. What they say is dropped unread.
    pub async fn may_read_contacts(&self) -> Result<(), ApiError> {
        let _: Contacts =
            self.0.get("/crm/v3/objects/contacts", &[("limit", "1"), ("properties", "hs_object_id")]).await?;
        Ok(())
    }

    /// Today's calls and their limit, where HubSpot has counted them.
    pub async fn usage(&self) -> Result<Option<Usage>, ApiError> {
        let list: UsageList = self.0.get("/account-info/v3/api-usage/daily/private-apps", &[]).await?;
        Ok(list.results.into_iter().find(Usage::is_counted))
    }
}
