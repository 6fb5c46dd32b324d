//! Works status updates and end-of-call reports off the inbox: the call, its lead, whom to tell.
//!
//! One transaction does all of it and ends the event, so a report that comes twice, or whose process
//! dies anywhere, makes one call, one lead and one alert. Nobody outside is asked here: alerts are rows
//! that `alert_sending` sends, events out are rows that are delivered later.

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::alerts::{self, HotLead};
use super::ended_reasons::{self, ToolUse};
use super::lead_score::{self, Heard, Score};
use super::patients::{Patient, appointment_place};
use super::report::{TALK, Told, tidy_name};
use crate::db::calls::{self, CallFacts, HeldCall};
use crate::db::leads::{self, NewLead};
use crate::db::{DbError, OrgTx, appointments};
use crate::domain::mask::mask_phone;
use crate::domain::{OrgId, sample};
use crate::state::Services;
use crate::vault::{Place, Sealed, VaultError};
use crate::webhooks::event_data::{CallEnded, Caller, EventData, Lead, Reason};
use crate::webhooks::outbound::{self, OutboundEvent};
use crate::webhooks::work::{Begun, Work, WorkError};

/// The place that a call's details are bound to.
pub const fn details_place(org: OrgId, call: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "calls", column: "sealed_details", provider: "", row: call }
}

/// The place that a lead's name and number are bound to.
pub const fn contact_place(org: OrgId, lead: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "leads", column: "sealed_contact", provider: "", row: lead }
}

/// A status: opens the call's row, or ends it until the report tells more.
///
/// # Errors
/// Nothing has happened then.
pub async fn work_off_status(services: &Services, mut work: Work) -> Result<(), WorkError> {
    let Some(Begun { mut tx, payload, received_at }) = work.begin(services).await? else { return Ok(()) };
    let message = &payload["message"];
    let Some(call_id) = work.call_id.clone().filter(|_| message.is_object()) else {
        return work.finish(tx).await;
    };
    let told = Told::read(message, received_at);
    let is_ended = message["status"] == "ended";
    let held = calls::hold(&mut tx, &call_id, Uuid::now_v7(), told.started_at.unwrap_or(received_at)).await?;
    let reason = told.ended_reason.as_deref().unwrap_or_default();
    let outcome = if is_ended && !held.is_reported {
        let tools = tools_of(&mut tx, &call_id).await?;
        Some(ended_reasons::outcome(reason, told.duration_seconds, &tools))
    } else {
        None
    };
    let details = if held.has_details || told.number.is_none() {
        None
    } else {
        Some(seal_details(services, work.org, held.id, &told).await?)
    };
    let mask = told.number.as_deref().map(mask_phone);
    let facts = CallFacts {
        is_ended,
        ended_at: is_ended.then(|| told.ended_at.unwrap_or(received_at)),
        outcome: outcome.map(ended_reasons::Outcome::as_str),
        details: details.as_ref().map(|sealed| (sealed.as_bytes(), sealed.key_version())),
        ..facts(&told, mask.as_deref())
    };
    calls::update(&mut tx, held.id, &facts).await?;
    work.stage("noted");
    work.finish(tx).await
}

