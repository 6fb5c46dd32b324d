//! The key-encryption keys of this installation: read once at the start, never stored, never printed.
//!
//! They wrap data keys and nothing else. Whether the keys fit the database is told by the checks in
//! `key_check.rs`, before anything is served.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::envelope::{self, Cipher};
use super::error::{KeyringError, VaultError};
use super::secret::{SecretBytes, SecretText};

const KEY_BYTES: usize = 32;
const FILE_LIMIT: u64 = 64 * 1024;

/// What a key-encryption key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Wraps new data keys, unwraps old ones. Stored: data keys may be wrapped by it.
    Current,
    /// Known everywhere, wraps nothing yet: the first of two steps of a rotation.
    Staged,
    /// In the key file: still unwraps what was not rewrapped yet. Stored: wraps nothing any more.
    Retired,
}

impl KeyState {
    /// The word in the key file and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Staged => "staged",
            Self::Retired => "retired",
        }
    }
}

impl FromStr for KeyState {
    type Err = ();
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Current, Self::Staged, Self::Retired]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or(())
    }
}

/// One key-encryption key, ready for use.
pub struct Kek {
    id: i64,
    state: KeyState,
    /// Tells two keys apart without keeping their bytes.
    fingerprint: [u8; 32],
    cipher: Cipher,
}

impl Kek {
    fn new(id: i64, state: KeyState, key: &SecretBytes) -> Result<Self, VaultError> {
        Ok(Self { id, state, fingerprint: fingerprint(key), cipher: Cipher::new(key)? })
    }

    /// The number under which the key is known: 1 to 4294967295.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// What this process uses it for.
    pub fn state(&self) -> KeyState {
        self.state
    }

    pub(super) fn cipher(&self) -> &Cipher {
        &self.cipher
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.state.as_str())
    }
}

/// All key-encryption keys of this process, exactly one of them current.
#[derive(Debug)]
pub struct Keyring {
    keks: Vec<Kek>,
    current: usize,
}

impl Keyring {
    /// A ring of one current key, given as 64 hexadecimal characters (`ENCRYPTION_KEY`). Its id is
    /// derived from the key, so the same key has the same id everywhere.
    ///
    /// # Errors
    /// [`KeyringError::Missing`], [`KeyringError::Length`] or [`KeyringError::NotHex`].
    pub fn from_hex(text: &str) -> Result<Self, KeyringError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyringError::Missing);
        }
        let key = parse_key(text).map_err(|_| match text.chars().count() {
            length if length == 2 * KEY_BYTES => KeyringError::NotHex,
            length => KeyringError::Length { length },
        })?;
        let kek = Kek::new(derived_id(&key), KeyState::Current, &key).map_err(KeyringError::Check)?;
        Ok(Self { keks: vec![kek], current: 0 })
    }

    /// The ring in a key file (`ENCRYPTION_KEY_FILE`); the form is that of [`Keyring::parse`]. On
    /// Unix nobody but the owner may have any right to the file.
    ///
    /// # Errors
    /// [`KeyringError::File`], [`KeyringError::FileMode`], [`KeyringError::FileTooLarge`] and those
    /// of [`Keyring::parse`].
    pub fn from_file(path: &Path) -> Result<Self, KeyringError> {
        let file = std::fs::File::open(path).map_err(KeyringError::File)?;
        // Asked of the open file, so that it cannot be exchanged between the question and the read.
        let metadata = file.metadata().map_err(KeyringError::File)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = metadata.permissions().mode() & 0o7777;
            if mode & 0o077 != 0 {
                return Err(KeyringError::FileMode { mode });
            }
        }
        if metadata.len() > FILE_LIMIT {
            return Err(KeyringError::FileTooLarge);
        }
        // The full capacity at once, so that no copy of a key is left in a smaller buffer.
        let mut text = Zeroizing::new(String::with_capacity(FILE_LIMIT as usize + 1));
        file.take(FILE_LIMIT).read_to_string(&mut text).map_err(KeyringError::File)?;
        Self::parse(&text)
    }

    /// Reads the text of a key file: one `id key state` per line, `#` for comments. The id is a
    /// number, the key 64 hexadecimal characters, the state `current`, `staged` or `retired`.
    ///
    /// # Errors
    /// A [`KeyringError`] that names the line or the id, never the key.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let mut keks: Vec<Kek> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let kek = match line.split('#').next().map(str::trim) {
                None | Some("") => continue,
                Some(line) => parse_line(index + 1, line)?,
            };
            if keks.iter().any(|known| known.id == kek.id) {
                return Err(KeyringError::DuplicateId { id: kek.id });
            }
            if let Some(known) = keks.iter().find(|known| known.fingerprint == kek.fingerprint) {
                return Err(KeyringError::DuplicateKey { first: known.id, second: kek.id });
            }
            keks.push(kek);
        }
        if keks.is_empty() {
            return Err(KeyringError::Missing);
        }
        let is_current = |kek: &Kek| kek.state == KeyState::Current;
        match (keks.iter().position(is_current), keks.iter().filter(|kek| is_current(kek)).count()) {
            (Some(current), 1) => Ok(Self { keks, current }),
            (_, count) => Err(KeyringError::CurrentKeys { count }),
        }
    }

    /// A line for a key file with a fresh key under its derived id, without a line end.
    ///
    /// # Errors
    /// [`KeyringError::Check`] if the system gives no random bytes.
    pub fn generate_line(state: KeyState) -> Result<SecretText, KeyringError> {
        let key = envelope::random_key().map_err(KeyringError::Check)?;
        let hex = Zeroizing::new(hex::encode(key.expose()));
        Ok(SecretText::new(format!("{} {} {}", derived_id(&key), *hex, state.as_str())))
    }

    /// The key that wraps new data keys.
    pub fn current(&self) -> &Kek {
        &self.keks[self.current]
    }

    /// The key of that id, in whatever state.
    pub fn find(&self, kek_id: i64) -> Option<&Kek> {
        self.keks.iter().find(|kek| kek.id == kek_id)
    }

    /// The ids of all keys, in the order of the file.
    pub fn ids(&self) -> Vec<i64> {
        self.iter().map(Kek::id).collect()
    }

    /// All keys, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Kek> {
        self.keks.iter()
    }
}

fn parse_line(line: usize, text: &str) -> Result<Kek, KeyringError> {
    let mut words = text.split_ascii_whitespace();
    let (Some(id), Some(key), Some(state), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(KeyringError::Line { line });
    };
    let id = match id.parse::<u32>() {
        Ok(id) if id > 0 => i64::from(id),
        _ => return Err(KeyringError::Id { line }),
    };
    let state = state.parse().map_err(|()| KeyringError::State { line, id })?;
    let key = parse_key(key).map_err(|_| KeyringError::Key { line, id })?;
    Kek::new(id, state, &key).map_err(KeyringError::Check)
}

fn parse_key(text: &str) -> Result<SecretBytes, hex::FromHexError> {
    let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
    hex::decode_to_slice(text, &mut key)?;
    Ok(SecretBytes::new(std::mem::take(&mut *key)))
}

/// Domain-separated, so that the id says nothing about other hashes of the key.
fn fingerprint(key: &SecretBytes) -> [u8; 32] {
    Sha256::new().chain_update(b"voxanne key id\0").chain_update(key.expose()).finalize().into()
}

fn derived_id(key: &SecretBytes) -> i64 {
    let [first, second, third, fourth, ..] = fingerprint(key);
    // Zero is no id; one key in four billion shares the id of another.
    i64::from(u32::from_be_bytes([first, second, third, fourth]).max(1))
}
