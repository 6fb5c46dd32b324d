//! Passwords: hashed with argon2id, a few at a time.
//!
//! Parameters after OWASP ASVS 5.0, appendix C: 46 MiB, one pass, one lane. Hashing is expensive by
//! design, so a semaphore bounds how many run at once; without it sign-in would be a way to take all
//! memory.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::vault::SecretText;

const MEMORY_KIB: u32 = 47_104;
const PASSES: u32 = 1;
/// The shortest password that is taken; ASVS 6.2.1 recommends 15 where there is no second factor.
pub const MIN_LENGTH: usize = 12;
/// The longest, so that hashing has a bounded input (ASVS 6.2.9 asks for at least 64).
pub const MAX_LENGTH: usize = 256;

/// Why a password was not hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("the password has fewer than {MIN_LENGTH} characters")]
    TooShort,
    #[error("the password has more than {MAX_LENGTH} characters")]
    TooLong,
    #[error("the password is one of the first that anybody would try")]
    TooCommon,
    #[error("hashing the password failed")]
    Hashing,
}

impl PasswordError {
    /// What the person who chose it is told.
    pub fn sentence(&self) -> String {
        match self {
            PasswordError::TooShort => format!("Choose a password with at least {MIN_LENGTH} characters."),
            PasswordError::TooLong => format!("Choose a password with at most {MAX_LENGTH} characters."),
            PasswordError::TooCommon => {
                "This password is one of the first that anybody would try. Choose another.".to_owned()
            }
            PasswordError::Hashing => "The password could not be stored. Please try again.".to_owned(),
        }
    }
}

/// Hashes and verifies, a bounded number at a time.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
}

impl Passwords {
    /// `at_once` hashings may run together; each takes 46 MiB.
    pub fn new(at_once: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(at_once)) }
    }

    /// Checks the rules for new passwords and hashes. The result is a PHC string.
    pub async fn hash(&self, password: SecretText) -> Result<String, PasswordError> {
        check_rules(password.expose())?;
        self.blocking(move || hash(&password)).await?
    }

    /// Hashes a password anew that fits an older hash. The rules for new passwords do not hold: it is
    /// none.
    pub async fn rehash(&self, password: SecretText) -> Result<String, PasswordError> {
        self.blocking(move || hash(&password)).await?
    }

    /// Whether a password fits a stored hash. Without a hash (nobody has that address) the same work
    /// is done on a made-up one, so that the time tells nothing.
    pub async fn verify(&self, password: SecretText, stored: Option<String>) -> Result<bool, PasswordError> {
        if password.expose().len() > MAX_LENGTH * 4 {
            return Ok(false);
        }
        self.blocking(move || {
            let is_known = stored.is_some();
            let stored = stored.unwrap_or_else(|| NOBODY.clone());
            let Ok(hash) = PasswordHash::new(&stored) else { return false };
            let fits = Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok();
            fits && is_known
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _permit = self.permits.clone().acquire_owned().await.map_err(|_| PasswordError::Hashing)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| PasswordError::Hashing)
    }
}

fn hash(password: &SecretText) -> Result<String, PasswordError> {
    hasher()?
        .hash_password(password.expose().as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|_| PasswordError::Hashing)
}

/// Whether a stored hash was made in another way or with less work than hashes are made today.
pub fn is_outdated(stored: &str) -> bool {
    let Ok(hash) = PasswordHash::new(stored) else { return true };
    let number = |name: &str| hash.params.get_decimal(name).unwrap_or(0);
    hash.algorithm.as_str() != Algorithm::Argon2id.as_str()
        || hash.version != Some(Version::V0x13.into())
        || number("m") < MEMORY_KIB
        || number("t") < PASSES
        || number("p") < 1
}

/// A hash that no password fits, with the parameters of real ones.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let mut unknown = [0_u8; 32];
    let filled = getrandom::fill(&mut unknown).is_ok();
    hasher()
        .ok()
        .filter(|_| filled)
        .and_then(|argon2| argon2.hash_password(&unknown).ok())
        .map(|hash| hash.to_string())
        .unwrap_or_default()
});

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| PasswordError::Hashing)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn check_rules(password: &str) -> Result<(), PasswordError> {
    let length = password.chars().count();
    if length < MIN_LENGTH {
        return Err(PasswordError::TooShort);
    }
    if length > MAX_LENGTH {
        return Err(PasswordError::TooLong);
    }
    let lower = password.to_lowercase();
    let distinct = lower.chars().collect::<std::collections::HashSet<_>>().len();
    let runs = ["password", "passwort", "qwerty", "123456", "letmein", "welcome", "voxanne"];
    let rest = runs.iter().fold(lower.clone(), |text, run| text.replace(run, ""));
    if distinct < 5 || rest.chars().count() < 5 {
        return Err(PasswordError::TooCommon);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let passwords = Passwords::new(1);
        let hash = passwords.hash(SecretText::new("correct horse battery".to_owned())).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{hash}");
        assert!(
            passwords
                .verify(SecretText::new("correct horse battery".to_owned()), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(
            !passwords.verify(SecretText::new("correct horse batterY".to_owned()), Some(hash)).await.unwrap()
        );
        assert!(!passwords.verify(SecretText::new("correct horse battery".to_owned()), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_made_with_less_work_is_outdated() {
        let own = Passwords::new(1).hash(SecretText::new("correct horse battery".to_owned())).await.unwrap();
        assert!(!is_outdated(&own));
        assert!(!is_outdated(&own.replace("m=47104,t=1", "m=65536,t=2")), "more work is not undone");
        for (now, then) in [("m=47104", "m=19456"), ("t=1", "t=0"), ("argon2id", "argon2i"), ("v=19", "v=16")]
        {
            assert!(is_outdated(&own.replace(now, then)), "{then}");
        }
        assert!(is_outdated("nonsense"));
    }

    #[test]
    fn weak_passwords_are_refused_with_their_reason() {
        assert!(matches!(check_rules("short"), Err(PasswordError::TooShort)));
        assert!(matches!(check_rules("aaaaaaaaaaaaaaaa"), Err(PasswordError::TooCommon)));
        assert!(matches!(check_rules("password123456"), Err(PasswordError::TooCommon)));
        assert!(matches!(check_rules(&"ab1c".repeat(70)), Err(PasswordError::TooLong)));
        assert!(check_rules("a sentence that I like").is_ok());
    }
}
