//! `journey.toml`: stages, the transitions between them, the events that apps and tills send, and what is remembered.

use nextbest_venue::{Venue, ZoneIx};

use super::names::{distinct, lookup};
use super::traits::{EventTable, TraitTable};
use crate::config::condition::{Names, Role, can_hold, compile};
use crate::config::mistake::Mistake;
use crate::config::table::{At, Id, List, Name, Text, table};
use crate::engine::condition::{Category, Condition};
use crate::engine::spec::{JourneySpec, STAGES_MAX, TransitionSpec, Trigger};

/// Transitions of one lifecycle.
const TRANSITIONS_MAX: usize = 256;

table! {
    /// The lifecycle of a customer: its stages, what moves people between them, and what is remembered of them.
    JourneyFile {
        /// Events of signals, as apps and tills send them.
        event: List<EventTable>,
        /// What is remembered of a person.
        r#trait: List<TraitTable>,
        /// The stages; a new customer is in the first.
        stage: List<StageTable>,
        /// What moves people between stages; of those that could fire the first one wins.
        transition: List<TransitionTable>,
    }
}

table! {
    /// A stage of the lifecycle.
    StageTable {
        /// Its id.
        id: At<Id>,
    }
}

table! {
    /// A way from one stage to another, set off by one of `event`, `zone` and `zone_category`.
    TransitionTable {
        /// The stage it leaves; without it: any other than `to`.
        from: Option<At<Id>>,
        /// The stage it enters.
        to: At<Id>,
        /// A signal with this event sets it off.
        event: Option<At<Name>>,
        /// Entering this zone sets it off.
        zone: Option<At<Name>>,
        /// Entering a zone of this category sets it off.
        zone_category: Option<At<Name>>,
        /// What must hold then, after the signal's traits were applied.
        when: Option<At<Text>>,
    }
}

impl JourneyFile {
    /// Whether every name could be read.
    pub(super) fn is_complete(&self) -> bool {
        self.event.is_complete && self.r#trait.is_complete && self.stage.is_complete && self.transition.is_complete
    }

    /// The stages.
    pub(super) fn stages(&self, mistakes: &mut Vec<Mistake>) -> Vec<String> {
        distinct(self.stage.iter().map(|stage| &stage.id), "stage", STAGES_MAX, mistakes)
    }

    /// The lifecycle: every transition can fire, and every stage can be reached from the first.
    pub(super) fn journey(&self, names: &Names<'_>, mistakes: &mut Vec<Mistake>) -> JourneySpec {
        let mut transitions: Vec<TransitionSpec> = Vec::new();
        for (at, table) in self.transition.iter().enumerate() {
            if at == TRANSITIONS_MAX {
                mistakes.push(
                    table
                        .to
                        .mistake("there are too many transitions", format!("at most {TRANSITIONS_MAX}")),
                );
            }
            if let Some(transition) = table.transition(names, &transitions, mistakes) {
                transitions.push(transition);
            }
        }
        let journey = JourneySpec {
            stages: names.stages.to_vec(),
            transitions,
        };
        // A transition that was refused would have reached its stage.
        if journey.transitions.len() == self.transition.len() {
            self.check_reachable(&journey, mistakes);
        }
        journey
    }

    fn check_reachable(&self, journey: &JourneySpec, mistakes: &mut Vec<Mistake>) {
        let mut reached = vec![false; journey.stages.len()];
        if let Some(first) = reached.first_mut() {
            *first = true;
        }
        // Each round reaches at least one more stage, or is the last.
        for _ in 0..journey.stages.len() {
            for transition in &journey.transitions {
                let leaves = transition
                    .from
                    .is_none_or(|from| reached.get(usize::from(from)) == Some(&true));
                if let Some(stage) = reached.get_mut(usize::from(transition.to)).filter(|_| leaves) {
                    *stage = true;
                }
            }
        }
        for (table, _) in self.stage.iter().zip(&reached).filter(|(_, reached)| !**reached) {
            let what = format!("the stage `{}` can never be reached", table.id);
            mistakes.push(table.id.mistake(what, "a chain of transitions from the first stage"));
        }
    }
}

