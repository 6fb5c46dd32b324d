//! Works events off the inbox: who handles which, how often it is tried, when a person is asked.
//!
//! A pass takes what is due under a lease of the database, works on a few at a time, and ends when
//! nothing is due. The worker wakes up when this process has stored something, and looks once a second
//! for what others have left. What a handler does happens once, as `webhooks::work` tells.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::ABANDONED_SECONDS;
use crate::calls::incoming;
use crate::calls::reports;
use crate::calls::unfinished::Unfinished;
use crate::db::inbound::LeasedEvent;
use crate::db::{DbError, OrgTx, inbound, messages, tool_calls};
use crate::domain::{EventId, OrgId};
use crate::state::Services;
use crate::webhooks::work::{Begun, Work, WorkError};

/// How long a worker may hold an event. Handlers take milliseconds; what a dead process held is taken
/// by another one after this.
const LEASE_SECONDS: i32 = 30;
/// Events that are leased at a time.
const BATCH: i32 = 32;
/// Events that are worked on at the same time: few, so that requests find connections, and so do those
/// who need another one to fetch a data key.
const AT_ONCE: usize = 2;
/// After this many attempts a person has to look. An attempt is counted when its work begins: what was leased
/// with others by a process that died before it came to it has lost none.
const MOST_ATTEMPTS: i32 = 8;
/// What an event waits for whose tool calls have no end yet, in seconds.
const RUNNING_SECONDS: f64 = 15.0;

/// The registry: what is done with an event, by its source and kind. Which events come here at all is
/// decided when they are stored (`webhooks::inbound::arrival`, and its like of other sources).
async fn handle(services: &Services, work: Work) -> Result<(), WorkError> {
    match (work.source.as_str(), work.kind.as_str()) {
        ("vapi", "tool-calls" | "assistant-request") => end_abandoned(services, work).await,
        ("vapi", "status-update") => reports::work_off_status(services, work).await,
        ("vapi", "end-of-call-report") => reports::work_off_report(services, work).await,
        ("twilio" | "whatsapp", "message") => incoming::work_message(services, work).await,
        ("twilio", "status") => incoming::work_status(services, work).await,
        _ => end_unknown(services, work).await,
    }
}

/// Works until the process stops.
pub async fn work(services: Arc<Services>, stop: CancellationToken) {
    let arrived = services.inbox.arrived();
    loop {
        let done = work_off(services.clone()).await;
        let outcome = if done.is_ok() { "done" } else { "failed" };
        metrics::counter!("voxanne_work_total", "task" => "inbox", "outcome" => outcome).increment(1);
        if let Err(error) = done {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the inbox could not be read and is tried again"
            );
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = arrived.notified() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

/// Works off everything that is due now. Public so that tests can do it when they choose.
///
/// # Errors
/// Where the database does not say what is due; what goes wrong with one event is its own affair.
pub async fn work_off(services: Arc<Services>) -> Result<(), DbError> {
    let mut after = OrgId(Uuid::nil());
    loop {
        let due = inbound::lease(&services.pool, after, BATCH, LEASE_SECONDS).await?;
        after = last_of_walk(after, &due);
        let is_last = due.len() < BATCH as usize;
        let mut running = JoinSet::new();
        for leased in due {
            while running.len() >= AT_ONCE {
                running.join_next().await;
            }
            running.spawn(one(services.clone(), Work::of(leased)));
        }
        while running.join_next().await.is_some() {}
        if is_last {
            return Ok(());
        }
    }
}

/// The clinic at which a walk ended that began behind another one, and may have gone around.
fn last_of_walk(after: OrgId, due: &[LeasedEvent]) -> OrgId {
    let around = due.iter().map(|leased| leased.org_id).filter(|org| *org <= after).max();
    around.or_else(|| due.iter().map(|leased| leased.org_id).max()).unwrap_or(after)
}

/// One event, in a task of its own: a handler that panics takes nothing else along.
async fn one(services: Arc<Services>, work: Work) {
    let (org, event, kind, attempt) = (work.org, work.event, work.kind.clone(), work.attempts + 1);
    let ended = if attempt > MOST_ATTEMPTS {
        // Its process died before the last one could be put off.
        Err("It was begun several times and never came to an end.".to_owned())
    } else {
        let task = tokio::spawn({
            let services = services.clone();
            async move { handle(&services, work).await }
        });
        match task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, %org, %event, kind, attempt, "an event is put off");
                Err(error.to_string())
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, %org, %event, kind, "a handler ended abnormally");
                Err("The service failed on it.".to_owned())
            }
        }
    };
    let outcome = if ended.is_ok() { "done" } else { "failed" };
    metrics::counter!("voxanne_events_total", "kind" => known(&kind), "outcome" => outcome).increment(1);
    let Err(why) = ended else { return };
    if let Err(error) = put_off(&services, org, event, attempt, &why).await {
        // The lease runs out, and then it is taken again.
        tracing::warn!(error = &error as &dyn std::error::Error, %org, %event, "an event could not be put off");
    }
}

