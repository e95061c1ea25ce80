//! The real program at the edges of its command line: what it says of a folder that is not there, which subcommands there are,
//! and what it leaves behind when somebody interrupts it.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn nextbest(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nextbest"));
    command.args(arguments).output().unwrap()
}

fn complaint(arguments: &[&str]) -> String {
    let output = nextbest(arguments);
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_key_folder_that_is_not_there_is_named_with_what_to_do() {
    let empty = TempDir::new().unwrap();
    let folder = empty.path().join("keys").display().to_string();
    for command in [
        &["keys", "rotate", "--keys", &folder][..],
        &["ask", "--to", "127.0.0.1:1", "--as", "ada", "--keys", &folder],
    ] {
        let said = complaint(command);
        let expected = format!("there is no key folder {folder}; make one with `nextbest keys --out {folder}`");
        assert!(said.contains(&expected), "{said}");
    }
    fs::create_dir(&folder).unwrap();
    let said = complaint(&["keys", "rotate", "--keys", &folder]);
    assert!(said.contains("ca.pem is missing from the key folder"), "{said}");
}

#[test]
fn keys_alone_shows_what_it_can_do() {
    let said = complaint(&["keys"]);
    for subcommand in ["admin", "revoke", "rotate", "--out <DIR>"] {
        assert!(said.contains(subcommand), "{subcommand}: {said}");
    }
}

#[test]
fn a_demo_that_is_interrupted_leaves_no_keys_behind() {
    let temporary = TempDir::new().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_nextbest"))
        .args(["demo", "--for", "300s", "--fans", "500", "--hubs", "4"])
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("sightings/s"), "{first}");
    assert_eq!(
        fs::read_dir(temporary.path()).unwrap().count(),
        1,
        "the keys of the demo"
    );
    let pid = demo.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let said = lines.map_while(Result::ok).count();
    assert!(demo.wait().unwrap().success() && said > 0, "it ends with its summary");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}
