//! One published version of the configuration, compiled for deciding.
//!
//! A generation is immutable: an answer reads one of them from beginning to end and names it. Names were checked by
//! `config`; what [`Generation::build`] refuses are sizes that its tables cannot hold.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use nextbest_venue::{PlaceIx, Venue, ZoneIx};
use thiserror::Error;

use super::condition::{Attributes, Category, Condition, Truth};
use super::decide::catalogue::{ActionBits, Catalogue};
use super::decide::message::{LocaleIx, Messages};
use super::decide::place::PlaceSet;
use super::hot::HotAction;
use super::journey::Journey;
use super::presence::StayLimits;
use super::record::{Record, action_key};
use super::spec::{
    ACTIONS_MAX, ActionSpec, STAGES_MAX, Settings, Spec, TREATMENTS_PER_ACTION_MAX, Vocabulary, WANTS_MAX,
};

/// Sets of places that the actions of one generation may have between them.
pub(super) const PLACE_SETS_MAX: usize = 256;

/// A spec cannot become a generation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    /// A table has a maximum.
    #[error("{what} has {found} entries, at most {max} fit")]
    TooMany {
        /// The table.
        what: &'static str,
        /// Entries found.
        found: usize,
        /// Entries that fit.
        max: usize,
    },
    /// A journey needs a stage.
    #[error("the journey has no stage; a new customer needs one to be in")]
    NoStage,
    /// Two ids have the same key in a person's record.
    #[error("the actions {0:?} and {1:?} cannot be told apart in a person's record; rename one of them")]
    KeyClash(String, String),
    /// A generation cannot follow one with other people, places or stages in their records.
    #[error("{0} changed, and records of people depend on it; restart the gateway with the new pack")]
    Incompatible(&'static str),
}

type Names = HashMap<Box<str>, u16, FixedState>;

/// One version of the configuration, ready to decide.
#[derive(Debug)]
pub struct Generation {
    spec: Spec,
    pub(super) catalogue: Catalogue,
    pub(super) journey: Journey,
    pub(super) place_sets: Vec<PlaceSet>,
    /// By action: what ranking reads of it.
    pub(super) hot: Vec<HotAction>,
    /// The conditions of all context weights, action after action, with the weights.
    pub(super) contexts: Catalogue,
    context_weights: Vec<f32>,
    pub(super) action_ids: Box<[Box<str>]>,
    actions_by_key: HashMap<u32, u16, FixedState>,
    wants: Names,
    channels: Names,
    placements: Names,
    events: Names,
    /// By zone: the value of its category (index of the vocabulary + 1).
    zone_categories: Vec<u16>,
    /// By zone: when a stay is something.
    pub(super) stay_limits: Vec<StayLimits>,
    /// By locale, then by place.
    place_names: Vec<Box<str>>,
}

impl Generation {
    /// Compiles a checked spec.
    ///
    /// # Errors
    /// [`BuildError`] when something does not fit its table.
    pub fn build(spec: Spec) -> Result<Self, BuildError> {
        check_sizes(&spec)?;
        let actions_by_key = actions_by_key(&spec.actions)?;
        let policies: Vec<Condition> = spec.actions.iter().map(policy).collect();
        let catalogue = Catalogue::build(&policies, |category| cardinality(&spec, category));
        let (place_sets, place_set_of) = place_sets(&spec.actions)?;
        let hot = hot_actions(&spec.actions, &place_set_of, &catalogue);
        let contexts = spec.actions.iter().flat_map(|action| &action.context);
        let (context_weights, conditions): (Vec<f32>, Vec<Condition>) =
            contexts.map(|context| (context.weight, context.when.clone())).unzip();
        let contexts = Catalogue::build(&conditions, |category| cardinality(&spec, category));
        let vocabulary = &spec.vocabulary;
        Ok(Self {
            catalogue,
            journey: Journey::new(spec.journey.transitions.clone()),
            place_sets,
            hot,
            contexts,
            context_weights,
            action_ids: spec
                .actions
                .iter()
                .map(|action| action.id.clone().into_boxed_str())
                .collect(),
            actions_by_key,
            wants: names(&vocabulary.wants),
            channels: names(&vocabulary.channels),
            placements: names(&vocabulary.placements),
            events: names(&vocabulary.events),
            zone_categories: zone_categories(&spec.venue, vocabulary),
            stay_limits: spec.stay_limits(),
            place_names: place_names(&spec.venue, &spec.messages),
            spec,
        })
    }

