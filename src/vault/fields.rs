//! The named secret texts of one credential, and the binary form in which they are sealed.
//!
//! Form, version 1: the version (1 byte), then for each field its key and its value, each led by its
//! length in bytes (8 bytes, big-endian).
//! The form is our own so that a secret never passes through a general serializer's buffers.

use std::fmt;

use super::error::VaultError;
use super::secret::{REDACTED, SecretBytes, SecretText};

const VERSION: u8 = 1;

/// An ordered list of secret texts by key: `accountSid`, `authToken`.
///
/// Keys are the catalogue's field keys. They are no secrets, but they are not printed either.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretFields(Vec<(Box<str>, SecretText)>);

impl SecretFields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field at the end, or replaces the value of the field of that key where it stands.
    pub fn insert(&mut self, key: impl AsRef<str>, value: SecretText) {
        let key = key.as_ref();
        match self.0.iter_mut().find(|(known, _)| **known == *key) {
            Some((_, known)) => *known = value,
            None => self.0.push((key.into(), value)),
        }
    }

    /// The value of the field of that key.
    pub fn find(&self, key: &str) -> Option<&SecretText> {
        self.0.iter().find(|(known, _)| **known == *key).map(|(_, value)| value)
    }

    /// All fields, in the order in which they were inserted.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &SecretText)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The binary form, to be sealed.
    pub fn encode(&self) -> SecretBytes {
        let length = self.iter().map(|(key, value)| 2 * 8 + key.len() + value.expose().len()).sum::<usize>();
        // One allocation of the full size: a buffer that grew would leave unwiped copies behind.
        let mut bytes = Vec::with_capacity(1 + length);
        bytes.push(VERSION);
        for (key, value) in self.iter() {
            for part in [key, value.expose()] {
                bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
                bytes.extend_from_slice(part.as_bytes());
            }
        }
        SecretBytes::new(bytes)
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`VaultError::UnreadableFields`] for anything that [`SecretFields::encode`] did not make:
    /// another version, a wrong length, a key twice, text that is not UTF-8.
    pub fn decode(bytes: &[u8]) -> Result<Self, VaultError> {
        Self::read(bytes).ok_or(VaultError::UnreadableFields)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&version, mut rest) = bytes.split_first()?;
        if version != VERSION {
            return None;
        }
        let mut fields = Self::new();
        while !rest.is_empty() {
            let (key, after) = read_text(rest)?;
            let (value, after) = read_text(after)?;
            if fields.find(key).is_some() {
                return None;
            }
            fields.0.push((key.into(), SecretText::new(value.to_owned())));
            rest = after;
        }
        Some(fields)
    }
}

/// Reads a length and that many bytes of text; gives the text and what follows it.
fn read_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (&length, rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(u64::from_be_bytes(length).try_into().ok()?)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

impl fmt::Debug for SecretFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}
