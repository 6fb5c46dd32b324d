//! Making clinics and people from the command line, and checking a trail.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use super::database::Database;
use super::{CliError, keys, say};
use crate::assemble::{self, Parts};
use crate::audit::{self, ChainState};
use crate::auth::accounts::{self, AccountError, NewUser};
use crate::auth::password::Passwords;
use crate::auth::sign_in::normalize_email;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{OrgTx, installation, users};
use crate::domain::{OrgId, Role};
use crate::integrations::onboard;
use crate::providers::ProviderBases;
use crate::state::Services;
use crate::vault::SecretText;

/// Runs some work with the services of the configured database.
pub(super) async fn with_services<T, W>(config: &Config, work: W) -> Result<T, CliError>
where
    W: AsyncFnOnce(Arc<Services>) -> Result<T, CliError>,
{
    let database = Database::open(config).await?;
    let result = async {
        let keyring = keys::load(config, &database.pool, database.is_embedded()).await?;
        // A command is about people and clinics: what kind of installation this is, and under which
        // address it is reached, is the server's to say.
        let known = installation::find(&database.pool)
            .await
            .map_err(|error| CliError::because("the database cannot be used", error))?;
        let (is_sandbox, public_url) = match known {
            Some(known) => (known.is_sandbox, known.public_url.parse().ok()),
            None => (config.uses_sandbox(), None),
        };
        let public_url = match public_url {
            Some(url) => url,
            None => super::serve::public_url(config, config.port)?,
        };
        let parts = Parts {
            pool: database.pool.clone(),
            keyring,
            clock: Clock::default(),
            bases: ProviderBases::default(),
            allowed: Vec::new(),
            public_url,
            is_sandbox,
            restore_days: config.restore_days,
            google: None,
            cache_ttl: Duration::from_secs(config.cache_ttl),
            cache_bytes: config.cache_bytes,
        };
        let services = assemble::services(parts)
            .await
            .map_err(|error| CliError::because("the database cannot be used", error))?;
        work(services).await
    }
    .await;
    database.close().await;
    result
}

fn account_error(error: AccountError) -> CliError {
    CliError::because(error.field_and_sentence().1, error)
}

fn read_password() -> Result<SecretText, CliError> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| CliError::because("no password was given on standard input", error))?;
    Ok(SecretText::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// `voxanne org create`
pub async fn create_organization(
    config: Config,
    name: &str,
    time_zone: &str,
    country: &str,
) -> Result<(), CliError> {
    with_services(&config, async |services| {
        let org = accounts::create_organization(&services.pool, name, time_zone, country)
            .await
            .map_err(account_error)?;
        let made = onboard::onboard(&services, org, name).await;
        made.map_err(|error| CliError::because("the clinic was made, but not what it starts with", error))?;
        say(&format!("{org}  {name}"));
        Ok(())
    })
    .await
}

/// `voxanne user create`
pub async fn create_user(
    config: Config,
    email: &str,
    name: &str,
    org: OrgId,
    role: &str,
) -> Result<(), CliError> {
    let role: Role = role.parse().map_err(|()| CliError::new("a role is owner, admin or member"))?;
    let password = read_password()?;
    with_services(&config, async |services| {
        let passwords = Passwords::new(1);
        let user = accounts::create_user(&services.pool, &passwords, NewUser { email, name, password })
            .await
            .map_err(account_error)?;
        let added = onboard::add_member(&services, org, user, role).await;
        added
            .map_err(|error| CliError::because("the person was made, but not added to the clinic", error))?;
        say(&format!("{user}  {email}  {}", role.as_str()));
        Ok(())
    })
    .await
}

/// `voxanne platform-admin create`
pub async fn create_platform_admin(config: Config, email: &str, name: &str) -> Result<(), CliError> {
    let password = read_password()?;
    with_services(&config, async |services| {
        let database = |error| CliError::because("the person could not be made", error);
        let known = users::find_by_email(&services.pool, &normalize_email(email)).await.map_err(database)?;
        let user = match known {
            Some(user) => user.id,
            None => {
                let passwords = Passwords::new(1);
                let made =
                    accounts::create_user(&services.pool, &passwords, NewUser { email, name, password })
                        .await;
                made.map_err(account_error)?
            }
        };
        users::insert_platform_admin(&services.pool, user).await.map_err(database)?;
        say(&format!("{user}  {email}  platform admin"));
        Ok(())
    })
    .await
}

/// `voxanne audit verify`: the trail of a clinic, or without one that of the platform.
pub async fn verify_audit(config: Config, org: Option<OrgId>) -> Result<(), CliError> {
    with_services(&config, async |services| {
        let failed = |error: audit::AuditError| CliError::because("the trail could not be checked", error);
        let state = match org {
            Some(org) => {
                let mut tx =
                    OrgTx::service(&services.pool, org).await.map_err(|error| failed(error.into()))?;
                audit::verify(&mut tx, &services.vault).await
            }
            None => audit::verify_platform(&services.pool, &services.vault).await,
        };
        match state.map_err(failed)? {
            ChainState::Intact { rows } => {
                say(&format!("The trail is intact: {rows} rows."));
                Ok(())
            }
            ChainState::Broken { seq } => Err(CliError::new(format!("the trail is broken at row {seq}"))),
            ChainState::Truncated { rows, head } => Err(CliError::new(format!(
                "the trail ends at row {rows}, but its head is row {head}: the end was cut off"
            ))),
        }
    })
    .await
}
