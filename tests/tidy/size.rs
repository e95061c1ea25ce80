//! Files and functions that a reader can hold in mind, each file with a header that says what it is for.

use crate::source::{Finding, Source, block, words};

/// Lines of a file of `src/`.
const FILE_LINES_MAX: usize = 500;
/// Lines of a file of tests, whose cases are read one by one.
const TEST_FILE_LINES_MAX: usize = 700;
/// Lines of a function, from `fn` to its last brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Lines of a function in a test, which may be a table of cases.
const TEST_FUNCTION_LINES_MAX: usize = 120;

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = source.text.lines().count();
    let max = if source.is_test_file() {
        TEST_FILE_LINES_MAX
    } else {
        FILE_LINES_MAX
    };
    if lines > max {
        let what = format!("the file has {lines} lines of at most {max}");
        findings.push(source.finding(0, what, "split it by subject, into a folder with a short mod.rs"));
    }
    let has_header = source.text.starts_with("//!") || source.text.starts_with("#![doc = include_str!");
    if !has_header {
        let remedy = "begin it with `//!`: its one subject, why it is there, and what is deliberately absent";
        findings.push(source.finding(0, "the file has no header", remedy));
    }
    findings.extend(long_functions(source));
    findings
}

fn long_functions(source: &Source) -> Vec<Finding> {
    let code = &source.code;
    let mut findings = Vec::new();
    for at in words(code, "fn ") {
        // A declaration in a trait ends before any brace; `;` also stands in array types, within brackets.
        let mut depth = 0_i32;
        let end = code[at..].find(|character| {
            depth += i32::from(matches!(character, '(' | '[')) - i32::from(matches!(character, ')' | ']'));
            character == '{' || (character == ';' && depth == 0)
        });
        let Some(body) = end
            .filter(|end| code[at + end..].starts_with('{'))
            .and_then(|_| block(code, at))
        else {
            continue;
        };
        let lines = source.line(body.end - 1) + 1 - source.line(at);
        let max = if source.is_test(at) {
            TEST_FUNCTION_LINES_MAX
        } else {
            FUNCTION_LINES_MAX
        };
        if lines > max {
            let name = code[at + 3..].split(['(', '<']).next().unwrap_or_default().trim();
            let what = format!("`{name}` has {lines} lines of at most {max}");
            findings.push(source.finding(
                at,
                what,
                "keep the branching here and move straight work into leaves below it",
            ));
        }
    }
    findings
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
    fn long_files_are_found() {
        let lines = |count: usize| format!("//! A.\n{}", "\n".repeat(count - 1));
        check_lines("src/a.rs", &lines(500), &[]);
        check_lines("src/a.rs", &lines(501), &[1]);
        check_lines("venue/tests/a.rs", &lines(700), &[]);
        check_lines("tests/a.rs", &lines(701), &[1]);
    }

    #[test]
    fn long_functions_are_found() {
        let function = |lines: usize| {
            format!(
                "//! A.\nimpl A {{\n    fn a(b: [u8; 4]) -> u8 {{{}}}\n}}\n",
                "\n".repeat(lines - 1)
            )
        };
        check_lines("src/a.rs", &function(70), &[]);
        check_lines("src/a.rs", &function(71), &[3]);
        check_lines("tests/a.rs", &function(120), &[]);
        check_lines("tests/a.rs", &function(121), &[3]);
        check_lines("src/a.rs", "//! A.\ntrait A {\n    fn a();\n}\n", &[]);
    }

    #[test]
    fn missing_headers_are_found() {
        check_lines("src/a.rs", "use std::fmt;\n", &[1]);
        check_lines("src/lib.rs", "#![doc = include_str!(\"ARCHITECTURE.md\")]\n", &[]);
    }
}
