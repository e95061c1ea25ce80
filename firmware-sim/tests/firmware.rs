//! The hub's firmware against a gateway that is obviously right: nothing is lost unless it is counted, nothing
//! comes twice, and every frame is one that the contract's generated types read.
//!
//! The bug that these would find: a hub that acknowledges too much after a break, renumbers what it sends
//! again, or forgets to count what it had to drop.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails like a test")]

use firmware_sim::{
    hub::{Action, BackoffLimits, FRAME_LEN_MAX, FilterLimits, Hub, HubName, HubSettings, Skew, Welcome},
    prng::Prng,
};
use nextbest_proto::{
    advert::{Identity, IdentityKind, ibeacon::IBeacon},
    frame::decode_frame,
    limits::HUB_TO_GATEWAY_LEN_MAX,
    v1::{HubHealth, HubToGateway, SightingBatch, hub_to_gateway::Body},
};
use proptest::prelude::*;

/// A hub with small limits, so that random steps reach them.
fn small(settings: HubSettings) -> Hub {
    let name = HubName {
        hub_id: "hub-1".into(),
        venue_id: "venue".into(),
        firmware: "test 1".into(),
    };
    Hub::new(name, settings, 7, 0, Prng::new(1))
}

fn no_filter() -> HubSettings {
    let filter = FilterLimits {
        interval_ms: 0,
        ..FilterLimits::default()
    };
    HubSettings {
        scans_max: 16,
        stored_max: 32,
        batch_len: 8,
        filter,
        ..HubSettings::default()
    }
}

fn welcome(next_sequence: u64) -> Welcome {
    Welcome {
        next_sequence,
        heartbeat_ms: 10_000,
        sightings_per_batch_max: 256,
    }
}

fn hear(hub: &mut Hub, now_ms: u64, tag: u16) {
    let beacon = IBeacon {
        uuid: [9; 16],
        major: 1,
        minor: tag,
        tx_1m_dbm: -59,
    };
    hub.on_advert(now_ms, [1; 6], &beacon.advertisement(), -70);
}

fn frame(bytes: &[u8]) -> Body {
    let mut buffer = bytes.into();
    let message: HubToGateway = decode_frame(&mut buffer, HUB_TO_GATEWAY_LEN_MAX).unwrap().unwrap();
    assert!(buffer.is_empty(), "one frame and nothing behind it");
    message.body.unwrap()
}

/// Everything that the hub wants to do at `now_ms`.
fn poll(hub: &mut Hub, now_ms: u64) -> (Vec<SightingBatch>, Vec<HubHealth>, usize) {
    let (mut batches, mut healths, mut connects) = (Vec::new(), Vec::new(), 0);
    let mut out = Box::new([0; FRAME_LEN_MAX]);
    while let Some(action) = hub.poll(now_ms, &mut out) {
        match action {
            Action::Connect => connects += 1,
            Action::Disconnect => {}
            Action::Send { len } => match frame(&out[..len]) {
                Body::Batch(batch) => batches.push(batch),
                Body::Health(health) => healths.push(health),
                Body::Hello(_) | Body::Goodbye(_) => panic!("only the session says hello and goodbye"),
            },
        }
    }
    (batches, healths, connects)
}

fn connected(hub: &mut Hub, now_ms: u64) {
    assert_eq!(poll(hub, now_ms).2, 1, "it wants to connect");
    hub.on_connected(now_ms, welcome(0));
    poll(hub, now_ms);
}

/// What the gateway has taken of one boot.
#[derive(Default)]
struct Taken {
    next_sequence: u64,
    tags: Vec<u16>,
    /// Numbers that the hub skipped.
    skipped: u64,
}

impl Taken {
    fn take(&mut self, batch: &SightingBatch) {
        for (offset, sighting) in batch.sightings.iter().enumerate() {
            let sequence = batch.first_sequence + offset as u64;
            if sequence < self.next_sequence {
                continue;
            }
            self.skipped += sequence - self.next_sequence;
            self.next_sequence = sequence + 1;
            self.tags
                .push(u16::from_be_bytes([sighting.identity[18], sighting.identity[19]]));
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Hear(u8),
    Wait(u16),
    /// The gateway reads, and says so when true.
    Read(bool),
    Break,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1_u8..12).prop_map(Step::Hear),
        3 => (0_u16..700).prop_map(Step::Wait),
        3 => any::<bool>().prop_map(Step::Read),
        1 => Just(Step::Break),
    ]
}

