//! The table of `README.md` says how many cases there are at least; this counts them, so that it cannot boast.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One row: the class, the file, how a case looks, how many are said to be there.
struct Row<'a> {
    class: &'a str,
    file: &'a str,
    case: &'a str,
    said: usize,
}

fn rows(page: &str) -> Vec<Row<'_>> {
    page.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            let (class, file, case, said) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
            Some(Row {
                class: class.split(' ').next()?,
                file: file.trim().strip_prefix('`')?.strip_suffix('`')?,
                case: case.trim().strip_prefix('`')?.strip_suffix('`')?,
                said: said.trim_end_matches(['|', ' ']).trim().parse().ok()?,
            })
        })
        .collect()
}

/// How often `case` stands in a text, as a word of its own and not where it is defined.
fn count(text: &str, case: &str) -> usize {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let is_call = |at: &usize| {
        let before = &text[..*at];
        !before.ends_with(is_word) && !before.ends_with("fn ")
    };
    text.match_indices(case).map(|(at, _)| at).filter(is_call).count()
}

#[test]
fn the_table_promises_no_more_than_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("tests/hostile/README.md")).unwrap();
    let rows = rows(&page);
    assert!(rows.len() > 15, "the table was read");
    let mut classes = BTreeMap::<&str, usize>::new();
    let mut wrong = Vec::new();
    for row in &rows {
        let found = count(&fs::read_to_string(root.join(row.file)).unwrap(), row.case);
        *classes.entry(row.class).or_default() += row.said;
        if found < row.said {
            wrong.push(format!("{} {}: {} said, {found} there", row.class, row.file, row.said));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let all: usize = classes.values().sum();
    assert!(
        page.contains(&format!("**{all} cases**")),
        "there are {all} cases: {classes:?}"
    );
    for (class, found) in classes {
        let total = format!("{class} {found}");
        assert!(
            page.contains(&total),
            "the line of totals is expected to say \"{total}\""
        );
    }
}

#[test]
fn every_file_here_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("tests/hostile/README.md")).unwrap();
    for entry in fs::read_dir(root.join("tests/hostile")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_table = name.ends_with(".rs") && name != "count.rs";
        assert!(!is_table || page.contains(&format!("tests/hostile/{name}")), "{name}");
    }
}

#[test]
fn cases_are_counted_as_words() {
    let text = "fn case(a: u8) {}\nlet all = [case(1), case(\n2), other_case(3)];";
    assert_eq!(count(text, "case("), 2);
}
