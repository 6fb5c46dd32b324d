//! What the service does by itself, by the minute and by the hour: empties what was kept long enough,
//! removes what nobody can bring back, parks what a dead process left in flight, logs the heads of
//! the trails.
//!
//! A gate function names the clinics that have something to do; the work is done in transactions of
//! each clinic, in batches, over rows that no other process works on. One clinic's failure is logged
//! and keeps nobody else waiting.

use std::sync::Arc;

use uuid::Uuid;

use super::ABANDONED_SECONDS;
use crate::audit::{self, Ended, Entry, Origin};
use crate::calls::open_bookings;
use crate::db::overdue::{self, Overdue};
use crate::db::{
    self, DbError, OrgTx, alerts, appointments, calls, changes, counters, credentials, inbound,
    inbound_messages, jobs, leads, messages, notes, outbound, outbound_calls, sessions, tool_calls,
};
use crate::domain::OrgId;
use crate::integrations::endpoints::tend;
use crate::integrations::ensure::ENSURE_ASSISTANTS;
use crate::integrations::{IntegrationError, give_up, signing};
use crate::state::Services;

/// Rows in one transaction.
const BATCH: u64 = 500;
/// Clinics that are named at a time.
const CLINICS: i32 = 200;
/// How often assistants at Vapi are looked after although nobody has changed anything here.
const ENSURE_HOURS: i32 = 24;
/// How long counts of what machines did are kept.
const COUNT_DAYS: i32 = 90;

/// Parks what is stuck, removes what has expired, seals what was written before it was sealed. Public so that tests can run it when they
/// choose, as the others here.
pub async fn sweep_often(services: Arc<Services>) -> Result<(), DbError> {
    let parked = sweep(&services, Overdue::Messages { seconds: ABANDONED_SECONDS }).await;
    let purged = sweep(&services, Overdue::Credentials { days: services.restore_days }).await;
    let settled = sweep(&services, Overdue::Appointments { seconds: ABANDONED_SECONDS }).await;
    let tended = sweep(&services, Overdue::Endpoints).await;
    parked.and(purged).and(settled).and(tended)
}

/// Empties what was kept long enough, deletes ended webhook credentials at Vapi, has assistants looked
/// after that nobody asked about for a day, forgets old counts and rows of the platform.
pub async fn sweep_hourly(services: Arc<Services>) -> Result<(), DbError> {
    let emptied = sweep(&services, Overdue::Payloads).await;
    let forgotten = sweep(&services, Overdue::Patients).await;
    let emptied = sweep(&services, Overdue::Calls).await.and(emptied);
    let emptied = sweep(&services, Overdue::Deliveries).await.and(emptied);
    let deleted = sweep(&services, Overdue::Secrets { days: services.restore_days }).await;
    let looked_after = sweep(&services, Overdue::Assistants { hours: ENSURE_HOURS }).await;
    let old = sweep(&services, Overdue::Counts { days: COUNT_DAYS }).await;
    let ended = sessions::delete_expired(&services.pool).await?;
    counters::prune(&services.pool).await?;
    changes::prune(&services.pool).await?;
    tracing::debug!(ended, "expired sessions were removed");
    emptied.and(forgotten).and(deleted).and(looked_after).and(old)
}

/// Goes through the clinics that have something overdue.
async fn sweep(services: &Services, what: Overdue) -> Result<(), DbError> {
    let mut after = OrgId(Uuid::nil());
    loop {
        let orgs = overdue::list(&services.pool, what, after, CLINICS).await?;
        let Some(last) = orgs.last() else { return Ok(()) };
        after = *last;
        for org in orgs {
            if let Err(error) = sweep_one(services, what, org).await {
                tracing::warn!(error = &error as &dyn std::error::Error, %org, ?what, "a clinic was not swept and is tried again");
            }
        }
    }
}

async fn sweep_one(services: &Services, what: Overdue, org: OrgId) -> Result<(), IntegrationError> {
    if let Overdue::Secrets { days } = what {
        return signing::delete_ended(services, org, days).await;
    }
    if let Overdue::Endpoints = what {
        return tend::tend(services, org).await;
    }
    if let Overdue::Appointments { .. } = what {
        // The calendar is asked, so no transaction is open meanwhile.
        if let Err(error) = open_bookings::settle(services, org).await {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, "open bookings are looked at again later");
        }
        return Ok(());
    }
    if let Overdue::Credentials { .. } = what {
        // Google is asked, so no transaction is open meanwhile.
        give_up::give_up_unconfirmed(services, org).await?;
    }
    loop {
        let mut tx = OrgTx::service(&services.pool, org).await?;
        let rows = match what {
            Overdue::Payloads => empty(&mut tx, org).await?,
            Overdue::Patients => forget(&mut tx, org).await?,
            Overdue::Calls => empty_calls(&mut tx, org).await?,
            Overdue::Deliveries => outbound::empty_old(&mut tx, BATCH as i64).await?,
            Overdue::Credentials { days } => purge(services, &mut tx, days).await?,
            Overdue::Messages { seconds } => park(services, &mut tx, seconds).await?,
            Overdue::Counts { days } => counters::delete_old(&mut tx, days, BATCH as i64).await?,
            Overdue::Assistants { .. } => {
                jobs::request(&mut tx, ENSURE_ASSISTANTS).await?;
                0
            }
            Overdue::Secrets { .. } | Overdue::Appointments { .. } | Overdue::Endpoints => 0,
        };
        tx.commit().await?;
        if rows < BATCH {
            return Ok(());
        }
    }
}

