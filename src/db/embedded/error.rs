//! What can go wrong with the embedded cluster: one sentence each, with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use super::binaries::OLDEST_MAJOR;

/// Why the embedded cluster could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No usable server programs anywhere that they usually are.
    #[error(
        "PostgreSQL {OLDEST_MAJOR} or newer was not found on this machine: install it (Debian and Ubuntu: \
         apt-get install postgresql), name its bin folder in VOXANNE_PG_BIN, or set DATABASE_URL"
    )]
    NoPrograms,
    /// `VOXANNE_PG_BIN` names a folder without usable server programs.
    #[error(
        "{} (VOXANNE_PG_BIN) has no working initdb and postgres of version {OLDEST_MAJOR} or newer: name the \
         bin folder of a PostgreSQL installation", .folder.display()
    )]
    BadPrograms { folder: PathBuf },
    /// The cluster on disk was made by a major version that is not installed.
    #[error(
        "the database in {} was made by PostgreSQL {made_by} and this machine has {found}: install PostgreSQL \
         {made_by}, or move the data over with pg_upgrade", .cluster.display()
    )]
    OtherMajor { cluster: PathBuf, made_by: String, found: u32 },
    /// Root has nobody to run the server as.
    #[error(
        "PostgreSQL refuses to run as root and this machine has no user named postgres: create one (useradd \
         --system postgres), or start this program as an ordinary user"
    )]
    NoServerUser,
    /// The system does not tell the name of the user that this process runs as.
    #[error("user {uid} of this process has no name on this machine: add it to /etc/passwd")]
    NamelessUser { uid: u32 },
    /// No folder for the socket that is short enough and ours alone.
    #[error(
        "no folder for the database socket could be made: {} is in the way, or too long, or belongs to another \
         user; remove it, or set TMPDIR to a short path of your own", .folder.display()
    )]
    SocketFolder { folder: PathBuf },
    /// A file or folder of the cluster could not be read or written.
    #[error("could not {action} {}: check its owner, its permissions and the free space", .path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A server program could not be run.
    #[error("could not run {}: check that it may be executed", .program.display())]
    Run {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    /// `initdb` failed.
    #[error("the database could not be made in {}; initdb said: {said}", .cluster.display())]
    Init { cluster: PathBuf, said: String },
    /// The server ended while it started, or did not become ready in time.
    #[error("PostgreSQL did not start; the end of {} says: {said}", .log.display())]
    Start { log: PathBuf, said: String },
    /// The server outlived every request to end.
    #[error("PostgreSQL (process {pid}) did not stop within {seconds} s: end it by hand")]
    Stop { pid: i32, seconds: u64 },
    /// Another process of ours holds the lock for starting and stopping.
    #[error("another process has been starting or stopping the database for {seconds} s: see {}", .lock.display())]
    Busy { lock: PathBuf, seconds: u64 },
    /// The server runs, but roles and database could not be made.
    #[error("the embedded PostgreSQL runs, but its roles and its database could not be set up")]
    SetUp(#[from] sqlx::Error),
}

impl EmbeddedError {
    /// For `map_err`: what was being done to which file.
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
