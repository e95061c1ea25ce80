//! A museum with twenty hubs in virtual time, people who walk about in it, a noisy air, and one hub that lies.
//!
//! The same seed gives the same walks and, up to the first lie, the same readings. Beside each lying hub stands what the
//! venue says without a lie: with all hubs, and with the hub mute, each in several airs, since noise alone puts people
//! into wrong zones at times. Deliberately absent: any judgement, and sessions; these are the engine's promises.

use std::sync::Arc;

use nextbest::engine::spec::Spec;
use nextbest::engine::{CustomerSlot, HubOddities, SightingOutcome};
use nextbest_venue::{Hub, HubIx, LevelIx, Point, Zone, ZoneIx};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::small;
use crate::support::world::{World, tag_id};

/// Hubs of the venue.
pub(crate) const HUBS: usize = 20;
/// People who walk about.
pub(crate) const PEOPLE: u32 = 24;
/// People with a tag who are not there.
const ABSENT: u32 = 24;
const STEPS_PER_S: u32 = 4;
/// Nobody lies before.
const WARM_UP_S: u32 = 20;
/// For how long the hub lies.
const LIES_S: u32 = 60;
/// Airs in which the venue is heard without a lie.
const AIRS: u64 = 4;
/// Whom the locator puts so near to a zone without any lie, in metres, may be in it.
const ERROR_M: f32 = 5.0;
/// By so many steps people may be told of earlier or later, without any lie.
const LATER_STEPS: usize = 24;
/// For so many steps what a hub said is believed of a tag.
const BELIEVED_STEPS: usize = 8;
/// What a radio hears at least, in dBm.
const FAINTEST_DBM: f32 = -95.0;

/// What the hub says that is not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// It says nothing.
    Mute,
    /// It hears everybody, at strengths drawn at random.
    Random,
    /// It hears everybody as if they stood before it.
    Loud,
    /// It hears everybody at a strength that many would have.
    Steady,
    /// It hears everybody before it for a second, then not at all for three.
    Teleport,
    /// It hears two people who are not there as if they stood before it, and nobody else: a copied tag is as much.
    Copies,
    /// It says again what it heard before.
    Replay,
    /// It hears people who are not in the venue.
    Absent,
    /// It hears people who are not in the venue so faintly that they would be far from it, in zones of others.
    Faint,
    /// It sends strengths that no radio gives.
    NoRadio,
    /// It hears more strangers than a radio can.
    Flood,
    /// All of it.
    All,
}

/// Every lie, silence apart.
pub(crate) const LIES: [Lie; 11] = [
    Lie::Random,
    Lie::Loud,
    Lie::Steady,
    Lie::Teleport,
    Lie::Copies,
    Lie::Replay,
    Lie::Absent,
    Lie::Faint,
    Lie::NoRadio,
    Lie::Flood,
    Lie::All,
];

/// What the gateway said, step by step.
#[derive(Default)]
pub(crate) struct Run {
    /// By person: the zones, by step.
    zones: Vec<Vec<Option<ZoneIx>>>,
    /// By step: the people counted, by zone.
    crowds: Vec<Vec<u32>>,
    /// By person: the steps in which a lie about them counted.
    misled: Vec<Vec<u32>>,
    /// By hub: the step in which it was first flagged.
    flagged: Vec<Option<u32>>,
    /// By hub: every flag that it had.
    pub(crate) oddities: Vec<HubOddities>,
}

/// The venue of one seed, without a lie.
pub(crate) struct Truth {
    pub(crate) seed: u64,
    pub(crate) rogue: HubIx,
    spec: Spec,
    routes: Vec<Vec<(LevelIx, Point)>>,
    pub(crate) honest: Vec<Run>,
    mute: Vec<Run>,
}

impl Truth {
    /// What the venue says of itself.
    pub(crate) fn new(seed: u64) -> Self {
        let spec = twenty_hubs();
        let world = World::new(spec.clone());
        let mut truth = Self {
            seed,
            rogue: HubIx((seed * 7 % HUBS as u64) as u16),
            routes: routes(&world, &mut ChaCha8Rng::seed_from_u64(seed)),
            spec,
            honest: Vec::new(),
            mute: Vec::new(),
        };
        truth.honest = (0..AIRS).map(|air| truth.run(None, air, 0.0)).collect();
        truth.mute = (0..AIRS).map(|air| truth.run(Some(Lie::Mute), air, 0.0)).collect();
        truth
    }

