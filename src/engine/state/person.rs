//! A person, as they are written down.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | version, 2 |
//! | 2 + n | the customer's id: length, UTF-8 |
//! | 16 | the key by which message ids are remembered |
//! | 4 | which words of the record follow, one bit each: those that are not 0 |
//! | 8 each | those words ([`crate::engine::record`]), without position and tags |
//! | 1 | tags |
//! | 1 + n each | kind of the tag ([`TagKind`]), its identity |
//! | 1 | its key: 0 none, 1 resolving, 2 Eddystone-EID |
//! | 16 | the key, if there is one |
//! | 1 + 64 + 1 (+ 12) | of an Eddystone-EID: exponent; clock (moments in microseconds, seconds as f64); 1 and window and moment if it was heard |
//! | 1 | the purposes that the person has spoken about, one bit each |
//! | 4 + 4 each | when, and until when it is allowed: seconds since 1970-01-01 UTC |
//!
//! Version 1 ends with the tags: consents had no dates.
//!
//! Whoever holds these bytes can follow the person: they are written only under the person's own key.

use super::StateError;
use super::bytes::{Reader, Writer};
use crate::engine::consents::{AllDates, Dates};
use crate::engine::identity::{BeaconState, ClockState, KeyState};
use crate::engine::ledger::PersonKey;
use crate::engine::record::{RECORD_WORDS, Record, TAGS_PER_CUSTOMER_MAX};
use crate::model::{Purpose, SecretKey, TagId, TagKind, Timestamp};

const VERSION: u8 = 2;
const WITHOUT_DATES: u8 = 1;
const KEY_NONE: u8 = 0;
const KEY_RESOLVING: u8 = 1;
const KEY_EPHEMERAL: u8 = 2;

/// What of a person survives a restart.
#[derive(Clone, PartialEq)]
pub struct PersonState {
    /// The customer's id.
    pub id: String,
    /// The key by which their message ids are remembered.
    pub key: PersonKey,
    /// Their record, without where they are and without tags.
    pub record: Record,
    /// The tags that they carry, at most [`TAGS_PER_CUSTOMER_MAX`].
    pub tags: Vec<TagState>,
    /// When they spoke about purposes; `None`: it was written down before consents had dates.
    pub dates: Option<AllDates>,
}

/// A tag that somebody carries.
#[derive(Clone, Debug, PartialEq)]
pub struct TagState {
    /// What it is registered as.
    pub tag: TagId,
    /// The key that tells it.
    pub key: Option<KeyState>,
}

impl PersonState {
    /// The bytes, see above.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.text(&self.id);
        self.key.0.iter().for_each(|word| out.u64(*word));
        put_record(&durable(self.record), &mut out);
        let tags = self.tags.get(..TAGS_PER_CUSTOMER_MAX).unwrap_or(&self.tags);
        out.u8(tags.len() as u8);
        tags.iter().for_each(|tag| put_tag(tag, &mut out));
        put_dates(&self.dates.unwrap_or_default(), &mut out);
        out.0
    }

    /// Reads what [`PersonState::encode`] wrote.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = Reader(bytes);
        let has_dates = match from.u8()? {
            VERSION => true,
            WITHOUT_DATES => false,
            found => return Err(StateError::Version { found, known: VERSION }),
        };
        let id = from.text()?.to_owned();
        let key = PersonKey([from.u64()?, from.u64()?]);
        let record = durable(record(&mut from)?);
        let tags_len = match from.u8()? {
            tags if usize::from(tags) <= TAGS_PER_CUSTOMER_MAX => tags,
            tags => return Err(StateError::Number(tags, "number of tags")),
        };
        let tags = (0..tags_len).map(|_| tag(&mut from)).collect::<Result<_, _>>()?;
        let dates = has_dates.then(|| dates(&mut from)).transpose()?;
        from.end()?;
        Ok(Self {
            id,
            key,
            record,
            tags,
            dates,
        })
    }

    /// Dates the consents of somebody who was written down before there were dates: what is otherwise than the pack says
    /// of whoever never spoke was said by them, at the latest on this date.
    pub fn date_consents(&mut self, consent_default: u8, date_s: u32) {
        if self.dates.is_some() {
            return;
        }
        let allowed = self.record.consents();
        let asked = allowed ^ consent_default;
        self.record.set_consents(asked, allowed & asked);
        self.dates = Some(Purpose::ALL.map(|purpose| {
            let is_allowed = allowed & purpose.bit() != 0;
            (asked & purpose.bit() != 0).then_some(Dates {
                given_unix_s: date_s,
                until_unix_s: if is_allowed { u32::MAX } else { 0 },
            })
        }));
    }
}

