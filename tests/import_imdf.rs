//! Promise: `nextbest import-imdf` makes a pack that can be served, and a hostile archive harms nothing.
//!
//! The command runs as people run it, on archives that are written here: a good one, and ones with too much in them, with
//! paths out of the archive, with links, and with claims about sizes that are not true.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/imdf").join(name)
}

/// The files of the arcade: name and bytes.
fn arcade() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(data("arcade"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

fn zip_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name.as_str(), deflated()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn nextbest(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nextbest"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = nextbest(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Imports an archive that must be refused; nothing is written, and one sentence says why.
#[track_caller]
fn refuses(archive: &[u8], why: &str) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("bad.zip"), archive).unwrap();
    let output = nextbest(folder.path(), &["import-imdf", "bad.zip", "--out", "pack"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(why), "{said}");
    assert!(!folder.path().join("pack").exists(), "something was written");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "something was unpacked"
    );
}

#[test]
fn an_archive_becomes_a_pack_that_can_be_served() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("arcade.zip"), zip_of(&arcade())).unwrap();
    let (hubs, beacons) = (data("hubs.csv"), data("beacons.csv"));
    let (hubs, beacons) = (hubs.to_str().unwrap(), beacons.to_str().unwrap());
    let import = ["import-imdf", "arcade.zip", "--out", "packs/arcade"];
    let beside = ["--hubs", hubs, "--beacons", beacons, "--plan", "plans"];
    let said = succeeds(folder.path(), &[&import[..], &beside].concat());
    assert!(
        said.contains("2 levels, 11 zones, 9 places, 4 hubs, 2 beacons"),
        "{said}"
    );
    let checked = succeeds(folder.path(), &["check", "--pack", "packs/arcade"]);
    assert!(checked.contains("Lantern Arcade (arcade) can be served."), "{checked}");
    let report = fs::read_to_string(folder.path().join("packs/arcade/IMPORT.md")).unwrap();
    assert!(report.contains("| occupant | 1 | `hours` |"), "{report}");
    for plan in ["level-0.svg", "level-1.svg"] {
        assert!(
            fs::read_to_string(folder.path().join("plans").join(plan))
                .unwrap()
                .contains("<svg")
        );
    }
    // A pack is not overwritten by chance; an update replaces the map and keeps what is the venue's own.
    assert_eq!(nextbest(folder.path(), &import).status.code(), Some(1));
    let own = folder.path().join("packs/arcade/messages/en.ftl");
    let text = fs::read_to_string(&own).unwrap() + "own = Ours.\n";
    fs::write(&own, &text).unwrap();
    let said = succeeds(
        folder.path(),
        &[&import[..], &["--update", "--pitch-m", "0.5"]].concat(),
    );
    assert!(said.contains("4 hubs, 2 beacons"), "hubs were kept: {said}");
    assert_eq!(fs::read_to_string(&own).unwrap(), text);
}

#[test]
fn a_folder_is_an_archive_too() {
    let folder = TempDir::new().unwrap();
    let arcade = data("arcade");
    succeeds(
        folder.path(),
        &["import-imdf", arcade.to_str().unwrap(), "--out", "pack"],
    );
    succeeds(folder.path(), &["check", "--pack", "pack"]);
}

#[test]
fn an_archive_may_have_a_folder_and_shadows_in_it() {
    let folder = TempDir::new().unwrap();
    let mut files: Vec<_> = arcade()
        .into_iter()
        .map(|(name, bytes)| (format!("Arcade/{name}"), bytes))
        .collect();
    files.push(("__MACOSX/Arcade/._unit.geojson".into(), vec![0, 5, 22, 7]));
    fs::write(folder.path().join("a.zip"), zip_of(&files)).unwrap();
    succeeds(folder.path(), &["import-imdf", "a.zip", "--out", "pack"]);
    let report = fs::read_to_string(folder.path().join("pack/IMPORT.md")).unwrap();
    assert!(report.contains("._unit.geojson"), "{report}");
}

#[test]
fn an_archive_that_grows_without_end_is_refused() {
    let bomb = vec![b' '; (16 << 20) + 1];
    let mut files = arcade();
    files.push(("detail.json".into(), bomb));
    let archive = zip_of(&files);
    assert!(archive.len() < 1 << 20, "it is small as long as it is packed");
    refuses(&archive, "larger than");
    let most = vec![b' '; 16 << 20];
    let many: Vec<_> = (0..5).map(|at| (format!("detail-{at}.json"), most.clone())).collect();
    refuses(&zip_of(&many), "64 MiB for all");
    let entries: Vec<_> = (0..300).map(|at| (format!("{at}.json"), Vec::new())).collect();
    refuses(&zip_of(&entries), "300 entries");
}

#[test]
fn an_archive_that_leads_out_of_itself_is_refused() {
    for path in ["../evil.geojson", "/etc/evil.geojson", "a/../../evil.geojson"] {
        let mut files = arcade();
        files.push((path.into(), b"{}".to_vec()));
        let folder = TempDir::new().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a.zip"), zip_of(&files)).unwrap();
        // The writer may clean a path; what counts is that nothing appears outside of the pack.
        nextbest(&inner, &["import-imdf", "a.zip", "--out", "pack"]);
        assert!(!folder.path().join("evil.geojson").exists() && !Path::new("/etc/evil.geojson").exists());
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("unit.geojson", "/etc/passwd", deflated()).unwrap();
    refuses(&writer.finish().unwrap().into_inner(), "link");
}

#[test]
fn what_is_no_archive_is_refused() {
    refuses(b"PK\x03\x04 and then nothing", "ZIP archive");
    refuses(b"", "ZIP archive");
    let whole = zip_of(&arcade());
    refuses(&whole[..whole.len() / 2], "ZIP archive");
    let mut twice = arcade();
    twice.push(("other/unit.geojson".into(), b"{}".to_vec()));
    refuses(&zip_of(&twice), "two files `unit.geojson`");
    let mut latin = arcade();
    latin.push(("detail.json".into(), vec![0xE9, 0x20]));
    refuses(&zip_of(&latin), "UTF-8");
    // A byte of the packed data is another: the checksum finds it.
    let mut flipped = whole.clone();
    flipped[200] ^= 0x55;
    refuses(&flipped, "cannot be unpacked");
}