proptest! {
    /// Random weather: what was heard is taken once and in order, or counted as dropped.
    #[test]
    fn whatever_happens_each_sighting_is_taken_once_or_counted(steps in prop::collection::vec(step(), 1..120)) {
        let mut hub = small(no_filter());
        let (mut taken, mut now_ms, mut heard) = (Taken::default(), 0, Vec::new());
        for step in steps {
            match step {
                Step::Hear(count) => for _ in 0..count {
                    hear(&mut hub, now_ms, heard.len() as u16);
                    heard.push(heard.len() as u16);
                },
                Step::Wait(ms) => now_ms += u64::from(ms),
                Step::Read(says_so) => {
                    let (batches, _, connects) = poll(&mut hub, now_ms);
                    batches.iter().for_each(|batch| taken.take(batch));
                    if connects > 0 {
                        hub.on_connected(now_ms, welcome(taken.next_sequence));
                    } else if says_so && hub.is_connected() {
                        hub.on_ack(taken.next_sequence);
                    }
                }
                Step::Break => hub.on_disconnected(now_ms),
            }
            prop_assert!(hub.health(now_ms).buffer_len <= 32);
        }
        // Calm: everything that is left arrives.
        for _ in 0..20 {
            now_ms += 60_000;
            let (batches, _, connects) = poll(&mut hub, now_ms);
            batches.iter().for_each(|batch| taken.take(batch));
            if connects > 0 {
                hub.on_connected(now_ms, welcome(taken.next_sequence));
            } else {
                hub.on_ack(taken.next_sequence);
            }
        }
        let health = hub.health(now_ms);
        prop_assert!(taken.tags.is_sorted_by(|a, b| a < b), "once, and in the order in which they were heard");
        prop_assert_eq!(health.buffer_len, 0);
        prop_assert_eq!(health.adverts_heard, heard.len() as u64);
        // What was dropped after it had been sent, before the gateway said so, counts as dropped: it may be.
        let lost = heard.len() - taken.tags.len();
        prop_assert!(lost as u64 <= health.sightings_dropped, "{lost} lost");
        prop_assert!(taken.skipped <= health.sightings_dropped);
    }

    /// Nothing on the air stops the hub, and what is malformed is counted.
    #[test]
    fn any_advertisement_is_survived(payload in prop::collection::vec(any::<u8>(), 0..100), rssi in any::<i8>()) {
        let mut hub = small(HubSettings { forward_addresses: true, ..no_filter() });
        hub.on_advert(0, [1, 2, 3, 4, 5, 6], &payload, rssi);
        connected(&mut hub, 0);
        let (batches, ..) = poll(&mut hub, 1_000);
        let forwarded: usize = batches.iter().map(|batch| batch.sightings.len()).sum();
        let health = hub.health(0);
        prop_assert_eq!(health.adverts_heard, 1);
        prop_assert!(forwarded == 1 || health.adverts_malformed > 0);
    }

    /// However fast or slow the crystal, ages are what passed on it and never negative.
    #[test]
    fn ages_follow_the_crystal(drift_ppm in -200..200_i32, offset_ms in 0_u64..1 << 40, waited_ms in 100_u64..100_000) {
        let mut hub = small(HubSettings { skew: Skew { offset_ms, drift_ppm }, ..no_filter() });
        hear(&mut hub, 0, 1);
        connected(&mut hub, 0);
        let (batches, ..) = poll(&mut hub, waited_ms);
        let age_ms = i64::from(batches[0].sightings[0].age_ms);
        let expected = waited_ms as i64 + waited_ms as i64 * i64::from(drift_ppm) / 1_000_000;
        prop_assert!((age_ms - expected).abs() <= 1, "{age_ms} for {expected}");
        prop_assert!(batches[0].sent_at_ms >= offset_ms);
    }
}

