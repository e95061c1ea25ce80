//! Promise: the maps that come with the project are good, and have what the demo and the tests count on.

#![expect(clippy::expect_used, clippy::panic, reason = "a helper of the tests fails the test")]

use std::fs;
use std::path::Path;

use nextbest_venue::{BeaconIdentity, LevelIx, Place, PlaceIx, Point, Source, Venue, ZoneIx, load, svg};

fn venue(pack: &str) -> Venue {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../packs")
        .join(pack)
        .join("venue");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("a pack")
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    let text = |path: &Path| fs::read_to_string(path).expect("readable").into();
    let sources: Vec<Source> = paths
        .iter()
        .map(|path| Source {
            name: path.display().to_string(),
            text: text(path),
        })
        .collect();
    load(&sources).unwrap_or_else(|mistakes| panic!("{} mistakes, the first: {}", mistakes.len(), mistakes[0]))
}

/// What holds for every pack.
fn check(venue: &Venue) {
    for (at, zone) in venue.zones.iter().enumerate() {
        let middle = zone.area.interior();
        assert_eq!(
            venue.zone_at(zone.level, middle),
            Some(ZoneIx(at as u16)),
            "{}",
            zone.id
        );
        assert_eq!(venue.zone_by_id(&zone.id), Some(ZoneIx(at as u16)));
    }
    for (at, place) in venue.places.iter().enumerate() {
        let place_ix = PlaceIx(at as u16);
        assert_eq!(venue.place_by_id(&place.id), Some(place_ix));
        assert!(place.zone.index() < venue.zones.len(), "{}", place.id);
        assert_eq!(venue.zones[place.zone.index()].level, place.level, "{}", place.id);
        assert_eq!(
            place.servers == 0,
            place.queue_zone.is_none(),
            "{}: people wait where they are served",
            place.id
        );
        for zone in 0..venue.zones.len() {
            let walk_s = venue.walks.zone_to_place_s(ZoneIx(zone as u16), place_ix);
            assert!(
                walk_s.is_some_and(|seconds| seconds < 900),
                "from {} to {}: {walk_s:?}",
                venue.zones[zone].id,
                place.id
            );
        }
    }
    for hub in &venue.hubs {
        assert!(!hub.zones.is_empty(), "{}", hub.id);
        let here = venue.zone_at(hub.level, hub.at);
        assert!(
            here.is_none_or(|zone| hub.zones.contains(&zone)),
            "{} may not report where it hangs",
            hub.id
        );
    }
    for level in 0..venue.levels.len() {
        let plan = svg::draw(venue, LevelIx(level as u8));
        assert!(plan.starts_with("<svg") && plan.ends_with("</svg>\n"));
    }
}

/// Where one stands at each place.
fn stands(venue: &Venue) -> Vec<(LevelIx, Point)> {
    let stand = |at: usize, place: &Place| {
        let route = venue
            .walks
            .steps_to_place(venue, (place.level, place.at), PlaceIx(at as u16))
            .expect("a place");
        route
            .points
            .last()
            .map(|point| (point.level, point.at))
            .expect("a goal")
    };
    venue
        .places
        .iter()
        .enumerate()
        .map(|(at, place)| stand(at, place))
        .collect()
}

