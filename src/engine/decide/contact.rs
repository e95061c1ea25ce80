//! How often a person may get an action: the contacts in their record, and the reservation of one more.
//!
//! The ring of contacts is checked twice: before ranking, on the copy that the decide read, and again while the
//! record is held for writing, so that concurrent decides for one person cannot exceed a cap together. An entry
//! is overwritten only after its window has passed; when all are still needed, a capped action counts as
//! capped, because forgetting one could exceed a limit.

use crate::engine::record::{CONTACTS_LEN_MAX, Contact, Record};
use crate::engine::spec::CapSpec;
use crate::planted::{Bug, planted};

/// Whether the person may get the action once more.
#[must_use]
pub fn is_free(record: &Record, key: u32, cap: CapSpec, now_s: u32) -> bool {
    let used = contacts(record).filter(|contact| contact.key == key && is_within(contact, cap.window_s, now_s));
    used.count() < usize::from(cap.times)
}

/// Writes one contact down when the cap allows it; false when it does not, or when there is no room.
/// `window_of` gives the window of any action by its key, `None` when the generation does not know it.
pub fn reserve(
    record: &mut Record,
    key: u32,
    cap: CapSpec,
    now_s: u32,
    window_of: impl Fn(u32) -> Option<u32>,
) -> bool {
    let is_free = is_free(record, key, cap, now_s) || planted(Bug::CapCheckedOutsideReservation);
    is_free && remember(record, Contact { key, at_s: now_s }, window_of)
}

/// Writes one contact down whatever the cap says; false when there is no room.
pub fn remember(record: &mut Record, contact: Contact, window_of: impl Fn(u32) -> Option<u32>) -> bool {
    let place = (0..CONTACTS_LEN_MAX).find(|place| {
        record.contact(*place).is_none_or(|known| {
            // What the generation does not know is kept for the longest time that a pack can ask for.
            let window_s = window_of(known.key).unwrap_or(WINDOW_S_MAX);
            !is_within(&known, window_s, contact.at_s)
        })
    });
    let place = place.or(planted(Bug::ContactForgotten).then_some(0));
    if let Some(place) = place {
        record.set_contact(place, Some(contact));
    }
    place.is_some()
}

/// Gives the latest contact of an action back.
pub fn release(record: &mut Record, key: u32) {
    let latest = (0..CONTACTS_LEN_MAX)
        .filter_map(|place| {
            record
                .contact(place)
                .filter(|contact| contact.key == key)
                .map(|contact| (contact.at_s, place))
        })
        .max();
    if let Some((_, place)) = latest {
        record.set_contact(place, None);
    }
}

/// The longest window of a cap: 30 days.
pub const WINDOW_S_MAX: u32 = 30 * 24 * 3_600;

fn contacts(record: &Record) -> impl Iterator<Item = Contact> + '_ {
    (0..CONTACTS_LEN_MAX).filter_map(|place| record.contact(place))
}

fn is_within(contact: &Contact, window_s: u32, now_s: u32) -> bool {
    let window_s = window_s.saturating_sub(u32::from(planted(Bug::CapWindowTooShort)));
    now_s.saturating_sub(contact.at_s) < window_s
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::RECORD_WORDS;

    const TWICE_A_MINUTE: CapSpec = CapSpec { times: 2, window_s: 60 };

    fn empty() -> Record {
        Record::from_words([0; RECORD_WORDS])
    }

    #[test]
    fn a_cap_holds_within_its_window_and_ends_with_it() {
        let mut record = empty();
        assert!(reserve(&mut record, 7, TWICE_A_MINUTE, 100, |_| Some(60)));
        assert!(reserve(&mut record, 7, TWICE_A_MINUTE, 130, |_| Some(60)));
        assert!(!reserve(&mut record, 7, TWICE_A_MINUTE, 159, |_| Some(60)));
        assert!(
            is_free(&record, 8, TWICE_A_MINUTE, 159),
            "another action has a cap of its own"
        );
        assert!(
            reserve(&mut record, 7, TWICE_A_MINUTE, 160, |_| Some(60)),
            "the first is a minute old"
        );
    }

    #[test]
    fn a_contact_that_still_counts_is_never_forgotten() {
        let mut record = empty();
        for key in 1..=CONTACTS_LEN_MAX as u32 {
            assert!(reserve(&mut record, key, TWICE_A_MINUTE, 100, |_| Some(60)));
        }
        assert!(
            !reserve(&mut record, 99, TWICE_A_MINUTE, 159, |_| Some(60)),
            "no room counts as capped"
        );
        assert!(reserve(&mut record, 99, TWICE_A_MINUTE, 160, |_| Some(60)));
        assert!(
            !reserve(&mut record, 98, TWICE_A_MINUTE, 160, |_| None),
            "an unknown action keeps its contact"
        );
    }

    #[test]
    fn what_is_given_back_is_free_again() {
        let mut record = empty();
        let once = CapSpec { times: 1, window_s: 60 };
        assert!(reserve(&mut record, 7, once, 100, |_| Some(60)));
        release(&mut record, 7);
        assert!(is_free(&record, 7, once, 100));
    }
}
