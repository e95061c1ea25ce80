//! Gathers the mistakes of all files, so that one run names them all.
//!
//! Readers note a mistake and go on with the next value. The report is shared by reference and keeps its list behind a
//! `RefCell`, because every reader of the loader writes to it and none holds it across a call.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use crate::mistake::{Mistake, Source};

/// Most mistakes that one load reports; a file of another format would otherwise yield one for each of its lines.
pub(crate) const MISTAKES_MAX: usize = 1_000;

/// A stretch of one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Which file.
    pub(crate) source: usize,
    /// Which bytes of it.
    pub(crate) span: Range<usize>,
}

/// The mistakes so far.
pub(crate) struct Report<'s> {
    sources: &'s [Source],
    mistakes: RefCell<Vec<(Spot, Mistake)>>,
    left_out: Cell<usize>,
}

impl<'s> Report<'s> {
    pub(crate) fn new(sources: &'s [Source]) -> Self {
        Self {
            sources,
            mistakes: RefCell::new(Vec::new()),
            left_out: Cell::new(0),
        }
    }

    /// Notes a mistake.
    pub(crate) fn add(&self, spot: &Spot, what: impl Into<String>, expected: impl Into<String>) {
        let mut mistakes = self.mistakes.borrow_mut();
        if mistakes.len() >= MISTAKES_MAX {
            self.left_out.set(self.left_out.get() + 1);
            return;
        }
        let nowhere = Source {
            name: "(no map file)".to_owned(),
            text: "".into(),
        };
        let source = self.sources.get(spot.source).unwrap_or(&nowhere);
        mistakes.push((spot.clone(), Mistake::new(source, spot.span.clone(), what, expected)));
    }

    /// How many were noted.
    pub(crate) fn count(&self) -> usize {
        self.mistakes.borrow().len()
    }

    /// What stands in a stretch of a file.
    pub(crate) fn text(&self, spot: &Spot) -> &'s str {
        let source = self.sources.get(spot.source);
        source
            .and_then(|source| source.text.get(spot.span.clone()))
            .unwrap_or_default()
    }

    /// Takes back what was noted after the first `count`.
    pub(crate) fn take_after(&self, count: usize) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.borrow_mut();
        let from = count.min(mistakes.len());
        mistakes
            .split_off(from)
            .into_iter()
            .map(|(_, mistake)| mistake)
            .collect()
    }

    /// All of them, in the order of the files and of the text.
    pub(crate) fn into_mistakes(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by_key(|(spot, _)| (spot.source, spot.span.start));
        let mut mistakes: Vec<Mistake> = mistakes.into_iter().map(|(_, mistake)| mistake).collect();
        if let (Some(last), more @ 1..) = (mistakes.last_mut(), self.left_out.get()) {
            last.what = format!("{} (and {more} more mistakes)", last.what);
        }
        mistakes
    }
}
