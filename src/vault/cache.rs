//! The cache of sealed rows and wrapped keys. It never holds plaintext nor an unwrapped key, so a
//! dump of it is worth as much as a dump of the database.
//!
//! Every entry is filed under the generation of its organization at the time when its load began.
//! An eviction starts a new generation, in which no old entry is found and no old load is joined:
//! a slow read cannot bring an old value back. What is left behind goes by age or for room.

use std::hash::Hash;
use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;

use super::error::VaultError;
use crate::domain::OrgId;

/// How the cache has worked so far, and how full it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    pub hits: u64,
    /// Callers that found nothing; those that waited for another one's load count too.
    pub misses: u64,
    /// Reads of the store.
    pub loads: u64,
    pub entries: u64,
    pub bytes: u64,
}

impl Add for CacheStats {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            loads: self.loads + other.loads,
            entries: self.entries + other.entries,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// Generations of all organizations, in constant space. Organizations that share a slot share their
/// evictions, which costs a load and is never wrong.
pub(super) struct Generations {
    clock: AtomicU64,
    all: AtomicU64,
    slots: Box<[AtomicU64]>,
}

impl Generations {
    const SLOTS: usize = 4096;

    pub(super) fn new() -> Self {
        let slots = (0..Self::SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { clock: AtomicU64::new(0), all: AtomicU64::new(0), slots }
    }

    /// The generation of an organization: what is loaded from now on belongs to it.
    pub(super) fn of(&self, org: Option<OrgId>) -> u64 {
        self.slot(org).load(Ordering::SeqCst).max(self.all.load(Ordering::SeqCst))
    }

    pub(super) fn advance(&self, org: Option<OrgId>) {
        self.slot(org).fetch_max(self.tick(), Ordering::SeqCst);
    }

    pub(super) fn advance_all(&self) {
        self.all.fetch_max(self.tick(), Ordering::SeqCst);
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn slot(&self, org: Option<OrgId>) -> &AtomicU64 {
        // The last bytes of a UUIDv7 are random.
        let [.., high, low] = org.map_or([0; 16], |org| *org.0.as_bytes());
        &self.slots[usize::from(u16::from_be_bytes([high, low])) % Self::SLOTS]
    }
}

/// A cache of one kind of sealed thing, bounded by bytes and age.
pub(super) struct SealedCache<K, V> {
    entries: Cache<(K, u64), Arc<V>>,
    hits: AtomicU64,
    misses: AtomicU64,
    loads: AtomicU64,
}

impl<K, V> SealedCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// `weigh` gives the bytes that an entry holds outside of itself.
    pub(super) fn new(max_bytes: u64, ttl: Duration, weigh: fn(&V) -> usize) -> Self {
        // What moka and the allocator keep for an entry beside its value.
        const OVERHEAD: usize = 256;
        let entries = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(move |_, value: &Arc<V>| {
                u32::try_from(OVERHEAD + size_of::<V>() + weigh(value)).unwrap_or(u32::MAX)
            })
            .time_to_live(ttl)
            .build();
        Self { entries, hits: AtomicU64::new(0), misses: AtomicU64::new(0), loads: AtomicU64::new(0) }
    }

    /// Finds an entry or loads it. Concurrent callers share one load; if its caller goes away,
    /// another one starts anew. An error goes to all who waited and is not kept.
    pub(super) async fn find_or_load(
        &self,
        key: K,
        generation: u64,
        load: impl Future<Output = Result<V, VaultError>>,
    ) -> Result<Arc<V>, VaultError> {
        let key = (key, generation);
        if let Some(value) = self.entries.get(&key).await {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(value);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let counted = async {
            self.loads.fetch_add(1, Ordering::Relaxed);
            load.await.map(Arc::new)
        };
        self.entries.try_get_with(key, counted).await.map_err(|error| VaultError::clone(&error))
    }

    /// Takes in what the caller has just loaded.
    pub(super) async fn insert(&self, key: K, generation: u64, value: V) {
        self.entries.insert((key, generation), Arc::new(value)).await;
    }

    /// Gives the room of everything back at once.
    pub(super) fn clear(&self) {
        self.entries.invalidate_all();
    }

    #[cfg(test)]
    pub(super) async fn run_pending_tasks(&self) {
        self.entries.run_pending_tasks().await;
    }

    pub(super) fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            loads: self.loads.load(Ordering::Relaxed),
            entries: self.entries.entry_count(),
            bytes: self.entries.weighted_size(),
        }
    }
}
