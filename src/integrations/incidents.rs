//! Incidents: a provider that a call needed and did not get, told once for as long as it lasts.
//!
//! Many calls may meet the same cause; the clinic gets one incident, one event out when it begins and
//! one when it is over, and its owners an e-mail where it can send any (`webhooks::owners`). Noting one is
//! never a reason for anything to fail. What of a call's errors is the account's fault is decided in
//! `calls::incidents`. An endpoint that was switched off is an incident too: `webhooks::delivery` notes it.

use uuid::Uuid;

use crate::audit::Ended;
use crate::db::incidents::{self, IncidentRow, Seen};
use crate::db::{DbError, OrgTx};
use crate::domain::{OrgId, ProviderId};
use crate::state::Services;
use crate::vault::Vault;
use crate::webhooks::event_data::{ENDPOINT, EventData, NeedsAttention, Recovered};
use crate::webhooks::outbound::{self, OutboundError, OutboundEvent};
use crate::webhooks::owners::{self, Notice};

use super::error::provider_name;
use super::{Caller, IntegrationError};

/// Why a provider was of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The clinic has connected nothing.
    NotConnected,
    /// Somebody of the clinic has paused it.
    Paused,
    /// The provider refuses the account, or what is stored of it can not be used.
    Refused,
    /// It did not answer, or not in time.
    Unreachable,
}

impl Cause {
    /// The word in the database and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::NotConnected => "not_connected",
            Cause::Paused => "paused",
            Cause::Refused => "refused",
            Cause::Unreachable => "unreachable",
        }
    }
}

/// Something that stands in the way of a clinic's calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub provider: ProviderId,
    pub cause: Cause,
    /// What happened and what to do, for people of the clinic.
    pub sentence: String,
}

/// Notes that a provider stands in the way: opens an incident, or counts it where it is open.
pub async fn note(services: &Services, org: OrgId, trouble: &Trouble) {
    if let Err(error) = try_note(services, org, trouble).await {
        tracing::warn!(error = &error as &dyn std::error::Error, %org, provider = trouble.provider.as_str(), "an incident was not noted");
    }
}

async fn try_note(services: &Services, org: OrgId, trouble: &Trouble) -> Result<(), OutboundError> {
    let Trouble { provider, cause, sentence } = trouble;
    let (id, cause) = (Uuid::now_v7(), cause.as_str());
    let seen = Seen { id, kind: cause, target: provider.as_str(), sentence };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let is_new = incidents::note(&mut tx, &seen).await?;
    if is_new {
        let data = EventData::NeedsAttention(NeedsAttention {
            incident_id: id,
            provider: provider.as_str().to_owned(),
            endpoint: None,
            cause: cause.to_owned(),
            what: sentence.clone(),
        });
        outbound::emit(&mut tx, &services.vault, &OutboundEvent::of(&data, "call")).await?;
        // Nobody can be mailed by what is broken.
        if *provider != ProviderId::Resend {
            let subject = format!("{} stands in the way of your calls", provider_name(*provider));
            owners::tell(services, &mut tx, &Notice { incident: id, subject: &subject, sentence }).await?;
        }
        tracing::warn!(%org, provider = provider.as_str(), cause, "a provider stands in the way of a clinic's calls");
    }
    tx.commit().await?;
    if is_new {
        services.alerts_due.notify_one();
    }
    Ok(())
}

/// Closes what is open of a provider that has just been of use, in the caller's transaction.
///
/// # Errors
/// The transaction must not be committed then.
pub async fn close_in(tx: &mut OrgTx, vault: &Vault, provider: ProviderId) -> Result<(), OutboundError> {
    for closed in incidents::close_of(tx, provider.as_str()).await? {
        outbound::emit(tx, vault, &recovered(&closed, "call")).await?;
    }
    Ok(())
}

/// The same in a transaction of its own; what goes wrong is logged and tried at the next use.
pub async fn close(services: &Services, org: OrgId, provider: ProviderId) {
    let closed = async {
        let mut tx = OrgTx::service(&services.pool, org).await?;
        close_in(&mut tx, &services.vault, provider).await?;
        Ok::<_, OutboundError>(tx.commit().await?)
    };
    if let Err(error) = closed.await {
        tracing::warn!(error = &error as &dyn std::error::Error, %org, provider = provider.as_str(), "an incident was not closed");
    }
}

/// The same for a caller who has no time: in a task of its own.
pub fn close_later(services: &Services, org: OrgId, provider: ProviderId) {
    let Some(services) = services.shared() else { return };
    tokio::spawn(async move { close(&services, org, provider).await });
}

/// Closes what is open of an endpoint that somebody has seen to, in the caller's transaction.
///
/// # Errors
/// The transaction must not be committed then.
pub async fn close_endpoint_in(
    tx: &mut OrgTx,
    vault: &Vault,
    endpoint: Uuid,
    by: &str,
) -> Result<(), OutboundError> {
    for closed in incidents::close_of(tx, &incidents::of_endpoint(endpoint)).await? {
        // All but the one that it is about, which missed the beginning too.
        outbound::emit_but(tx, vault, &recovered(&closed, by), Some(endpoint)).await?;
    }
    Ok(())
}

/// What endpoints are told when an incident is over.
fn recovered(closed: &IncidentRow, by: &str) -> OutboundEvent {
    let provider = match closed.endpoint {
        Some(_) => ENDPOINT.to_owned(),
        None => closed.target.clone(),
    };
    let data = EventData::Recovered(Recovered {
        incident_id: closed.id,
        provider,
        endpoint: closed.endpoint.clone(),
        cause: closed.kind.clone(),
        times: closed.count,
    });
    OutboundEvent::of(&data, by)
}

/// Settles an incident by hand; gives the name of its provider.
///
/// # Errors
/// Not found where it is not open.
pub async fn settle(services: &Services, caller: &Caller, id: &str) -> Result<String, IntegrationError> {
    let id = Uuid::try_parse(id).map_err(|_| DbError::NotFound)?;
    caller.require_configure(services, "incident.settled", &id.to_string()).await?;
    let mut tx = caller.begin(services).await?;
    let closed = incidents::settle(&mut tx, id, caller.user()).await?.ok_or(DbError::NotFound)?;
    caller
        .record(&mut tx, services, "incident.settled", &closed.target, Ended::Success, &closed.kind)
        .await?;
    tx.commit().await?;
    Ok(name_of(&closed))
}

/// The open incidents of the transaction's clinic, newest first.
pub async fn list_open(tx: &mut OrgTx) -> Result<Vec<IncidentRow>, DbError> {
    incidents::list_open(tx).await
}

/// The name of the provider or endpoint that an incident is about.
pub fn name_of(row: &IncidentRow) -> String {
    if let Some(endpoint) = &row.endpoint {
        return format!("Endpoint {endpoint}");
    }
    row.target.parse().map_or_else(|_| row.target.clone(), |id| provider_name(id).to_owned())
}
