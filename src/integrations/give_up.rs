//! Consents that came to nothing: refused, of another account that nobody confirmed, or not to be stored.
//! Google still has them then, so they are given back, as well as that can be done.

use super::tokens::{find_row, providers_of_issuer, service};
use super::{IntegrationError, grant, save};
use crate::db::{OrgTx, credentials};
use crate::domain::OrgId;
use crate::providers::google::{OAuthClient, Tokens};
use crate::state::Services;
use crate::vault::SecretText;

/// Drafts in one go.
const BATCH: i64 = 50;

/// What Google has given and nobody uses.
pub(super) struct Unused {
    pub client: OAuthClient,
    /// The refresh token where there is one: with it goes the access token.
    pub token: SecretText,
    /// The account, where that is known.
    pub subject: Option<String>,
}

impl Unused {
    pub(super) fn of(client: &OAuthClient, tokens: &Tokens) -> Self {
        Self {
            client: client.clone(),
            token: tokens.refresh.as_ref().unwrap_or(&tokens.access).clone(),
            subject: tokens.identity.as_ref().map(|claims| claims.sub.clone()),
        }
    }

    /// Gives it back, unless that could end what the clinic lives on: Google takes the consent of an
    /// account back as a whole.
    pub(super) async fn give_up(&self, services: &Services, org: OrgId) {
        let is_of_another = match (find_row(services, org).await, &self.subject) {
            (Ok(None), _) => true,
            (Ok(Some(row)), Some(subject)) => row.subject != *subject,
            (Ok(Some(_)), None) | (Err(_), _) => false,
        };
        if !is_of_another {
            return;
        }
        if let Err(error) = service(services, org, &self.client).revoke(&self.token).await {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, "an unused consent could not be given back");
        }
    }
}

/// Gives back what drafts keep of accounts that nobody confirmed in time, and removes the drafts.
pub async fn give_up_unconfirmed(services: &Services, org: OrgId) -> Result<(), IntegrationError> {
    for provider in providers_of_issuer() {
        let mut tx = OrgTx::service(&services.pool, org).await?;
        let drafts = credentials::take_expired_drafts(&mut tx, provider, BATCH).await?;
        tx.commit().await?;
        for draft in drafts {
            match save::open(services, org, provider, draft.id, draft.sealed).await {
                Ok(fields) => {
                    if let Some(unused) = grant::unconfirmed(services, &fields) {
                        unused.give_up(services, org).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, %org, "a draft that nobody confirmed does not open");
                }
            }
        }
    }
    Ok(())
}
