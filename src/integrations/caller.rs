//! Who asks for a use case: the right, what the database said about it, and where it came from.

use crate::audit::{self, Ended, Entry, Origin};
use crate::db::{Access, BeginError, ContextRole, OrgTx, PgPool, Scope};
use crate::domain::{OrgId, UserId};
use crate::state::Services;

use super::IntegrationError;

/// Somebody whom the database has let in, for one organization.
#[derive(Clone, Debug)]
pub struct Caller {
    pub access: Access,
    pub scope: Scope,
    pub origin: Origin,
}

impl Caller {
    /// Asks the database who this is. Each later transaction asks again, so that removing a member
    /// works at once.
    pub async fn admit(pool: &PgPool, access: Access, origin: Origin) -> Result<Self, BeginError> {
        let (tx, scope) = OrgTx::begin(pool, &access).await?;
        tx.commit().await?;
        Ok(Self { access, scope, origin })
    }

    /// The service itself, acting for an organization.
    pub fn service(org: OrgId) -> Self {
        let access = Access::Service(org);
        let scope = Scope {
            org,
            org_name: String::new(),
            user: None,
            user_name: "service".to_owned(),
            user_email: String::new(),
            role: ContextRole::Service,
            is_staff: false,
            organizations: Vec::new(),
            scopes: None,
        };
        Self { access, scope, origin: Origin::default() }
    }

    pub const fn org(&self) -> OrgId {
        self.scope.org
    }

    pub const fn user(&self) -> Option<UserId> {
        self.scope.user
    }

    /// A transaction for this caller's organization.
    pub async fn begin(&self, services: &Services) -> Result<OrgTx, IntegrationError> {
        Ok(OrgTx::begin(&services.pool, &self.access).await?.0)
    }

    /// How the trail names this caller. The clinic's own people and staff are told apart.
    pub fn actor(&self) -> String {
        self.scope.actor()
    }

    /// Lets only those on who may set this up: for accounts and endpoints staff too. A refusal is
    /// recorded.
    pub async fn require_configure(
        &self,
        services: &Services,
        action: &'static str,
        target: &str,
    ) -> Result<(), IntegrationError> {
        let is_account =
            ["integration.", "endpoint.", "delivery."].iter().any(|noun| action.starts_with(noun));
        if self.scope.role.may_configure() || is_account && self.scope.role.may_connect() {
            return Ok(());
        }
        let mut tx = self.begin(services).await?;
        self.record(&mut tx, services, action, target, Ended::Denied, "").await?;
        tx.commit().await?;
        Err(IntegrationError::MayNot)
    }

    /// Appends a row to the clinic's trail; the last statement of a transaction.
    pub async fn record(
        &self,
        tx: &mut OrgTx,
        services: &Services,
        action: &'static str,
        target: &str,
        ended: Ended,
        details: &str,
    ) -> Result<(), IntegrationError> {
        let entry = Entry {
            actor: self.actor(),
            action,
            target: target.to_owned(),
            ended,
            details: details.to_owned(),
        };
        Ok(audit::append(tx, &services.vault, &services.clock, &self.origin, entry).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::ContextRole;

    #[test]
    fn staff_are_told_apart_from_the_clinics_own_people() {
        let mut caller = Caller::service(OrgId(uuid::Uuid::nil()));
        assert_eq!(caller.actor(), "service");
        caller.scope.user_email = "somebody@platform.test".to_owned();
        assert_eq!(caller.scope.actor(), "somebody@platform.test");
        caller.scope.role = ContextRole::Platform;
        assert_eq!(caller.scope.actor(), "platform staff: somebody@platform.test");
    }
}
