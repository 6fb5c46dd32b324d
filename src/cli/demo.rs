//! Demo clinics of the sandbox: two, with an owner, an admin and a member each, and a person who
//! owns both.
//!
//! Their passwords are random, drawn once per data folder and kept beside the sandbox's own state;
//! the server listens on loopback only. They are written down before anybody is made, and each step
//! can be repeated, so that a start that is killed leaves nothing that the next one does not mend.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::{CliError, ready, say};
use crate::audit::Origin;
use crate::auth::accounts::{self, AccountError, NewUser};
use crate::auth::password::Passwords;
use crate::db::{fresh_id, organizations, users};
use crate::domain::{OrgId, Role};
use crate::integrations::found::{FoundError, Maker, NewClinic, Person, add_person, found};
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

/// What the first start is going to make.
#[derive(Serialize, Deserialize)]
struct Plan {
    /// In the order of [`CLINICS`].
    clinics: Vec<OrgId>,
    accounts: Vec<DemoAccount>,
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
/// Who owns both, and what the list says of where.
const GROUP: (&str, &str) = ("Grace Group", "group@clinics.example");
const BOTH: &str = "both clinics";

/// The demo accounts, made where the database has no clinic yet.
pub async fn prepare(data_dir: &Path, services: &Arc<Services>) -> Result<Vec<DemoAccount>, CliError> {
    let (file, plan_file) = (data_dir.join("demo-accounts.json"), data_dir.join("demo-accounts.plan.json"));
    let count = organizations::count(&services.pool)
        .await
        .map_err(|error| CliError::because("the clinics could not be counted", error))?;
    let plan: Option<Plan> = read(&plan_file);
    if count > 0 && plan.is_none() {
        // Of a finished demo, or of no demo at all: then there is nobody to tell of.
        return match read(&file) {
            Some(known) => Ok(known),
            None => renew(services, &file).await,
        };
    }
    let plan = match plan {
        Some(plan) => plan,
        None => {
            let plan = draw()?;
            write(&plan_file, &json!(plan))?;
            plan
        }
    };
    carry_out(services, &plan).await?;
    write(&file, &json!(plan.accounts))?;
    std::fs::remove_file(&plan_file).map_err(unkept)?;
    Ok(plan.accounts)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

fn write(path: &Path, content: &serde_json::Value) -> Result<(), CliError> {
    ready::write(path, content).map_err(unkept)
}

fn unkept(error: std::io::Error) -> CliError {
    CliError::because("the demo accounts could not be kept", error)
}

fn draw() -> Result<Plan, CliError> {
    let clinics: Vec<OrgId> = CLINICS.iter().map(|_| fresh_id()).collect();
    let mut accounts = Vec::new();
    for ((clinic, domain, ..), org) in CLINICS.into_iter().zip(&clinics) {
        for (role, _) in PEOPLE {
            let email = format!("{}@{domain}.example", role.as_str());
            accounts.push(account(clinic, *org, role, email)?);
        }
    }
    let first = clinics.first().copied().unwrap_or_else(fresh_id);
    accounts.push(account(BOTH, first, Role::Owner, GROUP.1.to_owned())?);
    Ok(Plan { clinics, accounts })
}

fn account(clinic: &str, org: OrgId, role: Role, email: String) -> Result<DemoAccount, CliError> {
    let (clinic, role) = (clinic.to_owned(), role.as_str().to_owned());
    Ok(DemoAccount { clinic, org, role, email, password: password()? })
}

fn password() -> Result<String, CliError> {
    let mut bytes = [0_u8; 12];
    getrandom::fill(&mut bytes).map_err(|error| CliError::because("no password could be made", error))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Makes what is not there yet.
async fn carry_out(services: &Services, plan: &Plan) -> Result<(), CliError> {
    let origin = Origin::default();
    let by = || Maker { name: "sandbox", origin: &origin };
    let failed = |error| CliError::because("a demo clinic could not be made", error);
    for ((name, _, time_zone, country), id) in CLINICS.into_iter().zip(&plan.clinics) {
        let clinic = NewClinic { id: Some(*id), name, time_zone, country, must_be_first: false };
        match found(services, &clinic, None, by()).await {
            Ok(_) | Err(FoundError::Account(AccountError::SlugTaken)) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let passwords = Passwords::new(2);
    for account in &plan.accounts {
        let orgs = if account.clinic == BOTH { plan.clinics.clone() } else { vec![account.org] };
        let role: Role = account.role.parse().map_err(|()| CliError::new("a demo account has no role"))?;
        for org in orgs {
            let known = users::find_by_email(&services.pool, &account.email)
                .await
                .map_err(|error| CliError::because("a demo account could not be looked up", error))?;
            let added = match &known {
                Some(user) => {
                    let person = Person::Known { id: user.id, email: &user.email };
                    add_person(services, org, person, role, by()).await
                }
                None => {
                    let password = SecretText::new(account.password.clone());
                    let new = NewUser { email: &account.email, name: name_of(account), password };
                    let new = accounts::prepare(&passwords, new)
                        .await
                        .map_err(|error| CliError::because("a demo account could not be made", error))?;
                    add_person(services, org, Person::New(&new), role, by()).await
                }
            };
            match added {
                Ok(()) | Err(FoundError::Account(AccountError::AlreadyIn)) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
    Ok(())
}

fn name_of(account: &DemoAccount) -> &'static str {
    let at = CLINICS.iter().position(|clinic| clinic.0 == account.clinic);
    let role = PEOPLE.iter().find(|(role, _)| role.as_str() == account.role);
    match (at, role) {
        (Some(at), Some((_, names))) => names[at],
        _ => GROUP.0,
    }
}

/// New passwords for the people of the demo who are there: the file with the old ones is gone, and
/// nobody could sign in.
async fn renew(services: &Services, file: &Path) -> Result<Vec<DemoAccount>, CliError> {
    let failed = |error| CliError::because("the demo accounts could not be renewed", error);
    let passwords = Passwords::new(2);
    let mut renewed = Vec::new();
    for mut account in draw()?.accounts {
        let Some(user) = users::find_by_email(&services.pool, &account.email).await.map_err(failed)? else {
            continue;
        };
        let own = users::organizations_of(&services.pool, user.id).await.map_err(failed)?;
        let Some((org, _)) = own.iter().find(|(_, name)| *name == account.clinic).or(own.first()) else {
            continue;
        };
        account.org = *org;
        let hash = passwords
            .hash(SecretText::new(account.password.clone()))
            .await
            .map_err(|error| CliError::because("no password could be made", error))?;
        users::replace_password_hash(&services.pool, user.id, &user.password_hash, &hash)
            .await
            .map_err(failed)?;
        renewed.push(account);
    }
    if !renewed.is_empty() {
        write(file, &json!(renewed))?;
    }
    Ok(renewed)
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
