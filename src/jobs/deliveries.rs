//! Sends events out: takes what is due, so many at a time, and lets `webhooks::delivery` make each try.
//!
//! Everything is taken under a lease of the database, so any number of processes may do this; what a
//! dead one held is due again when its lease ends. No clinic has more than a tenth of the workers, and
//! the queue is looked at five times a second, so a clinic's rate has an upper bound too.

use std::sync::Arc;
use std::time::Duration;

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
const PERIOD: Duration = Duration::from_millis(200);
/// The wait after a try that could not be made because of us.
const PAUSE_SECONDS: f64 = 10.0;

/// Sends until the process stops; then waits for the tries that are under way.
pub async fn send(services: Arc<Services>, stop: CancellationToken) {
    let mut running = JoinSet::new();
    let mut after = (Uuid::nil(), Uuid::nil());
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        while running.try_join_next().is_some() {}
        let free = WORKERS.saturating_sub(running.len());
        if free == 0 {
            continue;
        }
        let due = match queue::lease(&services.pool, after, &share(free)).await {
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
        after = due.last().map_or(after, |last| (last.org_id.0, last.endpoint_id));
        for leased in due {
            running.spawn(one(services.clone(), leased));
        }
    }
    while running.join_next().await.is_some() {}
}

/// Sends everything that is due now, and ends. Public so that tests can do it when they choose.
///
/// # Errors
/// Where the database does not say what is due.
pub async fn send_due(services: Arc<Services>) -> Result<(), DbError> {
    loop {
        let due = queue::lease(&services.pool, (Uuid::nil(), Uuid::nil()), &share(WORKERS)).await?;
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

fn share(free: usize) -> Share {
    Share {
        most: i32::try_from(free).unwrap_or(PER_CLINIC),
        lease_seconds: LEASE_SECONDS,
        per_clinic: PER_CLINIC,
        per_endpoint: PER_CLINIC,
        failures: FAILURES_TO_OPEN,
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
    let answer = delivery::send(services, &SheetRows, leased.org_id, &job, delivery::TRY).await?;
    delivery::record(services, leased.org_id, &job, &answer, Plan::Schedule).await?;
    Ok(())
}
