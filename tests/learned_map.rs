//! A venue that nobody surveyed learns its radio map from people who are known to be somewhere: at a till, at a gate.
//!
//! Promise: tills of which nobody told the radio anything make the positions of somebody else better, on recordings that
//! nobody here made, and beacons on the wall do so without any people. The walks are those of `tests/locate_tetam.rs`;
//! each is scored with what the four others taught, so that no walk teaches about itself. The tills are put where the
//! walks pass, since the recording has none. Run with `--nocapture` for the figures.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is how it fails")]

use std::fs;
use std::path::{Path, PathBuf};

use nextbest::config::{Pack, pack_files};
use nextbest::engine::spec::Spec;
use nextbest::engine::{CustomerSlot, Engine, Generation, HubIntake, VenueTime};
use nextbest::model::{
    Consent, Property, Purpose, STEP_MS, Sighting, Signal, SignalKind, TagId, TagKind, Timestamp, Value,
};
use nextbest_venue::HubIx;

const WALKS: [&str; 5] = [
    "rectangular_without_rotation",
    "straight_01",
    "straight_02",
    "straight_03",
    "zigzagging_with_rotation",
];
/// Ten points of the walks that are far from one another; metres.
const TILLS: [(f64, f64); 10] = [
    (11.7, 4.3),
    (0.5, 13.6),
    (11.9, 17.5),
    (2.0, 4.2),
    (18.0, 8.5),
    (6.0, 9.7),
    (11.8, 11.3),
    (6.9, 4.2),
    (0.3, 8.4),
    (16.4, 4.2),
];
/// Somebody this near to a till, in metres, has just paid there.
const AT_TILL_M: f64 = 0.8;
/// People who take each walk: as many as a mean needs to be believed.
const PAYERS: usize = 3;
/// Once they are this far, they may come back and pay again.
const AWAY_M: f64 = 3.0;

/// One line of a walk.
struct Heard {
    at_ms: u64,
    hub: HubIx,
    rssi_dbm: i8,
    truth: (f64, f64),
}

/// A gateway's engine with its hubs, in the time of the recording.
struct Floor {
    engine: Engine,
    intakes: Vec<HubIntake>,
    sequences: Vec<u64>,
    began_ms: u64,
    signals: u32,
}

#[test]
fn tills_teach_the_map_for_people_who_never_paid() {
    let (mut before_m, mut after_m) = (Vec::new(), Vec::new());
    for scored in WALKS {
        let mut floor = Floor::new();
        before_m.extend(Floor::new().walk(scored, false));
        for _ in 0..PAYERS {
            for walk in WALKS.into_iter().filter(|walk| *walk != scored) {
                floor.walk(walk, true);
            }
        }
        assert!(floor.engine.learn_radio_map().unwrap(), "{:?}", floor.engine.learning());
        after_m.extend(floor.walk(scored, false));
        println!("{scored:30} {:?}", floor.engine.learning());
    }
    let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len() as f64;
    let (before_m, after_m) = (mean(&before_m), mean(&after_m));
    println!("without a survey: mean {before_m:.2} m; taught by ten tills: {after_m:.2} m");
    assert!(
        after_m < 0.95 * before_m,
        "{after_m} m with what was learned, {before_m} m without"
    );
}

/// A radio that no default describes: walls that take much, and hubs that hear differently well. What a hub hears of a
/// transmitter away from it, in dBm.
fn odd_radio_dbm(hub: usize, away_m: f64) -> i8 {
    let hears_better_db = [-9.0, 6.0, 0.0, 9.0, -6.0, 3.0, -3.0, 7.0, -8.0, 0.0, 5.0, -5.0][hub % 12];
    (-59.0 + hears_better_db - 31.0 * away_m.max(0.5).log10()).round() as i8
}

#[test]
fn beacons_on_the_wall_teach_the_map_without_any_people() {
    let untaught_m = Floor::new().simulated();
    let mut floor = Floor::new();
    floor.hear_beacons(300);
    assert!(floor.engine.learn_radio_map().unwrap(), "{:?}", floor.engine.learning());
    let taught_m = floor.simulated();
    println!("odd radio: mean {untaught_m:.2} m; taught by twelve beacons: {taught_m:.2} m");
    assert!(
        taught_m < 0.6 * untaught_m,
        "{taught_m} m with what was learned, {untaught_m} m without"
    );
}

