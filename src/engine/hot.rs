//! What ranking reads of each action, side by side: the specs are large and lie apart, so a decide that walked them would
//! wait for memory once for every survivor.

use super::record::action_key;
use super::spec::{ActionSpec, CapSpec};

/// An action, as ranking reads it.
#[derive(Clone, Copy, Debug)]
pub(super) struct HotAction {
    /// The key in people's records.
    pub(super) key: u32,
    /// How often one person may get it.
    pub(super) cap: Option<CapSpec>,
    /// Index of the set of places; `None`: it is not bound to a place.
    pub(super) place_set: Option<u16>,
    /// Whether it has conditions over several attributes.
    pub(super) has_predicates: bool,
    /// Whether it has conditions over walk or wait.
    pub(super) reads_place: bool,
    /// The first of its context weights, and how many there are.
    pub(super) contexts: (u16, u16),
    /// Propensity.
    pub(super) propensity: f32,
    /// Value.
    pub(super) value: f32,
    /// (sum of the levers / 100) + 1.
    pub(super) levers: f32,
    /// The highest priority that it can have.
    pub(super) priority_max: f32,
}

impl HotAction {
    /// Takes what ranking needs. `first_context` is where the action's context weights start.
    pub(super) fn new(action: &ActionSpec, place_set: Option<u16>, first_context: u16) -> Self {
        let levers = action.levers.iter().sum::<f32>() / 100.0 + 1.0;
        let context_max: f32 = action.context.iter().map(|context| context.weight.max(1.0)).product();
        Self {
            key: action_key(&action.id),
            cap: action.cap,
            place_set,
            has_predicates: false,
            reads_place: false,
            contexts: (first_context, u16::try_from(action.context.len()).unwrap_or(u16::MAX)),
            propensity: action.propensity,
            value: action.value,
            levers,
            priority_max: if action.value * levers < 0.0 {
                0.0
            } else {
                action.propensity * context_max * action.value * levers
            },
        }
    }
}
