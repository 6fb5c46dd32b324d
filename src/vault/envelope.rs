//! The two kinds of sealed bytes and their forms: blobs under a data key, data keys under a
//! key-encryption key. All use of AES-GCM is in this file.
//!
//! A blob is `form (1) | algorithm (1) | key version (4) | nonce (12) | ciphertext and tag`, a wrapped
//! key `form (1) | algorithm (1) | key-encryption key id (4) | nonce (12) | ciphertext and tag`;
//! numbers are big-endian. Every length is checked before anything is sliced.

use std::fmt;

use aes_gcm::aead::{Aead, AeadInOut, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use bytes::Bytes;
use zeroize::Zeroize;

use super::error::VaultError;
use super::place::{Associated, Place};
use super::secret::SecretBytes;
use crate::domain::OrgId;

/// Form version 1, algorithm 1: AES-256-GCM with a random 96-bit nonce and a 128-bit tag.
const FORM: [u8; 2] = [1, 1];
const KEY: usize = 32;
const NONCE: usize = 12;
const TAG: usize = 16;
/// Form, algorithm, and the version or id of the key.
const HEADER: usize = 2 + 4;

/// A sealed blob. Knows the version of its data key and nothing else; cannot be opened without
/// its place.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Bytes);

impl Sealed {
    /// Takes stored bytes for a blob.
    ///
    /// # Errors
    /// [`VaultError::Malformed`] if they are too short or of an unknown form.
    pub fn parse(bytes: impl Into<Bytes>) -> Result<Self, VaultError> {
        let bytes = bytes.into();
        let long_enough = bytes.len() >= HEADER + NONCE + TAG;
        let sealed = Self(bytes);
        if long_enough && sealed.0.starts_with(&FORM) && sealed.key_version() > 0 {
            Ok(sealed)
        } else {
            Err(VaultError::Malformed("sealed blob"))
        }
    }

    /// The version of the data key that sealed it, from 1.
    pub fn key_version(&self) -> i32 {
        match self.0.get(FORM.len()..).and_then(|rest| rest.first_chunk()) {
            Some(version) => i32::from_be_bytes(*version),
            None => 0,
        }
    }

    /// The bytes to store, without copying them.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[sealed with key version {}]", self.key_version())
    }
}

/// A data key, wrapped by a key-encryption key: one row of `data_keys` or `platform_keys`.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// From 1, per organization.
    pub version: i32,
    /// The key-encryption key that wraps it.
    pub kek_id: i64,
    /// The wrapped key in its stored form.
    pub bytes: Bytes,
    /// How many seals processes have reserved so far; at least as many as were made.
    pub seals_reserved: i64,
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedKey")
            .field("version", &self.version)
            .field("kek_id", &self.kek_id)
            .field("seals_reserved", &self.seals_reserved)
            .finish_non_exhaustive()
    }
}

/// A prepared AES-256-GCM key: the key schedule is made once and wiped on drop.
pub(super) struct Cipher(Aes256Gcm);

impl Cipher {
    /// # Errors
    /// [`VaultError::Malformed`] for a key of another length than 32 bytes.
    pub(super) fn new(key: &SecretBytes) -> Result<Self, VaultError> {
        Aes256Gcm::new_from_slice(key.expose()).map(Self).map_err(|_| VaultError::Malformed("key"))
    }

    /// Seals under a fresh random nonce; gives `header | nonce | ciphertext and tag`.
    fn seal(&self, header: &[u8], associated: &Associated, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(VaultError::Random)?;
        self.seal_with_nonce(header, &nonce, associated.as_bytes(), plaintext)
    }

    /// The part of sealing that known-answer tests can drive. Never call it with a nonce that is
    /// not fresh.
    fn seal_with_nonce(
        &self,
        header: &[u8],
        nonce: &[u8; NONCE],
        associated: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let start = header.len() + NONCE;
        // The full size at once, so that no copy of the plaintext is left in a smaller buffer.
        let mut bytes = Vec::with_capacity(start + plaintext.len() + TAG);
        bytes.extend_from_slice(header);
        bytes.extend_from_slice(nonce);
        bytes.extend_from_slice(plaintext);
        let tag = self.0.encrypt_inout_detached(nonce.into(), associated, (&mut bytes[start..]).into());
        let Ok(tag) = tag else {
            bytes.zeroize();
            return Err(VaultError::TooLong);
        };
        bytes.extend_from_slice(&tag);
        Ok(bytes)
    }

    /// Opens `nonce | ciphertext and tag`. The plaintext is made only after the tag was checked.
    fn open(&self, nonce_and_text: &[u8], associated: &[u8]) -> Result<SecretBytes, VaultError> {
        let (nonce, text) = nonce_and_text.split_first_chunk::<NONCE>().ok_or(VaultError::DoesNotOpen)?;
        let payload = Payload { msg: text, aad: associated };
        self.0.decrypt(nonce.into(), payload).map(SecretBytes::new).map_err(|_| VaultError::DoesNotOpen)
    }
}

/// A fresh key. On the heap, so that moving it leaves no copy on the stack.
pub(super) fn random_key() -> Result<SecretBytes, VaultError> {
    let mut key = vec![0; KEY];
    getrandom::fill(&mut key).map_err(VaultError::Random)?;
    Ok(SecretBytes::new(key))
}

/// Makes a data key and wraps it.
pub(super) fn new_data_key(
    kek_id: i64,
    kek: &Cipher,
    org: Option<OrgId>,
    version: i32,
) -> Result<WrappedKey, VaultError> {
    wrap(kek_id, kek, org, version, &random_key()?)
}

