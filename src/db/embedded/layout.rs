//! Where the embedded cluster keeps its files, and who may connect to it.
//!
//! ```text
//! <data>/postgres/         ours: locks, server.log, pg_hba.conf, pg_ident.conf
//! <data>/postgres/cluster  the server's own files, 0700
//! /run/voxanne-<hash>      the socket, 0700 (or the like, where /run is not ours)
//! ```

use std::env;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use sha2::{Digest, Sha256};

use super::user::{ServerUser, own_name};
use super::{APP, EmbeddedError, OWNER, SUPERUSER};

/// Bytes that the address of a Unix socket may have, without the closing NUL.
const SOCKET_PATH_LIMIT: usize = 107;
/// Where root keeps the cluster when the server's user can not reach the data folder.
const STATE_FOLDER: &str = "/var/lib/voxanne";
/// A log that has grown beyond this is set aside at the next start.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;

/// The places of one cluster, made and checked.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// `<data>/postgres`, without symbolic links.
    pub home: PathBuf,
    /// Whom the server runs as, where that is not us.
    pub server_user: Option<ServerUser>,
}

impl Layout {
    /// Makes the folders. Root's own folders are often closed to everybody else (`/root` is), and
    /// then `<data>/postgres` becomes a link to a folder of its own below `/var/lib/voxanne`.
    pub fn prepare(data_dir: &Path) -> Result<Self, EmbeddedError> {
        fs::create_dir_all(data_dir).map_err(EmbeddedError::file("make the folder", data_dir))?;
        let data = data_dir.canonicalize().map_err(EmbeddedError::file("find", data_dir))?;
        let link = data.join("postgres");
        let server_user = ServerUser::choose(&link.join("cluster"))?;
        let (reachable, mode) = match server_user {
            Some(user) => (user.reaches(&data), 0o711),
            None => (true, 0o700),
        };
        if reachable || link.exists() {
            make_folder(&link, mode)?;
        } else {
            link_elsewhere(&link, mode)?;
        }
        let home = link.canonicalize().map_err(EmbeddedError::file("find", &link))?;
        Ok(Self { home, server_user })
    }

    pub fn cluster(&self) -> PathBuf {
        self.home.join("cluster")
    }

    pub fn log(&self) -> PathBuf {
        self.home.join("server.log")
    }

    pub fn hba(&self) -> PathBuf {
        self.home.join("pg_hba.conf")
    }

    pub fn ident(&self) -> PathBuf {
        self.home.join("pg_ident.conf")
    }

    /// The major version that made the cluster; `None` where there is none yet.
    pub fn made_by(&self) -> Result<Option<String>, EmbeddedError> {
        let path = self.cluster().join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(version) => Ok(Some(version.trim().to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(EmbeddedError::file("read", &path)(error)),
        }
    }

    /// Opens the server's log for appending.
    pub fn open_log(&self) -> Result<File, EmbeddedError> {
        let path = self.log();
        if fs::metadata(&path).is_ok_and(|facts| facts.len() > LOG_LIMIT) {
            let aside = self.home.join("server.log.1");
            fs::rename(&path, &aside).map_err(EmbeddedError::file("set aside", &path))?;
        }
        let log = File::options().append(true).create(true).open(&path);
        let log = log.map_err(EmbeddedError::file("open", &path))?;
        log.set_permissions(Permissions::from_mode(0o600)).map_err(EmbeddedError::file("protect", &path))?;
        Ok(log)
    }

    /// The last lines of the log, for an error message.
    pub fn log_tail(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let end = String::from_utf8_lossy(&log[log.len().saturating_sub(600)..]).into_owned();
        let lines: Vec<&str> = end.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }

    /// Writes who may connect. Nobody but the user that this process runs as, proven by the kernel
    /// (`peer`), and that user only in the three roles of ours.
    pub fn write_access_rules(&self) -> Result<(), EmbeddedError> {
        let name = own_name()?.replace('"', "\"\"");
        let map: String = [SUPERUSER, OWNER, APP].map(|role| format!("voxanne \"{name}\" {role}\n")).concat();
        replace_file(&self.hba(), "# Written at every start.\nlocal all all peer map=voxanne\n")?;
        replace_file(&self.ident(), &format!("# Written at every start.\n{map}"))
    }

    /// Makes the folder of the socket: 0700, the server's own, and short enough.
    pub fn make_socket_folder(&self) -> Result<PathBuf, EmbeddedError> {
        let digest = Sha256::digest(self.home.as_os_str().as_encoded_bytes());
        let name = format!("voxanne-{}", hex::encode(&digest[..8]));
        let runtime = match self.server_user {
            Some(_) => Some(PathBuf::from("/run")),
            None => env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from),
        };
        let bases = runtime.into_iter().chain([env::temp_dir(), PathBuf::from("/tmp")]);
        let candidates: Vec<PathBuf> = bases.map(|base| base.join(&name)).collect();
        candidates
            .iter()
            .find(|folder| self.claim_socket_folder(folder))
            .cloned()
            .ok_or_else(|| EmbeddedError::SocketFolder { folder: candidates[0].clone() })
    }

