//! The house keeps itself tidy: rules that nobody has to remember.
//!
//! Each failure names the file, the line and the remedy. The checks themselves are tested on bad samples beside them, so
//! that a check that finds nothing is known to be able to find something.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/proofs.rs"]
mod proofs;
#[path = "tidy/size.rs"]
mod size;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/supply.rs"]
mod supply;
#[path = "tidy/words.rs"]
mod words;

use std::path::Path;

use source::{Finding, files, relative, root, rust_files};

#[track_caller]
fn none(findings: Vec<Finding>) {
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} found:\n{}\n", lines.len(), lines.join("\n"));
}

#[test]
fn imports_point_down_only() {
    none(rust_files().iter().flat_map(layers::check).collect());
}

#[test]
fn files_and_functions_are_short_and_have_headers() {
    none(rust_files().iter().flat_map(size::check).collect());
}

#[test]
fn nothing_is_silenced_or_left_unfinished() {
    none(rust_files().iter().flat_map(words::check).collect());
}

#[test]
fn no_text_names_a_machine_or_a_registry() {
    let read = |path: &Path| words::check_text(&relative(path), &std::fs::read_to_string(path).unwrap());
    none(
        files(&["rs", "md", "toml", "proto", "ftl", "html", "css", "js", "yml"])
            .iter()
            .flat_map(|path| read(path))
            .collect(),
    );
}

#[test]
fn every_proof_that_is_named_exists() {
    for page in ["SECURITY.md", "PROMISES.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        assert!(proofs::named(&text).count() > 20, "{page} was read");
        none(proofs::check(page, &text, |file| {
            std::fs::read_to_string(root().join(file)).unwrap_or_default()
        }));
    }
}

#[test]
fn dependencies_have_no_known_holes() {
    for path in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let lock = std::fs::read_to_string(root().join(path)).unwrap();
        assert!(supply::packages(&lock).count() > 50, "the lock file was read");
        none(supply::check(path, &lock));
    }
}

#[test]
fn what_is_fuzzed_is_what_ships() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (ours, fuzzed) = (read("Cargo.lock"), read("fuzz/Cargo.lock"));
    let shipped: Vec<_> = supply::packages(&ours)
        .map(|(_, name, version)| (name, version))
        .collect();
    let names: Vec<_> = shipped.iter().map(|(name, _)| *name).collect();
    for (line, name, version) in supply::packages(&fuzzed) {
        let is_shipped = shipped.contains(&(name, version)) || !names.contains(&name);
        assert!(
            is_shipped,
            "fuzz/Cargo.lock:{line}: {name} {version} is not the version of Cargo.lock"
        );
    }
}

#[test]
fn everybody_builds_what_was_checked() {
    let mut findings = Vec::new();
    let scripts = [".ci/run", ".cargo/config.toml"].map(|path| root().join(path));
    for path in files(&["md", "rs"]).into_iter().chain(scripts) {
        let (name, text) = (relative(&path), std::fs::read_to_string(&path).unwrap());
        // Its samples are what it finds.
        if name != "tests/tidy/supply.rs" {
            findings.extend(supply::unlocked(&name, &text));
        }
        if name.starts_with("xtask/src/") {
            findings.extend(supply::unlocked_steps(&name, &text));
        }
    }
    none(findings);
    let aliases = std::fs::read_to_string(root().join(".cargo/config.toml")).unwrap();
    let unlocked = |line: &&str| line.contains("= \"run ") && !line.contains("--locked");
    assert_eq!(
        aliases.lines().find(unlocked),
        None,
        "an alias builds what was checked, too"
    );
}

#[test]
fn benches_are_registered() {
    let mut findings = Vec::new();
    for path in files(&["rs"])
        .iter()
        .map(|path| relative(path))
        .filter(|path| path.contains("benches/"))
    {
        let (package, bench) = path.split_once("benches/").unwrap();
        let manifest = std::fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
        findings.extend(unregistered_bench(&manifest, &path, bench));
    }
    none(findings);
}

#[test]
fn an_unregistered_bench_is_found() {
    let manifest = "[[bench]]\nname = \"decide\"\nharness = false\n";
    assert_eq!(unregistered_bench(manifest, "benches/decide.rs", "decide.rs"), None);
    assert!(unregistered_bench(manifest, "benches/wire.rs", "wire.rs").is_some());
    assert_eq!(
        unregistered_bench(manifest, "benches/common/mod.rs", "common/mod.rs"),
        None
    );
}

#[test]
fn the_architecture_names_every_folder() {
    let page = std::fs::read_to_string(root().join("src/ARCHITECTURE.md")).unwrap_or_default();
    none(unnamed_folders(&page, &folders(&root().join("src"))));
}

#[test]
fn an_unnamed_folder_is_found() {
    let found = unnamed_folders(
        "engine/ and `locate/`",
        &["src/engine".to_owned(), "src/wire".to_owned()],
    );
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].what.contains("wire/"));
}

/// Without its lines in the manifest, a bench is built with the test harness, which finds nothing to run in it.
fn unregistered_bench(manifest: &str, path: &str, bench: &str) -> Option<Finding> {
    let name = bench.strip_suffix(".rs").filter(|name| !name.contains('/'))?;
    let section = format!("name = \"{name}\"\nharness = false");
    (!manifest.contains(&section)).then(|| Finding {
        path: path.to_owned(),
        line: 1,
        what: "the bench is not registered".to_owned(),
        remedy: "add `[[bench]]`, `name = \"..\"` and `harness = false` to Cargo.toml, in this order",
    })
}

/// Every folder below `folder`, from the root of the repository.
fn folders(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.push(relative(&entry.path()));
            found.extend(folders(&entry.path()));
        }
    }
    found
}

fn unnamed_folders(page: &str, folders: &[String]) -> Vec<Finding> {
    let is_unnamed = |folder: &&String| {
        let name = folder.rsplit('/').next().unwrap_or_default();
        !page.contains(&format!("{name}/"))
    };
    let finding = |folder: &String| Finding {
        path: "src/ARCHITECTURE.md".to_owned(),
        line: 1,
        what: format!("the folder {folder}/ is not on the page"),
        remedy: "say in a line what it is and what is deliberately absent",
    };
    folders.iter().filter(is_unnamed).map(finding).collect()
}
