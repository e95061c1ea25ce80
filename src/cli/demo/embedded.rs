//! The stadium that is built into the program: the files of `packs/stadium`, as they were when it was built.

use super::super::Failure;
use crate::config::Pack;

/// A file of the pack, by its path in the folder.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../packs/stadium/", $path)))),*]
    };
}

/// Every file of the pack.
const FILES: &[(&str, &str)] = &files![
    "journey.toml",
    "pack.toml",
    "segments.toml",
    "settings.toml",
    "actions/grow.toml",
    "actions/retain.toml",
    "actions/sell.toml",
    "actions/service.toml",
    "actions/wayfinding.toml",
    "messages/en.ftl",
    "messages/es.ftl",
    "venue/amenity.geojson",
    "venue/beacon.geojson",
    "venue/hub.geojson",
    "venue/level.geojson",
    "venue/occupant.geojson",
    "venue/opening.geojson",
    "venue/relationship.geojson",
    "venue/section.geojson",
    "venue/unit.geojson",
    "venue/venue.geojson",
];

/// Loads it.
pub(in crate::cli) fn stadium() -> Result<Pack, Failure> {
    Pack::load(FILES).map_err(|mistakes| {
        let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
        Failure::wrong(format!(
            "the pack that is built in has {} mistakes; the first: {first}",
            mistakes.len()
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Paths of all files below a folder that are part of a pack.
    fn below(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, root, found);
            } else if path
                .extension()
                .is_some_and(|ending| ["toml", "ftl", "geojson"].iter().any(|known| ending == *known))
            {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_built_in() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/stadium");
        let mut in_folder = Vec::new();
        below(&root, &root, &mut in_folder);
        in_folder.sort();
        let mut built_in: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        built_in.sort_unstable();
        assert_eq!(built_in, in_folder);
    }
}