    /// What it says when its hub lies.
    pub(crate) fn lying(&self, lie: Lie) -> Run {
        self.run(Some(lie), 0, 0.0)
    }

    /// What it says, without a lie, of tags that are so much stronger than its map was made for.
    pub(crate) fn of_strong_tags(&self, stronger_db: f32) -> Run {
        self.run(None, 0, stronger_db)
    }

    fn run(&self, lie: Option<Lie>, air: u64, stronger_db: f32) -> Run {
        let mut world = World::new(self.spec.clone());
        let people: Vec<CustomerSlot> = (0..PEOPLE + ABSENT)
            .map(|person| world.customer(&format!("p{person}"), Some(person)))
            .collect();
        let mut air = ChaCha8Rng::seed_from_u64(1_000 + self.seed * AIRS + air);
        let mut liar = Liar {
            hub: self.rogue,
            heard: Vec::new(),
            counted: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(self.seed),
        };
        let mut run = Run::new(people.len());
        for step in 0..(WARM_UP_S + LIES_S) * STEPS_PER_S {
            let lie = lie.filter(|_| step >= WARM_UP_S * STEPS_PER_S);
            self.hear(&mut world, step, (lie, stronger_db), &mut air, &mut liar);
            if let Some(lie) = lie {
                liar.tell(&mut world, lie, step);
            }
            for person in liar.counted.drain(..) {
                run.misled[person as usize].push(step);
            }
            world.step();
            run.note(&world, &people, step);
        }
        run
    }

    /// The hubs hear everybody who is there: half of what is sent, with noise, and with bodies in between.
    fn hear(
        &self,
        world: &mut World,
        step: u32,
        (lie, stronger_db): (Option<Lie>, f32),
        air: &mut ChaCha8Rng,
        liar: &mut Liar,
    ) {
        for (tag, route) in (0..PEOPLE).zip(&self.routes) {
            let (level, at) = route[step as usize];
            for mut heard in world.heard_at(tag_id(tag), level, at) {
                let noise_db: f32 = (0..4).map(|_| air.random_range(-4.0..4.0)).sum();
                let body_db = if air.random_bool(0.3) { 8.0 } else { 0.0 };
                let rssi_dbm = f32::from(heard.sighting.rssi_dbm) + stronger_db + noise_db - body_db;
                let is_heard = air.random_bool(0.5) && rssi_dbm > FAINTEST_DBM;
                if !is_heard || (heard.hub == liar.hub && lie == Some(Lie::Mute)) {
                    continue;
                }
                heard.sighting.rssi_dbm = rssi_dbm.round() as i8;
                if heard.hub == liar.hub {
                    liar.heard.push((tag, heard.sighting.rssi_dbm));
                }
                world.hear(&heard);
            }
        }
    }

    /// The people, and steps, in which a lie put somebody into a zone that is not the lying hub's: a lie about them counted
    /// in the seconds before, they are not near the zone, and nobody would have put them there without a lie.
    pub(crate) fn moved(&self, lying: &Run) -> Vec<(usize, usize)> {
        let is_misled = |person: usize, step: usize| {
            let counted = lying.misled[person].iter().map(|counted| *counted as usize);
            let mut before = counted.filter(|counted| *counted <= step);
            before.any(|counted| counted + BELIEVED_STEPS >= step)
        };
        let misplaced = self.misplaced_steps(lying);
        let misplaced = misplaced.flat_map(|(person, steps)| steps.into_iter().map(move |step| (person, step)));
        misplaced.filter(|(person, step)| is_misled(*person, *step)).collect()
    }

    /// How many people were in zones that nothing explains but the run itself.
    pub(crate) fn misplaced(&self, run: &Run) -> usize {
        self.misplaced_steps(run).filter(|(_, steps)| !steps.is_empty()).count()
    }

    /// How many people one more air puts into such zones, without a lie.
    pub(crate) fn misplaced_by_noise(&self) -> usize {
        self.misplaced(&self.run(None, AIRS, 0.0))
    }

