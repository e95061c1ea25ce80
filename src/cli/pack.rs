//! Reads a pack's folder: the only place where a pack meets a file system.
//!
//! Files that a pack does not have are handed over too, so that `journy.toml` is a mistake and not a file that
//! nobody misses.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use super::Failure;
use crate::config::{Pack, pack_files};
use crate::engine::{Engine, Generation};

/// Endings of the files that make a pack; others, such as a README, are no business of ours.
const ENDINGS: [&str; 4] = ["toml", "geojson", "ftl", "csv"];
/// Largest file that is read, in bytes; the pack's own limit is smaller.
const FILE_LEN_MAX: u64 = 16 << 20;
/// Most files that are read.
const FILES_MAX: usize = 1_024;

/// Loads a pack. Every mistake is printed to standard error, with the text around it.
pub(super) fn load(dir: &Path) -> Result<Pack, Failure> {
    let files = read(dir)?;
    Pack::load(&files).map_err(|mistakes| {
        mistakes.iter().for_each(|mistake| print(mistake));
        let (count, s) = (mistakes.len(), if mistakes.len() == 1 { "" } else { "s" });
        Failure::wrong(format!(
            "the pack {} has {count} mistake{s}; nothing of it is used",
            dir.display()
        ))
    })
}

/// An engine with a pack's configuration and nobody in it.
pub(super) fn engine(pack: &Pack) -> Result<Arc<Engine>, Failure> {
    let generation = Generation::build(pack.spec.clone()).map_err(Failure::wrong)?;
    Engine::new(generation).map(Arc::new).map_err(Failure::wrong)
}

fn read(dir: &Path) -> Result<Vec<(String, String)>, Failure> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    let inner = pack_files()
        .iter()
        .filter(|path| path.ending.is_some())
        .map(|path| dir.join(path.path));
    folders.extend(inner.filter(|folder| folder.is_dir()));
    for folder in folders {
        for file in files_of(&folder)? {
            if files.len() >= FILES_MAX {
                return Err(Failure::wrong(format!(
                    "{} has more than {FILES_MAX} files",
                    dir.display()
                )));
            }
            let text = read_text(&file)?;
            files.push((file.display().to_string(), text));
        }
    }
    Ok(files)
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot =
        |error: io::Error| Failure::wrong(format!("cannot read the pack's folder {}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if !ENDINGS.contains(&ending) {
            continue;
        }
        // A link counts as what it leads to. Anything else by the name of a file would be missed, or waited for forever.
        if !path.is_file() {
            return Err(Failure::wrong(format!(
                "{} is expected to be a regular file",
                path.display()
            )));
        }
        files.push(path);
    }
    files.sort();
    Ok(files)
}

fn read_text(file: &Path) -> Result<String, Failure> {
    let cannot = |why: &dyn std::fmt::Display| Failure::wrong(format!("cannot read {}: {why}", file.display()));
    let before = fs::metadata(file).map_err(|error| cannot(&error))?;
    if before.len() > FILE_LEN_MAX {
        let len = before.len();
        return Err(cannot(&format!("it has {len} bytes, at most {FILE_LEN_MAX} are read")));
    }
    let mut bytes = Vec::new();
    let opened = fs::File::open(file).map_err(|error| cannot(&error))?;
    // It may have grown since it was measured.
    opened
        .take(FILE_LEN_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot(&error))?;
    let after = fs::metadata(file).map_err(|error| cannot(&error))?;
    if is_another(&before, &after, bytes.len()) {
        return Err(cannot(&"it changed while it was read; try again when it is saved"));
    }
    String::from_utf8(bytes).map_err(|error| {
        cannot(&format!(
            "it is expected to be UTF-8, and byte {} is not",
            error.utf8_error().valid_up_to()
        ))
    })
}

/// Whether a file was written to between two looks at it, or is longer or shorter than it was said to be.
fn is_another(before: &fs::Metadata, after: &fs::Metadata, len: usize) -> bool {
    let modified = |metadata: &fs::Metadata| metadata.modified().ok();
    before.len() != len as u64 || after.len() != len as u64 || modified(before) != modified(after)
}

/// Prints a mistake to standard error, with the text around it.
pub(super) fn print(mistake: &dyn Diagnostic) {
    let mut text = String::new();
    let theme = if colours() {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let rendered = GraphicalReportHandler::new_themed(theme).render_report(&mut text, mistake);
    match rendered {
        Ok(()) => eprintln!("{text}"),
        Err(_) => eprintln!("{mistake}"),
    }
}

fn colours() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_while_it_is_read_is_another() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("pack.toml");
        fs::write(&file, "id = 1").unwrap();
        let before = fs::metadata(&file).unwrap();
        assert!(!is_another(&before, &fs::metadata(&file).unwrap(), 6));
        assert!(is_another(&before, &before, 5), "half of it was read");
        fs::write(&file, "id = 1\nname = 2").unwrap();
        assert!(
            is_another(&before, &fs::metadata(&file).unwrap(), 6),
            "it has grown since"
        );
    }
}
