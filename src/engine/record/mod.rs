//! What the engine knows about one customer, in 32 words: the one record that a decide reads.
//!
//! | words | content | live only |
//! |---|---|---|
//! | 0 | version, the slab's | all |
//! | 1 | stage u8, tier u8, level u8 (+1), purposes allowed u8, flags u32 | the level |
//! | 2 | segments, one bit each | |
//! | 3 | zone u16 (+1), confidence u8 (1/255), leading tag 3 bits (+1), dwell 1 bit, counted 1 bit, 3 bits unused, step u32 | all |
//! | 4 | east f32, north f32, metres | all |
//! | 5 | step in which the zone was entered u32, accuracy u16 (decimetres), mood i16 (1/10,000) | all but the mood |
//! | 6 | decisions made u32, 1 bit if anything is known, purposes asked for 5 bits, first end of a consent 26 bits (64 s) | |
//! | 7 | zone that was left when the tag went silent u16 (+1), unused u16, the fifth tag u32 (+1) | all |
//! | 8-9 | text traits, u16 each | |
//! | 10-13 | number traits, f32 each; 0 until set | |
//! | 14-29 | contacts: action key u32, second u32; key 0 is empty | |
//! | 30-31 | the first four tags, u32 each (+1) | all |
//!
//! What is live only is true of this process: where somebody is, in its steps, and the places of their tags in its table.
//! It is never stored; [`Record::without_live`] is what may be.
//!
//! 256 bytes, four cache lines. Names are kept as the indices of the generation; actions as the hash of their id
//! ([`action_key`]), because a person's contacts outlive the generation that made them.

mod seen;

use super::condition::{Attributes, Category, FLAG_TRAITS_MAX, NUMBER_TRAITS_MAX, Quantity, TEXT_TRAITS_MAX, Truth};
use crate::model::Purpose;

pub use self::seen::Seen;

/// Words of a record.
pub const RECORD_WORDS: usize = 32;
/// Contacts that a record remembers.
pub const CONTACTS_LEN_MAX: usize = 16;
/// Tags of one customer.
pub const TAGS_PER_CUSTOMER_MAX: usize = 5;

const CONTACTS_AT: usize = 14;
const TEXTS_AT: usize = 8;
const NUMBERS_AT: usize = 10;
const TAGS_AT: usize = 30;
/// The word of the zone that was left, and of the fifth tag.
const LAPSED_AT: usize = 7;
/// The tag that is apart from the others.
const TAG_APART: usize = 4;
/// Bits of word 6: where the purposes that were asked for begin, as many as there are, and where the end of the first
/// consent does, without its lowest bits.
const ASKED_AT: u32 = 33;
const ASKED: u8 = 0b1_1111;
const END_AT: u32 = 38;
const END_SHIFT: u32 = 6;

/// One customer's record, copied out of the slab or about to be written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    words: [u64; RECORD_WORDS],
}

/// A message that a person was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The [`action_key`] of its action.
    pub key: u32,
    /// When, in seconds since the start.
    pub at_s: u32,
}

/// The stable key of an action: FNV-1a over its id, never 0.
#[must_use]
pub fn action_key(id: &str) -> u32 {
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash.max(1)
}

impl Record {
    /// The record in words.
    #[must_use]
    pub const fn from_words(words: [u64; RECORD_WORDS]) -> Self {
        Self { words }
    }

    /// The record without what is true of this process only: where the person is, and which tags they carry.
    #[must_use]
    pub fn without_live(mut self) -> Self {
        self.clear_seen();
        (0..TAGS_PER_CUSTOMER_MAX).for_each(|place| self.set_tag(place, 0));
        self.words[0] = 0;
        self
    }

    /// The words of the record.
    #[must_use]
    pub const fn into_words(self) -> [u64; RECORD_WORDS] {
        self.words
    }

    /// Index of the lifecycle stage.
    #[must_use]
    pub const fn stage(&self) -> u8 {
        self.words[1] as u8
    }

    /// Moves to a stage.
    pub fn set_stage(&mut self, stage: u8) {
        self.set_byte(0, stage);
    }

    /// The value tier; 0 is unknown.
    #[must_use]
    pub const fn tier(&self) -> u8 {
        (self.words[1] >> 8) as u8
    }

    /// Sets the value tier.
    pub fn set_tier(&mut self, tier: u8) {
        self.set_byte(1, tier);
    }

    /// The purposes that the person has allowed, as bits of [`Purpose::bit`], whether or not that has ended.
    #[must_use]
    pub const fn consents(&self) -> u8 {
        (self.words[1] >> 24) as u8
    }

