//! What the tests and benches of the core share: the packs that ship, a venue in virtual time, and actions by the
//! thousand.
//!
//! Reading order: packs here, then [`world`] (hubs, people and steps of time), then [`synthetic`] (many actions).
//! Deliberately absent: clocks, sockets, and any judgement; each test states its own promise.

#![expect(dead_code, reason = "each test and bench uses its own part")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

pub(crate) mod synthetic;
pub(crate) mod world;

use std::fs;
use std::path::{Path, PathBuf};

use nextbest::config::{self, pack_files};
use nextbest::engine::spec::Spec;

/// Loads a pack of `packs/`.
pub(crate) fn pack(name: &str) -> Spec {
    config::load(&files(name)).unwrap_or_else(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{} mistakes in {name}\n{}", lines.len(), lines.join("\n"));
    })
}

/// A pack with tables for the few people of a test, so that an engine of it is cheap.
pub(crate) fn small(name: &str) -> Spec {
    let mut spec = pack(name);
    spec.settings.customers_max = 256;
    spec.settings.tags_max = 256;
    spec
}

/// The names and texts of a pack's files, as the shell reads them.
fn files(pack: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs").join(pack);
    let mut files = Vec::new();
    for path in pack_files() {
        let at = root.join(path.path);
        let mut found: Vec<PathBuf> = match path.ending {
            Some(_) => fs::read_dir(&at)
                .map(|items| items.map(|item| item.unwrap().path()).collect())
                .unwrap_or_default(),
            None => vec![at],
        };
        found.sort();
        for file in found.into_iter().filter(|file| file.is_file()) {
            let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read_to_string(&file).unwrap()));
        }
    }
    files
}
