//! `cargo xtask prove`: what is too long, or too dependent on time, for `cargo test`.
//!
//! Each proof runs the release binary as an operator would, beside the load that it needs, and compares what came
//! out with the figure that is promised. Figures are ratios within one run, because the machine's own speed is not
//! the gateway's doing. The report is printed and written to `target/prove/report.md`. Deliberately absent: a
//! library of nextbest's; what is proven is the program that people run.

mod figures;
mod gateway;
mod isolation;
mod overload;
mod reloads;
mod restarts;
mod soak;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{Step, TaskError};

use self::gateway::House;

const BUILD: Step = Step::cargo(
    "build",
    &[
        "build",
        "--release",
        "--locked",
        "--package",
        "nextbest",
        "--bin",
        "nextbest",
    ],
);

/// One figure beside what is promised.
pub(crate) struct Finding {
    promise: &'static str,
    seen: String,
    is_kept: bool,
}

impl Finding {
    fn new(promise: &'static str, is_kept: bool, seen: String) -> Self {
        Self { promise, seen, is_kept }
    }
}

/// A proof: its name, and what it finds.
type Proof = (&'static str, fn(&House) -> Result<Vec<Finding>, TaskError>);

/// All proofs, in the order in which they run.
const PROOFS: [Proof; 5] = [
    ("overload", overload::prove),
    ("isolation", isolation::prove),
    ("reloads", reloads::prove),
    ("rolling restarts", restarts::prove),
    ("soak", soak::prove),
];

/// Runs every proof, and fails when a promise was not kept.
pub(crate) fn run() -> Result<(), TaskError> {
    BUILD.run()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = target_folder(&root).join("prove");
    fs::create_dir_all(&folder).map_err(|error| TaskError::new(format!("{}: {error}", folder.display())))?;
    let house = House::build(&root, &folder, &binary(&root)?)?;
    let mut report = String::from("# What was proven\n\nMade by `cargo xtask prove`.\n");
    let mut missed = 0;
    for (name, prove) in PROOFS {
        println!("\n== {name}");
        report.push_str(&format!("\n## {name}\n\n| promise | seen | |\n|---|---|---|\n"));
        for finding in prove(&house)? {
            let verdict = if finding.is_kept { "kept" } else { "MISSED" };
            missed += u32::from(!finding.is_kept);
            println!("{verdict}: {}: {}", finding.promise, finding.seen);
            report.push_str(&format!("| {} | {} | {verdict} |\n", finding.promise, finding.seen));
        }
    }
    let file = folder.join("report.md");
    fs::write(&file, report).map_err(|error| TaskError::new(format!("{}: {error}", file.display())))?;
    println!("\nthe report is in {}", file.display());
    match missed {
        0 => Ok(()),
        missed => Err(TaskError::new(format!("{missed} promises were not kept"))),
    }
}

/// Where cargo puts what it builds.
fn target_folder(root: &Path) -> PathBuf {
    let told = std::env::vars().find(|(name, _)| name == "CARGO_TARGET_DIR");
    told.map_or_else(|| root.join("target"), |(_, folder)| PathBuf::from(folder))
}

fn binary(root: &Path) -> Result<PathBuf, TaskError> {
    let binary = target_folder(root).join("release/nextbest");
    let runs = Command::new(&binary).arg("--version").output();
    match runs {
        Ok(output) if output.status.success() => Ok(binary),
        Ok(_) | Err(_) => Err(TaskError::new(format!("{} does not run", binary.display()))),
    }
}
