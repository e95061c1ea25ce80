//! Words that do not belong into the house: unfinished work, silenced lints, panics, addresses of somebody's machine.

use crate::source::{Finding, Source, words};

/// In code, tests included.
const CODE: [(&str, &str); 5] = [
    (
        "#[allow(",
        "say `#[expect(lint, reason = \"..\")]`, which reports itself when it is no longer needed",
    ),
    (
        "#![allow(",
        "say `#![expect(lint, reason = \"..\")]`, which reports itself when it is no longer needed",
    ),
    ("todo!", "finish it, or leave it out"),
    ("unimplemented!", "finish it, or leave it out"),
    (
        "#[ignore",
        "a test that is not run promises nothing: make it quick, or take it out",
    ),
];

/// In code that is not a test's.
const SHIPPED: [(&str, &str); 2] = [
    (
        ".unwrap()",
        "input must not be able to stop the process: return an error, or match",
    ),
    ("dbg!", "log with tracing in the shell, or take it out"),
];

/// In comments. They are read in a year, when what was unfinished is either done or the way it is.
const COMMENTS: [(&str, &str); 6] = [
    (concat!("TO", "DO"), UNFINISHED),
    (concat!("FIX", "ME"), UNFINISHED),
    (concat!("X", "XX"), UNFINISHED),
    (concat!("HA", "CK"), UNFINISHED),
    (concat!("for ", "now"), UNFINISHED),
    (concat!("place", "holder"), UNFINISHED),
];
const UNFINISHED: &str = "say what is and why; what is missing belongs into an issue";

/// In any text.
const ADDRESSES: [(&str, &str); 5] = [
    (concat!("/ro", "ot/"), MACHINE),
    (concat!("/ho", "me/"), MACHINE),
    (concat!("/wo", "rk/"), MACHINE),
    (concat!("crates", ".io/"), REGISTRY),
    (concat!("pypi", ".org"), REGISTRY),
];
const MACHINE: &str = "this path is on one machine: make it relative to the repository";
const REGISTRY: &str = "name the package; where it comes from is the tool's business";

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (word, remedy) in CODE {
        findings.extend(words(&source.code, word).map(|at| source.finding(at, format!("`{word}`"), remedy)));
    }
    for (word, remedy) in SHIPPED {
        let shipped = words(&source.code, word).filter(|at| !source.is_test(*at));
        findings.extend(shipped.map(|at| source.finding(at, format!("`{word}` outside of tests"), remedy)));
    }
    for (word, remedy) in COMMENTS {
        let finding = |at| source.finding(at, format!("\"{word}\" in a comment"), remedy);
        findings.extend(words(&source.comments, word).map(finding));
    }
    findings
}

/// For documents and settings as well as code.
pub(crate) fn check_text(path: &str, text: &str) -> Vec<Finding> {
    let source = Source::new(path, text);
    let found = |(word, remedy): (&'static str, _)| {
        let source = &source;
        text.match_indices(word)
            .map(move |(at, _)| source.finding(at, format!("\"{word}\""), remedy))
    };
    ADDRESSES.into_iter().flat_map(found).collect()
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
    fn silenced_lints_and_unfinished_code_are_found() {
        check_lines("src/a.rs", "#[allow(dead_code)]\nfn a() {\n    todo!()\n}", &[1, 3]);
        check_lines("tests/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}", &[2]);
        check_lines(
            "src/a.rs",
            "#[expect(dead_code, reason = \"#[allow( is text here\")]\nfn a() {}",
            &[],
        );
    }

    #[test]
    fn panics_are_found_outside_of_tests() {
        let text = "fn a() { b().unwrap() }\n#[cfg(test)]\nmod tests {\n    fn c() { d().unwrap() }\n}";
        check_lines("src/a.rs", text, &[1]);
        check_lines("benches/a.rs", text, &[]);
        check_lines("src/a.rs", "fn a() { b().unwrap_or(0) }", &[]);
    }

    #[test]
    fn unfinished_comments_are_found() {
        check_lines(
            "src/a.rs",
            concat!("//! A.\n// TO", "DO: b\nlet c = \"FIX", "ME\"; // for ", "now"),
            &[2, 3],
        );
    }

    #[test]
    fn addresses_are_found() {
        assert_eq!(check_text("README.md", concat!("a\nsee /ho", "me/ann/x\n"))[0].line, 2);
        assert_eq!(check_text("README.md", "docs/homework/home.md"), []);
    }
}
