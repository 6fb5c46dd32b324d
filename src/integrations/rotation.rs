//! Rotating keys while the service runs.
//!
//! A new key-encryption key wraps the data keys anew: seconds, whatever there is of data. A new data
//! key seals one organization's values anew, by compare-and-swap, so that it may stop and go on, and
//! nobody's change is lost. A key that still protects something cannot be retired.

use super::IntegrationError;
use crate::db::keys::{self, DataKeyRow, KeyToRewrap};
use crate::db::sealed_columns::{self, Cursor, SealedValue};
use crate::db::{DbError, OrgTx, changes};
use crate::domain::OrgId;
use crate::state::Services;
use crate::vault::{Place, Sealed, WrappedKey};

/// Keys rewrapped, or values re-sealed, in one go.
const BATCH: i32 = 500;

/// Wraps every data key anew under the current key-encryption key. Returns how many it were;
/// `progress` gets the number so far.
pub async fn rewrap_all(services: &Services, mut progress: impl FnMut(i64)) -> Result<i64, IntegrationError> {
    let current = services.vault.keyring().current().id();
    for old in keys::list_platform_to_rewrap(&services.pool, current).await? {
        let key = wrapped(old.version, old.kek_id, &old.wrapped);
        let new = services.vault.rewrap(None, &key)?;
        keys::store_rewrapped_platform(&services.pool, &old, current, &new.bytes).await?;
    }
    let mut total = 0;
    loop {
        let batch = keys::list_to_rewrap(&services.pool, current, BATCH).await?;
        if batch.is_empty() {
            break;
        }
        let new = batch.iter().map(|old| rewrap_one(services, old)).collect::<Result<Vec<_>, _>>()?;
        total += keys::store_rewrapped(&services.pool, &batch, current, &new).await?;
        progress(total);
    }
    services.evict_all();
    Ok(total)
}

fn rewrap_one(services: &Services, old: &KeyToRewrap) -> Result<Vec<u8>, IntegrationError> {
    let key = wrapped(old.version, old.kek_id, &old.wrapped);
    Ok(services.vault.rewrap(Some(old.org_id), &key)?.bytes.to_vec())
}

fn wrapped(version: i32, kek_id: i64, bytes: &[u8]) -> WrappedKey {
    WrappedKey { version, kek_id, bytes: bytes.to_vec().into(), seals_reserved: 0 }
}

/// Gives an organization a new data key and seals all of its values anew. Safe to repeat: what was
/// done stays done. Returns how many values it were.
pub async fn reseal(
    services: &Services,
    org: OrgId,
    mut progress: impl FnMut(i64),
) -> Result<i64, IntegrationError> {
    let (version, mut batch) = start_version(services, org).await?;
    let mut total = 0;
    let mut cursor = cursor_after(&batch);
    loop {
        let new = seal_anew(services, org, &batch).await?;
        let mut tx = OrgTx::service(&services.pool, org).await?;
        total += replace(&mut tx, &batch, &new).await?;
        batch = sealed_columns::list_older(&mut tx, version, i64::from(BATCH), cursor).await?;
        // What somebody has changed meanwhile, under the older key, is found when the walk begins anew. It
        // ends when a walk from the start finds nothing.
        let is_done = batch.is_empty() && cursor == Cursor::START;
        if is_done {
            changes::announce(&mut tx).await?;
        }
        tx.commit().await?;
        if is_done {
            break;
        }
        cursor = cursor_after(&batch);
        if total > 0 {
            progress(total);
        }
    }
    services.evict(org);
    Ok(total)
}

/// Where the walk goes on after a batch.
fn cursor_after(batch: &[SealedValue]) -> Cursor {
    match batch.last() {
        Some(last) if batch.len() >= BATCH as usize => Cursor::after(last),
        _ => Cursor::START,
    }
}

/// Makes a new version of the data key, and lists the first values that are older. All in one transaction, since a
/// rotation of all organizations mostly waits for the database.
///
/// # Errors
/// Every organization is made with a data key: who has none does not exist.
async fn start_version(services: &Services, org: OrgId) -> Result<(i32, Vec<SealedValue>), IntegrationError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let current = keys::find(&mut tx, None).await?.ok_or(DbError::NotFound)?;
    let current = wrapped(current.version, current.kek_id, &current.wrapped);
    let next = services.vault.next_key(org, &current)?;
    let row = DataKeyRow {
        version: next.version,
        kek_id: next.kek_id,
        wrapped: next.bytes.to_vec(),
        seals_reserved: next.seals_reserved,
    };
    let is_ours = keys::insert(&mut tx, &row).await?;
    let batch = sealed_columns::list_older(&mut tx, next.version, i64::from(BATCH), Cursor::START).await?;
    tx.commit().await?;
    let version = next.version;
    if is_ours {
        services.vault.take_up(org, current, next).await;
    } else {
        // Somebody else has begun the same. Their version is found where the next value is sealed.
        services.vault.evict(org);
    }
    Ok((version, batch))
}

/// Opens values and seals them under the newest data key, each in its place.
async fn seal_anew(
    services: &Services,
    org: OrgId,
    values: &[SealedValue],
) -> Result<Vec<Sealed>, IntegrationError> {
    let mut new = Vec::with_capacity(values.len());
    for value in values {
        let Some(column) = value.column() else { continue };
        let place = Place {
            org: Some(org),
            table: column.table,
            column: column.column,
            provider: &value.provider,
            row: value.id,
        };
        let opened = services.vault.open_at(&place, &Sealed::parse(value.sealed.clone())?).await?;
        new.push(services.vault.seal(&place, opened.expose()).await?);
    }
    Ok(new)
}

/// One statement for each column that occurs; says how many values were replaced.
async fn replace(tx: &mut OrgTx, old: &[SealedValue], new: &[Sealed]) -> Result<i64, IntegrationError> {
    let mut done = 0;
    let mut from = 0;
    for values in old.chunk_by(|one, other| one.column() == other.column()) {
        let to = from + values.len();
        if let (Some(column), Some(new)) = (values.first().and_then(SealedValue::column), new.get(from..to)) {
            let replaced = column.replace(tx, values, new).await?;
            done += i64::try_from(replaced).unwrap_or(i64::MAX);
        }
        from = to;
    }
    Ok(done)
}

/// How a key-encryption key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retired {
    Done,
    /// It still protects so many data keys.
    StillNeeded {
        keys: i64,
    },
}

/// Retires a key-encryption key, unless something still needs it.
pub async fn retire(services: &Services, kek_id: i64) -> Result<Retired, IntegrationError> {
    let counts = keys::count_by_kek(&services.pool).await?;
    if let Some((_, keys)) = counts.into_iter().find(|(id, keys)| *id == kek_id && *keys > 0) {
        return Ok(Retired::StillNeeded { keys });
    }
    keys::retire_check(&services.pool, kek_id).await?;
    Ok(Retired::Done)
}
