//! The binary `voxanne`: reads the settings and hands over to a subcommand.

use clap::Parser;
use voxanne::cli::Cli;

#[expect(clippy::print_stderr, reason = "the last words of a failed command")]
fn main() -> std::process::ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("voxanne: the runtime could not be started: {error}");
            return std::process::ExitCode::FAILURE;
        }
    };
    match runtime.block_on(Cli::parse().run()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("voxanne: {}", error.chain());
            std::process::ExitCode::FAILURE
        }
    }
}
