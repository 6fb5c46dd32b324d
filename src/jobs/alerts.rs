//! Sends alerts when they are due: at once when this process has written one, else within a second.
//!
//! Side by side, and of one clinic a few at a time: a provider that does not answer keeps no other clinic's
//! people waiting.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::calls::alert_sending;
use crate::db::DbError;
use crate::db::alerts::LeasedAlert;
use crate::state::Services;

/// Alerts that this process has under way at the same time. Most of them wait for a provider.
const WORKERS: usize = 24;

/// Sends what is due now, and ends. Public so that tests can do it when they choose.
///
/// # Errors
/// Where the database does not say what is due.
pub async fn send_alerts(services: Arc<Services>) -> Result<(), DbError> {
    loop {
        let due = lease(&services, WORKERS).await?;
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

async fn lease(services: &Services, free: usize) -> Result<Vec<LeasedAlert>, DbError> {
    alert_sending::lease(services, i32::try_from(free).unwrap_or(i32::MAX)).await
}

async fn one(services: Arc<Services>, leased: LeasedAlert) {
    alert_sending::send_leased(&services, leased).await;
}

/// Sends until the process stops; then waits for what is under way.
pub(super) async fn work(services: Arc<Services>, stop: CancellationToken) {
    let mut running = JoinSet::new();
    loop {
        while running.try_join_next().is_some() {}
        let free = WORKERS.saturating_sub(running.len());
        if free > 0 {
            let due = lease(&services, free).await;
            let outcome = if due.is_ok() { "done" } else { "failed" };
            metrics::counter!("voxanne_work_total", "task" => "alerts", "outcome" => outcome).increment(1);
            match due {
                Ok(due) => {
                    for leased in due {
                        running.spawn(one(services.clone(), leased));
                    }
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "alerts could not be looked for and are tried again"
                ),
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = services.alerts_due.notified() => {}
            // Its clinic may have another one that waits.
            Some(_) = running.join_next() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
    while running.join_next().await.is_some() {}
}
