//! The lifecycle: which stage somebody enters when something happens.
//!
//! Pure: the transitions of the pack, compiled by what sets them off. Who calls it has the record in hand and writes
//! the new stage. The first transition of the pack that fires wins; at most one fires for one event.

use crate::engine::condition::Attributes;
use crate::engine::spec::{TransitionSpec, Trigger};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A signal with this event (index of the vocabulary).
    Event(u16),
    /// Somebody entered a zone of a category (index of the vocabulary).
    Entered {
        /// Index of the zone.
        zone: u16,
        /// Index of its category.
        category: u16,
    },
}

/// The compiled transitions.
#[derive(Debug, Default)]
pub struct Journey {
    transitions: Vec<TransitionSpec>,
}

impl Journey {
    /// Takes the transitions in the order of the pack.
    #[must_use]
    pub fn new(transitions: Vec<TransitionSpec>) -> Self {
        Self { transitions }
    }

    /// The stage that somebody in `stage` enters; `None`: they stay.
    #[must_use]
    pub fn next(&self, stage: u8, happening: Happening, attributes: &Attributes) -> Option<u8> {
        self.transitions
            .iter()
            .find(|transition| {
                transition.to != stage
                    && transition.from.is_none_or(|from| from == stage)
                    && sets_off(&transition.on, happening)
                    && transition.when.holds(attributes)
            })
            .map(|transition| transition.to)
    }
}

fn sets_off(trigger: &Trigger, happening: Happening) -> bool {
    match (trigger, happening) {
        (Trigger::Event(wanted), Happening::Event(event)) => *wanted == event,
        (Trigger::ZoneCategory(wanted), Happening::Entered { category, .. }) => *wanted == category,
        (Trigger::Zone(wanted), Happening::Entered { zone, .. }) => wanted.0 == zone,
        (Trigger::Event(_), Happening::Entered { .. })
        | (Trigger::ZoneCategory(_) | Trigger::Zone(_), Happening::Event(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::condition::{Comparison, Condition, Quantity};

    fn journey() -> Journey {
        let on_purchase = |from, to, at_least: f32| TransitionSpec {
            from: Some(from),
            to,
            on: Trigger::Event(3),
            when: Condition::Compare(Quantity::Number(0), Comparison::GreaterOrEqual, at_least),
        };
        Journey::new(vec![
            on_purchase(1, 2, 1.0),
            on_purchase(2, 3, 5.0),
            TransitionSpec {
                from: None,
                to: 4,
                on: Trigger::ZoneCategory(7),
                when: Condition::Constant(true),
            },
        ])
    }

    #[test]
    fn a_stage_changes_when_its_event_comes_and_its_condition_holds() {
        let mut attributes = Attributes::default();
        attributes.set_quantity(Quantity::Number(0), 1.0);
        assert_eq!(journey().next(1, Happening::Event(3), &attributes), Some(2));
        assert_eq!(
            journey().next(2, Happening::Event(3), &attributes),
            None,
            "five purchases are needed"
        );
        assert_eq!(journey().next(1, Happening::Event(2), &attributes), None);
    }

    #[test]
    fn presence_moves_a_stage_and_nobody_enters_where_they_are() {
        let entered = Happening::Entered { zone: 12, category: 7 };
        assert_eq!(journey().next(0, entered, &Attributes::default()), Some(4));
        assert_eq!(journey().next(4, entered, &Attributes::default()), None);
    }
}
