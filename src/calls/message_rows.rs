//! The row of a message: written before anybody is asked, and how its send ended after it.
//!
//! The look for an opt-out is a part of writing the row, so no way of sending can go around it.

use super::messages::Purpose;
use super::opt_outs::{self, OPTED_OUT};
use super::{CallError, incidents, statuses};
use crate::db::messages::{self, NewMessage, SendResult};
use crate::db::{self, OrgTx};
use crate::domain::{MessageId, OrgId, ProviderId};
use crate::state::Services;
use crate::webhooks::outbound::OutboundError;

/// Messages that agents send by themselves, in one call and of one clinic in an hour: whoever talks an agent into
/// sending texts does not get many. `docs/appointments.md` tells clinics.
const MOST_IN_CALL: i64 = 3;
const MOST_IN_HOUR: i64 = 240;

/// Whoever was at something that is told once has waited for too long: another one is at it now.
pub(super) const TAKEN_OVER: &str = "taken_over";

/// Writes the row of a message, or, for a number that does not want any, the row of one that was not
/// sent, and says so. One look in one transaction, so no provider is asked for such a number. Of what is
/// told once nothing is written where the claim on it holds no more, and of what an agent sends by itself
/// nothing beyond its limits.
///
/// # Errors
/// [`opt_outs::refusal`], [`TAKEN_OVER`], [`CallError::Limited`], or why the row could not be written; nothing may be sent then.
pub(super) async fn insert_unless_out(
    services: &Services,
    org: OrgId,
    row: &NewMessage<'_>,
) -> Result<(), CallError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    if let Some(once) = row.once
        && !once.holds(&mut tx).await?
    {
        tx.rollback().await;
        let message = "Another worker has taken this message over.";
        return Err(CallError::Conflict { code: TAKEN_OVER, message });
    }
    if row.purpose == Purpose::Tool.as_str()
        && let Some(call) = row.call_id
    {
        let counts = messages::count_of_tools(&mut tx, call).await?;
        let limit = if counts.in_call >= MOST_IN_CALL {
            Some("An agent can send three messages in a call.")
        } else if counts.in_hour >= MOST_IN_HOUR {
            Some("The agents of this clinic have sent as many messages as they can in an hour.")
        } else {
            None
        };
        if let Some(sentence) = limit {
            tx.rollback().await;
            return Err(CallError::Limited { sentence: sentence.to_owned(), seconds: 3600 });
        }
    }
    let is_out = db::opt_outs::is_out(&mut tx, row.recipient_hash).await?;
    messages::insert(&mut tx, row).await?;
    if is_out {
        let result = SendResult {
            status: "failed",
            provider_message_id: None,
            error_code: Some(OPTED_OUT),
            error: Some(opt_outs::SENTENCE),
        };
        end(&mut tx, services, row.id, &result, true).await?;
    }
    tx.commit().await?;
    if is_out { Err(opt_outs::refusal()) } else { Ok(()) }
}

/// Writes how a send ended; `is_final` where nobody else is tried, so that a failure is one.
async fn end(
    tx: &mut OrgTx,
    services: &Services,
    id: MessageId,
    result: &SendResult<'_>,
    is_final: bool,
) -> Result<(), OutboundError> {
    let Some(facts) = messages::finish(tx, id, result).await? else { return Ok(()) };
    if opt_outs::is_told_by(&facts.provider, result.error_code)
        && let Some(hash) = facts.number_hash()
    {
        opt_outs::note_refusal(tx, &hash, &facts.channel, &facts.recipient_mask).await?;
    }
    if is_final && result.status == "failed" {
        statuses::tell_failed(tx, &services.vault, &facts, result.error_code, result.error).await?;
    }
    Ok(())
}

/// Writes the result of a send on its row. `works` names the provider that has taken it: what stood in
/// its way is over.
pub(super) async fn record(
    services: &Services,
    org: OrgId,
    id: MessageId,
    result: &SendResult<'_>,
    works: Option<ProviderId>,
    is_final: bool,
) -> Result<(), OutboundError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    end(&mut tx, services, id, result, is_final).await?;
    if let Some(provider) = works {
        incidents::close_in(&mut tx, &services.vault, provider).await?;
    }
    Ok(tx.commit().await?)
}