    /// Makes or takes over one candidate. The name can be guessed, so a folder that is there already
    /// is used only if nobody else made it or may enter it.
    fn claim_socket_folder(&self, folder: &Path) -> bool {
        if folder.join(".s.PGSQL.5432").as_os_str().len() > SOCKET_PATH_LIMIT {
            return false;
        }
        if DirBuilder::new().mode(0o700).create(folder).is_err() && !folder.is_dir() {
            return false;
        }
        let Ok(facts) = fs::symlink_metadata(folder) else {
            return false;
        };
        let own_uid = geteuid().as_raw();
        let ours = facts.uid() == own_uid || self.server_user.is_some_and(|user| user.uid == facts.uid());
        if !facts.is_dir() || !ours || facts.mode() & 0o077 != 0 {
            return false;
        }
        self.hand_over(folder).is_ok()
    }

    /// Gives a file or folder to the user that the server runs as.
    pub fn hand_over(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self.server_user {
            Some(user) => {
                chown(path, Some(user.uid), Some(user.gid)).map_err(EmbeddedError::file("hand over", path))
            }
            None => Ok(()),
        }
    }
}

fn make_folder(path: &Path, mode: u32) -> Result<(), EmbeddedError> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if !path.is_dir() => Err(EmbeddedError::file("make the folder", path)(error)),
        _ => Ok(()),
    }
}

fn link_elsewhere(link: &Path, mode: u32) -> Result<(), EmbeddedError> {
    let state = Path::new(STATE_FOLDER);
    if !state.is_dir() {
        fs::create_dir_all(state).map_err(EmbeddedError::file("make the folder", state))?;
    }
    // A fresh name, not one made of the path: removing the data folder must be a fresh beginning.
    let elsewhere = state.join(uuid::Uuid::new_v4().simple().to_string());
    make_folder(&elsewhere, mode)?;
    match symlink(&elsewhere, link) {
        Ok(()) => {
            tracing::info!(link = %link.display(), folder = %elsewhere.display(),
                "the database lies in another folder, because its user may not enter this one");
            Ok(())
        }
        // Another process was faster; its folder is the one.
        Err(_) if link.is_dir() => {
            fs::remove_dir(&elsewhere).map_err(EmbeddedError::file("remove", &elsewhere))
        }
        Err(error) => Err(EmbeddedError::file("make the link", link)(error)),
    }
}

/// Replaces a file as a whole, readable by the server's user.
fn replace_file(path: &Path, text: &str) -> Result<(), EmbeddedError> {
    let draft = path.with_extension("new");
    let write = || {
        let mut file = File::create(&draft)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        fs::rename(&draft, path)
    };
    write().map_err(EmbeddedError::file("write", path))
}
