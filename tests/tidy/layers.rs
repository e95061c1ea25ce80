//! Imports point down only, and the core names nothing of the shell.
//!
//! The order is the design's: main -> cli -> serve -> {config, insight, wire, journal}; config -> engine; insight ->
//! {engine, journal}; all -> model. The leaves of the engine do not know each other; only the files beside them do.

use crate::source::{Finding, Source, block, words};

/// Each module of `src/` and what it may import, directly or not. `main` is above all of them.
const BELOW: [(&str, &[&str]); 11] = [
    ("model", &[]),
    ("planted", &[]),
    ("wire", &["model"]),
    ("engine", &["planted", "model"]),
    ("journal", &["planted", "model"]),
    ("config", &["engine", "model"]),
    ("insight", &["engine", "journal", "model"]),
    (
        "serve",
        &["config", "insight", "wire", "journal", "engine", "planted", "model"],
    ),
    ("hub", &["wire", "model"]),
    ("recording", &["config", "wire", "engine", "model"]),
    (
        "cli",
        &[
            "serve",
            "hub",
            "recording",
            "config",
            "insight",
            "wire",
            "journal",
            "engine",
            "model",
        ],
    ),
];

/// The engine's leaves.
const LEAVES: [&str; 8] = [
    "locate", "crowd", "customer", "journey", "decide", "learn", "identity", "presence",
];

/// What the core must not name, module by module.
const OUTSIDE: [(&str, &[&str]); 4] = [
    ("model", PURE_CORE),
    ("engine", PURE_CORE),
    ("wire", NO_IO),
    ("config", NO_IO),
];
const PURE_CORE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::time::Instant",
    "SystemTime",
    "tokio",
    "quinn",
    "axum",
    "serde",
    "nextbest_proto",
];
/// Outside formats are read here, and an address is a value like any other; a socket is not.
const NO_IO: &[&str] = &[
    "UdpSocket",
    "TcpListener",
    "TcpStream",
    "std::thread",
    "std::env",
    "std::time::Instant",
    "SystemTime",
    "tokio",
    "quinn",
    "axum",
];

const DOWN: &str = "imports point down only (src/ARCHITECTURE.md): move what is shared into a module below both";
const LEAF: &str = "a leaf of the engine does not know its siblings: let a file in src/engine/ call both";
const UNLISTED: &str = "give the module its place in BELOW (tests/tidy/layers.rs) and in src/ARCHITECTURE.md";
const PURE: &str = "the core has no IO, clock, runtime or outside format: do it in src/serve or src/wire";

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let Some(module) = module_of(&source.path) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (at, path) in imports(source, &module) {
        if let Some((what, remedy)) = objection(&module, &path) {
            findings.push(source.finding(at, what, remedy));
        }
    }
    let top = module.first().map_or("main", String::as_str);
    // The formats of the air are functions of bytes, and keys tell nothing without them.
    let may_name = |name: &str| name == "nextbest_proto" && module.get(1).is_some_and(|leaf| leaf == "identity");
    for name in OUTSIDE
        .iter()
        .filter(|(module, _)| *module == top)
        .flat_map(|(_, names)| *names)
        .filter(|name| !may_name(name))
    {
        for at in words(&source.code, name).filter(|at| !source.is_test(*at)) {
            findings.push(source.finding(at, format!("`{top}` names `{name}`"), PURE));
        }
    }
    findings
}

/// Why a file of `module` may not name `path`.
fn objection(module: &[String], path: &[String]) -> Option<(String, &'static str)> {
    let (from, to) = (module.first()?, path.first()?);
    let is_module = |name: &str| BELOW.iter().any(|(module, _)| *module == name);
    let Some((_, below)) = BELOW.iter().find(|(module, _)| module == from) else {
        return Some((format!("`{from}` has no place in the order of modules"), UNLISTED));
    };
    if from != to && is_module(to) && !below.contains(&to.as_str()) {
        return Some((format!("`{from}` imports `{to}`"), DOWN));
    }
    let (leaf, other) = (module.get(1)?, path.get(1)?);
    let both_leaves = LEAVES.contains(&leaf.as_str()) && LEAVES.contains(&other.as_str());
    (from == "engine" && to == "engine" && leaf != other && both_leaves)
        .then(|| (format!("the leaf `{leaf}` imports its sibling `{other}`"), LEAF))
}

/// The module that a file of `src/` is: `src/engine/decide/mod.rs` is `engine::decide`. `None` for other crates, and for
/// the roots `lib.rs` and `main.rs`, which are above everything.
fn module_of(path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut module: Vec<_> = inside.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    (module != ["lib"] && module != ["main"]).then_some(module)
}

