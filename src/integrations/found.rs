//! Making a clinic: organization, owner, trail and agents, in one transaction.
//!
//! Either all of it is there afterwards, or nothing, so whatever went wrong can be tried again.

use super::IntegrationError;
use super::onboard::insert_agents;
use crate::audit::{self, AuditError, Ended, Entry, Origin};
use crate::auth::accounts::{self, AccountError, PreparedUser};
use crate::db::{DbError, OrgTx, fresh_id, organizations, users};
use crate::domain::{OrgId, Role, UserId};
use crate::state::Services;

/// A clinic to be made.
pub struct NewClinic<'a> {
    /// Known before only where somebody must be able to say later which one it was.
    pub id: Option<OrgId>,
    pub name: &'a str,
    pub time_zone: &'a str,
    pub country: &'a str,
    /// Refused where there is a clinic already, whoever else asks at the same time.
    pub must_be_first: bool,
}

/// Who makes a person or a clinic, for the trail.
pub struct Maker<'a> {
    pub name: &'a str,
    pub origin: &'a Origin,
}

/// Why a clinic was not made.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error("there is a clinic already")]
    NotFirst,
    #[error("what a clinic starts with could not be made")]
    Start(#[from] IntegrationError),
}

impl From<DbError> for FoundError {
    fn from(error: DbError) -> Self {
        AccountError::from(error).into()
    }
}

impl From<AuditError> for FoundError {
    fn from(error: AuditError) -> Self {
        IntegrationError::from(error).into()
    }
}

/// Makes a clinic, and its owner where one is given.
pub async fn found(
    services: &Services,
    new: &NewClinic<'_>,
    owner: Option<&PreparedUser>,
    by: Maker<'_>,
) -> Result<OrgId, FoundError> {
    accounts::check_organization(new.name, new.time_zone)?;
    let name = new.name.trim();
    let id = new.id.unwrap_or_else(fresh_id);
    let mut tx = OrgTx::service(&services.pool, id).await?;
    if new.must_be_first && !organizations::is_first(&mut tx).await? {
        tx.rollback().await;
        return Err(FoundError::NotFirst);
    }
    organizations::create_in(&mut tx, name, &accounts::slug(name), new.time_zone, new.country).await?;
    if let Some(owner) = owner {
        users::insert_in(&mut tx, owner.id, &owner.email, &owner.name, &owner.password_hash).await?;
        users::insert_membership(&mut tx, owner.id, Role::Owner).await?;
    }
    audit::start_new(&mut tx, &services.vault).await?;
    insert_agents(&mut tx, name).await?;
    let details = owner.map_or_else(String::new, |owner| format!("owner {}", owner.email));
    record(services, &mut tx, by, "organization.created", name, &details).await?;
    tx.commit().await?;
    Ok(id)
}

/// A person who is to belong to a clinic.
pub enum Person<'a> {
    New(&'a PreparedUser),
    Known { id: UserId, email: &'a str },
}

/// Adds a person to a clinic, making them where they are new.
///
/// # Errors
/// [`AccountError::NoClinic`] where there is no such clinic, [`AccountError::AlreadyIn`] for a member of it.
pub async fn add_person(
    services: &Services,
    org: OrgId,
    person: Person<'_>,
    role: Role,
    by: Maker<'_>,
) -> Result<(), FoundError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    match organizations::find(&mut tx).await {
        Err(DbError::NotFound) => return Err(AccountError::NoClinic.into()),
        found => found?,
    };
    let (id, email) = match person {
        Person::Known { id, email } => (id, email),
        Person::New(new) => {
            users::insert_in(&mut tx, new.id, &new.email, &new.name, &new.password_hash).await?;
            (new.id, new.email.as_str())
        }
    };
    users::insert_membership(&mut tx, id, role).await?;
    record(services, &mut tx, by, "member.added", email, role.as_str()).await?;
    tx.commit().await?;
    Ok(())
}

async fn record(
    services: &Services,
    tx: &mut OrgTx,
    by: Maker<'_>,
    action: &'static str,
    target: &str,
    details: &str,
) -> Result<(), AuditError> {
    let entry = Entry {
        actor: by.name.to_owned(),
        action,
        target: target.to_owned(),
        ended: Ended::Success,
        details: details.to_owned(),
    };
    audit::append(tx, &services.vault, &services.clock, by.origin, entry).await
}
