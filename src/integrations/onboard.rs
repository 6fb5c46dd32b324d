//! What a new clinic starts with: its audit chain and two agents with usable defaults.
//!
//! Here in steps, each safe to repeat; people get a clinic in one transaction, by `found`.

use super::IntegrationError;
use crate::audit;
use crate::db::{DbError, OrgTx, agents, users};
use crate::domain::{OrgId, Role, UserId};
use crate::state::Services;

/// What the receptionist says and knows before anybody changes it.
pub fn default_prompt(clinic: &str, role: &str) -> (String, String) {
    if role == "outbound" {
        (
            format!("Hello, this is {clinic}. Do you have a minute?"),
            format!(
                "You call patients for {clinic}. Say who you are and why you call. Be brief and friendly, and never give \
                 medical advice. If somebody wants to book or asks for details by text message, use the tools that you have."
            ),
        )
    } else {
        (
            format!("Thank you for calling {clinic}. How can I help you?"),
            format!(
                "You are the receptionist of {clinic}. Greet callers, find out what they need, and help them. Be brief, warm \
                 and exact. Never give medical advice; in an emergency ask the caller to dial the emergency number. When \
                 somebody asks for something in writing, send it with the tool send_sms."
            ),
        )
    }
}

/// Gives a clinic what it needs to begin. Safe to repeat.
pub async fn onboard(services: &Services, org: OrgId, name: &str) -> Result<(), IntegrationError> {
    audit::start(&services.pool, &services.vault, org).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    insert_agents(&mut tx, name).await?;
    Ok(tx.commit().await?)
}

/// Both agents with usable defaults, where they are not there yet.
pub(super) async fn insert_agents(tx: &mut OrgTx, name: &str) -> Result<(), DbError> {
    let short: String = name.chars().take(28).collect();
    for role in ["inbound", "outbound"] {
        let (first_message, system_prompt) = default_prompt(name, role);
        let shown = format!("{} {role}", short.trim());
        agents::insert_default(tx, role, &shown, &first_message, &system_prompt).await?;
    }
    Ok(())
}

/// Makes a person a member of a clinic.
pub async fn add_member(
    services: &Services,
    org: OrgId,
    user: UserId,
    role: Role,
) -> Result<(), IntegrationError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    users::insert_membership(&mut tx, user, role).await?;
    Ok(tx.commit().await?)
}
