//! What can go wrong in the vault. No message holds key material, plaintext or ciphertext.

use std::error::Error;
use std::sync::Arc;

use thiserror::Error as ThisError;

use crate::domain::ProviderId;

/// Why something was not sealed or not opened.
#[derive(Clone, Debug, ThisError)]
pub enum VaultError {
    /// The organization has no credential for the provider.
    #[error("{} is not connected", .provider.as_str())]
    NotConnected { provider: ProviderId },
    /// The card is switched off; it works again when it is resumed.
    #[error("{} is paused", .provider.as_str())]
    Paused { provider: ProviderId },
    /// The provider refused the credential when it was last tested.
    #[error("{} refused the stored credential at its last test", .provider.as_str())]
    Failed { provider: ProviderId },
    /// The credential was stored and never tested.
    #[error("the credential for {} was not tested yet", .provider.as_str())]
    Pending { provider: ProviderId },
    /// A sealed credential lacks a field that its provider needs.
    #[error("the stored credential for {} lacks the field {field}", .provider.as_str())]
    MissingField { provider: ProviderId, field: &'static str },
    /// A field of a sealed credential is not what its provider takes.
    #[error("the field {field} of the stored credential for {} is not valid", .provider.as_str())]
    InvalidField { provider: ProviderId, field: &'static str },
    /// The bytes are no sealed blob or no wrapped key of a known form.
    #[error("the bytes are not a {0}")]
    Malformed(&'static str),
    /// The authentication tag does not fit: changed bytes, another place or another key.
    #[error("the sealed bytes do not open in this place")]
    DoesNotOpen,
    /// What was sealed is no list of fields.
    #[error("the opened bytes are not a list of fields")]
    UnreadableFields,
    /// The table, column or provider name of a place is too long to be bound.
    #[error("the names of a place are too long to be bound")]
    PlaceTooLong,
    /// The text is longer than AES-GCM may seal at once.
    #[error("the text is too long to be sealed")]
    TooLong,
    /// A data key is wrapped by a key-encryption key that this process does not hold.
    #[error("key-encryption key {kek_id} is not in the keyring")]
    UnknownKek { kek_id: i64 },
    /// The data key that sealed a blob is gone, so the blob can never be opened again.
    #[error("data key version {version} does not exist")]
    NoDataKey { version: i32 },
    /// A data key was given for a blob that another version sealed.
    #[error("the blob was sealed with data key version {sealed}, not {given}")]
    OtherKeyVersion { sealed: i32, given: i32 },
    /// No data key with seals left could be had; nothing was sealed.
    #[error("no data key has seals left")]
    NoSealsLeft,
    /// The operating system gave no random bytes.
    #[error("the system's random generator failed")]
    Random(#[source] getrandom::Error),
    /// The store of sealed rows did not answer. Shared, as all callers that waited for one load get it.
    #[error("the sealed row could not be loaded or stored")]
    Source(#[source] Arc<SourceError>),
}

impl VaultError {
    /// Whether trying again later may help, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Source(_) | Self::Random(_))
    }

    /// Whether what is stored is of no use as it stands: moved, damaged, or sealed with a lost key.
    pub fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::Malformed(_)
                | Self::DoesNotOpen
                | Self::UnreadableFields
                | Self::MissingField { .. }
                | Self::InvalidField { .. }
                | Self::UnknownKek { .. }
                | Self::NoDataKey { .. }
                | Self::OtherKeyVersion { .. }
        )
    }
}

impl From<SourceError> for VaultError {
    /// A store that answered with what is no blob did answer: asking again would not help.
    fn from(error: SourceError) -> Self {
        match error.0.downcast::<Self>() {
            Ok(ours) => *ours,
            Err(other) => Self::Source(Arc::new(SourceError(other))),
        }
    }
}

/// A failure of a [`super::SealedSource`], with its own cause as the source.
#[derive(Debug, ThisError)]
#[error("the store of sealed rows failed")]
pub struct SourceError(#[source] Box<dyn Error + Send + Sync>);

impl SourceError {
    /// Wraps the store's own error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

/// Why a keyring was not accepted. Names key ids only.
#[derive(Debug, ThisError)]
pub enum KeyringError {
    #[error("no encryption key is set")]
    Missing,
    #[error("an encryption key is 64 hexadecimal characters, not {length}")]
    Length { length: usize },
    #[error("an encryption key is 64 hexadecimal characters, and nothing else")]
    NotHex,
    #[error("line {line} of the key file is not `id key state`")]
    Line { line: usize },
    #[error("line {line} of the key file: an id is a number from 1 to 4294967295")]
    Id { line: usize },
    #[error("line {line} of the key file: the key {id} is not 64 hexadecimal characters")]
    Key { line: usize, id: i64 },
    #[error("line {line} of the key file: the state of the key {id} is current, staged or retired")]
    State { line: usize, id: i64 },
    #[error("the key file names the id {id} twice")]
    DuplicateId { id: i64 },
    #[error("the key file holds the same key under the ids {first} and {second}")]
    DuplicateKey { first: i64, second: i64 },
    #[error("the key file has {count} current keys; exactly one must be current")]
    CurrentKeys { count: usize },
    #[error("the key file cannot be read")]
    File(#[source] std::io::Error),
    #[error("the key file is larger than 64 KiB")]
    FileTooLarge,
    #[error("the key file has mode {mode:04o}; nobody but its owner may read it (0400 or 0600)")]
    FileMode { mode: u32 },
    /// The stored check of this id was made with other key material: a swapped or mistyped key.
    #[error("the key {id} is not the key that was used under this id before")]
    WrongKey { id: i64 },
    /// Rows may be wrapped by this key, and this process does not hold it.
    #[error("the database uses the key {id}, which is not in the keyring (it holds {held})")]
    MissingKey { id: i64, held: String },
    /// A new key must be known to every process before the first one wraps with it.
    #[error("the key {id} is new to this database; stage it before making it current")]
    NotStaged { id: i64 },
    #[error("the key {id} was retired and cannot be used again")]
    Retired { id: i64 },
    #[error("a key check could not be made")]
    Check(#[source] VaultError),
}
