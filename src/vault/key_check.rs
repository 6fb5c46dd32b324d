//! Whether the keyring fits the database: a known text, sealed under each key-encryption key, is
//! opened at every start before a port is.
//!
//! A stored row says `staged` while nothing was wrapped by its key yet, `current` from the moment
//! that data keys may be, `retired` once none is. So the key of a `current` row must be at hand,
//! and during a rotation two rows are `current`.

use bytes::Bytes;

use super::envelope;
use super::error::KeyringError;
use super::keyring::{Kek, KeyState, Keyring};

const TEXT: &[u8] = b"This key opens what it has sealed.";

/// One row of `key_checks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCheck {
    pub kek_id: i64,
    pub state: KeyState,
    /// A fixed text under the key; tells nothing about it.
    pub sealed: Bytes,
}

impl KeyCheck {
    fn new(kek: &Kek) -> Result<Self, KeyringError> {
        let sealed = envelope::seal_check(kek.id(), kek.cipher(), TEXT).map_err(KeyringError::Check)?;
        Ok(Self { kek_id: kek.id(), state: kek.state(), sealed: sealed.into() })
    }

    fn opens_with(&self, kek: &Kek) -> bool {
        envelope::open_check(kek.id(), kek.cipher(), &self.sealed).is_ok_and(|text| text.expose() == TEXT)
    }
}

impl Keyring {
    /// Compares the ring with all stored rows. Gives the rows to write before serving: new ones, and
    /// those of a staged key that has become current, which replace the stored ones.
    ///
    /// # Errors
    /// [`KeyringError::WrongKey`] for other material under a known id, [`KeyringError::Retired`] for
    /// one that was retired, [`KeyringError::MissingKey`] if the database uses a key that is not in
    /// the ring, [`KeyringError::NotStaged`] for a current key that the database does not know.
    pub fn check(&self, stored: &[KeyCheck]) -> Result<Vec<KeyCheck>, KeyringError> {
        for row in stored {
            match self.find(row.kek_id) {
                Some(kek) if !row.opens_with(kek) => return Err(KeyringError::WrongKey { id: row.kek_id }),
                Some(kek) if row.state == KeyState::Retired && kek.state() != KeyState::Retired => {
                    return Err(KeyringError::Retired { id: row.kek_id });
                }
                None if row.state == KeyState::Current => {
                    let held = self.ids().iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
                    return Err(KeyringError::MissingKey { id: row.kek_id, held });
                }
                Some(_) | None => {}
            }
        }
        let mut to_write = Vec::new();
        for kek in self.iter() {
            let known = stored.iter().find(|row| row.kek_id == kek.id()).map(|row| row.state);
            match (kek.state(), known) {
                (KeyState::Current, None) if !stored.is_empty() => {
                    return Err(KeyringError::NotStaged { id: kek.id() });
                }
                (KeyState::Current, None | Some(KeyState::Staged)) | (KeyState::Staged, None) => {
                    to_write.push(KeyCheck::new(kek)?);
                }
                // A retired key without a row never wrapped anything here.
                (KeyState::Current | KeyState::Staged, Some(_)) | (KeyState::Retired, _) => {}
            }
        }
        Ok(to_write)
    }
}
