//! `journey.toml`, events and traits: what apps and tills send, and what is remembered of a person.

use super::names::{distinct, lookup};
use crate::config::mistake::Mistake;
use crate::config::table::{At, List, Name, Word, choice, table};
use crate::engine::condition::{FLAG_TRAITS_MAX, NUMBER_TRAITS_MAX, TEXT_TRAITS_MAX};
use crate::engine::spec::{TraitKind, TraitSpec, TraitUpdate};

/// Events that a pack may name.
const EVENTS_MAX: usize = 1_024;
/// Values of one text trait.
const VALUES_MAX: usize = 255;
/// Traits of all types; the tier is one more.
const TRAITS_MAX: usize = FLAG_TRAITS_MAX + NUMBER_TRAITS_MAX + TEXT_TRAITS_MAX + 1;

table! {
    /// An event that signals carry.
    EventTable {
        /// Its name, exactly as it is sent, such as `Order Completed`.
        name: At<Name>,
    }
}

table! {
    /// Something that is remembered of a person. Without `counts`, `adds` and `follows`, an `identify` sets it.
    TraitTable {
        /// Its name in signals, and in conditions after `traits.`.
        name: At<Word>,
        /// What it holds.
        kind: At<TraitType>,
        /// The texts that a text may be; others are not remembered.
        values: List<At<Name>>,
        /// Each signal with this event adds 1 to a number, or makes a flag true.
        counts: Option<At<Name>>,
        /// Each signal with the event adds the property's value to a number.
        adds: Option<At<EventProperty>>,
        /// Each signal with the event sets the trait to the property's value.
        follows: Option<At<EventProperty>>,
    }
}

table! {
    /// A property of an event.
    EventProperty {
        /// The event's name.
        event: At<Name>,
        /// The property's name.
        property: At<Name>,
    }
}

choice! {
    /// What a trait holds.
    TraitType {
        /// True or false.
        Flag = "flag",
        /// A number.
        Number = "number",
        /// One of the texts of `values`.
        Text = "text",
        /// The customer's value tier, one of the pack's `tiers`.
        Tier = "tier",
    }
}

/// The events' names.
pub(super) fn events(tables: &[EventTable], mistakes: &mut Vec<Mistake>) -> Vec<String> {
    distinct(tables.iter().map(|event| &event.name), "event", EVENTS_MAX, mistakes)
}

/// The traits, each with its slot among those of its type.
pub(super) fn traits(tables: &[TraitTable], events: &[String], mistakes: &mut Vec<Mistake>) -> Vec<TraitSpec> {
    distinct(tables.iter().map(|table| &table.name), "trait", TRAITS_MAX, mistakes);
    let mut slots = Slots::default();
    tables
        .iter()
        .filter_map(|table| table.spec(&mut slots, events, mistakes))
        .collect()
}

/// Slots taken, by type.
#[derive(Default)]
struct Slots {
    flags: usize,
    numbers: usize,
    texts: usize,
    tiers: usize,
}

impl TraitTable {
    fn spec(&self, slots: &mut Slots, events: &[String], mistakes: &mut Vec<Mistake>) -> Option<TraitSpec> {
        let kind = self.slot(slots, mistakes);
        let update = self.update(events, mistakes);
        Some(TraitSpec {
            name: self.name.to_string(),
            kind: kind?,
            update: update?,
        })
    }

    fn slot(&self, slots: &mut Slots, mistakes: &mut Vec<Mistake>) -> Option<TraitKind> {
        let values = distinct(self.values.iter(), "value", VALUES_MAX, mistakes);
        if let (Some(value), false) = (self.values.first(), self.kind.value == TraitType::Text) {
            mistakes.push(value.mistake("only a text has `values`", "no `values`, or `kind = \"text\"`"));
        }
        let (taken, max) = match self.kind.value {
            TraitType::Flag => (&mut slots.flags, FLAG_TRAITS_MAX),
            TraitType::Number => (&mut slots.numbers, NUMBER_TRAITS_MAX),
            TraitType::Text => (&mut slots.texts, TEXT_TRAITS_MAX),
            TraitType::Tier => (&mut slots.tiers, 1),
        };
        *taken += 1;
        if *taken > max {
            mistakes.push(
                self.kind
                    .mistake("there are too many traits of this kind", format!("at most {max}")),
            );
            return None;
        }
        let slot = u8::try_from(*taken - 1).ok()?;
        Some(match self.kind.value {
            TraitType::Flag => TraitKind::Flag(slot),
            TraitType::Number => TraitKind::Number(slot),
            TraitType::Tier => TraitKind::Tier,
            TraitType::Text if values.is_empty() => {
                mistakes.push(
                    self.kind
                        .mistake("a text needs its `values`", "the texts that it may be"),
                );
                return None;
            }
            TraitType::Text => TraitKind::Text(slot, values),
        })
    }

    fn update(&self, events: &[String], mistakes: &mut Vec<Mistake>) -> Option<TraitUpdate> {
        let is_number = self.kind.value == TraitType::Number;
        let countable = is_number || self.kind.value == TraitType::Flag;
        match (&self.counts, &self.adds, &self.follows) {
            (None, None, None) => Some(TraitUpdate::Set),
            (Some(event), None, None) if countable => index(event, events, mistakes).map(TraitUpdate::CountEvent),
            (Some(event), None, None) => {
                mistakes.push(event.mistake("only numbers and flags can count", "`follows`"));
                None
            }
            (None, Some(from), None) if is_number => {
                let event = index(&from.event, events, mistakes)?;
                Some(TraitUpdate::AddProperty(event, from.property.to_string()))
            }
            (None, Some(from), None) => {
                mistakes.push(from.mistake("only numbers can be added to", "`follows`"));
                None
            }
            (None, None, Some(from)) => {
                let event = index(&from.event, events, mistakes)?;
                Some(TraitUpdate::SetFromEvent(event, from.property.to_string()))
            }
            _ => {
                mistakes.push(self.name.mistake(
                    "the trait changes in several ways",
                    "one of `counts`, `adds`, `follows`",
                ));
                None
            }
        }
    }
}

fn index(event: &At<Name>, events: &[String], mistakes: &mut Vec<Mistake>) -> Option<u16> {
    lookup(event, events, "event", mistakes).and_then(|at| u16::try_from(at).ok())
}