    /// The purposes that the person has spoken about, as bits of [`Purpose::bit`]; of the others the pack says.
    #[must_use]
    pub const fn asked(&self) -> u8 {
        (self.words[6] >> ASKED_AT) as u8 & ASKED
    }

    /// Sets what the person has spoken about, and what of it they have allowed.
    pub fn set_consents(&mut self, asked: u8, allowed: u8) {
        self.set_byte(3, allowed);
        self.words[6] = self.words[6] & !((ASKED as u64) << ASKED_AT) | u64::from(asked & ASKED) << ASKED_AT;
    }

    /// The person allows a purpose, or withdraws it.
    pub fn set_consent(&mut self, purpose: Purpose, allowed: bool) {
        let (bit, asked, before) = (purpose.bit(), self.asked(), self.consents());
        self.set_consents(asked | bit, if allowed { before | bit } else { before & !bit });
    }

    /// No consent of the person ends before this, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn consents_end_s(&self) -> u32 {
        ((self.words[6] >> END_AT) as u32) << END_SHIFT
    }

    /// Says when the first consent of the person ends; kept to 64 s, never later.
    pub fn set_consents_end_s(&mut self, end_s: u32) {
        self.words[6] = self.words[6] & !(u64::MAX << END_AT) | u64::from(end_s >> END_SHIFT) << END_AT;
    }

    /// The flag traits, one bit each.
    #[must_use]
    pub const fn flags(&self) -> u32 {
        (self.words[1] >> 32) as u32
    }

    /// Sets a flag trait.
    pub fn set_flag(&mut self, flag: u8, value: bool) {
        if usize::from(flag) < FLAG_TRAITS_MAX {
            let bit = 1_u64 << (32 + u32::from(flag));
            self.words[1] = if value {
                self.words[1] | bit
            } else {
                self.words[1] & !bit
            };
        }
    }

    /// The segments, one bit each.
    #[must_use]
    pub const fn segments(&self) -> u64 {
        self.words[2]
    }

    /// Sets the segments.
    pub fn set_segments(&mut self, segments: u64) {
        self.words[2] = segments;
    }

    /// How the person feels, -1 to 1.
    #[must_use]
    pub fn mood(&self) -> f32 {
        f32::from((self.words[5] >> 48) as u16 as i16) / 10_000.0
    }

    /// Sets how the person feels, -1 to 1.
    pub fn set_mood(&mut self, mood: f32) {
        let mood = (mood.clamp(-1.0, 1.0) * 10_000.0) as i16;
        self.words[5] = self.words[5] & !(0xFFFF << 48) | u64::from(mood as u16) << 48;
    }

    /// How many decisions were made for the person.
    #[must_use]
    pub const fn decisions(&self) -> u32 {
        self.words[6] as u32
    }

    /// Counts a decision and returns its number, from 1.
    pub fn count_decision(&mut self) -> u32 {
        let number = self.decisions().wrapping_add(1).max(1);
        self.words[6] = self.words[6] & !0xFFFF_FFFF | u64::from(number);
        number
    }

    /// Sets how many decisions were made for the person.
    pub const fn set_decisions(&mut self, decisions: u32) {
        self.words[6] = self.words[6] & !0xFFFF_FFFF | decisions as u64;
    }

    /// Whether anything was ever learned about the person.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.words[6] >> 32 & 1 != 0
    }

    /// Says that something was learned about the person.
    pub fn set_known(&mut self) {
        self.words[6] |= 1 << 32;
    }

    /// A text trait; 0 is unknown.
    #[must_use]
    pub fn text(&self, slot: u8) -> u16 {
        let word = self.words.get(TEXTS_AT + usize::from(slot) / 4).copied().unwrap_or(0);
        (word >> (u32::from(slot) % 4 * 16)) as u16
    }

    /// Sets a text trait.
    pub fn set_text(&mut self, slot: u8, value: u16) {
        if usize::from(slot) < TEXT_TRAITS_MAX
            && let Some(word) = self.words.get_mut(TEXTS_AT + usize::from(slot) / 4)
        {
            let shift = u32::from(slot) % 4 * 16;
            *word = *word & !(0xFFFF << shift) | u64::from(value) << shift;
        }
    }

    /// A number trait; 0 until it is set.
    #[must_use]
    pub fn number(&self, slot: u8) -> f32 {
        let word = self.words.get(NUMBERS_AT + usize::from(slot) / 2).copied().unwrap_or(0);
        f32::from_bits((word >> (u32::from(slot) % 2 * 32)) as u32)
    }

    /// Sets a number trait.
    pub fn set_number(&mut self, slot: u8, value: f32) {
        if usize::from(slot) < NUMBER_TRAITS_MAX
            && let Some(word) = self.words.get_mut(NUMBERS_AT + usize::from(slot) / 2)
        {
            let shift = u32::from(slot) % 2 * 32;
            *word = *word & !(0xFFFF_FFFF << shift) | u64::from(value.to_bits()) << shift;
        }
    }

    /// Forgets every trait: flags, texts and numbers.
    pub fn clear_traits(&mut self) {
        self.words[1] &= 0xFFFF_FFFF;
        self.words
            .iter_mut()
            .take(CONTACTS_AT)
            .skip(TEXTS_AT)
            .for_each(|word| *word = 0);
    }

    /// The contact in a place of the ring; `None` when the place is empty.
    #[must_use]
    pub fn contact(&self, place: usize) -> Option<Contact> {
        let word = *self
            .words
            .get(CONTACTS_AT..CONTACTS_AT + CONTACTS_LEN_MAX)?
            .get(place)?;
        let key = word as u32;
        (key != 0).then_some(Contact {
            key,
            at_s: (word >> 32) as u32,
        })
    }

    /// Puts a contact into a place of the ring, or empties the place.
    pub fn set_contact(&mut self, place: usize, contact: Option<Contact>) {
        if let Some(word) = self
            .words
            .get_mut(CONTACTS_AT..CONTACTS_AT + CONTACTS_LEN_MAX)
            .and_then(|ring| ring.get_mut(place))
        {
            *word = contact.map_or(0, |contact| u64::from(contact.key) | u64::from(contact.at_s) << 32);
        }
    }

    /// The tags that the person carries.
    pub fn tags(&self) -> impl Iterator<Item = u32> + '_ {
        (0..TAGS_PER_CUSTOMER_MAX).filter_map(|place| self.tag(place).checked_sub(1))
    }

    /// The tags that the person carries, apart from the record.
    #[must_use]
    pub fn carried(&self) -> [Option<u32>; TAGS_PER_CUSTOMER_MAX] {
        std::array::from_fn(|place| self.tag(place).checked_sub(1))
    }

    /// Whether the person carries a tag.
    #[must_use]
    pub fn carries(&self, tag: u32) -> bool {
        self.tags().any(|carried| carried == tag)
    }

    /// Adds a tag; false when there is no room.
    pub fn add_tag(&mut self, tag: u32) -> bool {
        if self.tags().any(|known| known == tag) {
            return true;
        }
        let Some(place) = (0..TAGS_PER_CUSTOMER_MAX).find(|place| self.tag(*place) == 0) else {
            return false;
        };
        self.set_tag(place, tag.saturating_add(1));
        true
    }

    /// Removes a tag.
    pub fn remove_tag(&mut self, tag: u32) {
        for place in 0..TAGS_PER_CUSTOMER_MAX {
            if self.tag(place) == tag.saturating_add(1) {
                self.set_tag(place, 0);
            }
        }
    }

    /// Copies what conditions read into `attributes`; position, dwell and zone are for the caller, who knows the
    /// time to live, and so are the purposes that the person allows at the moment, as bits.
    pub fn describe(&self, allowed: u8, attributes: &mut Attributes) {
        attributes.set_category(Category::Stage, u16::from(self.stage()) + 1);
        attributes.set_category(Category::Tier, u16::from(self.tier()));
        for slot in 0..TEXT_TRAITS_MAX as u8 {
            attributes.set_category(Category::Text(slot), self.text(slot));
        }
        for slot in 0..NUMBER_TRAITS_MAX as u8 {
            attributes.set_quantity(Quantity::Number(slot), self.number(slot));
        }
        attributes.set_quantity(Quantity::Mood, self.mood());
        attributes.truths = Truth::pack(self.flags(), allowed, self.segments());
    }

    fn tag(&self, place: usize) -> u32 {
        if place == TAG_APART {
            return (self.words[LAPSED_AT] >> 32) as u32;
        }
        let word = self.words.get(TAGS_AT + place / 2).copied().unwrap_or(0);
        (word >> (place % 2 * 32)) as u32
    }

    fn set_tag(&mut self, place: usize, value: u32) {
        if place == TAG_APART {
            self.words[LAPSED_AT] = self.words[LAPSED_AT] & 0xFFFF_FFFF | u64::from(value) << 32;
            return;
        }
        if let Some(word) = self.words.get_mut(TAGS_AT + place / 2) {
            let shift = place % 2 * 32;
            *word = *word & !(0xFFFF_FFFF << shift) | u64::from(value) << shift;
        }
    }

    fn set_byte(&mut self, byte: u32, value: u8) {
        self.words[1] = self.words[1] & !(0xFF << (byte * 8)) | u64::from(value) << (byte * 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::presence::{Confidence, Stay};
    use crate::model::{STEP_MS, Timestamp};

    #[test]
    fn every_field_keeps_to_its_bits() {
        let mut record = Record::from_words([0; RECORD_WORDS]);
        let seen = Seen {
            zone: Some(7),
            level: 1,
            east_m: -3.5,
            north_m: 80.25,
            accuracy_m: 2.5,
            step: 99,
            confidence: Confidence::new(0.5),
        };
        let stay = Stay {
            zone: 7,
            entered: 90,
            seen: 99,
            is_dwell: true,
            confidence: seen.confidence,
        };
        record.set_stage(3);
        record.set_tier(2);
        record.set_consents(0b1_0011, 0b1_0001);
        record.set_known();
        record.set_consents_end_s(u32::MAX);
        assert_eq!(record.count_decision(), 1);
        record.set_flag(31, true);
        record.set_segments(1 << 63);
        record.set_mood(-0.5);
        record.set_seen(&seen, Some(&stay));
        record.set_text(7, 9);
        record.set_number(7, 2.5);
        assert!(record.add_tag(0) && record.add_tag(u32::MAX - 1) && record.add_tag(5) && record.add_tag(6));
        assert!(record.add_tag(7) && !record.add_tag(8), "a sixth tag has no room");
        record.set_contact(15, Some(Contact { key: 4, at_s: 8 }));

        assert_eq!((record.stage(), record.tier(), record.consents()), (3, 2, 0b1_0001));
        assert_eq!((record.asked(), record.consents_end_s()), (0b1_0011, u32::MAX - 63));
        assert!(record.is_known() && record.decisions() == 1);
        record.set_consent(Purpose::Marketing, true);
        assert_eq!((record.asked(), record.consents()), (0b1_0111, 0b1_0101));
        record.set_consent(Purpose::Service, false);
        assert_eq!((record.asked(), record.consents()), (0b1_0111, 0b1_0100));
        record.set_consents_end_s(64);
        assert_eq!((record.consents_end_s(), record.decisions()), (64, 1));
        assert_eq!((record.flags(), record.segments()), (1 << 31, 1 << 63));
        assert!((record.mood() + 0.5).abs() < 1e-3);
        assert_eq!(record.seen(), Some(seen));
        assert_eq!((record.stay(), record.counted_in()), (Some(stay), None));
        record.set_counted(true);
        assert_eq!((record.seen(), record.stay()), (Some(seen), Some(stay)));
        assert_eq!(record.counted_in(), Some(7));
        assert_eq!(record.dwell_s(Timestamp::from_millis(110 * STEP_MS)), 5);
        assert_eq!((record.text(7), record.number(7)), (9, 2.5));
        assert_eq!(record.tags().collect::<Vec<_>>(), [0, u32::MAX - 1, 5, 6, 7]);
        assert_eq!(record.contact(15), Some(Contact { key: 4, at_s: 8 }));
        let stored = record.without_live();
        assert_eq!((stored.seen(), stored.tags().count()), (None, 0));
        assert_eq!((stored.stage(), stored.flags()), (record.stage(), record.flags()));
        assert_eq!((stored.mood(), stored.contact(15)), (record.mood(), record.contact(15)));
        record.lead_by(5);
        record.set_seen(&seen, Some(&stay));
        assert_eq!(record.leading(), Some(5));
        record.lapse();
        assert_eq!(record.leading(), Some(5), "who comes back is led by the same tag");
        assert_eq!(
            (record.seen().and_then(|seen| seen.zone), record.lapsed_in()),
            (None, Some(7))
        );
        assert_eq!(record.counted_in(), None);
        record.clear_seen();
        assert_eq!((record.seen(), record.lapsed_in(), record.stay()), (None, None, None));
        assert_eq!(record.leading(), Some(0), "nothing of the day is left");
        assert!((record.mood() + 0.5).abs() < 1e-3, "who leaves keeps their mood");
        assert!(record.carries(7), "and their tags");
        record.remove_tag(7);
        assert_eq!(record.tags().count(), 4);
    }
}
