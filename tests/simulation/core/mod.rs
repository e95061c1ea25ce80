//! A minute of a venue in virtual time: everything that can happen, in an order that a seed draws, against models that
//! are too simple to be wrong.
//!
//! Hubs send, lose, repeat, delay and reorder; boot, reconnect, fall silent and go; lie about ages and about whom they
//! hear. People get, lose and pass on tags, consent and withdraw, do things, ask, and answer back. Signals come twice,
//! with another content, late. Places close and sell out, clocks jump, generations change. After every event the promises
//! are checked.
//!
//! Reading order: [`swarm`] (what each seed starts with), this file (time, hubs and what they hear), [`hub`] and
//! [`people`] (the models), [`says`] (signals), [`asks`] (decides), [`ids`], [`checks`] (what must hold), and [`seams`]
//! (what gets in between two steps of one call). Deliberately absent: threads, sockets, and the journal.

mod asks;
mod checks;
mod hub;
mod ids;
mod people;
mod says;
mod seams;
mod swarm;

use std::collections::BTreeMap;
use std::sync::Arc;

use nextbest::engine::spec::Spec;
use nextbest::engine::{Engine, Generation, Scratch, SightingOutcome, VenueTime};
use nextbest::model::{STEP_MS, Sighting, TagId, TagKind, Timestamp};
use nextbest_venue::{HubIx, PlaceIx, Point, ZoneIx};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::reference::House;
use crate::support::world::tag_id;

use hub::Hub;
use ids::Ids;
use people::{People, Tag, Who};
use seams::{Seams, Slipped};

/// Steps of a quarter of a second in one run.
const STEPS: u32 = 120;
/// People with an account.
const PEOPLE: u32 = 5;
/// Tags that they pass around.
const TAGS: u32 = 8;
/// The number of the first stranger's transmitter.
const STRANGERS_FROM: u32 = 1_000;
/// Hubs that hear one tag in one step.
const HEARERS_MAX: usize = 3;
/// A moment at which nothing is zero, so that a zero shows.
const START_MS: u64 = 1_000_000;

/// What happened in a run, counted; of all seeds together nothing may be missing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Happened(pub(crate) BTreeMap<&'static str, u64>);

impl Happened {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// How many, of what came to the engine from outside. What was looked at is counted too, and is no event.
    pub(crate) fn events(&self) -> u64 {
        let is_event = |what: &str| {
            !["zone", "position", "entered", "left"]
                .iter()
                .any(|looked| what.starts_with(looked))
        };
        self.0
            .iter()
            .filter(|(what, _)| is_event(what))
            .map(|(_, count)| count)
            .sum()
    }
}

/// A sighting on its way to the gateway.
#[derive(Clone, Copy)]
struct OnTheWay {
    hub: usize,
    epoch: u64,
    sequence: u64,
    tag: u32,
    rssi_dbm: i8,
    heard_ms: u64,
    /// What the hub's clock makes of its age; `None`: the truth.
    age_ms: Option<u32>,
}

/// The engine, the models beside it, and what is on its way.
struct Sim {
    rng: ChaCha8Rng,
    engine: Arc<Engine>,
    generation: Arc<Generation>,
    /// The one before, which requests that were under way still use.
    former: Option<Arc<Generation>>,
    now_ms: u64,
    hubs: Vec<Hub>,
    people: People,
    ids: Ids,
    house: House,
    /// By the moment of arrival, and a number that keeps them apart.
    on_the_way: BTreeMap<(u64, u64), OnTheWay>,
    sent: u64,
    /// What hubs sent lately, to be sent again.
    lately: Vec<OnTheWay>,
    /// How likely a tick is on time; one that is not does not come at all.
    tick_share: f64,
    /// By zone: whether a living hub saw it at the last tick.
    seen: Vec<bool>,
    served: Vec<u32>,
    messages: u64,
    /// Signals that were applied, to be sent again.
    sayings: Vec<(u32, String, says::Says)>,
    seams: Seams,
    scratch: Scratch,
    happened: Happened,
    /// A fold of all that was answered: the same seed gives the same.
    trace: u64,
}

/// Runs one seed; panics at the first broken promise. Returns what happened, and a fold of every answer.
pub(crate) fn run(seed: u64, bases: &[Spec]) -> (Happened, u64) {
    let mut sim = Sim::new(seed, bases);
    for _ in 0..STEPS {
        sim.step();
    }
    (sim.happened, sim.trace)
}

