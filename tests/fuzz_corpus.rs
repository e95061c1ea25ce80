//! What the fuzzers have found worth keeping is tried by every `cargo test`, without a fuzzer.
//!
//! Each file of `fuzz/corpus/TARGET` is one input that reached something no other input reached; each of
//! `fuzz/corpus/TARGET/found-*` broke something once. A mistake that a fuzzer finds is committed here with its mending.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(unreachable_pub, reason = "the targets are the library of fuzz/")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Bytes of all inputs together.
const CORPUS_LEN_MAX: u64 = 2 << 20;

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// Tries every input of a target, and names the one that fails.
fn replay(target: &str) {
    let (_, run) = fuzz::TARGETS.into_iter().find(|(name, _)| *name == target).unwrap();
    let files = inputs(target);
    assert!(files.len() >= 10, "{target} has {} inputs", files.len());
    for file in files {
        let data = fs::read(&file).unwrap();
        if catch_unwind(AssertUnwindSafe(|| run(&data))).is_err() {
            panic!("{} fails: see `cargo xtask fuzz {target}`", file.display());
        }
    }
}

#[test]
fn advertisements() {
    replay("advertisements");
}

#[test]
fn engine() {
    replay("engine");
}

#[test]
fn frames() {
    replay("frames");
}

#[test]
fn journal() {
    replay("journal");
}

#[test]
fn message() {
    replay("message");
}

#[test]
fn pack() {
    replay("pack");
}

#[test]
fn payloads() {
    replay("payloads");
}

#[test]
fn token() {
    replay("token");
}

#[test]
fn every_target_has_its_file_and_its_corpus_and_nothing_else_does() {
    let names: BTreeSet<String> = fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for folder in ["corpus", "fuzz_targets"] {
        let found: BTreeSet<String> = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(found, names, "{folder}");
    }
}

#[test]
fn the_corpus_is_small() {
    let files = fuzz::TARGETS.iter().flat_map(|(name, _)| inputs(name));
    let bytes: u64 = files.map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(
        bytes <= CORPUS_LEN_MAX,
        "{bytes} bytes, at most {CORPUS_LEN_MAX}: minimise it with `cargo xtask fuzz`"
    );
}
