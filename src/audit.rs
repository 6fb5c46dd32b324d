//! The audit trail: an HMAC chain of rows per organization and one for the platform.
//!
//! People's actions get a row each; what machines do is only counted (`machines` below). A row's
//! hash covers the hash before it, so nothing can be changed or taken out of the middle without the
//! clinic's key, and the logged heads show when the end is cut off. The head is locked as late as
//! possible: appending is the last thing that a transaction does.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use time::OffsetDateTime;

use crate::clock::Clock;
use crate::db::audit::{AuditHead, AuditRow};
use crate::db::keys::DataKeyRow;
use crate::db::{self, DbError, OrgTx, PgPool};
use crate::domain::OrgId;
use crate::vault::{Place, Sealed, SecretBytes, Vault, VaultError, WrappedKey};

pub mod machines;

/// Where a request came from, for rows of the trail and for logs.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub address: String,
    pub user_agent: String,
    pub request_id: String,
}

/// How what is recorded ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Success,
    Failure,
    Denied,
}

impl Ended {
    const fn as_str(self) -> &'static str {
        match self {
            Ended::Success => "success",
            Ended::Failure => "failure",
            Ended::Denied => "denied",
        }
    }
}

/// Something that a person did or tried. No secret and no patient's data may stand in it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub actor: String,
    /// `integration.connected`, `session.refused`: noun and past verb.
    pub action: &'static str,
    pub target: String,
    pub ended: Ended,
    pub details: String,
}

/// Why a row was not written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the audit trail has no head")]
    NoHead,
    #[error("the key of the audit trail does not open")]
    Key(#[from] VaultError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Starts the chain of a new organization.
pub async fn start(pool: &PgPool, vault: &Vault, org: OrgId) -> Result<(), AuditError> {
    let key = fresh_key()?;
    let sealed = vault.seal(&head_place(Some(org)), key.expose()).await?;
    let mut tx = OrgTx::service(pool, org).await?;
    db::audit::insert_head(&mut tx, sealed.as_bytes(), sealed.key_version()).await?;
    Ok(tx.commit().await?)
}

/// Starts the chain of the organization that the transaction makes, together with its first data key.
pub async fn start_new(tx: &mut OrgTx, vault: &Vault) -> Result<(), AuditError> {
    let org = tx.org();
    let key = fresh_key()?;
    let (data_key, sealed) = vault.seal_first(org, &head_place(Some(org)), key.expose())?;
    let row = DataKeyRow {
        version: data_key.version,
        kek_id: data_key.kek_id,
        wrapped: data_key.bytes.to_vec(),
        seals_reserved: data_key.seals_reserved,
    };
    db::keys::insert(tx, &row).await?;
    Ok(db::audit::insert_head(tx, sealed.as_bytes(), sealed.key_version()).await?)
}

/// Starts the platform's chain, where it has none yet.
pub async fn start_platform(pool: &PgPool, vault: &Vault) -> Result<(), AuditError> {
    let key = fresh_key()?;
    let sealed = vault.seal(&head_place(None), key.expose()).await?;
    Ok(db::audit::insert_platform_head(pool, sealed.as_bytes(), sealed.key_version()).await?)
}

/// Appends a row to the chain of the transaction's organization, as its last statement.
pub async fn append(
    tx: &mut OrgTx,
    vault: &Vault,
    clock: &Clock,
    origin: &Origin,
    entry: Entry,
) -> Result<(), AuditError> {
    let org = tx.org();
    let head = db::audit::lock_head(tx).await?.ok_or(AuditError::NoHead)?;
    let row = next_row(vault, Some(org), &head, clock.now(), origin, entry)?;
    Ok(db::audit::append(tx, &row).await?)
}

/// Appends a row to the platform's chain: what happens outside of any clinic.
pub async fn append_platform(
    pool: &PgPool,
    vault: &Vault,
    clock: &Clock,
    origin: &Origin,
    entry: Entry,
) -> Result<(), AuditError> {
    let mut tx = pool.begin().await.map_err(DbError::from)?;
    let head = db::audit::lock_platform_head(&mut tx).await?.ok_or(AuditError::NoHead)?;
    let row = next_row(vault, None, &head, clock.now(), origin, entry)?;
    db::audit::append_platform(&mut tx, &row).await?;
    tx.commit().await.map_err(DbError::from)?;
    Ok(())
}

/// The first row of a chain that does not fit, or the number of rows that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainState {
    Intact {
        rows: i64,
    },
    Broken {
        seq: i64,
    },
    /// The rows end before the head does: the end was cut off.
    Truncated {
        rows: i64,
        head: i64,
    },
}

/// Recomputes the whole chain of an organization. Nobody who writes waits for it: the head is only
/// remembered, and what is added meanwhile is looked at as well.
pub async fn verify(tx: &mut OrgTx, vault: &Vault) -> Result<ChainState, AuditError> {
    let org = tx.org();
    let head = db::audit::find_head(tx).await?.ok_or(AuditError::NoHead)?;
    let mut check = Check::of(vault, Some(org), &head)?;
    while let Some(seq) = check.next {
        let rows = db::audit::list_after(tx, seq, PIECE).await?;
        check.take(&rows)?;
    }
    Ok(check.state())
}