#[test]
fn a_batch_goes_out_when_it_is_full_or_old() {
    let mut hub = small(HubSettings {
        batch_age_ms: 100,
        ..no_filter()
    });
    connected(&mut hub, 0);
    (0..7).for_each(|tag| hear(&mut hub, 10, tag));
    assert_eq!(poll(&mut hub, 50).0.len(), 0, "neither full nor old");
    hear(&mut hub, 50, 7);
    assert_eq!(poll(&mut hub, 50).0[0].sightings.len(), 8, "full");
    hear(&mut hub, 60, 8);
    assert_eq!(poll(&mut hub, 159).0.len(), 0);
    let (batches, ..) = poll(&mut hub, 160);
    assert_eq!(
        (batches[0].first_sequence, batches[0].sightings[0].age_ms),
        (8, 100),
        "old"
    );
}

#[test]
fn a_gateway_that_takes_small_batches_gets_small_batches() {
    let mut hub = small(no_filter());
    poll(&mut hub, 0);
    hub.on_connected(
        0,
        Welcome {
            sightings_per_batch_max: 3,
            ..welcome(0)
        },
    );
    (0..8).for_each(|tag| hear(&mut hub, 0, tag));
    let lengths: Vec<_> = poll(&mut hub, 1_000)
        .0
        .iter()
        .map(|batch| batch.sightings.len())
        .collect();
    assert_eq!(lengths, [3, 3, 2]);
}

#[test]
fn a_full_store_gives_up_the_oldest_and_says_how_many() {
    let mut hub = small(no_filter());
    for tag in 0..50 {
        hear(&mut hub, u64::from(tag), tag);
        poll(&mut hub, u64::from(tag));
    }
    assert_eq!((hub.health(50).sightings_dropped, hub.health(50).buffer_len), (18, 32));
    hub.on_connected(50, welcome(0));
    let mut taken = Taken::default();
    poll(&mut hub, 1_000).0.iter().for_each(|batch| taken.take(batch));
    assert_eq!(
        (taken.tags.first(), taken.tags.last(), taken.skipped),
        (Some(&18), Some(&49), 18)
    );
}

#[test]
fn a_radio_that_is_faster_than_the_main_loop_is_counted() {
    let mut hub = small(no_filter());
    (0..20).for_each(|tag| hear(&mut hub, 0, tag));
    assert_eq!((hub.health(0).adverts_heard, hub.health(0).sightings_dropped), (20, 4));
}

#[test]
fn after_a_reboot_numbers_begin_again_under_a_greater_epoch() {
    let name = HubName {
        hub_id: "hub-1".into(),
        venue_id: "venue".into(),
        firmware: "test 1".into(),
    };
    for boot_epoch in [7, 8] {
        let mut hub = Hub::new(name.clone(), no_filter(), boot_epoch, 0, Prng::new(1));
        hear(&mut hub, 0, 1);
        let mut out = Box::new([0; FRAME_LEN_MAX]);
        let len = hub.write_hello(&mut out);
        let Body::Hello(hello) = frame(&out[..len]) else {
            panic!("a hello")
        };
        assert_eq!(
            (hello.protocol_version, hello.boot_epoch, hello.oldest_sequence),
            (1, boot_epoch, 0)
        );
        assert_eq!(
            (hello.hub_id.as_str(), hello.venue_id.as_str(), hello.firmware.as_str()),
            ("hub-1", "venue", "test 1")
        );
        connected(&mut hub, 0);
        let (batches, ..) = poll(&mut hub, 1_000);
        assert_eq!((batches[0].boot_epoch, batches[0].first_sequence), (boot_epoch, 0));
    }
}

#[test]
fn what_was_not_acknowledged_is_sent_again_with_the_same_numbers() {
    let mut hub = small(no_filter());
    connected(&mut hub, 0);
    (0..8).for_each(|tag| hear(&mut hub, 0, tag));
    let (first, ..) = poll(&mut hub, 1_000);
    hub.on_ack(3);
    hub.on_disconnected(1_000);
    assert_eq!(poll(&mut hub, 60_000).2, 1);
    hub.on_connected(60_000, welcome(5));
    let (again, ..) = poll(&mut hub, 60_000);
    assert_eq!(
        again[0].first_sequence, 5,
        "the gateway had taken more than it had said"
    );
    assert_eq!(again[0].sightings[0].identity, first[0].sightings[5].identity);
}

