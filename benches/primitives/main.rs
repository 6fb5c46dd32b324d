//! Ratios of the product's primitives to the bare ones under them, each beside its limit.
//!
//! Product and bare function are measured in turns inside one process, and the minimum of 60 samples
//! of each is taken: on a busy machine the minimum and the ratio hold still where means do not.
//! `cargo bench --bench primitives` takes about two minutes, 2 GiB of memory for a cache with a million
//! entries, and a PostgreSQL of its own for cold reads (`cold`). `-- quick` only looks whether it runs. Prints
//! one line each: name, product and bare in nanoseconds, ratio, limit, verdict.

mod cold;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use async_trait::async_trait;
use moka::future::Cache;
use tokio::runtime::Runtime;
use uuid::Uuid;
use voxanne::domain::{CredentialId, IntegrationId, OrgId, ProviderId};
use voxanne::vault::*;

const SAMPLES: usize = 60;
static SAMPLES_TAKEN: AtomicUsize = AtomicUsize::new(SAMPLES);
const SAMPLE: Duration = Duration::from_micros(600);
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const FIELDS: [(&str, &str); 3] = [
    ("accountSid", "AC00000000000000000000000000000000"),
    ("authToken", "00000000000000000000000000000000"),
    ("phoneNumber", "+15550001111"),
];
/// As many bytes as the product binds for a credential's row, and for a data key.
const ROW_BOUND: [u8; 100] = [1; 100];
const KEY_BOUND: [u8; 56] = [1; 56];

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let has = |word: &str| std::env::args().any(|argument| argument == word);
    // For a look whether everything runs: the figures mean nothing.
    let (samples, cold_seconds) = if has("quick") { (2, 0.2) } else { (SAMPLES, 2.0) };
    SAMPLES_TAKEN.store(samples, Ordering::Relaxed);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let bare = Bare::new(&runtime, 1_000)?;
    let store = Arc::new(Store::new(1_000)?);
    let vault = cached_open(&runtime, &store, &bare, 1_000)?;

    let home = place(org(0), CredentialId(Uuid::from_u128(1)));
    let text = encoded();
    let measured = compare(
        |count| runtime.block_on(async { each(count, |_| vault.seal(&home, text.expose())).await }),
        |count| (0..count).try_for_each(|_| bare.seal().map(|sealed| drop(black_box(sealed)))),
    )?;
    measured.print("seal", 1.5, None);

    let (sealed, key) = (&store.row(org(0)).sealed, &store.row(org(0)).key);
    let home = place(org(0), store.row(org(0)).credential_id);
    let measured = compare(
        |count| {
            (0..count).try_for_each(|_| {
                drop(black_box(vault.open_with_key(black_box(&home), sealed, key)?));
                Ok(())
            })
        },
        |count| {
            (0..count).try_for_each(|_| bare.unwrap_and_open(&bare.row).map(|text| drop(black_box(text))))
        },
    )?;
    measured.print("open with wrapped key", 1.5, None);

    // As many as a large installation could ever hold at once: memory decides then, not arithmetic.
    drop((vault, store, bare));
    let entries = if has("quick") { 10_000 } else { 1_000_000 };
    let (store, bare) = (Arc::new(Store::new(entries)?), Bare::new(&runtime, entries)?);
    drop(cached_open(&runtime, &store, &bare, entries)?);
    drop((store, bare));

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(cold::measure(cold_seconds)).map_err(|error| -> Failure { error })
}

/// Opens from the cache, typed, beside a bare cache and two bare opens. Gives the vault, with all cached.
fn cached_open(runtime: &Runtime, store: &Arc<Store>, bare: &Bare, entries: usize) -> Result<Vault, Failure> {
    // Room for all, so that what is measured is a hit.
    let options =
        VaultOptions { cache_bytes: 4 << 30, ttl: Duration::from_secs(3600), ..VaultOptions::default() };
    let vault = Vault::new(Keyring::from_hex(KEY)?, store.clone(), options);
    // Every entry once, so that no sample meets a miss.
    for index in 0..entries {
        runtime.block_on(vault.open::<Credentials>(org(index)))?;
    }
    let measured = compare(
        |count| {
            runtime.block_on(async {
                each(count, |i| vault.open::<Credentials>(org(scatter(i, entries)))).await
            })
        },
        |count| runtime.block_on(async { each(count, |i| bare.open(scatter(i, entries))).await }),
    )?;
    let is_small = entries <= 1_000;
    let name = if is_small { "cached open, 1 k" } else { "cached open, 1 M" };
    measured.print(name, 1.5, Some(if is_small { 1_200.0 } else { 6_000.0 }));
    Ok(vault)
}

/// Nanoseconds of one call.
struct Measured {
    product: f64,
    bare: f64,
}

