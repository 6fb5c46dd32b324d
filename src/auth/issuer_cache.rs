//! What a process remembers of token issuers and of their published keys. It decides nothing: the
//! database refuses a disabled issuer whenever a request begins.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use moka::future::Cache;
use uuid::Uuid;

use crate::db::issuers::IssuerRow;

/// Issuers at most; an installation has a handful.
const MOST: u64 = 1000;

/// The caches of `integrations::bearer`.
pub struct IssuerCache {
    /// By the claim `iss`.
    pub issuers: Cache<String, Arc<IssuerRow>>,
    /// Published keys by issuer.
    pub keys: Cache<Uuid, Arc<JwkSet>>,
    /// Issuers whose keys were asked for within the last minute.
    pub asked: Cache<Uuid, ()>,
}

impl Default for IssuerCache {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            issuers: Cache::builder().max_capacity(MOST).time_to_live(minute).build(),
            keys: Cache::builder().max_capacity(MOST).time_to_live(10 * minute).build(),
            asked: Cache::builder().max_capacity(MOST).time_to_live(minute).build(),
        }
    }
}
