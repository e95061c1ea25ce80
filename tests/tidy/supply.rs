//! What `Cargo.lock` may hold: no version with a known hole, no crate that the house does without; and that the lock file
//! is what is built from, wherever somebody is told to build.
//!
//! The floors are from the RustSec advisories of 2026-08-21; a test needs no database and no network. `deny.toml` says the
//! rest (licences, sources, duplicates) to cargo-deny, where that is installed.

use crate::source::Finding;

/// Lowest version that is free of the known advisories.
const FLOORS: [(&str, &str); 17] = [
    ("async-nats", "0.29.0"),
    ("aws-lc-sys", "0.39.0"),
    ("bytes", "1.11.1"),
    ("crossbeam-channel", "0.5.15"),
    ("crossbeam-epoch", "0.9.20"),
    ("dashmap", "5.1.0"),
    ("h2", "0.4.16"),
    ("lru", "0.18.2"),
    ("lz4_flex", "0.12.1"),
    ("quinn-proto", "0.11.15"),
    ("ring", "0.17.12"),
    ("rkyv", "0.8.17"),
    ("rustls", "0.23.18"),
    ("rustls-webpki", "0.103.13"),
    ("time", "0.3.47"),
    ("tokio", "1.44.2"),
    ("tracing-subscriber", "0.3.20"),
];

/// Crates that are not to come in, also not through others.
const BANNED: [(&str, &str); 6] = [
    (
        "aws-lc-sys",
        "it needs cmake: switch off the feature that brings it, and use rustls with ring",
    ),
    (
        "aws-lc-rs",
        "it needs cmake: switch off the feature that brings it, and use rustls with ring",
    ),
    ("openssl-sys", "it needs a system package: use rustls with ring"),
    ("native-tls", "it needs a system package: use rustls with ring"),
    (
        "bincode",
        "it is unmaintained (RUSTSEC-2025-0141): use the contract, or postcard",
    ),
    ("serde_yml", "it is unsound (RUSTSEC-2025-0068): packs are TOML"),
];

const FLOOR: &str = "raise it with `cargo update --package`";

const UNLOCKED: &str = "say `--locked`: what is built is what was checked";
/// The commands of cargo that build.
const BUILDS: [&str; 8] = ["bench", "build", "check", "clippy", "doc", "install", "run", "test"];

/// `path` is that of the lock file.
pub(crate) fn check(path: &str, lock: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, name, version) in packages(lock) {
        let finding = |what, remedy| Finding {
            path: path.to_owned(),
            line,
            what,
            remedy,
        };
        for (_, remedy) in BANNED.iter().filter(|(banned, _)| *banned == name) {
            findings.push(finding(format!("`{name}` is not welcome"), remedy));
        }
        for (_, floor) in FLOORS
            .iter()
            .filter(|(floored, floor)| *floored == name && numbers(version) < numbers(floor))
        {
            findings.push(finding(
                format!("{name} {version} is below {floor}, which closes a known hole"),
                FLOOR,
            ));
        }
    }
    findings
}

/// Commands in documents, comments and scripts that would build from something else than the lock file. A bare
/// `cargo test` in a sentence is a word; with anything behind it, it is a command.
pub(crate) fn unlocked(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for (start, _) in line.match_indices("cargo ") {
            let rest = &line[start + "cargo ".len()..];
            let command = rest.split('`').next().unwrap_or_default();
            let Some((verb, options)) = command.split_once(' ') else {
                continue;
            };
            if BUILDS.contains(&verb) && options.starts_with('-') && !options.contains("--locked") {
                findings.push(Finding {
                    path: path.to_owned(),
                    line: at + 1,
                    what: format!("`cargo {verb}` without its lock file"),
                    remedy: UNLOCKED,
                });
            }
        }
    }
    findings
}

/// Steps of xtask that would; their arguments are a list of words.
pub(crate) fn unlocked_steps(path: &str, text: &str) -> Vec<Finding> {
    let lists = text.match_indices('[').filter_map(|(at, _)| {
        let list = &text[at..at + text[at..].find(']')?];
        let first = list.trim_start_matches(['[', '\n', ' ']).strip_prefix('"')?;
        let verb = first.split('"').next()?;
        // `install` alone is a word of other package managers, too.
        let builds = BUILDS.contains(&verb) && verb != "install";
        (builds && list.contains("\"--") && !list.contains("\"--locked\"")).then_some((at, verb))
    });
    let finding = |(at, verb): (usize, &str)| Finding {
        path: path.to_owned(),
        line: text[..at].lines().count().max(1),
        what: format!("a step `cargo {verb}` without its lock file"),
        remedy: UNLOCKED,
    };
    lists.map(finding).collect()
}

/// Line, name and version of each package.
pub(crate) fn packages(lock: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    lock.lines()
        .zip(lock.lines().skip(1))
        .enumerate()
        .filter_map(|(at, (line, next))| {
            let name = line.strip_prefix("name = \"")?.strip_suffix('"')?;
            let version = next.strip_prefix("version = \"")?.strip_suffix('"')?;
            Some((at + 1, name, version))
        })
}

fn numbers(version: &str) -> Vec<u64> {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    release.split('.').map(|number| number.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_unwelcome_packages_are_found() {
        let lock = "[[package]]\nname = \"bytes\"\nversion = \"1.9.0\"\n\n[[package]]\nname = \"tokio\"\nversion = \"1.44.2\"\n\n[[package]]\nname = \"openssl-sys\"\nversion = \"0.9.1\"\n";
        let found = check("Cargo.lock", lock);
        assert_eq!(
            found.iter().map(|finding| finding.line).collect::<Vec<_>>(),
            [2, 10],
            "{found:#?}"
        );
    }

    #[test]
    fn builds_without_the_lock_file_are_found() {
        let text =
            "Run `cargo test`, then `cargo test --test a`.\n$ cargo run --locked -- demo\n$ cargo build --release\n";
        let lines: Vec<_> = unlocked("README.md", text).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 3]);
        let steps = "&[\"fmt\", \"--all\"]\n&[\n    \"test\",\n    \"--workspace\",\n]\n&[\"doc\", \"--locked\"]";
        let lines: Vec<_> = unlocked_steps("ci.rs", steps)
            .iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(lines, [2]);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(numbers("0.11.9") < numbers("0.11.15"));
        assert!(numbers("1.2.1+spec-1.1.0") >= numbers("1.2.1"));
    }
}
