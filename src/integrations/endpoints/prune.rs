//! Old history: written into an archive first, then deleted. Endpoints, their counts and the counts by
//! the hour stay.
//!
//! The archive has one JSON object a line: a delivery, what was sent where it is still kept, and its
//! attempts. What is sealed is opened for it, except answers: it is the clinic's own data, in the
//! operator's hands, so the file is as secret as the database with its key.

use std::io::Write;

use serde_json::{Value, json};

use crate::audit::{self, Ended, Entry, Origin};
use crate::db::OrgTx;
use crate::db::deliveries::{self, PrunableRow};
use crate::domain::OrgId;
use crate::integrations::IntegrationError;
use crate::state::Services;
use crate::webhooks::outbound::Payload;

/// Deliveries that are archived and deleted at a time.
const BATCH: i64 = 500;

/// What was pruned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub deliveries: u64,
    pub attempts: u64,
}

/// Why nothing more was pruned. What was archived before is deleted, nothing else.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    #[error("the archive can not be written")]
    Archive(#[from] std::io::Error),
    #[error("the history can not be read or deleted")]
    Integration(#[from] IntegrationError),
}

impl From<crate::db::DbError> for PruneError {
    fn from(error: crate::db::DbError) -> Self {
        PruneError::Integration(error.into())
    }
}

/// Something that keeps what is written to it: a file that is synced.
pub trait Archive: Write {
    /// Returns when what was written so far outlives a power cut.
    fn keep(&mut self) -> std::io::Result<()>;
}

impl Archive for std::fs::File {
    fn keep(&mut self) -> std::io::Result<()> {
        self.flush()?;
        self.sync_all()
    }
}

/// Archives and deletes the finished deliveries of a clinic that are older than so many days. A batch is
/// deleted only when its lines are on the disk; killed in between, lines stand there twice and nothing
/// is lost.
pub async fn prune(
    services: &Services,
    org: OrgId,
    days: i32,
    archive: &mut dyn Archive,
    mut progress: impl FnMut(Pruned),
) -> Result<Pruned, PruneError> {
    let mut total = Pruned::default();
    loop {
        let mut tx = OrgTx::service(&services.pool, org).await?;
        let rows = deliveries::list_prunable(&mut tx, days, BATCH).await?;
        tx.commit().await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let mut line = line_of(services, org, row).await?.to_string();
            line.push('\n');
            archive.write_all(line.as_bytes())?;
        }
        archive.keep()?;
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let events: Vec<_> = rows.iter().map(|row| row.event_id).collect();
        let mut tx = OrgTx::service(&services.pool, org).await?;
        let (gone, attempts) = deliveries::delete(&mut tx, &ids, &events).await?;
        tx.commit().await?;
        total.deliveries += gone;
        total.attempts += attempts;
        progress(total);
        // Somebody replayed all of them just now: they are looked at next time.
        if gone == 0 {
            break;
        }
    }
    let mut tx = OrgTx::service(&services.pool, org).await?;
    while deliveries::delete_untold(&mut tx, days, BATCH).await? == BATCH.unsigned_abs() {}
    if total.deliveries > 0 {
        let entry = Entry {
            actor: "operator".to_owned(),
            action: "delivery.pruned",
            target: "deliveries".to_owned(),
            ended: Ended::Success,
            details: format!(
                "{} deliveries and {} attempts older than {days} days",
                total.deliveries, total.attempts
            ),
        };
        audit::append(&mut tx, &services.vault, &services.clock, &Origin::default(), entry)
            .await
            .map_err(IntegrationError::from)?;
    }
    tx.commit().await?;
    Ok(total)
}

async fn line_of(services: &Services, org: OrgId, row: &PrunableRow) -> Result<Value, PruneError> {
    let payload = match &row.sealed_payload {
        Some(sealed) => match Payload::open(&services.vault, org, row.event_id, sealed.clone()).await {
            Ok(payload) => json!({ "body": payload.body, "metadata": payload.metadata }),
            Err(error) if error.is_unreadable() => json!({ "unreadable": true }),
            Err(error) => return Err(IntegrationError::from(error).into()),
        },
        None => Value::Null,
    };
    Ok(json!({
        "organization": org.to_string(),
        "delivery": row.delivery.0,
        "payload": payload,
        "attempts": row.attempts.0,
    }))
}