/// A report: what the call was, what it came to, whether its caller is a lead, and whom to tell.
///
/// # Errors
/// Nothing has happened then.
pub async fn work_off_report(services: &Services, mut work: Work) -> Result<(), WorkError> {
    let Some(payload) = work.open(services).await? else { return Ok(()) };
    // Before the transaction: the key of fingerprints may have to be fetched.
    let number = Told::read(&payload["message"], services.clock.now()).number;
    let caller_key = match &number {
        Some(number) => Some(caller_key(services, work.org, number).await?),
        None => None,
    };
    let booked_for = match &work.call_id {
        Some(call_id) => name_of_booking(services, work.org, call_id).await?,
        None => None,
    };
    let Some(Begun { mut tx, payload, received_at }) = work.lock(services, payload).await? else {
        return Ok(());
    };
    let message = &payload["message"];
    let Some(call_id) = work.call_id.clone().filter(|_| message.is_object()) else {
        return work.finish(tx).await;
    };
    let mut told = Told::read(message, received_at);
    told.name = told.name.or(booked_for);
    let held = calls::hold(&mut tx, &call_id, Uuid::now_v7(), told.started_at.unwrap_or(received_at)).await?;
    if held.is_reported {
        // Played again: the call was told before, and is not told twice.
        return work.finish(tx).await;
    }
    let tools = tools_of(&mut tx, &call_id).await?;
    let reason = told.ended_reason.as_deref().unwrap_or_default();
    let outcome = ended_reasons::outcome(reason, told.duration_seconds, &tools);
    let details = seal_details(services, work.org, held.id, &told).await?;
    let mask = told.number.as_deref().map(mask_phone);
    let facts = CallFacts {
        is_ended: true,
        is_report: true,
        ended_at: told.ended_at.or(Some(received_at)),
        outcome: Some(outcome.as_str()),
        details: Some((details.as_bytes(), details.key_version())),
        has_summary: !told.summary.is_empty() || !told.structured.is_null(),
        ..facts(&told, mask.as_deref())
    };
    calls::update(&mut tx, held.id, &facts).await?;
    work.stage("call noted");
    let event = call_ended(&call_id, &held, &told, outcome, received_at);
    outbound::emit(&mut tx, &services.vault, &event).await?;
    if told.direction == Some(TALK) {
        // Whoever tries the agent out plays a patient. Nobody is to be called back, and nobody woken.
        work.stage("not scored");
        return work.finish(tx).await;
    }

    let score = lead_score::score(&Heard {
        structured: &told.structured,
        summary: &told.summary,
        outcome,
        duration_seconds: told.duration_seconds,
        tools: &tools,
        has_name: told.name.is_some(),
        has_number: told.number.is_some(),
    });
    let subject =
        Subject { call_id: &call_id, held: &held, told: &told, mask: mask.as_deref(), key: caller_key };
    let alerts = note_lead(services, &mut tx, &work, &subject, &score, received_at).await?;
    work.stage("scored");
    work.finish(tx).await?;
    if alerts > 0 {
        services.alerts_due.notify_one();
    }
    Ok(())
}

/// The name that a call has booked an appointment for: whoever said it to the agent need not have said it in a
/// way that the analysis finds.
async fn name_of_booking(
    services: &Services,
    org: OrgId,
    call_id: &str,
) -> Result<Option<String>, WorkError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let row = appointments::find_of_call(&mut tx, call_id).await?;
    tx.commit().await?;
    let Some(row) = row else { return Ok(None) };
    let place = appointment_place(org, row.id);
    let patient = Patient::open(services, &place, row.sealed_patient.as_ref()).await?;
    Ok(patient.and_then(|patient| tidy_name(&patient.name)))
}

/// A keyed hash by which a caller is known again, in this clinic only.
async fn caller_key(services: &Services, org: OrgId, number: &str) -> Result<[u8; 32], VaultError> {
    let value = [org.0.as_bytes().as_slice(), number.as_bytes()].concat();
    services.vault.fingerprint("lead caller", &value).await
}

fn facts<'a>(told: &'a Told, mask: Option<&'a str>) -> CallFacts<'a> {
    CallFacts {
        direction: told.direction,
        assistant: told.assistant,
        caller_mask: mask,
        started_at: told.started_at,
        duration_seconds: told.duration_seconds,
        ended_reason: told.ended_reason.as_deref(),
        cost: told.cost,
        ..CallFacts::default()
    }
}

async fn tools_of(tx: &mut OrgTx, call_id: &str) -> Result<Vec<ToolUse>, DbError> {
    let rows = calls::list_tools(tx, call_id).await?;
    Ok(rows.into_iter().map(|(name, status)| ToolUse { name, status }).collect())
}

async fn seal_details(
    services: &Services,
    org: OrgId,
    call: Uuid,
    told: &Told,
) -> Result<Sealed, VaultError> {
    let details = json!({
        "number": told.number,
        "name": told.name,
        "summary": told.summary,
        "structuredData": told.structured,
        "successEvaluation": told.evaluation,
    });
    services.vault.seal(&details_place(org, call), details.to_string().as_bytes()).await
}

fn rfc3339(at: OffsetDateTime) -> Option<String> {
    at.format(&Rfc3339).ok()
}

