//! Tags that change what they call themselves: whoever registered the key stays located, nobody else gets anything, and
//! strangers leave nothing.
//!
//! All in virtual time, through the engine's own doors. `tests/serve_identity.rs` does the same over QUIC.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use nextbest::engine::{CustomerSlot, IdentityCounts, SightingOutcome, SignalError};
use nextbest::model::{Consent, Purpose, SecretKey, Signal, SignalKind, TagId, TagKey, TagKind, TagRefusal};
use nextbest_proto::advert::ephemeral::{Ephemeral, IdentityKey};
use nextbest_proto::advert::private_address::ResolvingKey;
use nextbest_venue::{LevelIx, Point};

use support::small;
use support::world::{World, signal, tag_id};

const LOCATION: Consent = Consent::new(Purpose::Location, true);
const ROTATION: u8 = 10;
const WINDOW_S: u64 = 1 << ROTATION;
const ADDRESS_STAYS_MS: u64 = 15 * 60 * 1_000;

fn irk(number: u32) -> [u8; 16] {
    let mut key = [0x2b; 16];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key
}

/// The address number `prand` of the device with a key.
fn address(key: u32, prand: u32) -> TagId {
    let [_, a, b, c] = prand.to_be_bytes();
    let address = ResolvingKey::new(irk(key)).address([a, b, c]);
    TagId::new(TagKind::Address, &address.bytes()).unwrap()
}

fn resolving(number: u32) -> TagKey {
    TagKey::Resolving(SecretKey::new(irk(number)))
}

fn ephemeral(clock_s: u32) -> TagKey {
    TagKey::Ephemeral {
        key: SecretKey::new([7; 16]),
        rotation_exponent: ROTATION,
        clock_s,
    }
}

/// What the beacon says when its clock shows `clock_s`.
fn said(clock_s: u64) -> TagId {
    let beacon = Ephemeral::new(IdentityKey::new([7; 16]), ROTATION).unwrap();
    TagId::new(
        TagKind::EddystoneEid,
        &beacon.identifier(u32::try_from(clock_s).unwrap()),
    )
    .unwrap()
}

fn registering<'a>(message_id: &'a str, keys: &[TagKey]) -> Signal<'a> {
    Signal {
        keys: keys.to_vec(),
        consents: vec![LOCATION],
        ..signal(message_id, SignalKind::Identify, "", &[])
    }
}

fn register(world: &mut World, id: &str, keys: &[TagKey]) -> CustomerSlot {
    let customer = world.engine.customer(id).unwrap();
    let outcome = world
        .engine
        .on_signal(world.now(), customer, &registering(id, keys))
        .unwrap();
    assert_eq!(outcome.tags_refused, 0);
    customer
}

fn place(world: &World) -> (LevelIx, Point) {
    let place = &world.generation.venue().places[0];
    (place.level, place.at)
}

/// The nearest hub hears it once, `steps` times, while time passes; says what became of the last.
fn hear(world: &mut World, tag: TagId, steps: u32) -> SightingOutcome {
    let (level, at) = place(world);
    let mut last = SightingOutcome::UnknownTag;
    for _ in 0..steps {
        for heard in world.heard_at(tag, level, at) {
            last = world.hear(&heard);
        }
        world.step();
    }
    last
}

fn is_located(world: &World, customer: CustomerSlot) -> bool {
    world.engine.position(world.now(), customer).is_some()
}

fn counts(world: &World) -> IdentityCounts {
    world.engine.identities()
}

#[test]
fn a_person_stays_located_while_their_address_changes() {
    let mut world = World::new(small("stadium"));
    let ada = register(&mut world, "ada", &[resolving(1)]);
    for prand in 0..5 {
        hear(&mut world, address(1, prand), 16);
        assert!(is_located(&world, ada), "address number {prand}");
        for _ in 0..4 {
            world.now_ms += ADDRESS_STAYS_MS / 4;
            hear(&mut world, address(1, prand), 4);
            assert!(is_located(&world, ada));
        }
    }
    let counts = counts(&world);
    assert_eq!((counts.addresses_strange, counts.resolving_keys), (0, 1));
    assert!(counts.addresses_resolved >= 5 && counts.addresses <= 3, "{counts:?}");
}

#[test]
fn another_address_that_fits_moves_nobody_while_the_first_is_heard() {
    let mut world = World::new(small("stadium"));
    let ada = register(&mut world, "ada", &[resolving(1)]);
    hear(&mut world, address(1, 1), 8);
    assert_eq!(hear(&mut world, address(1, 2), 1), SightingOutcome::UnknownTag);
    assert!(counts(&world).addresses_contested > 0);
    // The first is silent for two seconds: the device has changed its address.
    world.pass(2_500);
    assert_ne!(hear(&mut world, address(1, 2), 1), SightingOutcome::UnknownTag);
    assert!(is_located(&world, ada));
}

