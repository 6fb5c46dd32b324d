//! Which clinic a webhook is for: one cached entry with all that verification needs, sealed.
//!
//! Unknown ids have a cache of their own, small and short-lived, and misses share a few permits, so
//! that somebody who sends random ids can neither fill the cache nor drain the database. Nobody waits for a
//! database that does not tell: whoever sends is asked to come back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::signature::Scheme;
use crate::db::routes::{self, ResolvedRow};
use crate::db::{DbError, PgPool};
use crate::domain::OrgId;
use crate::vault::{Place, Sealed, WrappedKey};

/// Lookups of unknown ids that may run at once.
const MISSES_AT_ONCE: usize = 4;

/// How long a route may be looked for in the database: somebody may be waiting on the line, and the answer is to
/// be out before five seconds are over.
const LOOK: Duration = Duration::from_millis(2500);

/// A live verification secret, sealed.
pub struct RouteSecret {
    pub id: Uuid,
    pub scheme: Scheme,
    pub sealed: Sealed,
    pub key: WrappedKey,
    /// Unix time after which it verifies no more.
    pub not_after: Option<i64>,
}

impl RouteSecret {
    /// The place that the secret is bound to.
    pub const fn place(org: OrgId, id: Uuid) -> Place<'static> {
        Place { org: Some(org), table: "webhook_secrets", column: "sealed", provider: "vapi", row: id }
    }
}

/// The clinic of an assistant, with its live secrets.
pub struct Route {
    pub org: OrgId,
    pub assistant: Option<Uuid>,
    pub secrets: Vec<RouteSecret>,
    /// Another secret is stored in a form that nobody can read.
    pub has_malformed: bool,
    pub keep_transcripts: bool,
    /// The generation in which loading began; see [`Resolver::evict`].
    generation: u64,
}

/// One id at a time: a pair as the key would let anybody who knows an assistant fill the cache with
/// phone numbers of their own making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Assistant(Uuid),
    PhoneNumber(Uuid),
}

/// Finds routes, through two caches.
pub struct Resolver {
    pool: PgPool,
    known: Cache<Key, Arc<Route>>,
    /// The generation in which nobody had claimed the id; any news since then make it a miss.
    unknown: Cache<Key, u64>,
    misses: Arc<Semaphore>,
    generation: AtomicU64,
    evicted: RwLock<Evicted>,
}

#[derive(Default)]
struct Evicted {
    all: u64,
    by_org: HashMap<OrgId, u64>,
}

/// Why a lookup gave nothing certain.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResolveError {
    #[error("the route could not be looked up")]
    Db(#[source] Arc<DbError>),
    #[error("the route does not exist")]
    Unknown,
    #[error("the route was not found in time")]
    Late,
}

