//! What the locator promises whatever is heard: order and duplication change nothing, nothing is made up, and
//! nothing breaks.
//!
//! Deliberately absent: accuracy, which `tests/locate_tetam.rs` measures on real walks.

use proptest::prelude::*;

use super::*;

/// Two levels of 60 x 40 m, a station every 10 m on each, a zone for each quarter; a wall with a gap in the middle.
fn venue(settings: LocatorSettings) -> Locator {
    let (columns, rows) = (60u32, 40u32);
    let cells = || (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
    let level = |level: u16| FloorLevel {
        origin_east_m: -5.0,
        origin_north_m: 3.0,
        columns,
        rows,
        walkable: cells()
            .map(|(column, row)| column != 30 || (18..22).contains(&row))
            .collect(),
        zone: cells()
            .map(|(column, row)| level * 4 + (column / 30 + row / 20 * 2) as u16)
            .collect(),
        elevation_m: 5.0 * f32::from(level),
    };
    let floor = FloorPlan {
        pitch_m: 1.0,
        levels: vec![level(0), level(1)],
    };
    Locator::new(floor, stations(), None, settings).unwrap()
}

fn stations() -> Vec<Station> {
    let place = |level: u8, index: u8| Station {
        level,
        east_m: 10.0 * f32::from(index % 6),
        north_m: 8.0 + 10.0 * f32::from(index / 6),
        height_m: 2.5,
    };
    (0..2)
        .flat_map(|level| (0..24).map(move |index| place(level, index)))
        .collect()
}

/// What a station hears of a tag, without noise.
fn rssi_dbm(station: &Station, level: u8, east_m: f32, north_m: f32) -> i8 {
    let up_m = 5.0 * (f32::from(level) - f32::from(station.level)) + 1.2 - station.height_m;
    let distance_m = (station.east_m - east_m).hypot(station.north_m - north_m).hypot(up_m);
    let slabs_db = 15.0 * f32::from(level.abs_diff(station.level));
    (-59.0 - 22.0 * distance_m.max(0.5).log10() - slabs_db) as i8
}

/// One step in which every station that can hear a place does.
fn hear(locator: &Locator, track: &mut Track, step: u32, level: u8, east_m: f32, north_m: f32) {
    for (index, station) in (0u16..).zip(stations()) {
        let rssi_dbm = rssi_dbm(&station, level, east_m, north_m);
        if rssi_dbm > -90 {
            locator.observe(track, step, index, rssi_dbm);
        }
    }
}

/// Everything of a track, bit for bit.
fn bits(track: &Track) -> String {
    format!("{track:?}")
}

/// A sighting as drawn at random: step, station, RSSI.
type Drawn = (u32, u16, i8);

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    prop::collection::vec((0u32..40, 0u16..48, -95i8..-40), 1..200)
}

/// Plays sightings whose steps ascend.
fn play(locator: &Locator, sightings: &[Drawn]) -> Track {
    let mut track = Track::default();
    for (step, station, rssi_dbm) in sightings {
        let observed = locator.observe(&mut track, *step, *station, *rssi_dbm);
        assert!(
            matches!(observed, Observed::Folded | Observed::Closed(_)),
            "{observed:?}"
        );
    }
    locator.close(&mut track, 1000);
    track
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_and_duplication_inside_a_step_change_nothing(mut sightings in drawn(), seed in any::<u64>()) {
        let locator = venue(LocatorSettings::default());
        sightings.sort_by_key(|sighting| sighting.0);
        let mut shuffled = sightings.clone();
        shuffled.extend(sightings.iter().step_by(3).copied());
        let key = |sighting: &Drawn| u64::from(sighting.1) << 8 | u64::from(sighting.2.unsigned_abs());
        let order = |sighting: &Drawn| key(sighting).wrapping_mul(seed | 1);
        shuffled.sort_by_key(|sighting| (sighting.0, order(sighting)));
        prop_assert_eq!(bits(&play(&locator, &sightings)), bits(&play(&locator, &shuffled)));
    }

    #[test]
    fn nothing_heard_makes_a_fix_that_is_no_number(
        sightings in prop::collection::vec((any::<u8>(), any::<u16>(), any::<i8>()), 0..300),
    ) {
        let locator = venue(LocatorSettings { time_to_live_ms: u32::MAX, ..LocatorSettings::default() });
        let mut track = Track::default();
        let mut step = 0u32;
        for (ahead, station, rssi_dbm) in sightings {
            step = step.saturating_add(u32::from(ahead).pow(3));
            if let Observed::Closed(fix) = locator.observe(&mut track, step, station % 50, rssi_dbm) {
                let numbers = [fix.east_m, fix.north_m, fix.accuracy_m, fix.zone_confidence];
                prop_assert!(numbers.iter().all(|number| number.is_finite()), "{fix:?}");
                prop_assert!((-5.0..=55.0).contains(&fix.east_m) && (3.0..=43.0).contains(&fix.north_m), "{fix:?}");
                prop_assert!((0.0..=1.01).contains(&fix.zone_confidence), "{fix:?}");
            }
        }
    }
}

