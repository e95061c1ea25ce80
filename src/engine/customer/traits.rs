//! What a signal teaches about a person: traits, by the rules of the pack.

use crate::engine::record::Record;
use crate::engine::spec::{TraitKind, TraitSpec, TraitUpdate};
use crate::model::{Property, Value};

/// Applies the properties of an `identify` or `group`: each trait that is set from the property of its name.
/// `tiers` are the names of the value tiers.
pub fn apply_traits(record: &mut Record, traits: &[TraitSpec], tiers: &[String], properties: &[Property<'_>]) {
    for property in properties {
        let settable = traits
            .iter()
            .filter(|spec| spec.update == TraitUpdate::Set && spec.name == property.name);
        for spec in settable {
            set(record, &spec.kind, tiers, property.value);
        }
    }
}

/// Applies an event (index of the vocabulary) with its properties.
pub fn apply_event(
    record: &mut Record,
    traits: &[TraitSpec],
    tiers: &[String],
    event: u16,
    properties: &[Property<'_>],
) {
    let value_of = |name: &str| {
        properties
            .iter()
            .find(|property| property.name == name)
            .map(|property| property.value)
    };
    for spec in traits {
        match &spec.update {
            TraitUpdate::CountEvent(wanted) if *wanted == event => match spec.kind {
                TraitKind::Number(slot) => add(record, slot, 1.0),
                TraitKind::Flag(slot) => record.set_flag(slot, true),
                TraitKind::Text(..) | TraitKind::Tier => {}
            },
            TraitUpdate::AddProperty(wanted, name) if *wanted == event => {
                if let (TraitKind::Number(slot), Some(Value::Number(number))) = (&spec.kind, value_of(name)) {
                    add(record, *slot, number);
                }
            }
            TraitUpdate::SetFromEvent(wanted, name) if *wanted == event => {
                if let Some(value) = value_of(name) {
                    set(record, &spec.kind, tiers, value);
                }
            }
            TraitUpdate::Set
            | TraitUpdate::CountEvent(_)
            | TraitUpdate::AddProperty(..)
            | TraitUpdate::SetFromEvent(..) => {}
        }
    }
}

/// Sets a trait from a value of its type; a value of another type changes nothing.
fn set(record: &mut Record, kind: &TraitKind, tiers: &[String], value: Value<'_>) {
    match (kind, value) {
        (TraitKind::Flag(slot), Value::Flag(flag)) => record.set_flag(*slot, flag),
        (TraitKind::Number(slot), Value::Number(number)) if number.is_finite() => {
            record.set_number(*slot, kept(number));
        }
        (TraitKind::Text(slot, values), Value::Text(text)) => record.set_text(*slot, index_of(values, text)),
        (TraitKind::Tier, Value::Text(text)) => {
            record.set_tier(u8::try_from(index_of(tiers, text)).unwrap_or(0));
        }
        (TraitKind::Flag(_) | TraitKind::Number(_) | TraitKind::Text(..) | TraitKind::Tier, _) => {}
    }
}

fn add(record: &mut Record, slot: u8, number: f64) {
    let sum = f64::from(record.number(slot)) + number;
    if sum.is_finite() {
        record.set_number(slot, kept(sum));
    }
}

/// A finite number as a record keeps it: one that is too large is kept as the largest, since what is infinite once is
/// never mended by what comes after it.
fn kept(number: f64) -> f32 {
    number.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}

/// Index + 1 of a text in a closed set; 0 when it is not in it.
fn index_of(values: &[String], text: &str) -> u16 {
    values
        .iter()
        .position(|value| value == text)
        .and_then(|ix| u16::try_from(ix + 1).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::RECORD_WORDS;

    fn spec(kind: TraitKind, update: TraitUpdate) -> TraitSpec {
        TraitSpec {
            name: "x".into(),
            kind,
            update,
        }
    }

    fn property<'a>(name: &'a str, value: Value<'a>) -> Property<'a> {
        Property { name, value }
    }

    #[test]
    fn a_value_of_another_type_changes_nothing() {
        let mut record = Record::from_words([0; RECORD_WORDS]);
        let traits = [spec(TraitKind::Number(0), TraitUpdate::Set)];
        apply_traits(&mut record, &traits, &[], &[property("x", Value::Number(3.0))]);
        apply_traits(&mut record, &traits, &[], &[property("x", Value::Text("4"))]);
        apply_traits(&mut record, &traits, &[], &[property("x", Value::Number(f64::NAN))]);
        assert_eq!(record.number(0), 3.0);
    }

    #[test]
    fn events_count_add_and_set() {
        let mut record = Record::from_words([0; RECORD_WORDS]);
        let cuisines = vec!["pizza".to_owned(), "tacos".to_owned()];
        let traits = [
            spec(TraitKind::Number(0), TraitUpdate::CountEvent(2)),
            spec(TraitKind::Number(1), TraitUpdate::AddProperty(2, "revenue".into())),
            spec(
                TraitKind::Text(0, cuisines),
                TraitUpdate::SetFromEvent(2, "cuisine".into()),
            ),
            spec(TraitKind::Flag(3), TraitUpdate::CountEvent(5)),
        ];
        let properties = [
            property("revenue", Value::Number(12.5)),
            property("cuisine", Value::Text("tacos")),
        ];
        apply_event(&mut record, &traits, &[], 2, &properties);
        apply_event(&mut record, &traits, &[], 2, &properties);
        assert_eq!(
            (record.number(0), record.number(1), record.text(0), record.flags()),
            (2.0, 25.0, 2, 0)
        );
        apply_event(&mut record, &traits, &[], 5, &[]);
        assert_eq!(record.flags(), 1 << 3);
    }

    #[test]
    fn an_unknown_tier_is_unknown() {
        let mut record = Record::from_words([0; RECORD_WORDS]);
        let tiers = vec!["silver".to_owned(), "gold".to_owned()];
        let traits = [spec(TraitKind::Tier, TraitUpdate::Set)];
        apply_traits(&mut record, &traits, &tiers, &[property("x", Value::Text("gold"))]);
        assert_eq!(record.tier(), 2);
        apply_traits(&mut record, &traits, &tiers, &[property("x", Value::Text("platinum"))]);
        assert_eq!(record.tier(), 0);
    }
}