#[test]
fn the_back_off_doubles_to_its_limit_and_only_an_acknowledgement_ends_it() {
    let backoff = BackoffLimits {
        first_ms: 100,
        longest_ms: 1_000,
    };
    let mut hub = small(HubSettings { backoff, ..no_filter() });
    let mut now_ms = 0;
    let mut delay = |hub: &mut Hub| {
        hub.on_disconnected(now_ms);
        let waited = (0..).find(|ms| poll(hub, now_ms + ms).2 == 1).unwrap();
        now_ms += waited;
        waited
    };
    assert_eq!(poll(&mut hub, 0).2, 1);
    for whole_ms in [100, 200, 400, 800, 1_000, 1_000] {
        let waited = delay(&mut hub);
        assert!((whole_ms / 2..=whole_ms).contains(&waited), "{waited} of {whole_ms}");
    }
    hub.on_connected(0, welcome(0));
    assert!(delay(&mut hub) >= 500, "a welcome alone is no success");
    hub.on_connected(0, welcome(0));
    hub.on_ack(0);
    assert!(delay(&mut hub) <= 100, "an acknowledgement is");
}

#[test]
fn two_hubs_come_back_at_different_times() {
    let waits = |seed| {
        let name = HubName {
            hub_id: "h".into(),
            venue_id: "v".into(),
            firmware: String::new(),
        };
        let mut hub = Hub::new(name, HubSettings::default(), 1, 0, Prng::new(seed));
        poll(&mut hub, 0);
        hub.on_disconnected(0);
        (0..).find(|ms| poll(&mut hub, *ms).2 == 1).unwrap()
    };
    let all: Vec<u64> = (0..10).map(waits).collect();
    assert!(all.iter().any(|wait| *wait != all[0]), "{all:?}");
    assert_eq!(waits(3), waits(3), "and one seed always at the same");
}

#[test]
fn a_hub_that_is_asked_to_leave_comes_back_when_it_was_told() {
    let mut hub = small(no_filter());
    connected(&mut hub, 0);
    hub.on_drain(2_000, 1_000);
    let mut out = Box::new([0; FRAME_LEN_MAX]);
    assert_eq!(hub.poll(10, &mut out), Some(Action::Disconnect));
    let back_ms = (10..).find(|ms| poll(&mut hub, *ms).2 == 1).unwrap();
    assert!((2_010..=3_010).contains(&back_ms), "{back_ms}");
}

#[test]
fn repeats_are_forwarded_once_an_interval_and_jumps_at_once() {
    let filter = FilterLimits {
        interval_ms: 1_000,
        change_db: 10,
        transmitters_max: 64,
    };
    let mut hub = small(HubSettings { filter, ..no_filter() });
    let identity = Identity::new(IdentityKind::Address, &[1; 6]).unwrap();
    connected(&mut hub, 0);
    for (at_ms, rssi_dbm) in [(0, -70), (10, -71), (20, -69), (500, -60), (999, -61), (1_500, -61)] {
        hub.on_identity(at_ms, identity, rssi_dbm);
    }
    let (batches, ..) = poll(&mut hub, 2_000);
    let forwarded: Vec<_> = batches[0]
        .sightings
        .iter()
        .map(|sighting| (2_000 - sighting.age_ms, sighting.rssi_dbm))
        .collect();
    assert_eq!(forwarded, [(0, -70), (500, -60), (1_500, -61)]);
}

#[test]
fn health_is_the_heartbeat() {
    let mut hub = small(no_filter());
    poll(&mut hub, 0);
    hub.on_connected(
        0,
        Welcome {
            heartbeat_ms: 1_000,
            ..welcome(0)
        },
    );
    let mut last_ms = 0;
    for now_ms in 0..5_000 {
        if let Some(health) = poll(&mut hub, now_ms).1.first() {
            assert_eq!(health.uptime_ms, now_ms);
            assert!(now_ms - last_ms <= 1_000);
            last_ms = now_ms;
        }
    }
    assert!(last_ms >= 4_000);
}
