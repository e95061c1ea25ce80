//! The folder for what must survive, named by a pack: used from the pack's folder on, and a mistake with its place in the
//! pack when it cannot be.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nextbest::serve::clock::unix_s;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use tempfile::TempDir;

/// A copy of the hall's pack, with a line more in `[serve]`, and keys beside it.
fn pack(dir: &TempDir, line: &str) -> (PathBuf, PathBuf) {
    let (pack, keys) = (dir.path().join("pack"), dir.path().join("keys"));
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hall"), &pack);
    let settings = pack.join("settings.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{}\n{line}\n", text.trim_end())).unwrap();
    let request = KeyRequest {
        venue_id: "hall".into(),
        hub_ids: vec!["hub-west".into()],
        ..KeyRequest::default()
    };
    make_keys(&keys, &request, unix_s()).unwrap();
    (pack, keys)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn serve(pack: &Path, keys: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nextbest"));
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--listen-hubs", "127.0.0.1:0"])
        .arg("--pack")
        .arg(pack)
        .arg("--keys")
        .arg(keys)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_pack_names_its_state_folder_from_its_own_folder_on() {
    let dir = TempDir::new().unwrap();
    let (pack, keys) = pack(&dir, "state = \"../kept\"");
    let mut child = serve(&pack, &keys).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said = lines.into_iter().find(|line| line.starts_with("state "));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        said.as_ref().is_some_and(|said| said.contains("is kept in")),
        "{said:?}"
    );
    assert!(dir.path().join("kept/people.keys").exists());
}

#[test]
fn a_folder_that_cannot_be_used_is_a_mistake_with_its_place_in_the_pack() {
    let dir = TempDir::new().unwrap();
    let (pack, keys) = pack(&dir, "state = \"pack.toml\"");
    let settings = fs::read_to_string(pack.join("settings.toml")).unwrap();
    let line = settings.lines().position(|line| line.starts_with("state")).unwrap() + 1;
    let output = serve(&pack, &keys).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("settings.toml:{line}:")), "{said}");
    assert!(said.contains("cannot use"), "{said}");
}

#[test]
fn a_folder_that_is_no_path_is_a_mistake_of_the_pack() {
    let dir = TempDir::new().unwrap();
    let (pack, keys) = pack(&dir, "state = \"\"");
    let output = serve(&pack, &keys).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && said.contains("the path of a folder"),
        "{said}"
    );
}
