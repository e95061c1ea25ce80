//! Everything that would be a shell script: `cargo xtask help`.
//!
//! A task is a function and a line in [`TASKS`]. The crate is built before anything else, so it depends on nothing but
//! the standard library.

mod cargo;
mod ci;
mod core_only;
mod fuzz;
mod make_maps;
mod prove;
mod services;

use std::process::ExitCode;

use cargo::{Step, TaskError};

/// A command of `cargo xtask`.
struct Task {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<(), TaskError>,
}

/// All commands, in the order of the help.
const TASKS: [Task; 7] = [
    Task {
        name: "test",
        about: "run every test, after preparing what the tests need",
        run: ci::test,
    },
    Task {
        name: "ci",
        about: "run all that must pass before a merge: format, lints, documents, core, benches, tests",
        run: ci::run,
    },
    Task {
        name: "prove",
        about: "prove what is too long for a test: overload, isolation, reloads, restarts, soak; name some, or --quick",
        run: || prove::run(&[]),
    },
    Task {
        name: "core-only",
        about: "build the core without the shell, and check that nothing of the shell came along",
        run: core_only::run,
    },
    Task {
        name: "fuzz",
        about: "fuzz every target a minute, or `fuzz TARGET --seconds N`; `--keep` commits what was found to the corpus",
        run: || fuzz::run(&[]),
    },
    Task {
        name: "descriptor",
        about: "refresh the contract's committed descriptor set after adding to it",
        run: descriptor,
    },
    Task {
        name: "make-maps",
        about: "write the maps of the shipped packs anew",
        run: || make_maps::run().map_err(TaskError::new),
    },
];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            help();
            Ok(())
        }
        ["fuzz", options @ ..] => fuzz::run(options),
        ["prove", options @ ..] => prove::run(options),
        [name] => match TASKS.iter().find(|task| task.name == *name) {
            Some(task) => (task.run)(),
            None => Err(TaskError::new(format!(
                "`{name}` is not a task: see `cargo xtask help`"
            ))),
        },
        [_, ..] => Err(TaskError::new(
            "one task at a time, without arguments: see `cargo xtask help`",
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn help() {
    println!("cargo xtask TASK\n");
    for task in &TASKS {
        println!("  {:<12} {}", task.name, task.about);
    }
    println!("\nFor example: cargo xtask test");
}

fn descriptor() -> Result<(), TaskError> {
    Step::cargo(
        "descriptor",
        &[
            "run",
            "--locked",
            "--package",
            "nextbest-proto",
            "--example",
            "descriptor",
        ],
    )
    .run()
}
