//! The command line: one file for each command, one clear sentence for bad input.
//!
//! Exit codes: 0 done; 1 the input is wrong or the work failed, and the sentence on standard error says how;
//! 2 the command line itself is wrong (clap says how); 3 a gateway did not answer or said no.
//!
//! Deliberately absent: settings from the environment, so that a command line says everything about a run.

#[macro_use]
mod output;

mod address;
mod answer;
mod ask;
mod calibrate;
mod check;
mod demo;
mod doctor;
mod duration;
mod hub;
mod hubs;
mod import_imdf;
mod journal;
mod keys;
mod load;
mod locate;
mod pack;
mod person;
mod provision;
mod replay;
mod serve;
mod service;
mod stopping;
mod survey;
mod watch;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tells every customer in a venue the next best thing to do, in microseconds.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, max_term_width = 110)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Serve(serve::Arguments),
    Hub(hub::Arguments),
    Ask(ask::Arguments),
    Hubs(hubs::Arguments),
    Watch(watch::Arguments),
    Check(check::Arguments),
    Doctor(doctor::Arguments),
    ImportImdf(import_imdf::Arguments),
    Journal(journal::Arguments),
    Keys(keys::Arguments),
    Person(person::Arguments),
    Provision(provision::Arguments),
    Replay(replay::Arguments),
    Load(load::Arguments),
    Locate(locate::Arguments),
    Survey(survey::Arguments),
    Calibrate(calibrate::Arguments),
}

/// Runs the command.
///
/// # Errors
/// [`Failure`], with the sentence to print and the code to leave with.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Hub(arguments) => hub::run(&arguments),
        Command::Ask(arguments) => ask::run(&arguments),
        Command::Hubs(arguments) => hubs::run(&arguments),
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::ImportImdf(arguments) => import_imdf::run(&arguments),
        Command::Journal(arguments) => journal::run(&arguments),
        Command::Keys(arguments) => keys::run(&arguments),
        Command::Person(arguments) => person::run(&arguments),
        Command::Provision(arguments) => provision::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Load(arguments) => load::run(&arguments),
        Command::Locate(arguments) => locate::run(&arguments),
        Command::Survey(arguments) => survey::run(&arguments),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    sentence: String,
    code: u8,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// The input is wrong, or the work failed.
const WRONG: u8 = 1;
/// A gateway did not answer or said no.
const NO_ANSWER: u8 = 3;

impl Failure {
    /// The input is wrong, or the work failed.
    fn wrong(why: impl fmt::Display) -> Self {
        Self {
            sentence: why.to_string(),
            code: WRONG,
        }
    }

    /// A gateway did not answer or said no.
    fn no_answer(why: impl fmt::Display) -> Self {
        Self {
            sentence: why.to_string(),
            code: NO_ANSWER,
        }
    }

    /// Says it on standard error, and gives the exit code.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        eprintln!("nextbest: {}", self.sentence);
        ExitCode::from(self.code)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        for command in Arguments::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("nextbest "), "`{}` shows no example", command.get_name());
        }
    }
}
