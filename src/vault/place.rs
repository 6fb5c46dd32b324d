//! Where a sealed blob belongs, and the bytes that bind it there.
//!
//! The associated data of AES-GCM names the place of a blob down to its row. A blob that somebody
//! copies to another organization, table, column, provider or row therefore does not open, even
//! when the copying is done in the database itself.

use uuid::Uuid;

use super::error::VaultError;
use crate::domain::OrgId;

/// The place of one sealed blob: an organization's row and column, for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// `None` for what belongs to no clinic and is sealed with the platform's data key.
    pub org: Option<OrgId>,
    pub table: &'static str,
    pub column: &'static str,
    /// The provider's word, or the scheme of a secret; empty where there is none.
    pub provider: &'a str,
    pub row: Uuid,
}

impl Place<'_> {
    /// The associated data of a blob in this place.
    pub(super) fn associated_data(
        &self,
        format: [u8; 2],
        key_version: i32,
    ) -> Result<Associated, VaultError> {
        let mut associated = Associated::new("voxanne sealed");
        associated
            .bytes(&format)
            .org(self.org)
            .bytes(self.table.as_bytes())
            .bytes(self.column.as_bytes())
            .bytes(self.provider.as_bytes())
            .bytes(self.row.as_bytes())
            .bytes(&key_version.to_be_bytes());
        associated.check()
    }
}

/// Associated data under construction: parts, each led by its length in two bytes, so that no two
/// lists of parts read alike. It stays on the stack, as every open makes one.
pub(super) struct Associated {
    bytes: [u8; Self::CAPACITY],
    length: usize,
    overflowed: bool,
}

impl Associated {
    const CAPACITY: usize = 192;

    /// Begins with the purpose, which keeps the uses of one key apart.
    pub(super) fn new(purpose: &str) -> Self {
        let mut associated = Self { bytes: [0; Self::CAPACITY], length: 0, overflowed: false };
        associated.bytes(purpose.as_bytes());
        associated
    }

    pub(super) fn bytes(&mut self, part: &[u8]) -> &mut Self {
        let end = self.length + 2 + part.len();
        let target = self.bytes.get_mut(self.length..end).and_then(|target| target.split_first_chunk_mut());
        let (Some((length, target)), Ok(part_length)) = (target, u16::try_from(part.len())) else {
            self.overflowed = true;
            return self;
        };
        *length = part_length.to_be_bytes();
        target.copy_from_slice(part);
        self.length = end;
        self
    }

    /// The organization's id, or an empty part for the platform.
    pub(super) fn org(&mut self, org: Option<OrgId>) -> &mut Self {
        match org {
            Some(org) => self.bytes(org.0.as_bytes()),
            None => self.bytes(&[]),
        }
    }

    /// # Errors
    /// [`VaultError::PlaceTooLong`] if a part did not fit; nothing is ever cut short.
    pub(super) fn check(self) -> Result<Self, VaultError> {
        if self.overflowed { Err(VaultError::PlaceTooLong) } else { Ok(self) }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
