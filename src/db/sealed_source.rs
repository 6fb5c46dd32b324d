//! Where the vault finds what it opens: sealed rows and wrapped keys, straight from the tables.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::keys::{self, DataKeyRow};
use super::{DbError, OrgTx, PgPool};
use crate::domain::card::Verification;
use crate::domain::{CredentialId, IntegrationId, OrgId, ProviderId};
use crate::vault::{ActiveCredential, Sealed, SealedSource, SourceError, Usability, VaultError, WrappedKey};

/// How long finding, making or counting a data key may take: a connection and some statements.
const KEY_LIMIT: Duration = Duration::from_secs(15);

/// The vault's source over the app's pool.
#[derive(Clone, Debug)]
pub struct PgSource(pub PgPool);

#[derive(sqlx::FromRow)]
struct ActiveRow {
    integration_id: Uuid,
    credential_id: Uuid,
    sealed: Vec<u8>,
    is_paused: bool,
    verification_status: String,
    version: i32,
    kek_id: i64,
    wrapped: Vec<u8>,
    seals_reserved: i64,
}

#[async_trait]
impl SealedSource for PgSource {
    async fn find_active(
        &self,
        org: OrgId,
        provider: ProviderId,
    ) -> Result<Option<ActiveCredential>, SourceError> {
        let mut tx = OrgTx::service(&self.0, org).await.map_err(source)?;
        let row: Option<ActiveRow> = sqlx::query_as(
            "select i.id as integration_id, c.id as credential_id, c.sealed, i.is_paused, i.verification_status,
                    k.version, k.kek_id, k.wrapped, k.seals_reserved
               from org_integrations i
               join org_credentials c on c.org_id = i.org_id and c.id = i.active_credential_id
               join data_keys k on k.org_id = c.org_id and k.version = c.key_version
              where i.provider = $1 and i.is_primary",
        )
        .bind(provider.as_str())
        .fetch_optional(tx.conn())
        .await
        .map_err(|error| source(error.into()))?;
        tx.commit().await.map_err(source)?;
        let Some(row) = row else { return Ok(None) };
        let usability = match Verification::parse(&row.verification_status) {
            _ if row.is_paused => Usability::Paused,
            Some(Verification::Verified | Verification::Undetermined) => Usability::Usable,
            Some(Verification::Failed) => Usability::Failed,
            Some(Verification::Pending) | None => Usability::Pending,
        };
        Ok(Some(ActiveCredential {
            integration_id: IntegrationId(row.integration_id),
            credential_id: CredentialId(row.credential_id),
            sealed: parse(row.sealed)?,
            key: WrappedKey {
                version: row.version,
                kek_id: row.kek_id,
                bytes: row.wrapped.into(),
                seals_reserved: row.seals_reserved,
            },
            usability,
        }))
    }

    async fn find_data_key(
        &self,
        org: Option<OrgId>,
        version: Option<i32>,
    ) -> Result<Option<WrappedKey>, SourceError> {
        let find = async {
            let Some(org) = org else { return keys::find_platform(&self.0, version).await };
            let mut tx = OrgTx::service(&self.0, org).await?;
            let row = keys::find(&mut tx, version).await?;
            tx.commit().await?;
            Ok(row)
        };
        Ok(in_time(find).await?.map(wrapped))
    }

    async fn insert_data_key(&self, org: Option<OrgId>, key: &WrappedKey) -> Result<WrappedKey, SourceError> {
        let row = DataKeyRow {
            version: key.version,
            kek_id: key.kek_id,
            wrapped: key.bytes.to_vec(),
            seals_reserved: key.seals_reserved,
        };
        let insert = async {
            let Some(org) = org else {
                keys::insert_platform(&self.0, &row).await?;
                return keys::find_platform(&self.0, Some(key.version)).await;
            };
            let mut tx = OrgTx::service(&self.0, org).await?;
            let is_new = keys::insert(&mut tx, &row).await?;
            let there = if is_new { Some(row) } else { keys::find(&mut tx, Some(key.version)).await? };
            tx.commit().await?;
            Ok(there)
        };
        in_time(insert).await?.map(wrapped).ok_or_else(|| source(DbError::NotFound))
    }

    async fn reserve_seals(&self, org: Option<OrgId>, version: i32, block: i64) -> Result<i64, SourceError> {
        in_time(async {
            let Some(org) = org else { return keys::reserve_platform_seals(&self.0, version, block).await };
            let mut tx = OrgTx::service(&self.0, org).await?;
            let total = keys::reserve_seals(&mut tx, version, block).await?;
            tx.commit().await?;
            Ok(total)
        })
        .await
    }
}

/// Ends what takes too long. Everybody of a clinic waits for its key, a webhook among them, for which no other
/// timer runs; and a server that is stopped ends none of its statements.
async fn in_time<T>(work: impl Future<Output = Result<T, DbError>>) -> Result<T, SourceError> {
    match tokio::time::timeout(KEY_LIMIT, work).await {
        Ok(done) => done.map_err(source),
        Err(late) => Err(SourceError::new(late)),
    }
}

fn wrapped(row: DataKeyRow) -> WrappedKey {
    WrappedKey {
        version: row.version,
        kek_id: row.kek_id,
        bytes: row.wrapped.into(),
        seals_reserved: row.seals_reserved,
    }
}

fn parse(bytes: Vec<u8>) -> Result<Sealed, SourceError> {
    Sealed::parse(bytes).map_err(|error: VaultError| SourceError::new(error))
}

fn source(error: DbError) -> SourceError {
    SourceError::new(error)
}
