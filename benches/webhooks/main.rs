//! The webhook path under load, beside servers that do less, all in one run.
//!
//! Signed call reports, each another call, go over real HTTP into a PostgreSQL of this run's own, in
//! a temporary folder, with every commit on disk. Servers take them in turns: the product as
//! `voxanne serve --no-worker` starts it, handlers that do less, and one for Express.
//! `cargo bench --bench webhooks`; `docs/benchmarks.md` tells how to read it.
//!
//! Each server is a process of its own, so that its CPU time can be told from that of the others:
//! this program starts itself again with a role as the first argument. It is not a test; figures
//! are printed with their bars, and nothing fails where one is missed.

#[allow(dead_code, reason = "shared with xtask, which uses all of it")]
#[path = "../../xtask/src/args.rs"]
mod args;
#[allow(clippy::print_stdout, unused_imports, dead_code, reason = "shared with xtask, where its tests run")]
#[path = "../../xtask/src/load/mod.rs"]
mod load;
mod measure;
mod peers;
mod report;
mod seed;
mod servers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Parser as _;
use voxanne::db::embedded::{Embedded, EmbeddedOptions};

/// A run that takes longer than this hangs somewhere.
const LIMIT: Duration = Duration::from_secs(480);

fn main() -> Result<()> {
    let mut words = args::Args::from_command_line();
    match words.next_word().as_deref() {
        Some("product") => serve_product(),
        Some("peer") => {
            let (database, ready) = (words.next_word(), words.next_word());
            let (Some(database), Some(ready)) = (database, ready) else { bail!("a peer needs two words") };
            runtime()?.block_on(peers::serve(&database, &PathBuf::from(ready)))
        }
        Some("load") => load::run(words),
        // Cargo itself says `--bench`.
        _ => runtime()?.block_on(conduct()),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// The product's own command line: what is measured is what runs.
fn serve_product() -> Result<()> {
    let words = std::iter::once("voxanne".to_owned()).chain(std::env::args().skip(2));
    let cli = voxanne::cli::Cli::try_parse_from(words)?;
    runtime()?.block_on(cli.run()).map_err(|error| anyhow::anyhow!(error.chain()))
}

/// Starts the database, measures, and takes everything away again, however the measuring ended.
async fn conduct() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("voxanne-bench-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir_all(&folder).context("the temporary folder cannot be made")?;
    let options = EmbeddedOptions { durable: true, ..EmbeddedOptions::default() };
    let embedded = Embedded::start(&folder, options).await?;
    let result = tokio::select! {
        result = tokio::time::timeout(LIMIT, measure::run(&embedded, &folder)) => result.unwrap_or_else(|_| {
            bail!("the run was ended after {} s", LIMIT.as_secs())
        }),
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    let stopped = embedded.stop().await;
    let removed = std::fs::remove_dir_all(&folder);
    result?;
    stopped?;
    removed.context("the temporary folder cannot be removed")
}

/// Prints a line.
#[expect(clippy::print_stdout, reason = "figures are this program's output")]
fn say(line: &str) {
    println!("{line}");
}
