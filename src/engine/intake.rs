//! What one hub session keeps between its batches: which numbers were taken, and the handles of tags.
//!
//! Batches on a stream come in order; datagrams may overtake one another, so a window of the latest numbers tells a late
//! one from a repeated one. Deliberately absent: anything that must outlive the connection (`hubs`).

use nextbest_venue::HubIx;

use super::customer::TagHandle;
use super::hub_counts::{HubTally, Taken};
use super::identity::Allowance;
use crate::model::TagId;
use crate::planted::{Bug, planted};

/// Numbers that the window remembers one by one; older ones count as taken.
const WINDOW_LEN: u64 = 1_024;
/// Words of the window.
const WINDOW_WORDS: usize = WINDOW_LEN as usize / 64;
/// Tags whose handle a session keeps. A hub hears a few hundred at a time; two tags that share an entry only cost
/// a look-up in the map.
const RESOLVED_LEN: usize = 2_048;

/// What one hub session keeps between its batches.
#[derive(Debug)]
pub struct HubIntake {
    /// The hub.
    pub hub: HubIx,
    /// Its boot epoch.
    pub boot_epoch: u64,
    /// Whether the numbers are the hub's own, rather than those of arrival.
    pub(super) is_numbered: bool,
    window: Window,
    resolved: Resolved,
    /// What is left of the hub's share of keys to try.
    pub(super) allowance: Allowance,
    pub(super) tally: HubTally,
}

impl HubIntake {
    /// A hub that numbers its sightings, of which everything before `next_sequence` was taken.
    pub(super) fn numbered(hub: HubIx, boot_epoch: u64, next_sequence: u64) -> Self {
        Self {
            hub,
            boot_epoch,
            is_numbered: true,
            window: Window::starting_at(next_sequence),
            resolved: Resolved::new(),
            allowance: Allowance::default(),
            tally: HubTally::default(),
        }
    }

    /// A hub whose sightings have no numbers of their own: they count in the order of their arrival. Leaves what is
    /// remembered of the hub's own numbers alone, so that a hub may come in by two ways at once.
    pub(super) fn by_arrival(hub: HubIx) -> Self {
        Self {
            is_numbered: false,
            ..Self::numbered(hub, 0, 0)
        }
    }

    /// Everything before this number was taken.
    #[must_use]
    pub const fn next_sequence(&self) -> u64 {
        self.window.next
    }

    /// Counts a number as taken whose sighting made no sense, so that the hub does not send it again.
    pub fn skip(&mut self, sequence: u64) {
        if self.window.take(sequence) {
            self.tally.count(Taken::Bad);
        }
    }

    /// Counts what became of a sighting; it shows after [`super::Engine::on_hub_alive`].
    pub(super) fn count(&mut self, taken: Taken) {
        self.tally.count(taken);
    }

    /// Takes a number; false when it was taken before.
    pub(super) fn take(&mut self, sequence: u64) -> bool {
        self.window.take(sequence)
    }

    /// The handle that the session remembers for a tag, and whether the tag's name changes.
    pub(super) fn resolved(&self, step: u32, tag: &TagId) -> Option<(TagHandle, bool)> {
        self.resolved.find(step, tag)
    }

    /// Remembers the handle of a tag: for good, or to the end of a step when its name changes.
    pub(super) fn remember(&mut self, tag: TagId, handle: TagHandle, until: Option<u32>) {
        self.resolved.insert(tag, handle, until.unwrap_or(FOR_GOOD));
    }
}

/// Which of the latest numbers were taken.
#[derive(Debug)]
struct Window {
    next: u64,
    taken: [u64; WINDOW_WORDS],
}

impl Window {
    const fn starting_at(next: u64) -> Self {
        Self {
            next,
            taken: [u64::MAX; WINDOW_WORDS],
        }
    }

