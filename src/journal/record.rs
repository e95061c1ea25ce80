//! One thing that must survive, and whom it is about.
//!
//! The journal does not look into a payload: who appends it says what it is, and seals it with the person's key when it
//! tells about one. A person is named by a slot of the vault and never by the customer's own id, so that what is left
//! after the key was destroyed tells nobody who it was.

use crate::model::Timestamp;

/// A slot of the vault and which of its owners, one after the other, is meant.
///
/// The number is given out again after an erasure; the birth never is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    /// The slot in the vault, from 0.
    pub number: u32,
    /// The how-manieth person this slot belongs to, from 1.
    pub birth: u32,
}

/// What kind of bytes a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// A `Signal` of the contract about a person, sealed.
    Signal = 1,
    /// A `Signal` of the contract about the venue.
    VenueSignal = 2,
    /// An `Outcome` of the contract, sealed.
    Outcome = 3,
    /// What a decide reserved, sealed. Nobody waits for it, see [`RecordKind::is_awaited`].
    Decision = 4,
    /// A new person: the customer's id, sealed.
    Person = 5,
    /// The person's key is to be destroyed. Durable means that it is.
    Erasure = 6,
    /// Who changed what.
    Administration = 7,
}

impl RecordKind {
    /// Every kind, in the order of its code.
    pub const ALL: [Self; 7] = [
        Self::Signal,
        Self::VenueSignal,
        Self::Outcome,
        Self::Decision,
        Self::Person,
        Self::Erasure,
        Self::Administration,
    ];

    /// The byte that stands for it in a file.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind with this byte, if there is one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::VenueSignal => "venue signal",
            Self::Outcome => "outcome",
            Self::Decision => "decision",
            Self::Person => "person",
            Self::Erasure => "erasure",
            Self::Administration => "administration",
        }
    }

    /// Whether somebody waits until such a record is durable. One that nobody waits for wakes nobody, goes with the next
    /// batch, and is the first to be refused when the queue fills.
    #[must_use]
    pub const fn is_awaited(self) -> bool {
        !matches!(self, Self::Decision)
    }
}

/// One thing that must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When the gateway took it, on the journal's clock.
    pub at: Timestamp,
    /// What the payload is.
    pub kind: RecordKind,
    /// The person it is about; `None` when it is about the venue.
    pub subject: Option<Person>,
    /// The bytes, as they are to be given back.
    pub payload: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_from_its_code() {
        for kind in RecordKind::ALL {
            assert_eq!(RecordKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(RecordKind::from_code(0), None);
        assert_eq!(RecordKind::from_code(8), None);
    }
}
