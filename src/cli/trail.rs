//! What operators do and what processes begin with, in the platform's trail.

use super::CliError;
use crate::assemble;
use crate::audit::{self, Ended, Entry, Origin};
use crate::state::Services;
use crate::vault::KeyCheck;

/// How the trail names whoever types commands: the machine knows no more of them.
pub const OPERATOR: &str = "operator (command line)";

/// Adds a row to the platform's trail. What cannot be recorded is an error.
pub async fn note(
    services: &Services,
    actor: &str,
    action: &'static str,
    target: &str,
    details: &str,
) -> Result<(), CliError> {
    let entry = Entry {
        actor: actor.to_owned(),
        action,
        target: target.to_owned(),
        ended: Ended::Success,
        details: details.to_owned(),
    };
    audit::append_platform(&services.pool, &services.vault, &services.clock, &Origin::default(), entry)
        .await
        .map_err(|error| CliError::because("this could not be recorded in the platform's trail", error))
}

/// Records key-encryption keys that this process is the first to have in that state.
pub async fn note_keys(services: &Services, written: &[KeyCheck]) -> Result<(), CliError> {
    for check in written {
        let target = format!("key {}", check.kek_id);
        note(services, "service", "key.introduced", &target, check.state.as_str()).await?;
    }
    Ok(())
}

/// What a start or a command says where keys and database do not fit.
pub fn unfit(error: assemble::AssembleError) -> CliError {
    CliError::because("the database cannot be used", error)
}