impl Measured {
    #[expect(clippy::print_stdout, reason = "the report is what this program is for")]
    fn print(&self, name: &str, limit: f64, absolute: Option<f64>) {
        let ratio = self.product / self.bare;
        let met = ratio <= limit && absolute.is_none_or(|nanoseconds| self.product <= nanoseconds);
        let verdict = if met { "met" } else { "missed" };
        let absolute = absolute.map_or(String::new(), |nanoseconds| format!(", {nanoseconds:.0} ns"));
        println!(
            "{name:<24}{:>9.0}{:>9.0}{ratio:>8.2}  {limit}{absolute}  {verdict}",
            self.product, self.bare
        );
    }
}

/// Runs both in turns and keeps the fastest sample of each.
fn compare(
    mut product: impl FnMut(usize) -> Result<(), Failure>,
    mut bare: impl FnMut(usize) -> Result<(), Failure>,
) -> Result<Measured, Failure> {
    let (product_count, bare_count) = (calibrate(&mut product)?, calibrate(&mut bare)?);
    let mut measured = Measured { product: f64::MAX, bare: f64::MAX };
    for _ in 0..SAMPLES_TAKEN.load(Ordering::Relaxed) {
        measured.product = measured.product.min(sample(&mut product, product_count)?);
        measured.bare = measured.bare.min(sample(&mut bare, bare_count)?);
    }
    Ok(measured)
}

/// How many calls fill a sample.
fn calibrate(run: &mut impl FnMut(usize) -> Result<(), Failure>) -> Result<usize, Failure> {
    sample(run, 200)?;
    Ok((SAMPLE.as_nanos() as f64 / sample(run, 200)?).ceil() as usize)
}

fn sample(run: &mut impl FnMut(usize) -> Result<(), Failure>, count: usize) -> Result<f64, Failure> {
    let start = Instant::now();
    run(count)?;
    Ok(start.elapsed().as_nanos() as f64 / count as f64)
}

async fn each<T, E: Into<Failure>, F: Future<Output = Result<T, E>>>(
    count: usize,
    call: impl Fn(usize) -> F,
) -> Result<(), Failure> {
    for index in 0..count {
        drop(black_box(call(black_box(index)).await.map_err(Into::into)?));
    }
    Ok(())
}

/// Visits the entries out of order, so that a large cache is not read in the order of its memory.
fn scatter(index: usize, entries: usize) -> usize {
    index.wrapping_mul(7_919) % entries
}

fn org(index: usize) -> OrgId {
    // Spread like the random part of a version 7 UUID.
    OrgId(Uuid::from_u128((index as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)))
}

fn place(org: OrgId, credential: CredentialId) -> Place<'static> {
    Place {
        org: Some(org),
        table: "org_credentials",
        column: "sealed",
        provider: "twilio",
        row: credential.0,
    }
}

fn encoded() -> SecretBytes {
    let mut fields = SecretFields::new();
    for (key, value) in FIELDS {
        fields.insert(key, SecretText::new(value.to_owned()));
    }
    fields.encode()
}

struct Credentials {
    _account_sid: SecretText,
    _auth_token: SecretText,
    _phone_number: SecretText,
}

impl Credential for Credentials {
    const PROVIDER: ProviderId = ProviderId::Twilio;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        let find = |field| {
            let missing = VaultError::MissingField { provider: Self::PROVIDER, field };
            fields.find(field).cloned().ok_or(missing)
        };
        Ok(Self {
            _account_sid: find("accountSid")?,
            _auth_token: find("authToken")?,
            _phone_number: find("phoneNumber")?,
        })
    }
}

/// Rows in memory, sealed once at the start by a vault of its own.
struct Store {
    rows: std::collections::HashMap<OrgId, ActiveCredential>,
}

impl Store {
    fn new(entries: usize) -> Result<Self, Failure> {
        let keys = Arc::new(Keys::default());
        let vault = Vault::new(Keyring::from_hex(KEY)?, keys.clone(), VaultOptions::default());
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let text = encoded();
        let mut rows = std::collections::HashMap::with_capacity(entries);
        for index in 0..entries {
            let (org, credential_id) = (org(index), CredentialId(Uuid::from_u128(index as u128 + 1)));
            let sealed = runtime.block_on(vault.seal(&place(org, credential_id), text.expose()))?;
            let key = keys.take()?;
            let integration_id = IntegrationId(credential_id.0);
            let usability = Usability::Usable;
            rows.insert(org, ActiveCredential { integration_id, credential_id, sealed, key, usability });
        }
        Ok(Self { rows })
    }

    fn row(&self, org: OrgId) -> &ActiveCredential {
        &self.rows[&org]
    }
}

#[async_trait]
impl SealedSource for Store {
    async fn find_active(&self, org: OrgId, _: ProviderId) -> Result<Option<ActiveCredential>, SourceError> {
        Ok(self.rows.get(&org).cloned())
    }

    async fn find_data_key(
        &self,
        org: Option<OrgId>,
        _: Option<i32>,
    ) -> Result<Option<WrappedKey>, SourceError> {
        Ok(org.and_then(|org| self.rows.get(&org)).map(|row| row.key.clone()))
    }

    async fn insert_data_key(&self, _: Option<OrgId>, key: &WrappedKey) -> Result<WrappedKey, SourceError> {
        Ok(key.clone())
    }

