//! How several processes share one cluster: two lock files that the kernel releases by itself when
//! a process ends, however it ends.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::time::{Instant, sleep};

use super::EmbeddedError;

/// How long a process waits for another one that is starting or stopping the server.
const PATIENCE: Duration = Duration::from_secs(90);

/// A lock that lasts as long as this value.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    fn open(path: &Path) -> Result<File, EmbeddedError> {
        // Opened for reading only: that is all a lock needs, and it works on a file that root made.
        File::options()
            .read(true)
            .open(path)
            .or_else(|_| File::options().read(true).append(true).create(true).mode(0o644).open(path))
            .map_err(EmbeddedError::file("open the lock file", path))
    }

    /// Held while the server is being started, adopted or stopped.
    pub async fn starting(home: &Path) -> Result<Self, EmbeddedError> {
        Self::exclusive(home.join("start.lock"), PATIENCE).await
    }

    async fn exclusive(path: PathBuf, patience: Duration) -> Result<Self, EmbeddedError> {
        let file = Self::open(&path)?;
        let deadline = Instant::now() + patience;
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() > deadline {
                return Err(EmbeddedError::Busy { lock: path, seconds: patience.as_secs() });
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { file })
    }

    /// Held by everybody who uses the server. Taken under `starting`, so it never has to wait long:
    /// only a holder that is leaving ever asks for it alone.
    pub fn holding(home: &Path) -> Result<Self, EmbeddedError> {
        let path = home.join("holders.lock");
        let file = Self::open(&path)?;
        flock(&file, FlockOperation::LockShared)
            .map_err(|errno| EmbeddedError::file("lock", &path)(errno.into()))?;
        Ok(Self { file })
    }

    /// Gives the lock up and tells whether nobody else holds it. Asked under `starting`, where
    /// nobody can become a holder meanwhile.
    pub fn was_last(self) -> bool {
        flock(&self.file, FlockOperation::NonBlockingLockExclusive).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("voxanne-lock-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn only_the_last_holder_is_the_last() {
        let home = folder("last");
        let (first, second) = (Lock::holding(&home).unwrap(), Lock::holding(&home).unwrap());
        assert!(!first.was_last());
        assert!(second.was_last());
        std::fs::remove_dir_all(home).unwrap();
    }

    #[tokio::test]
    async fn a_second_starter_waits_for_the_first() {
        let home = folder("start");
        let first = Lock::starting(&home).await.unwrap();
        let refused = Lock::exclusive(home.join("start.lock"), Duration::from_millis(40)).await;
        assert!(matches!(refused, Err(EmbeddedError::Busy { .. })));
        drop(first);
        Lock::starting(&home).await.unwrap();
        std::fs::remove_dir_all(home).unwrap();
    }
}
