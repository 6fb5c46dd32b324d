//! The telephone numbers of a clinic's account at Vapi: claimed for it, so that calls without an assistant
//! find their clinic.

use super::IntegrationError;
use super::claims::{Claimed, end_if_lost};
use super::ensure::{claim_error, provider_error};
use crate::db::phone_numbers::{self, NewPhoneNumber};
use crate::db::{DbError, OrgTx, routes};
use crate::domain::OrgId;
use crate::providers::vapi::{PhoneNumberRecord, VapiClient};
use crate::state::Services;

/// Numbers of other clinics that one run asks about: each costs a request.
const MOST_ASKED: usize = 5;

/// Lists the phone numbers of the account and claims them. A number that another clinic has stays there
/// as long as that clinic's key shows it, and the card says so. The outer `None` means that the numbers
/// could not be listed, so nothing new is known.
pub(super) async fn claim_numbers(
    services: &Services,
    org: OrgId,
    client: &VapiClient<'_>,
) -> Result<Option<Option<String>>, IntegrationError> {
    let numbers = match client.list_phone_numbers().await {
        Ok(numbers) => numbers,
        // A key that may not read numbers is a limited one; its card says so.
        Err(error) if !error.is_undetermined() => return Ok(None),
        Err(error) => return Err(provider_error(&error)),
    };
    let mut taken = Vec::new();
    let mut own = Vec::new();
    let mut tx = OrgTx::service(&services.pool, org).await?;
    for number in &numbers {
        if claim(&mut tx, number).await? { own.push(number.id) } else { taken.push(number) }
    }
    phone_numbers::retain(&mut tx, &own).await?;
    tx.commit().await?;
    let mut kept = Vec::new();
    for (at, number) in taken.into_iter().enumerate() {
        let what = Claimed::PhoneNumber(number.id);
        if at < MOST_ASKED && end_if_lost(services, org, what).await.map_err(claim_error)? {
            let mut tx = OrgTx::service(&services.pool, org).await?;
            let is_ours = claim(&mut tx, number).await?;
            tx.commit().await?;
            if is_ours {
                continue;
            }
        }
        tracing::warn!(%org, "a phone number of this clinic is claimed by another one");
        kept.push(text(number));
    }
    Ok(Some(taken_notice(&kept)))
}

fn text(number: &PhoneNumberRecord) -> &str {
    number.number.as_deref().unwrap_or("without digits")
}

/// Claims a number and keeps what is known of it; false where another clinic has it.
async fn claim(tx: &mut OrgTx, number: &PhoneNumberRecord) -> Result<bool, DbError> {
    if !routes::claim_phone_number(tx, number.id, text(number)).await? {
        return Ok(false);
    }
    let new = NewPhoneNumber {
        id: number.id,
        number: text(number),
        name: number.name.as_deref().unwrap_or_default(),
        provider: number.provider.as_deref().unwrap_or_default(),
        assistant_id: number.assistant_id,
    };
    phone_numbers::upsert(tx, &new).await?;
    Ok(true)
}

/// What the card says about numbers that another clinic has. It does not say which clinic.
fn taken_notice(numbers: &[&str]) -> Option<String> {
    let (first, more) = numbers.split_first()?;
    let which = match more.len() {
        0 => format!("The phone number {first} is"),
        1 => format!("The phone numbers {first} and {} are", more[0]),
        others => format!("The phone number {first} and {others} others of this Vapi account are"),
    };
    Some(format!(
        "{which} already in use by another clinic of this service, so calls that come in there are not \
         answered for this clinic. Disconnect Vapi in the other clinic first, or ask support to move the number."
    ))
}
