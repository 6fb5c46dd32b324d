//! Old history: written into an archive first, then deleted. Endpoints, their counts and the counts by
//! the hour stay.
//!
//! The archive has one JSON object a line: a delivery with what was sent and its attempts with what was
//! answered, or an event that nobody was to be told of. It holds all that is deleted, opened: sealed bytes
//! would be worth nothing once the clinic's data keys are rotated or destroyed, and whoever is asked for a
//! clinic's history needs to read it. So the file is as secret as the database together with its key.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::{self, Ended, Entry, Origin};
use crate::db::OrgTx;
use crate::db::deliveries::{self, PrunableRow};
use crate::domain::OrgId;
use crate::integrations::IntegrationError;
use crate::state::Services;
use crate::vault::{Sealed, VaultError};
use crate::webhooks::delivery::answer_place;
use crate::webhooks::outbound::Payload;

/// Deliveries that are archived and deleted at a time. Each may have several answers of 64 KiB.
const BATCH: i64 = 100;

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
            write(archive, &line_of(services, org, row).await?)?;
        }
        archive.keep()?;
        let mut tx = OrgTx::service(&services.pool, org).await?;
        let (gone, attempts) = deliveries::delete(&mut tx, &rows).await?;
        tx.commit().await?;
        total.deliveries += gone;
        total.attempts += attempts;
        progress(total);
        // Somebody replayed all of them just now: they are looked at next time.
        if gone == 0 {
            break;
        }
    }
    prune_untold(services, org, days, archive).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
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

/// The same with events that nobody was to be told of.
async fn prune_untold(
    services: &Services,
    org: OrgId,
    days: i32,
    archive: &mut dyn Archive,
) -> Result<(), PruneError> {
    loop {
        let mut tx = OrgTx::service(&services.pool, org).await?;
        let rows = deliveries::list_untold(&mut tx, days, BATCH).await?;
        tx.commit().await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            let payload = payload_of(services, org, row.id, row.sealed_payload.as_ref()).await?;
            let event = &row.event.0;
            write(archive, &json!({ "organization": org.to_string(), "event": event, "payload": payload }))?;
        }
        archive.keep()?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let mut tx = OrgTx::service(&services.pool, org).await?;
        let gone = deliveries::delete_untold(&mut tx, &ids).await?;
        tx.commit().await?;
        if gone == 0 {
            return Ok(());
        }
    }
}

fn write(archive: &mut dyn Archive, value: &Value) -> std::io::Result<()> {
    let mut line = value.to_string();
    line.push('\n');
    archive.write_all(line.as_bytes())
}

async fn line_of(services: &Services, org: OrgId, row: &PrunableRow) -> Result<Value, PruneError> {
    let payload = payload_of(services, org, row.event_id, row.sealed_payload.as_ref()).await?;
    let mut attempts = row.attempts.0.clone();
    for attempt in attempts.as_array_mut().into_iter().flatten() {
        let answer = answer_of(services, org, attempt).await?;
        if let Some(attempt) = attempt.as_object_mut() {
            attempt.remove("sealed_answer");
            attempt.insert("answer".to_owned(), answer);
        }
    }
    Ok(json!({
        "organization": org.to_string(),
        "delivery": row.delivery.0,
        "payload": payload,
        "attempts": attempts,
    }))
}

/// What was sent; null once retention has emptied it.
async fn payload_of(
    services: &Services,
    org: OrgId,
    event: Uuid,
    sealed: Option<&Vec<u8>>,
) -> Result<Value, PruneError> {
    let Some(sealed) = sealed else { return Ok(Value::Null) };
    match Payload::open(&services.vault, org, event, sealed.clone()).await {
        Ok(payload) => Ok(json!({ "body": payload.body, "metadata": payload.metadata })),
        Err(error) => unreadable(error, sealed),
    }
}

/// What was answered: text, or Base64 where it is none; null where there was nothing, and once retention has
/// emptied it.
async fn answer_of(services: &Services, org: OrgId, attempt: &Value) -> Result<Value, PruneError> {
    let id = attempt["id"].as_str().and_then(|id| id.parse().ok());
    let bytes = attempt["sealed_answer"].as_str().and_then(|text| text.strip_prefix("\\x"));
    let (Some(id), Some(bytes)) = (id, bytes.and_then(|digits| hex::decode(digits).ok())) else {
        return Ok(Value::Null);
    };
    let opened = async {
        let sealed = Sealed::parse(bytes.clone())?;
        services.vault.open_at(&answer_place(org, id), &sealed).await
    };
    match opened.await {
        Ok(answer) => Ok(match std::str::from_utf8(answer.expose()) {
            Ok(text) => json!({ "text": text }),
            Err(_) => json!({ "base64": STANDARD.encode(answer.expose()) }),
        }),
        Err(error) => unreadable(error, &bytes),
    }
}

/// One value that does not open keeps nobody from archiving the others; it is kept as it is.
fn unreadable(error: VaultError, sealed: &[u8]) -> Result<Value, PruneError> {
    if error.is_unreadable() {
        return Ok(json!({ "sealed": STANDARD.encode(sealed) }));
    }
    Err(IntegrationError::from(error).into())
}
