//! `cargo xtask prove`: what is too long, or too dependent on time, for `cargo test`.
//!
//! Each proof runs the release binary as an operator would, beside the load that it needs, and compares what came
//! out with the figure that is promised. Figures are ratios within one run, because the machine's own speed is not
//! the gateway's doing. The report has the commands and how busy the machine was; it is printed and written to
//! `target/prove/report.md`. Deliberately absent: a library of nextbest's; what is proven is the program that people
//! run.
//!
//! `cargo xtask prove [PROOF..] [--quick] [--soak-minutes N]`: all proofs unless some are named; `--quick` runs each for
//! a fraction of its time, to see that it works.

mod figures;
mod gateway;
mod isolation;
mod options;
mod overload;
mod reloads;
mod restarts;
mod soak;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{Step, TaskError};

use self::gateway::House;
use self::options::Options;

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
    promise: String,
    seen: String,
    verdict: Verdict,
}

/// What a figure says of its promise.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Kept,
    Missed,
    /// Nothing is promised; somebody may want to know.
    Told,
}

impl Finding {
    fn new(promise: impl Into<String>, is_kept: bool, seen: String) -> Self {
        let verdict = if is_kept { Verdict::Kept } else { Verdict::Missed };
        Self {
            promise: promise.into(),
            seen,
            verdict,
        }
    }

    fn told(what: impl Into<String>, seen: String) -> Self {
        Self {
            promise: what.into(),
            seen,
            verdict: Verdict::Told,
        }
    }

    const fn verdict(&self) -> &'static str {
        match self.verdict {
            Verdict::Kept => "kept",
            Verdict::Missed => "MISSED",
            Verdict::Told => "seen",
        }
    }
}

/// A proof: its name, and what it finds.
type Proof = (&'static str, fn(&House) -> Result<Vec<Finding>, TaskError>);

/// All proofs, in the order in which they run.
const PROOFS: [Proof; 5] = [
    ("overload", overload::prove),
    ("isolation", isolation::prove),
    ("reloads", reloads::prove),
    ("restarts", restarts::prove),
    ("soak", soak::prove),
];

/// Runs the proofs, and fails when a promise was not kept.
pub(crate) fn run(options: &[&str]) -> Result<(), TaskError> {
    let names: Vec<_> = PROOFS.iter().map(|(name, _)| *name).collect();
    let options = Options::read(options, &names)?;
    BUILD.run()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = target_folder(&root).join("prove");
    fs::create_dir_all(&folder).map_err(|error| TaskError::new(format!("{}: {error}", folder.display())))?;
    let house = House::build(&root, &folder, &binary(&root)?, options)?;
    let mut report = Report::new(&house);
    for (name, prove) in PROOFS.iter().filter(|(name, _)| house.options.runs(name)) {
        println!("\n== {name}");
        let busy = load_average();
        let findings = prove(&house);
        report.add(name, &findings?, &house.take_commands(), [&busy, &load_average()]);
        report.write(&folder.join("report.md"))?;
    }
    println!("\nthe report is in {}", folder.join("report.md").display());
    match report.missed {
        0 => Ok(()),
        missed => Err(TaskError::new(format!("{missed} promises were not kept"))),
    }
}

/// What was found, for people.
struct Report {
    text: String,
    missed: usize,
}

impl Report {
    fn new(house: &House) -> Self {
        let how = if house.options.is_quick {
            ", each for a fraction of its time"
        } else {
            ""
        };
        let text = format!("# What was proven\n\nMade by `cargo xtask prove`{how}.\n");
        Self { text, missed: 0 }
    }

    fn add(&mut self, name: &str, findings: &[Finding], commands: &[String], busy: [&str; 2]) {
        self.text
            .push_str(&format!("\n## {name}\n\n| promise | seen | |\n|---|---|---|\n"));
        for finding in findings {
            let (promise, seen, verdict) = (&finding.promise, &finding.seen, finding.verdict());
            self.missed += usize::from(finding.verdict == Verdict::Missed);
            println!("{verdict}: {promise}: {seen}");
            self.text.push_str(&format!("| {promise} | {seen} | {verdict} |\n"));
        }
        let [before, after] = busy;
        let commands = commands.join("\n");
        self.text.push_str(&format!(
            "\nLoad average before {before}, after {after}.\n\n```console\n{commands}\n```\n"
        ));
    }

    fn write(&self, file: &Path) -> Result<(), TaskError> {
        fs::write(file, &self.text).map_err(|error| TaskError::new(format!("{}: {error}", file.display())))
    }
}

/// How busy the machine has been: the load averages of 1, 5 and 15 minutes, where the system tells them.
fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let averages: Vec<_> = text.split_whitespace().take(3).collect();
    if averages.is_empty() {
        "unknown".to_owned()
    } else {
        averages.join(" ")
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
