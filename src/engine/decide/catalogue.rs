//! Which actions pass their policies, by bitmaps.
//!
//! A policy is a conjunction. Each of its terms that reads one attribute becomes part of a table that has, for
//! each value of the attribute, one bit per action: does the term allow it? A decide looks up one row per attribute
//! and ANDs them, so its cost does not depend on how many conditions the marketers wrote. Terms over several
//! attributes are kept as typed predicates and evaluated only for the actions that survive, those that read walk
//! or wait only after a place was chosen.
//!
//! Measured: 12 rows of 1,024 bits take about 50 ns (`benches/decide.rs`); walking the same conditions one by one
//! takes a thousand times as long.

use std::collections::BTreeMap;

use crate::engine::condition::{Attributes, Category, Condition, Quantity, Truth};
use crate::engine::spec::ACTIONS_MAX;

/// Words of the largest set of actions.
pub const WORDS_MAX: usize = ACTIONS_MAX / 64;

/// A set of actions, one bit each.
pub type ActionBits = [u64; WORDS_MAX];

/// One attribute, whatever its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Attribute {
    Category(Category),
    Truth(Truth),
    Quantity(Quantity),
}

/// Rows of action bits for one attribute.
#[derive(Debug)]
struct Table {
    attribute: Attribute,
    /// Of a quantity: the numbers it is compared with, ascending.
    thresholds: Vec<f32>,
    /// How many rows there are.
    rows_len: usize,
    /// Row by row.
    rows: Vec<u64>,
}

/// The compiled policies of all actions.
#[derive(Debug)]
pub struct Catalogue {
    words: usize,
    /// Actions whose conditions are not constantly false.
    possible: Vec<u64>,
    tables: Vec<Table>,
    /// By action: what is left to evaluate before a place is chosen.
    predicates: Vec<Vec<Condition>>,
    /// By action: what is left to evaluate when walk and wait are known.
    place_predicates: Vec<Vec<Condition>>,
}

impl Catalogue {
    /// Compiles one conjunction per action. `cardinality` says how many values a category has, unknown included.
    #[must_use]
    pub fn build(policies: &[Condition], cardinality: impl Fn(Category) -> usize) -> Self {
        let words = policies.len().div_ceil(64).min(WORDS_MAX);
        let mut terms: BTreeMap<Attribute, Vec<(usize, &Condition)>> = BTreeMap::new();
        let mut possible = vec![0_u64; words];
        let mut predicates = vec![Vec::new(); policies.len()];
        let mut place_predicates = vec![Vec::new(); policies.len()];
        for (action, policy) in policies.iter().enumerate() {
            set(&mut possible, action);
            let mut conjuncts = Vec::new();
            policy.conjuncts(&mut conjuncts);
            for term in conjuncts {
                match Reads::of(term) {
                    Reads::Nothing if term.holds(&Attributes::default()) => {}
                    Reads::Nothing => clear(&mut possible, action),
                    Reads::One(attribute) => terms.entry(attribute).or_default().push((action, term)),
                    Reads::Several => push(&mut predicates, action, term),
                    Reads::Place => push(&mut place_predicates, action, term),
                }
            }
        }
        let tables = terms
            .into_iter()
            .map(|(attribute, terms)| Table::build(attribute, &terms, words, &cardinality))
            .collect();
        Self {
            words,
            possible,
            tables,
            predicates,
            place_predicates,
        }
    }

    /// The actions that no table refuses; returns how many words of `bits` are used.
    pub fn eligible(&self, attributes: &Attributes, bits: &mut ActionBits) -> usize {
        let used = bits.split_at_mut(self.words).0;
        used.copy_from_slice(&self.possible);
        for table in &self.tables {
            for (word, row) in used.iter_mut().zip(table.row(attributes, self.words)) {
                *word &= row;
            }
        }
        self.words
    }

    /// Whether an action has predicates, and whether it has some over walk and wait.
    #[must_use]
    pub fn has_predicates(&self, action: u16) -> (bool, bool) {
        let has = |predicates: &[Vec<Condition>]| {
            predicates
                .get(usize::from(action))
                .is_some_and(|terms| !terms.is_empty())
        };
        (has(&self.predicates), has(&self.place_predicates))
    }

    /// Whether the predicates of an action that passed the tables hold.
    #[must_use]
    pub fn passes(&self, action: u16, attributes: &Attributes) -> bool {
        holds(&self.predicates, action, attributes)
    }

