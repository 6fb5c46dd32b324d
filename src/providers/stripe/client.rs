//! Calls to Stripe, each with the key that it is given and no other.

use super::super::TestContext;
use super::super::api_error::ApiError;
use super::super::egress::Auth;
use super::super::key_client::KeyClient;
use super::credentials::StripeCredentials;
use super::errors::DIALECT;
use super::records::{Account, Balance};

/// Stripe, as seen with one key, for one piece of work.
pub struct StripeClient<'a>(KeyClient<'a>);

impl<'a> StripeClient<'a> {
    pub(super) fn of_test(context: &TestContext<'a>, credentials: &'a StripeCredentials) -> Self {
        let auth = Auth::Bearer(credentials.api_key.expose());
        Self(KeyClient::of_test(context, &context.bases.stripe, auth, &DIALECT))
    }

    /// The account of the key.
    pub async fn account(&self) -> Result<Account, ApiError> {
        self.0.get("/v1/account", &[]).await
    }

    /// What is in the account.
    pub async fn balance(&self) -> Result<Balance, ApiError> {
        self.0.get("/v1/balance", &[]).await
    }
}
