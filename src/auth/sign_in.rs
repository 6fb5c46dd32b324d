//! Signing in with e-mail address and password.
//!
//! Known and unknown addresses take the same path, the same time and get the same answer.

use super::password::{self, PasswordError, Passwords};
use super::throttle::{self, Attempt};
use crate::db::users::{self, UserRow};
use crate::db::{DbError, PgPool};
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
    let fits = passwords.verify(password.clone(), stored).await?;
    let Some(user) = user.filter(|_| fits) else { return Err(SignInError::Refused) };
    throttle::note_success(pool, &email, address).await?;
    if password::is_outdated(&user.password_hash)
        && let Err(error) = rehash(pool, passwords, &user, password).await
    {
        // The next sign-in tries again; this one is none the worse for it.
        tracing::warn!(error = &error as &dyn std::error::Error, user = %user.id, "an outdated password hash was kept");
    }
    let org = users::organizations_of(pool, user.id).await?.first().map(|(org, _)| *org);
    Ok(SignedIn { user: user.id, name: user.name, org })
}

/// Stores the password that was just proved under the parameters of today.
async fn rehash(
    pool: &PgPool,
    passwords: &Passwords,
    user: &UserRow,
    password: SecretText,
) -> Result<(), SignInError> {
    let new = passwords.rehash(password).await?;
    users::replace_password_hash(pool, user.id, &user.password_hash, &new).await?;
    Ok(())
}

/// E-mail addresses are compared without regard to case and surrounding space.
pub fn normalize_email(email: &str) -> String {
    email.trim().to_lowercase()
}
