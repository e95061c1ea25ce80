//! Can a condition hold at all? Found when a pack is checked, because a policy that never holds looks like one that works.
//!
//! The answer is sound in one direction: "no" is certain, "yes" only means that no contradiction was found. What is
//! looked at: the values left for each category, both sides of each truth, and the interval left for each number.

use std::collections::BTreeMap;

use crate::engine::condition::{Category, Comparison, Condition, Quantity, Truth};

/// Nested alternatives that are followed.
const DEPTH_MAX: usize = 8;

/// Whether all of the conditions can hold at once.
pub(in crate::config) fn can_hold(conditions: &[&Condition]) -> bool {
    hold_together(conditions, &[], 0)
}

fn hold_together(conditions: &[&Condition], known: &[&Condition], depth: usize) -> bool {
    let mut parts: Vec<&Condition> = known.to_vec();
    for condition in conditions {
        condition.conjuncts(&mut parts);
    }
    let mut left = Left::default();
    if !parts.iter().all(|part| left.narrow(part)) {
        return false;
    }
    if depth == DEPTH_MAX {
        return true;
    }
    let certain: Vec<&Condition> = parts
        .iter()
        .copied()
        .filter(|part| !matches!(part, Condition::Any(_)))
        .collect();
    parts.iter().all(|part| match part {
        Condition::Any(branches) => branches
            .iter()
            .any(|branch| hold_together(&[branch], &certain, depth + 1)),
        Condition::Constant(_)
        | Condition::OneOf(..)
        | Condition::Is(_)
        | Condition::Compare(..)
        | Condition::Not(_)
        | Condition::All(_) => true,
    })
}

/// What is left of the values of each attribute.
#[derive(Default)]
struct Left {
    allowed: BTreeMap<Category, Vec<u16>>,
    excluded: BTreeMap<Category, Vec<u16>>,
    truths: BTreeMap<Truth, bool>,
    intervals: BTreeMap<Quantity, Interval>,
}

/// The numbers between two ends.
#[derive(Clone, Copy)]
struct Interval {
    low: f32,
    high: f32,
    low_included: bool,
    high_included: bool,
}

impl Left {
    /// Takes the condition into account; false when nothing is left.
    fn narrow(&mut self, condition: &Condition) -> bool {
        match condition {
            Condition::Constant(value) => *value,
            Condition::OneOf(category, values) => self.allow(*category, values),
            Condition::Is(truth) => self.fix(*truth, true),
            Condition::Compare(quantity, comparison, number) => self
                .intervals
                .entry(*quantity)
                .or_insert(Interval::ALL)
                .narrow(*comparison, *number),
            Condition::Not(inner) => match inner.as_ref() {
                Condition::OneOf(category, values) => self.exclude(*category, values),
                Condition::Is(truth) => self.fix(*truth, false),
                // Not less than five is five and more, or unknown: it narrows nothing for certain.
                Condition::Compare(..) | Condition::Not(_) | Condition::All(_) | Condition::Any(_) => true,
                Condition::Constant(value) => !*value,
            },
            Condition::All(_) | Condition::Any(_) => true,
        }
    }

    fn allow(&mut self, category: Category, values: &[u16]) -> bool {
        let allowed = self.allowed.entry(category).or_insert_with(|| values.to_vec());
        allowed.retain(|value| values.contains(value));
        self.is_possible(category)
    }

    fn exclude(&mut self, category: Category, values: &[u16]) -> bool {
        self.excluded.entry(category).or_default().extend(values);
        self.is_possible(category)
    }

    fn is_possible(&self, category: Category) -> bool {
        let excluded = self.excluded.get(&category).map(Vec::as_slice).unwrap_or_default();
        self.allowed
            .get(&category)
            .is_none_or(|allowed| allowed.iter().any(|value| !excluded.contains(value)))
    }

    fn fix(&mut self, truth: Truth, value: bool) -> bool {
        *self.truths.entry(truth).or_insert(value) == value
    }
}

impl Interval {
    const ALL: Self = Self {
        low: f32::NEG_INFINITY,
        high: f32::INFINITY,
        low_included: true,
        high_included: true,
    };

    fn narrow(&mut self, comparison: Comparison, number: f32) -> bool {
        match comparison {
            Comparison::Less => self.below(number, false),
            Comparison::LessOrEqual => self.below(number, true),
            Comparison::Greater => self.above(number, false),
            Comparison::GreaterOrEqual => self.above(number, true),
            Comparison::Equal => {
                self.below(number, true);
                self.above(number, true);
            }
        }
        self.low < self.high || (self.low == self.high && self.low_included && self.high_included)
    }

    fn below(&mut self, number: f32, included: bool) {
        if number < self.high || (number == self.high && !included) {
            (self.high, self.high_included) = (number, included);
        }
    }

    fn above(&mut self, number: f32, included: bool) {
        if number > self.low || (number == self.low && !included) {
            (self.low, self.low_included) = (number, included);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(value: u16) -> Condition {
        Condition::OneOf(Category::Stage, vec![value])
    }

    fn number(comparison: Comparison, number: f32) -> Condition {
        Condition::Compare(Quantity::Mood, comparison, number)
    }

    #[test]
    fn contradictions_are_found() {
        let known = Condition::Is(Truth::PositionKnown);
        for (name, parts) in [
            ("two stages at once", vec![stage(1), stage(2)]),
            ("a stage and not it", vec![stage(1), Condition::Not(Box::new(stage(1)))]),
            (
                "true and false",
                vec![known.clone(), Condition::Not(Box::new(known.clone()))],
            ),
            (
                "an empty interval",
                vec![number(Comparison::Less, 1.0), number(Comparison::GreaterOrEqual, 1.0)],
            ),
            ("never", vec![Condition::Constant(false)]),
            (
                "no alternative is left",
                vec![stage(1), Condition::Any(vec![stage(2), stage(3)])],
            ),
        ] {
            assert!(!can_hold(&parts.iter().collect::<Vec<_>>()), "{name}");
        }
    }

    #[test]
    fn what_can_hold_is_left_alone() {
        for parts in [
            vec![],
            vec![stage(1), Condition::Any(vec![stage(2), stage(1)])],
            vec![
                number(Comparison::LessOrEqual, 1.0),
                number(Comparison::GreaterOrEqual, 1.0),
            ],
            vec![
                number(Comparison::Less, 1.0),
                Condition::Not(Box::new(number(Comparison::Less, 0.5))),
            ],
        ] {
            assert!(can_hold(&parts.iter().collect::<Vec<_>>()), "{parts:?}");
        }
    }
}
