//! What is done for endpoints by itself: addresses that were written before they were sealed are sealed, and
//! drafts that nobody came back for are removed.
//!
//! A migration can seal nothing, and neither should a request: a page that only looks has no right to write.
//! So the worker does it, on the way of everything else that is overdue: a gate function names the clinics,
//! each is done in one transaction, as soon as a worker starts and again every minute for as long as
//! something is left. Once nothing is, that costs a look at an empty index.

use crate::db::{OrgTx, endpoint_drafts, endpoints};
use crate::domain::OrgId;
use crate::integrations::IntegrationError;
use crate::state::Services;
use crate::webhooks::target::Target;

use super::sealing::SealedRow;

/// Seals and removes what there is of a clinic.
///
/// # Errors
/// Nothing was written then. An endpoint whose headers can not be read stays as it is: sealed without them,
/// they would be gone for good.
pub async fn tend(services: &Services, org: OrgId) -> Result<(), IntegrationError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let mut sealed = 0;
    for row in endpoints::lock_plain(&mut tx).await? {
        match Target::open(&services.vault, org, row.id, &row.target).await {
            Ok(target) => {
                let new = SealedRow::of(services, org, row.id, &target, row.auth_hint.0).await?;
                endpoints::update_target(&mut tx, row.id, &new.row(), false).await?;
                sealed += 1;
            }
            Err(error) if error.is_unreadable() => {
                tracing::warn!(error = &error as &dyn std::error::Error, %org, endpoint = %row.id, "an address is not sealed yet, as its headers do not open");
            }
            Err(error) => return Err(error.into()),
        }
    }
    let expired = endpoint_drafts::delete_expired(&mut tx).await?;
    tx.commit().await?;
    tracing::info!(%org, sealed, expired, "addresses of endpoints were sealed, and expired drafts removed");
    Ok(())
}
