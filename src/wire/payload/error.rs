//! Why a payload, or one of its records, cannot be used. Names keys and forms, never what a peer wrote.

use thiserror::Error;

use super::PAYLOAD_LEN_MAX;

/// Why nothing of a payload can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// It has too many bytes.
    #[error("the payload has {len} bytes, expected at most {PAYLOAD_LEN_MAX}")]
    TooLong {
        /// Its bytes.
        len: usize,
    },
    /// It is not JSON, or a JSON of another shape.
    #[error("the payload is not JSON of the expected shape, expected {expected}, see byte {at}")]
    Json {
        /// The shape.
        expected: &'static str,
        /// The line's column where reading stopped.
        at: usize,
    },
    /// It is not of the family's binary form.
    #[error("the payload is not {form}: {what}")]
    Binary {
        /// The form.
        form: &'static str,
        /// What is wrong, with what was expected.
        what: &'static str,
    },
    /// The topic is none of the family's.
    #[error("the topic is not one of those that the family's firmware publishes reports or its status to")]
    Topic,
    /// Its only record cannot be used.
    #[error(transparent)]
    Report(#[from] BadReport),
}

/// Why one record is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadReport {
    /// A record is not an object.
    #[error("a record is not a JSON object, expected one with keys and values")]
    NotAnObject,
    /// A key that is needed is not there.
    #[error("`{key}` is missing, expected {expected}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// A key holds what does not belong there.
    #[error("`{key}` is expected to be {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// The payload holds more reports than are taken.
    #[error("a payload is expected to have at most {} reports", super::REPORTS_PER_PAYLOAD_MAX)]
    TooMany,
}

impl BadReport {
    /// Names of the kinds, for metrics, in the order of [`LeftOut::counts`].
    pub const KINDS: [&'static str; 4] = ["not_an_object", "missing", "wrong_value", "too_many"];

    const fn kind(self) -> usize {
        match self {
            Self::NotAnObject => 0,
            Self::Missing { .. } => 1,
            Self::Value { .. } => 2,
            Self::TooMany => 3,
        }
    }
}

/// Records that were left out, counted by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    counts: [u32; BadReport::KINDS.len()],
    first: Option<BadReport>,
}

impl LeftOut {
    /// Counts one, or `n` of the same kind.
    pub(super) fn add(&mut self, bad: BadReport) {
        if let Some(count) = self.counts.get_mut(bad.kind()) {
            *count = count.saturating_add(1);
        }
        self.first = self.first.or(Some(bad));
    }

    /// By kind, in the order of [`BadReport::KINDS`].
    #[must_use]
    pub const fn counts(&self) -> [u32; BadReport::KINDS.len()] {
        self.counts
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Why the first one was left out.
    #[must_use]
    pub const fn first(&self) -> Option<BadReport> {
        self.first
    }
}
