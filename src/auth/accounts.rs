//! Making people and clinics: what the command line and the first-run page share.

use super::password::{PasswordError, Passwords};
use super::sign_in::normalize_email;
use crate::db::{DbError, PgPool, fresh_id, organizations, users};
use crate::domain::{OrgId, UserId};
use crate::vault::SecretText;

/// Why a person or a clinic was not made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("the e-mail address is taken")]
    EmailTaken,
    #[error("this is no e-mail address")]
    EmailInvalid,
    #[error("the name is empty or too long")]
    NameInvalid,
    #[error("the clinic's name is empty or too long")]
    ClinicInvalid,
    #[error("the clinic's short name is taken")]
    SlugTaken,
    #[error("the time zone is unknown")]
    TimeZoneInvalid,
    #[error("there is no such clinic")]
    NoClinic,
    #[error("the person belongs to the clinic already")]
    AlreadyIn,
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Db(DbError),
}

impl From<DbError> for AccountError {
    fn from(error: DbError) -> Self {
        match &error {
            DbError::Constraint { constraint } => match constraint.as_str() {
                "users_email_key" => AccountError::EmailTaken,
                "organizations_slug_key" | "organizations_pkey" => AccountError::SlugTaken,
                "memberships_pkey" => AccountError::AlreadyIn,
                _ => AccountError::Db(error),
            },
            _ => AccountError::Db(error),
        }
    }
}

impl AccountError {
    /// The field that it belongs to, and what the person is told.
    pub fn field_and_sentence(&self) -> (&'static str, String) {
        match self {
            AccountError::EmailTaken => ("email", "Somebody already uses this e-mail address.".to_owned()),
            AccountError::EmailInvalid => {
                ("email", "Enter an e-mail address, such as anna@clinic.example.".to_owned())
            }
            AccountError::NameInvalid => ("name", "Enter a name with 1 to 120 characters.".to_owned()),
            AccountError::ClinicInvalid => {
                ("clinic", "Enter the clinic's name, with 1 to 120 characters.".to_owned())
            }
            AccountError::SlugTaken => {
                ("clinic", "A clinic with this name exists already. Add the town, for example.".to_owned())
            }
            AccountError::TimeZoneInvalid => {
                ("timeZone", "Enter a time zone such as Europe/Berlin.".to_owned())
            }
            AccountError::NoClinic => ("org", "There is no clinic with this id.".to_owned()),
            AccountError::AlreadyIn => ("email", "This person belongs to the clinic already.".to_owned()),
            AccountError::Password(error) => ("password", error.sentence()),
            AccountError::Db(_) => ("", "This could not be stored. Please try again in a minute.".to_owned()),
        }
    }
}

/// A person to be made.
pub struct NewUser<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub password: SecretText,
}

/// A person who was looked at and only has to be stored.
pub struct PreparedUser {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub password_hash: String,
}

/// Checks a person to be made, and hashes the password.
pub async fn prepare(passwords: &Passwords, new: NewUser<'_>) -> Result<PreparedUser, AccountError> {
    let email = normalize_email(new.email);
    if !is_email(&email) {
        return Err(AccountError::EmailInvalid);
    }
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 120 {
        return Err(AccountError::NameInvalid);
    }
    let password_hash = passwords.hash(new.password).await?;
    Ok(PreparedUser { id: fresh_id(), name: name.to_owned(), email, password_hash })
}

/// Makes a person. They belong to no clinic yet.
pub async fn create_user(
    pool: &PgPool,
    passwords: &Passwords,
    new: NewUser<'_>,
) -> Result<UserId, AccountError> {
    let user = prepare(passwords, new).await?;
    users::insert(pool, user.id, &user.email, &user.name, &user.password_hash).await?;
    Ok(user.id)
}

/// Makes a clinic. What it starts with (agents, keys, audit chain) is `integrations::onboard`'s.
pub async fn create_organization(
    pool: &PgPool,
    name: &str,
    time_zone: &str,
    country: &str,
) -> Result<OrgId, AccountError> {
    check_organization(name, time_zone)?;
    let name = name.trim();
    let id: OrgId = fresh_id();
    organizations::create(pool, id, name, &slug(name), time_zone, country).await?;
    Ok(id)
}

/// Checks what a clinic is to be called, before anything is made.
pub fn check_organization(name: &str, time_zone: &str) -> Result<(), AccountError> {
    if !(1..=120).contains(&name.trim().chars().count()) {
        return Err(AccountError::ClinicInvalid);
    }
    if is_time_zone(time_zone) { Ok(()) } else { Err(AccountError::TimeZoneInvalid) }
}

/// A clinic's name as it stands in addresses: letters, digits and single dashes.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let out: String = out.chars().take(60).collect();
    let out = out.trim_matches('-');
    if out.is_empty() { "clinic".to_owned() } else { out.to_owned() }
}

/// The shape of an IANA time zone name; PostgreSQL knows which of them exist.
pub fn is_time_zone(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+'))
}

fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    !local.is_empty()
        && text.len() <= 254
        && host.len() >= 3
        && host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && text
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';' | '"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clinic_name_becomes_a_slug_that_the_database_accepts() {
        assert_eq!(slug("Dr. Müller & Söhne"), "dr-m-ller-s-hne");
        assert_eq!(slug("  -- "), "clinic");
        assert!(slug(&"a b".repeat(60)).len() <= 60);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["", "a", "a@b", "a@.de", "a b@c.de", "a@b.de\n", "<x>@y.de"] {
            assert!(!is_email(bad), "{bad:?}");
        }
        assert!(is_email("anna.o'hara+x@clinic.example"));
    }
}
