//! Reads an IMDF archive as it comes: a ZIP file, or the folder that one was unpacked to.
//!
//! An archive is a stranger's: its paths are never used as paths, links and encrypted entries are refused, and sizes are
//! counted while unpacking, since the sizes that it claims are claims. Deliberately absent: what the files mean.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

use nextbest_venue::Source;
use zip::ZipArchive;

use crate::cli::Failure;

/// Most entries of an archive; IMDF has 17 files.
const ENTRIES_MAX: usize = 256;
/// Most bytes of one file, unpacked.
const FILE_LEN_MAX: u64 = 16 << 20;
/// Most bytes of all files together, unpacked.
const TOTAL_LEN_MAX: u64 = 64 << 20;

/// The files of an archive by their names, sorted; files that are no JSON come without their text.
pub(super) fn read(path: &Path) -> Result<Vec<Source>, Failure> {
    let mut sources = if path.is_dir() { folder(path)? } else { zip_file(path)? };
    sources.sort_by(|a, b| (file_name(&a.name), &a.name).cmp(&(file_name(&b.name), &b.name)));
    for pair in sources.windows(2) {
        let [a, b] = [&pair[0], &pair[1]].map(|source| file_name(&source.name));
        if a == b && is_json(a) {
            return Err(wrong(path, &format!("it has two files `{a}`")));
        }
    }
    Ok(sources)
}

fn folder(path: &Path) -> Result<Vec<Source>, Failure> {
    let cannot = |error: std::io::Error| wrong(path, &error.to_string());
    let mut sources = Vec::new();
    let mut total = 0;
    for entry in fs::read_dir(path).map_err(cannot)? {
        let file = entry.map_err(cannot)?.path();
        let name = file.display().to_string();
        if sources.len() >= ENTRIES_MAX {
            return Err(wrong(path, &format!("it has more than {ENTRIES_MAX} files")));
        }
        if !file.is_file() || !is_json(file_name(&name)) {
            sources.push(unread(name));
            continue;
        }
        let reader = File::open(&file).map_err(cannot)?;
        sources.push(source(path, name, reader, &mut total)?);
    }
    Ok(sources)
}

fn zip_file(path: &Path) -> Result<Vec<Source>, Failure> {
    let file = File::open(path).map_err(|error| wrong(path, &error.to_string()))?;
    let mut archive = ZipArchive::new(BufReader::new(file))
        .map_err(|error| wrong(path, &format!("it is neither a folder nor a ZIP archive: {error}")))?;
    if archive.len() > ENTRIES_MAX {
        let what = format!("it has {} entries, at most {ENTRIES_MAX} are read", archive.len());
        return Err(wrong(path, &what));
    }
    let mut sources = Vec::new();
    let mut total = 0;
    for at in 0..archive.len() {
        let entry = archive
            .by_index(at)
            .map_err(|error| wrong(path, &format!("entry {}: {error}", at + 1)))?;
        if entry.is_dir() {
            continue;
        }
        let Some(inside) = entry.enclosed_name() else {
            return Err(wrong(path, &format!("entry {} has a path out of the archive", at + 1)));
        };
        if entry.is_symlink() || entry.encrypted() {
            return Err(wrong(path, &format!("entry {} is a link or encrypted", at + 1)));
        }
        let name = inside.display().to_string();
        // macOS adds a shadow of each file.
        if !is_json(file_name(&name)) || name.split('/').any(|part| part == "__MACOSX") {
            sources.push(unread(name));
            continue;
        }
        sources.push(source(path, name, entry, &mut total)?);
    }
    Ok(sources)
}

/// Unpacks one file, as far as the limits let it.
fn source(path: &Path, name: String, reader: impl Read, total: &mut u64) -> Result<Source, Failure> {
    let mut bytes = Vec::new();
    let most = FILE_LEN_MAX.min(TOTAL_LEN_MAX - *total);
    let read = reader.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| wrong(path, &format!("{name} cannot be unpacked: {error}")))?;
    if bytes.len() as u64 > most {
        let limits = format!(
            "at most {} MiB for a file and {} MiB for all",
            FILE_LEN_MAX >> 20,
            TOTAL_LEN_MAX >> 20
        );
        return Err(wrong(path, &format!("{name} is larger than {most} bytes; {limits}")));
    }
    *total += bytes.len() as u64;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        wrong(path, &format!("{name} is expected to be UTF-8, and byte {at} is not"))
    })?;
    Ok(Source {
        name,
        text: text.strip_prefix('\u{FEFF}').unwrap_or(&text).into(),
    })
}

fn unread(name: String) -> Source {
    Source { name, text: "".into() }
}

fn is_json(file: &str) -> bool {
    (file.ends_with(".geojson") || file.ends_with(".json")) && !file.starts_with("._")
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn wrong(path: &Path, what: &str) -> Failure {
    Failure::wrong(format!("cannot read the archive {}: {what}", path.display()))
}
