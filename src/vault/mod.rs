//! Sealing and opening of everything secret: the one home of AES-GCM.
//!
//! Two layers of keys: the [`Keyring`] of this installation wraps one data key per organization and
//! version, and the data key seals that organization's blobs, each bound to its [`Place`]. Plaintext
//! leaves only as a secret type, to whoever asked to open it, and is kept nowhere here.
//!
//! Not here: SQL (rows come through [`SealedSource`], which `db` implements), providers' typed
//! credentials (they implement [`Credential`]), and who may open what.

mod cache;
mod envelope;
mod error;
mod fields;
mod key_check;
mod keyring;
mod place;
mod seals;
mod secret;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use cache::CacheStats;
pub use envelope::{DataKey, Sealed, WrappedKey};
pub use error::{KeyringError, SourceError, VaultError};
pub use fields::SecretFields;
pub use key_check::KeyCheck;
pub use keyring::{Kek, KeyState, Keyring};
pub use place::Place;
pub use seals::MAX_SEALS;
pub use secret::{SecretBytes, SecretText};
pub use source::{ActiveCredential, Credential, Opened, SealedSource, Usability};

use crate::domain::{OrgId, ProviderId};
use cache::{Generations, SealedCache};
use seals::Seals;

/// The platform's data key that fingerprints are made with; it is rewrapped, never replaced.
const FINGERPRINT_KEY_VERSION: i32 = 1;

/// Limits of a [`Vault`].
#[derive(Clone, Copy, Debug)]
pub struct VaultOptions {
    /// The age at which a cached row is read again (`CACHE_TTL`).
    pub ttl: Duration,
    /// Room for sealed rows and wrapped keys (`CACHE_BYTES`).
    pub cache_bytes: u64,
    /// How many seals are reserved in the store at once.
    pub seal_block: i64,
    /// How many seals one data key makes, [`MAX_SEALS`] at most.
    pub seal_limit: i64,
}

impl Default for VaultOptions {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(5 * 60),
            cache_bytes: 64 * 1024 * 1024,
            seal_block: 1024,
            seal_limit: MAX_SEALS,
        }
    }
}

/// Seals and opens. One per process, shared.
pub struct Vault {
    keyring: Keyring,
    source: Arc<dyn SealedSource>,
    generations: Generations,
    credentials: SealedCache<(OrgId, ProviderId), ActiveCredential>,
    keys: SealedCache<(Option<OrgId>, i32), WrappedKey>,
    seals: Seals,
    /// The first unknown key-encryption key that was met; zero is no id.
    unknown_kek: AtomicI64,
}

impl Vault {
    /// Does no I/O. That the keyring fits the database is told by [`Keyring::check`] before.
    pub fn new(keyring: Keyring, source: Arc<dyn SealedSource>, options: VaultOptions) -> Self {
        let key_bytes = options.cache_bytes / 8;
        Self {
            keyring,
            source,
            generations: Generations::new(),
            credentials: SealedCache::new(options.cache_bytes - key_bytes, options.ttl, |row| {
                row.sealed.as_bytes().len() + row.key.bytes.len()
            }),
            keys: SealedCache::new(key_bytes, options.ttl, |key| key.bytes.len()),
            seals: Seals::new(options.seal_block, options.seal_limit, options.ttl),
            unknown_kek: AtomicI64::new(0),
        }
    }

    /// Opens the organization's active credential for a provider, from the cached sealed row if
    /// there is one.
    ///
    /// # Errors
    /// As [`Vault::open_active`], and what the fields lack.
    pub async fn open<C: Credential>(&self, org: OrgId) -> Result<Opened<C>, VaultError> {
        let Opened { integration_id, credential_id, credentials } =
            self.open_active(org, C::PROVIDER).await?;
        Ok(Opened { integration_id, credential_id, credentials: C::from_fields(&credentials)? })
    }

    /// The same by the provider's id, for families of providers: the fields as they were saved.
    ///
    /// # Errors
    /// [`VaultError::NotConnected`], [`VaultError::Paused`], [`VaultError::Failed`] or
    /// [`VaultError::Pending`] where the card's state forbids it; else what loading and opening give.
    pub async fn open_active(
        &self,
        org: OrgId,
        provider: ProviderId,
    ) -> Result<Opened<SecretFields>, VaultError> {
        let row = self.active(org, provider).await?;
        match row.usability {
            Usability::Usable => self.open_row(org, provider, &row),
            Usability::Paused => Err(VaultError::Paused { provider }),
            Usability::Failed => Err(VaultError::Failed { provider }),
            Usability::Pending => Err(VaultError::Pending { provider }),
        }
    }

