//! The server process: making its cluster, starting or adopting it, noticing its end, stopping it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::binaries::Binaries;
use super::layout::Layout;
use super::{EmbeddedError, EmbeddedOptions};

const PORT: u16 = 5432;
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// A start may fail because the processes of a killed server are still leaving.
const START_ATTEMPTS: u32 = 8;
const POLL: Duration = Duration::from_millis(10);

/// All that is needed to start the server again.
#[derive(Debug)]
pub(super) struct Server {
    pub layout: Layout,
    pub binaries: Binaries,
    pub options: EmbeddedOptions,
}

/// A server that runs; started by this process (`child`) or found running.
#[derive(Debug)]
pub(super) struct Running {
    pub pid: i32,
    pub socket: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// The programs that fit the cluster on disk, or the newest ones for a new cluster.
    pub fn new(layout: Layout, options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let named = options.pg_bin.clone().or_else(|| std::env::var_os("VOXANNE_PG_BIN").map(PathBuf::from));
        let made_by = layout.made_by()?;
        let wanted = made_by.as_deref().and_then(|version| version.parse().ok());
        let binaries = Binaries::find(named.as_deref(), wanted)?.ok_or(EmbeddedError::NoPrograms)?;
        match made_by {
            Some(made_by) if wanted != Some(binaries.major) => {
                Err(EmbeddedError::OtherMajor { cluster: layout.cluster(), made_by, found: binaries.major })
            }
            _ => Ok(Self { layout, binaries, options }),
        }
    }

    /// Makes the cluster if there is none. Under the name `cluster.new` first, so that an
    /// interrupted attempt is never taken for a cluster.
    pub async fn ensure_cluster(&self) -> Result<(), EmbeddedError> {
        if self.layout.made_by()?.is_some() {
            return Ok(());
        }
        let (cluster, draft) = (self.layout.cluster(), self.layout.home.join("cluster.new"));
        let mut said = String::new();
        for locale in ["C.UTF-8", "C"] {
            match fs::remove_dir_all(&draft) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(EmbeddedError::file("remove", &draft)(error));
                }
                _ => {}
            }
            fs::DirBuilder::new()
                .mode(0o700)
                .create(&draft)
                .map_err(EmbeddedError::file("make the folder", &draft))?;
            self.layout.hand_over(&draft)?;
            let mut initdb = self.command("initdb");
            initdb.arg("--pgdata").arg(&draft).arg(format!("--locale={locale}"));
            initdb.args(["--encoding=UTF8", "--auth=peer", "--no-instructions"]);
            initdb.arg(format!("--username={}", super::SUPERUSER));
            if !self.options.durable {
                initdb.arg("--no-sync");
            }
            let output = initdb.output().await.map_err(|source| self.could_not_run("initdb", source))?;
            if output.status.success() {
                return fs::rename(&draft, &cluster).map_err(EmbeddedError::file("make", &cluster));
            }
            said = String::from_utf8_lossy(&output.stderr).lines().collect::<Vec<_>>().join(" / ");
        }
        Err(EmbeddedError::Init { cluster, said })
    }

    /// Returns the running server, having started it if need be. Call it under the starting lock.
    /// `known` is the socket folder in use so far: everybody who is connected knows only that one.
    pub async fn ensure_running(&self, known: Option<&Path>) -> Result<Running, EmbeddedError> {
        let cluster = self.layout.cluster();
        let deadline = Instant::now() + START_LIMIT;
        let mut child: Option<Child> = None;
        let mut attempts = 0;
        loop {
            match PidFile::read(&cluster) {
                Some(file) if file.is_postmaster_of(&cluster) && file.ready => {
                    let child = child.filter(|child| child.id() == u32::try_from(file.pid).ok());
                    return Ok(Running { pid: file.pid, socket: file.socket, child });
                }
                // It is there and takes nobody yet.
                Some(file) if file.is_postmaster_of(&cluster) => {}
                Some(file) if child.is_none() => file.remove_if_number_was_reused(&cluster)?,
                _ => {}
            }
            let ended = match &mut child {
                Some(started) => started.try_wait().is_ok_and(|status| status.is_some()),
                None => !PidFile::read(&cluster).is_some_and(|file| file.is_postmaster_of(&cluster)),
            };
            if Instant::now() > deadline || (ended && attempts == START_ATTEMPTS) {
                return Err(EmbeddedError::Start { log: self.layout.log(), said: self.layout.log_tail() });
            }
            if ended {
                sleep(Duration::from_millis(100) * attempts).await;
                child = Some(self.spawn(known)?);
                attempts += 1;
            }
            sleep(POLL).await;
        }
    }

    /// The running server's process, if there is one.
    pub fn current_pid(&self) -> Option<i32> {
        let cluster = self.layout.cluster();
        PidFile::read(&cluster).filter(|file| file.is_postmaster_of(&cluster)).map(|file| file.pid)
    }

    fn spawn(&self, known: Option<&Path>) -> Result<Child, EmbeddedError> {
        let socket = match known {
            Some(folder) if folder.is_dir() => folder.to_owned(),
            _ => self.layout.make_socket_folder()?,
        };
        self.layout.write_access_rules()?;
        let log = self.layout.open_log()?;
        let second = log.try_clone().map_err(EmbeddedError::file("open", &self.layout.log()))?;
        let mut postgres = self.command("postgres");
        postgres.arg("-D").arg(self.layout.cluster());
        for (name, value) in self.settings(&socket) {
            postgres.arg("-c").arg(format!("{name}={value}"));
        }
        // A group of its own: Ctrl-C in a terminal is for us, and we stop the server in good order.
        postgres.process_group(0).stdout(log).stderr(second);
        postgres.spawn().map_err(|source| self.could_not_run("postgres", source))
    }

    fn settings(&self, socket: &Path) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("listen_addresses", String::new()),
            ("unix_socket_directories", format!("\"{}\"", socket.display())),
            ("unix_socket_permissions", "0700".into()),
            ("port", PORT.to_string()),
            ("hba_file", self.layout.hba().display().to_string()),
            ("ident_file", self.layout.ident().display().to_string()),
            ("logging_collector", "off".into()),
            ("log_destination", "stderr".into()),
            // Without the DETAIL lines, which quote rows: the log must not hold what tables hold.
            ("log_error_verbosity", "terse".into()),
            ("timezone", "UTC".into()),
            ("max_connections", self.options.max_connections.to_string()),
            // Short statements only: compiling them costs more than it saves.
            ("jit", "off".into()),
        ];
        if !self.options.durable {
            settings.extend([
                ("fsync", "off".into()),
                ("synchronous_commit", "off".into()),
                ("full_page_writes", "off".into()),
            ]);
        }
        settings
    }

    /// A server program, run as the server's user, with none of our environment: it may hold keys.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.program(program));
        command.env_clear().env("LC_ALL", "C").env("PATH", &self.binaries.folder).current_dir("/");
        command.stdin(Stdio::null());
        if let Some(user) = self.layout.server_user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    fn could_not_run(&self, program: &str, source: std::io::Error) -> EmbeddedError {
        EmbeddedError::Run { program: self.binaries.program(program), source }
    }

    /// Ends the server: running transactions are rolled back, all is written (SIGINT); where that
    /// takes too long, at once and with recovery at the next start (SIGQUIT). Under the starting lock.
    pub async fn stop(&self, mut running: Running) -> Result<(), EmbeddedError> {
        let mut signal = Signal::INT;
        for limit in [STOP_LIMIT, STOP_LIMIT / 6] {
            if running.is_alive(self)
                && let Some(pid) = Pid::from_raw(running.pid)
            {
                // It may end between the two lines; then there is nothing to do.
                let _ = kill_process(pid, signal);
            }
            let deadline = Instant::now() + limit;
            while Instant::now() < deadline {
                if !running.is_alive(self) {
                    // Best effort: an empty folder in /run or /tmp harms nobody.
                    let _ = fs::remove_dir(&running.socket);
                    return Ok(());
                }
                sleep(POLL).await;
            }
            signal = Signal::QUIT;
        }
        Err(EmbeddedError::Stop { pid: running.pid, seconds: STOP_LIMIT.as_secs() })
    }
}

