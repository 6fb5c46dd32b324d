//! The seal budget: how many blobs each data key may still seal.
//!
//! AES-GCM with random nonces is safe for a limited number of seals per key. Seals are reserved in
//! the store in blocks before they are made, so a crash can only over-count; at the limit the next
//! version of the data key takes over by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::envelope::{self, WrappedKey};
use super::error::VaultError;
use super::keyring::Keyring;
use super::source::SealedSource;
use crate::domain::OrgId;

/// The highest seal limit: half of what NIST SP 800-38D allows for one key.
pub const MAX_SEALS: i64 = 1 << 31;

/// How often a refill may meet a data key without seals left, made by somebody else meanwhile.
const ATTEMPTS: usize = 16;

/// What this process has reserved and not used yet, per organization.
///
/// A map and no cache: every webhook takes a seal, and nothing here needs to know who was used last.
pub(super) struct Seals {
    shards: Box<[Lock<Shard>]>,
    block: i64,
    limit: i64,
    ttl: Duration,
}

type Shard = HashMap<Option<OrgId>, Slot>;

/// Locked while it is refilled; whoever comes meanwhile waits for that one refill.
type Slot = Arc<Mutex<Option<Allotment>>>;

struct Allotment {
    key: WrappedKey,
    left: i64,
    /// An eviction ends what was reserved in an older generation.
    generation: u64,
    since: Instant,
}

impl Seals {
    /// How many organizations keep an allotment. Where there are more, a shard begins anew: what was left over
    /// in it is lost, which a budget of two thousand million does not feel.
    const ORGANIZATIONS: usize = 100_000;
    const SHARDS: usize = 64;

    /// A `block` over the `limit` is cut to it, a `limit` over [`MAX_SEALS`] to that. The age of an
    /// allotment is bounded by `ttl`, so that a new version made elsewhere is taken up by then.
    pub(super) fn new(block: i64, limit: i64, ttl: Duration) -> Self {
        let limit = limit.clamp(1, MAX_SEALS);
        let shards = (0..Self::SHARDS).map(|_| Lock::default()).collect();
        Self { shards, block: block.clamp(1, limit), limit, ttl }
    }

    /// Takes one seal of the organization's current data key, which is made when there is none.
    pub(super) async fn take(
        &self,
        org: Option<OrgId>,
        generation: u64,
        keyring: &Keyring,
        source: &dyn SealedSource,
    ) -> Result<WrappedKey, VaultError> {
        let slot = self.slot(org);
        // Held across the refill: whoever comes meanwhile needs its result.
        let mut slot = slot.lock().await;
        let usable = |allotment: &&mut Allotment| {
            allotment.left > 0 && allotment.generation >= generation && allotment.since.elapsed() < self.ttl
        };
        let allotment = match slot.as_mut().filter(usable) {
            Some(allotment) => allotment,
            None => {
                let since = Instant::now();
                // On the heap: it is rare, and would make the future of every seal larger.
                let (key, left) = Box::pin(self.reserve(org, keyring, source)).await?;
                slot.insert(Allotment { key, left, generation, since })
            }
        };
        allotment.left -= 1;
        Ok(allotment.key.clone())
    }

    /// The slot of an organization.
    fn slot(&self, org: Option<OrgId>) -> Slot {
        // The last byte of a UUIDv7 is random.
        let [.., last] = org.map_or([0; 16], |org| *org.0.as_bytes());
        let mut shard =
            self.shards[usize::from(last) % Self::SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= Self::ORGANIZATIONS / Self::SHARDS && !shard.contains_key(&org) {
            shard.clear();
        }
        shard.entry(org).or_default().clone()
    }

    /// Forgets all allotments; the seals in them stay counted as used.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// A version after `current`, with a block of its seals reserved.
    pub(super) fn next(
        &self,
        org: Option<OrgId>,
        current: &WrappedKey,
        keyring: &Keyring,
    ) -> Result<WrappedKey, VaultError> {
        let key = new_key(org, next_version(current)?, keyring)?;
        Ok(WrappedKey { seals_reserved: self.block, ..key })
    }

    /// Takes a version that [`Seals::next`] made and that is stored: this process seals with it in that generation.
    pub(super) async fn take_up(&self, org: Option<OrgId>, generation: u64, key: WrappedKey) {
        let slot = self.slot(org);
        let mut slot = slot.lock().await;
        // Somebody else may have begun the version after this one meanwhile.
        if slot.as_ref().is_none_or(|there| there.key.version < key.version) {
            *slot = Some(Allotment { key, left: self.block, generation, since: Instant::now() });
        }
    }

    async fn reserve(
        &self,
        org: Option<OrgId>,
        keyring: &Keyring,
        source: &dyn SealedSource,
    ) -> Result<(WrappedKey, i64), VaultError> {
        let (mut key, mut left) = match source.find_data_key(org, None).await? {
            Some(key) => (key, 0),
            None => self.insert(org, 1, keyring, source).await?,
        };
        for _ in 0..ATTEMPTS {
            if left == 0 && key.seals_reserved < self.limit {
                let total = source.reserve_seals(org, key.version, self.block).await?;
                // Ours are the last `block` of `total`; those beyond the limit are not to be used.
                left = self.block.min(self.limit.saturating_sub(total.saturating_sub(self.block)));
            }
            if left > 0 {
                return Ok((key, left));
            }
            (key, left) = self.insert(org, next_version(&key)?, keyring, source).await?;
        }
        Err(VaultError::NoSealsLeft)
    }

    /// Makes a version, with the first block of its seals for this process; or finds that somebody has, and then
    /// none of them are ours.
    async fn insert(
        &self,
        org: Option<OrgId>,
        version: i32,
        keyring: &Keyring,
        source: &dyn SealedSource,
    ) -> Result<(WrappedKey, i64), VaultError> {
        let ours = WrappedKey { seals_reserved: self.block, ..new_key(org, version, keyring)? };
        let there = source.insert_data_key(org, &ours).await?;
        let left = if there.bytes == ours.bytes { self.block } else { 0 };
        Ok((there, left))
    }
}

fn next_version(key: &WrappedKey) -> Result<i32, VaultError> {
    key.version.checked_add(1).ok_or(VaultError::NoSealsLeft)
}

/// A fresh data key, wrapped by the current key-encryption key. No seal of it is reserved.
pub(super) fn new_key(org: Option<OrgId>, version: i32, keyring: &Keyring) -> Result<WrappedKey, VaultError> {
    let kek = keyring.current();
    envelope::new_data_key(kek.id(), kek.cipher(), org, version)
}
