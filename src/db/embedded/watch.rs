//! Notices that the server has died and starts it again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::EmbeddedError;
use super::lock::Lock;
use super::server::{Running, Server};

/// How often the server is looked at, which costs a microsecond.
const LOOK: Duration = Duration::from_millis(200);
/// The pause after a start that failed.
const PAUSE: Duration = Duration::from_secs(2);

/// The task that looks after one server.
#[derive(Debug)]
pub(super) struct Watch {
    enough: oneshot::Sender<()>,
    task: JoinHandle<Running>,
}

impl Watch {
    pub fn begin(server: Arc<Server>, running: Running) -> Self {
        let (enough, told) = oneshot::channel();
        Self { enough, task: tokio::spawn(watch(server, running, told)) }
    }

    /// Ends the watch and hands the server back; `None` if the task is gone with its runtime.
    ///
    /// The caller holds the starting lock. A task that waits for that lock is told all the same: it
    /// gives up waiting.
    pub async fn end(self) -> Option<Running> {
        // The receiver is gone only when the task is, and then there is nobody to tell.
        let _ = self.enough.send(());
        self.task.await.ok()
    }
}

/// Runs until told, or until `Watch` is dropped.
async fn watch(server: Arc<Server>, mut running: Running, mut told: oneshot::Receiver<()>) -> Running {
    loop {
        tokio::select! {
            _ = &mut told => return running,
            () = sleep(LOOK) => {}
        }
        if running.is_alive(&server) {
            continue;
        }
        tracing::warn!(pid = running.pid, "the embedded PostgreSQL has died; starting it again");
        tokio::select! {
            _ = &mut told => return running,
            again = restart(&server, &running) => match again {
                Ok(again) => {
                    tracing::info!(pid = again.pid, "the embedded PostgreSQL runs again");
                    running = again;
                }
                Err(error) => {
                    tracing::error!(%error, "the embedded PostgreSQL could not be started again");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Whoever of several processes gets the lock first starts the server; the others find it running.
async fn restart(server: &Server, dead: &Running) -> Result<Running, EmbeddedError> {
    let _starting = Lock::starting(&server.layout.home).await?;
    server.ensure_running(Some(&dead.socket)).await
}