    /// Whether the predicates over walk and wait hold.
    #[must_use]
    pub fn passes_with_place(&self, action: u16, attributes: &Attributes) -> bool {
        holds(&self.place_predicates, action, attributes)
    }
}

fn holds(predicates: &[Vec<Condition>], action: u16, attributes: &Attributes) -> bool {
    predicates
        .get(usize::from(action))
        .is_some_and(|terms| terms.iter().all(|term| term.holds(attributes)))
}

fn push(predicates: &mut [Vec<Condition>], action: usize, term: &Condition) {
    if let Some(of_action) = predicates.get_mut(action) {
        of_action.push(term.clone());
    }
}

fn set(bits: &mut [u64], action: usize) {
    if let Some(word) = bits.get_mut(action / 64) {
        *word |= 1 << (action % 64);
    }
}

fn clear(bits: &mut [u64], action: usize) {
    if let Some(word) = bits.get_mut(action / 64) {
        *word &= !(1 << (action % 64));
    }
}

/// Which attributes a term reads.
enum Reads {
    Nothing,
    One(Attribute),
    Several,
    Place,
}

impl Reads {
    fn of(term: &Condition) -> Self {
        let mut reads = Self::Nothing;
        term.visit_leaves(&mut |leaf| {
            let attribute = match leaf {
                Condition::OneOf(category, _) => Attribute::Category(*category),
                Condition::Is(truth) => Attribute::Truth(*truth),
                Condition::Compare(quantity, ..) => Attribute::Quantity(*quantity),
                Condition::Constant(_) | Condition::Not(_) | Condition::All(_) | Condition::Any(_) => return,
            };
            let of_place = matches!(attribute, Attribute::Quantity(quantity) if quantity.is_of_place());
            reads = match reads {
                _ if of_place => Self::Place,
                Self::Nothing => Self::One(attribute),
                Self::One(known) if known == attribute => Self::One(known),
                Self::One(_) | Self::Several => Self::Several,
                Self::Place => Self::Place,
            };
        });
        reads
    }
}

impl Table {
    fn build(
        attribute: Attribute,
        terms: &[(usize, &Condition)],
        words: usize,
        cardinality: &impl Fn(Category) -> usize,
    ) -> Self {
        let mut thresholds = Vec::new();
        for (_, term) in terms {
            term.visit_leaves(&mut |leaf| {
                if let Condition::Compare(_, _, number) = leaf {
                    thresholds.push(*number);
                }
            });
        }
        thresholds.sort_by(f32::total_cmp);
        thresholds.dedup();
        let rows_len = match attribute {
            Attribute::Category(category) => cardinality(category).max(1),
            Attribute::Truth(_) => 2,
            Attribute::Quantity(_) => 2 * thresholds.len() + 2,
        };
        let mut table = Self {
            attribute,
            thresholds,
            rows_len,
            rows: vec![u64::MAX; rows_len * words],
        };
        for row_ix in 0..rows_len {
            let example = table.example(row_ix);
            let Some(row) = table.rows.get_mut(row_ix * words..(row_ix + 1) * words) else {
                continue;
            };
            for (action, term) in terms {
                if !term.holds(&example) {
                    clear(row, *action);
                }
            }
        }
        table
    }

    /// Attributes that fall into a row.
    fn example(&self, row_ix: usize) -> Attributes {
        let mut attributes = Attributes::default();
        match self.attribute {
            Attribute::Category(category) => {
                attributes.set_category(category, u16::try_from(row_ix).unwrap_or(u16::MAX));
            }
            Attribute::Truth(truth) => attributes.set_truth(truth, row_ix == 1),
            Attribute::Quantity(quantity) => {
                let threshold = self.thresholds.get(row_ix / 2);
                let value = match (threshold, row_ix % 2) {
                    (Some(threshold), 0) => threshold.next_down(),
                    (Some(threshold), _) => *threshold,
                    (None, 0) => self.thresholds.last().map_or(0.0, |last| last.next_up()),
                    (None, _) => f32::NAN,
                };
                attributes.set_quantity(quantity, value);
            }
        }
        attributes
    }

    /// The row that attributes fall into. A category's value beyond its table is as good as unknown.
    fn row(&self, attributes: &Attributes, words: usize) -> &[u64] {
        let row_ix = match self.attribute {
            Attribute::Category(category) => {
                let value = usize::from(attributes.category(category));
                if value < self.rows_len { value } else { 0 }
            }
            Attribute::Truth(truth) => usize::from(attributes.truth(truth)),
            Attribute::Quantity(quantity) => self.region(attributes.quantity(quantity)),
        };
        self.rows.get(row_ix * words..(row_ix + 1) * words).unwrap_or(&[])
    }

