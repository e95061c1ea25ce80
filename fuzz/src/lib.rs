//! What is fuzzed: one module for each door through which strangers' bytes come, each with one function `run`.
//!
//! A target takes any bytes, hands them to the code that production hands them to, and asserts what must hold of the
//! result; that nothing panics is the least of it. Reading order: [`draw`], which makes values from bytes, then any
//! target. `cargo xtask fuzz` runs them under libFuzzer, `tests/fuzz_corpus.rs` replays what that has found worth keeping.
//!
//! Deliberately absent: libFuzzer (`fuzz_targets/` has it), clocks, files, and randomness: the same bytes do the same.

pub mod advertisements;
pub mod draw;
pub mod engine;
pub mod frames;
pub mod journal;
pub mod message;
pub mod pack;
pub mod payloads;
pub mod token;

/// A target by its name, which is also that of its corpus and of its file in `fuzz_targets/`.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 8] = [
    ("advertisements", advertisements::run),
    ("engine", engine::run),
    ("frames", frames::run),
    ("journal", journal::run),
    ("message", message::run),
    ("pack", pack::run),
    ("payloads", payloads::run),
    ("token", token::run),
];
