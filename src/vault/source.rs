//! What the vault needs from the place where sealed rows are stored. `db` implements it.
//!
//! Nothing here can open anything: rows go in and out sealed, data keys wrapped.

use async_trait::async_trait;

use super::envelope::{Sealed, WrappedKey};
use super::error::{SourceError, VaultError};
use super::fields::SecretFields;
use crate::domain::{CredentialId, IntegrationId, OrgId, ProviderId};

/// The typed credential of one provider: what [`super::Vault::open`] gives.
pub trait Credential: Sized {
    const PROVIDER: ProviderId;

    /// # Errors
    /// [`VaultError::MissingField`] or [`VaultError::InvalidField`].
    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError>;
}

/// The store of sealed credentials and wrapped data keys. Where an organization is `None`, the
/// platform's own data keys are meant.
#[async_trait]
pub trait SealedSource: Send + Sync + 'static {
    /// The active credential of the organization's primary card for a provider, with the data key
    /// that sealed it, in one statement.
    async fn find_active(
        &self,
        org: OrgId,
        provider: ProviderId,
    ) -> Result<Option<ActiveCredential>, SourceError>;

    /// A data key; without a version the current one, which is the highest.
    async fn find_data_key(
        &self,
        org: Option<OrgId>,
        version: Option<i32>,
    ) -> Result<Option<WrappedKey>, SourceError>;

    /// Inserts a data key if its version is not there yet; gives the row that is there then, which
    /// may be another process's.
    async fn insert_data_key(&self, org: Option<OrgId>, key: &WrappedKey) -> Result<WrappedKey, SourceError>;

    /// Adds `block` to the seals reserved of a version and gives the total after adding. It must be
    /// durable when it returns: what was given out is never given out again.
    async fn reserve_seals(&self, org: Option<OrgId>, version: i32, block: i64) -> Result<i64, SourceError>;
}

/// One row of [`SealedSource::find_active`].
#[derive(Clone, Debug)]
pub struct ActiveCredential {
    pub integration_id: IntegrationId,
    pub credential_id: CredentialId,
    pub sealed: Sealed,
    /// The data key of `sealed`'s version.
    pub key: WrappedKey,
    pub usability: Usability,
}

/// Whether calls may use a credential. Verified ones and undetermined ones are usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usability {
    Usable,
    Paused,
    Failed,
    Pending,
}

/// A credential, opened for one call.
#[derive(Debug)]
pub struct Opened<C> {
    pub integration_id: IntegrationId,
    pub credential_id: CredentialId,
    pub credentials: C,
}