/// Recomputes the whole chain of the platform.
pub async fn verify_platform(pool: &PgPool, vault: &Vault) -> Result<ChainState, AuditError> {
    let mut tx = pool.begin().await.map_err(DbError::from)?;
    let head = db::audit::find_full_platform_head(&mut tx).await?.ok_or(AuditError::NoHead)?;
    let mut check = Check::of(vault, None, &head)?;
    while let Some(seq) = check.next {
        let rows = db::audit::list_platform_after(&mut tx, seq, PIECE).await?;
        check.take(&rows)?;
    }
    tx.commit().await.map_err(DbError::from)?;
    Ok(check.state())
}

/// Rows that a verification reads at a time.
const PIECE: i64 = 1000;

/// A chain under verification.
struct Check {
    org: Option<OrgId>,
    key: SecretBytes,
    /// The row that was last found to fit, and its hash.
    seq: i64,
    hash: Vec<u8>,
    broken_at: Option<i64>,
    /// The head as it was in the beginning: there must be at least as many rows, and this hash at its place.
    head: (i64, Vec<u8>),
    /// Where to read on; none where there is nothing more to learn.
    next: Option<i64>,
}

impl Check {
    fn of(vault: &Vault, org: Option<OrgId>, head: &AuditHead) -> Result<Self, AuditError> {
        let key = open_key(vault, org, head)?;
        let head_at = (head.seq, head.hash.clone());
        Ok(Self { org, key, seq: 0, hash: Vec::new(), broken_at: None, head: head_at, next: Some(0) })
    }

    fn take(&mut self, rows: &[AuditRow]) -> Result<(), AuditError> {
        for row in rows {
            let fits = row.seq == self.seq + 1
                && row.prev_hash == self.hash
                && row.hash == row_hash(&self.key, self.org, row)?
                && (row.seq != self.head.0 || row.hash == self.head.1);
            if !fits {
                self.broken_at = Some(row.seq);
                self.next = None;
                return Ok(());
            }
            self.seq = row.seq;
            self.hash.clone_from(&row.hash);
        }
        self.next = rows.last().map(|row| row.seq);
        Ok(())
    }

    fn state(&self) -> ChainState {
        match self.broken_at {
            Some(seq) => ChainState::Broken { seq },
            None if self.seq >= self.head.0 => ChainState::Intact { rows: self.seq },
            None => ChainState::Truncated { rows: self.seq, head: self.head.0 },
        }
    }
}

fn next_row(
    vault: &Vault,
    org: Option<OrgId>,
    head: &AuditHead,
    now: OffsetDateTime,
    origin: &Origin,
    entry: Entry,
) -> Result<AuditRow, AuditError> {
    let key = open_key(vault, org, head)?;
    let text = |value: &str, limit: usize| {
        let kept: String = value.chars().filter(|c| !c.is_control()).take(limit).collect();
        (!kept.is_empty()).then_some(kept)
    };
    let mut row = AuditRow {
        seq: head.seq + 1,
        // PostgreSQL keeps microseconds; what is hashed must be what is read back.
        at: now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now),
        actor: text(&entry.actor, 254).unwrap_or_default(),
        action: entry.action.to_owned(),
        target: text(&entry.target, 200).unwrap_or_default(),
        outcome: entry.ended.as_str().to_owned(),
        address: text(&origin.address, 64),
        user_agent: text(&origin.user_agent, 300),
        request_id: text(&origin.request_id, 64),
        details: text(&entry.details, 500).unwrap_or_default(),
        prev_hash: head.hash.clone(),
        hash: Vec::new(),
    };
    row.hash = row_hash(&key, org, &row)?;
    Ok(row)
}

/// HMAC-SHA256 over the stored values, each with its length before it.
fn row_hash(key: &SecretBytes, org: Option<OrgId>, row: &AuditRow) -> Result<Vec<u8>, AuditError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).map_err(|_| AuditError::NoHead)?;
    let mut put = |part: &[u8]| {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    };
    put(b"voxanne audit row 1");
    put(org.map(|org| org.0.into_bytes()).unwrap_or_default().as_slice());
    put(&row.seq.to_be_bytes());
    put(&(row.at.unix_timestamp_nanos() / 1000).to_be_bytes());
    for part in [&row.actor, &row.action, &row.target, &row.outcome, &row.details] {
        put(part.as_bytes());
    }
    for part in [&row.address, &row.user_agent, &row.request_id] {
        put(&[u8::from(part.is_some())]);
        put(part.as_deref().unwrap_or_default().as_bytes());
    }
    put(&row.prev_hash);
    Ok(mac.finalize().into_bytes().to_vec())
}

fn open_key(vault: &Vault, org: Option<OrgId>, head: &AuditHead) -> Result<SecretBytes, AuditError> {
    let sealed = Sealed::parse(head.sealed_key.clone())?;
    let key = WrappedKey {
        version: head.version,
        kek_id: head.kek_id,
        bytes: head.wrapped.clone().into(),
        seals_reserved: 0,
    };
    Ok(vault.open_with_key(&head_place(org), &sealed, &key)?)
}

fn head_place(org: Option<OrgId>) -> Place<'static> {
    Place {
        org,
        table: if org.is_some() { "audit_heads" } else { "platform_audit_head" },
        column: "sealed_key",
        provider: "",
        row: org.map(|org| org.0).unwrap_or_default(),
    }
}

fn fresh_key() -> Result<SecretBytes, AuditError> {
    let mut key = vec![0_u8; 32];
    getrandom::fill(&mut key).map_err(|_| AuditError::NoHead)?;
    Ok(SecretBytes::new(key))
}
