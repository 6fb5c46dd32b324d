//! Sends events out: takes what is due, so many at a time, and lets `webhooks::delivery` make each try.
//!
//! Everything is taken under a lease of the database, so any number of processes may do this; what a
//! dead one held is due again when its lease ends. No clinic has more than a tenth of the workers, nor
//! more than [`PER_SECOND`] tries a second, by the clock of the database and in all processes together.
//!
//! The queue is looked at when this process has put something in, when a try has ended, for a moment after
//! something was taken, and otherwise once a second: for what is due by its time, and for what other
//! processes put in. However many endpoints wait
//! in it, looking takes a tenth of the time at most.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::db::delivery_queue::{self as queue, Leased, Share};
use crate::db::{DbError, OrgTx};
use crate::integrations::endpoints::SheetRows;
use crate::state::Services;
use crate::webhooks::breaker::FAILURES_TO_OPEN;
use crate::webhooks::delivery::{self, DeliveryError, Plan};

/// Deliveries that this process has under way at the same time.
const WORKERS: usize = 40;
/// Of them, those of one clinic, wherever they are worked on.
const PER_CLINIC: i32 = 4;
/// A try takes 15 seconds at most; what is held for longer has lost its process.
const LEASE_SECONDS: i32 = 45;
/// Tries of one clinic that begin within a second.
const PER_SECOND: i32 = 20;
/// How often the queue is looked at where nobody says that there is something.
const PERIOD: Duration = Duration::from_secs(1);
/// The same while a clinic may have more than its rate let through: for a moment after something was taken.
const BUSY_PERIOD: Duration = Duration::from_millis(200);
const BUSY_FOR: Duration = Duration::from_millis(1_500);
/// The shortest time from one look to the next.
const BREATH: Duration = Duration::from_millis(100);
/// Looking takes such a part of the time at most.
const LOOKING: u32 = 10;
/// The wait after a try that could not be made because of us.
const PAUSE_SECONDS: f64 = 10.0;

/// Sends until the process stops; then waits for the tries that are under way.
pub async fn send(services: Arc<Services>, stop: CancellationToken) {
    let mut running = JoinSet::new();
    let mut after = (Uuid::nil(), Uuid::nil());
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut rest = BREATH;
    let mut took_at: Option<Instant> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
            () = queue::DUE.notified() => {}
            () = tokio::time::sleep(BUSY_PERIOD), if took_at.is_some_and(|at| at.elapsed() < BUSY_FOR) => {}
            Some(_) = running.join_next() => {}
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(rest) => {}
        }
        while running.try_join_next().is_some() {}
        let free = WORKERS.saturating_sub(running.len());
        if free == 0 {
            continue;
        }
        let began = Instant::now();
        let due = match queue::lease(&services.pool, after, &share(free, PER_SECOND)).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the queue of deliveries could not be read and is tried again"
                );
                metrics::counter!("voxanne_work_total", "task" => "deliveries", "outcome" => "failed")
                    .increment(1);
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        rest = BREATH.max(began.elapsed() * LOOKING);
        if !due.is_empty() {
            took_at = Some(began);
        }
        after = due.last().map_or(after, |last| (last.org_id.0, last.endpoint_id));
        for leased in due {
            running.spawn(one(services.clone(), leased));
        }
    }
    while running.join_next().await.is_some() {}
}

/// Sends everything that is due now, and ends. Public so that tests can do it when they choose. It keeps no
/// rate: that would only spread it over time.
///
/// # Errors
/// Where the database does not say what is due.
pub async fn send_due(services: Arc<Services>) -> Result<(), DbError> {
    loop {
        let due = queue::lease(&services.pool, (Uuid::nil(), Uuid::nil()), &share(WORKERS, i32::MAX)).await?;
        if due.is_empty() {
            return Ok(());
        }
        let mut running = JoinSet::new();
        for leased in due {
            running.spawn(one(services.clone(), leased));
        }
        while running.join_next().await.is_some() {}
    }
}

fn share(free: usize, per_second: i32) -> Share {
    Share {
        most: i32::try_from(free).unwrap_or(PER_CLINIC),
        lease_seconds: LEASE_SECONDS,
        per_clinic: PER_CLINIC,
        per_endpoint: PER_CLINIC,
        failures: FAILURES_TO_OPEN,
        per_second,
    }
}

/// One delivery: what goes wrong on our side is put off and tried again.
async fn one(services: Arc<Services>, leased: Leased) {
    let Leased { org_id: org, delivery_id: delivery, claim, .. } = leased;
    let Err(error) = attempt(&services, leased).await else { return };
    tracing::warn!(error = &error as &dyn std::error::Error, %org, %delivery, "a delivery is put off");
    let given_back = async {
        let mut tx = OrgTx::service(&services.pool, org).await?;
        queue::give_back(&mut tx, delivery, claim, PAUSE_SECONDS).await?;
        tx.commit().await
    };
    if let Err(error) = given_back.await {
        // The lease runs out, and then it is taken again.
        tracing::warn!(error = &error as &dyn std::error::Error, %org, %delivery, "a delivery could not be put off");
    }
}

async fn attempt(services: &Services, leased: Leased) -> Result<(), DeliveryError> {
    let mut tx = OrgTx::service(&services.pool, leased.org_id).await?;
    let job = queue::find_job(&mut tx, leased.delivery_id, leased.claim).await?;
    tx.commit().await?;
    let Some(job) = job else { return Ok(()) };
    if delivery::is_cut_off(&job) {
        return delivery::record_cut_off(services, leased.org_id, &job).await;
    }
    let answer = delivery::send(services, &SheetRows, leased.org_id, &job, delivery::TRY).await?;
    delivery::record(services, leased.org_id, &job, &answer, Plan::Schedule).await?;
    Ok(())
}
