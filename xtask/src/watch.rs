//! `make dev`: builds, runs the server and does both again when a source file changes.
//!
//! It asks for the files' times twice a second: simple, the same on every system, and cheap for a tree of
//! this size. A build that fails leaves the former server running.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{assets, site};

const WATCHED: [&str; 6] = ["src", "migrations", "style", "public", "Cargo.toml", "Leptos.toml"];
const PAUSE: Duration = Duration::from_millis(500);
/// The server drains its requests and stops its database within this time.
const LONGEST_STOP: Duration = Duration::from_secs(20);

/// Runs until it is interrupted.
pub fn run(mut arguments: Vec<String>) -> Result<()> {
    if arguments.is_empty() {
        arguments = vec!["serve".to_owned(), "--sandbox".to_owned()];
    }
    let mut server: Option<Child> = None;
    loop {
        let seen = snapshot()?;
        match rebuild() {
            Ok(program) => {
                if let Some(former) = server.take() {
                    stop(former)?;
                }
                println!("watch: starting the server");
                server = Some(
                    Command::new(program).args(&arguments).spawn().context("the server does not start")?,
                );
            }
            Err(error) => eprintln!("watch: {error:#}; waiting for a change"),
        }
        while snapshot()? == seen {
            thread::sleep(PAUSE);
        }
        println!("watch: something changed");
    }
}

fn rebuild() -> Result<PathBuf> {
    site::build(false)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "--package", "voxanne", "--bin", "voxanne"]).status()?;
    ensure!(status.success(), "the server does not compile");
    Ok(site::target_dir().join("debug/voxanne"))
}

/// Asks the server to stop, so that it ends its database in order, and insists only after a while.
fn stop(mut server: Child) -> Result<()> {
    if let Some(pid) = i32::try_from(server.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    let asked = Instant::now();
    while asked.elapsed() < LONGEST_STOP {
        if server.try_wait()?.is_some() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    server.kill()?;
    server.wait()?;
    Ok(())
}

/// Every watched file with the time of its last change: what is added or removed shows too.
fn snapshot() -> Result<Vec<(PathBuf, Option<SystemTime>)>> {
    let mut files = Vec::new();
    for name in WATCHED {
        let path = Path::new(name);
        let below = if path.is_dir() { assets::files_below(path)? } else { vec![path.to_owned()] };
        files.extend(below.into_iter().map(|file| {
            let changed = file.metadata().and_then(|data| data.modified()).ok();
            (file, changed)
        }));
    }
    Ok(files)
}