    /// Whether people's records mean the same under both generations.
    ///
    /// # Errors
    /// [`BuildError::Incompatible`] names what changed.
    pub fn check_follows(&self, before: &Self) -> Result<(), BuildError> {
        let (new, old) = (&self.spec, &before.spec);
        let traits = |spec: &Spec| {
            let named = spec
                .traits
                .iter()
                .map(|known| format!("{} {:?}", known.name, known.kind));
            named.collect::<Vec<_>>()
        };
        let segments = |spec: &Spec| {
            spec.segments
                .iter()
                .map(|segment| segment.id.clone())
                .collect::<Vec<_>>()
        };
        let kept = [
            (
                "the venue's map",
                format!("{:?}", map_of(new)) == format!("{:?}", map_of(old)),
            ),
            ("the stages of the journey", new.journey.stages == old.journey.stages),
            ("the traits", traits(new) == traits(old)),
            ("the segments", segments(new) == segments(old)),
            ("the tiers", new.vocabulary.tiers == old.vocabulary.tiers),
            ("the phases", new.vocabulary.phases == old.vocabulary.phases),
        ];
        kept.into_iter()
            .find(|(_, is_kept)| !is_kept)
            .map_or(Ok(()), |(what, _)| Err(BuildError::Incompatible(what)))
    }

    /// The generation's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.spec.number
    }

    /// What it was made from.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The map.
    #[must_use]
    pub fn venue(&self) -> &Arc<Venue> {
        &self.spec.venue
    }

    /// The numbers that tune the engine.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.spec.settings
    }

    /// The locale that serves a BCP 47 tag best; an empty tag gets the venue's default.
    #[must_use]
    pub fn locale_for(&self, tag: &str) -> LocaleIx {
        if tag.is_empty() {
            self.spec.messages.default_locale()
        } else {
            self.spec.messages.locale_for(tag)
        }
    }

    /// The value of a want in conditions: 0 for none, one beyond the vocabulary for a word that is not in it.
    #[must_use]
    pub(super) fn want(&self, want: &str) -> u16 {
        value(&self.wants, want)
    }

    /// The value of a channel; an empty name is "mobile".
    #[must_use]
    pub(super) fn channel(&self, channel: &str) -> u16 {
        value(&self.channels, if channel.is_empty() { "mobile" } else { channel })
    }

    /// The value of a placement; 0 for any.
    #[must_use]
    pub(super) fn placement(&self, placement: &str) -> u16 {
        value(&self.placements, placement)
    }

    /// The index of an event that anything reacts to.
    #[must_use]
    pub(super) fn event(&self, name: &str) -> Option<u16> {
        self.events.get(name).copied()
    }

    /// The index of a want.
    #[must_use]
    pub(super) fn want_ix(&self, name: &str) -> Option<u16> {
        self.wants.get(name).copied()
    }

    /// The value of the category of a zone.
    #[must_use]
    pub(super) fn zone_category(&self, zone: u16) -> u16 {
        self.zone_categories.get(usize::from(zone)).copied().unwrap_or(0)
    }

    /// The name of a place in a language.
    #[must_use]
    pub fn place_name(&self, place: PlaceIx, locale: LocaleIx) -> &str {
        let places_len = self.spec.venue.places.len();
        self.place_names
            .get(locale.index() * places_len + place.index())
            .map_or("", AsRef::as_ref)
    }

    /// Seconds to walk from a zone to a place.
    #[must_use]
    pub(super) fn walk_s(&self, zone: u16, place: u16) -> Option<u32> {
        self.spec
            .venue
            .walks
            .zone_to_place_s(ZoneIx(zone), PlaceIx(place))
            .map(u32::from)
    }

    /// An action, by its index.
    #[must_use]
    pub(super) fn action(&self, action: u16) -> Option<&ActionSpec> {
        self.spec.actions.get(usize::from(action))
    }

    /// The product of an action's context weights that hold. `holding` has a bit for each weight whose tables say so.
    #[must_use]
    pub(super) fn context_weight(&self, hot: &HotAction, holding: &ActionBits, attributes: &Attributes) -> f32 {
        let (first, len) = hot.contexts;
        (first..first.saturating_add(len))
            .filter(|context| {
                holding
                    .get(usize::from(*context / 64))
                    .is_some_and(|word| word >> (context % 64) & 1 == 1)
            })
            .filter(|context| {
                self.contexts.passes(*context, attributes) && self.contexts.passes_with_place(*context, attributes)
            })
            .filter_map(|context| self.context_weights.get(usize::from(context)))
            .product()
    }

    /// The window of the cap of an action, by the key in people's records.
    #[must_use]
    pub(super) fn window_of(&self, key: u32) -> Option<u32> {
        let action = self.actions_by_key.get(&key)?;
        self.action(*action)?.cap.map(|cap| cap.window_s)
    }

    /// The segments that a record belongs to, one bit each.
    #[must_use]
    pub(super) fn segments_of(&self, record: &Record) -> u64 {
        let mut attributes = Attributes::default();
        // No segment reads a consent.
        record.describe(0, &mut attributes);
        (0_u32..).zip(&self.spec.segments).fold(0, |segments, (segment, spec)| {
            segments | u64::from(spec.when.holds(&attributes)) << segment
        })
    }
}