    /// Rows of a quantity: below the first threshold, at it, between it and the next, ..., above the last, unknown.
    fn region(&self, value: f32) -> usize {
        if value.is_nan() {
            return self.rows_len - 1;
        }
        let below = self.thresholds.partition_point(|threshold| *threshold < value);
        let at = self.thresholds.get(below).is_some_and(|threshold| *threshold == value);
        2 * below + usize::from(at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::condition::Comparison;
    use crate::model::Purpose;

    const CARDINALITY: usize = 5;

    fn leaf() -> impl Strategy<Value = Condition> {
        let category = prop_oneof![Just(Category::Stage), Just(Category::Zone), Just(Category::Text(3))];
        let truth = prop_oneof![
            Just(Truth::Flag(2)),
            Just(Truth::Segment(9)),
            Just(Truth::Consent(Purpose::Marketing))
        ];
        let quantity = prop_oneof![Just(Quantity::Mood), Just(Quantity::Number(1)), Just(Quantity::WaitS)];
        let comparison = prop_oneof![
            Just(Comparison::Less),
            Just(Comparison::LessOrEqual),
            Just(Comparison::Greater),
            Just(Comparison::GreaterOrEqual),
            Just(Comparison::Equal)
        ];
        prop_oneof![
            any::<bool>().prop_map(Condition::Constant),
            (category, prop::collection::vec(0..CARDINALITY as u16, 0..3))
                .prop_map(|(category, values)| Condition::OneOf(category, values)),
            truth.prop_map(Condition::Is),
            (quantity, comparison, -2..3_i8).prop_map(|(quantity, comparison, number)| Condition::Compare(
                quantity,
                comparison,
                number.into()
            )),
        ]
    }

    fn condition() -> impl Strategy<Value = Condition> {
        leaf().prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|inner| Condition::Not(Box::new(inner))),
                prop::collection::vec(inner.clone(), 0..3).prop_map(Condition::All),
                prop::collection::vec(inner, 0..3).prop_map(Condition::Any),
            ]
        })
    }

    fn attributes() -> impl Strategy<Value = Attributes> {
        let number = prop_oneof![Just(f32::NAN), (-3..4_i8).prop_map(f32::from), -3.0..3.0_f32];
        (
            0..6_u16,
            0..6_u16,
            any::<[bool; 3]>(),
            [number.clone(), number.clone(), number],
        )
            .prop_map(|(stage, zone, truths, numbers)| {
                let mut attributes = Attributes::default();
                attributes.set_category(Category::Stage, stage % CARDINALITY as u16);
                attributes.set_category(Category::Zone, zone % CARDINALITY as u16);
                attributes.set_truth(Truth::Flag(2), truths[0]);
                attributes.set_truth(Truth::Segment(9), truths[1]);
                attributes.set_truth(Truth::Consent(Purpose::Marketing), truths[2]);
                attributes.set_quantity(Quantity::Mood, numbers[0]);
                attributes.set_quantity(Quantity::Number(1), numbers[1]);
                attributes.set_quantity(Quantity::WaitS, numbers[2]);
                attributes
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn bitmaps_and_predicates_say_what_the_conditions_say(
            policies in prop::collection::vec(condition(), 1..80),
            attributes in attributes(),
        ) {
            let catalogue = Catalogue::build(&policies, |_| CARDINALITY);
            let mut bits = [u64::MAX; WORDS_MAX];
            let words = catalogue.eligible(&attributes, &mut bits);
            prop_assert_eq!(words, policies.len().div_ceil(64));
            for (ix, policy) in policies.iter().enumerate() {
                let action = ix as u16;
                let compiled = bits[ix / 64] >> (ix % 64) & 1 == 1
                    && catalogue.passes(action, &attributes)
                    && catalogue.passes_with_place(action, &attributes);
                prop_assert_eq!(compiled, policy.holds(&attributes), "{:?}", policy);
            }
        }
    }

    #[test]
    fn a_value_that_no_table_knows_counts_as_unknown() {
        let policies = [
            Condition::OneOf(Category::Zone, vec![0]),
            Condition::OneOf(Category::Zone, vec![4]),
        ];
        let catalogue = Catalogue::build(&policies, |_| CARDINALITY);
        let mut attributes = Attributes::default();
        attributes.set_category(Category::Zone, 9);
        let mut bits = [0; WORDS_MAX];
        catalogue.eligible(&attributes, &mut bits);
        assert_eq!(bits[0], 0b01);
    }
}
