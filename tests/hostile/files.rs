//! Class H beyond the words of a pack, which `config_poison.rs` has: what lies in its folder, what its texts are made of, and
//! who else may read the keys. Nothing starts, nothing waits, and what is refused is named.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use nextbest::config::load;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::{KeyFolder, KeysError};
use tempfile::TempDir;

/// Longest wait for the program, so that one that hangs fails a test.
const WAIT: Duration = Duration::from_secs(60);

/// What is done to a folder, and what the program says then; nothing: the pack is right.
struct Case {
    name: &'static str,
    harm: fn(&Path),
    says: &'static str,
}

fn case(name: &'static str, harm: fn(&Path), says: &'static str) -> Case {
    Case { name, harm, says }
}

fn write(file: &Path, text: impl AsRef<[u8]>) {
    fs::write(file, text).unwrap();
}

/// Puts something else where a file was.
fn instead(folder: &Path, name: &str, put: impl FnOnce(&Path)) {
    let file = folder.join(name);
    fs::remove_file(&file).unwrap();
    put(&file);
}

fn in_the_folder() -> Vec<Case> {
    vec![
        case("nothing", |_| {}, ""),
        case(
            "a pipe",
            |pack| instead(pack, "segments.toml", pipe),
            "segments.toml is expected to be a regular file",
        ),
        case(
            "a folder",
            |pack| instead(pack, "segments.toml", |file| fs::create_dir(file).unwrap()),
            "a regular file",
        ),
        case(
            "a socket",
            |pack| instead(pack, "segments.toml", socket),
            "a regular file",
        ),
        case(
            "a link to nowhere",
            |pack| instead(pack, "segments.toml", |file| link("nowhere", file)),
            "a regular file",
        ),
        case(
            "a link in a circle",
            |pack| instead(pack, "segments.toml", |file| link("segments.toml", file)),
            "a regular file",
        ),
        case(
            "a link without an end",
            |pack| instead(pack, "segments.toml", |file| link("/dev/zero", file)),
            "a regular file",
        ),
        case(
            "a link to a folder",
            |pack| instead(pack, "segments.toml", |file| link("messages", file)),
            "a regular file",
        ),
        case("a link to a file", moved_and_linked, ""),
        case(
            "a file that nobody wrote to",
            |pack| write(&pack.join("actions.toml"), ""),
            "actions.toml",
        ),
        case("half a file", half, "actions.toml"),
        case(
            "zeros",
            |pack| write(&pack.join("actions.toml"), [0; 4_096]),
            "actions.toml:1:1",
        ),
        case(
            "what is not UTF-8",
            |pack| write(&pack.join("actions.toml"), b"id = \"\xff\""),
            "byte 6 is not",
        ),
        case(
            "UTF-16",
            |pack| write(&pack.join("actions.toml"), b"\xff\xfei\0d\0"),
            "byte 0 is not",
        ),
        case(
            "ten megabytes",
            |pack| write(&pack.join("segments.toml"), vec![b' '; 10 << 20]),
            "bytes",
        ),
        case("a gigabyte that is not there", sparse, "at most"),
        case(
            "a name spelled wrong",
            |pack| write(&pack.join("journy.toml"), ""),
            "no part of a pack",
        ),
        case(
            "a name of another case",
            |pack| write(&pack.join("Segments.toml"), ""),
            "no part of a pack",
        ),
        case("more files than any pack has", crowd, "files"),
        case("no folder", |pack| fs::remove_dir_all(pack).unwrap(), "cannot read"),
        case("a file for a folder", a_file, "cannot read"),
        case("an empty folder", emptied, "pack.toml"),
        case(
            "no messages",
            |pack| fs::remove_dir_all(pack.join("messages")).unwrap(),
            "messages",
        ),
        case("a file for the messages", messages_are_a_file, "messages"),
        case("a friend's notes", |pack| write(&pack.join("README.md"), "hello"), ""),
    ]
}

fn pipe(file: &Path) {
    assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
}

fn socket(file: &Path) {
    drop(UnixListener::bind(file).unwrap());
}

fn link(to: &str, file: &Path) {
    symlink(to, file).unwrap();
}