impl Resolver {
    /// `bytes` bounds the cache of known routes; an entry is about one kilobyte.
    pub fn new(pool: PgPool, ttl: Duration, bytes: u64) -> Self {
        let known = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_, route: &Arc<Route>| {
                u32::try_from(256 + route.secrets.len() * 512).unwrap_or(u32::MAX)
            })
            .time_to_live(ttl)
            .build();
        let unknown = Cache::builder().max_capacity(20_000).time_to_live(Duration::from_secs(10)).build();
        Self {
            pool,
            known,
            unknown,
            misses: Arc::new(Semaphore::new(MISSES_AT_ONCE)),
            generation: AtomicU64::new(1),
            evicted: RwLock::default(),
        }
    }

    /// The route of an assistant, or else of a phone number; `None` where nobody has claimed it.
    ///
    /// # Errors
    /// Where the database does not tell, or not within 2.5 seconds.
    pub async fn resolve(
        &self,
        assistant: Option<Uuid>,
        phone_number: Option<Uuid>,
    ) -> Result<Option<Arc<Route>>, ResolveError> {
        let mut until = None;
        for key in [assistant.map(Key::Assistant), phone_number.map(Key::PhoneNumber)].into_iter().flatten() {
            if let Some(route) = self.find(key, &mut until).await? {
                return Ok(Some(route));
            }
        }
        Ok(None)
    }

    async fn find(&self, key: Key, until: &mut Option<Instant>) -> Result<Option<Arc<Route>>, ResolveError> {
        if let Some(route) = self.known.get(&key).await {
            if self.is_current(&route) {
                return Ok(Some(route));
            }
            self.known.invalidate(&key).await;
        }
        let generation = self.generation.load(Ordering::Acquire);
        if self.unknown.get(&key).await == Some(generation) {
            return Ok(None);
        }
        let until = *until.get_or_insert_with(|| Instant::now() + LOOK);
        // On the heap: it is rare, and a timer in the future of every request makes each of them larger.
        let loading = Box::pin(timeout_at(until, self.load_current(key)));
        match loading.await.map_err(|_| ResolveError::Late)? {
            Ok(route) => Ok(Some(route)),
            Err(error) => match error.as_ref() {
                ResolveError::Unknown => {
                    self.unknown.insert(key, generation).await;
                    Ok(None)
                }
                other => Err(other.clone()),
            },
        }
    }

    async fn load_current(&self, key: Key) -> Result<Arc<Route>, Arc<ResolveError>> {
        let loaded = self.known.try_get_with(key, self.load(key)).await?;
        if self.is_current(&loaded) {
            return Ok(loaded);
        }
        // Somebody else's loading, begun before news came.
        self.known.invalidate(&key).await;
        self.known.try_get_with(key, self.load(key)).await
    }

    async fn load(&self, key: Key) -> Result<Arc<Route>, ResolveError> {
        let permit = self.misses.clone().acquire_owned().await.map_err(|_| ResolveError::Unknown)?;
        let generation = self.generation.load(Ordering::Acquire);
        let (assistant, phone_number) = match key {
            Key::Assistant(id) => (Some(id), None),
            Key::PhoneNumber(id) => (None, Some(id)),
        };
        // In a task of its own, with the permit: its connection is at work until the database has answered, also
        // when nobody waits for that any more.
        let pool = self.pool.clone();
        let asking = tokio::spawn(async move {
            let rows = routes::resolve_vapi(&pool, assistant, phone_number).await;
            drop(permit);
            rows
        });
        let rows =
            asking.await.map_err(|_| ResolveError::Late)?.map_err(|e| ResolveError::Db(Arc::new(e)))?;
        let first = rows.first().ok_or(ResolveError::Unknown)?;
        let (org, keep_transcripts) = (OrgId(first.org_id), first.keep_transcripts);
        let stored = rows.iter().filter(|row| row.secret_id.is_some()).count();
        let secrets: Vec<RouteSecret> = rows.into_iter().filter_map(read_secret).collect();
        let has_malformed = secrets.len() < stored;
        Ok(Arc::new(Route { org, assistant, secrets, has_malformed, keep_transcripts, generation }))
    }

    /// Forgets what is cached about an organization. An entry whose loading began before this
    /// counts as a miss, so a slow read cannot bring an old secret back, nor can it say that nobody
    /// has an id that was claimed meanwhile.
    pub fn evict(&self, org: OrgId) {
        let now = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        if let Ok(mut evicted) = self.evicted.write() {
            evicted.by_org.insert(org, now);
        }
    }

    /// Forgets everything: news may have been lost.
    pub fn evict_all(&self) {
        let now = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        if let Ok(mut evicted) = self.evicted.write() {
            *evicted = Evicted { all: now, by_org: HashMap::new() };
        }
        self.known.invalidate_all();
    }

    fn is_current(&self, route: &Route) -> bool {
        self.evicted.read().is_ok_and(|evicted| {
            route.generation >= evicted.all
                && evicted.by_org.get(&route.org).is_none_or(|since| route.generation >= *since)
        })
    }
}

fn read_secret(row: ResolvedRow) -> Option<RouteSecret> {
    Some(RouteSecret {
        id: row.secret_id?,
        scheme: Scheme::from_stored(row.scheme.as_deref()?, &row.params?.0)?,
        sealed: Sealed::parse(row.sealed?).ok()?,
        key: WrappedKey {
            version: row.key_version?,
            kek_id: row.kek_id?,
            bytes: row.wrapped?.into(),
            seals_reserved: 0,
        },
        not_after: row.not_after.map(|at| at.unix_timestamp()),
    })
}