fn call_ended(
    call_id: &str,
    held: &HeldCall,
    told: &Told,
    outcome: ended_reasons::Outcome,
    received_at: OffsetDateTime,
) -> OutboundEvent {
    let reason = told.ended_reason.as_deref().unwrap_or_default();
    let data = CallEnded {
        call_id: call_id.to_owned(),
        id: held.id,
        direction: told.direction.map(str::to_owned),
        caller: Caller { number: told.number.clone(), name: told.name.clone() },
        started_at: told.started_at.and_then(rfc3339),
        ended_at: told.ended_at.or(Some(received_at)).and_then(rfc3339),
        duration_seconds: told.duration_seconds,
        ended_reason: reason.to_owned(),
        ended_reason_text: ended_reasons::words(reason),
        outcome: outcome.as_str().to_owned(),
        cost: told.cost,
        summary: told.summary.clone(),
        structured_data: told.structured.clone(),
    };
    OutboundEvent::of(&EventData::CallEnded(Box::new(data)), "call")
}

/// The call whose caller is scored.
struct Subject<'a> {
    call_id: &'a str,
    held: &'a HeldCall,
    told: &'a Told,
    mask: Option<&'a str>,
    key: Option<[u8; 32]>,
}

/// Notes the score, the lead, and at the first time that it is hot the alerts. Returns how many.
async fn note_lead(
    services: &Services,
    tx: &mut OrgTx,
    work: &Work,
    subject: &Subject<'_>,
    score: &Score,
    received_at: OffsetDateTime,
) -> Result<usize, WorkError> {
    let Subject { call_id, held, told, mask, key } = subject;
    let reasons = serde_json::to_value(&score.reasons)?;
    if !score.is_lead() {
        calls::note_score(tx, held.id, None, score.points, &reasons, false).await?;
        return Ok(0);
    }
    let settings = alerts::load(services, tx, work.org).await?;
    let is_hot = score.points >= settings.threshold;
    let id = Uuid::now_v7();
    let contact = json!({ "name": told.name, "number": told.number }).to_string();
    let sealed = services.vault.seal(&contact_place(work.org, id), contact.as_bytes()).await?;
    let new = NewLead {
        id,
        call_id,
        caller_key: key.as_ref().map(<[u8; 32]>::as_slice),
        caller_mask: *mask,
        score: score.points,
        reasons: &reasons,
        at: told.started_at.unwrap_or(received_at),
        key_version: sealed.key_version(),
    };
    let lead = leads::hold(tx, &new).await?;
    // A lead of before is sealed in its own place, with the name where this call has told one.
    let sealed = match (lead.id == id, &told.name) {
        (true, _) => Some(sealed),
        (false, Some(_)) => {
            Some(services.vault.seal(&contact_place(work.org, lead.id), contact.as_bytes()).await?)
        }
        (false, None) => None,
    };
    let becomes_hot = is_hot && !lead.was_hot;
    let contact = sealed.as_ref().map(|sealed| (sealed.as_bytes(), sealed.key_version()));
    leads::update(tx, lead.id, contact, becomes_hot).await?;
    calls::note_score(tx, held.id, Some(lead.id), score.points, &reasons, is_hot).await?;

    let data = Lead {
        lead_id: lead.id,
        call_id: (*call_id).to_owned(),
        name: told.name.clone(),
        number: told.number.clone(),
        score: score.points,
        is_hot,
        reasons: score
            .reasons
            .iter()
            .map(|reason| Reason {
                key: reason.key.to_owned(),
                points: reason.points,
                text: reason.text.to_owned(),
            })
            .collect(),
    };
    let scored = OutboundEvent::of(&EventData::LeadScored(data.clone()), "call");
    outbound::emit(tx, &services.vault, &scored).await?;
    if !becomes_hot {
        return Ok(0);
    }
    let hot = OutboundEvent::of(&EventData::LeadHot(data), "call");
    outbound::emit(tx, &services.vault, &hot).await?;
    // A test that reaches nobody outside wakes nobody either.
    if sample::is_quiet(call_id) {
        return Ok(0);
    }
    let hot = HotLead {
        id: lead.id,
        name: told.name.as_deref(),
        number: told.number.as_deref(),
        score: score.points,
    };
    alerts::raise(services, tx, work.org, &settings, &hot).await
}
