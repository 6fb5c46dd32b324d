//! Claims on Vapi's ids that stand in somebody's way: they move where whoever has one can no longer read
//! it with its own key, and operators can end one.
//!
//! The first claim wins, and reading an object with one's own key is what a claim lives on. So the key that
//! is stored by the other clinic is asked, by the service and for nothing else: of what it sees, only
//! "there" or "not there" is used, and neither clinic learns who the other one is.

use uuid::Uuid;

use super::ensure::client;
use crate::audit::{self, AuditError, Ended, Entry, Origin};
use crate::db::{DbError, OrgTx, changes, routes};
use crate::domain::OrgId;
use crate::providers::vapi::{VapiCredentials, VapiError};
use crate::state::Services;
use crate::vault::VaultError;

/// What is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    Assistant(Uuid),
    PhoneNumber(Uuid),
}

impl Claimed {
    const fn id(self) -> Uuid {
        match self {
            Claimed::Assistant(id) | Claimed::PhoneNumber(id) => id,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Claimed::Assistant(_) => "assistant",
            Claimed::PhoneNumber(_) => "phone number",
        }
    }
}

/// Why a claim was not looked at or not moved.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// Ends another clinic's claim where its key can no longer read the object; true where it did, so that the
/// claim can be tried again. Where nobody knows, the claim stays.
pub async fn end_if_lost(services: &Services, asking: OrgId, what: Claimed) -> Result<bool, ClaimError> {
    let Some((_, holder)) = routes::find_claim(&services.pool, what.id()).await? else { return Ok(true) };
    if holder == asking {
        return Ok(false);
    }
    let is_lost = match services.vault.open_to_receive::<VapiCredentials>(holder).await {
        Ok(opened) => {
            let client = client(services, holder, &opened.credentials);
            match what {
                Claimed::Assistant(id) => has_lost(&client.find_assistant(id).await.map(|it| it.is_some())),
                Claimed::PhoneNumber(id) => {
                    let numbers = client.list_phone_numbers().await;
                    has_lost(&numbers.map(|numbers| numbers.iter().any(|number| number.id == id)))
                }
            }
        }
        // Disconnected: its claims went with it, or were meant to.
        Err(VaultError::NotConnected { .. }) => true,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, org = %holder, "a claim could not be looked at");
            false
        }
    };
    if !is_lost {
        return Ok(false);
    }
    let details =
        "Vapi no longer shows it to the key that is stored here, and another account of this service has it.";
    release(services, holder, what, "service", details).await?;
    // Told in the trail of who gets it as well: it was somebody else's.
    let mut tx = OrgTx::service(&services.pool, asking).await?;
    let told = entry(what, "claim.moved", "service", "It was connected elsewhere in this service before.");
    audit::append(&mut tx, &services.vault, &services.clock, &Origin::default(), told).await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether an answer to "is it there?" says that the holder has lost it. An outage says nothing.
fn has_lost(is_there: &Result<bool, VapiError>) -> bool {
    match is_there {
        Ok(is_there) => !is_there,
        Err(VapiError::KeyRejected | VapiError::NotFound) => true,
        Err(_) => false,
    }
}

/// Ends a clinic's claim, recorded in its trail.
pub async fn release(
    services: &Services,
    holder: OrgId,
    what: Claimed,
    actor: &str,
    details: &str,
) -> Result<(), ClaimError> {
    let mut tx = OrgTx::service(&services.pool, holder).await?;
    if !routes::release_claim(&mut tx, what.id()).await? {
        return Err(DbError::NotFound.into());
    }
    changes::announce(&mut tx).await?;
    let told = entry(what, "claim.released", actor, details);
    audit::append(&mut tx, &services.vault, &services.clock, &Origin::default(), told).await?;
    tx.commit().await?;
    services.evict(holder);
    Ok(())
}

fn entry(what: Claimed, action: &'static str, actor: &str, details: &str) -> Entry {
    Entry {
        actor: actor.to_owned(),
        action,
        target: format!("{} {}", what.words(), what.id()),
        ended: Ended::Success,
        details: details.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_answer_takes_a_claim_away() {
        assert!(has_lost(&Ok(false)));
        assert!(has_lost(&Err(VapiError::KeyRejected)));
        assert!(has_lost(&Err(VapiError::NotFound)));
        assert!(!has_lost(&Ok(true)));
        // A known key that may not do this now may do it again tomorrow, when the bill is paid.
        assert!(!has_lost(&Err(VapiError::Forbidden { status: 402 })));
        assert!(!has_lost(&Err(VapiError::Throttled { retry_after: None })));
        assert!(!has_lost(&Err(VapiError::Unavailable { status: 503 })));
        assert!(!has_lost(&Err(VapiError::Unsupported)));
    }
}
