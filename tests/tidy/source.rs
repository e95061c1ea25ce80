//! Files of the house as the checks read them: text, and code without comments and literals.
//!
//! This is not a Rust parser. It knows strings, characters and comments well enough that a word in a sentence is never
//! taken for code, and braces well enough to find where a block ends.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}: {}; {}", self.path, self.line, self.what, self.remedy)
    }
}

/// One Rust file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// From the root of the repository, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// As long as `text`; comments, strings and characters are blanks.
    pub(crate) code: String,
    /// As long as `text`; everything but comments is blanks.
    pub(crate) comments: String,
    /// Byte ranges of `#[cfg(test)]` modules.
    test_modules: Vec<Range<usize>>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, comments) = split(text);
        let test_modules = test_modules(&code);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            comments,
            test_modules,
        }
    }

    pub(crate) fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// Whether this is code of a test: a file of tests, benches or examples, or a test module.
    pub(crate) fn is_test(&self, at: usize) -> bool {
        self.is_test_file() || self.test_modules.iter().any(|module| module.contains(&at))
    }

    pub(crate) fn is_test_file(&self) -> bool {
        let folders: Vec<_> = self.path.split('/').collect();
        ["tests", "benches", "examples"]
            .iter()
            .any(|folder| folders.contains(folder))
            || folders.last().is_some_and(|file| *file == "tests.rs")
    }

    pub(crate) fn finding(&self, at: usize, what: impl Into<String>, remedy: &'static str) -> Finding {
        Finding {
            path: self.path.clone(),
            line: self.line(at),
            what: what.into(),
            remedy,
        }
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the repository.
pub(crate) fn rust_files() -> Vec<Source> {
    let sources: Vec<_> = files(&["rs"])
        .into_iter()
        .map(|path| Source::new(&relative(&path), &std::fs::read_to_string(&path).unwrap()))
        .collect();
    assert!(sources.len() > 20, "the walk finds the house");
    sources
}

/// Files with one of these extensions, without build output.
pub(crate) fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_output = ["target", "keys", "data", "node_modules"].contains(&name.as_str());
            if entry.file_type().unwrap().is_dir() {
                if !name.starts_with('.') && !is_output {
                    folders.push(path);
                }
            } else if path
                .extension()
                .is_some_and(|is| extensions.iter().any(|extension| is == *extension))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The path from the root, with `/`.
pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

/// Where each `needle` begins in `code`, as whole words where it begins or ends with one.
pub(crate) fn words<'a>(code: &'a str, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    code.match_indices(needle).map(|(at, _)| at).filter(move |at| {
        let bytes = code.as_bytes();
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let after = bytes.get(at + needle.len());
        let continues = is_word(before) && is_word(needle.as_bytes().first());
        let goes_on = is_word(after) && is_word(needle.as_bytes().last());
        !continues && !goes_on
    })
}

/// The block that begins with the first `{` at or after `from`: up to and with its `}`.
pub(crate) fn block(code: &str, from: usize) -> Option<Range<usize>> {
    let open = from + code[from..].find('{')?;
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(open..at + 1);
        }
    }
    None
}

fn test_modules(code: &str) -> Vec<Range<usize>> {
    let mut modules = Vec::new();
    for (at, attribute) in code.match_indices("#[cfg(") {
        let condition_end = at + code[at..].find(']').unwrap_or(attribute.len());
        let condition = &code[at..condition_end];
        let rest = &code[condition_end..];
        let opens = rest.find('{').unwrap_or(rest.len());
        // `#[cfg(test)] mod tests;` has no block here.
        let is_module = rest[..opens].contains("mod ") && !rest[..opens].contains(';');
        if is_module && words(condition, "test").next().is_some() && !condition.contains("not(test)") {
            modules.extend(block(code, condition_end));
        }
    }
    modules
}

/// Code without comments and literals, and comments without code. Line ends stay in both.
fn split(text: &str) -> (String, String) {
    let bytes = text.as_bytes();
    let (mut code, mut comments) = (bytes.to_vec(), vec![b' '; bytes.len()]);
    let mut at = 0;
    while at < bytes.len() {
        let end = at + token_len(&text[at..], at == 0 || !is_identifier(bytes[at - 1]));
        let is_comment = bytes[at..].starts_with(b"//") || bytes[at..].starts_with(b"/*");
        if is_comment {
            comments[at..end].copy_from_slice(&bytes[at..end]);
        }
        if is_comment || end - at > 1 {
            code[at..end].fill(b' ');
        }
        at = end;
    }
    for (at, byte) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        (code[at], comments[at]) = (*byte, *byte);
    }
    // Blanking fills whole tokens, so characters stay whole.
    (String::from_utf8(code).unwrap(), String::from_utf8(comments).unwrap())
}

fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How long the comment or literal is that `rest` begins with; 1 for any other byte.
fn token_len(rest: &str, at_word_start: bool) -> usize {
    let bytes = rest.as_bytes();
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    let raw = rest
        .strip_prefix("br")
        .or_else(|| rest.strip_prefix('r'))
        .filter(|_| at_word_start);
    if let Some(after) = raw {
        let hashes = after.len() - after.trim_start_matches('#').len();
        if after[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = rest.len() - after.len() + hashes + 1;
            return rest[open..]
                .find(&close)
                .map_or(rest.len(), |end| open + end + close.len());
        }
    }
    match bytes[0] {
        b'"' => quoted_len(bytes, b'"'),
        // A character, not a lifetime: closed after one character or an escape.
        b'\'' if bytes.get(1) == Some(&b'\\') => quoted_len(bytes, b'\''),
        b'\'' => rest[1..].chars().next().map_or(1, |inner| {
            let close = 1 + inner.len_utf8();
            if bytes.get(close) == Some(&b'\'') { close + 1 } else { 1 }
        }),
        _ => rest.chars().next().map_or(1, char::len_utf8),
    }
}

fn quoted_len(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

#[test]
fn literals_and_comments_are_not_code() {
    let text = "a(\"x\\\"{\", r#\"{\"\"#, '{', '\\'', b'\"', 'é'); // {\n/* { */ b::<'a>(\"\n\") \"é\"";
    let source = Source::new("src/a.rs", text);
    let squeezed: String = source.code.split_whitespace().collect();
    assert_eq!(squeezed, "a(,,,,b,);b::<'a>()");
    assert_eq!(
        source.comments.split_whitespace().collect::<Vec<_>>(),
        ["//", "{", "/*", "{", "*/"]
    );
    assert_eq!(source.code.len(), text.len());
}

#[test]
fn test_modules_are_known() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(all(test, not(loom)))]\nmod more {\n    fn d() {}\n}\n#[cfg(test)]\nmod far;\nfn e() {}";
    let source = Source::new("src/a.rs", text);
    let tested: Vec<_> = ["a()", "b()", "c()", "d()", "e()"]
        .map(|name| source.is_test(text.find(name).unwrap()))
        .to_vec();
    assert_eq!(tested, [false, true, false, true, false]);
}
/// Fails unless the findings are in just these lines.
#[cfg(test)]
#[track_caller]
pub(crate) fn assert_lines(found: &[Finding], expected: &[usize]) {
    let lines: Vec<_> = found.iter().map(|finding| finding.line).collect();
    assert_eq!(lines, expected, "{found:#?}");
}