/// What a stranger could name must not become a time series of its own.
fn known(kind: &str) -> &'static str {
    ["tool-calls", "assistant-request", "status-update", "end-of-call-report", "message", "status"]
        .into_iter()
        .find(|known| *known == kind)
        .unwrap_or("other")
}

async fn put_off(
    services: &Services,
    org: OrgId,
    event: EventId,
    attempt: i32,
    why: &str,
) -> Result<(), DbError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    inbound::put_off(&mut tx, event, why, pause_after(attempt)).await?;
    tx.commit().await
}

/// Seconds until the next attempt: 2, 4, 8 and so on; none after the last one.
fn pause_after(attempt: i32) -> Option<f64> {
    (attempt < MOST_ATTEMPTS).then(|| f64::from(2_u32.saturating_pow(attempt.clamp(1, 16).unsigned_abs())))
}

/// Ends an event whose process died while it answered, or could not record how that ended: what it had begun
/// is parked for a person, since nobody knows whether its effects happened. What may still be under way is
/// waited for.
async fn end_abandoned(services: &Services, mut work: Work) -> Result<(), WorkError> {
    let Some(payload) = work.open(services).await? else { return Ok(()) };
    let note = Unfinished::of(services, work.org, work.call_id.as_deref(), &payload).await;
    let note = note.map_err(|error| WorkError::Failed(error.into()))?;
    let Some(Begun { mut tx, .. }) = work.lock(services, payload).await? else { return Ok(()) };
    let left = tool_calls::park_abandoned(&mut tx, work.event, ABANDONED_SECONDS).await?;
    messages::park_abandoned(&mut tx, ABANDONED_SECONDS).await?;
    if left.running > 0 {
        return work.wait(tx, "A tool of it may still be at work.", RUNNING_SECONDS).await;
    }
    if left.parked > 0 {
        note.leave(&mut tx, services, work.event).await.map_err(|error| WorkError::Failed(error.into()))?;
        let why = "The service stopped while it answered. Somebody should look whether a message went out.";
        return work.park(tx, why).await;
    }
    work.note("recovered", "ended by the worker: the answer was not recorded");
    work.finish(tx).await
}

/// Nobody handles it in this version: an older or newer process has stored it.
async fn end_unknown(services: &Services, mut work: Work) -> Result<(), WorkError> {
    let Some(Begun { tx, .. }) = work.begin(services).await? else { return Ok(()) };
    work.finish(tx).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_goes_on_from_the_clinic_at_which_the_last_one_ended() {
        let org = |at: u128| OrgId(Uuid::from_u128(at));
        let leased = |at: u128| LeasedEvent {
            org_id: org(at),
            id: EventId(Uuid::nil()),
            source: String::new(),
            kind: String::new(),
            call_id: None,
            attempts: 0,
        };
        let walk = |after: u128, orgs: &[u128]| {
            last_of_walk(org(after), &orgs.iter().map(|at| leased(*at)).collect::<Vec<_>>())
        };
        assert_eq!(walk(0, &[3, 1, 2]), org(3));
        assert_eq!(walk(5, &[7, 1, 2]), org(2), "it has gone around");
        assert_eq!(walk(5, &[]), org(5));
    }

    #[test]
    fn attempts_wait_twice_as_long_each_time_and_end() {
        let pauses: Vec<Option<f64>> = (1..=8).map(pause_after).collect();
        assert_eq!(pauses[..3], [Some(2.0), Some(4.0), Some(8.0)]);
        assert_eq!((pauses[6], pauses[7]), (Some(128.0), None));
    }
}