#[test]
fn too_little_news_is_not_worth_a_map() {
    let mut floor = Floor::new();
    floor.hear_beacons(0);
    assert!(!floor.engine.learn_radio_map().unwrap());
    floor.hear_beacons(4);
    assert!(floor.engine.learn_radio_map().unwrap());
    assert!(!floor.engine.learn_radio_map().unwrap(), "nothing was heard since");
}

impl Floor {
    /// Every hub hears the beacon beside every other, so many times.
    fn hear_beacons(&mut self, times: usize) {
        let generation = self.engine.generation();
        let hubs = &generation.venue().hubs;
        for time in 0..times {
            let now = Timestamp::from_millis(self.began_ms + time as u64 * 100);
            for (beacon, at) in hubs.iter().enumerate() {
                for (hub, hears) in hubs.iter().enumerate().filter(|(hub, _)| *hub != beacon) {
                    let plan_m = (at.at.east_m - hears.at.east_m).hypot(at.at.north_m - hears.at.north_m);
                    let away_m = f64::from(plan_m.hypot(at.height_m - hears.height_m));
                    let mut identity = [7; 20];
                    identity[16..].copy_from_slice(&[0, 1, 0, beacon as u8]);
                    let heard = Heard {
                        at_ms: 0,
                        hub: HubIx(hub as u16),
                        rssi_dbm: odd_radio_dbm(hub, away_m),
                        truth: (0.0, 0.0),
                    };
                    self.hear(now, &heard, TagId::new(TagKind::IBeacon, &identity).unwrap());
                }
            }
        }
        self.began_ms += 60_000;
    }

    /// Somebody walks through the middle under the odd radio; mean error in metres.
    fn simulated(&mut self) -> f64 {
        let walker = self.engine.customer("walker").unwrap();
        let tag = TagId::new(TagKind::Address, &[0xC0, 9, 9, 9, 9, 9]).unwrap();
        self.identify(walker, tag);
        let generation = self.engine.generation();
        let mut errors_m = Vec::new();
        for step in 0..160_u64 {
            let now = Timestamp::from_millis(self.began_ms + step * STEP_MS);
            self.engine.tick(now, VenueTime::default(), |_| {});
            let truth = (3.0 + step as f64 * 0.1, 8.5);
            if let Some(position) = self.engine.position(now, walker).filter(|_| step > 20) {
                errors_m.push((f64::from(position.east_m) - truth.0).hypot(f64::from(position.north_m) - truth.1));
            }
            for (hub, hears) in generation.venue().hubs.iter().enumerate() {
                let (east_m, north_m) = (
                    f64::from(hears.at.east_m) - truth.0,
                    f64::from(hears.at.north_m) - truth.1,
                );
                let away_m = east_m.hypot(north_m).hypot(f64::from(hears.height_m) - 1.2);
                let heard = Heard {
                    at_ms: 0,
                    hub: HubIx(hub as u16),
                    rssi_dbm: odd_radio_dbm(hub, away_m),
                    truth,
                };
                self.hear(now, &heard, tag);
            }
        }
        errors_m.iter().sum::<f64>() / errors_m.len() as f64
    }

    fn new() -> Self {
        let engine = Engine::new(Generation::build(unsurveyed()).unwrap()).unwrap();
        let hubs = engine.generation().venue().hubs.len() as u16;
        let now = Timestamp::from_millis(1_000_000);
        Self {
            intakes: (0..hubs)
                .map(|hub| engine.hub_connected(now, HubIx(hub), 1, 0))
                .collect(),
            sequences: vec![0; usize::from(hubs)],
            engine,
            began_ms: 1_000_000,
            signals: 0,
        }
    }

