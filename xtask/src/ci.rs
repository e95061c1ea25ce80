//! What must pass before a merge, and the tests alone.
//!
//! Every step runs even if one before it failed, so that one run shows everything. Tests come last, so that their own
//! count ends the output. Lints, documents and the core-only build share one set of checked dependencies, benches and
//! tests one set of built ones; but for the fuzz targets nothing is built in the release profile.

use std::process::{Command, Stdio};

use crate::cargo::{Step, TaskError};
use crate::core_only;
use crate::fuzz;
use crate::services::{self, FEATURES};

const FORMAT: Step = Step::cargo("format", &["fmt", "--all", "--check"]);
const LINTS: Step = Step::cargo(
    "lints",
    &[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--features",
        FEATURES,
        "--",
        "--deny",
        "warnings",
    ],
);
const DOCUMENTS: Step = Step::cargo(
    "documents",
    &["doc", "--workspace", "--no-deps", "--locked", "--features", FEATURES],
)
.with("RUSTDOCFLAGS", "--deny warnings");
/// Criterion runs each bench once with small inputs when cargo does not pass `--bench`, which only `cargo bench` does.
const BENCHES: Step = Step::cargo(
    "benches, once each",
    &[
        "test",
        "--workspace",
        "--locked",
        "--features",
        FEATURES,
        "--bench",
        "*",
    ],
);
/// Every interleaving of the slab. Its atomics are other ones there, so it is a package by itself.
const INTERLEAVINGS: Step = Step::cargo(
    "interleavings",
    &[
        "test",
        "--manifest-path",
        "interleavings/Cargo.toml",
        "--locked",
        "--target-dir",
        "target/interleavings",
    ],
);
/// Each planted bug alone; prints in how many seeds a simulation found it. All other features are those of the tests, so
/// that what they depend on is built once.
const PLANTED_BUGS: Step = Step::cargo(
    "planted bugs",
    &[
        "test",
        "--workspace",
        "--locked",
        "--features",
        FEATURES,
        "--features",
        "nextbest/planted-bugs",
        "--test",
        "planted_bugs",
        "--",
        "--nocapture",
    ],
);
/// The program is killed two hundred times; plain `cargo test` makes do with a few.
const TESTS: Step = Step::cargo(
    "tests",
    &[
        "test",
        "--workspace",
        "--locked",
        "--no-fail-fast",
        "--features",
        FEATURES,
    ],
)
.with("NEXTBEST_KILLS", "200");

/// All steps.
pub(crate) fn run() -> Result<(), TaskError> {
    let steps: [fn() -> Result<(), TaskError>; 9] = [
        || FORMAT.run(),
        || LINTS.run(),
        || DOCUMENTS.run(),
        core_only::run,
        || BENCHES.run(),
        || INTERLEAVINGS.run(),
        || PLANTED_BUGS.run(),
        // With one seed, so that a change is not refused for what chance finds in another; by hand it is another each time.
        || fuzz::run(&["--seconds", "15", "--seed", "1"]),
        test,
    ];
    let failures: Vec<_> = steps
        .iter()
        .filter_map(|step| step().err())
        .map(|error| error.to_string())
        .collect();
    println!("\n== {} of {} steps passed", steps.len() - failures.len(), steps.len());
    if failures.is_empty() {
        Ok(())
    } else {
        Err(TaskError::new(failures.join("; ")))
    }
}

/// Every test of the workspace, those that need a service included. What a fresh machine needs for them, apart from Rust
/// itself, is prepared first; a test without its service fails rather than being passed over.
pub(crate) fn test() -> Result<(), TaskError> {
    prepare()?;
    TESTS.run()
}

fn prepare() -> Result<(), TaskError> {
    println!("\n== prepare: a C compiler for ring, and the services that tests talk to");
    let compiler = Command::new("cc").arg("--version").stdout(Stdio::null()).status();
    match compiler {
        Ok(status) if status.success() => services::prepare(),
        Ok(_) | Err(_) => Err(TaskError::new(
            "`cc` does not run: install a C compiler, such as the package `gcc`",
        )),
    }
}
