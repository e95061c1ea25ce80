//! The names of the journal's files. A position in a name has 20 digits, so that names sort as positions do.
//!
//! There is no time in a name: a clock that goes back changes nothing.

use super::Position;

/// The keys of people.
pub(super) const PEOPLE: &str = "people.keys";
/// The keys of people, while the file is made.
pub(super) const PEOPLE_NEW: &str = "people.keys.new";
/// A segment that is made ahead, all zeros.
pub(super) const SPARE: &str = "journal.spare";
/// A snapshot that is being written.
pub(super) const SNAPSHOT_NEW: &str = "snapshot.new";

/// What a file of the directory is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A segment that begins at this position.
    Segment(Position),
    /// A snapshot that folds everything up to this position.
    Snapshot(Position),
    /// The keys of people.
    People,
    /// Left over from something that did not come to its end; nothing in it counts.
    Unfinished,
    /// Not the journal's.
    Stray,
}

/// The name of the segment that begins at `first`.
pub(super) fn segment(first: Position) -> String {
    format!("journal-{:020}.segment", first.0)
}

/// The name of the snapshot that folds everything up to `through`.
pub(super) fn snapshot(through: Position) -> String {
    format!("snapshot-{:020}.snapshot", through.0)
}

/// What the file with this name is.
pub(super) fn read(name: &str) -> Named {
    let position = |before, after| -> Option<Position> {
        let digits: &str = name.strip_prefix(before)?.strip_suffix(after)?;
        let is_whole = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_whole.then(|| digits.parse().ok().map(Position))?
    };
    match name {
        PEOPLE => Named::People,
        PEOPLE_NEW | SPARE | SNAPSHOT_NEW => Named::Unfinished,
        _ => position("journal-", ".segment")
            .map(Named::Segment)
            .or_else(|| position("snapshot-", ".snapshot").map(Named::Snapshot))
            .unwrap_or(Named::Stray),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_everything_else_is_stray() {
        assert_eq!(read(&segment(Position(17))), Named::Segment(Position(17)));
        assert_eq!(read(&snapshot(Position(u64::MAX))), Named::Snapshot(Position(u64::MAX)));
        for stray in [
            ".DS_Store",
            "journal-17.segment",
            "journal-00000000000000000017.segment.bak",
            "journal-+0000000000000000017.segment",
            "snapshot-99999999999999999999.snapshot",
        ] {
            assert_eq!(read(stray), Named::Stray, "{stray}");
        }
    }
}