    /// Says that nothing was reserved before, so that the bench never runs out.
    async fn reserve_seals(&self, _: Option<OrgId>, _: i32, block: i64) -> Result<i64, SourceError> {
        Ok(block)
    }
}

/// Hands out the data key that was made last.
#[derive(Default)]
struct Keys(std::sync::Mutex<Option<WrappedKey>>);

impl Keys {
    fn take(&self) -> Result<WrappedKey, Failure> {
        self.0.lock().map_err(|_| "poisoned")?.take().ok_or_else(|| "no data key was made".into())
    }
}

#[async_trait]
impl SealedSource for Keys {
    async fn find_active(&self, _: OrgId, _: ProviderId) -> Result<Option<ActiveCredential>, SourceError> {
        Ok(None)
    }

    async fn find_data_key(
        &self,
        _: Option<OrgId>,
        _: Option<i32>,
    ) -> Result<Option<WrappedKey>, SourceError> {
        Ok(None)
    }

    async fn insert_data_key(&self, _: Option<OrgId>, key: &WrappedKey) -> Result<WrappedKey, SourceError> {
        *self.0.lock().map_err(|_| SourceError::new("poisoned"))? = Some(key.clone());
        Ok(key.clone())
    }

    async fn reserve_seals(&self, _: Option<OrgId>, _: i32, block: i64) -> Result<i64, SourceError> {
        Ok(block)
    }
}

/// The same work with nothing of the product around it: a cache, two opens, a decode.
struct Bare {
    kek: Aes256Gcm,
    row: BareRow,
    cache: Cache<(u128, u8), Arc<BareRow>>,
}

#[derive(Clone)]
struct BareRow {
    wrapped: Vec<u8>,
    sealed: Vec<u8>,
}

impl Bare {
    fn new(runtime: &Runtime, entries: usize) -> Result<Self, Failure> {
        let kek = Aes256Gcm::new_from_slice(&[7; 32])?;
        let data_key = [9; 32];
        let wrapped = seal_bare(&kek, &KEY_BOUND, &data_key)?;
        let sealed = seal_bare(&Aes256Gcm::new_from_slice(&data_key)?, &ROW_BOUND, encoded().expose())?;
        let row = BareRow { wrapped, sealed };
        let cache = Cache::builder().max_capacity(u64::MAX).time_to_live(Duration::from_secs(3600)).build();
        for index in 0..entries {
            runtime.block_on(cache.insert((org(index).0.as_u128(), 1), Arc::new(row.clone())));
        }
        Ok(Self { kek, row, cache })
    }

    async fn open(&self, index: usize) -> Result<[String; 3], Failure> {
        let row = self.cache.get(&(org(index).0.as_u128(), 1)).await.ok_or("not cached")?;
        let text = self.unwrap_and_open(&row)?;
        decode_bare(&text).ok_or_else(|| "not decoded".into())
    }

    fn unwrap_and_open(&self, row: &BareRow) -> Result<Vec<u8>, Failure> {
        let data_key = open_bare(&self.kek, &KEY_BOUND, &row.wrapped)?;
        open_bare(&Aes256Gcm::new_from_slice(&data_key)?, &ROW_BOUND, &row.sealed)
    }

    fn seal(&self) -> Result<Vec<u8>, Failure> {
        let data_key = open_bare(&self.kek, &KEY_BOUND, &self.row.wrapped)?;
        seal_bare(&Aes256Gcm::new_from_slice(&data_key)?, &ROW_BOUND, encoded_text())
    }
}

/// The length of the encoded fields, without the cost of encoding them.
fn encoded_text() -> &'static [u8] {
    const LENGTH: usize = {
        let (mut length, mut index) = (1, 0);
        while index < FIELDS.len() {
            length += 16 + FIELDS[index].0.len() + FIELDS[index].1.len();
            index += 1;
        }
        length
    };
    &[1; LENGTH]
}

fn seal_bare(cipher: &Aes256Gcm, bound: &[u8], text: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut nonce = [0; 12];
    getrandom::fill(&mut nonce)?;
    let text =
        cipher.encrypt(&Nonce::from(nonce), Payload { msg: text, aad: bound }).map_err(|_| "not sealed")?;
    Ok([&nonce[..], &text].concat())
}

fn open_bare(cipher: &Aes256Gcm, bound: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Failure> {
    let (nonce, text) = sealed.split_first_chunk::<12>().ok_or("too short")?;
    cipher.decrypt(&Nonce::from(*nonce), Payload { msg: text, aad: bound }).map_err(|_| "not opened".into())
}

fn decode_bare(mut text: &[u8]) -> Option<[String; 3]> {
    text = &text[1..];
    let mut values = [const { String::new() }; 3];
    for value in &mut values {
        for _ in 0..2 {
            let (length, rest) = text.split_first_chunk()?;
            let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
            *value = String::from_utf8(part.to_vec()).ok()?;
            text = rest;
        }
    }
    Some(values)
}
