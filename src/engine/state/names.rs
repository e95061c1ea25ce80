//! What the numbers in a record mean: names by number, as a pack had them when the record was written down.
//!
//! A record keeps a stage, a tier and the text of a trait as indices, and traits in slots. A gateway that starts with a
//! changed pack reads records by these names: what the pack still has keeps its value, what it has no longer is dropped,
//! and somebody whose stage is gone is in the first.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | version, 1 |
//! | 2, then 2 + n each | stages |
//! | 2, then 2 + n each | tiers |
//! | 2, then 1 + 1 + 2 + n each (+ 2, then 2 + n each) | traits: kind (1 flag, 2 number, 3 text), slot, name; values of a text |

use super::StateError;
use super::bytes::{Reader, Writer};
use crate::engine::record::Record;
use crate::engine::spec::{Spec, TraitKind};

const VERSION: u8 = 1;

/// The names behind the numbers of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    stages: Vec<String>,
    tiers: Vec<String>,
    traits: Vec<Trait>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Trait {
    kind: Kind,
    slot: u8,
    name: String,
    /// Of a text.
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Flag = 1,
    Number = 2,
    Text = 3,
}

impl Names {
    /// The names of a pack.
    #[must_use]
    pub fn of(spec: &Spec) -> Self {
        let of_trait = |known: &crate::engine::spec::TraitSpec| {
            let (kind, slot, values) = match &known.kind {
                TraitKind::Flag(slot) => (Kind::Flag, *slot, Vec::new()),
                TraitKind::Number(slot) => (Kind::Number, *slot, Vec::new()),
                TraitKind::Text(slot, values) => (Kind::Text, *slot, values.clone()),
                TraitKind::Tier => return None,
            };
            Some(Trait {
                kind,
                slot,
                name: known.name.clone(),
                values,
            })
        };
        Self {
            stages: spec.journey.stages.clone(),
            tiers: spec.vocabulary.tiers.clone(),
            traits: spec.traits.iter().filter_map(of_trait).collect(),
        }
    }

    /// The bytes, see above.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        put_texts(&self.stages, &mut out);
        put_texts(&self.tiers, &mut out);
        out.count(self.traits.len());
        for known in &self.traits {
            out.u8(known.kind as u8);
            out.u8(known.slot);
            out.text(&known.name);
            if known.kind == Kind::Text {
                put_texts(&known.values, &mut out);
            }
        }
        out.0
    }

    /// Reads what [`Names::encode`] wrote.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = Reader(bytes);
        from.version(VERSION)?;
        let (stages, tiers) = (texts(&mut from)?, texts(&mut from)?);
        let mut traits = Vec::new();
        for _ in 0..from.u16()? {
            let kind = match from.u8()? {
                1 => Kind::Flag,
                2 => Kind::Number,
                3 => Kind::Text,
                other => return Err(StateError::Number(other, "kind of trait")),
            };
            let (slot, name) = (from.u8()?, from.text()?.to_owned());
            let values = match kind {
                Kind::Text => texts(&mut from)?,
                Kind::Flag | Kind::Number => Vec::new(),
            };
            traits.push(Trait {
                kind,
                slot,
                name,
                values,
            });
        }
        from.end()?;
        Ok(Self { stages, tiers, traits })
    }
}

/// From the numbers of one pack to those of another.
#[derive(Clone, Debug)]
pub struct Translation {
    is_same: bool,
    stages: Vec<u8>,
    tiers: Vec<u8>,
    traits: Vec<(Trait, Trait)>,
}

impl Translation {
    /// From `before` to `after`.
    #[must_use]
    pub fn between(before: &Names, after: &Names) -> Self {
        let ix = |names: &[String], name: &String| names.iter().position(|known| known == name);
        let stages = before.stages.iter();
        let stages = stages.map(|stage| ix(&after.stages, stage).map_or(0, |ix| ix as u8));
        let tiers = before.tiers.iter();
        let tiers = tiers.map(|tier| ix(&after.tiers, tier).map_or(0, |ix| ix as u8 + 1));
        let kept = |known: &Trait| {
            let mut same = after.traits.iter();
            let same = same.find(|other| (other.kind, &other.name) == (known.kind, &known.name));
            same.map(|other| (known.clone(), other.clone()))
        };
        Self {
            is_same: before == after,
            stages: stages.collect(),
            // A tier is its index + 1; 0 is unknown.
            tiers: [0].into_iter().chain(tiers).collect(),
            traits: before.traits.iter().filter_map(kept).collect(),
        }
    }

