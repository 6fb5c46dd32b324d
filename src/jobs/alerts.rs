//! Sends alerts when they are due: at once when this process has written one, else within a second.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::calls::alert_sending;
use crate::db::DbError;
use crate::state::Services;

/// Sends what is due now. Public so that tests can do it when they choose.
///
/// # Errors
/// Where the database does not say what is due.
pub async fn send_alerts(services: Arc<Services>) -> Result<(), DbError> {
    alert_sending::send_due(&services).await
}

/// Sends until the process stops.
pub(super) async fn work(services: Arc<Services>, stop: CancellationToken) {
    loop {
        let done = send_alerts(services.clone()).await;
        let outcome = if done.is_ok() { "done" } else { "failed" };
        metrics::counter!("voxanne_work_total", "task" => "alerts", "outcome" => outcome).increment(1);
        if let Err(error) = done {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "alerts could not be looked for and are tried again"
            );
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = services.alerts_due.notified() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}