#[test]
fn an_address_that_another_has_taken_over_from_is_contested_itself() {
    let mut world = World::new(small("stadium"));
    register(&mut world, "ada", &[resolving(1)]);
    for (former, next) in [(1, 2), (2, 3), (3, 2)] {
        hear(&mut world, address(1, former), 4);
        world.pass(3_000);
        assert_ne!(hear(&mut world, address(1, next), 1), SightingOutcome::UnknownTag);
        let refused = hear(&mut world, address(1, former), 1);
        assert_eq!(refused, SightingOutcome::UnknownTag, "{former}, then {next}");
        world.pass(3_000);
    }
}

#[test]
fn who_registers_after_their_address_was_tried_is_found_at_once() {
    let mut world = World::new(small("stadium"));
    register(&mut world, "ada", &[resolving(1)]);
    assert_eq!(hear(&mut world, address(2, 9), 4), SightingOutcome::UnknownTag);
    let tried = counts(&world);
    assert_eq!(tried.addresses_strange, 1, "tried once, and by all hubs together");
    assert!(tried.addresses_filtered > 3);
    register(&mut world, "ben", &[resolving(2)]);
    assert_ne!(hear(&mut world, address(2, 9), 1), SightingOutcome::UnknownTag);
}

#[test]
fn only_resolvable_addresses_are_tried() {
    let mut world = World::new(small("stadium"));
    register(&mut world, "ada", &[resolving(1)]);
    for first in [0x00, 0x3f, 0x80, 0xbf, 0xc0, 0xfe] {
        let address = TagId::new(TagKind::Address, &[first, 1, 2, 3, 4, 5]).unwrap();
        assert_eq!(hear(&mut world, address, 1), SightingOutcome::UnknownTag);
    }
    assert_eq!(counts(&world).addresses_strange, 0);
}

#[test]
fn a_beacon_is_followed_over_its_windows_also_when_it_drifts() {
    let mut world = World::new(small("stadium"));
    let ada = register(&mut world, "ada", &[ephemeral(4_000)]);
    let start_ms = world.now_ms;
    // Its clock is 150 ppm fast; it is heard for some seconds in every five hours, for a year.
    for visit in 0..1_752_u64 {
        world.now_ms = start_ms + visit * 5 * 3_600_000;
        world.step();
        let passed_s = (world.now_ms - start_ms) as f64 / 1_000.0;
        let clock_s = 4_000.0 + passed_s * 1.000_150;
        hear(&mut world, said(clock_s as u64), 2);
        assert!(is_located(&world, ada), "visit {visit}");
    }
    assert!(counts(&world).ephemeral_resolved > 1_700);
    assert_eq!(
        (counts(&world).ephemeral_replayed, counts(&world).ephemeral_cloned),
        (0, 0)
    );
}

#[test]
fn a_beacon_that_is_registered_again_is_heard_by_its_clock_as_set_anew() {
    let mut world = World::new(small("stadium"));
    register(&mut world, "ada", &[ephemeral(4_000)]);
    for (message, clock_s) in [("same", 4_000), ("next", 4_600), ("other", 90_000)] {
        let ada = world.engine.customer("ada").unwrap();
        let again = registering(message, &[ephemeral(clock_s)]);
        assert_eq!(
            world.engine.on_signal(world.now(), ada, &again).unwrap().tags_refused,
            0
        );
        let heard = hear(&mut world, said(clock_s.into()), 1);
        assert_ne!(heard, SightingOutcome::UnknownTag, "{message}");
    }
    // As soon as no session remembers it, what the beacon said by the clocks before is nobody's.
    world.pass(11_000);
    assert_eq!(hear(&mut world, said(4_000), 1), SightingOutcome::UnknownTag);
    assert_eq!(counts(&world).beacons, 1);
}

#[test]
fn the_neighbouring_windows_are_taken_and_a_replay_is_refused_and_counted() {
    let mut world = World::new(small("stadium"));
    let now_s = 40 * WINDOW_S + 500;
    register(&mut world, "ada", &[ephemeral(now_s as u32)]);
    for (clock_s, is_taken) in [
        (now_s - WINDOW_S, true),
        (now_s, true),
        (now_s + WINDOW_S, true),
        (now_s - 2 * WINDOW_S, false),
        (now_s - 20 * WINDOW_S, false),
    ] {
        let replayed = counts(&world).ephemeral_replayed;
        let outcome = hear(&mut world, said(clock_s), 1);
        assert_eq!(outcome != SightingOutcome::UnknownTag, is_taken, "{clock_s}");
        assert_eq!(counts(&world).ephemeral_replayed > replayed, !is_taken, "{clock_s}");
    }
    let unknown = said(now_s + 9 * WINDOW_S);
    assert_eq!(hear(&mut world, unknown, 1), SightingOutcome::UnknownTag);
}