impl TransitionTable {
    fn transition(
        &self,
        names: &Names<'_>,
        earlier: &[TransitionSpec],
        mistakes: &mut Vec<Mistake>,
    ) -> Option<TransitionSpec> {
        let from = self
            .from
            .as_ref()
            .map(|from| lookup(from, names.stages, "stage", mistakes));
        let to = lookup(&self.to, names.stages, "stage", mistakes);
        let on = self.trigger(names, mistakes);
        let when = match &self.when {
            Some(text) => compile(text, names, self.role(), mistakes),
            None => Some(Condition::Constant(true)),
        };
        let from = match from {
            Some(found) => Some(u8::try_from(found?).ok()?),
            None => None,
        };
        let transition = TransitionSpec {
            from,
            to: u8::try_from(to?).ok()?,
            on: on?,
            when: when?,
        };
        self.check_can_fire(&transition, names, earlier, mistakes)?;
        Some(transition)
    }

    const fn role(&self) -> Role {
        if self.event.is_some() {
            Role::OnEvent
        } else {
            Role::OnZone
        }
    }

    fn trigger(&self, names: &Names<'_>, mistakes: &mut Vec<Mistake>) -> Option<Trigger> {
        match (&self.event, &self.zone, &self.zone_category) {
            (Some(event), None, None) => {
                let at = lookup(event, &names.vocabulary.events, "event", mistakes)?;
                u16::try_from(at).ok().map(Trigger::Event)
            }
            (None, Some(zone), None) => {
                let zones: Vec<&str> = names.venue.zones.iter().map(|zone| zone.id.as_str()).collect();
                let at = lookup(zone, &zones, "zone", mistakes)?;
                u16::try_from(at).ok().map(|at| Trigger::Zone(ZoneIx(at)))
            }
            (None, None, Some(category)) => {
                let at = lookup(category, &names.vocabulary.zone_categories, "zone category", mistakes)?;
                u16::try_from(at).ok().map(Trigger::ZoneCategory)
            }
            _ => {
                let what = "it is not clear what sets the transition off";
                mistakes.push(
                    self.to
                        .mistake(what, "exactly one of `event`, `zone` and `zone_category`"),
                );
                None
            }
        }
    }

    fn check_can_fire(
        &self,
        transition: &TransitionSpec,
        names: &Names<'_>,
        earlier: &[TransitionSpec],
        mistakes: &mut Vec<Mistake>,
    ) -> Option<()> {
        if transition.from == Some(transition.to) {
            mistakes.push(
                self.to
                    .mistake("the transition leads to the stage it leaves", "another stage"),
            );
            return None;
        }
        if !is_heard(&transition.on, names) {
            let at = self.zone.as_ref().or(self.zone_category.as_ref())?;
            mistakes.push(at.mistake(
                "the transition can never fire: no hub reports such a zone",
                "a zone of a hub",
            ));
            return None;
        }
        let given = given(transition);
        if let Some(when) = self.when.as_ref().filter(|_| !can_hold(&[&given, &transition.when])) {
            mistakes.push(when.mistake(
                "the transition can never fire",
                "a condition that can hold in the stage it leaves",
            ));
            return None;
        }
        let wins = |other: &TransitionSpec| {
            other.on == transition.on
                && (other.from == transition.from || other.from.is_none() && Some(other.to) != transition.from)
                && other.when == Condition::Constant(true)
        };
        if earlier.iter().any(wins) {
            let what = "the transition can never fire: an earlier one with the same trigger always wins";
            mistakes.push(self.to.mistake(what, "the one with `when` first"));
            return None;
        }
        Some(())
    }
}

/// Whether a hub may report the zone that sets it off; a venue without hubs has other means.
fn is_heard(trigger: &Trigger, names: &Names<'_>) -> bool {
    let Venue { hubs, zones, .. } = names.venue;
    let mut reported = hubs.iter().flat_map(|hub| &hub.zones);
    match trigger {
        Trigger::Event(_) => true,
        _ if hubs.is_empty() => true,
        Trigger::Zone(zone) => reported.any(|other| other == zone),
        Trigger::ZoneCategory(category) => {
            let category = names.vocabulary.zone_categories.get(usize::from(*category));
            reported.any(|zone| zones.get(zone.index()).map(|zone| &zone.category) == category)
        }
    }
}

/// What is certain when the transition is looked at.
fn given(transition: &TransitionSpec) -> Condition {
    let stage = |stage: u8| Condition::OneOf(Category::Stage, vec![u16::from(stage) + 1]);
    let stage = match transition.from {
        Some(from) => stage(from),
        None => Condition::Not(Box::new(stage(transition.to))),
    };
    match transition.on {
        Trigger::Event(event) => Condition::All(vec![stage, Condition::OneOf(Category::Event, vec![event + 1])]),
        Trigger::Zone(_) | Trigger::ZoneCategory(_) => stage,
    }
}
