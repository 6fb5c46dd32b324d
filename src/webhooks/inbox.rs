//! The durable inbox: verified events are stored in shared commits.
//!
//! What arrived while the last commit ran goes into the next one; there is no timer. The queue is
//! bounded, and one organization gets at most a quarter of it. A sender is told "accepted" after the
//! commit, never before. Only [`Verified`] opens the inbox.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use super::inbound::Verified;
use crate::db::inbound::{DUE, InboxWriter, NewEvent};
use crate::db::{DbError, PgPool};
use crate::domain::OrgId;

/// Events that may wait.
const QUEUE: usize = 4096;
/// Events in one statement at most.
const BATCH: usize = 512;
/// How long the writer keeps its connection when nothing comes.
const IDLE: Duration = Duration::from_millis(500);

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    New,
    /// It was there before.
    Duplicate,
}

/// Why an event was not stored. Nothing of it was kept; the sender may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    #[error("too many events are waiting")]
    Full,
    #[error("the database is not available")]
    Unavailable,
    #[error("the database refused the event")]
    Refused,
}

struct Waiting {
    /// Boxed, as it is moved from hand to hand and sorted among others.
    event: Box<NewEvent>,
    answer: oneshot::Sender<Result<Stored, InboxError>>,
    /// Held by what waits in the queue, not by who waits for the answer: hanging up frees nothing.
    share: Share,
}

type Shares = Arc<Mutex<HashMap<OrgId, usize>>>;

/// The sending side of the inbox.
#[derive(Clone)]
pub struct Inbox {
    queue: mpsc::Sender<Waiting>,
    by_org: Shares,
    /// Told when something was committed that a worker is to take up.
    arrived: Arc<Notify>,
}

impl Inbox {
    /// Starts the writer; it ends when the last clone of the inbox is dropped and the queue is
    /// empty.
    pub fn start(pool: PgPool) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let arrived = Arc::<Notify>::default();
        tokio::spawn(write_batches(pool, waiting, arrived.clone()));
        Self { queue, by_org: Arc::default(), arrived }
    }

    /// What wakes the worker of this process; the others look for themselves.
    pub fn arrived(&self) -> Arc<Notify> {
        self.arrived.clone()
    }

    /// Stores an event and says so after the commit.
    pub async fn store(&self, verified: &Verified, event: NewEvent) -> Result<Stored, InboxError> {
        debug_assert_eq!(verified.org(), event.org);
        let share = self.take_share(event.org)?;
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting { event: Box::new(event), answer, share })
            .map_err(|_| InboxError::Full)?;
        answered.await.unwrap_or(Err(InboxError::Unavailable))
    }

    fn take_share(&self, org: OrgId) -> Result<Share, InboxError> {
        let mut by_org = self.by_org.lock().map_err(|_| InboxError::Unavailable)?;
        let count = by_org.entry(org).or_default();
        if *count >= QUEUE / 4 {
            return Err(InboxError::Full);
        }
        *count += 1;
        Ok(Share { by_org: self.by_org.clone(), org })
    }
}

/// An organization's place in the queue, given back when the event is stored or given up.
struct Share {
    by_org: Shares,
    org: OrgId,
}

impl Drop for Share {
    fn drop(&mut self) {
        let Ok(mut by_org) = self.by_org.lock() else { return };
        if let Some(count) = by_org.get_mut(&self.org) {
            *count -= 1;
            if *count == 0 {
                by_org.remove(&self.org);
            }
        }
    }
}

/// Where the result of one event goes; its place in the queue is given back with it.
struct Answer {
    to: oneshot::Sender<Result<Stored, InboxError>>,
    _share: Share,
}

async fn write_batches(pool: PgPool, mut queue: mpsc::Receiver<Waiting>, arrived: Arc<Notify>) {
    let mut writer = InboxWriter::new(pool);
    let mut batch = Vec::with_capacity(BATCH);
    while next_batch(&mut queue, &mut batch, &mut writer).await > 0 {
        // Every process inserts in the same order, so that two which got the same events can not wait
        // for each other's.
        batch.sort_unstable_by(|a, b| {
            a.event.org.cmp(&b.event.org).then_with(|| a.event.dedupe_key.cmp(&b.event.dedupe_key))
        });
        let (events, answers): (Vec<_>, Vec<_>) = batch
            .drain(..)
            .map(|waiting| (waiting.event, Answer { to: waiting.answer, _share: waiting.share }))
            .unzip();
        let stored = writer.accept(&events).await;
        if events.iter().any(|event| event.status == DUE) {
            // After the commit. Where there was none, the worker finds nothing new.
            arrived.notify_one();
        }
        match stored {
            Ok(new) => {
                // Nearly always all of them are new, and then nobody has to be looked for.
                let are_all_new = new.len() == events.len();
                let new: HashSet<_> = if are_all_new { HashSet::new() } else { new.into_iter().collect() };
                for (event, answer) in events.iter().zip(answers) {
                    let is_new = are_all_new || new.contains(&event.id);
                    let stored = if is_new { Stored::New } else { Stored::Duplicate };
                    // Nobody waits any more where the caller has gone away; the event is safe.
                    let _ = answer.to.send(Ok(stored));
                }
            }
            // One bad row must not fail its batch.
            Err(error) if events.len() > 1 && !matches!(error, DbError::Unavailable(_)) => {
                for (event, answer) in events.into_iter().zip(answers) {
                    let _ = answer.to.send(write_one(&mut writer, event).await);
                }
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    events = events.len(),
                    "the inbox could not store"
                );
                // Those behind would wait for the same thing, one batch after the other.
                while let Ok(waiting) = queue.try_recv() {
                    let _ = waiting.answer.send(Err(InboxError::Unavailable));
                }
                for answer in answers {
                    let _ = answer.to.send(Err(reason(&error)));
                }
            }
        }
    }
}

/// Waits for events; while none come, the writer keeps no connection.
async fn next_batch(
    queue: &mut mpsc::Receiver<Waiting>,
    batch: &mut Vec<Waiting>,
    writer: &mut InboxWriter,
) -> usize {
    match tokio::time::timeout(IDLE, queue.recv_many(batch, BATCH)).await {
        Ok(count) => count,
        Err(_) => {
            writer.rest();
            queue.recv_many(batch, BATCH).await
        }
    }
}

async fn write_one(writer: &mut InboxWriter, event: Box<NewEvent>) -> Result<Stored, InboxError> {
    match writer.accept(std::slice::from_ref(&event)).await {
        Ok(new) if new.is_empty() => Ok(Stored::Duplicate),
        Ok(_) => Ok(Stored::New),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, org = %event.org, "the inbox refused an event");
            Err(reason(&error))
        }
    }
}

/// Refused is only what will be refused again: a constraint, or data that has no place in a column
/// (class 22). Whatever else went wrong is ours, and the sender may try again.
fn reason(error: &DbError) -> InboxError {
    match error {
        DbError::Constraint { .. } | DbError::Text(_) => InboxError::Refused,
        DbError::Fault(sqlx::Error::Database(database))
            if database.code().is_some_and(|code| code.starts_with("22")) =>
        {
            InboxError::Refused
        }
        _ => InboxError::Unavailable,
    }
}
