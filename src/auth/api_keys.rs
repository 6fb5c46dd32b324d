//! Keys of other programs: made here, shown once, kept as a hash.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::vault::SecretText;

/// How every key begins, so that leaked ones can be recognized.
pub const PREFIX: &str = "vxn_";

/// A fresh key, with what is kept of it.
pub struct PlainKey {
    pub secret: SecretText,
    /// The first characters, for lists.
    pub prefix: String,
    pub hash: [u8; 32],
}

/// Makes a key with 256 bits of randomness.
pub fn generate() -> Result<PlainKey, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    Ok(PlainKey {
        prefix: text[..PREFIX.len() + 6].to_owned(),
        hash: hash(&text),
        secret: SecretText::new(text),
    })
}

/// What the database knows of a key. A plain hash is enough: there is nothing to guess.
pub fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_are_found_by_their_hash() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one.secret.expose(), two.secret.expose());
        assert_eq!(hash(one.secret.expose()), one.hash);
        assert!(one.secret.expose().starts_with(&one.prefix));
    }
}
