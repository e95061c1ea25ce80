//! The core builds alone: no runtime, no sockets, no TLS.
//!
//! This proves what `src/ARCHITECTURE.md` says, and keeps proving it: a dependency that slips into the core shows here.

use crate::cargo::{Step, TaskError};

const CHECK: Step = Step::cargo(
    "core only",
    &[
        "check",
        "--package",
        "nextbest",
        "--lib",
        "--no-default-features",
        "--locked",
    ],
);
const TREE: Step = Step::cargo(
    "dependencies of the core",
    &[
        "tree",
        "--package",
        "nextbest",
        "--no-default-features",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--locked",
    ],
);

/// What only the shell may use.
const SHELL_ONLY: [&str; 9] = [
    "axum",
    "firmware-sim",
    "hyper",
    "mio",
    "nextbest-client",
    "quinn",
    "quinn-proto",
    "socket2",
    "tokio",
];

/// Builds the core, then looks through its dependencies.
pub(crate) fn run() -> Result<(), TaskError> {
    CHECK.run()?;
    let found = shell_crates(&TREE.output()?);
    if found.is_empty() {
        println!("== core only: none of {}", SHELL_ONLY.join(", "));
        return Ok(());
    }
    Err(TaskError::new(format!(
        "the core depends on {}: make it optional, for the feature `shell`",
        found.join(", ")
    )))
}

fn shell_crates(tree: &str) -> Vec<&'static str> {
    let in_tree = |name: &&str| tree.lines().any(|line| line.split(' ').next() == Some(*name));
    SHELL_ONLY.into_iter().filter(in_tree).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_of_the_shell_is_found() {
        let tree = "nextbest v0.1.0 (here)\nbytes v1.12.1\nquinn-proto v0.11.19 (*)\ntokio-like v1.0.0\n";
        assert_eq!(shell_crates(tree), ["quinn-proto"]);
    }
}