#[test]
fn the_stadium_has_its_seats_stands_gates_and_hubs() {
    let venue = venue("stadium");
    check(&venue);
    assert_eq!(venue.levels.len(), 2);
    assert_eq!(venue.zones.iter().map(|zone| zone.seats).sum::<u32>(), 60_000);
    let stands: Vec<&Place> = venue
        .places
        .iter()
        .filter(|place| matches!(place.category.as_str(), "food" | "drink"))
        .collect();
    assert_eq!(stands.len(), 40);
    assert_eq!(venue.places.iter().filter(|place| place.category == "gate").count(), 8);
    assert!((150..=200).contains(&venue.hubs.len()));
    for stand in &stands {
        let queue = &venue.zones[stand.queue_zone.expect("a queue").index()];
        assert!(queue.exclusive && queue.category == "queue" && queue.level == stand.level);
        let middle = queue.area.interior();
        let near = |hub: &&nextbest_venue::Hub| hub.level == stand.level && hub.at.distance_m(middle) <= 6.0;
        let hub = venue
            .hubs
            .iter()
            .find(near)
            .unwrap_or_else(|| panic!("no hub near {}", queue.id));
        assert!(hub.zones.contains(&stand.queue_zone.expect("a queue")));
        assert_eq!(
            stand
                .names
                .iter()
                .map(|(locale, _)| locale.as_str())
                .collect::<Vec<_>>(),
            ["en", "es"]
        );
    }
    let served: f32 = stands
        .iter()
        .map(|stand| f32::from(stand.servers) / stand.service_s * 900.0)
        .sum();
    assert!((20_000.0..26_000.0).contains(&served), "{served} people in 15 minutes");
    assert!(
        venue
            .beacons
            .iter()
            .all(|beacon| matches!(beacon.identity, BeaconIdentity::IBeacon { .. }))
    );
}

#[test]
fn walking_times_of_the_stadium_are_a_metric() {
    let venue = venue("stadium");
    let stands = stands(&venue);
    let seconds = |from: usize, to: usize| {
        venue
            .walks
            .point_to_place_s(&venue, stands[from], PlaceIx(to as u16))
            .expect("everything is reachable")
    };
    let sample: Vec<usize> = (0..stands.len()).step_by(5).collect();
    for &a in &sample {
        assert!(seconds(a, a).abs() < 1e-3);
        for &b in &sample {
            assert!(
                (seconds(a, b) - seconds(b, a)).abs() < 1e-2,
                "{a} {b}: as far there as back"
            );
            let ((on, from), (level, to)) = (stands[a], stands[b]);
            let straight_s = if on == level { from.distance_m(to) / 1.2 } else { 30.0 };
            assert!(
                seconds(a, b) + 1e-3 >= straight_s * 0.995,
                "{a} {b}: nobody is faster than straight through the walls"
            );
            for &c in &sample {
                assert!(
                    seconds(a, c) <= seconds(a, b) + seconds(b, c) + 1e-2,
                    "{a} {b} {c}: a detour is no shortcut"
                );
            }
        }
    }
}

#[test]
fn routes_of_the_stadium_stay_on_its_floor_and_take_the_stairs() {
    let venue = venue("stadium");
    for (at, hub) in venue.hubs.iter().enumerate().step_by(3) {
        let place = PlaceIx((at * 31 % venue.places.len()) as u16);
        let route = venue
            .walks
            .steps_to_place(&venue, (hub.level, hub.at), place)
            .expect("reachable");
        let climbs = route
            .points
            .windows(2)
            .filter(|pair| pair[0].level != pair[1].level)
            .count();
        let expected = usize::from(hub.level != venue.places[place.index()].level);
        assert_eq!(climbs, expected, "{} to {}", hub.id, venue.places[place.index()].id);
        for pair in route
            .points
            .windows(2)
            .skip(1)
            .filter(|pair| pair[0].level == pair[1].level)
        {
            for piece in 0_u8..=100 {
                let share = f32::from(piece) / 100.0;
                let (from, to) = (pair[0].at, pair[1].at);
                let at = Point::new(
                    from.east_m + (to.east_m - from.east_m) * share,
                    from.north_m + (to.north_m - from.north_m) * share,
                );
                assert!(
                    venue.floor.is_walkable(pair[0].level, at),
                    "{at:?} on the way from {}",
                    hub.id
                );
            }
        }
        let table_s = venue
            .walks
            .point_to_place_s(&venue, (hub.level, hub.at), place)
            .expect("reachable");
        assert!(
            route.walk_s <= table_s + 2.0,
            "{} s by the route, {table_s} s by the cells",
            route.walk_s
        );
    }
}

