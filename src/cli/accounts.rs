//! Making clinics and people from the command line, and checking a trail.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::database::Database;
use super::{CliError, keys, say, trail};
use crate::assemble::{self, Parts};
use crate::audit::{self, ChainState, Origin};
use crate::auth::accounts::{self, AccountError, NewUser};
use crate::auth::password::Passwords;
use crate::auth::sign_in::normalize_email;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::users::{self, UserRow};
use crate::db::{OrgTx, installation, routes};
use crate::domain::{OrgId, Role};
use crate::integrations::claims::{self, Claimed};
use crate::integrations::found::{FoundError, Maker, NewClinic, Person, add_person, found};
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
        let written = assemble::check(&parts.pool, &parts.keyring, is_sandbox).await.map_err(trail::unfit)?;
        let services = assemble::services(parts).await.map_err(trail::unfit)?;
        trail::note_keys(&services, &written).await?;
        work(services).await
    }
    .await;
    database.close().await;
    result
}

fn found_error(error: FoundError) -> CliError {
    match error {
        FoundError::Account(error) => account_error(error),
        other => CliError::because("nothing was made", other),
    }
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
        let clinic = NewClinic { id: None, name, time_zone, country, must_be_first: false };
        let org = found(&services, &clinic, None, operator()).await.map_err(found_error)?;
        say(&format!("{org}  {name}"));
        Ok(())
    })
    .await
}

/// `voxanne org release`
pub async fn release_claim(config: Config, id: Uuid) -> Result<(), CliError> {
    with_services(&config, async |services| {
        let claim = routes::find_claim(&services.pool, id).await;
        let claim = claim.map_err(|error| CliError::because("the claim could not be looked up", error))?;
        let Some((kind, org)) = claim else {
            return Err(CliError::new("no clinic has an assistant or a telephone number with this id"));
        };
        let what =
            if kind == "assistant" { Claimed::Assistant(id) } else { Claimed::PhoneNumber(id) };
        claims::release(&services, org, what, trail::OPERATOR, "ended by an operator")
            .await
            .map_err(|error| CliError::because("the claim was not ended", error))?;
        trail::note(&services, trail::OPERATOR, "claim.released", &id.to_string(), &org.to_string()).await?;
        say(&format!("Clinic {org} has it no longer. The clinic that has it at Vapi gets it with its next look there: within a day, or when it saves an agent."));
        Ok(())
    })
    .await
}

/// `voxanne user create`: a person who is there already is added to the clinic as they are.
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
        let known = find_person(&services, email).await?;
        let user = match &known {
            Some(user) => {
                let person = Person::Known { id: user.id, email: &user.email };
                add_person(&services, org, person, role, operator()).await.map_err(found_error)?;
                say(
                    "This person was here already and was added to the clinic; the password stays as it was.",
                );
                user.id
            }
            None => {
                let new = NewUser { email, name, password };
                let new = accounts::prepare(&Passwords::new(1), new).await.map_err(account_error)?;
                add_person(&services, org, Person::New(&new), role, operator()).await.map_err(found_error)?;
                new.id
            }
        };
        say(&format!("{user}  {email}  {}", role.as_str()));
        Ok(())
    })
    .await
}

fn operator() -> Maker<'static> {
    const NOWHERE: &Origin =
        &Origin { address: String::new(), user_agent: String::new(), request_id: String::new() };
    Maker { name: trail::OPERATOR, origin: NOWHERE }
}

async fn find_person(services: &Services, email: &str) -> Result<Option<UserRow>, CliError> {
    let found = users::find_by_email(&services.pool, &normalize_email(email)).await;
    found.map_err(|error| CliError::because("the person could not be looked up", error))
}

/// `voxanne platform-admin create`
pub async fn create_platform_admin(config: Config, email: &str, name: &str) -> Result<(), CliError> {
    let password = read_password()?;
    with_services(&config, async |services| {
        let database = |error| CliError::because("the person could not be made", error);
        let user = match find_person(&services, email).await? {
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
        trail::note(&services, trail::OPERATOR, "platform_admin.created", email, "").await?;
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