fn moved_and_linked(pack: &Path) {
    let elsewhere = pack.join("elsewhere");
    fs::rename(pack.join("segments.toml"), &elsewhere).unwrap();
    link("elsewhere", &pack.join("segments.toml"));
}

fn half(pack: &Path) {
    let file = pack.join("actions.toml");
    let text = fs::read(&file).unwrap();
    write(&file, &text[..text.len() / 2]);
}

fn sparse(pack: &Path) {
    fs::File::create(pack.join("segments.toml"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
}

fn crowd(pack: &Path) {
    for number in 0..1_100 {
        write(&pack.join(format!("messages/x{number}.ftl")), "");
    }
}

fn a_file(pack: &Path) {
    fs::remove_dir_all(pack).unwrap();
    write(pack, "");
}

fn emptied(pack: &Path) {
    fs::remove_dir_all(pack).unwrap();
    fs::create_dir(pack).unwrap();
}

fn messages_are_a_file(pack: &Path) {
    fs::remove_dir_all(pack.join("messages")).unwrap();
    write(&pack.join("messages"), "");
}

/// Copies the small pack.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn check(pack: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nextbest"));
    command.arg("check").arg("--pack").arg(pack);
    let (sender, output) = sync_channel(1);
    std::thread::spawn(move || sender.send(command.output()));
    output
        .recv_timeout(WAIT)
        .unwrap_or_else(|_| panic!("it hangs on {}", pack.display()))
        .unwrap()
}

#[test]
fn whatever_lies_in_the_folder_is_read_or_named() {
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/small_pack");
    let mut failures = Vec::new();
    for case in in_the_folder() {
        let dir = TempDir::new().unwrap();
        let pack = dir.path().join("pack");
        copy(&good, &pack);
        (case.harm)(&pack);
        let output = check(&pack);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_right = case.says.is_empty();
        let served = String::from_utf8_lossy(&output.stdout).contains("can be served");
        let is_as_promised = output.status.code() == Some(i32::from(!is_right)) && served == is_right;
        if !is_as_promised || !said.contains(case.says) || said.contains("panicked") {
            failures.push(format!("{}: {:?} {said}", case.name, output.status));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// A file and what it is made of.
type Bomb = (&'static str, &'static str, String);

fn bomb(name: &'static str, file: &'static str, text: String) -> Bomb {
    (name, file, text)
}

/// Deeper than any stack is.
const DEEP: usize = 100_000;

fn bombs() -> Vec<Bomb> {
    let action =
        |eligibility: &str| format!("[[action]]\nid = \"x\"\ngroup = \"ways\"\neligibility = '{eligibility}'\n");
    let nested = |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(DEEP), close.repeat(DEEP));
    let names = (0..20_000).map(|number| format!("[[segment]]\nid = \"s{number}\"\nwhen = 'traits.member'\n"));
    vec![
        bomb(
            "lists in lists",
            "segments.toml",
            format!("a = {}", nested("[", "", "]")),
        ),
        bomb(
            "tables in tables",
            "segments.toml",
            format!("a = {}", nested("{a=", "1", "}")),
        ),
        bomb(
            "a key of a hundred thousand parts",
            "segments.toml",
            format!("{}a = 1", "a.".repeat(DEEP)),
        ),
        bomb(
            "lists that are not closed",
            "segments.toml",
            format!("a = {}", "[".repeat(DEEP)),
        ),
        bomb(
            "a number without an end",
            "settings.toml",
            format!("[engine]\nposition_ttl_ms = {}", "9".repeat(DEEP)),
        ),
        bomb("twenty thousand segments", "segments.toml", names.collect()),
        bomb(
            "brackets in a condition",
            "actions.toml",
            action(&nested("(", "true", ")")),
        ),
        bomb(
            "negations in a condition",
            "actions.toml",
            action(&format!("{}true", "!".repeat(DEEP))),
        ),
        bomb(
            "a condition without an end",
            "actions.toml",
            action(&vec!["dwell_s < 5"; 20_000].join(" || ")),
        ),
        bomb(
            "a list in a condition",
            "actions.toml",
            action(&format!("level in [{}]", "\"a\", ".repeat(DEEP))),
        ),
        bomb("lists in a map", "venue/map.geojson", nested("[", "", "]")),
        bomb("objects in a map", "venue/map.geojson", nested("{\"a\":", "1", "}")),
        bomb("a map that is not closed", "venue/map.geojson", "[".repeat(DEEP)),
        bomb(
            "braces in a message",
            "messages/en.ftl",
            format!("tea = {}\n", nested("{ ", "$walk", " }")),
        ),
        bomb(
            "terms in terms",
            "messages/en.ftl",
            (0..5_000).map(|at| format!("-t{} = {{ -t{at} }}\n", at + 1)).collect(),
        ),
        bomb(
            "a message without an end",
            "messages/en.ftl",
            format!("tea = {}\n", "x".repeat(900_000)),
        ),
    ]
}

#[test]
fn no_text_is_too_deep_or_too_long_to_be_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/small_pack");
    let names = [
        "pack.toml",
        "venue/map.geojson",
        "journey.toml",
        "segments.toml",
        "actions.toml",
        "messages/en.ftl",
        "messages/es.ftl",
        "settings.toml",
    ];
    let good = names.map(|name| (name, fs::read_to_string(folder.join(name)).unwrap()));
    for (name, file, text) in bombs() {
        let mut files = good.clone();
        let at = files.iter().position(|(name, _)| *name == file).unwrap();
        files[at].1 = if file == "actions.toml" {
            format!("{}\n{text}", files[at].1)
        } else {
            text
        };
        let mistakes = load(&files).err().unwrap_or_default();
        assert!(!mistakes.is_empty(), "{name}");
        assert!(
            mistakes.iter().all(|mistake| mistake.to_string().len() < 2_000),
            "{name}"
        );
    }
}

type KeyCase = (&'static str, fn(&Path), fn(&KeyFolder) -> Option<KeysError>);

fn secret(name: &'static str, harm: fn(&Path), read: fn(&KeyFolder) -> Option<KeysError>) -> KeyCase {
    (name, harm, read)
}

fn open_to_all(file: &Path) {
    fs::set_permissions(file, fs::Permissions::from_mode(0o604)).unwrap();
}

fn open_to_group(file: &Path) {
    fs::set_permissions(file, fs::Permissions::from_mode(0o640)).unwrap();
}

#[test]
fn a_key_that_others_can_read_or_that_is_none_is_not_used() {
    let cases = [
        secret(
            "the server's, for all",
            |keys| open_to_all(&keys.join("server.key")),
            |keys| keys.server().err(),
        ),
        secret(
            "the server's, for the group",
            |keys| open_to_group(&keys.join("server.key")),
            |keys| keys.server().err(),
        ),
        secret(
            "a hub's, for all",
            |keys| open_to_all(&keys.join("hubs/hub-1.key")),
            |keys| keys.hub("hub-1").err(),
        ),
        secret(
            "the tokens', for all",
            |keys| open_to_all(&keys.join("token-signing.key")),
            |keys| keys.token_signer().err(),
        ),
        secret(
            "a pipe",
            |keys| instead(keys, "server.pem", pipe),
            |keys| keys.server().err(),
        ),
        secret(
            "a folder",
            |keys| instead(keys, "server.pem", |file| fs::create_dir(file).unwrap()),
            |keys| keys.server().err(),
        ),
        secret(
            "half of one",
            |keys| write(&keys.join("server.pem"), "-----BEGIN CERT"),
            |keys| keys.server().err(),
        ),
        secret(
            "too large",
            |keys| write(&keys.join("server.pem"), vec![b'x'; 70_000]),
            |keys| keys.server().err(),
        ),
        secret(
            "not there",
            |keys| instead(keys, "server.key", |_| {}),
            |keys| keys.server().err(),
        ),
    ];
    for (name, harm, read) in cases {
        let dir = TempDir::new().unwrap();
        let request = KeyRequest {
            venue_id: "hall".into(),
            hub_ids: vec!["hub-1".into()],
            ..KeyRequest::default()
        };
        make_keys(dir.path(), &request, 1_800_000_000).unwrap();
        let keys = KeyFolder::open(dir.path()).unwrap();
        assert!(read(&keys).is_none(), "{name}: it was right before");
        harm(dir.path());
        assert!(read(&keys).is_some(), "{name}");
    }
}
