//! People and the tags they carry, as a list each: who carries what, who is counted where, who was heard when.

use nextbest::engine::ZoneChange;
use nextbest::engine::spec::Spec;
use nextbest::engine::{CustomerSlot, Engine, Position};
use nextbest::model::{Consent, Purpose, STEP_MS, Signal, TagRefusal, Timestamp};
use nextbest_venue::{HubIx, LevelIx, Point, ZoneIx};

use crate::reference::Person;

/// Tags that one person may carry.
const TAGS_PER_PERSON_MAX: usize = 5;
/// For how many steps a hub counts as having heard a tag.
const RECENT_STEPS: u32 = 8;
/// For so many steps the tag of several that leads says where the person is, although another is heard later.
const LEADS_FOR_STEPS: u32 = 8;
/// So near, in metres, every hub hears a tag.
const SHOULD_HEAR_M: f32 = 8.0;
/// Sightings that are remembered of a tag.
const HEARD_LEN_MAX: usize = 512;

/// Somebody with an account.
pub(crate) struct Who {
    pub(crate) slot: CustomerSlot,
    pub(crate) person: Person,
    /// Whether they allow being located.
    pub(crate) is_located: bool,
    /// Where the crowd counts them.
    pub(crate) zone: Option<ZoneIx>,
    /// The latest step for which a position must have been written, since their place was last forgotten.
    known: Option<u32>,
    /// The step in which their place was last forgotten.
    forgotten: u32,
    /// The step of the last position that was seen of them.
    placed: u32,
    /// Decisions that were made for them, with the action.
    pub(crate) decisions: Vec<(u64, String)>,
}

/// A transmitter that somebody carries, or nobody.
pub(crate) struct Tag {
    pub(crate) owner: Option<usize>,
    pub(crate) level: LevelIx,
    pub(crate) at: Point,
    /// Who heard it in which step, and was counted, since it has this owner.
    pub(crate) heard: Vec<(HubIx, u32)>,
}

/// All people and all tags.
pub(crate) struct People {
    pub(crate) who: Vec<Who>,
    pub(crate) tags: Vec<Tag>,
}

impl Who {
    pub(crate) fn new(slot: CustomerSlot, spec: &Spec) -> Self {
        Self {
            slot,
            person: Person::new(),
            is_located: spec.settings.consent_default & Purpose::Location.bit() != 0,
            zone: None,
            known: None,
            forgotten: 0,
            placed: 0,
            decisions: Vec::new(),
        }
    }

    fn forget_place(&mut self, step: u32) {
        self.zone = None;
        self.known = None;
        self.forgotten = step;
        self.placed = 0;
    }
}

impl People {
    /// What the engine says of where somebody is must be possible; returns it.
    pub(crate) fn check_position(
        &mut self,
        engine: &Engine,
        now: Timestamp,
        number: usize,
        ttl_ms: u32,
    ) -> Option<Position> {
        let carried = self.tags.iter().filter(|tag| tag.owner == Some(number));
        let last = carried.filter_map(|tag| tag.heard.last()).map(|(_, step)| *step).max();
        let who = &mut self.who[number];
        let (position, step) = (engine.position(now, who.slot), now.step());
        let is_fresh = |heard: u32| u64::from(step - heard) * STEP_MS <= u64::from(ttl_ms);
        let Some(position) = position else {
            let is_known = who.known.is_some_and(is_fresh);
            assert!(!is_known, "heard up to step {:?}, and no position in {step}", who.known);
            return None;
        };
        let at = step - position.age_ms / STEP_MS as u32;
        assert!(
            last.is_some_and(|last| at <= last),
            "a position of step {at}, last heard in {last:?}"
        );
        assert!(at >= who.placed, "a position of step {at} after one of {}", who.placed);
        assert!(is_fresh(at), "a position of step {at} in step {step}, for {ttl_ms} ms");
        assert_eq!(
            position.zone, who.zone,
            "where they are, and where the crowd counts them"
        );
        who.placed = at;
        Some(position)
    }

    /// A sighting of a tag counted.
    pub(crate) fn on_heard(&mut self, tag: usize, hub: HubIx, step: u32) {
        let heard = &mut self.tags[tag].heard;
        let before = heard.last().map(|(_, before)| *before).filter(|before| *before < step);
        heard.push((hub, step));
        if heard.len() > HEARD_LEN_MAX {
            heard.remove(0);
        }
        if let Some(owner) = self.tags[tag].owner {
            let carried = self.tags.iter().filter(|tag| tag.owner == Some(owner)).count();
            let earlier = if carried > 1 { LEADS_FOR_STEPS } else { 0 };
            let who = &mut self.who[owner];
            // What was closed before may not come back; what is heard after is closed after.
            let before = before.filter(|before| *before > who.forgotten);
            who.known = who.known.max(before.map(|before| before - earlier));
        }
    }

    /// Somebody went elsewhere, as the engine says. Returns who.
    /// In which step that was heard, is told by `step`.
    pub(crate) fn on_change(&mut self, spec: &Spec, now: Timestamp, change: &ZoneChange, step: Option<u32>) -> usize {
        let number = self.who.iter().position(|who| who.slot == change.customer).unwrap();
        let who = &mut self.who[number];
        assert_eq!(change.from, who.zone, "who goes somewhere was where they are counted");
        let unheard_ms = u64::from(now.step() - who.placed) * STEP_MS;
        assert!(
            change.from != change.to || unheard_ms > u64::from(spec.settings.position_ttl_ms),
            "who goes nowhere was not heard for the time to live"
        );
        let stage = who.person.stage;
        who.person.date_s = now.as_secs();
        who.person.goes_to(spec, step.unwrap_or(now.step()), change.to);
        who.zone = change.to;
        let entered = (who.person.stage != stage).then_some(who.person.stage);
        assert_eq!(change.entered_stage, entered, "the stage entered by going somewhere");
        number
    }