    /// By person: the steps in which they were in a zone that is not the lying hub's, that they are not near, and that
    /// nobody would have put them into in any of the airs without a lie.
    fn misplaced_steps<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = (usize, Vec<usize>)> + 'a {
        let own = &self.spec.venue.hubs[self.rogue.index()].zones;
        let is_misplaced =
            |person: usize, step: usize, zone: ZoneIx| !own.contains(&zone) && !self.is_explained(person, step, zone);
        run.zones.iter().enumerate().map(move |(person, zones)| {
            let placed = zones.iter().enumerate();
            let placed = placed.filter_map(|(step, zone)| Some((step, (*zone)?)));
            let misplaced = placed.filter(|(step, zone)| is_misplaced(person, *step, *zone));
            (person, misplaced.map(|(step, _)| step).collect())
        })
    }

    fn is_explained(&self, person: usize, step: usize, zone: ZoneIx) -> bool {
        let Some(route) = self.routes.get(person) else {
            return false;
        };
        let around = around(step, route.len());
        let area = &self.spec.venue.zones[zone.index()];
        let mut told = self.honest.iter().chain(&self.mute);
        route[around.clone()].iter().any(|at| is_near(area, *at))
            || told.any(|run| run.zones[person][around.clone()].contains(&Some(zone)))
    }

    /// By how many people the crowd of any zone was too large, and too small, beyond all that it is without the lie.
    pub(crate) fn crowd_errors(&self, lying: &Run) -> (u32, u32) {
        let (mut over, mut under) = (0, 0);
        for (step, crowd) in lying.crowds.iter().enumerate() {
            for (zone, people) in crowd.iter().enumerate() {
                let told = self.honest.iter().chain(&self.mute);
                let told = told.flat_map(|run| &run.crowds[around(step, run.crowds.len())]);
                let (least, most) = told.fold((u32::MAX, 0), |(least, most), crowd| {
                    (least.min(crowd[zone]), most.max(crowd[zone]))
                });
                over = over.max(people.saturating_sub(most));
                under = under.max(least.saturating_sub(*people));
            }
        }
        (over, under)
    }
}

impl Run {
    fn new(people: usize) -> Self {
        Self {
            zones: vec![Vec::new(); people],
            misled: vec![Vec::new(); people],
            flagged: vec![None; HUBS],
            oddities: vec![HubOddities::default(); HUBS],
            ..Self::default()
        }
    }

    /// Seconds from the first lie until the hub was flagged; `None`: it never was. Before the first lie is at once.
    pub(crate) fn flagged_after_s(&self, hub: HubIx) -> Option<u32> {
        let step = self.flagged[hub.index()]?;
        Some(step.saturating_sub(WARM_UP_S * STEPS_PER_S).div_ceil(STEPS_PER_S))
    }

    /// Hubs that were flagged, of all but one.
    pub(crate) fn flagged_beside(&self, hub: Option<HubIx>) -> usize {
        let flagged = self.flagged.iter().enumerate();
        let flagged = flagged.filter(|(of, flagged)| flagged.is_some() && Some(HubIx(*of as u16)) != hub);
        flagged.count()
    }

    fn note(&mut self, world: &World, people: &[CustomerSlot], step: u32) {
        for (zones, customer) in self.zones.iter_mut().zip(people) {
            let position = world.engine.position(world.now(), *customer);
            zones.push(position.and_then(|position| position.zone));
        }
        let zones = (0..world.generation.venue().zones.len() as u16).map(ZoneIx);
        let crowd = zones.map(|zone| world.engine.occupancy(zone).unwrap_or(0));
        self.crowds.push(crowd.collect());
        let hubs = self.flagged.iter_mut().zip(&mut self.oddities);
        for ((flagged, oddities), hub) in hubs.zip(world.engine.hubs(world.now())) {
            if hub.oddities.iter().next().is_some() {
                flagged.get_or_insert(step);
                *oddities = hub.oddities;
            }
        }
    }
}

/// The hub that lies.
struct Liar {
    hub: HubIx,
    /// What it has truly heard.
    heard: Vec<(u32, i8)>,
    /// About whom its lies of this step counted.
    counted: Vec<u32>,
    rng: ChaCha8Rng,
}

impl Liar {
    fn tell(&mut self, world: &mut World, lie: Lie, step: u32) {
        match lie {
            Lie::Mute => {}
            Lie::Random => self.random(world),
            Lie::Loud => self.everybody(world, -40),
            Lie::Steady => self.everybody(world, -66),
            Lie::Teleport if step % (4 * STEPS_PER_S) < STEPS_PER_S => self.everybody(world, -45),
            Lie::Teleport => {}
            Lie::Copies => (0..2).for_each(|tag| self.claim(world, tag, -45)),
            Lie::Replay => self.replay(world),
            Lie::Absent => self.absent(world, -60, -40),
            Lie::Faint => self.absent(world, -84, -76),
            Lie::NoRadio => self.no_radio(world),
            Lie::Flood => self.strangers(world, 700),
            Lie::All => {
                self.random(world);
                self.replay(world);
                self.absent(world, -60, -40);
                self.no_radio(world);
                self.strangers(world, 700);
            }
        }
    }

