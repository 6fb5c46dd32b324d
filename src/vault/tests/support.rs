//! A store in memory, whose answers can be held back or made to fail, and small helpers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use crate::domain::{CredentialId, IntegrationId, OrgId, ProviderId};
use crate::vault::*;

pub const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
pub const OTHER_KEY: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f";

pub type Rows = BTreeMap<(OrgId, ProviderId), ActiveCredential>;

pub struct MemorySource {
    pub rows: Mutex<Rows>,
    pub keys: Mutex<BTreeMap<(Option<OrgId>, i32), WrappedKey>>,
    pub failing: AtomicBool,
    /// Each answer of `find_active` takes one permit after it has read its row.
    pub answers: Semaphore,
    /// How many calls of `find_active` have read their row.
    pub reads: watch::Sender<usize>,
}

impl MemorySource {
    pub fn new() -> Arc<Self> {
        Self::with_answers(Semaphore::MAX_PERMITS)
    }

    /// A store that holds its answers back until permits are added.
    pub fn with_answers(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            rows: Mutex::default(),
            keys: Mutex::default(),
            failing: AtomicBool::new(false),
            answers: Semaphore::new(permits),
            reads: watch::Sender::new(0),
        })
    }

    pub fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }

    pub fn reads(&self) -> usize {
        *self.reads.borrow()
    }

    /// Waits until that many calls of `find_active` have read their row.
    pub async fn wait_for_reads(&self, count: usize) {
        self.reads.subscribe().wait_for(|reads| *reads >= count).await.unwrap();
    }

    pub fn key(&self, org: Option<OrgId>, version: i32) -> WrappedKey {
        self.keys.lock().unwrap()[&(org, version)].clone()
    }

    fn fail(&self) -> Result<(), SourceError> {
        if self.failing.load(Ordering::SeqCst) { Err(SourceError::new("the store is down")) } else { Ok(()) }
    }
}

#[async_trait]
impl SealedSource for MemorySource {
    async fn find_active(
        &self,
        org: OrgId,
        provider: ProviderId,
    ) -> Result<Option<ActiveCredential>, SourceError> {
        let row = self.rows().get(&(org, provider)).cloned();
        self.reads.send_modify(|reads| *reads += 1);
        self.answers.acquire().await.unwrap().forget();
        self.fail()?;
        Ok(row)
    }

    async fn find_data_key(
        &self,
        org: Option<OrgId>,
        version: Option<i32>,
    ) -> Result<Option<WrappedKey>, SourceError> {
        self.fail()?;
        let keys = self.keys.lock().unwrap();
        let (first, last) = version.map_or((0, i32::MAX), |version| (version, version));
        Ok(keys.range((org, first)..=(org, last)).next_back().map(|(_, key)| key.clone()))
    }

    async fn insert_data_key(&self, org: Option<OrgId>, key: &WrappedKey) -> Result<WrappedKey, SourceError> {
        self.fail()?;
        let mut keys = self.keys.lock().unwrap();
        Ok(keys.entry((org, key.version)).or_insert_with(|| key.clone()).clone())
    }

    async fn reserve_seals(&self, org: Option<OrgId>, version: i32, block: i64) -> Result<i64, SourceError> {
        self.fail()?;
        let mut keys = self.keys.lock().unwrap();
        let key = keys.get_mut(&(org, version)).unwrap();
        key.seals_reserved += block;
        Ok(key.seals_reserved)
    }
}

/// What the tests take for a provider's typed credential.
#[derive(Debug)]
pub struct Token(pub SecretText);

impl Credential for Token {
    const PROVIDER: ProviderId = ProviderId::Vapi;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        let missing = VaultError::MissingField { provider: Self::PROVIDER, field: "apiKey" };
        fields.find("apiKey").cloned().map(Self).ok_or(missing)
    }
}

pub fn vault(source: &Arc<MemorySource>) -> Vault {
    vault_with(source, VaultOptions::default())
}

pub fn vault_with(source: &Arc<MemorySource>, options: VaultOptions) -> Vault {
    Vault::new(Keyring::from_hex(KEY).unwrap(), source.clone(), options)
}

pub fn org(number: u128) -> OrgId {
    OrgId(Uuid::from_u128(number))
}

pub fn place(org: OrgId) -> Place<'static> {
    let row = Uuid::from_u128(7);
    Place { org: Some(org), table: "org_credentials", column: "sealed", provider: "vapi", row }
}

/// Stores a new active credential whose API key is `secret`, as a save does.
pub async fn connect(vault: &Vault, source: &MemorySource, org: OrgId, secret: &str) -> CredentialId {
    let mut fields = SecretFields::new();
    fields.insert("apiKey", SecretText::new(secret.to_owned()));
    store(vault, source, org, &fields).await
}

pub async fn store(vault: &Vault, source: &MemorySource, org: OrgId, fields: &SecretFields) -> CredentialId {
    let credential_id = CredentialId(Uuid::now_v7());
    let place = Place { row: credential_id.0, ..place(org) };
    let sealed = vault.seal(&place, fields.encode().expose()).await.unwrap();
    let key = source.key(Some(org), sealed.key_version());
    let integration_id = IntegrationId(Uuid::from_u128(1));
    let usability = Usability::Usable;
    let row = ActiveCredential { integration_id, credential_id, sealed, key, usability };
    source.rows().insert((org, ProviderId::Vapi), row);
    credential_id
}

/// `VOXANNE_BARS=full`: all cases of every bar.
pub fn all_cases() -> bool {
    std::env::var("VOXANNE_BARS").is_ok_and(|bars| bars == "full")
}

/// Runs bounded cases from a fixed seed, so that a failure is the same on every machine.
pub fn cases(count: u32) -> TestRunner {
    let config = Config { cases: count, failure_persistence: None, ..Config::default() };
    TestRunner::new(Config { rng_seed: RngSeed::Fixed(20_250_701), ..config })
}

/// Drives a future that never really waits.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).expect("the store in memory answers at once")
}
