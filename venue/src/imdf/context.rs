//! What every step of an import needs: the archive, the frame, the options, and where to write notes.

use super::ImdfOptions;
use super::archive::{Archive, Record};
use super::draft::Labels;
use super::notes::Notes;
use crate::load::frame::Frame;
use crate::load::json::Item;
use crate::load::report::Report;

/// Most bytes of a name, as the map allows.
const NAME_LEN_MAX: usize = 120;

/// What every step reads, and the notes that it writes.
pub(super) struct Context<'c, 'a, 'r> {
    pub(super) archive: &'c Archive<'a, 'r>,
    pub(super) frame: Frame,
    pub(super) options: &'c ImdfOptions,
    pub(super) report: &'r Report<'r>,
    pub(super) notes: Notes,
    /// The language that comes first in names.
    pub(super) language: String,
}

impl Context<'_, '_, '_> {
    /// Reads a geometry; when it is broken and the options say so, the feature is left out instead.
    pub(super) fn shape<T>(
        &mut self,
        record: &Record<'_, '_>,
        read: impl FnOnce(&Item<'_, '_>, &Frame) -> Option<T>,
    ) -> Option<T> {
        let before = self.report.count();
        let shape = read(&record.geometry, &self.frame);
        if shape.is_none() && self.options.skips_broken {
            for mistake in self.report.take_after(before) {
                let spot = format!("{} ({}:{}:{})", record.id, mistake.file, mistake.line, mistake.column);
                self.notes
                    .left_out(record.kind, "a broken geometry", &mistake.what, &spot);
            }
        }
        shape
    }

    /// A text in several languages, the wanted one first; empty when there is none.
    pub(super) fn labels(&mut self, record: &Record<'_, '_>, key: &str) -> Labels {
        let Some(members) = record.find(key).and_then(|item| item.members(&[], "texts by language")) else {
            return Labels::new();
        };
        let mut labels = Labels::new();
        for (language, item) in members.iter().filter(|(_, item)| !item.is_null()) {
            let Some(text) = item.text("a text") else {
                continue;
            };
            let (clean, is_cut) = clean(text);
            let is_tag = (2..=35).contains(&language.len())
                && language
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !is_tag {
                item.wrong(
                    format!("`{language}` is no language"),
                    "a language tag such as \"en\" or \"pt-BR\"",
                );
            } else if clean.is_empty() {
                self.notes
                    .left_out(record.kind, &format!("an empty `{key}`"), "nothing to show", record.id);
            } else {
                if is_cut {
                    self.notes.changed(
                        record.kind,
                        &format!("a long `{key}`"),
                        "cut to 120 bytes of one line",
                        record.id,
                    );
                }
                labels.push((language.to_owned(), clean));
            }
        }
        labels.sort_by_key(|(language, _)| rank(language, &self.language));
        labels
    }

    /// Names, or the given text in the language of the import when there are none.
    pub(super) fn names_or(&mut self, record: &Record<'_, '_>, instead: String) -> Labels {
        let names = self.labels(record, "name");
        if !names.is_empty() {
            return names;
        }
        self.notes.assumed(
            record.kind,
            "a name",
            "it has none, so its category names it",
            record.id,
        );
        vec![(self.language.clone(), instead)]
    }
}

/// The wanted language, then its relatives, then the others in their order.
fn rank(language: &str, wanted: &str) -> u8 {
    let root = |tag: &str| tag.split('-').next().unwrap_or(tag).to_ascii_lowercase();
    match () {
        () if language.eq_ignore_ascii_case(wanted) => 0,
        () if root(language) == root(wanted) => 1,
        () => 2,
    }
}

/// A name in one line within its limit, and whether something was cut.
fn clean(text: &str) -> (String, bool) {
    let line = text.replace(char::is_control, " ");
    let mut words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_long = words.len() > NAME_LEN_MAX;
    if is_long {
        let end = (0..=NAME_LEN_MAX)
            .rev()
            .find(|at| words.is_char_boundary(*at))
            .unwrap_or(0);
        words.truncate(end);
    }
    (words, is_long)
}

/// A name with the id behind it, for notes.
pub(super) fn called(names: &Labels, id: &str) -> String {
    names
        .first()
        .map_or_else(|| id.to_owned(), |(_, name)| format!("{name} ({id})"))
}
