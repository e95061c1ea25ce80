//! Class L: clocks. The engine goes by the gateway's monotonic time alone; tokens go by the wall clock, to the second.

use std::time::Duration;

use nextbest::engine::VenueTime;
use nextbest::model::{Query, Timestamp};
use nextbest::serve::clock::Clock;
use nextbest::serve::token::{CUSTOMER_LIFE_S_MAX, Role, TokenError, TokenSigner, TokenVerifier};
use nextbest_venue::PlaceIx;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::people::Scene;
use crate::support::small;
use crate::support::world::World;

/// When the token is signed: 2027-01-15 08:00:00 UTC.
const SIGNED_S: u64 = 1_800_000_000;
const LIFE_S: u64 = 3_600;
const SEED: [u8; 32] = [7; 32];
/// What PKCS #8 puts before the 32 bytes of an Ed25519 key (RFC 8410).
const PKCS8_HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

type Moment = (&'static str, u64, Result<(), TokenError>);

fn wall(name: &'static str, unix_s: u64, expected: Result<(), TokenError>) -> Moment {
    (name, unix_s, expected)
}

#[test]
fn a_token_lives_by_the_wall_clock_to_the_second() {
    let signer = TokenSigner::new(&[&PKCS8_HEAD[..], &SEED].concat(), "hall").unwrap();
    let public = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    let verifier = TokenVerifier::new(public.public_key().as_ref().try_into().unwrap(), "hall");
    let token = signer.sign("ada", Role::Customer, SIGNED_S, LIFE_S).unwrap();
    let cases = [
        wall("the moment it is signed", SIGNED_S, Ok(())),
        wall("a second before", SIGNED_S - 1, Ok(())),
        wall("a clock that is a minute behind", SIGNED_S - 60, Ok(())),
        wall("a clock that is more behind", SIGNED_S - 61, Err(TokenError::Life)),
        wall("an hour behind", SIGNED_S - 3_600, Err(TokenError::Life)),
        wall("a day behind", SIGNED_S - 86_400, Err(TokenError::Life)),
        wall("a clock that was never set", 0, Err(TokenError::Life)),
        wall("its last second", SIGNED_S + LIFE_S - 1, Ok(())),
        wall("the second of its end", SIGNED_S + LIFE_S, Err(TokenError::Expired)),
        wall("a day ahead", SIGNED_S + 86_400, Err(TokenError::Expired)),
        wall("the end of 31 bits, in 2038", 1 << 31, Err(TokenError::Expired)),
        wall("the end of 32 bits, in 2106", 1 << 32, Err(TokenError::Expired)),
        wall(
            "fifty years ahead",
            SIGNED_S + 50 * 365 * 86_400,
            Err(TokenError::Expired),
        ),
        wall("the end of all bits", u64::MAX, Err(TokenError::Expired)),
    ];
    for (name, unix_s, expected) in cases {
        assert_eq!(verifier.verify(&token, unix_s).map(drop), expected, "{name}");
    }
    let endless = signer.sign("ada", Role::Customer, SIGNED_S, u64::MAX).unwrap();
    let principal = verifier.verify(&endless, SIGNED_S).unwrap();
    assert_eq!(
        principal.expires_unix_s,
        SIGNED_S + CUSTOMER_LIFE_S_MAX,
        "no token is for ever"
    );
    assert!(
        signer.sign("ada", Role::Customer, u64::MAX, LIFE_S).is_ok(),
        "a clock at its end signs, for nobody"
    );
}

type Start = (&'static str, u64);

fn monotonic(name: &'static str, start_ms: u64) -> Start {
    (name, start_ms)
}

#[test]
fn a_position_lapses_after_its_time_to_live_whenever_the_clock_started() {
    let starts = [
        monotonic("at its start", 0),
        monotonic("after a second", 1_000),
        monotonic("just before a step", 249),
        monotonic("after a day", 86_400_000),
        monotonic("after a year", 365 * 86_400_000),
        monotonic("after the end of 32 bits of milliseconds", 1 << 32),
        monotonic("after 33 years", 33 * 365 * 86_400_000),
    ];
    for (name, start_ms) in starts {
        let mut world = World::new(small("museum"));
        world.now_ms = start_ms.max(world.now_ms);
        world.step();
        let ada = world.customer("ada", Some(0));
        world.stay_at(0, PlaceIx(0), 12);
        assert!(world.engine.position(world.now(), ada).is_some(), "{name}");
        let ttl_ms = u64::from(world.generation.settings().position_ttl_ms);
        world.now_ms += ttl_ms + 500;
        assert_eq!(world.engine.position(world.now(), ada), None, "{name}");
    }
}

#[test]
fn a_machine_that_slept_uses_nothing_of_what_it_knew() {
    for slept_ms in [3_600_000, 86_400_000, 30 * 86_400_000] {
        let mut scene = Scene::new();
        scene.world.now_ms += slept_ms;
        let said = scene.world.ask(scene.ada, &Query::default());
        assert_eq!(said.zone, None, "after {slept_ms} ms");
    }
}

#[test]
fn no_minute_of_the_day_stops_anything() {
    for minute in [None, Some(0), Some(1_439), Some(1_440), Some(u16::MAX)] {
        let mut scene = Scene::new();
        let now = scene.world.now();
        scene
            .world
            .engine
            .tick(now, VenueTime { minute_of_day: minute }, |_| {});
        assert!(!scene.world.want(scene.ada, "food").answers.is_empty(), "{minute:?}");
    }
}

#[test]
fn time_does_not_wrap() {
    let end = Timestamp::from_micros(u64::MAX);
    assert_eq!(end.after(Duration::from_secs(1)), end);
    assert_eq!((end.step(), end.as_secs()), (u32::MAX, u32::MAX));
    assert_eq!(Timestamp::from_millis(u64::MAX), end);
    assert_eq!(Timestamp::default().since(end), Duration::ZERO);
    let clock = Clock::start();
    assert!(
        clock.moment_of(u64::MAX) < end,
        "a token without an end is looked at again"
    );
}
