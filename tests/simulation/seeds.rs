//! Which seeds are run, and what is printed when one fails.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The seeds to run: `SEED` of the environment alone, or the first `SEEDS`, or as many as usual.
pub(crate) fn asked_for(usual: u64) -> Range<u64> {
    match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(seeds)) => 0..seeds,
        (None, None) => 0..usual,
    }
}

/// Runs what a seed gives; when that panics, prints the command which runs that seed alone.
pub(crate) fn name_if_it_fails(seed: u64, test: &str, run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        eprintln!("it happens again with: SEED={seed} cargo test --locked --test {test}");
        resume_unwind(panic);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a seed is asked for by hand, and printed, so that the run can be repeated"
)]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
