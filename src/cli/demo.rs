//! Demo clinics of the sandbox: two, with an owner, an admin and a member each, and a person who
//! owns both.
//!
//! Their passwords are random, made once per data folder and kept beside the sandbox's own state;
//! the server listens on loopback only.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::{CliError, ready, say};
use crate::auth::accounts::{self, NewUser};
use crate::auth::password::Passwords;
use crate::db::organizations;
use crate::domain::{OrgId, Role};
use crate::integrations::onboard;
use crate::state::Services;
use crate::vault::SecretText;

/// How somebody signs in to the demo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoAccount {
    pub clinic: String,
    pub org: OrgId,
    pub role: String,
    pub email: String,
    pub password: String,
}

const CLINICS: [(&str, &str, &str, &str); 2] = [
    ("Sunrise Dental", "sunrise", "America/New_York", "US"),
    ("Harbor Clinic", "harbor", "Europe/Berlin", "DE"),
];
const PEOPLE: [(Role, [&str; 2]); 3] = [
    (Role::Owner, ["Olivia Stone", "Henrik Brandt"]),
    (Role::Admin, ["Adam Reyes", "Anna Meyer"]),
    (Role::Member, ["Mia Chen", "Max Vogel"]),
];

/// The demo accounts, made where the database has no clinic yet.
pub async fn prepare(data_dir: &Path, services: &Arc<Services>) -> Result<Vec<DemoAccount>, CliError> {
    let file = data_dir.join("demo-accounts.json");
    let count = organizations::count(&services.pool)
        .await
        .map_err(|error| CliError::because("the clinics could not be counted", error))?;
    if count > 0 {
        let known = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        return Ok(known.unwrap_or_default());
    }
    let passwords = Passwords::new(2);
    let mut made = Vec::new();
    let mut clinics = Vec::new();
    for (at, (clinic, domain, time_zone, country)) in CLINICS.into_iter().enumerate() {
        let failed = |error| CliError::because("a demo clinic could not be made", error);
        let org = accounts::create_organization(&services.pool, clinic, time_zone, country)
            .await
            .map_err(failed)?;
        onboard::onboard(services, org, clinic)
            .await
            .map_err(|error| CliError::because("a demo clinic could not be set up", error))?;
        for (role, names) in PEOPLE {
            let email = format!("{}@{domain}.example", role.as_str());
            made.push(make_person(services, &passwords, &[(clinic, org)], role, names[at], email).await?);
        }
        clinics.push((clinic, org));
    }
    made.push(
        make_person(
            services,
            &passwords,
            &clinics,
            Role::Owner,
            "Grace Group",
            "group@clinics.example".to_owned(),
        )
        .await?,
    );
    ready::write(&file, &json!(made))
        .map_err(|error| CliError::because("the demo accounts could not be kept", error))?;
    Ok(made)
}

async fn make_person(
    services: &Services,
    passwords: &Passwords,
    clinics: &[(&str, OrgId)],
    role: Role,
    name: &str,
    email: String,
) -> Result<DemoAccount, CliError> {
    let mut bytes = [0_u8; 12];
    getrandom::fill(&mut bytes).map_err(|error| CliError::because("no password could be made", error))?;
    let password = URL_SAFE_NO_PAD.encode(bytes);
    let new = NewUser { email: &email, name, password: SecretText::new(password.clone()) };
    let made = accounts::create_user(&services.pool, passwords, new).await;
    let user = made.map_err(|error| CliError::because("a demo account could not be made", error))?;
    for (_, org) in clinics {
        let added = onboard::add_member(services, *org, user, role).await;
        added.map_err(|error| CliError::because("a demo account could not be added to its clinic", error))?;
    }
    let (clinic, org) =
        clinics.first().copied().ok_or_else(|| CliError::new("a person of the demo has no clinic"))?;
    let clinic = if clinics.len() > 1 { "both clinics".to_owned() } else { clinic.to_owned() };
    Ok(DemoAccount { clinic, org, role: role.as_str().to_owned(), email, password })
}

/// Tells the person at the terminal how to sign in.
pub fn introduce(accounts: &[DemoAccount], page: &Url) {
    say("");
    say("The sandbox runs: nothing here reaches a real provider. Sign in with");
    for account in accounts {
        say(&format!(
            "  {:<24} {:<18} {:<14} {}",
            account.email, account.password, account.clinic, account.role
        ));
    }
    say(&format!("The stand-ins' page (keys to paste, switches, phone log, place a call): {page}"));
    say("");
}