#[test]
fn a_person_is_followed_across_the_floor() {
    let locator = venue(LocatorSettings::default());
    let mut track = Track::default();
    let mut crossed = Vec::new();
    for second in 0u32..70 {
        let (east_m, north_m) = (5.0 + second as f32 * 0.6, 22.5);
        for step in 0..4 {
            hear(&locator, &mut track, second * 4 + step, 0, east_m, north_m);
        }
        let fix = locator.close(&mut track, second * 4 + 4).unwrap();
        assert_eq!(fix.level, 0);
        if second > 5 {
            let off_m = (fix.east_m - east_m).hypot(fix.north_m - north_m);
            assert!(off_m < 2.5, "{off_m} m off after {second} s: {fix:?}");
        }
        if crossed.last() != Some(&fix.zone) {
            crossed.push(fix.zone);
        }
    }
    assert!(
        crossed.len() <= 4 && crossed.last() == Some(&Some(1)) || crossed.last() == Some(&Some(3)),
        "{crossed:?}"
    );
}

#[test]
fn stairs_are_noticed_within_seconds() {
    let locator = venue(LocatorSettings::default());
    let mut track = Track::default();
    for step in 0..40 {
        hear(&locator, &mut track, step, 0, 20.0, 20.0);
    }
    assert_eq!(locator.close(&mut track, 40).unwrap().level, 0);
    for step in 40..56 {
        hear(&locator, &mut track, step, 1, 20.0, 20.0);
    }
    let fix = locator.close(&mut track, 56).unwrap();
    assert_eq!(fix.level, 1, "{fix:?}");
    assert!((fix.east_m - 20.0).hypot(fix.north_m - 20.0) < 3.0, "{fix:?}");
}

#[test]
fn silence_moves_nobody_and_the_dead_are_not_missed() {
    let locator = venue(LocatorSettings::default());
    let mut track = Track::default();
    for step in 0..40 {
        hear(&locator, &mut track, step, 0, 20.0, 20.0);
    }
    let before = locator.close(&mut track, 40).unwrap();
    let later = locator.close(&mut track, 60).unwrap();
    assert_eq!(
        (before.east_m, before.north_m, before.zone),
        (later.east_m, later.north_m, later.zone)
    );
    // The nearest station dies; the others go on.
    let dead = 8;
    assert!(stations()[usize::from(dead)].east_m == 20.0);
    for step in 60..100 {
        for (index, station) in (0u16..).zip(stations()).filter(|(index, _)| *index != dead) {
            locator.observe(&mut track, step, index, rssi_dbm(&station, 0, 20.0, 20.0));
        }
    }
    let after = locator.close(&mut track, 100).unwrap();
    assert!((after.east_m - 20.0).hypot(after.north_m - 20.0) < 2.5, "{after:?}");
}

#[test]
fn who_was_not_heard_for_the_time_to_live_is_nowhere() {
    let locator = venue(LocatorSettings {
        time_to_live_ms: 5_000,
        ..LocatorSettings::default()
    });
    let mut track = Track::default();
    hear(&locator, &mut track, 100, 0, 20.0, 20.0);
    assert!(locator.close(&mut track, 101).is_some());
    assert!(locator.close(&mut track, 120).is_some());
    assert!(locator.close(&mut track, 121).is_none());
    assert!(locator.fix(&track).is_none());
    hear(&locator, &mut track, 130, 1, 40.0, 30.0);
    let fix = locator.close(&mut track, 131).unwrap();
    assert!(fix.zone_changed && fix.level == 1, "found anew: {fix:?}");
    // A step that stays open past the time to live is no position either.
    hear(&locator, &mut track, 200, 1, 40.0, 30.0);
    assert!(locator.close(&mut track, 1_000).is_none());
}

