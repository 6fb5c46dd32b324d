//! The end of an endpoint that wants nothing or only fails: switched off, what waits for it parked, and the
//! clinic told.
//!
//! People see it on their overview until they switch the endpoint on again or delete it, owners get an
//! e-mail where the clinic can send one, the trail has a row, and the clinic's other endpoints an event.
//! When it comes to this is decided in `retry`.

use uuid::Uuid;

use super::delivery::DeliveryError;
use super::event_data::{ENDPOINT, EventData, NeedsAttention};
use super::outbound::{OutboundEvent, emit_but};
use super::owners::{self, Notice};
use super::retry::SwitchOff;
use crate::audit::{self, Ended, Entry, Origin};
use crate::db::incidents::{self, Seen};
use crate::db::{OrgTx, delivery_queue as queue, endpoints};
use crate::state::Services;

/// Switches an endpoint off; whether it was on. The last thing that a transaction does.
///
/// # Errors
/// The transaction must not be committed then.
pub async fn switch_off(
    services: &Services,
    tx: &mut OrgTx,
    endpoint: Uuid,
    reason: SwitchOff,
) -> Result<bool, DeliveryError> {
    if !endpoints::switch_off(tx, endpoint, reason.as_str()).await? {
        return Ok(false);
    }
    let what = match reason {
        SwitchOff::Gone => "The endpoint answered 410 (gone), so it was switched off.",
        SwitchOff::Failing => {
            "The endpoint failed for five days without one success, so it was switched off."
        }
    };
    let parked = queue::park(tx, endpoint, what).await?;
    let name = endpoints::find(tx, endpoint).await?.map_or_else(String::new, |row| row.workflow_name);
    tracing::warn!(org = %tx.org(), %endpoint, reason = reason.as_str(), parked, "an endpoint was switched off");

    let id = Uuid::now_v7();
    let sentence =
        format!("{what} {} Mend it and switch it on again; what was parked can go out then.", waits(parked));
    let seen =
        Seen { id, kind: reason.as_str(), target: &incidents::of_endpoint(endpoint), sentence: &sentence };
    if incidents::note(tx, &seen).await? {
        let data = EventData::NeedsAttention(NeedsAttention {
            incident_id: id,
            provider: ENDPOINT.to_owned(),
            endpoint: Some(name.clone()),
            cause: reason.as_str().to_owned(),
            what: what.to_owned(),
        });
        emit_but(tx, &services.vault, &OutboundEvent::of(&data, "worker"), Some(endpoint)).await?;
        let subject = format!("Your endpoint {name} was switched off");
        owners::tell(services, tx, &Notice { incident: id, subject: &subject, sentence: &sentence }).await?;
    }
    let entry = Entry {
        actor: "service".to_owned(),
        action: "endpoint.switched_off",
        target: name,
        ended: Ended::Failure,
        details: format!("{}; {parked} more deliveries parked", reason.as_str()),
    };
    audit::append(tx, &services.vault, &services.clock, &Origin::default(), entry).await?;
    Ok(true)
}

fn waits(parked: u64) -> String {
    match parked {
        0 => "Nothing else was waiting for it.".to_owned(),
        1 => "One more delivery was waiting for it and is parked.".to_owned(),
        more => format!("{more} more deliveries were waiting for it and are parked."),
    }
}