async fn empty(tx: &mut OrgTx, org: OrgId) -> Result<u64, DbError> {
    let events = inbound::empty_old(tx, BATCH as i64).await?;
    let texts = messages::empty_old(tx, BATCH as i64).await?;
    let answers = inbound_messages::empty_old(tx, BATCH as i64).await?;
    let calls = outbound_calls::empty_old(tx, BATCH as i64).await?;
    tracing::info!(%org, events, texts, answers, calls, "what is older than the clinic's retention was emptied");
    Ok(events.max(texts).max(answers).max(calls))
}

async fn forget(tx: &mut OrgTx, org: OrgId) -> Result<u64, DbError> {
    let patients = appointments::empty_old(tx, BATCH as i64).await?;
    let notes = notes::empty_old(tx, BATCH as i64).await?;
    tracing::info!(%org, patients, notes, "patients that are older than the clinic's retention were forgotten");
    Ok(patients.max(notes))
}

async fn empty_calls(tx: &mut OrgTx, org: OrgId) -> Result<u64, DbError> {
    let calls = calls::empty_old(tx, BATCH as i64).await?;
    let leads = leads::empty_old(tx, BATCH as i64).await?;
    let alerts = alerts::empty_old(tx, BATCH as i64).await?;
    tracing::info!(%org, calls, leads, alerts, "calls older than the clinic's retention were emptied");
    Ok(calls.max(leads).max(alerts))
}

async fn purge(services: &Services, tx: &mut OrgTx, days: i32) -> Result<u64, IntegrationError> {
    let drafts = credentials::delete_expired_drafts(tx, BATCH as i64).await?;
    let mut purged = credentials::purge_ended(tx, days, BATCH as i64).await?;
    let versions = purged.len();
    purged.sort_unstable();
    purged.dedup();
    if versions > 0 {
        let details = format!("{versions} out of use for more than {days} days");
        record(services, tx, "credential.purged", purged.join(", "), details).await?;
    }
    Ok(drafts.max(versions as u64))
}

async fn park(services: &Services, tx: &mut OrgTx, seconds: i32) -> Result<u64, IntegrationError> {
    let calls = outbound_calls::park_abandoned(tx, seconds).await?;
    if calls > 0 {
        let details = format!("{calls} with unknown outcome");
        record(services, tx, "call.parked", "outbound calls".to_owned(), details).await?;
    }
    let tools = tool_calls::park_all_abandoned(tx, seconds).await?;
    if tools > 0 {
        let details = format!("{tools} with unknown outcome");
        record(services, tx, "tool_call.parked", "tool calls".to_owned(), details).await?;
    }
    let parked = messages::park_abandoned(tx, seconds).await?;
    if parked > 0 {
        record(
            services,
            tx,
            "message.parked",
            "messages".to_owned(),
            format!("{parked} with unknown outcome"),
        )
        .await?;
    }
    // All at once, so there is no further batch.
    Ok(0)
}

/// A row in the clinic's trail about what the service did by itself.
async fn record(
    services: &Services,
    tx: &mut OrgTx,
    action: &'static str,
    target: String,
    details: String,
) -> Result<(), IntegrationError> {
    let ended = if action.ends_with(".parked") { Ended::Failure } else { Ended::Success };
    let entry = Entry { actor: "service".to_owned(), action, target, ended, details };
    Ok(audit::append(tx, &services.vault, &services.clock, &Origin::default(), entry).await?)
}

/// Writes where every trail ends into the log, which is kept elsewhere: a trail that was cut off,
/// with its head set back, no longer fits the lines of before.
pub async fn log_heads(services: Arc<Services>) -> Result<(), DbError> {
    if let Some((seq, hash)) = db::audit::find_platform_head(&services.pool).await? {
        tracing::info!(org = "platform", seq, hash = hex::encode(hash), "head of an audit trail");
    }
    let mut after = OrgId(Uuid::nil());
    loop {
        let heads = db::audit::list_heads(&services.pool, after, 1000).await?;
        let Some(last) = heads.last() else { return Ok(()) };
        after = last.org_id;
        for head in heads {
            tracing::info!(org = %head.org_id, seq = head.seq, hash = hex::encode(&head.hash), "head of an audit trail");
        }
    }
}
