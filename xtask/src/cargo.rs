//! Running cargo, and saying what is run and how long it took.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Why a task failed, as a sentence.
#[derive(Debug)]
pub(crate) struct TaskError(String);

impl TaskError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for TaskError {}

/// One call of cargo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    arguments: &'static [&'static str],
    environment: Option<(&'static str, &'static str)>,
}

impl Step {
    pub(crate) const fn cargo(name: &'static str, arguments: &'static [&'static str]) -> Self {
        Self {
            name,
            arguments,
            environment: None,
        }
    }

    pub(crate) const fn with(mut self, variable: &'static str, value: &'static str) -> Self {
        self.environment = Some((variable, value));
        self
    }

    /// Runs it, with its output passed through.
    pub(crate) fn run(&self) -> Result<(), TaskError> {
        let environment = self
            .environment
            .map(|(variable, value)| format!("{variable}={value:?} "))
            .unwrap_or_default();
        println!("\n== {}: {environment}cargo {}", self.name, self.arguments.join(" "));
        let (status, took) = timed(|| self.command().status());
        let status = status.map_err(|error| TaskError::new(format!("{}: cannot start cargo: {error}", self.name)))?;
        println!(
            "== {}: {} in {:.1} s",
            self.name,
            if status.success() { "passed" } else { "failed" },
            took.as_secs_f64()
        );
        if status.success() {
            Ok(())
        } else {
            Err(TaskError::new(format!("{} failed", self.name)))
        }
    }

    /// Runs it, and returns what it printed.
    pub(crate) fn output(&self) -> Result<String, TaskError> {
        let failed = |why: &dyn fmt::Display| TaskError::new(format!("{} failed: {why}", self.name));
        let output = self
            .command()
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| failed(&error))?;
        if !output.status.success() {
            return Err(failed(&output.status));
        }
        String::from_utf8(output.stdout).map_err(|error| failed(&error))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("cargo");
        command
            .args(self.arguments)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        command.envs(self.environment);
        command
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a build takes is told to the person waiting for it"
)]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}