    /// The same whatever the card's state, for what a clinic is sent: a pause or an expired token stops
    /// what we send, and says nothing about who writes to us.
    ///
    /// # Errors
    /// [`VaultError::NotConnected`]; else what loading and opening give.
    pub async fn open_to_receive<C: Credential>(&self, org: OrgId) -> Result<Opened<C>, VaultError> {
        let row = self.active(org, C::PROVIDER).await?;
        let Opened { integration_id, credential_id, credentials } = self.open_row(org, C::PROVIDER, &row)?;
        Ok(Opened { integration_id, credential_id, credentials: C::from_fields(&credentials)? })
    }

    async fn active(&self, org: OrgId, provider: ProviderId) -> Result<Arc<ActiveCredential>, VaultError> {
        let load = async {
            let row = self.source.find_active(org, provider).await?;
            row.ok_or(VaultError::NotConnected { provider })
        };
        let generation = self.generations.of(Some(org));
        self.credentials.find_or_load((org, provider), generation, load).await
    }

    fn open_row(
        &self,
        org: OrgId,
        provider: ProviderId,
        row: &ActiveCredential,
    ) -> Result<Opened<SecretFields>, VaultError> {
        let place = Place {
            org: Some(org),
            table: "org_credentials",
            column: "sealed",
            provider: provider.as_str(),
            row: row.credential_id.0,
        };
        let opened = self.open_with_key(&place, &row.sealed, &row.key)?;
        let credentials = SecretFields::decode(opened.expose())?;
        Ok(Opened { integration_id: row.integration_id, credential_id: row.credential_id, credentials })
    }

    /// Opens a blob that holds [`SecretFields`]. Errors as [`Vault::open_at`], and
    /// [`VaultError::UnreadableFields`].
    pub async fn open_fields(&self, place: &Place<'_>, sealed: &Sealed) -> Result<SecretFields, VaultError> {
        SecretFields::decode(self.open_at(place, sealed).await?.expose())
    }

    /// Opens a blob in its place; its data key comes from the cache or the store.
    ///
    /// # Errors
    /// [`VaultError::NoDataKey`] if its key was destroyed, [`VaultError::Source`] if the store did
    /// not answer, else as [`Vault::open_with_key`].
    pub async fn open_at(&self, place: &Place<'_>, sealed: &Sealed) -> Result<SecretBytes, VaultError> {
        let key = self.find_key(place.org, sealed.key_version()).await?;
        self.open_with_key(place, sealed, &key)
    }

    /// Opens a blob in its place with the data key at hand: no I/O, no waiting.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`] for a changed or moved blob or key, [`VaultError::UnknownKek`],
    /// [`VaultError::OtherKeyVersion`], [`VaultError::Malformed`].
    pub fn open_with_key(
        &self,
        place: &Place<'_>,
        sealed: &Sealed,
        key: &WrappedKey,
    ) -> Result<SecretBytes, VaultError> {
        self.data_key(place.org, key)?.open(place, sealed)
    }

    /// The same for who has more to do with the key: it comes back with what was opened.
    ///
    /// # Errors
    /// As [`Vault::open_with_key`].
    pub fn open_and_keep_key(
        &self,
        place: &Place<'_>,
        sealed: &Sealed,
        key: &WrappedKey,
    ) -> Result<(SecretBytes, DataKey), VaultError> {
        let key = self.data_key(place.org, key)?;
        Ok((key.open(place, sealed)?, key))
    }

    /// Seals a text in its place with the organization's current data key, which is made when there
    /// is none. Counts against the key's seal budget.
    ///
    /// # Errors
    /// [`VaultError::Source`] if seals could not be reserved; nothing is ever sealed uncounted.
    pub async fn seal(&self, place: &Place<'_>, plaintext: &[u8]) -> Result<Sealed, VaultError> {
        self.seal_with(None, place, plaintext).await
    }