impl Sim {
    fn new(seed: u64, bases: &[Spec]) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // The first is small, and most seeds run in it.
        let base = if rng.random_bool(0.9) {
            &bases[0]
        } else {
            &bases[bases.len() - 1]
        };
        let spec = swarm::of(base, &mut rng);
        let engine = Arc::new(Engine::new(Generation::build(spec.clone()).unwrap()).unwrap());
        let now = Timestamp::from_millis(START_MS);
        let hubs = (0..spec.venue.hubs.len() as u16).map(|hub| Hub::connect(&engine, now, HubIx(hub), 1));
        let who = (0..PEOPLE).map(|person| Who::new(engine.customer(&format!("p{person}")).unwrap(), &spec));
        let tag = |_| {
            let place = spec.venue.places.choose(&mut rng).unwrap();
            Tag {
                owner: None,
                level: place.level,
                at: place.at,
                heard: Vec::new(),
            }
        };
        let tags = (0..TAGS).map(tag).collect();
        Self {
            hubs: hubs.collect(),
            people: People {
                who: who.collect(),
                tags,
            },
            ids: Ids::new(spec.settings.message_ids_max),
            house: House {
                phase: spec.settings.phase.map_or(0, |phase| u16::from(phase) + 1),
                minute_of_day: f32::NAN,
                closed: Vec::new(),
                sold_out: Vec::new(),
                outlooks: Vec::new(),
            },
            tick_share: if rng.random_bool(0.5) { 1.0 } else { 0.3 },
            seen: vec![true; spec.venue.zones.len()],
            served: vec![0; spec.venue.places.len()],
            generation: engine.generation(),
            former: None,
            now_ms: START_MS,
            on_the_way: BTreeMap::new(),
            sent: 0,
            lately: Vec::new(),
            messages: 0,
            sayings: Vec::new(),
            seams: Seams::new(&engine),
            scratch: Scratch::default(),
            happened: Happened::default(),
            trace: 0,
            engine,
            rng,
        }
    }

    const fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms)
    }

    fn any_place(&mut self) -> PlaceIx {
        PlaceIx(self.rng.random_range(0..self.generation.venue().places.len() as u16))
    }

    /// One step of the locator: people walk, hubs hear, what is due arrives; then something else happens.
    fn step(&mut self) {
        self.walk();
        for tag in 0..TAGS {
            if self.rng.random_bool(0.6) {
                self.is_heard(tag);
            }
        }
        self.something_odd();
        for _ in 0..2 {
            self.now_ms += STEP_MS / 2;
            self.arrive();
            self.something_happens();
            checks::people(self);
        }
        if self.rng.random_bool(self.tick_share) {
            self.tick();
        }
        checks::venue(self);
    }

    fn walk(&mut self) {
        for tag in 0..TAGS as usize {
            if self.rng.random_bool(0.07) {
                let place = self.any_place();
                let place = &self.generation.venue().places[place.index()];
                let (level, at) = (place.level, place.at);
                (self.people.tags[tag].level, self.people.tags[tag].at) = (level, at);
            }
        }
    }

    /// The nearest hubs that are not silent hear a tag, and say so sooner or later, once or twice, or never.
    fn is_heard(&mut self, tag: u32) {
        let Tag { level, at, .. } = self.people.tags[tag as usize];
        let away_m = |to: Point| (to.east_m - at.east_m).hypot(to.north_m - at.north_m).hypot(2.0);
        let venue = Arc::clone(self.generation.venue());
        let awake = self.hubs.iter().filter(|hub| hub.silent_until_ms <= self.now_ms);
        let mut near: Vec<(f32, HubIx)> = awake
            .map(|hub| (&venue.hubs[hub.ix.index()], hub.ix))
            .filter(|(hub, _)| hub.level == level)
            .map(|(hub, ix)| (away_m(hub.at), ix))
            .collect();
        near.sort_by(|one, other| one.0.total_cmp(&other.0));
        let settings = &self.generation.settings();
        let (at_1m_dbm, exponent) = (settings.path_loss_1m_dbm, settings.path_loss_exponent);
        for (away_m, hub) in near.into_iter().take(HEARERS_MAX) {
            let sway_db = self.rng.random_range(-4.0..4.0);
            let rssi_dbm = (at_1m_dbm - 10.0 * exponent * away_m.log10() + sway_db).round() as i8;
            self.send(hub, tag, rssi_dbm);
        }
    }

    /// A hub gives a number to what it heard and sends it.
    fn send(&mut self, hub: HubIx, tag: u32, rssi_dbm: i8) {
        let hub = hub.index();
        let is_confused = self.rng.random_bool(0.02);
        let sighting = OnTheWay {
            hub,
            epoch: self.hubs[hub].epoch,
            sequence: self.hubs[hub].next,
            tag,
            rssi_dbm,
            heard_ms: self.now_ms,
            age_ms: is_confused.then(|| self.rng.random_range(0..20_000)),
        };
        self.hubs[hub].next += 1;
        self.lately.push(sighting);
        if self.lately.len() > 64 {
            self.lately.remove(0);
        }
        if self.rng.random_bool(0.08) {
            return self.happened.count("sighting lost");
        }
        let copies = if self.rng.random_bool(0.1) { 2 } else { 1 };
        for _ in 0..copies {
            let delay_ms = match self.rng.random_range(0..100) {
                0..3 => self.rng.random_range(1_000..9_000),
                3..20 => self.rng.random_range(100..1_000),
                _ => self.rng.random_range(0..100),
            };
            self.put_on_the_way(sighting, delay_ms);
        }
    }

    fn put_on_the_way(&mut self, sighting: OnTheWay, delay_ms: u64) {
        self.sent += 1;
        self.on_the_way.insert((self.now_ms + delay_ms, self.sent), sighting);
    }

    /// Everything that is due arrives.
    fn arrive(&mut self) {
        while let Some(first) = self
            .on_the_way
            .first_entry()
            .filter(|first| first.key().0 <= self.now_ms)
        {
            let sighting = first.remove();
            if self.hubs[sighting.hub].session_of(sighting.epoch).is_some() {
                self.take(&sighting);
            } else {
                self.happened.count("sighting of a closed session");
            }
        }
    }

    /// One sighting comes to the engine, which must say of it what it is.
    fn take(&mut self, sighting: &OnTheWay) {
        let now = self.now();
        let age_ms = sighting.age_ms.unwrap_or((self.now_ms - sighting.heard_ms) as u32);
        let owner = self.people.tags.get(sighting.tag as usize).and_then(|tag| tag.owner);
        let withdraws = owner.filter(|_| self.seams.are_marked() && self.rng.random_bool(0.004));
        let withdrawal = self.next_message_id();
        if let Some(owner) = withdraws {
            let slot = self.people.who[owner].slot;
            self.seams.plan(now, slot, Slipped::Withdraw(withdrawal.clone()));
        }
        let heard = Sighting {
            tag: name_of(sighting.tag),
            rssi_dbm: sighting.rssi_dbm,
            age_ms,
        };
        let hub = &mut self.hubs[sighting.hub];
        let session = hub.session_of(sighting.epoch).unwrap();
        let is_first = session.takes(sighting.sequence);
        let outcome = self
            .engine
            .on_sighting(now, &mut session.intake, sighting.sequence, &heard);
        session.became(outcome);
        hub.says_something(&self.engine, now, sighting.epoch);
        let (is_withdrawn, _) = self.seams.take();
        checks::outcome(self, sighting, age_ms, is_first, outcome, is_withdrawn);
        if let (true, Some(owner)) = (is_withdrawn, withdraws) {
            let spec = self.generation.spec();
            self.people.on_withdrawn(spec, now.step(), owner);
            let sender = self.people.who[owner].slot.0;
            self.ids.push(sender, withdrawal, 0);
            self.happened.count("withdrawn while placed");
        }
        self.fold(&outcome);
    }

    /// Time passes in the venue, and what the engine makes of it must follow from what happened.
    fn tick(&mut self) {
        let now = self.now();
        for hub in 0..self.hubs.len() {
            if self.hubs[hub].silent_until_ms <= self.now_ms && self.rng.random_bool(0.3) {
                let epoch = self.hubs[hub].epoch;
                self.hubs[hub].says_something(&self.engine, now, epoch);
            }
        }
        let minute = self.rng.random_range(0..24 * 60_u16);
        // The wall clock jumps as it likes.
        self.house.minute_of_day = if self.rng.random_bool(0.5) {
            1_200.0
        } else {
            f32::from(minute)
        };
        let time = VenueTime {
            minute_of_day: Some(self.house.minute_of_day as u16),
        };
        let mut changes = Vec::new();
        let engine = &self.engine;
        engine.tick(now, time, |change| {
            changes.push((change, checks::placed_step(engine, now, change.customer)));
        });
        let dead_after_ms = self.generation.settings().hub_dead_after_ms;
        let venue = Arc::clone(self.generation.venue());
        for (zone_ix, zone) in (0..).zip(&venue.zones) {
            let sees = |hub: &Hub| {
                let zones = &venue.hubs[hub.ix.index()].zones;
                let of_level = zones.is_empty() && venue.hubs[hub.ix.index()].level == zone.level;
                hub.is_alive(now, dead_after_ms) && (of_level || zones.contains(&ZoneIx(zone_ix)))
            };
            let is_seen = self.hubs.iter().any(sees);
            self.seen[usize::from(zone_ix)] = is_seen;
            self.happened.count(if is_seen { "zone seen" } else { "zone unseen" });
        }
        for (change, step) in changes {
            checks::change(self, &change, step);
        }
    }

    /// Something that does not happen in every step: hubs fail, lie and come back, time leaps, generations change.
    fn something_odd(&mut self) {
        let hub = self.rng.random_range(0..self.hubs.len());
        let now = self.now();
        match self.rng.random_range(0..100) {
            0..4 => {
                let oldest = self.rng.random_range(0..40);
                self.hubs[hub].boot(&self.engine, now, oldest);
                self.happened.count("hub booted");
            }
            4..8 => {
                self.hubs[hub].reconnect(&self.engine, now);
                self.happened.count("hub reconnected");
            }
            8..14 => {
                self.hubs[hub].silent_until_ms = self.now_ms + self.rng.random_range(500..9_000);
                self.happened.count("hub silent");
            }
            14..16 => {
                self.engine.on_hub_gone(HubIx(hub as u16));
                self.hubs[hub].alive_ms = None;
                self.hubs[hub].silent_until_ms = self.now_ms + self.rng.random_range(0..5_000);
                self.happened.count("hub gone");
            }
            16..18 => self.numbers_skipped(hub),
            18..34 => {
                for _ in 0..4 {
                    if let Some(again) = self.lately.choose(&mut self.rng).copied() {
                        self.put_on_the_way(again, 0);
                        self.happened.count("sighting sent again");
                    }
                }
            }
            34..42 => {
                let tag = self.rng.random_range(0..TAGS);
                let rssi_dbm = self.rng.random_range(-75..-35);
                for _ in 0..3 {
                    self.send(HubIx(hub as u16), tag, rssi_dbm);
                }
                self.happened.count("made up");
            }
            42..48 => {
                let stranger = STRANGERS_FROM + self.rng.random_range(0..50);
                self.send(HubIx(hub as u16), stranger, -60);
            }
            48..50 => self.time_leaps(),
            50..53 => self.publish(),
            53..58 => checks::copied_tag(self),
            _ => {}
        }
    }

    /// A hub drops about as many numbers as the window has, and then sends one from before.
    fn numbers_skipped(&mut self, hub: usize) {
        let before = self.hubs[hub].next;
        self.hubs[hub].next += self.rng.random_range(1_020..1_030);
        let tag = self.rng.random_range(0..TAGS);
        self.send(HubIx(hub as u16), tag, -60);
        for sequence in before..before + 8 {
            let late = OnTheWay {
                hub,
                epoch: self.hubs[hub].epoch,
                sequence,
                tag,
                rssi_dbm: -60,
                heard_ms: self.now_ms,
                age_ms: None,
            };
            self.put_on_the_way(late, 120);
        }
        self.happened.count("numbers skipped");
    }

    /// The machine is suspended, or nothing happens: about as long as something lasts.
    fn time_leaps(&mut self) {
        let settings = self.generation.settings();
        let lasts = [settings.position_ttl_ms, settings.hub_dead_after_ms, 2_000, 3_600_000];
        let leap_ms = u64::from(*lasts.choose(&mut self.rng).unwrap()) + STEP_MS * self.rng.random_range(0..3);
        self.now_ms += leap_ms;
        self.happened.count("time leapt");
    }

    fn publish(&mut self) {
        let spec = swarm::after(self.generation.spec(), &mut self.rng);
        self.engine.publish(Generation::build(spec).unwrap()).unwrap();
        self.former = Some(std::mem::replace(&mut self.generation, self.engine.generation()));
        self.happened.count("generation published");
    }

    /// People do and ask something, or the venue says something.
    fn something_happens(&mut self) {
        match self.rng.random_range(0..100) {
            0..35 => says::somebody(self),
            35..45 => says::the_venue(self),
            45..90 => asks::somebody(self),
            90..96 => asks::outcome(self),
            _ => {}
        }
    }

    fn next_message_id(&mut self) -> String {
        self.messages += 1;
        format!("m{}", self.messages)
    }

    /// Folds what was answered into the trace.
    fn fold(&mut self, answered: &impl std::fmt::Debug) {
        let bytes = format!("{answered:?}").into_bytes();
        self.trace = bytes.iter().fold(self.trace ^ self.now_ms, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
    }
}

/// What a transmitter calls itself.
fn name_of(tag: u32) -> TagId {
    if tag < STRANGERS_FROM || tag.is_multiple_of(2) {
        tag_id(tag)
    } else {
        TagId::new(TagKind::EddystoneUid, &[(tag % 100) as u8 + 1; 16]).unwrap()
    }
}

/// What the engine said of a sighting, as a word to count.
const fn word_of(outcome: &SightingOutcome) -> &'static str {
    match outcome {
        SightingOutcome::Folded => "sighting folded",
        SightingOutcome::Moved(_) => "sighting moved somebody",
        SightingOutcome::Duplicate => "sighting was a duplicate",
        SightingOutcome::Late => "sighting was late",
        SightingOutcome::Beacon => "sighting of a beacon",
        SightingOutcome::UnknownTag => "sighting of a stranger",
        SightingOutcome::NotARadioValue => "sighting without a value",
        SightingOutcome::Contradicted => "sighting contradicted",
    }
}
