//! The actions as the engine takes them: policies joined over issue, group and action, places found, messages checked.

use std::collections::{BTreeMap, BTreeSet};

use nextbest_venue::PlaceIx;

use super::actions::{ActionTable, ActionsFile, GroupTable, IssueTable, PlacesTable};
use super::names::{distinct, lookup, lookup_among};
use super::treatment::treatments;
use crate::config::condition::{Names, Role, can_hold, compile};
use crate::config::mistake::Mistake;
use crate::config::table::{At, Id, Text, Whole};
use crate::engine::condition::{Category, Condition};
use crate::engine::decide::message::Messages;
use crate::engine::record::action_key;
use crate::engine::spec::{ACTIONS_MAX, ActionSpec, CapSpec, ContextWeight, JourneySpec, TransitionSpec};
use crate::model::Purpose;

/// Issues of one pack.
const ISSUES_MAX: usize = 64;
/// Groups of one pack.
const GROUPS_MAX: usize = 512;
/// Seconds that an answer is shown when the action does not say.
const EXPIRES_S: u32 = 600;

/// What the actions of a pack refer to.
pub(super) struct Surroundings<'a> {
    /// Names of attributes and their values.
    pub(super) names: &'a Names<'a>,
    /// The lifecycle; `None` when one of its transitions has a mistake of its own.
    pub(super) journey: Option<&'a JourneySpec>,
    /// The messages; `None` when they have mistakes of their own.
    pub(super) messages: Option<&'a Messages>,
}

/// The actions.
pub(super) fn actions(
    file: &ActionsFile,
    surroundings: &Surroundings<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<ActionSpec> {
    let names = surroundings.names;
    let issues = distinct(file.issue.iter().map(|issue| &issue.id), "issue", ISSUES_MAX, mistakes);
    let groups = distinct(file.group.iter().map(|group| &group.id), "group", GROUPS_MAX, mistakes);
    distinct(
        file.action.iter().map(|action| &action.id),
        "action",
        ACTIONS_MAX,
        mistakes,
    );
    let of_issues: Vec<Policies> = file
        .issue
        .iter()
        .map(|issue| Policies::compile(issue.texts(), names, mistakes))
        .collect();
    let mut inherited: Vec<Option<(&IssueTable, Policies)>> = Vec::new();
    for group in file.group.iter() {
        let own = Policies::compile(group.texts(), names, mistakes);
        let issue = lookup_among(&group.issue, &issues, file.issue.is_complete, "issue", mistakes);
        let issue = issue.and_then(|at| Some((file.issue.get(at)?, of_issues.get(at)?)));
        inherited.push(issue.map(|(table, policies)| (table, policies.and(&own))));
    }
    check_keys(file, mistakes);
    let mut specs = Vec::with_capacity(file.action.len());
    for table in file.action.iter() {
        let group = lookup_among(&table.group, &groups, file.group.is_complete, "group", mistakes);
        let group = group.and_then(|at| inherited.get(at)?.as_ref());
        specs.extend(table.spec(group, surroundings, mistakes));
    }
    specs
}

/// A person's record names actions by the hash of their id; two ids with one hash could not be told apart there.
fn check_keys(file: &ActionsFile, mistakes: &mut Vec<Mistake>) {
    let mut seen: BTreeMap<u32, &At<Id>> = BTreeMap::new();
    for action in file.action.iter() {
        let earlier = *seen.entry(action_key(&action.id)).or_insert(&action.id);
        if earlier.value != action.id.value {
            let what = format!("`{}` cannot be told from `{earlier}` in a person's record", action.id);
            mistakes.push(action.id.mistake(what, "another id"));
        }
    }
}

/// Eligibility, applicability and suitability.
#[derive(Clone, Debug)]
struct Policies {
    eligibility: Condition,
    applicability: Condition,
    suitability: Condition,
}

impl Policies {
    /// What is missing or wrong holds always; what is wrong was said.
    fn compile(texts: [Option<&At<Text>>; 3], names: &Names<'_>, mistakes: &mut Vec<Mistake>) -> Self {
        let [eligibility, applicability, suitability] = texts;
        let mut one = |text: Option<&At<Text>>, role| {
            text.and_then(|text| compile(text, names, role, mistakes))
                .unwrap_or(Condition::Constant(true))
        };
        Self {
            eligibility: one(eligibility, Role::Policy),
            applicability: one(applicability, Role::Policy),
            suitability: one(suitability, Role::Suitability),
        }
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            eligibility: both(&self.eligibility, &other.eligibility),
            applicability: both(&self.applicability, &other.applicability),
            suitability: both(&self.suitability, &other.suitability),
        }
    }
}