/// The bytes of what a tag is registered as: its kind and its identity.
#[must_use]
pub fn encode_tag(tag: &TagId) -> Vec<u8> {
    [&[tag.kind() as u8], tag.as_bytes()].concat()
}

/// Reads what [`encode_tag`] wrote.
///
/// # Errors
/// [`StateError`] when the bytes are something else.
pub fn decode_tag(bytes: &[u8]) -> Result<TagId, StateError> {
    let mut from = Reader(bytes);
    let tag = tag_id(&mut from)?;
    from.end()?;
    Ok(tag)
}

/// Says nothing of the person.
impl std::fmt::Debug for PersonState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonState(..)")
    }
}

/// The record without what is of the moment: where the person is, and the cells of their tags.
pub(in crate::engine) fn durable(mut record: Record) -> Record {
    record.clear_seen();
    let carried: Vec<u32> = record.tags().collect();
    carried.into_iter().for_each(|tag| record.remove_tag(tag));
    record
}

fn put_record(record: &Record, out: &mut Writer) {
    let words = record.into_words();
    // Word 0 is the slab's.
    let used = || (1_u32..).zip(words.iter().skip(1)).filter(|(_, word)| **word != 0);
    out.u32(used().fold(0, |bits, (at, _)| bits | 1 << at));
    used().for_each(|(_, word)| out.u64(*word));
}

fn record(from: &mut Reader<'_>) -> Result<Record, StateError> {
    let bits = from.u32()?;
    let mut words = [0; RECORD_WORDS];
    for (at, word) in (0..).zip(&mut words) {
        if bits >> at & 1 == 1 {
            *word = from.u64()?;
        }
    }
    Ok(Record::from_words(words))
}

fn put_tag(state: &TagState, out: &mut Writer) {
    out.u8(state.tag.kind() as u8);
    out.bytes(state.tag.as_bytes());
    match &state.key {
        None => out.u8(KEY_NONE),
        Some(KeyState::Resolving(key)) => {
            out.u8(KEY_RESOLVING);
            out.bytes(&key.reveal());
        }
        Some(KeyState::Ephemeral(beacon)) => {
            out.u8(KEY_EPHEMERAL);
            out.bytes(&beacon.key.reveal());
            put_beacon(beacon, out);
        }
    }
}

fn tag(from: &mut Reader<'_>) -> Result<TagState, StateError> {
    let tag = tag_id(from)?;
    let key = match from.u8()? {
        KEY_NONE => None,
        KEY_RESOLVING => Some(KeyState::Resolving(SecretKey::new(from.array()?))),
        KEY_EPHEMERAL => {
            let key = SecretKey::new(from.array()?);
            Some(KeyState::Ephemeral(beacon(key, from)?))
        }
        other => return Err(StateError::Number(other, "kind of key")),
    };
    Ok(TagState { tag, key })
}

fn put_dates(dates: &AllDates, out: &mut Writer) {
    let asked = Purpose::ALL.into_iter().zip(dates);
    let asked = asked.filter(|(_, dates)| dates.is_some());
    out.u8(asked.fold(0, |bits, (purpose, _)| bits | purpose.bit()));
    for dates in dates.iter().flatten() {
        out.u32(dates.given_unix_s);
        out.u32(dates.until_unix_s);
    }
}

