//! Writes what was gathered in memory: uses, counts of what machines do, news of floods.
//!
//! Each kind for itself: what the database does not take now is put back and waits for the next time,
//! and keeps nothing else from being written. Where the connection breaks after the commit and before
//! its answer, a count is written twice: none is lost.

use std::sync::Arc;

use crate::audit::machines::FloodNews;
use crate::audit::{self, AuditError, Ended, Entry, Origin};
use crate::db::counters::{self, MachineCount};
use crate::db::{DbError, OrgTx, integrations, routes};
use crate::state::Services;

/// Writes what was gathered: one statement per kind.
///
/// # Errors
/// The first one of several; nothing that was gathered is lost.
pub async fn flush(services: Arc<Services>) -> Result<(), DbError> {
    let uses = flush_uses(&services).await;
    let counts = flush_counts(&services).await;
    uses.and(counts)
}

async fn flush_uses(services: &Services) -> Result<(), DbError> {
    let mut used = services.uses.drain();
    // Every process writes in the same order: none waits for a row of another that waits for it.
    let mut integrations: Vec<_> = used.integrations.iter().map(|(key, what)| (*key, *what)).collect();
    integrations.sort_unstable_by_key(|(key, _)| *key);
    if !integrations.is_empty()
        && let Err(error) = integrations::touch(&services.pool, &integrations).await
    {
        services.uses.put_back(used);
        return Err(error);
    }
    used.integrations.clear();
    let mut assistants: Vec<_> = used.assistants.iter().copied().collect();
    let mut called: Vec<_> = used.called.iter().copied().collect();
    assistants.sort_unstable();
    called.sort_unstable();
    if !(assistants.is_empty() && called.is_empty())
        && let Err(error) = routes::touch_assistants(&services.pool, &assistants, &called).await
    {
        services.uses.put_back(used);
        return Err(error);
    }
    Ok(())
}

async fn flush_counts(services: &Services) -> Result<(), DbError> {
    let (mut counts, news) = services.counts.drain(services.clock.now());
    counts.sort_unstable_by_key(|count| (count.org, count.minute, count.cause));
    let written = match counts.is_empty() {
        true => Ok(()),
        false => counters::add(&services.pool, &counts).await,
    };
    let written = match written {
        // One row that can never be written must not keep all others waiting for ever.
        Err(DbError::Constraint { .. }) => one_by_one(services, counts).await,
        Err(error) => {
            services.counts.put_back(counts);
            Err(error)
        }
        Ok(()) => Ok(()),
    };
    for flood in news {
        if let Err(error) = record(services, flood).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a flood was not recorded and is tried again"
            );
            services.counts.put_back_news(flood);
        }
    }
    written
}

async fn one_by_one(services: &Services, counts: Vec<MachineCount>) -> Result<(), DbError> {
    let mut result = Ok(());
    for count in counts {
        match counters::add(&services.pool, std::slice::from_ref(&count)).await {
            Ok(()) => {}
            Err(error @ DbError::Constraint { .. }) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    ?count,
                    "a count can not be written"
                )
            }
            Err(error) => {
                services.counts.put_back(vec![count]);
                result = Err(error);
            }
        }
    }
    result
}

/// A row in the trail of the clinic, or in the platform's.
async fn record(services: &Services, flood: FloodNews) -> Result<(), AuditError> {
    let (action, details) = match flood.total {
        None => ("flood.began", String::new()),
        Some(total) => ("flood.ended", format!("{total} in all")),
    };
    let entry = Entry {
        actor: "service".to_owned(),
        action,
        target: flood.cause.as_str().to_owned(),
        ended: Ended::Denied,
        details,
    };
    let (vault, clock, origin) = (&services.vault, &services.clock, Origin::default());
    let Some(org) = flood.org else {
        return audit::append_platform(&services.pool, vault, clock, &origin, entry).await;
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    audit::append(&mut tx, vault, clock, &origin, entry).await?;
    Ok(tx.commit().await?)
}
