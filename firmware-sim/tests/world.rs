//! The radio and the crowd: statistics that are those of the model, people who keep to the floor and to their
//! turn, and one seed that always makes the same world.
//!
//! The bugs that these would find: a fan served twice or by nobody, a route through a wall, a world that
//! depends on how its steps are cut, a tag whose packets no hub can read.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a helper of a test fails like a test"
)]

use std::{path::Path, sync::Arc};

use firmware_sim::{
    cli::read_venue,
    crowd::{Crowd, CrowdSettings, Event, FanIx, Schedule, Want, What},
    hub::{Action, FRAME_LEN_MAX, Hub, HubName, HubSettings, Welcome},
    prng::Prng,
    radio::{Emission, Format, Radio, RadioSettings, Receivers, Rotation, TX_1M_DBM, Tag},
};
use nextbest_proto::{
    advert::{
        address::Address,
        eddystone::Eid,
        ephemeral::{Ephemeral, IdentityKey},
        private_address::ResolvingKey,
    },
    frame::decode_frame,
    limits::HUB_TO_GATEWAY_LEN_MAX,
    v1::{HubToGateway, hub_to_gateway::Body},
};
use nextbest_venue::{LevelIx, PlaceIx, Point, Venue};

fn stadium() -> Arc<Venue> {
    let pack = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../packs/stadium"));
    Arc::new(read_venue(pack).unwrap())
}

fn settings(fans: usize, seed: u64) -> CrowdSettings {
    CrowdSettings {
        fans,
        seed,
        compliance: 0.6,
        ..CrowdSettings::default()
    }
}

/// Advises like a gateway: to the place with the least walk and wait, counting those who are under way to it.
struct Guide {
    venue: Arc<Venue>,
    under_way: Vec<u32>,
}

impl Guide {
    fn new(venue: &Arc<Venue>) -> Self {
        Self {
            venue: Arc::clone(venue),
            under_way: vec![0; venue.places.len()],
        }
    }

    /// Plays until `until_ms` in steps of `step_ms`; returns everything that happened.
    fn play(&mut self, crowd: &mut Crowd, until_ms: u64, step_ms: u64) -> Vec<Event> {
        let mut all = Vec::new();
        while crowd.now_ms() < until_ms {
            let events = crowd.step(crowd.now_ms() + step_ms).to_vec();
            for event in &events {
                match event.what {
                    What::Asks { want } => self.advise(crowd, event.fan, want),
                    What::Goes { place, told: true } => self.under_way[place.index()] += 1,
                    What::Queues { place, .. } => {
                        let under_way = &mut self.under_way[place.index()];
                        *under_way = under_way.saturating_sub(1);
                    }
                    _ => {}
                }
            }
            all.extend(events);
        }
        all
    }

    fn advise(&self, crowd: &mut Crowd, fan: FanIx, want: Want) {
        let want = crowd.want(want).to_owned();
        let seat = crowd.stance(fan, crowd.now_ms()).unwrap();
        let cost_s = |ix: usize| {
            let (place, at) = (&self.venue.places[ix], PlaceIx(ix as u16));
            let walk_s = self
                .venue
                .walks
                .point_to_place_s(&self.venue, (seat.level, seat.at), at)?;
            let load_s = self.under_way[ix] as f32 * place.service_s / f32::from(place.servers.max(1));
            Some(walk_s + crowd.line(at)?.wait_s + load_s)
        };
        let offers = (0..self.venue.places.len()).filter(|ix| self.venue.places[*ix].category == want);
        let best = offers
            .filter_map(|ix| Some((cost_s(ix)?, ix)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, ix)) = best {
            crowd.tell(fan, PlaceIx(ix as u16));
        }
    }
}

#[test]
fn one_seed_makes_one_world_bit_for_bit() {
    let venue = stadium();
    let world = |seed| {
        let mut crowd = Crowd::at_half_time(Arc::clone(&venue), settings(1_000, seed), 180_000);
        let until_ms = crowd.now_ms() + 300_000;
        let events = Guide::new(&venue).play(&mut crowd, until_ms, 500);
        let stances: Vec<_> = crowd.fan_numbers().map(|fan| crowd.stance(fan, until_ms)).collect();
        (events, stances)
    };
    assert_eq!(world(5), world(5));
    assert_ne!(world(5).1, world(6).1);
}

