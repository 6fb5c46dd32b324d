//! Starting the servers of a run and the load generator, each a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};

/// A key for this run's data, which ends with the run.
pub const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A server that has said where it listens. Dropped, it is killed.
pub struct Server {
    pub url: String,
    pub pid: u32,
    _process: Child,
}

/// Starts the product over `database`.
pub async fn product(database: &str, folder: &Path) -> Result<Server> {
    let ready = folder.join("product.json");
    let mut command = this_program()?;
    // What a report leads to after its answer is the worker's, and no part of what is compared.
    command.args([
        "product",
        "serve",
        "--no-worker",
        "--port",
        "0",
        "--database-url",
        database,
        "--ready-file",
    ]);
    // Providers that nobody can reach: nothing here asks them for anything.
    command.arg(&ready).args([
        "--vapi-base-url",
        "http://127.0.0.1:9/",
        "--twilio-base-url",
        "http://127.0.0.1:9/",
    ]);
    command.env("ENCRYPTION_KEY", KEY);
    start(command, &ready).await.context("the product did not start")
}

/// Starts the peers over `database`.
pub async fn peer(database: &str, folder: &Path) -> Result<Server> {
    let ready = folder.join("peer.json");
    let mut command = this_program()?;
    command.args(["peer", database]).arg(&ready);
    start(command, &ready).await.context("the peer did not start")
}

/// Starts the Express peer over the database of the peers; `None` where the machine has no Node.
///
/// # Errors
/// npm is there but did not install, or the peer did not start.
pub async fn express(socket: &str, user: &str, database: &str, folder: &Path) -> Result<Option<Server>> {
    let own = folder.join("express");
    std::fs::create_dir_all(&own)?;
    std::fs::write(own.join("package.json"), include_str!("express/package.json"))?;
    std::fs::write(own.join("server.mjs"), include_str!("express/server.mjs"))?;
    let mut install = Command::new("npm");
    install.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&own);
    let Ok(output) = install.stdin(Stdio::null()).output().await else { return Ok(None) };
    ensure!(output.status.success(), "npm: {}", String::from_utf8_lossy(&output.stderr));
    let ready = folder.join("express.json");
    let mut command = Command::new("node");
    command.kill_on_drop(true).stdin(Stdio::null()).env("NODE_ENV", "production");
    command.current_dir(&own).args(["server.mjs", socket, user, database]).arg(&ready);
    start(command, &ready).await.context("the Express peer did not start").map(Some)
}

fn this_program() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.kill_on_drop(true).stdin(Stdio::null());
    Ok(command)
}

async fn start(mut command: Command, ready: &Path) -> Result<Server> {
    let mut process = command.stdout(Stdio::null()).spawn()?;
    for _ in 0..400 {
        if let Some(status) = process.try_wait()? {
            bail!("it ended at once: {status}");
        }
        if let Some(url) = read_url(ready) {
            let pid = process.id().context("it has no number")?;
            return Ok(Server { url, pid, _process: process });
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    bail!("it did not say where it listens within 10 s")
}

fn read_url(ready: &Path) -> Option<String> {
    let text = std::fs::read(ready).ok()?;
    Some(serde_json::from_slice::<Value>(&text).ok()?["url"].as_str()?.to_owned())
}

/// What the load generator is asked for.
#[derive(Clone)]
pub struct Load {
    pub url: String,
    pub tenants: PathBuf,
    pub connections: u32,
    pub seconds: u64,
    /// Requests a second at set times; `None` keeps every connection busy.
    pub rate: Option<u32>,
    pub forged: bool,
    /// The server and PostgreSQL.
    pub pids: [u32; 2],
}

/// What it found.
#[derive(Clone, Debug)]
pub struct Figures {
    pub per_second: f64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    /// Microseconds of CPU a request, of the server and of PostgreSQL.
    pub cpu: [f64; 2],
    pub ok: u64,
    pub answers: u64,
    pub failed: u64,
    /// 200s with those of the warm-up.
    pub accepted_in_all: u64,
}

impl Figures {
    pub fn cpu_sum(&self) -> f64 {
        self.cpu[0] + self.cpu[1]
    }
}

impl Load {
    pub async fn run(&self) -> Result<Figures> {
        let mut command = this_program()?;
        command.args(["load", "--json", "--url", &self.url, "--tenants"]).arg(&self.tenants);
        command.args([
            "--connections",
            &self.connections.to_string(),
            "--seconds",
            &self.seconds.to_string(),
        ]);
        for pid in self.pids {
            command.args(["--pid", &pid.to_string()]);
        }
        if let Some(rate) = self.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        if self.forged {
            command.args(["--bad-every", "1"]);
        }
        let output = command.output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        self.read(text.lines().last().unwrap_or_default())
    }

    fn read(&self, line: &str) -> Result<Figures> {
        let value: Value = serde_json::from_str(line).context("the load generator said nothing")?;
        let number = |name: &str| value[name].as_f64().unwrap_or_default();
        let cpu = |pid: u32| value["cpu_us_per_request"][pid.to_string()].as_f64().unwrap_or_default();
        let statuses = value["status"].as_object().context("no statuses")?;
        Ok(Figures {
            per_second: number("requests_per_second"),
            p50: number("p50_ms"),
            p99: number("p99_ms"),
            p999: number("p99.9_ms"),
            cpu: self.pids.map(cpu),
            ok: statuses.get("200").and_then(Value::as_u64).unwrap_or_default(),
            answers: statuses.values().filter_map(Value::as_u64).sum(),
            failed: value["failed"].as_u64().unwrap_or_default(),
            accepted_in_all: value["accepted_in_all"].as_u64().unwrap_or_default(),
        })
    }
}
