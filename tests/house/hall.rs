//! The files of the hall's pack, which the tests of a running gateway share.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

/// Name and text of each file, as a pack is loaded from.
pub(crate) fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hall");
    let names = [
        "pack.toml",
        "journey.toml",
        "actions.toml",
        "settings.toml",
        "messages/en.ftl",
        "venue/hall.geojson",
    ];
    let read = |name: &str| (name.to_owned(), fs::read_to_string(root.join(name)).unwrap());
    names.map(read).to_vec()
}
