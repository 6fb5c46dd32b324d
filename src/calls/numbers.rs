//! A clinic's telephone numbers at Vapi: listed, brought there from its Twilio account, given to an agent.
//!
//! What Vapi told last is kept, so that pages need not ask. A number that another clinic has claimed is
//! not this clinic's, whatever its account at Vapi shows. Nothing is brought to Vapi twice: the list is
//! read before, and after an answer that did not come.

use std::time::Duration;

use uuid::Uuid;

use super::CallError;
use crate::audit::Ended;
use crate::db::phone_numbers::{self, NewPhoneNumber, PhoneNumberRow};
use crate::db::{DbError, OrgTx, agents, routes};
use crate::domain::OrgId;
use crate::domain::ProviderId;
use crate::domain::phone::PhoneNumber;
use crate::integrations::connect::bulkhead;
use crate::integrations::ensure::ROLES;
use crate::integrations::{Caller, IntegrationError};
use crate::providers::egress::Deadline;
use crate::providers::report::Explanation;
use crate::providers::twilio::TwilioCredentials;
use crate::providers::vapi::{PhoneNumberRecord, VapiClient, VapiCredentials, VapiError};
use crate::state::Services;

/// For all requests of one change.
const TIME: Duration = Duration::from_secs(20);
/// The longest name that Vapi takes.
const LONGEST_NAME: usize = 40;

/// A client of Vapi with the clinic's own key.
pub(super) fn client<'a>(
    services: &'a Services,
    org: OrgId,
    credentials: &'a VapiCredentials,
    time: Duration,
) -> VapiClient<'a> {
    VapiClient {
        egress: &services.egress,
        base: &services.bases.vapi,
        key: &credentials.private_key,
        bulkhead: bulkhead(org, ProviderId::Vapi),
        deadline: Deadline::after(time),
    }
}

/// An error of Vapi in the words of what was tried.
pub(super) fn provider_error(error: &VapiError, explanation: &Explanation) -> CallError {
    let sentence = format!("{} {}", explanation.sentence, explanation.fix).trim().to_owned();
    let is_passing = error.is_undetermined();
    let code = if is_passing { "provider_unavailable" } else { "provider_refused" };
    let told = IntegrationError::Provider { code: Some(code), sentence, is_passing };
    if error.may_have_happened() { CallError::Undetermined(told) } else { CallError::Integration(told) }
}

/// Reads the clinic's numbers at Vapi and keeps them; those that another clinic has claimed are left out.
///
/// # Errors
/// Where Vapi is not connected, refuses or does not answer: then what was known stays.
pub async fn refresh(services: &Services, caller: &Caller) -> Result<Vec<PhoneNumberRow>, CallError> {
    caller.require_configure(services, "numbers.refreshed", "vapi").await?;
    let opened =
        services.vault.open::<VapiCredentials>(caller.org()).await.map_err(IntegrationError::from)?;
    let client = client(services, caller.org(), &opened.credentials, TIME);
    read(services, caller, &client).await
}

async fn read(
    services: &Services,
    caller: &Caller,
    client: &VapiClient<'_>,
) -> Result<Vec<PhoneNumberRow>, CallError> {
    let numbers = client.list_phone_numbers().await;
    let numbers = numbers.map_err(|error| provider_error(&error, &error.explain()))?;
    let mut tx = caller.begin(services).await?;
    let mut known = Vec::with_capacity(numbers.len());
    for number in &numbers {
        if store(&mut tx, number).await? {
            known.push(number.id);
        }
    }
    phone_numbers::retain(&mut tx, &known).await?;
    let rows = phone_numbers::list(&mut tx).await?;
    tx.commit().await?;
    services.resolver.evict(caller.org());
    Ok(rows)
}

/// Claims a number and keeps what is known of it; false where another clinic has it.
async fn store(tx: &mut OrgTx, record: &PhoneNumberRecord) -> Result<bool, DbError> {
    let number = record.number.as_deref().unwrap_or("without digits");
    if !routes::claim_phone_number(tx, record.id, number).await? {
        return Ok(false);
    }
    let new = NewPhoneNumber {
        id: record.id,
        number,
        name: record.name.as_deref().unwrap_or_default(),
        provider: record.provider.as_deref().unwrap_or_default(),
        assistant_id: record.assistant_id,
    };
    phone_numbers::upsert(tx, &new).await?;
    Ok(true)
}

