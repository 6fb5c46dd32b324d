//! Background work: due jobs and news of changes. Events of the inbox are worked off in `inbox`, events out
//! sent in `deliveries`, alerts in `alerts`, counters written in `flush`; what is emptied, removed and logged by
//! the hour is in `sweep`.
//!
//! Everything is under a lease or a row lock by database time, so any number of processes may run
//! this. Nothing here raises: what fails is logged and tried again.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::db::{DbError, OrgTx, changes, jobs};
use crate::integrations::ensure::{self, ENSURE_ASSISTANTS};
use crate::integrations::voice_key::{self, REGISTER_VOICE_KEY};
use crate::state::Services;

mod alerts;
mod deliveries;
mod flush;
mod inbox;
mod sweep;

pub use alerts::send_alerts;
pub use deliveries::{send as send_deliveries, send_due as send_due_deliveries};
pub use flush::flush;
pub use inbox::work_off as work_off_inbox;
pub use sweep::{log_heads, sweep_hourly, sweep_often};

/// How long a worker may hold a job.
const LEASE_SECONDS: i32 = 90;
/// Tool calls and messages that are still running after this have lost their process.
const ABANDONED_SECONDS: i32 = 60;

/// Starts what every process does: news of changes and the writing of counters.
pub fn start_housekeeping(
    services: &Arc<Services>,
    listen: PgConnectOptions,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(listen_for_changes(services.clone(), listen, stop.clone()));
    tasks.spawn(poll_for_changes(services.clone(), stop.clone()));
    tasks.spawn(every(Duration::from_secs(10), services.clone(), stop.clone(), "flush", flush));
    tasks
}

/// Starts the worker: the inbox, deliveries, alerts, jobs, sweeps.
pub fn start_worker(services: &Arc<Services>, stop: &CancellationToken) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(every(Duration::from_secs(1), services.clone(), stop.clone(), "jobs", run_due_jobs));
    tasks.spawn(inbox::work(services.clone(), stop.clone()));
    tasks.spawn(alerts::work(services.clone(), stop.clone()));
    tasks.spawn(deliveries::send(services.clone(), stop.clone()));
    tasks.spawn(every(Duration::from_secs(60), services.clone(), stop.clone(), "sweep", sweep_often));
    tasks.spawn(every(Duration::from_secs(3600), services.clone(), stop.clone(), "tidy", sweep_hourly));
    tasks.spawn(every(Duration::from_secs(3600), services.clone(), stop.clone(), "heads", log_heads));
    tasks
}

async fn every<F, R>(
    period: Duration,
    services: Arc<Services>,
    stop: CancellationToken,
    name: &'static str,
    work: F,
) where
    F: Fn(Arc<Services>) -> R,
    R: Future<Output = Result<(), DbError>>,
{
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let done = work(services.clone()).await;
        let outcome = if done.is_ok() { "done" } else { "failed" };
        metrics::counter!("voxanne_work_total", "task" => name, "outcome" => outcome).increment(1);
        if let Err(error) = done {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                task = name,
                "background work failed and is tried again"
            );
        }
    }
}

/// Runs the jobs that are due. Public so that tests can run them when they choose.
pub async fn run_due_jobs(services: Arc<Services>) -> Result<(), DbError> {
    for job in jobs::lease(&services.pool, 8, LEASE_SECONDS).await? {
        let done = match job.kind.as_str() {
            ENSURE_ASSISTANTS => ensure::ensure_assistants(&services, job.org_id).await.map(|_| ()),
            REGISTER_VOICE_KEY => voice_key::register(&services, job.org_id).await,
            kind => {
                tracing::error!(kind, "nobody knows this kind of job");
                continue;
            }
        };
        if let Err(error) = done {
            let seconds = f64::from(5_u32.saturating_mul(1 << job.attempts.clamp(0, 9)).min(1800));
            tracing::warn!(error = &error as &dyn std::error::Error, org = %job.org_id, seconds, "a job is put off");
            let mut tx = OrgTx::service(&services.pool, job.org_id).await?;
            jobs::put_off(&mut tx, &job.kind, &error.sentence(), seconds).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// Listens for changes on a connection of its own. A reconnect means that news may have been lost,
/// so everything is forgotten then.
async fn listen_for_changes(services: Arc<Services>, options: PgConnectOptions, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let listened = tokio::select! {
            () = stop.cancelled() => return,
            listened = listen_until_lost(&services, options.clone()) => listened,
        };
        if let Err(error) = listened {
            tracing::warn!(error = &error as &dyn std::error::Error, "the listener for changes was lost");
        }
        services.evict_all();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

async fn listen_until_lost(services: &Services, options: PgConnectOptions) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options.application_name("voxanne-listen"))
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(changes::CHANNEL).await?;
    services.evict_all();
    while let Some(news) = listener.try_recv().await? {
        match news.payload().parse() {
            Ok(org) => services.evict(org),
            Err(_) => services.evict_all(),
        }
    }
    Ok(())
}

/// Catches up by the sequence of changes, for the time when nobody listens.
async fn poll_for_changes(services: Arc<Services>, stop: CancellationToken) {
    let mut seen = changes::newest(&services.pool).await.ok();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
        let news = match seen {
            Some(seq) => changes::list_since(&services.pool, seq).await,
            None => changes::newest(&services.pool).await.map(|newest| (Vec::new(), newest)),
        };
        match news {
            Ok((orgs, newest)) => {
                if seen.is_none() {
                    services.evict_all();
                }
                orgs.into_iter().for_each(|org| services.evict(org));
                seen = Some(newest);
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the changes could not be read")
            }
        }
    }
}