impl IssueTable {
    fn texts(&self) -> [Option<&At<Text>>; 3] {
        [
            self.eligibility.as_ref(),
            self.applicability.as_ref(),
            self.suitability.as_ref(),
        ]
    }
}

impl GroupTable {
    fn texts(&self) -> [Option<&At<Text>>; 3] {
        [
            self.eligibility.as_ref(),
            self.applicability.as_ref(),
            self.suitability.as_ref(),
        ]
    }
}

impl ActionTable {
    fn spec(
        &self,
        group: Option<&(&IssueTable, Policies)>,
        surroundings: &Surroundings<'_>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<ActionSpec> {
        let names = surroundings.names;
        let texts = [
            self.eligibility.as_ref(),
            self.applicability.as_ref(),
            self.suitability.as_ref(),
        ];
        let own = Policies::compile(texts, names, mistakes);
        let places = self
            .places
            .as_ref()
            .map(|places| places.found(names, mistakes))
            .unwrap_or_default();
        let wants = self.wanted(names, mistakes);
        let context = self.weights(names, mistakes);
        let treatments = treatments(self, surroundings, mistakes);
        let helped = self.helped_stages(surroundings, mistakes);
        // Without its group, which was said to be missing, the rest of it is not known.
        let (issue, inherited) = group?;
        let policies = inherited.and(&own);
        let policies = Policies {
            eligibility: both(&helped, &policies.eligibility),
            ..policies
        };
        let purpose = self.purpose.unwrap_or(issue.purpose).purpose();
        self.check(purpose, &policies, mistakes);
        Some(ActionSpec {
            id: self.id.to_string(),
            issue: issue.id.to_string(),
            group: self.group.to_string(),
            purpose,
            eligibility: policies.eligibility,
            applicability: policies.applicability,
            suitability: policies.suitability,
            wants,
            only_when_wanted: self.is_only_when_wanted(),
            places,
            cap: self.cap.as_ref().map(|cap| CapSpec {
                times: cap.times.to(),
                window_s: cap.window_s.to(),
            }),
            propensity: self.propensity.to_f32(),
            value: self.value.to_f32(),
            levers: self.levers.iter().map(|lever| lever.to_f32()).collect(),
            context,
            treatments,
            expires_s: self.expires_s.map_or(EXPIRES_S, Whole::to),
        })
    }

    fn is_only_when_wanted(&self) -> bool {
        self.only_when_wanted.as_ref().is_some_and(|only| only.value)
    }

    fn check(&self, purpose: Purpose, policies: &Policies, mistakes: &mut Vec<Mistake>) {
        if !can_hold(&[&policies.eligibility, &policies.applicability, &policies.suitability]) {
            let what = format!(
                "nobody can ever be offered `{}`: its policies contradict each other",
                self.id
            );
            mistakes.push(self.id.mistake(
                what,
                "policies of issue, group and action, and stages it helps in, that can hold at once",
            ));
        }
        if purpose != Purpose::Service && self.helps.is_empty() {
            let what = format!("`{}` serves {} but helps with no transition", self.id, purpose.name());
            mistakes.push(self.id.mistake(what, "`helps`, or the purpose `service`"));
        }
        if let Some(only) = self
            .only_when_wanted
            .as_ref()
            .filter(|only| only.value && self.wants.is_empty())
        {
            mistakes.push(only.mistake("nobody can ask for this: it answers no want", "`wants`"));
        }
        if self.places.is_none() {
            let mut reads_place = false;
            policies.suitability.visit_leaves(&mut |leaf| {
                reads_place |= matches!(leaf, Condition::Compare(quantity, ..) if quantity.is_of_place());
            });
            if reads_place {
                let at = self
                    .suitability
                    .as_ref()
                    .map_or(&self.id.location, |text| &text.location);
                mistakes.push(at.mistake(
                    "the suitability asks for a walk or a wait, but there is no place",
                    "`places`",
                ));
            }
        }
    }