#[test]
fn how_the_steps_are_cut_changes_nothing() {
    let venue = stadium();
    let world = |step_ms| {
        let habit = CrowdSettings {
            app_share: 0.0,
            ..settings(500, 3)
        };
        let mut crowd = Crowd::at_half_time(Arc::clone(&venue), habit, 0);
        let until_ms = crowd.now_ms() + 600_000;
        Guide::new(&venue).play(&mut crowd, until_ms, step_ms)
    };
    assert_eq!(world(100), world(60_000));
}

#[test]
fn nobody_walks_through_walls_or_off_the_floor() {
    let venue = stadium();
    let mut crowd = Crowd::at_half_time(Arc::clone(&venue), settings(400, 2), 0);
    let (mut guide, mut walked, mut off) = (Guide::new(&venue), 0, 0);
    for _ in 0..900 {
        let until_ms = crowd.now_ms() + 1_000;
        guide.play(&mut crowd, until_ms, 1_000);
        for fan in crowd.fan_numbers() {
            let stance = crowd.stance(fan, until_ms).unwrap();
            walked += 1;
            off += u32::from(!near_floor(&venue, stance.level, stance.at));
        }
    }
    assert!(walked > 300_000);
    // Stairs lead over cells that belong to neither level's floor, for some seconds of a walk.
    assert!(
        f64::from(off) < 0.01 * f64::from(walked),
        "{off} of {walked} positions are off the floor"
    );
}

/// On a walkable cell, or within half a cell of one: a line between two cells may graze a corner.
fn near_floor(venue: &Venue, level: LevelIx, at: Point) -> bool {
    let half_m = 0.5 * venue.floor.pitch_m;
    let around = [(0.0, 0.0), (half_m, 0.0), (-half_m, 0.0), (0.0, half_m), (0.0, -half_m)];
    around.iter().any(|(east, north)| {
        venue
            .floor
            .is_walkable(level, Point::new(at.east_m + east, at.north_m + north))
    })
}

#[test]
fn nobody_jumps() {
    let venue = stadium();
    let mut crowd = Crowd::at_half_time(Arc::clone(&venue), settings(300, 4), 0);
    let mut last: Vec<_> = crowd
        .fan_numbers()
        .map(|fan| crowd.stance(fan, crowd.now_ms()).unwrap())
        .collect();
    let mut guide = Guide::new(&venue);
    for _ in 0..1_200 {
        let until_ms = crowd.now_ms() + 500;
        guide.play(&mut crowd, until_ms, 500);
        for (fan, last) in crowd.fan_numbers().zip(&mut last) {
            let stance = crowd.stance(fan, until_ms).unwrap();
            // Who joins a line takes their spot in it, who leaves steps around it: that is the longest jump.
            let moved_m = stance.at.distance_m(last.at);
            assert!(
                stance.level != last.level || moved_m < 30.0,
                "{fan:?} moved {moved_m} m in half a second"
            );
            *last = stance;
        }
    }
}

#[test]
fn everybody_is_somewhere_and_nobody_is_served_by_nobody() {
    let venue = stadium();
    let fans = 2_000;
    let mut crowd = Crowd::new(Arc::clone(&venue), settings(fans, 1));
    let (mut guide, mut served) = (Guide::new(&venue), vec![0_u32; fans]);
    let end_ms = Schedule::default().final_whistle_ms + 3_600_000;
    while crowd.now_ms() < end_ms {
        let until_ms = crowd.now_ms() + 10_000;
        for event in guide.play(&mut crowd, until_ms, 10_000) {
            if let What::Served {
                place,
                waited_s,
                total_s,
                ..
            } = event.what
            {
                served[event.fan.index()] += 1;
                assert!((0.0..=total_s).contains(&waited_s));
                assert!(venue.places[place.index()].servers > 0);
            }
        }
        let census = crowd.census();
        let all = census.outside + census.seated + census.walking + census.queueing + census.in_service + census.gone;
        assert_eq!(all, fans);
        let lines = (0..venue.places.len()).filter_map(|ix| Some((ix, crowd.line(PlaceIx(ix as u16))?)));
        let (mut waiting, mut in_service) = (0, 0);
        for (ix, line) in lines {
            assert!(
                line.in_service <= usize::from(venue.places[ix].servers),
                "{} at {}",
                line.in_service,
                venue.places[ix].id
            );
            waiting += line.waiting;
            in_service += line.in_service;
        }
        assert_eq!((waiting, in_service), (census.queueing, census.in_service));
    }
    assert_eq!(crowd.census().gone, fans, "everybody has left");
    assert!(served.iter().all(|times| *times == 1), "everybody was served once");
}