    /// Somebody new walks; says how far off the engine was at each half second, in metres.
    fn walk(&mut self, name: &str, pays: bool) -> Vec<f64> {
        let walker = self.engine.customer(name).unwrap();
        let tag = TagId::new(TagKind::Address, &[0xC0, 1, 2, 3, 4, self.signals as u8]).unwrap();
        self.identify(walker, tag);
        let heard = recorded(name, &self.engine);
        let mut at_till: Option<usize> = None;
        let (mut errors_m, mut next_ms) = (Vec::new(), 500);
        for heard in &heard {
            while next_ms <= heard.at_ms {
                let now = Timestamp::from_millis(self.began_ms + next_ms);
                self.engine.tick(now, VenueTime::default(), |_| {});
                if let Some(position) = self.engine.position(now, walker).filter(|_| next_ms % 500 == 0) {
                    let (east_m, north_m) = heard.truth;
                    errors_m.push((f64::from(position.east_m) - east_m).hypot(f64::from(position.north_m) - north_m));
                }
                next_ms += STEP_MS;
            }
            let now = Timestamp::from_millis(self.began_ms + heard.at_ms);
            let away_m = |till: usize| (TILLS[till].0 - heard.truth.0).hypot(TILLS[till].1 - heard.truth.1);
            at_till = at_till.filter(|till| away_m(*till) < AWAY_M);
            if pays && at_till.is_none() {
                at_till = (0..TILLS.len()).find(|till| away_m(*till) < AT_TILL_M);
                at_till.into_iter().for_each(|till| self.pay(now, walker, till));
            }
            self.hear(now, heard, tag);
        }
        // The hubs live on and the tag goes silent, so that the last passage ends.
        self.began_ms += next_ms + 60_000;
        for step in 0..120 {
            let now = Timestamp::from_millis(self.began_ms + step * STEP_MS);
            self.engine.tick(now, VenueTime::default(), |_| {});
        }
        self.began_ms += 60_000;
        errors_m
    }

    fn hear(&mut self, now: Timestamp, heard: &Heard, tag: TagId) {
        let hub = usize::from(heard.hub.0);
        let sighting = Sighting {
            tag,
            rssi_dbm: heard.rssi_dbm,
            age_ms: 0,
        };
        let (intake, sequence) = (&mut self.intakes[hub], &mut self.sequences[hub]);
        self.engine.on_sighting(now, intake, *sequence, &sighting);
        *sequence += 1;
        self.engine.on_hub_alive(now, intake);
    }

    fn identify(&mut self, customer: CustomerSlot, tag: TagId) {
        let consents = vec![Consent::new(Purpose::Location, true)];
        self.signal(0, customer, SignalKind::Identify, "", vec![], (vec![tag], consents));
    }

    fn pay(&mut self, now: Timestamp, customer: CustomerSlot, till: usize) {
        let till = format!("till-{till}");
        let place = vec![Property {
            name: "place",
            value: Value::Text(&till),
        }];
        self.signal(
            now.as_millis(),
            customer,
            SignalKind::Track,
            "Order Completed",
            place,
            (vec![], vec![]),
        );
    }

    fn signal(
        &mut self,
        now_ms: u64,
        customer: CustomerSlot,
        kind: SignalKind,
        name: &str,
        properties: Vec<Property<'_>>,
        (tags, consents): (Vec<TagId>, Vec<Consent>),
    ) {
        self.signals += 1;
        let message_id = format!("message-{}", self.signals);
        let signal = Signal {
            made_unix_ms: 0,
            message_id: &message_id,
            kind,
            name,
            properties,
            channel: "",
            anonymous_id: "",
            tags,
            keys: Vec::new(),
            consents,
        };
        let taken = self
            .engine
            .on_signal(Timestamp::from_millis(now_ms), customer, &signal)
            .unwrap();
        assert_eq!(taken.tags_refused, 0);
    }
}

/// The floor without its survey, with ten tills.
fn unsurveyed() -> Spec {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/tetam");
    let mut files: Vec<(String, String)> = pack_files()
        .iter()
        .flat_map(|file| files(&root.join(file.path)))
        .filter(|(name, _)| !name.ends_with("survey.csv"))
        .collect();
    for (name, text) in &mut files {
        if name.ends_with("journey.toml") {
            text.push_str("\n[[event]]\nname = \"Order Completed\"\n");
        }
        if name.ends_with("settings.toml") {
            *text = text.replace("[engine]", "[engine]\npassage_events = [\"Order Completed\"]");
        }
    }
    let hubs = files.iter().find(|(name, _)| name.ends_with("hub.geojson")).unwrap();
    let beacons = beacons(&hubs.1);
    files.push(("venue/occupant.geojson".into(), tills()));
    files.push(("venue/beacon.geojson".into(), beacons));
    Pack::load(&files).unwrap().spec
}

