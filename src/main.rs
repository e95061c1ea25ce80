//! Tells every customer in a venue the next best thing to do. Start with `nextbest --help`.
//!
//! Reads the command line, runs one command, and leaves with a code that a script can use. Everything else is in
//! the library.

use std::process::ExitCode;

use clap::Parser as _;
use nextbest::cli::{Arguments, run};

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