    /// Whether a hub that heard a tag of the person in the two seconds up to a step may report the zone.
    pub(crate) fn is_vouched(&self, spec: &Spec, number: usize, zone: ZoneIx, step: u32) -> bool {
        let may_report = |hub: HubIx| {
            let hub = &spec.venue.hubs[hub.index()];
            hub.zones.contains(&zone) || (hub.zones.is_empty() && hub.level == spec.venue.zones[zone.index()].level)
        };
        let carried = self.tags.iter().filter(|tag| tag.owner == Some(number));
        let mut heard = carried.flat_map(|tag| &tag.heard);
        heard.any(|(hub, heard)| heard + RECENT_STEPS >= step && may_report(*hub))
    }

    /// Whether a signal would give somebody more tags than one may carry.
    pub(crate) fn has_room(&self, number: usize, tags: &[usize]) -> bool {
        let mut new: Vec<usize> = tags
            .iter()
            .copied()
            .filter(|tag| self.tags[*tag].owner != Some(number))
            .collect();
        new.sort_unstable();
        new.dedup();
        let carried = self.tags.iter().filter(|tag| tag.owner == Some(number)).count();
        tags.is_empty() || carried + new.len() <= TAGS_PER_PERSON_MAX
    }

    /// What a signal says about consents and tags. Returns the refusals that are expected. When the consent to be located
    /// is withdrawn in the middle of it (`is_cut_off`), the one tag of the signal is lost to everybody.
    pub(crate) fn on_identify(
        &mut self,
        step: u32,
        number: usize,
        (signal, tags): (&Signal<'_>, &[usize]),
        is_own: bool,
        is_cut_off: bool,
    ) -> Vec<Option<TagRefusal>> {
        self.on_consents(step, number, &signal.consents);
        let mut refusals = Vec::new();
        for tag in tags {
            let owner = self.tags[*tag].owner;
            let is_anothers = owner.is_some_and(|owner| owner != number);
            let refusal = if !self.who[number].is_located {
                Some(TagRefusal::NoConsent)
            } else if is_anothers && is_own {
                Some(TagRefusal::CarriedByAnother)
            } else {
                if let Some(owner) = owner.filter(|_| is_anothers) {
                    self.who[owner].forget_place(step);
                }
                if owner != Some(number) {
                    self.tags[*tag].heard.clear();
                }
                self.tags[*tag].owner = Some(number);
                is_cut_off.then_some(TagRefusal::NoConsent)
            };
            refusals.push(refusal);
        }
        if is_cut_off {
            self.on_consents(step, number, &[WITHDRAWN]);
        }
        refusals
    }

    fn on_consents(&mut self, step: u32, number: usize, consents: &[Consent]) {
        let who = &mut self.who[number];
        let was_located = who.is_located;
        for consent in consents.iter().filter(|consent| consent.purpose == Purpose::Location) {
            who.is_located = consent.allowed;
        }
        if was_located && !who.is_located {
            who.forget_place(step);
            for tag in self.tags.iter_mut().filter(|tag| tag.owner == Some(number)) {
                tag.owner = None;
                tag.heard.clear();
            }
        }
    }

    /// The consent to be located is withdrawn, by a signal that the test slipped in.
    pub(crate) fn on_withdrawn(&mut self, spec: &Spec, step: u32, number: usize) {
        self.who[number].person.identify(spec, &[], &[WITHDRAWN]);
        self.on_consents(step, number, &[WITHDRAWN]);
    }

    /// How many are counted in a zone.
    pub(crate) fn counted_in(&self, engine: &Engine, zone: ZoneIx) -> usize {
        let there = self.who.iter().filter(|who| who.zone == Some(zone));
        there.filter(|who| engine.is_counted(who.slot)).count()
    }

    /// Nobody is counted anywhere of whom one hub alone has told, although another near them has lived all the time and
    /// should hear them.
    pub(crate) fn check_counted(
        &self,
        engine: &Engine,
        spec: &Spec,
        now: Timestamp,
        has_lived: impl Fn(HubIx) -> bool,
    ) {
        for (number, who) in self.who.iter().enumerate() {
            let carried = self.tags.iter().filter(|tag| tag.owner == Some(number));
            let mut hearers: Vec<HubIx> = carried.flat_map(|tag| &tag.heard).map(|(hub, _)| *hub).collect();
            hearers.sort_unstable();
            hearers.dedup();
            let (Some(position), [alone]) = (engine.position(now, who.slot), hearers.as_slice()) else {
                continue;
            };
            let should_hear = |(ix, hub): (u16, &nextbest_venue::Hub)| {
                let away_m = (hub.at.east_m - position.east_m).hypot(hub.at.north_m - position.north_m);
                HubIx(ix) != *alone && hub.level == position.level && away_m < SHOULD_HEAR_M && has_lived(HubIx(ix))
            };
            let is_told_by_one = (0..).zip(&spec.venue.hubs).any(should_hear);
            assert!(
                !(is_told_by_one && engine.is_counted(who.slot)),
                "counted by the word of hub {} alone",
                alone.0
            );
        }
    }

    /// How many tags are registered.
    pub(crate) fn tags_registered(&self) -> usize {
        self.tags.iter().filter(|tag| tag.owner.is_some()).count()
    }
}

/// Withdraws the consent to be located.
pub(crate) const WITHDRAWN: Consent = Consent::new(Purpose::Location, false);
