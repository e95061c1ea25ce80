//! Conditions over what is known about a person and their moment: the typed form of a policy.
//!
//! `config` compiles CEL text into [`Condition`]; the catalogue compiles conditions into bitmaps; what is left
//! is evaluated here. No condition is ever made from anything a peer sends. There are no strings here: every
//! name was interned when the generation was built.

use crate::model::Purpose;

/// Text traits that a pack may declare.
pub const TEXT_TRAITS_MAX: usize = 8;
/// Number traits that a pack may declare.
pub const NUMBER_TRAITS_MAX: usize = 8;
/// Flag traits that a pack may declare.
pub const FLAG_TRAITS_MAX: usize = 32;
/// Segments that a pack may declare.
pub const SEGMENTS_MAX: usize = 64;

/// An attribute with one of a closed set of values; 0 is "unknown" or "none".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// The customer's lifecycle stage; never unknown (stage index + 1).
    Stage,
    /// The customer's value tier.
    Tier,
    /// The zone the customer is in (zone index + 1).
    Zone,
    /// The category of that zone.
    ZoneCategory,
    /// The level the customer is on (level index + 1).
    Level,
    /// The channel that will show the answer.
    Channel,
    /// The placement in it.
    Placement,
    /// What was asked for.
    Want,
    /// The phase of the venue's event, such as half-time.
    Phase,
    /// The event that is being applied; only in transitions.
    Event,
    /// A text trait that the pack declares, with its closed set of values.
    Text(u8),
}

/// How many categories there are, text traits included.
pub const CATEGORIES_LEN: usize = 10 + TEXT_TRAITS_MAX;

impl Category {
    /// The category's place in [`Attributes::categories`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Stage => 0,
            Self::Tier => 1,
            Self::Zone => 2,
            Self::ZoneCategory => 3,
            Self::Level => 4,
            Self::Channel => 5,
            Self::Placement => 6,
            Self::Want => 7,
            Self::Phase => 8,
            Self::Event => 9,
            Self::Text(trait_ix) => 10 + trait_ix as usize,
        }
    }
}

/// An attribute that is true or false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Truth {
    /// A flag trait that the pack declares.
    Flag(u8),
    /// A purpose that the person has allowed.
    Consent(Purpose),
    /// Whether a position is known and fresh.
    PositionKnown,
    /// Membership of a segment.
    Segment(u8),
}

/// Bit of [`Attributes::truths`] where segments start.
const SEGMENTS_SHIFT: u32 = 64;
/// Bit where consents start.
const CONSENTS_SHIFT: u32 = FLAG_TRAITS_MAX as u32;
/// Bit of the known position.
const POSITION_SHIFT: u32 = CONSENTS_SHIFT + 8;

impl Truth {
    /// The attribute's bit in [`Attributes::truths`].
    #[must_use]
    pub const fn bit(self) -> u128 {
        1 << match self {
            Self::Flag(flag) => flag as u32,
            Self::Consent(purpose) => CONSENTS_SHIFT + purpose as u32,
            Self::PositionKnown => POSITION_SHIFT,
            Self::Segment(segment) => SEGMENTS_SHIFT + segment as u32,
        }
    }

    /// The bits of a record's flags, consents ([`Purpose::bit`]) and segments.
    #[must_use]
    pub const fn pack(flags: u32, consents: u8, segments: u64) -> u128 {
        flags as u128 | (consents as u128) << CONSENTS_SHIFT | (segments as u128) << SEGMENTS_SHIFT
    }
}

/// An attribute with a number; NaN is "unknown", and every comparison with it is false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quantity {
    /// Seconds in the zone.
    DwellS,
    /// How the person feels, -1 to 1.
    Mood,
    /// Minutes since midnight in the venue's time zone.
    MinuteOfDay,
    /// Seconds to walk to the action's place; only in suitability.
    WalkS,
    /// Seconds to wait there; only in suitability.
    WaitS,
    /// A number trait that the pack declares.
    Number(u8),
}

/// How many quantities there are, number traits included.
pub const QUANTITIES_LEN: usize = 5 + NUMBER_TRAITS_MAX;