/// The file itself, or the files of the folder, with their texts.
fn files(path: &Path) -> Vec<(String, String)> {
    let paths: Vec<PathBuf> = match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => path.is_file().then(|| path.to_owned()).into_iter().collect(),
    };
    let read = |path: PathBuf| (path.display().to_string(), fs::read_to_string(&path).unwrap());
    paths.into_iter().map(read).collect()
}

fn tills() -> String {
    let mut features = Vec::new();
    for (till, (east_m, north_m)) in TILLS.iter().enumerate() {
        features.push(format!(
            r#"{{"type": "Feature", "id": "till-{till}", "feature_type": "occupant", "properties": {{"name": {{"en":
            "Till {till}"}}, "category": "food", "level_id": "floor"}}, "geometry": {{"type": "Point", "coordinates":
            [{east_m}, {north_m}]}}}}"#
        ));
    }
    format!(
        r#"{{"type": "FeatureCollection", "features": [{}]}}"#,
        features.join(",")
    )
}

/// A beacon beside each hub, in the hubs' order.
fn beacons(hubs: &str) -> String {
    let mut map: serde_json::Value = serde_json::from_str(hubs).unwrap();
    for (number, feature) in map["features"].as_array_mut().unwrap().iter_mut().enumerate() {
        feature["id"] = format!("beacon-{number}").into();
        feature["feature_type"] = "beacon".into();
        let (level_id, height_m) = (
            feature["properties"]["level_id"].clone(),
            feature["properties"]["height_m"].clone(),
        );
        feature["properties"] = serde_json::json!({
            "level_id": level_id, "height_m": height_m, "tx_1m_dbm": -59,
            "ibeacon": {"uuid": "07070707-0707-0707-0707-070707070707", "major": 1, "minor": number},
        });
    }
    map.to_string()
}

/// What was recorded, by the hubs of the engine's map.
fn recorded(name: &str, engine: &Engine) -> Vec<Heard> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/tetam/walks/{name}.csv"));
    let generation = engine.generation();
    let text = fs::read_to_string(path).unwrap();
    let heard = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        Heard {
            at_ms: fields[0].parse::<f64>().unwrap() as u64,
            hub: generation.venue().hub_by_id(fields[1]).unwrap(),
            rssi_dbm: fields[3].parse().unwrap(),
            truth: (fields[4].parse().unwrap(), fields[5].parse().unwrap()),
        }
    };
    text.lines().skip(1).map(heard).collect()
}

#[test]
fn a_copy_of_a_beacon_beside_a_hub_far_away_teaches_nothing() {
    let mut floor = Floor::new();
    floor.hear_beacons(300);
    floor.engine.learn_radio_map().unwrap();
    let before = floor.engine.learning();
    let generation = floor.engine.generation();
    let at = |hub: usize| generation.venue().hubs[hub].at;
    let away_m = |hub: usize| (at(hub).east_m - at(0).east_m).hypot(at(hub).north_m - at(0).north_m);
    let far = (1..12)
        .max_by(|one, other| away_m(*one).total_cmp(&away_m(*other)))
        .unwrap();
    let mut identity = [7; 20];
    identity[16..].copy_from_slice(&[0, 1, 0, 0]);
    for time in 0..1_000 {
        let now = Timestamp::from_millis(floor.began_ms + time * STEP_MS);
        let forged = Heard {
            at_ms: 0,
            hub: HubIx(far as u16),
            rssi_dbm: -30,
            truth: (0.0, 0.0),
        };
        floor.hear(now, &forged, TagId::new(TagKind::IBeacon, &identity).unwrap());
    }
    let after = floor.engine.learning();
    assert_eq!(
        (after.readings, after.beacons_refused),
        (before.readings, before.beacons_refused + 1_000)
    );
}