#[test]
fn at_the_start_lines_stand_and_no_more_are_served_than_servers_can() {
    let venue = stadium();
    let crowd = Crowd::at_half_time(Arc::clone(&venue), settings(20_000, 1), 180_000);
    let census = crowd.census();
    // 0.7 x half of the normal's mass + 0.3 x 180 / 900 have got up.
    let up_share = 1.0 - census.seated as f64 / 20_000.0;
    assert!((0.30..0.50).contains(&up_share), "{census:?}");
    assert!(census.queueing > 500, "{census:?}");
    for (ix, place) in venue.places.iter().enumerate() {
        let line = crowd.line(PlaceIx(ix as u16)).unwrap();
        // A service takes e^(-3 spreads) of the mean at the shortest.
        let possible = f32::from(place.servers) * (180.0 / (0.3 * place.service_s.max(1.0)) + 1.0);
        assert!(line.served as f32 <= possible, "{}: {line:?}", place.id);
    }
}

#[test]
fn who_is_told_of_a_shorter_line_is_served_sooner() {
    let venue = stadium();
    let mut crowd = Crowd::at_half_time(Arc::clone(&venue), settings(20_000, 1), 180_000);
    let until_ms = crowd.now_ms() + 600_000;
    let events = Guide::new(&venue).play(&mut crowd, until_ms, 1_000);
    let mean = |followed: bool| {
        let totals = events.iter().filter_map(|event| match event.what {
            What::Served {
                asked: true,
                told,
                total_s,
                ..
            } if told == followed => Some(f64::from(total_s)),
            _ => None,
        });
        let totals: Vec<f64> = totals.collect();
        assert!(totals.len() > 1_000, "{}", totals.len());
        totals.iter().sum::<f64>() / totals.len() as f64
    };
    let (told, not_told) = (mean(true), mean(false));
    assert!(told < not_told, "told {told:.0} s, by habit {not_told:.0} s");
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let venue = stadium();
    let mut crowd = Crowd::at_half_time(
        Arc::clone(&venue),
        CrowdSettings {
            patience_ms: 1_000,
            ..settings(50, 1)
        },
        0,
    );
    let asked = loop {
        let now_ms = crowd.now_ms() + 1_000;
        if let Some(event) = crowd
            .step(now_ms)
            .iter()
            .find(|event| matches!(event.what, What::Asks { .. }))
        {
            break event.fan;
        }
    };
    crowd.step(crowd.now_ms() + 1_000);
    let before = crowd.stance(asked, crowd.now_ms() + 5_000);
    assert!(!crowd.tell(asked, PlaceIx(0)));
    assert_eq!(crowd.stance(asked, crowd.now_ms() + 5_000), before);
    assert!(
        !crowd.tell(FanIx(u32::MAX), PlaceIx(u16::MAX)),
        "and nonsense is survived"
    );
}

fn emission(at: Point, packet: u64) -> Emission {
    Emission {
        sender: 1,
        packet,
        tx_1m_dbm: TX_1M_DBM,
        level: LevelIx(0),
        at,
        facing_rad: None,
    }
}

#[test]
fn strength_falls_with_distance_as_the_exponent_says() {
    let venue = stadium();
    let hub = &venue.hubs[0];
    let plain = RadioSettings {
        shadow_db: 0.0,
        ..RadioSettings::default()
    };
    let radio = Radio::new(plain, 1);
    let at = |metres: f32| Point::new(hub.at.east_m + metres, hub.at.north_m);
    let dbm = |metres| radio.mean_dbm(&emission(at(metres), 0), 0, hub, 0);
    assert!((dbm(40.0) - dbm(80.0) - 24.0 * 2.0_f32.log10()).abs() < 0.2);
    let through_floor = radio.mean_dbm(&emission(at(40.0), 0), 0, hub, 1);
    assert!((dbm(40.0) - through_floor - plain.floor_db).abs() < 1e-3);
}

#[test]
fn a_body_between_takes_its_decibels() {
    let venue = stadium();
    let hub = &venue.hubs[0];
    let radio = Radio::new(
        RadioSettings {
            shadow_db: 0.0,
            ..RadioSettings::default()
        },
        1,
    );
    let west_of_it = emission(Point::new(hub.at.east_m - 10.0, hub.at.north_m), 0);
    let facing = |rad| {
        radio.mean_dbm(
            &Emission {
                facing_rad: Some(rad),
                ..west_of_it
            },
            0,
            hub,
            0,
        )
    };
    let loss_db = facing(0.0) - facing(std::f32::consts::PI);
    assert!((loss_db - RadioSettings::default().body_db).abs() < 1e-3, "{loss_db}");
}