    /// The last number is never taken: there is none after it that would tell it from what comes next.
    fn take(&mut self, sequence: u64) -> bool {
        if sequence == u64::MAX {
            return false;
        }
        if sequence >= self.next {
            let skipped = sequence - self.next;
            if skipped >= WINDOW_LEN {
                self.taken = [0; WINDOW_WORDS];
            } else {
                for between in self.next..sequence {
                    self.set(between, false);
                }
            }
            self.set(sequence, true);
            self.next = sequence + 1;
            return true;
        }
        let window_len = WINDOW_LEN - u64::from(planted(Bug::SequenceWindowTooShort));
        let is_taken = self.is_taken(sequence) && !planted(Bug::RepeatCounted);
        if self.next - sequence > window_len || is_taken {
            return false;
        }
        self.set(sequence, true);
        true
    }

    fn is_taken(&self, sequence: u64) -> bool {
        self.taken
            .get(Self::word(sequence))
            .is_some_and(|word| word >> (sequence % 64) & 1 == 1)
    }

    fn set(&mut self, sequence: u64, is_taken: bool) {
        if let Some(word) = self.taken.get_mut(Self::word(sequence)) {
            let bit = 1 << (sequence % 64);
            *word = if is_taken { *word | bit } else { *word & !bit };
        }
    }

    const fn word(sequence: u64) -> usize {
        (sequence % WINDOW_LEN / 64) as usize
    }
}

/// The handles of the tags that a session has lately resolved, each in the one entry that its bytes point to.
#[derive(Debug)]
struct Resolved {
    entries: Box<[Option<Remembered>]>,
}

#[derive(Clone, Copy, Debug)]
struct Remembered {
    tag: TagId,
    handle: TagHandle,
    /// The last step in which the handle is the tag's; [`FOR_GOOD`] for a tag whose name stays.
    until: u32,
}

/// The end of what has none.
const FOR_GOOD: u32 = u32::MAX;

impl Resolved {
    fn new() -> Self {
        Self {
            entries: vec![None; RESOLVED_LEN].into_boxed_slice(),
        }
    }

    fn find(&self, step: u32, tag: &TagId) -> Option<(TagHandle, bool)> {
        let known = self.entries.get(Self::entry(tag))?.as_ref()?;
        (known.tag == *tag && step <= known.until).then_some((known.handle, known.until != FOR_GOOD))
    }

    fn insert(&mut self, tag: TagId, handle: TagHandle, until: u32) {
        if let Some(entry) = self.entries.get_mut(Self::entry(&tag)) {
            *entry = Some(Remembered { tag, handle, until });
        }
    }

    fn entry(tag: &TagId) -> usize {
        // Fibonacci hashing over the last eight bytes, which differ between the tags of one maker.
        let tail = tag
            .as_bytes()
            .iter()
            .rev()
            .take(8)
            .fold(0_u64, |tail, byte| tail << 8 | u64::from(*byte));
        (tail.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 53) as usize % RESOLVED_LEN
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_order_each_number_is_taken_once(
            mut sequences in prop::collection::vec(100..900_u64, 1..400),
        ) {
            let mut window = Window::starting_at(100);
            let taken: Vec<u64> = sequences.iter().copied().filter(|sequence| window.take(*sequence)).collect();
            let mut unique = taken.clone();
            unique.sort_unstable();
            unique.dedup();
            prop_assert_eq!(unique.len(), taken.len(), "a number was taken twice");
            sequences.sort_unstable();
            sequences.dedup();
            prop_assert_eq!(unique, sequences, "a number within the window was refused");
        }
    }

    #[test]
    fn what_is_older_than_the_window_counts_as_taken() {
        let mut window = Window::starting_at(0);
        assert!(window.take(5_000));
        assert!(!window.take(5_000 - WINDOW_LEN));
        assert!(window.take(5_001 - WINDOW_LEN));
        assert!(!window.take(5_001 - WINDOW_LEN));
        assert!(window.take(u64::MAX - 1) && !window.take(u64::MAX - 1));
        assert!(!window.take(u64::MAX), "it could be taken again and again");
    }

    #[test]
    fn a_connection_starts_with_everything_before_it_taken() {
        let mut window = Window::starting_at(50);
        assert!(!window.take(49));
        assert!(window.take(50));
    }
}