/// Everything of a map that tables of the engine index.
fn map_of(spec: &Spec) -> impl std::fmt::Debug + '_ {
    let venue = &spec.venue;
    (&venue.levels, &venue.zones, &venue.places, &venue.hubs)
}

/// Everything that an action demands before a place is chosen, in the order in which refusals are explained.
fn policy(action: &ActionSpec) -> Condition {
    Condition::All(vec![
        wanted(action),
        Condition::Is(Truth::Consent(action.purpose)),
        shown(action),
        action.eligibility.clone(),
        action.applicability.clone(),
        action.suitability.clone(),
    ])
}

/// Whether an action answers a want, given by its value.
pub(super) fn answers(action: &ActionSpec, want: u16) -> bool {
    match want.checked_sub(1) {
        None => !action.only_when_wanted,
        Some(want) => action.wants.contains(&want),
    }
}

/// Whether an action has a treatment in a channel, given by its value.
pub(super) fn is_shown_in(action: &ActionSpec, channel: u16) -> bool {
    action
        .treatments
        .iter()
        .any(|treatment| u16::from(treatment.channel) + 1 == channel)
}

/// The condition of [`answers`].
fn wanted(action: &ActionSpec) -> Condition {
    let anything = (!action.only_when_wanted).then_some(0);
    Condition::OneOf(
        Category::Want,
        anything
            .into_iter()
            .chain(action.wants.iter().map(|want| want + 1))
            .collect(),
    )
}

/// The condition of [`is_shown_in`].
fn shown(action: &ActionSpec) -> Condition {
    let channels = action
        .treatments
        .iter()
        .map(|treatment| u16::from(treatment.channel) + 1);
    Condition::OneOf(Category::Channel, channels.collect())
}

/// How many values a category has: unknown, the names, and for what a peer names one for a word that is none.
fn cardinality(spec: &Spec, category: Category) -> usize {
    let vocabulary = &spec.vocabulary;
    match category {
        Category::Stage => spec.journey.stages.len() + 1,
        Category::Tier => vocabulary.tiers.len() + 1,
        Category::Zone => spec.venue.zones.len() + 1,
        Category::ZoneCategory => vocabulary.zone_categories.len() + 1,
        Category::Level => spec.venue.levels.len() + 1,
        Category::Channel => vocabulary.channels.len() + 2,
        Category::Placement => vocabulary.placements.len() + 2,
        Category::Want => vocabulary.wants.len() + 2,
        Category::Phase => vocabulary.phases.len() + 1,
        Category::Event => vocabulary.events.len() + 1,
        Category::Text(slot) => spec
            .traits
            .iter()
            .find_map(|known| match &known.kind {
                super::spec::TraitKind::Text(of, values) if *of == slot => Some(values.len() + 1),
                super::spec::TraitKind::Text(..)
                | super::spec::TraitKind::Flag(_)
                | super::spec::TraitKind::Number(_)
                | super::spec::TraitKind::Tier => None,
            })
            .unwrap_or(1),
    }
}

fn check_sizes(spec: &Spec) -> Result<(), BuildError> {
    if spec.journey.stages.is_empty() {
        return Err(BuildError::NoStage);
    }
    let treatments = spec
        .actions
        .iter()
        .map(|action| action.treatments.len())
        .max()
        .unwrap_or(0);
    let contexts = spec.actions.iter().map(|action| action.context.len()).sum();
    let sizes = [
        ("context weights", contexts, ACTIONS_MAX),
        ("actions", spec.actions.len(), ACTIONS_MAX),
        ("treatments of one action", treatments, TREATMENTS_PER_ACTION_MAX),
        ("segments", spec.segments.len(), super::condition::SEGMENTS_MAX),
        ("stages", spec.journey.stages.len(), STAGES_MAX),
        ("wants", spec.vocabulary.wants.len(), WANTS_MAX),
    ];
    sizes
        .into_iter()
        .find(|(_, found, max)| found > max)
        .map_or(Ok(()), |(what, found, max)| {
            Err(BuildError::TooMany { what, found, max })
        })
}