#[test]
fn late_and_impossible_sightings_are_said_and_leave_no_trace() {
    let locator = venue(LocatorSettings::default());
    let mut track = Track::default();
    assert_eq!(locator.observe(&mut track, 50, 1, -60), Observed::Folded);
    let before = bits(&track);
    assert_eq!(locator.observe(&mut track, 49, 1, -40), Observed::Late);
    assert_eq!(locator.observe(&mut track, 51, 48, -40), Observed::UnknownStation);
    assert_eq!(locator.observe(&mut track, 51, 1, 127), Observed::NotARadioValue);
    assert_eq!(locator.observe(&mut track, 51, 1, -128), Observed::NotARadioValue);
    assert_eq!(bits(&track), before);
    assert!(matches!(locator.observe(&mut track, 51, 1, -60), Observed::Closed(fix) if fix.step == 50));
    assert!(locator.close(&mut track, 60).is_some());
    assert_eq!(locator.observe(&mut track, 59, 1, -40), Observed::Late);
    assert_eq!(locator.observe(&mut track, 60, 1, -40), Observed::Folded);
}

#[test]
fn a_lost_tag_is_found_again() {
    let locator = venue(LocatorSettings::default());
    let mut track = Track::default();
    for step in 0..40 {
        hear(&locator, &mut track, step, 0, 2.0, 12.0);
    }
    for step in 40..80 {
        hear(&locator, &mut track, step, 0, 50.0, 38.0);
    }
    let fix = locator.close(&mut track, 80).unwrap();
    assert!((fix.east_m - 50.0).hypot(fix.north_m - 38.0) < 3.0, "{fix:?}");
}

#[test]
fn a_floor_nobody_can_stand_on_has_no_position() {
    let level = FloorLevel {
        origin_east_m: 0.0,
        origin_north_m: 0.0,
        columns: 3,
        rows: 3,
        walkable: vec![false; 9],
        zone: vec![0; 9],
        elevation_m: 0.0,
    };
    let station = Station {
        level: 0,
        east_m: 1.0,
        north_m: 1.0,
        height_m: 2.0,
    };
    let floor = FloorPlan {
        pitch_m: 1.0,
        levels: vec![level],
    };
    let locator = Locator::new(floor, vec![station], None, LocatorSettings::default()).unwrap();
    let mut track = Track::default();
    for step in 0..20 {
        assert_eq!(locator.observe(&mut track, step, 0, -60), Observed::Folded);
    }
    assert_eq!(locator.close(&mut track, 20), None);
}

#[test]
fn a_venue_that_makes_no_sense_is_refused_by_name() {
    let level = || FloorLevel {
        origin_east_m: 0.0,
        origin_north_m: 0.0,
        columns: 2,
        rows: 2,
        walkable: vec![true; 4],
        zone: vec![NO_ZONE; 4],
        elevation_m: 0.0,
    };
    let refused = |floor: FloorPlan, stations: Vec<Station>, survey: &[SurveyPoint], settings: LocatorSettings| {
        Locator::new(floor, stations, Some(survey), settings)
            .unwrap_err()
            .to_string()
    };
    let floor = |levels: Vec<FloorLevel>| FloorPlan { pitch_m: 1.0, levels };
    let settings = LocatorSettings::default();
    let station = Station {
        level: 0,
        east_m: 0.0,
        north_m: 0.0,
        height_m: 0.0,
    };
    let point = SurveyPoint {
        level: 0,
        east_m: 0.0,
        north_m: 0.0,
        station: 0,
        rssi_mean_dbm: -60.0,
        rssi_sd_db: 1.0,
    };
    assert!(refused(floor(vec![]), vec![], &[], settings).contains("1 to 8 levels"));
    assert!(refused(floor(vec![FloorLevel { columns: 3, ..level() }]), vec![], &[], settings).contains("3 x 2 cells"));
    assert!(
        refused(
            floor(vec![FloorLevel {
                elevation_m: f32::NAN,
                ..level()
            }]),
            vec![],
            &[],
            settings
        )
        .contains("finite")
    );
    assert!(
        refused(
            FloorPlan {
                pitch_m: f32::NAN,
                levels: vec![level()]
            },
            vec![],
            &[],
            settings
        )
        .contains("0.25 to 10")
    );
    assert!(
        refused(
            floor(vec![level()]),
            vec![Station { level: 1, ..station }],
            &[],
            settings
        )
        .contains("station 0")
    );
    assert!(
        refused(
            floor(vec![level()]),
            vec![station],
            &[SurveyPoint { station: 1, ..point }],
            settings
        )
        .contains("survey point 0")
    );
    assert!(refused(floor(vec![level()]), vec![station; STATIONS_MAX + 1], &[], settings).contains("4096 stations"));
    let settings = LocatorSettings {
        noise_survey_db: f32::NAN,
        ..settings
    };
    assert!(refused(floor(vec![level()]), vec![station], &[], settings).contains("noise_survey_db must be 0.5 to 50"));
}
