//! What became of messages, as their providers tell it: never backwards, whatever order it comes in.
//!
//! One ranking for all providers, in the statement of `db::messages`. A message that failed is told to
//! the clinic's endpoints, once.

use crate::db::OrgTx;
use crate::db::messages::{self, MessageFacts, StatusNews};
use crate::domain::{MessageId, OrgId, ProviderId};
use crate::providers::address::{is_public, is_public_name};
use crate::providers::{Explanation, twilio, whatsapp};
use crate::state::Services;
use crate::vault::Vault;
use crate::webhooks::event_data::{EventData, MessageFailed};
use crate::webhooks::outbound::{OutboundError, OutboundEvent, emit};
use crate::webhooks::twilio_events::OWN_ID;

use super::{CallError, opt_outs};

/// Notes what a provider says about messages of the clinic. Repeating it changes nothing.
///
/// # Errors
/// The database's, and those of writing an event down; then nothing is noted.
pub async fn note(
    services: &Services,
    org: OrgId,
    provider: ProviderId,
    news: &[StatusNews],
) -> Result<(), CallError> {
    if news.is_empty() {
        return Ok(());
    }
    let mut tx = OrgTx::service(&services.pool, org).await?;
    for one in news {
        note_in(&mut tx, &services.vault, provider, one).await?;
    }
    Ok(tx.commit().await?)
}

/// The same for one message, in a transaction that exists.
///
/// # Errors
/// As [`note`].
pub async fn note_in(
    tx: &mut OrgTx,
    vault: &Vault,
    provider: ProviderId,
    news: &StatusNews,
) -> Result<(), OutboundError> {
    let reason = (news.status == "failed").then(|| reason(provider, news.error_code));
    let changed = messages::note_status(tx, provider.as_str(), news, reason.as_deref()).await?;
    let Some(facts) = changed.filter(|_| news.status == "failed") else { return Ok(()) };
    let code = news.error_code.map(|code| code.to_string());
    if opt_outs::is_told_by(provider.as_str(), code.as_deref())
        && let Some(hash) = facts.number_hash()
    {
        opt_outs::note_refusal(tx, &hash, &facts.channel, &facts.recipient_mask).await?;
    }
    tell_failed(tx, vault, &facts, code.as_deref(), reason.as_deref()).await
}

/// Why a message was not delivered, and what to do about it.
fn reason(provider: ProviderId, code: Option<u32>) -> String {
    let explanation: Explanation = match (provider, code) {
        (ProviderId::Twilio, Some(code)) => twilio::errors::explain(code),
        (ProviderId::WhatsApp, Some(code)) => whatsapp::explain(code),
        _ => return "The message was not delivered, and the provider gave no reason.".to_owned(),
    };
    format!("{} {}", explanation.sentence, explanation.fix).trim_end().to_owned()
}

/// Tells the clinic's endpoints of a message that nobody will get.
///
/// # Errors
/// Those of writing an event down.
pub(super) async fn tell_failed(
    tx: &mut OrgTx,
    vault: &Vault,
    facts: &MessageFacts,
    code: Option<&str>,
    reason: Option<&str>,
) -> Result<(), OutboundError> {
    let data = EventData::MessageFailed(MessageFailed {
        message_id: facts.id.0,
        call_id: facts.call_id.clone(),
        provider: facts.provider.clone(),
        channel: facts.channel.clone(),
        purpose: facts.purpose.clone(),
        recipient: facts.recipient_mask.clone(),
        code: code.map(str::to_owned),
        reason: reason.map(str::to_owned),
    });
    emit(tx, vault, &OutboundEvent::of(&data, facts.provider.clone())).await?;
    Ok(())
}

/// The address to which Twilio reports what becomes of a message; none where it could not reach it, or
/// for other providers. Our own id comes back with the report, so one that overtakes the answer is
/// understood.
pub(super) async fn report_address(
    services: &Services,
    org: OrgId,
    id: MessageId,
    provider: ProviderId,
) -> Option<String> {
    if provider != ProviderId::Twilio || !can_be_reached(services) {
        return None;
    }
    match services.twilio_webhook_url(org).await {
        Ok(url) => Some(format!("{url}/status?{OWN_ID}={id}")),
        Err(error) => {
            // The message goes out all the same; only its delivery is not told.
            tracing::warn!(error = &error as &dyn std::error::Error, %org, "no address for delivery reports");
            None
        }
    }
}

/// Whether Twilio can reach the public address: a name or number of the internet, or a stand-in beside us.
fn can_be_reached(services: &Services) -> bool {
    let is_local = |url: &url::Url| match url.host() {
        Some(url::Host::Domain(name)) => !is_public_name(name),
        Some(url::Host::Ipv4(ip)) => !is_public(ip.into()),
        Some(url::Host::Ipv6(ip)) => !is_public(ip.into()),
        None => true,
    };
    // Twilio refuses names with an underscore.
    let is_name = !services.public_url.host_str().unwrap_or_default().contains('_');
    is_local(&services.bases.twilio) || (is_name && !is_local(&services.public_url))
}
