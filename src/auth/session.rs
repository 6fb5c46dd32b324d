//! Browser sessions in PostgreSQL, for tower-sessions.
//!
//! The database keeps a hash of the identifier, so a stolen dump opens nothing. Creating inserts,
//! saving only updates: a request under way during a sign-out cannot bring the session back. Idle
//! and absolute expiry are decided by the database's clock, in `begin_request`.

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

use crate::db::{DbError, PgPool, sessions};
use crate::domain::{OrgId, UserId};

/// Keys in a session's data; the first two are also columns.
pub mod key {
    pub const USER: &str = "user";
    pub const ORG: &str = "org";
    pub const FLASH: &str = "flash";
}

/// Sessions of all processes.
#[derive(Clone, Debug)]
pub struct PgSessionStore {
    pool: PgPool,
    idle_seconds: i64,
    absolute_seconds: i64,
}

impl PgSessionStore {
    pub const fn new(pool: PgPool, idle_seconds: i64, absolute_seconds: i64) -> Self {
        Self { pool, idle_seconds, absolute_seconds }
    }
}

/// What the database knows of a session identifier.
pub fn hash_id(id: Id) -> [u8; 32] {
    Sha256::digest(id.0.to_be_bytes()).into()
}

fn columns(record: &Record) -> (Option<UserId>, Option<OrgId>) {
    let id = |name: &str| {
        record.data.get(name).and_then(|value| value.as_str()).and_then(|text| text.parse().ok())
    };
    (id(key::USER).map(UserId), id(key::ORG).map(OrgId))
}

fn encode(record: &Record) -> Result<Vec<u8>> {
    serde_json::to_vec(&record.data).map_err(|error| Error::Encode(error.to_string()))
}

fn backend(error: DbError) -> Error {
    tracing::warn!(error = &error as &dyn std::error::Error, "the session store failed");
    Error::Backend("the session store failed".to_owned())
}

#[async_trait]
impl SessionStore for PgSessionStore {
    async fn create(&self, record: &mut Record) -> Result<()> {
        loop {
            let (user, org) = columns(record);
            let new = sessions::NewSession {
                id_hash: &hash_id(record.id),
                user,
                org,
                data: &encode(record)?,
                idle_seconds: self.idle_seconds,
                absolute_seconds: self.absolute_seconds,
            };
            if sessions::insert(&self.pool, &new).await.map_err(backend)? {
                return Ok(());
            }
            record.id = Id::default();
        }
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let (user, org) = columns(record);
        sessions::update(&self.pool, &hash_id(record.id), user, org, &encode(record)?)
            .await
            .map_err(backend)?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some(row) = sessions::find(&self.pool, &hash_id(*id)).await.map_err(backend)? else {
            return Ok(None);
        };
        let data = serde_json::from_slice(&row.data).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date: row.idle_expires_at }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        sessions::delete(&self.pool, &hash_id(*id)).await.map_err(backend)
    }
}
