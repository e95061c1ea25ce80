//! Class C: what hubs say that they heard. Each case is one batch of one hub, read from its bytes as a session reads it;
//! exactly one counter goes up, by exactly one, and nobody is anywhere else than before.

use nextbest::engine::{Counts, CustomerSlot, HubCounts, HubIntake, Position, SightingOutcome};
use nextbest::wire::SightingBatchReader;
use nextbest_proto::v1;
use nextbest_venue::{HubIx, PlaceIx};
use prost::Message as _;

use crate::support::small;
use crate::support::world::{World, tag_id};

/// The counter that goes up by one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Counted {
    Used,
    Unknown,
    Duplicate,
    Late,
    Unmeasured,
    Bad,
    /// The whole batch is refused, and nothing is counted.
    Refused,
}

struct Case {
    name: &'static str,
    batch: v1::SightingBatch,
    expected: Counted,
}

fn case(name: &'static str, sighting: v1::Sighting, expected: Counted) -> Case {
    numbered(name, NEXT, sighting, expected)
}

fn numbered(name: &'static str, first_sequence: u64, sighting: v1::Sighting, expected: Counted) -> Case {
    let batch = v1::SightingBatch {
        boot_epoch: EPOCH,
        first_sequence,
        sent_at_ms: 0,
        sightings: vec![sighting],
    };
    Case { name, batch, expected }
}

/// The hub has started anew, and sent this many.
const EPOCH: u64 = 9;
const NEXT: u64 = 5_000;
/// The tag of somebody who was not heard yet.
const BEN: u32 = 1;

/// Ben's tag, heard well.
fn ben() -> v1::Sighting {
    v1::Sighting {
        identity_kind: 1,
        identity: tag_id(BEN).as_bytes().to_vec().into(),
        rssi_dbm: -60,
        age_ms: 0,
    }
}

fn loud(rssi_dbm: i32) -> v1::Sighting {
    v1::Sighting { rssi_dbm, ..ben() }
}

fn aged(age_ms: u32) -> v1::Sighting {
    v1::Sighting { age_ms, ..ben() }
}

fn named(identity_kind: i32, identity: &[u8]) -> v1::Sighting {
    v1::Sighting {
        identity_kind,
        identity: identity.to_vec().into(),
        ..ben()
    }
}

use Counted::{Bad, Duplicate, Late, Refused, Unknown, Unmeasured, Used};

fn values() -> Vec<Case> {
    vec![
        case("as weak as can be", loud(-127), Used),
        case("weaker than can be", loud(-128), Bad),
        case("as loud as can be", loud(20), Used),
        case("louder than can be", loud(21), Bad),
        case("just not a strength", loud(126), Bad),
        case("a radio that cannot tell", loud(127), Unmeasured),
        case("beyond a byte", loud(128), Bad),
        case("no dBm at all", loud(0), Used),
        case("the weakest number", loud(i32::MIN), Bad),
        case("the loudest number", loud(i32::MAX), Bad),
        case("heard this moment", aged(0), Used),
        case("just in time", aged(5_000), Used),
        case("just too late", aged(5_001), Late),
        case("a minute ago", aged(60_000), Late),
        case("seven weeks ago", aged(u32::MAX), Late),
        case("nobody's", named(1, &[9, 8, 7, 6, 5, 4]), Unknown),
        case("nobody's, and resolvable", named(1, &[0x49, 8, 7, 6, 5, 4]), Unknown),
        case("of no kind", named(0, &[1; 6]), Bad),
        case("of a kind of tomorrow", named(6, &[1; 6]), Bad),
        case("of a kind that is never on the air", named(64, &[1; 16]), Bad),
        case("of a negative kind", named(-1, &[1; 6]), Bad),
        case("of the largest kind", named(i32::MAX, &[1; 6]), Bad),
        case("without an identity", named(1, &[]), Bad),
        case("an address one short", named(1, &[1; 5]), Bad),
        case("an address one long", named(1, &[1; 7]), Bad),
        case("an iBeacon one short", named(2, &[1; 19]), Bad),
        case("an iBeacon one long", named(2, &[1; 21]), Bad),
        case("nobody's iBeacon", named(2, &[1; 20]), Unknown),
        case("nobody's ephemeral identifier", named(5, &[1; 8]), Unknown),
        case("an identity of a kilobyte", named(1, &[1; 1_024]), Bad),
        case("all zeros", named(1, &[0; 6]), Bad),
        case("all ones", named(1, &[0xff; 6]), Bad),
        case("a longer one of zeros", named(2, &[0; 20]), Bad),
    ]
}

fn numbers() -> Vec<Case> {
    let case = numbered;
    vec![
        case("the number before", NEXT - 1, ben(), Duplicate),
        case("the first number of all", 0, ben(), Duplicate),
        case("a gap of a million", NEXT + 1_000_000, ben(), Used),
        case("the last number that fits", u64::MAX - 1, ben(), Used),
        case("a number that runs over", u64::MAX, ben(), Refused),
        case("a bad one with a number that was taken", NEXT - 1, loud(99), Bad),
    ]
}

/// What nobody's sighting may change.
#[derive(Debug, PartialEq)]
struct Held {
    positions: Vec<Option<Position>>,
    occupancy: Vec<Option<u32>>,
    counts: Counts,
}

