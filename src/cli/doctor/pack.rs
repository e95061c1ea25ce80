//! Can the pack be served on this machine?

use std::path::Path;

use super::Finding;
use crate::cli::pack;
use crate::serve::GatewaySettings;
use crate::serve::overload::memory::machine_bytes;
use crate::serve::worst_case::{Bytes, WorstCase};

const SUBJECT: &str = "pack";

pub(super) fn check(folder: &Path) -> Finding {
    let loaded = pack::load(folder).and_then(|loaded| pack::engine(&loaded).map(|_| loaded));
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(failure) => {
            return Finding::bad(SUBJECT, failure.sentence, "see `nextbest check`");
        }
    };
    let worst = WorstCase::of(&loaded.spec, &GatewaySettings::from(&loaded.serve)).total_bytes();
    let found = format!("{} can be served, with {} of memory at most", loaded.name, Bytes(worst));
    match machine_bytes().filter(|machine| worst > *machine) {
        Some(machine) => Finding::bad(
            SUBJECT,
            format!("{found}, but this machine has {}", Bytes(machine)),
            "lower the maxima in [limits] and [serve] of its settings.toml",
        ),
        None => Finding::good(SUBJECT, found),
    }
}
