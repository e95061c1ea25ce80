//! A page that names a test as proof names one that exists: `tests/FILE.rs`: `name_of_the_test`.

use crate::source::Finding;

const REMEDY: &str = "name a test that exists, or say under \"What falls short\" that there is none";

/// Every test that the text names, as file and function.
pub(crate) fn named(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    (1..).zip(text.lines()).flat_map(|(line, text)| {
        let mut file = "";
        // What stands between backticks is every second part.
        text.split('`').skip(1).step_by(2).filter_map(move |quoted| {
            if quoted.ends_with(".rs") {
                file = quoted;
                return None;
            }
            let is_name = quoted.contains('_')
                && quoted
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            (is_name && !file.is_empty()).then_some((line, file, quoted))
        })
    })
}

/// The tests that the text names and `read` does not find.
pub(crate) fn check(page: &str, text: &str, read: impl Fn(&str) -> String) -> Vec<Finding> {
    named(text)
        .filter(|(_, file, name)| !read(file).contains(&format!("fn {name}(")))
        .map(|(line, file, name)| Finding {
            path: page.to_owned(),
            line,
            what: format!("{file} has no test `{name}`"),
            remedy: REMEDY,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_does_not_exist_is_found() {
        let text = "x\n| a | `tests/a.rs`: `it_is_so`, `it_is_not`; `src/b.rs`: `nor_is_this` |\nSee [`x.rs`](x.rs) and `serve.listen`.";
        let read = |file: &str| {
            if file == "tests/a.rs" {
                "async fn it_is_so() {}"
            } else {
                ""
            }
            .to_owned()
        };
        let lines: Vec<_> = check("A.md", text, read).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 2]);
        assert_eq!(named(text).count(), 3);
    }
}