fn dates(from: &mut Reader<'_>) -> Result<AllDates, StateError> {
    let asked = from.u8()?;
    if asked >> Purpose::ALL.len() != 0 {
        return Err(StateError::Number(asked, "set of purposes"));
    }
    let mut dates = AllDates::default();
    for (purpose, dates) in Purpose::ALL.into_iter().zip(&mut dates) {
        if asked & purpose.bit() != 0 {
            *dates = Some(Dates {
                given_unix_s: from.u32()?,
                until_unix_s: from.u32()?,
            });
        }
    }
    Ok(dates)
}

fn tag_id(from: &mut Reader<'_>) -> Result<TagId, StateError> {
    let kind = kind(from.u8()?)?;
    TagId::new(kind, from.take(kind.len())?).map_err(|_| StateError::Number(kind as u8, "identity"))
}

fn put_beacon(beacon: &BeaconState, out: &mut Writer) {
    let clock = &beacon.clock;
    out.u8(beacon.rotation_exponent);
    out.u64(clock.at.as_micros());
    for value in [clock.shown_s.0, clock.shown_s.1, clock.rate.0, clock.rate.1] {
        out.f64(value);
    }
    out.u64(clock.base.0.as_micros());
    out.f64(clock.base.1);
    out.f64(clock.base.2);
    out.u8(u8::from(beacon.latest.is_some()));
    if let Some((window, since)) = beacon.latest {
        out.u32(window);
        out.u64(since.as_micros());
    }
}

fn beacon(key: SecretKey, from: &mut Reader<'_>) -> Result<BeaconState, StateError> {
    let rotation_exponent = from.u8()?;
    let clock = ClockState {
        at: moment(from)?,
        shown_s: (from.f64()?, from.f64()?),
        rate: (from.f64()?, from.f64()?),
        base: (moment(from)?, from.f64()?, from.f64()?),
    };
    let latest = match from.u8()? {
        0 => None,
        1 => Some((from.u32()?, moment(from)?)),
        other => return Err(StateError::Number(other, "truth")),
    };
    Ok(BeaconState {
        key,
        rotation_exponent,
        clock,
        latest,
    })
}

fn moment(from: &mut Reader<'_>) -> Result<Timestamp, StateError> {
    from.u64().map(Timestamp::from_micros)
}

