//! What a watcher compares from one look to the next, over the clinics that somebody watches.
//!
//! Both statements go through gate functions that tell ids and states and nothing else. Who is told what
//! is decided in `live`.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, PgPool};
use crate::domain::OrgId;

/// Something that has a state now.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct MarkRow {
    #[sqlx(try_from = "Uuid")]
    pub org_id: OrgId,
    /// What kind of thing: `events`, `calls`, `status`.
    pub topic: String,
    pub id: Uuid,
    /// Its state; another mark is a change.
    pub mark: String,
    /// Listed until it changes; the others age out of the window.
    pub stays: bool,
}

/// The marks of these clinics. What is listed only because it is new, or has changed, has done so within
/// `window`.
///
/// # Errors
/// The database's.
pub async fn list_marks(pool: &PgPool, orgs: &[OrgId], window: Duration) -> Result<Vec<MarkRow>, DbError> {
    let orgs: Vec<Uuid> = orgs.iter().map(|org| org.0).collect();
    Ok(sqlx::query_as("select org_id, topic, id, mark, stays from list_live_marks($1, $2, $3)")
        .bind(orgs)
        .bind(floor(OffsetDateTime::now_utc() - window))
        .bind(window.as_secs_f64())
        .fetch_all(pool)
        .await?)
}

/// The smallest identifier that could have been made at a moment.
fn floor(at: OffsetDateTime) -> Uuid {
    let millis = u128::try_from(at.unix_timestamp_nanos().max(0) / 1_000_000).unwrap_or(0);
    Uuid::from_u128(millis << 80)
}

/// By which right somebody watches: SHA-256 of a session's cookie or of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Session([u8; 32]),
    ApiKey([u8; 32]),
}

/// Which of these may watch no longer, by their place in the list from 0 on.
///
/// # Errors
/// The database's.
pub async fn list_ended(pool: &PgPool, watchers: &[(Proof, OrgId)]) -> Result<Vec<usize>, DbError> {
    let proofs: Vec<&[u8]> = watchers
        .iter()
        .map(|(proof, _)| match proof {
            Proof::Session(hash) | Proof::ApiKey(hash) => hash.as_slice(),
        })
        .collect();
    let are_keys: Vec<bool> = watchers.iter().map(|(proof, _)| matches!(proof, Proof::ApiKey(_))).collect();
    let orgs: Vec<Uuid> = watchers.iter().map(|(_, org)| org.0).collect();
    let places: Vec<i64> = sqlx::query_scalar("select list_ended_watchers($1, $2, $3)")
        .bind(proofs)
        .bind(are_keys)
        .bind(orgs)
        .fetch_all(pool)
        .await?;
    Ok(places.into_iter().filter_map(|place| usize::try_from(place - 1).ok()).collect())
}