    fn random(&mut self, world: &mut World) {
        for tag in 0..PEOPLE {
            if self.rng.random_bool(0.7) {
                let rssi_dbm = self.rng.random_range(-80..-35);
                self.claim(world, tag, rssi_dbm);
            }
        }
    }

    fn claim(&mut self, world: &mut World, tag: u32, rssi_dbm: i8) {
        match world.claim(self.hub, tag, rssi_dbm) {
            SightingOutcome::Folded | SightingOutcome::Moved(_) => self.counted.push(tag),
            SightingOutcome::Duplicate
            | SightingOutcome::Late
            | SightingOutcome::Beacon
            | SightingOutcome::UnknownTag
            | SightingOutcome::NotARadioValue
            | SightingOutcome::Contradicted => {}
        }
    }

    fn everybody(&mut self, world: &mut World, rssi_dbm: i8) {
        for tag in 0..PEOPLE {
            self.claim(world, tag, rssi_dbm);
        }
    }

    fn replay(&mut self, world: &mut World) {
        for _ in 0..20 {
            if !self.heard.is_empty() {
                let (tag, rssi_dbm) = self.heard[self.rng.random_range(0..self.heard.len())];
                self.claim(world, tag, rssi_dbm);
            }
        }
    }

    fn absent(&mut self, world: &mut World, least_dbm: i8, most_dbm: i8) {
        for tag in PEOPLE..PEOPLE + ABSENT {
            let rssi_dbm = self.rng.random_range(least_dbm..most_dbm);
            self.claim(world, tag, rssi_dbm);
        }
    }

    fn no_radio(&mut self, world: &mut World) {
        self.claim(world, 0, 21);
        self.claim(world, 1, 126);
        self.claim(world, 2, -128);
    }

    fn strangers(&mut self, world: &mut World, count: u32) {
        for _ in 0..count {
            let stranger = self.rng.random_range(10_000..1_000_000);
            self.claim(world, stranger, -50);
        }
    }
}

/// The museum with hubs between its hubs.
fn twenty_hubs() -> Spec {
    let mut spec = small("museum");
    let mut venue = (*spec.venue).clone();
    let known = venue.hubs.len();
    for number in known..HUBS {
        let (one, other) = (&venue.hubs[number - known], &venue.hubs[number - known + 1]);
        let is_between = one.level == other.level;
        let at = if is_between { one.at.midpoint(other.at) } else { one.at };
        let id = format!("extra-{number}");
        venue.hubs.push(Hub { id, at, ..one.clone() });
    }
    spec.venue = Arc::new(venue);
    spec
}

/// Where everybody is, by step: ten seconds to a minute at a place, then a walk to another of the same level.
fn routes(world: &World, rng: &mut ChaCha8Rng) -> Vec<Vec<(LevelIx, Point)>> {
    let places = &world.generation.venue().places;
    let steps = ((WARM_UP_S + LIES_S) * STEPS_PER_S) as usize;
    let mut route = || {
        let mut place = &places[rng.random_range(0..places.len())];
        let (mut at, mut route) = (place.at, Vec::with_capacity(steps));
        while route.len() < steps {
            route.extend((0..rng.random_range(40..100)).map(|_| (place.level, at)));
            let next = &places[rng.random_range(0..places.len())];
            if next.level == place.level {
                let legs = ((at.distance_m(next.at) / 0.3) as usize).max(1);
                route.extend((1..=legs).map(|leg| (place.level, between(at, next.at, leg as f32 / legs as f32))));
                (place, at) = (next, next.at);
            }
        }
        route.truncate(steps);
        route
    };
    (0..PEOPLE).map(|_| route()).collect()
}

fn between(from: Point, to: Point, share: f32) -> Point {
    let (east_m, north_m) = (to.east_m - from.east_m, to.north_m - from.north_m);
    Point {
        east_m: from.east_m + share * east_m,
        north_m: from.north_m + share * north_m,
    }
}

fn around(step: usize, len: usize) -> std::ops::Range<usize> {
    step.saturating_sub(LATER_STEPS)..(step + LATER_STEPS).min(len)
}

fn is_near(zone: &Zone, (level, at): (LevelIx, Point)) -> bool {
    zone.level == level && (zone.area.contains(at) || zone.area.border_m(at).abs() <= ERROR_M)
}