/// Wraps a data key for its organization and version. `seals_reserved` of the result is zero.
pub(super) fn wrap(
    kek_id: i64,
    kek: &Cipher,
    org: Option<OrgId>,
    version: i32,
    key: &SecretBytes,
) -> Result<WrappedKey, VaultError> {
    let id = u32::try_from(kek_id).map_err(|_| VaultError::UnknownKek { kek_id })?;
    let mut header = [0; HEADER];
    header[..2].copy_from_slice(&FORM);
    header[2..].copy_from_slice(&id.to_be_bytes());
    let bytes = kek.seal(&header, &wrap_associated(org, version, kek_id)?, key.expose())?;
    Ok(WrappedKey { version, kek_id, bytes: bytes.into(), seals_reserved: 0 })
}

/// Unwraps a data key.
pub(super) fn unwrap(kek: &Cipher, org: Option<OrgId>, key: &WrappedKey) -> Result<SecretBytes, VaultError> {
    let malformed = || VaultError::Malformed("wrapped key");
    if key.bytes.len() != HEADER + NONCE + KEY + TAG || !key.bytes.starts_with(&FORM) || key.version < 1 {
        return Err(malformed());
    }
    let (header, rest) = key.bytes.split_at(HEADER);
    // The column says which key to try, the header says which one was used: they must agree.
    if i64::from_be_bytes([0, 0, 0, 0, header[2], header[3], header[4], header[5]]) != key.kek_id {
        return Err(malformed());
    }
    kek.open(rest, wrap_associated(org, key.version, key.kek_id)?.as_bytes())
}

fn wrap_associated(org: Option<OrgId>, version: i32, kek_id: i64) -> Result<Associated, VaultError> {
    let mut associated = Associated::new("voxanne data key");
    associated.bytes(&FORM).org(org).bytes(&version.to_be_bytes()).bytes(&kek_id.to_be_bytes());
    associated.check()
}

/// A data key, unwrapped for one piece of work, and wiped after it. It cannot be read or copied, only used.
pub struct DataKey {
    org: Option<OrgId>,
    version: i32,
    /// On the heap, as it is large and is handed on.
    cipher: Box<Cipher>,
}

impl DataKey {
    pub(super) fn unwrap(kek: &Cipher, org: Option<OrgId>, key: &WrappedKey) -> Result<Self, VaultError> {
        Self::new(org, key.version, &unwrap(kek, org, key)?)
    }

    pub(super) fn new(org: Option<OrgId>, version: i32, key: &SecretBytes) -> Result<Self, VaultError> {
        Ok(Self { org, version, cipher: Box::new(Cipher::new(key)?) })
    }

    pub(super) fn is_of(&self, org: Option<OrgId>, version: i32) -> bool {
        self.org == org && self.version == version
    }

    /// Seals a text in its place.
    pub(super) fn seal(&self, place: &Place<'_>, plaintext: &[u8]) -> Result<Sealed, VaultError> {
        let mut header = [0; HEADER];
        header[..2].copy_from_slice(&FORM);
        header[2..].copy_from_slice(&self.version.to_be_bytes());
        let associated = place.associated_data(FORM, self.version)?;
        self.cipher.seal(&header, &associated, plaintext).map(|bytes| Sealed(bytes.into()))
    }

    /// Opens a blob in its place.
    pub(super) fn open(&self, place: &Place<'_>, sealed: &Sealed) -> Result<SecretBytes, VaultError> {
        if sealed.key_version() != self.version {
            return Err(VaultError::OtherKeyVersion { sealed: sealed.key_version(), given: self.version });
        }
        let associated = place.associated_data(FORM, sealed.key_version())?;
        self.cipher.open(&sealed.0[HEADER..], associated.as_bytes())
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Seals the text of a key check, bound to the key's id.
pub(super) fn seal_check(kek_id: i64, kek: &Cipher, text: &[u8]) -> Result<Vec<u8>, VaultError> {
    kek.seal(&FORM, &check_associated(kek_id)?, text)
}

/// Opens a key check.
pub(super) fn open_check(kek_id: i64, kek: &Cipher, sealed: &[u8]) -> Result<SecretBytes, VaultError> {
    let rest = sealed.strip_prefix(&FORM).ok_or(VaultError::Malformed("key check"))?;
    kek.open(rest, check_associated(kek_id)?.as_bytes())
}

fn check_associated(kek_id: i64) -> Result<Associated, VaultError> {
    let mut associated = Associated::new("voxanne key check");
    associated.bytes(&FORM).bytes(&kek_id.to_be_bytes());
    associated.check()
}

/// Seals and opens with everything given, for known-answer vectors. Other sizes of key and nonce
/// than ours are refused.
#[cfg(test)]
pub(super) mod vectors {
    use super::{Cipher, SecretBytes, VaultError};

    pub(in crate::vault) fn open(
        key: &[u8],
        nonce: &[u8],
        associated: &[u8],
        text: &[u8],
    ) -> Result<SecretBytes, VaultError> {
        let nonce: [u8; super::NONCE] = nonce.try_into().map_err(|_| VaultError::Malformed("nonce"))?;
        cipher(key)?.open(&[&nonce[..], text].concat(), associated)
    }

    pub(in crate::vault) fn seal(
        key: &[u8],
        nonce: &[u8],
        associated: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let nonce = nonce.try_into().map_err(|_| VaultError::Malformed("nonce"))?;
        cipher(key)?
            .seal_with_nonce(&[], nonce, associated, plaintext)
            .map(|bytes| bytes[nonce.len()..].to_vec())
    }

    fn cipher(key: &[u8]) -> Result<Cipher, VaultError> {
        Cipher::new(&SecretBytes::new(key.to_vec()))
    }
}