    fn wanted(&self, names: &Names<'_>, mistakes: &mut Vec<Mistake>) -> Vec<u16> {
        let known = &names.vocabulary.wants;
        let found = self
            .wants
            .iter()
            .filter_map(|want| lookup(want, known, "want", mistakes));
        found.filter_map(|at| u16::try_from(at).ok()).collect()
    }

    fn weights(&self, names: &Names<'_>, mistakes: &mut Vec<Mistake>) -> Vec<ContextWeight> {
        let mut weights = Vec::with_capacity(self.context.len());
        for table in self.context.iter() {
            if let Some(when) = compile(&table.when, names, Role::Policy, mistakes) {
                weights.push(ContextWeight {
                    when,
                    weight: table.weight.to_f32(),
                });
            }
        }
        weights
    }

    /// That the person is in one of the stages that the action helps to leave.
    fn helped_stages(&self, surroundings: &Surroundings<'_>, mistakes: &mut Vec<Mistake>) -> Condition {
        let known = surroundings.names.stages;
        let mut stages = Vec::new();
        for helps in self.helps.iter() {
            let from = lookup(&helps.from, known, "stage", mistakes);
            let to = lookup(&helps.to, known, "stage", mistakes);
            let (Some(from), Some(to)) = (from, to) else { continue };
            let leads = |transition: &TransitionSpec| {
                usize::from(transition.to) == to && transition.from.is_none_or(|leaves| usize::from(leaves) == from)
            };
            if surroundings
                .journey
                .is_some_and(|journey| !journey.transitions.iter().any(leads))
            {
                let what = format!("no transition leads from `{}` to `{}`", helps.from, helps.to);
                mistakes.push(helps.to.mistake(what, "a transition of journey.toml"));
            }
            stages.extend(u16::try_from(from + 1));
        }
        if stages.is_empty() {
            Condition::Constant(true)
        } else {
            Condition::OneOf(Category::Stage, stages)
        }
    }
}

impl At<PlacesTable> {
    /// The places; at least one.
    fn found(&self, names: &Names<'_>, mistakes: &mut Vec<Mistake>) -> Vec<PlaceIx> {
        let venue = names.venue;
        let before = mistakes.len();
        let mut places: Vec<PlaceIx> = Vec::new();
        let categories: Vec<&str> = venue.places.iter().map(|place| place.category.as_str()).collect();
        let kinds: Vec<&String> = venue.places.iter().flat_map(|place| &place.kinds).collect();
        let ids: Vec<&str> = venue.places.iter().map(|place| place.id.as_str()).collect();
        if let Some(category) = &self.category {
            lookup(category, &unique(&categories), "place of category", mistakes);
        }
        for kind in self.kinds.iter() {
            lookup(kind, &unique(&kinds), "place of kind", mistakes);
        }
        let chosen = self
            .ids
            .iter()
            .filter_map(|id| lookup(id, &ids, "place", mistakes))
            .collect::<Vec<_>>();
        let by_class = self.category.is_some() || !self.kinds.is_empty();
        for (at, place) in venue.places.iter().enumerate() {
            let of_category = self
                .category
                .as_ref()
                .is_none_or(|category| place.category == *category.value);
            let of_kind = self.kinds.is_empty()
                || self
                    .kinds
                    .iter()
                    .any(|kind| place.kinds.iter().any(|other| *other == *kind.value));
            if chosen.contains(&at) || (by_class && of_category && of_kind) {
                places.extend(u16::try_from(at).map(PlaceIx));
            }
        }
        if places.is_empty() && mistakes.len() == before {
            mistakes.push(self.mistake(
                "no place of the map is meant",
                "a `category`, `kinds` or `ids` that some place has",
            ));
        }
        places
    }
}

/// Each name once.
fn unique<S: AsRef<str> + Ord + Copy>(names: &[S]) -> Vec<S> {
    names.iter().copied().collect::<BTreeSet<S>>().into_iter().collect()
}

/// Both conditions, without the layers that say nothing.
fn both(one: &Condition, other: &Condition) -> Condition {
    let mut parts = Vec::new();
    one.conjuncts(&mut parts);
    other.conjuncts(&mut parts);
    match parts.as_slice() {
        [] => Condition::Constant(true),
        [only] => (*only).clone(),
        several => Condition::All(several.iter().map(|part| (*part).clone()).collect()),
    }
}
