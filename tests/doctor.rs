//! `nextbest doctor` on a machine that works, and with a pack and keys that do not: everything is found, everything is
//! said, and nothing is left behind.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn nextbest(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nextbest"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_working_machine_is_found_fit_and_left_as_it_was() {
    let dir = TempDir::new().unwrap();
    let (keys, state) = (dir.path().join("keys"), dir.path().join("state"));
    fs::create_dir(&state).unwrap();
    let hall = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/tetam");
    let (keys, state, hall) = (keys.to_str().unwrap(), state.to_str().unwrap(), hall.to_str().unwrap());
    assert!(nextbest(&["keys", "--out", keys, "--pack", hall]).status.success());
    let output = nextbest(&["doctor", "--pack", hall, "--keys", keys, "--state", state]);
    let said = text(&output);
    for subject in [
        "disk",
        "clock",
        "open files",
        "UDP buffers",
        "memory",
        "keys",
        "pack",
        "journal",
    ] {
        assert!(said.contains(&format!("  {subject}")), "{subject} is missing:\n{said}");
    }
    assert!(said.contains("none was lost"), "{said}");
    assert!(output.status.success(), "{said}");
    assert_eq!(fs::read_dir(state).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn what_must_be_mended_is_said_and_shows_in_the_exit_code() {
    let dir = TempDir::new().unwrap();
    let nothing = dir.path().join("nothing");
    let nothing = nothing.to_str().unwrap();
    let output = nextbest(&[
        "doctor",
        "--pack",
        nothing,
        "--keys",
        nothing,
        "--state",
        dir.path().to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    assert_eq!(said.matches("BAD").count(), 2, "the pack and the keys:\n{said}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("2 things must be mended"), "{error}");
}