/// Every path in the code that begins at this crate's root, written out from there.
fn imports(source: &Source, module: &[String]) -> Vec<(usize, Vec<String>)> {
    let code = &source.code;
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for at in words(code, start) {
            let preceded = code[..at].ends_with("super::") || code[..at].ends_with("::") || code[..at].ends_with('$');
            if preceded {
                continue;
            }
            let mut base = if start == "crate::" {
                Vec::new()
            } else {
                enclosing(code, at, module)
            };
            let mut rest = &code[at..];
            while let Some(after) = rest.strip_prefix("super::") {
                base.pop();
                rest = after;
            }
            let rest = rest.strip_prefix("crate::").unwrap_or(rest);
            found.extend(expand(rest, &base).into_iter().map(|path| (at, path)));
        }
    }
    found
}

/// The module at `at`, with the inline modules around it.
fn enclosing(code: &str, at: usize, module: &[String]) -> Vec<String> {
    let mut path = module.to_vec();
    for start in words(code, "mod ").filter(|start| *start < at) {
        let name = code[start + 4..]
            .split(|character: char| !character.is_alphanumeric() && character != '_')
            .next();
        let opens_here = code[start..]
            .find(['{', ';'])
            .is_some_and(|end| code[start + end..].starts_with('{'));
        if opens_here && block(code, start).is_some_and(|inside| inside.contains(&at)) {
            path.extend(name.map(str::to_owned));
        }
    }
    path
}

/// `a::{b, c::d}` to `a::b` and `a::c::d`.
fn expand(tree: &str, base: &[String]) -> Vec<Vec<String>> {
    let mut path = base.to_vec();
    let mut rest = tree.trim_start();
    loop {
        if rest.starts_with('{') {
            let inside = block(rest, 0).map_or("", |inside| &rest[inside.start + 1..inside.end - 1]);
            return branches(inside).flat_map(|branch| expand(branch, &path)).collect();
        }
        let len = rest
            .find(|inner: char| !inner.is_alphanumeric() && inner != '_')
            .unwrap_or(rest.len());
        if len == 0 {
            return vec![path];
        }
        path.push(rest[..len].to_owned());
        match rest[len..].strip_prefix("::") {
            Some(after) => rest = after.trim_start(),
            None => return vec![path],
        }
    }
}

/// The parts between commas that are not inside braces.
fn branches(inside: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    inside
        .split(move |character| {
            depth += i32::from(character == '{') - i32::from(character == '}');
            character == ',' && depth == 0
        })
        .filter(|branch| !branch.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::source::assert_lines;
    use super::*;

    #[track_caller]
    fn check_lines(path: &str, text: &str, expected: &[usize]) {
        assert_lines(&check(&Source::new(path, text)), expected);
    }

    #[test]
    fn an_upward_import_is_found() {
        check_lines(
            "src/engine/mod.rs",
            "use crate::model::Tag;\nuse crate::serve::Clock;",
            &[2],
        );
        check_lines("src/engine/tick.rs", "fn a() { crate::wire::read(); }", &[1]);
        check_lines(
            "src/wire/mod.rs",
            "use crate::{model, engine::{self, Engine}};",
            &[1, 1],
        );
        check_lines("src/model/time.rs", "use super::super::config::Pack;", &[1]);
        check_lines(
            "src/serve/hub.rs",
            "use crate::cli::Run;\nuse crate::engine::Engine;",
            &[1],
        );
    }

    #[test]
    fn a_sibling_leaf_is_found() {
        check_lines("src/engine/crowd/mod.rs", "use crate::engine::locate::Fix;", &[1]);
        check_lines(
            "src/engine/decide/score.rs",
            "use super::super::crowd;\nuse super::message::Op;",
            &[1],
        );
        check_lines(
            "src/engine/decide/score.rs",
            "mod inner {\n use super::super::super::crowd;\n}",
            &[2],
        );
        check_lines("src/engine/mod.rs", "use crate::engine::{locate, crowd};", &[]);
        check_lines(
            "src/engine/decide/mod.rs",
            "use crate::engine::condition::Condition;",
            &[],
        );
    }

    #[test]
    fn the_shell_in_the_core_is_found() {
        check_lines(
            "src/engine/mod.rs",
            "use std::collections::HashMap;\nuse std::fs::File;",
            &[2],
        );
        check_lines("src/model/mod.rs", "#[derive(serde::Serialize)]\nstruct A;", &[1]);
        check_lines("src/wire/mod.rs", "use nextbest_proto::v1;\nuse tokio::io;", &[2]);
        check_lines("src/engine/mod.rs", "#[cfg(test)]\nmod tests {\n use std::fs;\n}", &[]);
    }

    #[test]
    fn an_unlisted_module_is_found() {
        check_lines("src/utils/mod.rs", "use crate::model::Tag;", &[1]);
    }

    #[test]
    fn words_about_imports_are_not_imports() {
        check_lines(
            "src/model/mod.rs",
            "//! not crate::serve\nconst A: &str = \"crate::serve\";",
            &[],
        );
    }
}