impl Quantity {
    /// The quantity's place in [`Attributes::quantities`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::DwellS => 0,
            Self::Mood => 1,
            Self::MinuteOfDay => 2,
            Self::WalkS => 3,
            Self::WaitS => 4,
            Self::Number(trait_ix) => 5 + trait_ix as usize,
        }
    }

    /// Whether it is known only after a place was chosen.
    #[must_use]
    pub const fn is_of_place(self) -> bool {
        matches!(self, Self::WalkS | Self::WaitS)
    }
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==`
    Equal,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Always, or never.
    Constant(bool),
    /// The category has one of the values.
    OneOf(Category, Vec<u16>),
    /// The attribute is true.
    Is(Truth),
    /// The quantity compares so with the number.
    Compare(Quantity, Comparison, f32),
    /// The condition does not hold.
    Not(Box<Condition>),
    /// All of them hold.
    All(Vec<Condition>),
    /// At least one of them holds.
    Any(Vec<Condition>),
}

/// The attributes of a person and their moment, as conditions read them.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributes {
    /// By [`Category::index`].
    pub categories: [u16; CATEGORIES_LEN],
    /// By [`Truth::bit`].
    pub truths: u128,
    /// By [`Quantity::index`].
    pub quantities: [f32; QUANTITIES_LEN],
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            categories: [0; CATEGORIES_LEN],
            truths: 0,
            quantities: [f32::NAN; QUANTITIES_LEN],
        }
    }
}

impl Attributes {
    /// The value of a category; 0 when it is unknown.
    #[must_use]
    pub fn category(&self, category: Category) -> u16 {
        self.categories.get(category.index()).copied().unwrap_or(0)
    }

    /// Sets the value of a category.
    pub fn set_category(&mut self, category: Category, value: u16) {
        if let Some(slot) = self.categories.get_mut(category.index()) {
            *slot = value;
        }
    }

    /// The value of a quantity; NaN when it is unknown.
    #[must_use]
    pub fn quantity(&self, quantity: Quantity) -> f32 {
        self.quantities.get(quantity.index()).copied().unwrap_or(f32::NAN)
    }

    /// Sets the value of a quantity.
    pub fn set_quantity(&mut self, quantity: Quantity, value: f32) {
        if let Some(slot) = self.quantities.get_mut(quantity.index()) {
            *slot = value;
        }
    }

    /// Whether an attribute is true.
    #[must_use]
    pub const fn truth(&self, truth: Truth) -> bool {
        self.truths & truth.bit() != 0
    }

    /// Sets whether an attribute is true.
    pub const fn set_truth(&mut self, truth: Truth, value: bool) {
        if value {
            self.truths |= truth.bit();
        } else {
            self.truths &= !truth.bit();
        }
    }
}

impl Condition {
    /// Whether the condition holds.
    #[must_use]
    pub fn holds(&self, attributes: &Attributes) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::OneOf(category, values) => values.contains(&attributes.category(*category)),
            Self::Is(truth) => attributes.truth(*truth),
            Self::Compare(quantity, comparison, number) => {
                let value = attributes.quantity(*quantity);
                match comparison {
                    Comparison::Less => value < *number,
                    Comparison::LessOrEqual => value <= *number,
                    Comparison::Greater => value > *number,
                    Comparison::GreaterOrEqual => value >= *number,
                    Comparison::Equal => value == *number,
                }
            }
            Self::Not(condition) => !condition.holds(attributes),
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(attributes)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(attributes)),
        }
    }

    /// The conditions that must all hold, with nested `All`s flattened and constants that are true left out.
    pub fn conjuncts<'a>(&'a self, into: &mut Vec<&'a Self>) {
        match self {
            Self::All(conditions) => {
                for condition in conditions {
                    condition.conjuncts(into);
                }
            }
            Self::Constant(true) => {}
            Self::Constant(false) | Self::OneOf(..) | Self::Is(_) | Self::Compare(..) | Self::Not(_) | Self::Any(_) => {
                into.push(self);
            }
        }
    }

    /// Calls `visit` with every leaf (an attribute test or a constant).
    pub fn visit_leaves<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        match self {
            Self::Not(condition) => condition.visit_leaves(visit),
            Self::All(conditions) | Self::Any(conditions) => {
                for condition in conditions {
                    condition.visit_leaves(visit);
                }
            }
            Self::Constant(_) | Self::OneOf(..) | Self::Is(_) | Self::Compare(..) => visit(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_quantity_compares_with_nothing() {
        let attributes = Attributes::default();
        for comparison in [
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
            Comparison::Equal,
        ] {
            assert!(!Condition::Compare(Quantity::DwellS, comparison, 0.0).holds(&attributes));
        }
    }

    #[test]
    fn every_truth_has_a_bit_of_its_own() {
        let mut seen = 0_u128;
        let flags = (0..FLAG_TRAITS_MAX as u8).map(Truth::Flag);
        let segments = (0..SEGMENTS_MAX as u8).map(Truth::Segment);
        let consents = Purpose::ALL.map(Truth::Consent);
        for truth in flags.chain(segments).chain(consents).chain([Truth::PositionKnown]) {
            assert_eq!(seen & truth.bit(), 0, "{truth:?} shares its bit");
            seen |= truth.bit();
        }
    }

    #[test]
    fn nested_conjunctions_flatten() {
        let leaf = Condition::Is(Truth::PositionKnown);
        let nested = Condition::All(vec![
            Condition::Constant(true),
            Condition::All(vec![leaf.clone(), Condition::Not(Box::new(leaf.clone()))]),
        ]);
        let mut conjuncts = Vec::new();
        nested.conjuncts(&mut conjuncts);
        assert_eq!(conjuncts.len(), 2);
    }
}