#[test]
fn once_the_beacon_has_moved_on_whoever_says_the_window_before_is_somebody_else() {
    let mut world = World::new(small("stadium"));
    let now_s = 40 * WINDOW_S + 500;
    register(&mut world, "ada", &[ephemeral(now_s as u32)]);
    hear(&mut world, said(now_s - WINDOW_S), 1);
    hear(&mut world, said(now_s), 2);
    // A slow hub's are still taken; after some seconds nobody's.
    assert_ne!(hear(&mut world, said(now_s - WINDOW_S), 1), SightingOutcome::UnknownTag);
    world.pass(400_000);
    assert_eq!(hear(&mut world, said(now_s - WINDOW_S), 1), SightingOutcome::UnknownTag);
    assert!(counts(&world).ephemeral_cloned > 0);
}

#[test]
fn withdrawn_consent_drops_the_keys_at_once() {
    let mut world = World::new(small("stadium"));
    let ada = register(&mut world, "ada", &[resolving(1), ephemeral(4_000)]);
    hear(&mut world, address(1, 1), 8);
    world.consent(ada, Purpose::Location, false);
    let counts = counts(&world);
    assert_eq!((counts.resolving_keys, counts.addresses, counts.beacons), (0, 0, 0));
    assert_eq!(world.engine.counts().tags, 0);
    for tag in [address(1, 1), address(1, 2), said(4_100)] {
        assert_eq!(hear(&mut world, tag, 1), SightingOutcome::UnknownTag);
    }
    assert!(!is_located(&world, ada));
    register(&mut world, "ben", &[resolving(1)]);
    assert_ne!(
        hear(&mut world, address(1, 1), 1),
        SightingOutcome::UnknownTag,
        "the key is free"
    );
}

#[test]
fn a_sixth_tag_is_refused_with_the_limit_and_nothing_changes() {
    let mut world = World::new(small("stadium"));
    let five = [resolving(1), resolving(2), ephemeral(9)];
    let ada = register(&mut world, "ada", &five);
    let two = Signal {
        tags: vec![tag_id(1), tag_id(2)],
        ..registering("two", &[])
    };
    assert_eq!(world.engine.on_signal(world.now(), ada, &two).unwrap().tags_refused, 0);
    let sixth = registering("sixth", &[resolving(3)]);
    let refused = world.engine.on_signal(world.now(), ada, &sixth).unwrap_err();
    assert_eq!(refused, SignalError::TooManyTags);
    assert!(refused.to_string().contains("at most 5 tags"), "{refused}");
    assert_eq!((world.engine.counts().tags, counts(&world).resolving_keys), (5, 2));
    let again = registering("again", &five);
    let outcome = world.engine.on_signal(world.now(), ada, &again).unwrap();
    assert_eq!(outcome.tags_refused, 0, "what one carries may be named again");
}

#[test]
fn nobody_takes_a_key_by_their_own_word() {
    let mut world = World::new(small("stadium"));
    register(&mut world, "ada", &[ephemeral(4_000)]);
    let mallory = world.engine.customer("mallory").unwrap();
    let own = registering("own", &[ephemeral(4_000), resolving(5)]);
    let outcome = world.engine.on_own_signal(world.now(), mallory, &own).unwrap();
    assert_eq!(
        outcome.keys[..2],
        [Some(TagRefusal::CarriedByAnother), Some(TagRefusal::ServiceOnly)]
    );
    assert_eq!((counts(&world).beacons, counts(&world).resolving_keys), (1, 0));
    // A service may move it; then only the new carrier is located by it.
    let ben = register(&mut world, "ben", &[ephemeral(4_000)]);
    hear(&mut world, said(4_100), 8);
    assert!(is_located(&world, ben));
    assert!(!is_located(&world, world.engine.customer("ada").unwrap()));
}

#[test]
fn nobody_follows_another_by_what_they_overheard_of_them() {
    let mut world = World::new(small("stadium"));
    let ada = register(&mut world, "ada", &[resolving(1), ephemeral(4_000)]);
    let mallory = world.engine.customer("mallory").unwrap();
    let overheard = [address(1, 1), said(4_100)];
    let own = |message_id| Signal {
        tags: overheard.to_vec(),
        ..registering(message_id, &[])
    };
    let refused = world.engine.on_own_signal(world.now(), mallory, &own("own")).unwrap();
    assert_eq!(refused.tags[..2], [Some(TagRefusal::ServiceOnly); 2]);
    // A service that passes the word on is believed, but the key tells more.
    let passed_on = world.engine.on_signal(world.now(), mallory, &own("passed-on")).unwrap();
    assert_eq!(passed_on.tags_refused, 0);
    for tag in overheard {
        hear(&mut world, tag, 8);
        assert!(!is_located(&world, mallory));
    }
    assert!(is_located(&world, ada));
}

