//! Types for plaintext secrets: they wipe themselves, print as `[secret]` and cannot be serialized.
//!
//! There is deliberately no `Display`, no `Serialize` and no conversion into a plain string: the one
//! way to the contents is `expose`, which a reader can search for. The binary form of
//! `SecretFields` lives in `fields.rs`.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub(super) const REDACTED: &str = "[secret]";

/// A secret text: an API key, a token, a password of a provider.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text over; the buffer is wiped when the last owner goes.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the call that needs it. It must not outlive that call in another form.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Compares in time that depends on the lengths only.
impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for SecretText {}

/// Secret bytes: what a sealed blob held.
#[derive(Clone)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over; the buffer is wiped when the last owner goes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves, for the call that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Compares in time that depends on the lengths only.
impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretBytes {}