    /// The same with a data key at hand, which need not be unwrapped again where it is the current one.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub async fn seal_with(
        &self,
        known: Option<&DataKey>,
        place: &Place<'_>,
        plaintext: &[u8],
    ) -> Result<Sealed, VaultError> {
        let generation = self.generations.of(place.org);
        let key = self.seals.take(place.org, generation, &self.keyring, &*self.source).await?;
        match known.filter(|known| known.is_of(place.org, key.version)) {
            Some(known) => known.seal(place, plaintext),
            None => self.data_key(place.org, &key)?.seal(place, plaintext),
        }
    }

    /// Makes the first data key of an organization that is being made, and seals one value with it: both for
    /// the caller to store, in one transaction with the organization. The seal is counted in the key.
    ///
    /// # Errors
    /// Where there is no randomness to be had.
    pub fn seal_first(
        &self,
        org: OrgId,
        place: &Place<'_>,
        plaintext: &[u8],
    ) -> Result<(WrappedKey, Sealed), VaultError> {
        let key = seals::new_key(Some(org), 1, &self.keyring)?;
        let sealed = self.data_key(Some(org), &key)?.seal(place, plaintext)?;
        Ok((WrappedKey { seals_reserved: 1, ..key }, sealed))
    }

    /// A keyed hash of a value, to compare values without keeping them. It stays the same when
    /// key-encryption keys rotate, as it hangs on the platform's first data key.
    ///
    /// # Errors
    /// Those of loading and unwrapping that key.
    pub async fn fingerprint(&self, purpose: &str, value: &[u8]) -> Result<[u8; 32], VaultError> {
        let key = match self.find_key(None, FINGERPRINT_KEY_VERSION).await {
            Err(VaultError::NoDataKey { version }) => {
                let new = seals::new_key(None, version, &self.keyring)?;
                Arc::new(self.source.insert_data_key(None, &new).await?)
            }
            found => found?,
        };
        let secret = self.unwrap(None, &key)?;
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.expose()).map_err(|_| VaultError::Malformed("key"))?;
        mac.update(b"voxanne fingerprint\0");
        // The length tells where the purpose ends and the value begins.
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(value);
        Ok(mac.finalize().into_bytes().into())
    }

    /// Wraps a data key anew under the current key-encryption key, for the caller to store in the
    /// place of the old row. The data key stays the same, so blobs need no change.
    ///
    /// # Errors
    /// As unwrapping: [`VaultError::UnknownKek`], [`VaultError::DoesNotOpen`], [`VaultError::Malformed`].
    pub fn rewrap(&self, org: Option<OrgId>, key: &WrappedKey) -> Result<WrappedKey, VaultError> {
        let secret = self.unwrap(org, key)?;
        let kek = self.keyring.current();
        let wrapped = envelope::wrap(kek.id(), kek.cipher(), org, key.version, &secret)?;
        Ok(WrappedKey { seals_reserved: key.seals_reserved, ..wrapped })
    }

    /// Makes the version after the current one, with the first of its seals reserved, for the caller to store and
    /// then to tell [`Vault::take_up`]. Blobs of older versions still open.
    ///
    /// # Errors
    /// Where there is no randomness to be had.
    pub fn next_key(&self, org: OrgId, current: &WrappedKey) -> Result<WrappedKey, VaultError> {
        self.seals.next(Some(org), current, &self.keyring)
    }

    /// What this process seals from now on uses `next`, which [`Vault::next_key`] made and which is stored. Other
    /// processes follow when they are told to evict, or by age. Values under `current` are opened next, to be
    /// sealed anew.
    pub async fn take_up(&self, org: OrgId, current: WrappedKey, next: WrappedKey) {
        self.evict(org);
        let generation = self.generations.of(Some(org));
        self.keys.insert((Some(org), current.version), generation, current).await;
        self.seals.take_up(Some(org), generation, next).await;
    }

    /// Forgets everything cached of an organization. Loads that are under way finish for those who
    /// wait for them already and are seen by nobody else.
    pub fn evict(&self, org: OrgId) {
        self.generations.advance(Some(org));
    }

    /// Forgets everything cached, the platform's keys included.
    pub fn evict_all(&self) {
        self.generations.advance_all();
        self.credentials.clear();
        self.keys.clear();
        self.seals.clear();
    }

    /// How the caches of credentials and of wrapped keys have worked so far, added up.
    pub fn stats(&self) -> CacheStats {
        self.credentials.stats() + self.keys.stats()
    }

    /// The keys of this process, for reports and rotation.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The first key-encryption key that was asked for and is not in the keyring. From then on this
    /// process is not ready: it needs the key and a new start.
    pub fn unknown_kek(&self) -> Option<i64> {
        Some(self.unknown_kek.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }

    /// Lets the caches do their housekeeping now, so that counts are exact.
    #[cfg(test)]
    async fn run_pending_tasks(&self) {
        self.credentials.run_pending_tasks().await;
        self.keys.run_pending_tasks().await;
    }

    async fn find_key(&self, org: Option<OrgId>, version: i32) -> Result<Arc<WrappedKey>, VaultError> {
        let load = async {
            let key = self.source.find_data_key(org, Some(version)).await?;
            key.ok_or(VaultError::NoDataKey { version })
        };
        self.keys.find_or_load((org, version), self.generations.of(org), load).await
    }

    fn unwrap(&self, org: Option<OrgId>, key: &WrappedKey) -> Result<SecretBytes, VaultError> {
        envelope::unwrap(self.kek_of(key)?.cipher(), org, key)
    }

    fn data_key(&self, org: Option<OrgId>, key: &WrappedKey) -> Result<DataKey, VaultError> {
        DataKey::unwrap(self.kek_of(key)?.cipher(), org, key)
    }

    fn kek_of(&self, key: &WrappedKey) -> Result<&Kek, VaultError> {
        let kek_id = key.kek_id;
        self.keyring.find(kek_id).ok_or_else(|| {
            let _ = self.unknown_kek.compare_exchange(0, kek_id, Ordering::Relaxed, Ordering::Relaxed);
            VaultError::UnknownKek { kek_id }
        })
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keyring", &self.keyring).finish_non_exhaustive()
    }
}