fn actions_by_key(actions: &[ActionSpec]) -> Result<HashMap<u32, u16, FixedState>, BuildError> {
    let mut by_key = HashMap::with_hasher(FixedState::default());
    for (action_ix, action) in (0_u16..).zip(actions) {
        if let Some(other) = by_key.insert(action_key(&action.id), action_ix) {
            let other = actions.get(usize::from(other)).map_or("", |other| &other.id);
            return Err(BuildError::KeyClash(other.to_owned(), action.id.clone()));
        }
    }
    Ok(by_key)
}

fn hot_actions(actions: &[ActionSpec], place_sets: &[Option<u16>], catalogue: &Catalogue) -> Vec<HotAction> {
    let mut first_context = 0_u16;
    let mut hot = Vec::with_capacity(actions.len());
    for ((action_ix, action), place_set) in (0_u16..).zip(actions).zip(place_sets) {
        let mut of_action = HotAction::new(action, *place_set, first_context);
        (of_action.has_predicates, of_action.reads_place) = catalogue.has_predicates(action_ix);
        first_context = first_context.saturating_add(of_action.contexts.1);
        hot.push(of_action);
    }
    hot
}

/// The sets of places, each once, and the set of each action.
fn place_sets(actions: &[ActionSpec]) -> Result<(Vec<PlaceSet>, Vec<Option<u16>>), BuildError> {
    let mut sets: Vec<PlaceSet> = Vec::new();
    let mut of_action = Vec::with_capacity(actions.len());
    for action in actions {
        if action.places.is_empty() {
            of_action.push(None);
            continue;
        }
        let set = PlaceSet {
            places: action.places.iter().map(|place| place.0).collect(),
            wants: action.wants.iter().fold(0, |wants, want| wants | 1 << (*want).min(63)),
        };
        let set_ix = sets.iter().position(|known| *known == set).unwrap_or_else(|| {
            sets.push(set);
            sets.len() - 1
        });
        of_action.push(u16::try_from(set_ix).ok());
    }
    if sets.len() > PLACE_SETS_MAX {
        return Err(BuildError::TooMany {
            what: "sets of places",
            found: sets.len(),
            max: PLACE_SETS_MAX,
        });
    }
    Ok((sets, of_action))
}

fn names(names: &[String]) -> Names {
    (0_u16..)
        .zip(names)
        .map(|(ix, name)| (name.clone().into_boxed_str(), ix))
        .collect()
}

/// Index + 1; 0 for an empty name; one beyond the vocabulary for a name that is not in it.
fn value(names: &Names, name: &str) -> u16 {
    if name.is_empty() {
        return 0;
    }
    names
        .get(name)
        .map_or_else(|| u16::try_from(names.len() + 1).unwrap_or(u16::MAX), |ix| ix + 1)
}

fn zone_categories(venue: &Venue, vocabulary: &Vocabulary) -> Vec<u16> {
    let value = |zone: &nextbest_venue::Zone| {
        let ix = vocabulary
            .zone_categories
            .iter()
            .position(|category| *category == zone.category);
        ix.and_then(|ix| u16::try_from(ix + 1).ok()).unwrap_or(0)
    };
    venue.zones.iter().map(value).collect()
}

/// The name of each place in each locale: in the locale itself, in its language, or the first that there is.
fn place_names(venue: &Venue, messages: &Messages) -> Vec<Box<str>> {
    let language = |tag: &str| tag.split('-').next().unwrap_or("").to_ascii_lowercase();
    let locales = (0..=u8::MAX).map_while(|locale| messages.locale_tag(LocaleIx(locale)));
    let mut names = Vec::new();
    for locale in locales {
        for place in &venue.places {
            let exact = place.names.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(locale));
            let near = place.names.iter().find(|(tag, _)| language(tag) == language(locale));
            let name = exact
                .or(near)
                .or(place.names.first())
                .map_or(place.id.as_str(), |(_, name)| name);
            names.push(name.into());
        }
    }
    names
}
