//! Signing in with e-mail address and password.
//!
//! Known and unknown addresses take the same path, the same time and get the same answer.

use super::password::{PasswordError, Passwords};
use super::throttle::{self, Attempt};
use crate::db::{DbError, PgPool, users};
use crate::domain::{OrgId, UserId};
use crate::vault::SecretText;

/// Somebody who proved who they are.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub user: UserId,
    pub name: String,
    /// The clinic to begin with, where there is any.
    pub org: Option<OrgId>,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the e-mail address and the password do not belong together")]
    Refused,
    #[error("too many attempts")]
    Throttled { seconds: u32 },
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Checks an e-mail address and a password that came from an address.
pub async fn sign_in(
    pool: &PgPool,
    passwords: &Passwords,
    email: &str,
    password: SecretText,
    address: &str,
) -> Result<SignedIn, SignInError> {
    let email = normalize_email(email);
    if let Attempt::Throttled { seconds } = throttle::count_attempt(pool, &email, address).await? {
        return Err(SignInError::Throttled { seconds });
    }
    let user = users::find_by_email(pool, &email).await?.filter(|user| user.disabled_at.is_none());
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let fits = passwords.verify(password, stored).await?;
    let Some(user) = user.filter(|_| fits) else { return Err(SignInError::Refused) };
    throttle::note_success(pool, &email, address).await?;
    let org = users::organizations_of(pool, user.id).await?.first().map(|(org, _)| *org);
    Ok(SignedIn { user: user.id, name: user.name, org })
}

/// E-mail addresses are compared without regard to case and surrounding space.
pub fn normalize_email(email: &str) -> String {
    email.trim().to_lowercase()
}
