//! What does it cost to tell whose a changing identity is, with 10,000 keys registered?
//!
//! A customer's new address against all keys (on average half of them are tried), a stranger's new address against all
//! of them, then the same address again: the customer's from the cache, the stranger's by the filter. Beside them an
//! ephemeral identifier, and the turn of a beacon's window.
//!
//! `cargo bench --locked --no-default-features --bench identity`

#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use nextbest::engine::identity::{Allowance, Found, Identities};
use nextbest::model::{SecretKey, TagKey, Timestamp};
use nextbest_proto::advert::ephemeral::{Ephemeral, IdentityKey};
use nextbest_proto::advert::private_address::ResolvingKey;

const KEYS: u32 = 10_000;
const ROTATION: u8 = 10;

fn key(number: u32) -> [u8; 16] {
    let mut key = [0x6e; 16];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key
}

fn keys() -> u32 {
    if std::env::args().any(|argument| argument == "--bench") {
        KEYS
    } else {
        100
    }
}

fn registered(now: Timestamp) -> Identities<u32> {
    let identities = Identities::default();
    for number in 0..keys() {
        let irk = TagKey::Resolving(SecretKey::new(key(number)));
        identities.register(now, &irk, number).unwrap();
        let beacon = TagKey::Ephemeral {
            key: SecretKey::new(key(number)),
            rotation_exponent: ROTATION,
            clock_s: 100_000,
        };
        identities.register(now, &beacon, KEYS + number).unwrap();
    }
    identities
}

/// Addresses that follow one another, of the device with key `number`.
fn addresses(number: u32) -> impl FnMut() -> [u8; 6] {
    let device = ResolvingKey::new(key(number));
    let mut prand = 0_u32;
    move || {
        prand += 1;
        let [_, a, b, c] = prand.to_be_bytes();
        device.address([a, b, c]).bytes()
    }
}

fn identity(criterion: &mut Criterion) {
    let start = Timestamp::from_millis(1_000);
    let identities = registered(start);
    let mut group = criterion.benchmark_group(format!("{} keys", keys()));
    group.sample_size(20);
    // Each try in a step of its own, so that the allowance grants it.
    let mut now = start;
    let mut find = |address| {
        now = now.after(Duration::from_millis(250));
        identities.of_address(now, &mut Allowance::default(), address, |_| u64::MAX)
    };
    let (mut customers, mut strangers) = (addresses(keys() / 2), addresses(KEYS + 7));
    group.bench_function("a customer's new address", |bencher| {
        bencher.iter_batched(
            &mut customers,
            |address| assert_ne!(black_box(find(address)), Found::Stranger),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("a stranger's new address", |bencher| {
        bencher.iter_batched(
            &mut strangers,
            // One in 1,700 fits a key by chance.
            |address| black_box(find(address)),
            BatchSize::SmallInput,
        );
    });
    let (known, strange) = (customers(), strangers());
    find(known);
    find(strange);
    let at = now;
    let again = |address| identities.of_address(at, &mut Allowance::default(), address, |_| u64::MAX);
    group.bench_function("a customer's address again", |bencher| {
        bencher.iter(|| black_box(again(known)));
    });
    group.bench_function("a stranger's address again", |bencher| {
        bencher.iter(|| black_box(again(strange)));
    });
    let beacon = Ephemeral::new(IdentityKey::new(key(keys() / 2)), ROTATION).unwrap();
    let eid = beacon.identifier(100_000);
    group.bench_function("an ephemeral identifier", |bencher| {
        bencher.iter(|| black_box(identities.of_ephemeral(start, Duration::ZERO, eid)));
    });
    group.bench_function("an identifier computed", |bencher| {
        bencher.iter(|| black_box(beacon.identifier(black_box(100_000))));
    });
    group.finish();
}

criterion_group!(benches, identity);
criterion_main!(benches);
