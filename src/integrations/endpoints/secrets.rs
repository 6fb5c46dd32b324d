//! Signing secrets of endpoints: which live, and their rotation with an overlap.

use uuid::Uuid;

use super::sealing::FreshSecret;
use super::{problem, shown_to};
use crate::audit::Ended;
use crate::db::DbError;
use crate::db::endpoints::{self, SecretRow};
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::vault::SecretText;

/// How long an old secret signs along, unless somebody says otherwise.
pub const OVERLAP_HOURS: u32 = 24;
/// The longest overlap: a week.
const MOST_HOURS: u32 = 168;
/// Secrets that sign at the same time.
const MOST_LIVE: usize = 5;

/// A secret that was just made; it is shown once, to people of the clinic.
pub struct Rotated {
    pub id: Uuid,
    /// Absent where the caller may not see it.
    pub secret: Option<SecretText>,
    /// How many sign now, this one counted.
    pub live: usize,
}

/// The live secrets of an endpoint, the newest first, for their hints.
pub async fn list(
    services: &Services,
    caller: &Caller,
    name: &str,
) -> Result<Vec<SecretRow>, IntegrationError> {
    let mut tx = caller.begin(services).await?;
    let row = endpoints::find_by_name(&mut tx, name).await?.ok_or(DbError::NotFound)?;
    let rows = endpoints::list_secrets(&mut tx, row.id).await?;
    tx.commit().await?;
    Ok(rows)
}

/// Makes a new secret. For as long as the overlap lasts both sign, so a receiver verifies with either.
///
/// # Errors
/// [`DbError::NotFound`]; [`IntegrationError::Invalid`] for an overlap of more than a week;
/// [`IntegrationError::RotatedTooOften`].
pub async fn rotate(
    services: &Services,
    caller: &Caller,
    name: &str,
    overlap_hours: u32,
) -> Result<Rotated, IntegrationError> {
    caller.require_configure(services, "endpoint.secret_rotated", name).await?;
    if overlap_hours > MOST_HOURS {
        return Err(problem("overlapHours", "The old secret can sign along for a week (168 hours) at most."));
    }
    let fresh = FreshSecret::make(services, caller.org()).await?;
    let by = caller.actor();
    let mut tx = caller.begin(services).await?;
    let row = endpoints::lock_by_name(&mut tx, name).await?.ok_or(DbError::NotFound)?;
    endpoints::insert_secret(&mut tx, &fresh.row(row.id, &by)).await?;
    endpoints::end_other_secrets(&mut tx, row.id, fresh.id, f64::from(overlap_hours) * 3600.0).await?;
    let live = endpoints::list_secrets(&mut tx, row.id).await?.len();
    if live > MOST_LIVE {
        tx.rollback().await;
        return Err(IntegrationError::RotatedTooOften);
    }
    let details = format!("the old one signs along for {overlap_hours} hours");
    caller.record(&mut tx, services, "endpoint.secret_rotated", name, Ended::Success, &details).await?;
    tx.commit().await?;
    Ok(Rotated { id: fresh.id, secret: shown_to(caller, &fresh.text), live })
}