struct Scene {
    world: World,
    people: [CustomerSlot; 2],
    intake: HubIntake,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new(small("museum"));
        let people = [world.customer("ada", Some(0)), world.customer("ben", Some(BEN))];
        world.stay_at(0, PlaceIx(0), 8);
        let intake = world.engine.hub_connected(world.now(), HubIx(0), EPOCH, NEXT);
        Self { world, people, intake }
    }

    fn held(&self) -> Held {
        let zones = self.world.generation.venue().zones.len() as u16;
        Held {
            positions: self
                .people
                .map(|person| self.world.engine.position(self.world.now(), person))
                .to_vec(),
            occupancy: (0..zones)
                .map(|zone| self.world.engine.occupancy(nextbest_venue::ZoneIx(zone)))
                .collect(),
            counts: self.world.engine.counts(),
        }
    }

    fn counted(&self) -> [u64; 6] {
        let hub = self.world.engine.hubs(self.world.now()).next().unwrap();
        let HubCounts {
            used,
            unknown,
            duplicate,
            late,
            unmeasured,
            bad,
            contradicted,
            ..
        } = hub.counts;
        assert_eq!(contradicted, 0);
        [used, unknown, duplicate, late, unmeasured, bad]
    }

    /// Takes a batch as a hub's session does.
    fn take(&mut self, batch: &v1::SightingBatch) -> Vec<Option<SightingOutcome>> {
        let bytes = batch.encode_to_vec();
        let Ok(reader) = SightingBatchReader::new(&bytes) else {
            return Vec::new();
        };
        let (engine, now) = (&self.world.engine, self.world.now());
        let outcomes = reader
            .sightings()
            .map(|(sequence, read)| match read {
                Ok(sighting) => Some(engine.on_sighting(now, &mut self.intake, sequence, &sighting)),
                Err(_) => {
                    self.intake.skip(sequence);
                    None
                }
            })
            .collect();
        engine.on_hub_alive(now, &mut self.intake);
        outcomes
    }
}

#[test]
fn every_sighting_is_counted_once_and_moves_nobody_at_once() {
    for case in values().into_iter().chain(numbers()) {
        let mut scene = Scene::new();
        let (held, counted) = (scene.held(), scene.counted());
        scene.take(&case.batch);
        let mut expected = counted;
        // What was numbered before is not looked at again, whatever it says.
        let is_taken_before = case.batch.first_sequence < NEXT && case.expected == Bad;
        if case.expected != Refused && !is_taken_before {
            expected[case.expected as usize] += 1;
        }
        assert_eq!(scene.counted(), expected, "{}", case.name);
        assert_eq!(scene.held(), held, "{}", case.name);
    }
}

#[test]
fn ten_thousand_copies_are_one() {
    let mut scene = Scene::new();
    let before = scene.counted();
    for _ in 0..10_000 {
        scene.take(&numbered("", NEXT, ben(), Used).batch);
    }
    let [used, _, duplicate, ..] = scene.counted();
    assert_eq!((used, duplicate), (before[0] + 1, before[2] + 9_999));
}

#[test]
fn a_hundred_thousand_made_up_devices_leave_only_a_count() {
    let mut scene = Scene::new();
    let (held, [_, unknown, ..]) = (scene.held(), scene.counted());
    for batch in 0..400_u32 {
        let made_up = |device: u32| named(1, &[&[0xf0, 1][..], &(batch * 256 + device).to_be_bytes()].concat());
        let sightings = (0..256).map(made_up).collect();
        let first_sequence = NEXT + u64::from(batch) * 256;
        let batch = v1::SightingBatch {
            sightings,
            ..numbered("", first_sequence, ben(), Unknown).batch
        };
        assert!(
            scene
                .take(&batch)
                .iter()
                .all(|outcome| *outcome == Some(SightingOutcome::UnknownTag))
        );
    }
    assert_eq!(scene.counted()[1], unknown + 102_400);
    assert_eq!(scene.held(), held);
}

#[test]
fn a_hub_that_starts_anew_counts_from_its_new_beginning() {
    let mut scene = Scene::new();
    scene.take(&numbered("", NEXT, ben(), Used).batch);
    scene.intake = scene
        .world
        .engine
        .hub_connected(scene.world.now(), HubIx(0), EPOCH + 1, 0);
    let [used, ..] = scene.counted();
    scene.take(&numbered("", 0, ben(), Used).batch);
    assert_eq!(
        scene.counted()[0],
        used + 1,
        "its first number is not one that was taken before"
    );
}

#[test]
fn one_tag_heard_by_every_hub_is_one_person_in_one_place() {
    let mut world = World::new(small("museum"));
    let ada = world.customer("ada", Some(0));
    for _ in 0..40 {
        for hub in 0..world.generation.venue().hubs.len() as u16 {
            world.claim(HubIx(hub), 0, -50);
        }
        world.step();
    }
    let zones = world.generation.venue().zones.len() as u16;
    let people: u32 = (0..zones)
        .filter_map(|zone| world.engine.occupancy(nextbest_venue::ZoneIx(zone)))
        .sum();
    assert!(people <= 1, "{people} people");
    assert!(
        world
            .engine
            .position(world.now(), ada)
            .is_none_or(|position| position.accuracy_m.is_finite())
    );
}