#[test]
fn a_zone_is_left_by_one_cell_and_found_by_another() {
    let venue = venue("stadium");
    for (at, zone) in venue.zones.iter().enumerate().step_by(7) {
        let route = venue
            .walks
            .steps_to_zone(&venue, (LevelIx(0), Point::new(0.0, 90.0)), ZoneIx(at as u16))
            .expect("reachable");
        let goal = route.points.last().expect("a goal");
        assert_eq!(
            venue.floor.cell_zone(goal.level, goal.at),
            Some(ZoneIx(at as u16)),
            "{}",
            zone.id
        );
    }
}

#[test]
fn zone_at_agrees_with_the_polygons_everywhere() {
    for pack in ["stadium", "museum", "tetam"] {
        let venue = venue(pack);
        for step in 0..20_000_u16 {
            let level = LevelIx((usize::from(step) % venue.levels.len()) as u8);
            let raster = &venue.floor.rasters[level.index()];
            // Two shares without a common period cover the plan evenly.
            let (east, north) = (
                (f32::from(step) * 0.618_034).fract(),
                (f32::from(step) * 0.754_877).fract(),
            );
            let at = Point::new(
                raster.origin.east_m + east * raster.columns as f32 * venue.floor.pitch_m,
                raster.origin.north_m + north * raster.rows as f32 * venue.floor.pitch_m,
            );
            let inside = |zone: &nextbest_venue::Zone| zone.exclusive && zone.level == level && zone.area.contains(at);
            let known = venue
                .zones
                .iter()
                .filter(|zone| inside(zone))
                .min_by(|a, b| a.area.area_m2().total_cmp(&b.area.area_m2()));
            let found = venue.zone_at(level, at).map(|zone| &venue.zones[zone.index()]);
            assert_eq!(found, known, "{pack} {at:?}");
        }
    }
}

#[test]
fn the_museum_has_rooms_and_exhibits_on_two_levels() {
    let venue = venue("museum");
    check(&venue);
    assert_eq!(venue.levels.len(), 2);
    assert!((12..=20).contains(&venue.hubs.len()));
    for beacon in &venue.beacons {
        assert!(
            venue
                .places
                .iter()
                .any(|place| place.category == "exhibit" && place.at == beacon.at),
            "{}",
            beacon.id
        );
        assert!(matches!(beacon.identity, BeaconIdentity::EddystoneUid { .. }));
    }
}

#[test]
fn the_tetam_floor_is_the_one_of_the_recording() {
    let venue = venue("tetam");
    check(&venue);
    let ids: Vec<&str> = venue.zones.iter().map(|zone| zone.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "south-west",
            "south-east",
            "middle-west",
            "middle-east",
            "north-west",
            "north-east"
        ]
    );
    assert_eq!(venue.hubs.len(), 12);
    let hub = &venue.hubs[venue.hub_by_id("b827ebf7d096").expect("sensor30").index()];
    assert_eq!((hub.at, hub.height_m), (Point::new(13.14, 12.33), 1.22));
    let cells = include_str!("../../xtask/src/make_maps/tetam/walkable_1m.csv");
    for line in cells.lines().skip(1) {
        let cell: Vec<f32> = line
            .split(',')
            .map(|cell| cell.trim().parse().expect("a number"))
            .collect();
        let is_walkable = venue.floor.is_walkable(LevelIx(0), Point::new(cell[0], cell[1]));
        assert_eq!(is_walkable, cell[2] > 0.5, "{line}");
    }
}

#[test]
fn the_same_files_make_the_same_venue() {
    let (one, other) = (venue("stadium"), venue("stadium"));
    assert!(
        one.zones == other.zones && one.places == other.places && one.hubs == other.hubs && one.floor == other.floor
    );
    for zone in 0..one.zones.len() as u16 {
        for place in 0..one.places.len() as u16 {
            let (zone, place) = (ZoneIx(zone), PlaceIx(place));
            assert_eq!(
                one.walks.zone_to_place_s(zone, place),
                other.walks.zone_to_place_s(zone, place)
            );
        }
    }
}
