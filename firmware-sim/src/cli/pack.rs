//! The map of a pack: every `*.geojson` in its folder `venue`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nextbest_venue::{Mistake, Source, Venue};

/// Why a pack's map cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}; a pack is a folder with the map in `venue/*.geojson`", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The map has mistakes.
    #[error("{first} ({count} in all; `nextbest check` shows each of them)")]
    Mistakes {
        /// The first.
        first: Box<Mistake>,
        /// How many there are.
        count: usize,
    },
}

/// Reads the map of a pack.
///
/// # Errors
/// [`PackError`].
pub fn read_venue(pack: &Path) -> Result<Venue, PackError> {
    let folder = pack.join("venue");
    let unreadable = |path: &Path, source| PackError::Read {
        path: path.to_owned(),
        source,
    };
    let entries = fs::read_dir(&folder).map_err(|source| unreadable(&folder, source))?;
    let mut paths: Vec<PathBuf> = entries
        .take(FILES_MAX)
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "geojson"));
    paths.sort();
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        sources.push(Source {
            name: path.display().to_string(),
            text: text.into(),
        });
    }
    nextbest_venue::load(&sources).map_err(|mistakes| {
        let count = mistakes.len();
        match mistakes.into_iter().next() {
            Some(first) => PackError::Mistakes {
                first: Box::new(first),
                count,
            },
            None => unreadable(&folder, io::Error::other("it holds no map")),
        }
    })
}

/// Most files of a folder that are looked at.
const FILES_MAX: usize = 1_024;
