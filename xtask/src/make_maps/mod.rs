//! Draws the maps of the packs: `packs/*/venue/*.geojson`.
//!
//! The files are committed, because a pack is to be read without running anything; a test says that they are what this
//! program draws. Everything is computed from the numbers in the source, so that two runs make the same bytes. After a
//! change run `cargo xtask make-maps` and look at the plans that `cargo run --locked -p nextbest-venue --example draw` draws.

mod geojson;
mod museum;
mod ring;
mod stadium;
mod tetam;

use std::fs;
use std::path::{Path, PathBuf};

use self::geojson::Map;

/// Writes the maps of all packs, replacing what is there.
///
/// # Errors
/// The file that could not be written, and why.
pub(crate) fn run() -> Result<(), String> {
    for (path, text) in files() {
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

/// Every file with its text.
fn files() -> Vec<(PathBuf, String)> {
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packs");
    let maps: [(&str, Map); 3] = [
        ("stadium", stadium::draw()),
        ("museum", museum::draw()),
        ("tetam", tetam::draw()),
    ];
    let of_pack = |(pack, map): (&str, Map)| {
        let folder = packs.join(pack).join("venue");
        map.into_files()
            .into_iter()
            .map(move |(name, text)| (folder.join(name), text))
            .collect::<Vec<_>>()
    };
    maps.into_iter().flat_map(of_pack).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_maps_are_what_the_program_draws() {
        for (path, text) in files() {
            let committed = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                committed == text,
                "{} differs: run `cargo xtask make-maps`",
                path.display()
            );
        }
    }

    #[test]
    fn no_other_file_lies_beside_them() {
        let drawn: Vec<PathBuf> = files().into_iter().map(|(path, _)| path).collect();
        for folder in drawn.iter().filter_map(|path| path.parent()) {
            for entry in fs::read_dir(folder).expect("the pack has a venue folder") {
                let path = entry.expect("readable").path();
                assert!(drawn.contains(&path), "{} is not drawn by the program", path.display());
            }
        }
    }

    #[test]
    fn drawing_twice_gives_the_same_bytes() {
        assert!(files() == files());
    }
}