#[test]
fn without_consent_no_key_is_kept() {
    let world = World::new(small("stadium"));
    let ada = world.engine.customer("ada").unwrap();
    let silent = Signal {
        consents: vec![Consent::new(Purpose::Location, false)],
        ..registering("silent", &[resolving(1), ephemeral(4_000)])
    };
    let outcome = world.engine.on_signal(world.now(), ada, &silent).unwrap();
    assert_eq!(outcome.keys[..2], [Some(TagRefusal::NoConsent); 2]);
    assert_eq!((counts(&world).resolving_keys, counts(&world).beacons), (0, 0));
}

#[test]
fn a_hub_that_makes_up_addresses_does_not_eat_the_others_share() {
    let keys = 4_000;
    let mut spec = small("stadium");
    (spec.settings.customers_max, spec.settings.tags_max) = (keys, keys);
    let mut world = World::new(spec);
    for number in 0..keys {
        register(&mut world, &format!("fan-{number}"), &[resolving(number)]);
    }
    let (level, at) = place(&world);
    let mut heard = world.heard_at(address(keys + 1, 0), level, at);
    let (mut rogue, mut honest) = (heard.remove(0), heard.remove(0));
    assert_ne!(rogue.hub, honest.hub);
    for made_up in 0..2_000 {
        rogue.sighting.tag = address(keys + 2, made_up);
        world.hear(&rogue);
        rogue.sequence += 1;
    }
    let counts = counts(&world);
    let tries = counts.addresses_strange * u64::from(keys);
    assert!(
        tries <= u64::from(nextbest::engine::identity::TRIES_PER_HUB_STEP_MAX),
        "{tries}"
    );
    assert!(counts.addresses_deferred > 1_900, "{counts:?}");
    honest.sighting.tag = address(17, 3);
    assert_ne!(world.hear(&honest), SightingOutcome::UnknownTag);
}

#[test]
fn telling_whose_a_changing_identity_is_allocates_nothing() {
    let mut world = World::new(small("stadium"));
    register(&mut world, "ada", &[resolving(1)]);
    register(&mut world, "ben", &[ephemeral(4_000)]);
    let (level, at) = place(&world);
    let mut allocations = 0;
    for step in 0..200_u32 {
        // Ada's device has a new address and Ben's beacon stays in its window, and beside them is a stranger.
        let tags = [address(1, step / 40), said(4_050), address(9, step)];
        let heard: Vec<_> = tags.iter().flat_map(|tag| world.heard_at(*tag, level, at)).collect();
        let mut known = 0;
        let counted = allocation_counter::measure(|| {
            known = heard
                .iter()
                .filter(|heard| world.hear(heard) != SightingOutcome::UnknownTag)
                .count();
        });
        allocations += if step == 0 { 0 } else { counted.count_total };
        assert!(known > 0, "step {step}");
        world.step();
    }
    let counts = counts(&world);
    assert!(
        counts.addresses_resolved > 3 && counts.addresses_strange > 150,
        "{counts:?}"
    );
    assert_eq!(allocations, 0);
}

#[test]
fn ten_thousand_strangers_leave_only_a_count() {
    let mut world = World::new(small("stadium"));
    let ada = register(&mut world, "ada", &[resolving(1), ephemeral(4_000)]);
    let before = (world.engine.counts(), world.engine.position(world.now(), ada));
    let (level, at) = place(&world);
    for stranger in 0..10_000_u32 {
        let [a, b, c, d] = stranger.to_be_bytes();
        let tag = match stranger % 3 {
            0 => TagId::new(TagKind::EddystoneEid, &[0xEE, 0xDD, 0xCA, 0xFE, a, b, c, d]).unwrap(),
            1 => TagId::new(TagKind::Address, &[0x5A, 0xCA, a, b, c, d]).unwrap(),
            _ => TagId::new(TagKind::Address, &[0xFA, 0xCA, a, b, c, d]).unwrap(),
        };
        let heard = world.heard_at(tag, level, at);
        assert_eq!(world.hear(&heard[0]), SightingOutcome::UnknownTag);
        if stranger % 50 == 0 {
            world.step();
        }
    }
    assert_eq!((world.engine.counts(), world.engine.position(world.now(), ada)), before);
    let counts = counts(&world);
    assert_eq!(counts.addresses_strange, 3_333, "each was tried, and once");
    assert_eq!((counts.addresses, counts.resolving_keys, counts.beacons), (0, 1, 1));
    let shown = format!("{:?}", world.engine).to_lowercase();
    for trace in ["5aca", "faca", "eedd", "cafe", "90, 202", "250, 202", "2b2b", "43, 43"] {
        assert!(!shown.contains(trace), "{trace} in {shown}");
    }
}