#[test]
fn shadowing_has_its_spread_stays_where_it_is_and_changes_over_metres() {
    let venue = stadium();
    let hub = &venue.hubs[0];
    let (with, without) = (
        RadioSettings::default(),
        RadioSettings {
            shadow_db: 0.0,
            ..RadioSettings::default()
        },
    );
    let (with, without) = (Radio::new(with, 9), Radio::new(without, 9));
    let shadow = |at| with.mean_dbm(&emission(at, 0), 0, hub, 0) - without.mean_dbm(&emission(at, 0), 0, hub, 0);
    let spots: Vec<Point> = (0..10_000)
        .map(|i| Point::new((i % 100) as f32 * 7.3, (i / 100) as f32 * 7.3))
        .collect();
    let values: Vec<f32> = spots.iter().map(|at| shadow(*at)).collect();
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt();
    assert!(
        mean.abs() < 0.3 && (spread - 4.0).abs() < 0.3,
        "mean {mean}, spread {spread}"
    );
    assert_eq!(values[17], shadow(spots[17]));
    let step = |metres: f32| {
        let differences = spots
            .iter()
            .map(|at| (shadow(*at) - shadow(Point::new(at.east_m + metres, at.north_m))).powi(2));
        (differences.sum::<f32>() / spots.len() as f32).sqrt()
    };
    assert!(step(0.3) < 0.8 && step(50.0) > 5.0, "{} and {}", step(0.3), step(50.0));
}

#[test]
fn packets_are_lost_by_strength() {
    let radio = Radio::new(RadioSettings::default(), 1);
    let RadioSettings {
        sensitivity_dbm,
        lost_share,
        ..
    } = RadioSettings::default();
    assert!((radio.decoded_share(sensitivity_dbm) - 0.5 * (1.0 - lost_share)).abs() < 1e-3);
    assert!((radio.decoded_share(-50.0) - (1.0 - lost_share)).abs() < 1e-3);
    assert!(radio.decoded_share(-110.0) < 1e-3);
    let venue = stadium();
    let hub = &venue.hubs[0];
    let heard = (0..10_000)
        .filter_map(|packet| radio.hear(&emission(hub.at, packet), 0, hub, 0))
        .count();
    assert!((heard as f32 / 10_000.0 - (1.0 - lost_share)).abs() < 0.02, "{heard}");
}

#[test]
fn the_grid_keeps_every_hub_that_could_hear() {
    let venue = stadium();
    let radio = Radio::new(RadioSettings::default(), 1);
    let receivers = Receivers::new(&venue, &radio, TX_1M_DBM);
    for (level, raster) in venue.floor.rasters.iter().enumerate() {
        let level = LevelIx(level as u8);
        for cell in (0..raster.walkable.len()).step_by(997) {
            let at = venue.floor.centre(level, cell);
            let kept = receivers.at(level, at);
            for (ix, hub) in venue.hubs.iter().enumerate() {
                let within = hub.level == level && hub.at.distance_m(at) <= radio.reach_m(TX_1M_DBM, 0);
                assert!(
                    !within || kept.iter().any(|receiver| receiver.hub.index() == ix),
                    "{} at {at:?}",
                    hub.id
                );
            }
        }
    }
    assert!(receivers.at(LevelIx(0), Point::new(1e6, 0.0)).is_empty());
    assert!(receivers.at(LevelIx(255), Point::default()).is_empty());
}

