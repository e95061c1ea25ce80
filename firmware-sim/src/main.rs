//! The command `firmware-sim`; everything is in the library.

use std::process::ExitCode;

use clap::Parser as _;

/// One thread: with the gateway on another core, packets are not handed between threads.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    firmware_sim::cli::run(firmware_sim::cli::Args::parse()).await
}
