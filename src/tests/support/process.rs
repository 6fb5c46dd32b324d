//! The real binary as a process of its own: started, watched, ended by its number.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::cluster::{Janitor, janitor, scratch_folder};

/// How long a process may take to be ready or to end. Generous: only a hang takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with nothing of this process's environment but what a start needs.
pub fn voxanne(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voxanne"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    // The last is where a program that counts its own lines writes the counts.
    for name in ["PATH", "HOME", "TMPDIR", "VOXANNE_PG_BIN", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(environment.iter().copied());
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

/// Runs a command to its end, with something to read on its standard input.
pub fn run(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Ended {
    run_watched(arguments, environment, input, || {})
}

/// The same; `watch` is called again and again while the command runs.
pub fn run_watched(
    arguments: &[&str],
    environment: &[(&str, &str)],
    input: &str,
    mut watch: impl FnMut(),
) -> Ended {
    use std::io::Write;
    let folder = scratch_folder("command");
    let (out, err) = (folder.join("out"), folder.join("err"));
    let started = Instant::now();
    let mut child = voxanne(arguments, environment)
        .stdin(Stdio::piped())
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(std::fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let code = loop {
        watch();
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let took = started.elapsed();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let ended = Ended { code, out: read(&out), err: read(&err), took };
    std::fs::remove_dir_all(folder).unwrap();
    ended
}

/// A data folder whose cluster ends with this test, whatever happens.
pub struct DataFolder {
    pub path: PathBuf,
    _janitors: [Janitor; 2],
}

impl DataFolder {
    pub fn new(name: &str) -> Self {
        let folder = scratch_folder(name);
        let path = folder.join("data");
        Self { _janitors: [janitor(&path), janitor(&folder)], path }
    }

    pub fn text(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// The number of the cluster's server and the folder of its socket, while it runs.
    pub fn cluster(&self) -> Option<(i32, PathBuf)> {
        let text = std::fs::read_to_string(self.path.join("postgres/cluster/postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().collect();
        let pid = lines.first()?.parse().ok()?;
        rustix::process::test_kill_process(Pid::from_raw(pid)?).ok()?;
        Some((pid, PathBuf::from(lines.get(4)?)))
    }

    /// Ends the cluster's server at once, without checkpoint or goodbye; gives the number that it had.
    pub fn kill_cluster(&self) -> i32 {
        let (pid, _) = self.cluster().expect("a running cluster");
        kill_process(Pid::from_raw(pid).unwrap(), Signal::QUIT).unwrap();
        pid
    }
}

/// A port that nobody has, for a server that is told where to listen, or is to come back there. The system gives
/// none of these to whoever asks for any port, so nobody else gets it meanwhile.
pub fn free_port() -> u16 {
    use std::net::TcpListener;
    let ports = std::iter::repeat_with(|| 20_000 + uuid::Uuid::new_v4().as_u128() as u16 % 10_000);
    ports.take(1000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// A server that is ready. Dropped, it is killed.
pub struct Serving {
    child: Child,
    folder: PathBuf,
    /// What the server wrote into its ready file.
    pub ready: Value,
}

impl Serving {
    /// Starts `serve` on a free port and waits until it is ready.
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_at(0, arguments, environment)
    }

    /// The same on that port.
    pub fn start_at(port: u16, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = scratch_folder("serving");
        let (port, ready_file) = (port.to_string(), folder.join("ready.json"));
        let mut all = vec!["serve", "--port", &port, "--ready-file", ready_file.to_str().unwrap()];
        all.extend(arguments);
        let child = voxanne(&all, environment)
            .stdout(std::fs::File::create(folder.join("out")).unwrap())
            .stderr(std::fs::File::create(folder.join("err")).unwrap())
            .spawn()
            .unwrap();
        let mut serving = Self { child, folder, ready: Value::Null };
        let started = Instant::now();
        while serving.ready.is_null() {
            if let Ok(text) = std::fs::read(&ready_file) {
                serving.ready = serde_json::from_slice(&text).unwrap();
            } else if let Some(status) = serving.child.try_wait().unwrap() {
                panic!("the server has ended ({status}): {}", serving.end_of_log());
            } else if started.elapsed() > PATIENCE {
                panic!("the server is not ready after {PATIENCE:?}: {}", serving.end_of_log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        serving
    }

    /// The last lines of what it said.
    fn end_of_log(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Kilobytes of memory that it has (`VmRSS`), or had at most (`VmHWM`).
    pub fn memory(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(what)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub fn url(&self) -> &str {
        self.ready["url"].as_str().unwrap()
    }

    /// What it has told the person at the terminal so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.join("out")).unwrap()).into_owned()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.join("err")).unwrap()).into_owned()
    }

    /// Asks it to end and gives its exit code.
    pub fn terminate(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it without asking: SIGKILL, after which it can do nothing more.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
