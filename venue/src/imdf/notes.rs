//! What an import could not keep as it was: left out, changed, or assumed, each with its number and the reason.
//!
//! An import that drops things in silence is worse than none, so every step of it writes here. Deliberately absent:
//! mistakes of the archive, which stop the import ([`crate::Mistake`]).

use std::fmt::Write as _;

/// Most ids that one note names; more are counted.
const NAMED_MAX: usize = 50;

/// What happened to features of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The map has nothing of them.
    LeftOut,
    /// The map has them in another form.
    Changed,
    /// The archive does not say it, so it was assumed.
    Assumed,
}

/// One kind of thing that happened, to one type of feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What happened.
    pub fate: Fate,
    /// The type of feature, such as `unit`.
    pub feature_type: &'static str,
    /// What it was about, as a phrase.
    pub what: String,
    /// Why, or what to do about it, as a phrase.
    pub why: String,
    /// How many features.
    pub count: usize,
    /// The first of their ids.
    pub ids: Vec<String>,
}

/// The notes so far; equal ones are counted together.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    pub(super) fn left_out(&mut self, feature_type: &'static str, what: &str, why: &str, id: &str) {
        self.add(Fate::LeftOut, feature_type, what, why, id);
    }

    pub(super) fn changed(&mut self, feature_type: &'static str, what: &str, why: &str, id: &str) {
        self.add(Fate::Changed, feature_type, what, why, id);
    }

    pub(super) fn assumed(&mut self, feature_type: &'static str, what: &str, why: &str, id: &str) {
        self.add(Fate::Assumed, feature_type, what, why, id);
    }

    fn add(&mut self, fate: Fate, feature_type: &'static str, what: &str, why: &str, id: &str) {
        let is_same = |note: &&mut Note| {
            note.fate == fate && note.feature_type == feature_type && note.what == what && note.why == why
        };
        let note = match self.0.iter_mut().find(is_same) {
            Some(note) => note,
            None => {
                self.0.push(Note {
                    fate,
                    feature_type,
                    what: what.to_owned(),
                    why: why.to_owned(),
                    count: 0,
                    ids: Vec::new(),
                });
                let Some(last) = self.0.last_mut() else {
                    return;
                };
                last
            }
        };
        note.count += 1;
        if !id.is_empty() && note.ids.len() < NAMED_MAX {
            note.ids.push(id.to_owned());
        }
    }

    /// What was left out first, then what was changed, then what was assumed.
    pub(super) fn into_sorted(self) -> Vec<Note> {
        let mut notes = self.0;
        notes.sort_by(|a, b| (a.fate, a.feature_type, &a.what).cmp(&(b.fate, b.feature_type, &b.what)));
        notes
    }
}

/// The notes as Markdown, a table for each fate.
pub(super) fn markdown(notes: &[Note]) -> String {
    let mut text = String::new();
    for (fate, title) in [
        (Fate::LeftOut, "Left out"),
        (Fate::Changed, "Changed"),
        (Fate::Assumed, "Assumed"),
    ] {
        let mut of_fate = notes.iter().filter(|note| note.fate == fate).peekable();
        let _ = writeln!(text, "\n## {title}\n");
        if of_fate.peek().is_none() {
            text.push_str("Nothing.\n");
            continue;
        }
        text.push_str("| feature | how many | what | why | which |\n|---|---|---|---|---|\n");
        for note in of_fate {
            let more = note.count.saturating_sub(note.ids.len());
            let which = match (note.ids.is_empty(), more) {
                (true, _) => String::new(),
                (false, 0) => note.ids.join(", "),
                (false, more) => format!("{} and {more} more", note.ids.join(", ")),
            };
            let row = [&note.what, &note.why, &which].map(|cell| cell.replace('|', "\\|").replace('\n', " "));
            let [what, why, which] = row;
            let _ = writeln!(
                text,
                "| {} | {} | {what} | {why} | {which} |",
                note.feature_type, note.count
            );
        }
    }
    text
}
