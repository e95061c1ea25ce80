//! Builds and runs the fuzz targets, on the stable compiler.
//!
//! `cargo xtask fuzz [TARGET] [--seconds N] [--seed N] [--keep]`. The targets are bins of `fuzz/` (see `fuzz/src/lib.rs`); they are
//! built with coverage instrumentation by plain compiler flags, so that neither a nightly compiler nor cargo-fuzz is
//! needed. No sanitizer: our code forbids `unsafe`, and every assertion and overflow check is on. New inputs go to
//! `target/fuzz/corpus`; `--keep` puts those that reach something new into `fuzz/corpus`, which `cargo test` replays.
//!
//! A target that fails leaves its input in `target/fuzz`, and says where. Copy it to `fuzz/corpus/TARGET/found-WHAT`, see
//! `cargo test --locked --test fuzz_corpus` fail, and mend what is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::TaskError;

/// How long each target runs when nobody says, in seconds.
const SECONDS: u32 = 60;
/// Bytes of the longest input that is tried: a frame, a file and a payload have room, and short inputs are fast.
const INPUT_LEN_MAX: &str = "-max_len=8192";
/// What makes libFuzzer see where an input went, and assertions hold.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    target: Option<String>,
    seconds: u32,
    /// Where chance begins; another one each time when it is 0.
    seed: u32,
    keep: bool,
}

/// Builds the targets and runs them, one after the other.
pub(crate) fn run(options: &[&str]) -> Result<(), TaskError> {
    let options = Options::read(options)?;
    let all = targets(&root().join("fuzz/fuzz_targets"))?;
    let chosen: Vec<_> = match &options.target {
        None => all,
        Some(target) if all.contains(target) => vec![target.clone()],
        Some(target) => {
            let all = all.join(", ");
            return Err(TaskError::new(format!("`{target}` is no fuzz target, there are {all}")));
        }
    };
    let programs = build()?;
    let failures: Vec<String> = chosen
        .iter()
        .filter_map(|target| fuzz(&programs.join(target), target, &options).err())
        .map(|error| error.to_string())
        .collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(TaskError::new(failures.join("; ")))
    }
}

impl Options {
    fn read(options: &[&str]) -> Result<Self, TaskError> {
        let mut read = Self {
            target: None,
            seconds: SECONDS,
            seed: 0,
            keep: false,
        };
        let mut rest = options.iter();
        while let Some(option) = rest.next() {
            match *option {
                "--keep" => read.keep = true,
                "--seconds" => {
                    let seconds = rest.next().and_then(|seconds| seconds.parse().ok());
                    let expected = || TaskError::new("`--seconds` is expected to be followed by a number above 0");
                    read.seconds = seconds.filter(|seconds| *seconds > 0).ok_or_else(expected)?;
                }
                "--seed" => {
                    let seed = rest.next().and_then(|seed| seed.parse().ok());
                    read.seed =
                        seed.ok_or_else(|| TaskError::new("`--seed` is expected to be followed by a number"))?;
                }
                option if option.starts_with('-') || read.target.is_some() => {
                    let form = "fuzz [TARGET] [--seconds N] [--seed N] [--keep]";
                    return Err(TaskError::new(format!("`{option}` is not expected: {form}")));
                }
                target => read.target = Some(target.to_owned()),
            }
        }
        Ok(read)
    }
}

/// The names of the targets.
fn targets(folder: &Path) -> Result<Vec<String>, TaskError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let path = entry.map_err(|error| failed(folder, &error))?.path();
        names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Builds all targets; returns the folder that they are in.
///
/// With a target platform named, cargo keeps the flags from build scripts and macros, which need no instrumentation.
fn build() -> Result<PathBuf, TaskError> {
    let platform = host()?;
    println!("\n== fuzz targets: cargo build --manifest-path fuzz/Cargo.toml --release --locked");
    let status = Command::new("cargo")
        .args(["build", "--manifest-path", "fuzz/Cargo.toml", "--release", "--locked"])
        .args(["--target", &platform, "--target-dir"])
        .arg(output())
        .env("RUSTFLAGS", FLAGS)
        .current_dir(root())
        .status();
    match status {
        Ok(status) if status.success() => Ok(output().join(platform).join("release")),
        Ok(_) => Err(TaskError::new("the fuzz targets do not build")),
        Err(error) => Err(TaskError::new(format!("cannot start cargo: {error}"))),
    }
}