impl Running {
    /// Whether this very server still runs. Collects it if it was our child.
    pub fn is_alive(&mut self, server: &Server) -> bool {
        if let Some(child) = &mut self.child {
            return child.try_wait().is_ok_and(|status| status.is_none());
        }
        names_cluster(self.pid, &server.layout.cluster())
    }
}

/// What the server writes into `postmaster.pid`: lines 1 (process), 5 (socket folder) and 8 (state).
#[derive(Debug, PartialEq, Eq)]
struct PidFile {
    pid: i32,
    socket: PathBuf,
    ready: bool,
}

impl PidFile {
    fn read(cluster: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(cluster.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        Some(Self {
            pid: lines.first()?.trim().parse().ok()?,
            socket: PathBuf::from(lines.get(4).copied().unwrap_or_default()),
            ready: lines.get(7).is_some_and(|state| state.trim() == "ready"),
        })
    }

    fn is_postmaster_of(&self, cluster: &Path) -> bool {
        names_cluster(self.pid, cluster)
    }

    /// After a crash of the machine the number may belong to some other program, and PostgreSQL
    /// would refuse to start beside it. Where the number is free it cleans up by itself, and more
    /// carefully: it also looks for shared memory of the dead server.
    fn remove_if_number_was_reused(&self, cluster: &Path) -> Result<(), EmbeddedError> {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(());
        };
        if rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
            return Ok(());
        }
        let path = cluster.join("postmaster.pid");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(EmbeddedError::file("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Whether process `pid` is a server of this cluster: its command line names the folder. A process
/// that has ended but was not collected has no command line any more.
#[cfg(target_os = "linux")]
fn names_cluster(pid: i32, cluster: &Path) -> bool {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words.split(|byte| *byte == 0).any(|word| word == cluster.as_os_str().as_encoded_bytes())
}

/// Without /proc: whether a process of that number exists.
#[cfg(not(target_os = "linux"))]
fn names_cluster(pid: i32, _cluster: &Path) -> bool {
    Pid::from_raw(pid)
        .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_line_eight_says_so() {
        let text = "4711\n/data/cluster\n1700000000\n5432\n/run/voxanne-1\n\n  5432001   7\nstarting\n";
        let file = PidFile::parse(text).unwrap();
        assert_eq!(file, PidFile { pid: 4711, socket: "/run/voxanne-1".into(), ready: false });
        assert!(PidFile::parse(&text.replace("starting", "ready   ")).unwrap().ready);
        assert_eq!(PidFile::parse(""), None);
        assert!(!PidFile::parse("4711\n").unwrap().ready);
    }

    #[test]
    fn some_other_process_is_not_our_server() {
        let own = i32::try_from(std::process::id()).unwrap();
        if cfg!(target_os = "linux") {
            assert!(!names_cluster(own, Path::new("/nowhere/cluster")));
        }
        assert!(!names_cluster(i32::MAX, Path::new("/nowhere/cluster")));
    }
}