    /// Whether nothing has to be translated.
    #[must_use]
    pub const fn is_same(&self) -> bool {
        self.is_same
    }

    /// The record in the numbers of the other pack. Segments are left for the caller to compute.
    #[must_use]
    pub fn record(&self, before: &Record) -> Record {
        if self.is_same {
            return *before;
        }
        let mut after = *before;
        let of = |table: &[u8], ix: u8| table.get(usize::from(ix)).copied().unwrap_or(0);
        after.set_stage(of(&self.stages, before.stage()));
        after.set_tier(of(&self.tiers, before.tier()));
        after.clear_traits();
        for (from, to) in &self.traits {
            match from.kind {
                Kind::Flag => {
                    let flag = before.flags().checked_shr(u32::from(from.slot)).unwrap_or(0) & 1;
                    after.set_flag(to.slot, flag == 1);
                }
                Kind::Number => after.set_number(to.slot, before.number(from.slot)),
                Kind::Text => after.set_text(to.slot, value(before.text(from.slot), &from.values, &to.values)),
            }
        }
        after
    }
}

/// The number of a text among other values; 0 is unknown.
fn value(before: u16, values: &[String], others: &[String]) -> u16 {
    let text = before.checked_sub(1).and_then(|ix| values.get(usize::from(ix)));
    let ix = text.and_then(|text| others.iter().position(|other| other == text));
    ix.and_then(|ix| u16::try_from(ix + 1).ok()).unwrap_or(0)
}

fn put_texts(texts: &[String], out: &mut Writer) {
    out.count(texts.len());
    texts.iter().for_each(|text| out.text(text));
}

fn texts(from: &mut Reader<'_>) -> Result<Vec<String>, StateError> {
    (0..from.u16()?).map(|_| from.text().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::RECORD_WORDS;

    fn names(stages: &[&str], traits: &[(Kind, u8, &str, &[&str])]) -> Names {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let of_trait = |(kind, slot, name, values): &(Kind, u8, &str, &[&str])| Trait {
            kind: *kind,
            slot: *slot,
            name: (*name).to_owned(),
            values: owned(values),
        };
        Names {
            stages: owned(stages),
            tiers: owned(&["silver", "gold"]),
            traits: traits.iter().map(of_trait).collect(),
        }
    }

    #[test]
    fn a_record_is_read_by_names_under_another_pack() {
        let before = names(
            &["reach", "retention"],
            &[
                (Kind::Number, 0, "orders", &[]),
                (Kind::Text, 1, "cuisine", &["pizza", "tacos"]),
                (Kind::Flag, 2, "member", &[]),
                (Kind::Flag, 3, "gone", &[]),
            ],
        );
        let after = names(
            &["reach", "loyalty", "retention"],
            &[
                (Kind::Flag, 9, "member", &[]),
                (Kind::Text, 0, "cuisine", &["tacos", "ramen"]),
                (Kind::Number, 4, "orders", &[]),
                (Kind::Number, 0, "visits", &[]),
            ],
        );
        let mut record = Record::from_words([0; RECORD_WORDS]);
        record.set_stage(1);
        record.set_tier(2);
        record.set_number(0, 7.0);
        record.set_text(1, 2);
        record.set_flag(2, true);
        record.set_flag(3, true);
        record.set_consents(0b111, 0b101);
        let record = Translation::between(&before, &after).record(&record);
        assert_eq!((record.stage(), record.tier(), record.consents()), (2, 2, 0b101));
        assert_eq!((record.number(4), record.number(0)), (7.0, 0.0));
        assert_eq!((record.text(0), record.text(1)), (1, 0), "tacos");
        assert_eq!(record.flags(), 1 << 9);
    }

    #[test]
    fn names_come_back() {
        let names = names(&["reach"], &[(Kind::Text, 1, "cuisine", &["pizza"])]);
        assert_eq!(Names::decode(&names.encode()), Ok(names.clone()));
        assert!(Translation::between(&names, &names).is_same());
        let bytes = names.encode();
        assert!((0..bytes.len()).all(|len| Names::decode(&bytes[..len]).is_err()));
    }
}