fn kind(code: u8) -> Result<TagKind, StateError> {
    const KINDS: [TagKind; 7] = [
        TagKind::Address,
        TagKind::IBeacon,
        TagKind::EddystoneUid,
        TagKind::AltBeacon,
        TagKind::EddystoneEid,
        TagKind::ResolvingKey,
        TagKind::EphemeralKey,
    ];
    let known = KINDS.into_iter().find(|kind| *kind as u8 == code);
    known.ok_or(StateError::Number(code, "kind of tag"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::presence::{Confidence, Stay};
    use crate::engine::record::{Contact, Seen};

    /// Written out by hand from the table above, of version 1.
    const GOLDEN_WITHOUT_DATES: [&str; 5] = [
        "010300616461010000000000000002000000000000004204020002000013000000000000000001000000000000000000",
        "4841cdab0000e80300000301010203040506004004040404040404040404040404040404010909090909090909090909",
        "0909090909410606060606060606060606060606060602050505050505050505050505050505050a0700000000000000",
        "000000000000f03f0000000000000040000000000000e0bf000000000000e03f0700000000000000000000000000f03f",
        "000000000000004001090000000700000000000000",
    ];

    /// The same of version 2: the purposes that were asked for are in the record, and their dates at the end.
    const GOLDEN: [&str; 6] = [
        "020300616461010000000000000002000000000000004204020002000010000000000000000027000000000000000000",
        "4841cdab0000e80300000301010203040506004004040404040404040404040404040404010909090909090909090909",
        "0909090909410606060606060606060606060606060602050505050505050505050505050505050a0700000000000000",
        "000000000000f03f0000000000000040000000000000e0bf000000000000e03f0700000000000000000000000000f03f",
        "000000000000004001090000000700000000000000",
        "13640000000000000064000000000000006400000080510100",
    ];

    fn ada() -> PersonState {
        let mut record = Record::from_words([0; RECORD_WORDS]);
        record.set_stage(2);
        record.set_consents(0b1_0011, 0b1_0000);
        record.set_known();
        record.set_number(1, 12.5);
        record.set_contact(
            3,
            Some(Contact {
                key: 0xABCD,
                at_s: 1_000,
            }),
        );
        let at = Timestamp::from_micros(7);
        let clock = ClockState {
            at,
            shown_s: (1.0, 2.0),
            rate: (-0.5, 0.5),
            base: (at, 1.0, 2.0),
        };
        let beacon = BeaconState {
            key: SecretKey::new([5; 16]),
            rotation_exponent: 10,
            clock,
            latest: Some((9, at)),
        };
        let withdrawn = Dates {
            given_unix_s: 100,
            until_unix_s: 0,
        };
        let given = Dates {
            until_unix_s: 86_400,
            ..withdrawn
        };
        PersonState {
            id: "ada".into(),
            key: PersonKey([1, 2]),
            record,
            dates: Some([Some(withdrawn), Some(withdrawn), None, None, Some(given)]),
            tags: vec![
                TagState {
                    tag: TagId::new(TagKind::Address, &[1, 2, 3, 4, 5, 6]).unwrap(),
                    key: None,
                },
                TagState {
                    tag: TagId::new(TagKind::ResolvingKey, &[4; 16]).unwrap(),
                    key: Some(KeyState::Resolving(SecretKey::new([9; 16]))),
                },
                TagState {
                    tag: TagId::new(TagKind::EphemeralKey, &[6; 16]).unwrap(),
                    key: Some(KeyState::Ephemeral(beacon)),
                },
            ],
        }
    }

    #[test]
    fn a_person_comes_back_without_where_they_were() {
        let mut moving = ada();
        let seen = Seen {
            zone: Some(3),
            level: 1,
            east_m: 4.0,
            north_m: 5.0,
            accuracy_m: 1.0,
            step: 77,
            confidence: Confidence::default(),
        };
        let stay = Stay {
            zone: 3,
            entered: 70,
            seen: 77,
            is_dwell: true,
            confidence: Confidence::default(),
        };
        moving.record.set_seen(&seen, Some(&stay));
        assert!(moving.record.add_tag(4));
        assert_eq!(PersonState::decode(&moving.encode()), Ok(ada()));
    }

    #[test]
    fn the_layout_is_what_it_was() {
        let written: String = ada().encode().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, GOLDEN.concat());
    }

    fn bytes_of(golden: &str) -> Vec<u8> {
        let byte = |at: usize| u8::from_str_radix(&golden[at..at + 2], 16).unwrap();
        (0..golden.len()).step_by(2).map(byte).collect()
    }

    #[test]
    fn who_was_written_down_before_consents_had_dates_is_read_and_gets_some() {
        let mut before = PersonState::decode(&bytes_of(&GOLDEN_WITHOUT_DATES.concat())).unwrap();
        assert_eq!((before.dates, before.record.consents()), (None, 0b1_0011));
        // The pack allows service and research of those whom nobody asked.
        before.date_consents(0b0_1001, 500);
        let said = |until_unix_s| {
            Some(Dates {
                given_unix_s: 500,
                until_unix_s,
            })
        };
        let expected = [None, said(u32::MAX), None, said(0), said(u32::MAX)];
        assert_eq!(before.dates, Some(expected));
        assert_eq!((before.record.asked(), before.record.consents()), (0b1_1010, 0b1_0010));
        let again = PersonState::decode(&before.encode()).unwrap();
        assert_eq!(again, before);
    }

    #[test]
    fn what_is_cut_changed_or_longer_is_an_error_or_a_person_but_never_a_panic() {
        let bytes = ada().encode();
        for len in 0..bytes.len() {
            assert!(PersonState::decode(&bytes[..len]).is_err(), "cut at {len}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let _read = PersonState::decode(&flipped);
            }
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(PersonState::decode(&longer), Err(StateError::Long(1)));
        assert_eq!(
            PersonState::decode(&[3]),
            Err(StateError::Version { found: 3, known: 2 })
        );
    }
}
