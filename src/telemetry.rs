//! Logs and metrics.
//!
//! What must never stand in a log: secrets, bodies, query strings, patients' words, full telephone
//! numbers. Types help (secrets cannot be printed); a test with planted canaries holds the rest.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Why logging or metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("logging was set up twice")]
    Logs(#[from] tracing_subscriber::util::TryInitError),
    #[error("metrics were set up twice")]
    Metrics,
}

/// Sends log lines to standard error: `text` for people, `json` for machines. `RUST_LOG` filters.
pub fn start_logs(format: &str) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,tower_sessions=warn,hyper=warn"));
    let registry = tracing_subscriber::registry().with(filter);
    if format == "json" {
        registry.with(tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr)).try_init()?;
    } else {
        registry
            .with(tracing_subscriber::fmt::layer().compact().with_target(false).with_writer(std::io::stderr))
            .try_init()?;
    }
    Ok(())
}

/// Starts collecting metrics; the handle renders them as Prometheus text. Whoever starts them must
/// run the handle's upkeep from time to time: without it, times pile up until somebody asks.
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    PrometheusBuilder::new().install_recorder().map_err(|_| TelemetryError::Metrics)
}
