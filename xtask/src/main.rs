//! Automation of this repository, written in Rust so that every machine runs the same steps.
//!
//! `build` makes the site (WASM, JavaScript, CSS, static files), `watch` rebuilds and restarts the
//! server on every change, `load` measures the webhook path. It is not part of the product: nothing
//! here is linked into the server. What a bare machine needs first is installed by `tools/setup`.

mod args;
mod assets;
mod css;
mod load;
mod site;
mod wasm;
mod watch;

use std::process::ExitCode;

use anyhow::{Result, bail};

use args::Args;

const USAGE: &str = "\
usage: cargo run -p xtask -- COMMAND

  build [--release]       make the site below the site root of Leptos.toml; with --release, a site
                          over its size budget is an error
  watch [-- ARGUMENT...]  build, run `voxanne ARGUMENT...` and do both again on every change
                          (without arguments: serve --sandbox)
  load OPTION...          post signed call reports to a server on this machine; `load --help` tells";

fn main() -> ExitCode {
    match run(Args::from_command_line()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: Args) -> Result<()> {
    match args.next_word().as_deref() {
        Some("build") => {
            let release = args.flag("--release");
            args.finish()?;
            site::build(release)
        }
        Some("watch") => watch::run(args.rest()),
        Some("load") => load::run(args),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        Some(other) => bail!("there is no command {other}\n\n{USAGE}"),
        None => bail!("a command is missing\n\n{USAGE}"),
    }
}