#[test]
fn what_a_tag_says_is_what_a_hub_forwards() {
    for format in [
        Format::IBeacon,
        Format::EddystoneUid,
        Format::AltBeacon,
        Format::EddystoneEid { rotation_exponent: 7 },
        Format::PrivateAddress,
    ] {
        let tag = Tag::new(1, 77, format, 1_000, Rotation::default(), 0);
        let name = HubName {
            hub_id: "h".into(),
            venue_id: "v".into(),
            firmware: String::new(),
        };
        let settings = HubSettings {
            forward_addresses: true,
            ..HubSettings::default()
        };
        let mut hub = Hub::new(name, settings, 1, 0, Prng::new(1));
        let said = tag.advertisement(0);
        hub.on_advert(0, said.address, said.payload(), -60);
        let mut out = Box::new([0; FRAME_LEN_MAX]);
        hub.poll(0, &mut out);
        hub.on_connected(
            0,
            Welcome {
                next_sequence: 0,
                heartbeat_ms: 1_000_000,
                sightings_per_batch_max: 256,
            },
        );
        hub.poll(0, &mut out);
        let Some(Action::Send { len }) = hub.poll(500, &mut out) else {
            panic!("a batch of {format:?}")
        };
        let message: HubToGateway = decode_frame(&mut out[..len].into(), HUB_TO_GATEWAY_LEN_MAX)
            .unwrap()
            .unwrap();
        let Some(Body::Batch(batch)) = message.body else {
            panic!("a batch")
        };
        let registered = tag.identity(0).unwrap();
        let sighting = &batch.sightings[0];
        assert_eq!(
            (sighting.identity_kind, &sighting.identity[..]),
            (registered.wire_kind(), registered.bytes())
        );
        assert_eq!(hub.health(0).adverts_malformed, 0);
    }
}

#[test]
fn tags_send_at_their_interval_and_not_in_step() {
    let mut tag = Tag::new(1, 5, Format::IBeacon, 1_000, Rotation::default(), 0);
    let mut last_ms = tag.next_ms();
    assert!(last_ms < 1_000);
    let mut delays = std::collections::BTreeSet::new();
    for packet in 0..1_000 {
        assert_eq!(tag.send(), packet);
        let delay_ms = tag.next_ms() - last_ms - 1_000;
        assert!(delay_ms <= 10);
        delays.insert(delay_ms);
        last_ms = tag.next_ms();
    }
    assert_eq!(delays.len(), 11, "every delay from 0 to 10 ms");
}

#[test]
fn whoever_has_the_key_can_follow_a_tag_that_changes() {
    let hour_ms = 3_600_000;
    let device = Tag::new(1, 5, Format::PrivateAddress, 1_000, Rotation::default(), 0);
    let key = device.registered(0).unwrap().resolving_key;
    let key = ResolvingKey::new(key.try_into().unwrap());
    let addresses: std::collections::BTreeSet<_> = (0..20).map(|hour| device.address(hour * hour_ms)).collect();
    assert_eq!(addresses.len(), 20);
    assert!(addresses.iter().all(|address| key.made(Address::new(*address, true))));

    let beacon = Tag::new(
        1,
        5,
        Format::EddystoneEid { rotation_exponent: 10 },
        1_000,
        Rotation::default(),
        0,
    );
    let registered = beacon.registered(0).unwrap().ephemeral_key.unwrap();
    let ephemeral = Ephemeral::new(IdentityKey::new(registered.identity_key.try_into().unwrap()), 10).unwrap();
    for hour in 0..1_000_u32 {
        let heard = beacon.identity(u64::from(hour) * hour_ms).unwrap();
        let heard = Eid {
            tx_0m_dbm: 0,
            eid: heard.bytes().try_into().unwrap(),
        };
        // Within 150 ppm: 9 minutes in 1,000 hours.
        assert!(
            ephemeral.find(&heard, registered.clock_s + hour * 3_600).is_some(),
            "hour {hour}"
        );
    }
}

#[test]
fn addresses_rotate_and_identities_when_told() {
    let minute_ms = 60_000;
    let rotation = Rotation {
        address_ms: 15 * minute_ms,
        identity_ms: None,
    };
    let tag = Tag::new(1, 5, Format::IBeacon, 1_000, rotation, 0);
    let addresses: std::collections::BTreeSet<_> = (0..60).map(|minute| tag.address(minute * minute_ms)).collect();
    assert!((4..=5).contains(&addresses.len()), "{} in an hour", addresses.len());
    assert!(
        addresses.iter().all(|address| address[0] >> 6 == 0),
        "non-resolvable private"
    );
    assert!((0..60).all(|minute| tag.identity(minute * minute_ms) == tag.identity(0)));
    let renamed = Tag::new(
        1,
        5,
        Format::IBeacon,
        1_000,
        Rotation {
            identity_ms: Some(15 * minute_ms),
            ..rotation
        },
        0,
    );
    let names: std::collections::HashSet<_> = (0..60).map(|minute| renamed.identity(minute * minute_ms)).collect();
    assert!((4..=5).contains(&names.len()), "{} in an hour", names.len());
}