/// Brings a number of the clinic's own Twilio account to Vapi and lets the inbound agent answer it. The
/// number's webhook for text messages stays as it is.
///
/// # Errors
/// [`CallError::Invalid`] for `number`; where Vapi or Twilio is not connected; what Vapi says. Where it is
/// not known whether Vapi has it, asking again is safe.
pub async fn import(
    services: &Services,
    caller: &Caller,
    number: &str,
    name: &str,
) -> Result<PhoneNumberRow, CallError> {
    caller.require_configure(services, "number.imported", "vapi").await?;
    let number = PhoneNumber::parse(number)
        .map_err(|error| CallError::Invalid { field: "number", message: format!("{}.", error.sentence()) })?;
    let name = name.trim();
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("A name has {LONGEST_NAME} characters at most.");
        return Err(CallError::Invalid { field: "name", message });
    }
    let org = caller.org();
    let vapi = services.vault.open::<VapiCredentials>(org).await.map_err(IntegrationError::from)?;
    let twilio = services.vault.open::<TwilioCredentials>(org).await.map_err(IntegrationError::from)?;
    let client = client(services, org, &vapi.credentials, TIME);
    let known = read(services, caller, &client).await?;
    if let Some(row) = known.into_iter().find(|row| row.number == number.as_str()) {
        return Ok(row);
    }
    let mut tx = caller.begin(services).await?;
    let assistant = agents::find_ready(&mut tx, "inbound").await?;
    tx.commit().await?;
    let shown = if name.is_empty() { number.as_str() } else { name };
    let made = client.import_twilio_number(&number, shown, assistant, &twilio.credentials).await;
    let record = made.map_err(|error| provider_error(&error, &error.explain_number()))?;
    let mut tx = caller.begin(services).await?;
    if !store(&mut tx, &record).await? {
        return Err(taken());
    }
    let row = phone_numbers::find(&mut tx, record.id).await?.ok_or(DbError::NotFound)?;
    caller.record(&mut tx, services, "number.imported", "vapi", Ended::Success, number.as_str()).await?;
    tx.commit().await?;
    services.resolver.evict(org);
    Ok(row)
}

fn taken() -> CallError {
    CallError::Integration(IntegrationError::Provider {
        code: Some("number_claimed"),
        sentence: "This number is already connected to another clinic. Ask support to move it.".to_owned(),
        is_passing: false,
    })
}

/// Lets an agent answer a number, or nobody where `role` is none.
///
/// # Errors
/// [`DbError::NotFound`] for a number that is not this clinic's, [`CallError::Invalid`] for `role`, and what
/// Vapi says.
pub async fn bind(
    services: &Services,
    caller: &Caller,
    id: Uuid,
    role: Option<&str>,
) -> Result<PhoneNumberRow, CallError> {
    caller.require_configure(services, "number.bound", "vapi").await?;
    let mut tx = caller.begin(services).await?;
    phone_numbers::find(&mut tx, id).await?.ok_or(DbError::NotFound)?;
    let assistant = match role {
        Some(role) if ROLES.contains(&role) => Some(agents::find_ready(&mut tx, role).await?),
        Some(_) => {
            let message = "Use inbound or outbound, or nothing.".to_owned();
            return Err(CallError::Invalid { field: "role", message });
        }
        None => None,
    };
    tx.commit().await?;
    let assistant = match assistant {
        Some(None) => return Err(not_ready(role.unwrap_or_default())),
        Some(found) => found,
        None => None,
    };
    let org = caller.org();
    let opened = services.vault.open::<VapiCredentials>(org).await.map_err(IntegrationError::from)?;
    let client = client(services, org, &opened.credentials, TIME);
    let record = client.assign_phone_number(id, assistant).await;
    let record = record.map_err(|error| provider_error(&error, &error.explain_number()))?;
    let mut tx = caller.begin(services).await?;
    if !store(&mut tx, &record).await? {
        return Err(taken());
    }
    let row = phone_numbers::find(&mut tx, record.id).await?.ok_or(DbError::NotFound)?;
    let details = format!("{}, {}", row.number, role.unwrap_or("nobody"));
    caller.record(&mut tx, services, "number.bound", "vapi", Ended::Success, &details).await?;
    tx.commit().await?;
    services.resolver.evict(org);
    Ok(row)
}

/// An agent that has no assistant at Vapi yet.
pub(super) fn not_ready(role: &str) -> CallError {
    CallError::Integration(IntegrationError::Provider {
        code: Some("agent_not_ready"),
        sentence: format!("The {role} agent is not ready at Vapi yet. Look under Agents what is missing."),
        is_passing: false,
    })
}