fn fuzz(program: &Path, target: &str, options: &Options) -> Result<(), TaskError> {
    let found = output().join("corpus").join(target);
    let corpus = root().join("fuzz/corpus").join(target);
    for folder in [&found, &corpus] {
        fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    }
    println!("\n== fuzz {target}, {} s", options.seconds);
    let mut command = Command::new(program);
    command
        .args([&found, &corpus])
        .arg(format!("-max_total_time={}", options.seconds))
        .arg(format!("-seed={}", options.seed))
        .arg(format!("-artifact_prefix={}/{target}-", output().display()))
        .args([INPUT_LEN_MAX, "-timeout=10", "-rss_limit_mb=1024"])
        .args(["-print_final_stats=1", "-verbosity=0"]);
    let words = root().join("fuzz/dictionaries").join(format!("{target}.dict"));
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    finished(&mut command, target)?;
    if options.keep {
        keep(program, target, &found, &corpus)?;
    }
    Ok(())
}

/// Of what was found and what was kept, keeps the fewest inputs that reach all that both reach; mistakes that were found
/// are kept in any case.
fn keep(program: &Path, target: &str, found: &Path, corpus: &Path) -> Result<(), TaskError> {
    let fewest = output().join("fewest").join(target);
    let _none_from_before = fs::remove_dir_all(&fewest);
    fs::create_dir_all(&fewest).map_err(|error| failed(&fewest, &error))?;
    let mut command = Command::new(program);
    command.args(["-set_cover_merge=1", "-use_counters=0", "-verbosity=0", INPUT_LEN_MAX]);
    finished(command.arg(&fewest).args([corpus, found]), target)?;
    for (folder, replaces) in [(corpus, true), (fewest.as_path(), false)] {
        for entry in fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
            let entry = entry.map_err(|error| failed(folder, &error))?;
            let is_found = entry.file_name().to_string_lossy().starts_with("found-");
            let done = match replaces {
                true if is_found => Ok(()),
                true => fs::remove_file(entry.path()),
                false => fs::copy(entry.path(), corpus.join(entry.file_name())).map(drop),
            };
            done.map_err(|error| failed(&entry.path(), &error))?;
        }
    }
    Ok(())
}

fn finished(command: &mut Command, target: &str) -> Result<(), TaskError> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(TaskError::new(format!(
            "the fuzz target {target} failed; its input is in {}",
            output().display()
        ))),
        Err(error) => Err(TaskError::new(format!(
            "cannot start the fuzz target {target}: {error}"
        ))),
    }
}

/// What the compiler builds for when nobody says.
fn host() -> Result<String, TaskError> {
    let unknown = || TaskError::new("`rustc -vV` does not say its host");
    let told = Command::new("rustc").arg("-vV").output().map_err(|_| unknown())?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(unknown)
}

/// Where the targets are built and what they find is put.
#[expect(
    clippy::disallowed_methods,
    reason = "where builds go is the machine's to say, and cargo is asked the same way"
)]
fn output() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("fuzz")
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn failed(path: &Path, error: &std::io::Error) -> TaskError {
    TaskError::new(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let read = Options::read(&["frames", "--seconds", "15", "--seed", "7", "--keep"]).unwrap();
        let expected = Options {
            target: Some("frames".to_owned()),
            seconds: 15,
            seed: 7,
            keep: true,
        };
        assert_eq!(read, expected);
        for wrong in [
            &["--seconds"][..],
            &["--seconds", "0"],
            &["--second"],
            &["frames", "pack"],
        ] {
            assert!(Options::read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_target_is_found() {
        let found = targets(&root().join("fuzz/fuzz_targets")).unwrap();
        assert!(found.iter().any(|target| target == "frames"), "{found:?}");
    }
}
