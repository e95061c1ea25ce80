//! Promise: no walk leads through a wall, and no shorter way is missed.
//!
//! Random buildings are walked twice: by the crate, and by a reference that knows only rooms and doors as arithmetic and
//! relaxes every edge until nothing changes. The bugs this found when it was first tried: a door into solid rock that opened
//! the wall beside it, and a line pulled straight through the corner where two walls end.

#![expect(clippy::panic, reason = "a helper of the tests fails the test")]

mod common;

use std::collections::BTreeMap;

use common::{Building, Door, ROOM_M, ROOMS, SIDE, load_text};
use nextbest_venue::{
    LevelIx, OPEN_EAST, OPEN_NORTH, OPEN_SOUTH, OPEN_WEST, PlaceIx, Point, Route, Venue, WALK_M_PER_S, ZoneIx,
};
use proptest::prelude::*;

/// Level, column, row.
type Cell = (usize, usize, usize);

/// The obviously right model: a cell is open to its neighbour when they share a room or a door lies between.
struct Reference<'b> {
    building: &'b Building,
    edges: Vec<(Cell, Cell, f32)>,
}

impl<'b> Reference<'b> {
    fn new(building: &'b Building) -> Self {
        let mut reference = Self {
            building,
            edges: Vec::new(),
        };
        let cells: Vec<Cell> = reference.cells().collect();
        for cell in &cells {
            for (east, north) in [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)] {
                let Some(next) = moved(*cell, east, north).filter(|next| reference.can_step(*cell, *next)) else {
                    continue;
                };
                let length_m = if east != 0 && north != 0 { 17.0 / 12.0 } else { 1.0 };
                reference.edges.push((*cell, next, length_m / WALK_M_PER_S));
            }
        }
        for level in 1..building.levels {
            let (below, above) = ((level - 1, ROOM_M / 2, ROOM_M / 2), (level, ROOM_M / 2, ROOM_M / 2));
            if reference.is_walkable(below) && reference.is_walkable(above) {
                reference.edges.push((below, above, building.stairs_s));
                reference.edges.push((above, below, building.stairs_s));
            }
        }
        reference
    }

    fn cells(&self) -> impl Iterator<Item = Cell> + use<> {
        let solid = self.building.solid.clone();
        let all = (0..self.building.levels)
            .flat_map(|level| (0..SIDE).flat_map(move |c| (0..SIDE).map(move |r| (level, c, r))));
        all.filter(move |cell| !solid.contains(&room(*cell)))
    }

    fn is_walkable(&self, cell: Cell) -> bool {
        !self.building.is_solid(room(cell))
    }

    /// Neighbours by side or corner; a corner needs all four sides around it.
    fn can_step(&self, from: Cell, to: Cell) -> bool {
        let (a, b) = ((from.0, to.1, from.2), (from.0, from.1, to.2));
        if a == to || b == to {
            return self.is_open(from, to);
        }
        self.is_open(from, a) && self.is_open(a, to) && self.is_open(from, b) && self.is_open(b, to)
    }

    fn is_open(&self, one: Cell, other: Cell) -> bool {
        if !self.is_walkable(one) || !self.is_walkable(other) {
            return false;
        }
        if room(one) == room(other) {
            return true;
        }
        let low = one.min(other);
        let is_east = one.2 == other.2;
        let along = if is_east { low.2 % ROOM_M } else { low.1 % ROOM_M };
        let here = |door: &&Door| door.room == room(low) && door.is_east == is_east;
        self.building
            .doors
            .iter()
            .filter(here)
            .any(|door| (door.offset_m..door.offset_m + door.width_m).contains(&along))
    }

    /// Seconds from every cell that can reach the goal.
    fn seconds_to(&self, goal: Cell) -> BTreeMap<Cell, f32> {
        let mut seconds = BTreeMap::from([(goal, 0.0)]);
        loop {
            let mut changed = false;
            for (from, to, edge_s) in &self.edges {
                let Some(by_here) = seconds.get(to).map(|rest| rest + edge_s) else {
                    continue;
                };
                if seconds.get(from).is_none_or(|known| by_here < known - 1e-4) {
                    seconds.insert(*from, by_here);
                    changed = true;
                }
            }
            if !changed {
                return seconds;
            }
        }
    }
}

fn room((level, column, row): Cell) -> (usize, usize, usize) {
    (level, column / ROOM_M, row / ROOM_M)
}

fn moved((level, column, row): Cell, east: isize, north: isize) -> Option<Cell> {
    let (column, row) = (column.checked_add_signed(east)?, row.checked_add_signed(north)?);
    (column < SIDE && row < SIDE).then_some((level, column, row))
}

fn cell_of(level: LevelIx, at: Point) -> Cell {
    (level.index(), at.east_m.floor() as usize, at.north_m.floor() as usize)
}

fn centre((level, column, row): Cell) -> (LevelIx, Point) {
    (LevelIx(level as u8), Point::new(column as f32 + 0.5, row as f32 + 0.5))
}

/// Asserts that every stretch of a route keeps to open floor, and that its time is that of its stretches.
fn check_route(route: &Route, reference: &Reference<'_>) {
    let mut sum_s = 0.0;
    for pair in route.points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        sum_s += to.leg_s;
        if from.level != to.level {
            assert!(
                (to.leg_s - reference.building.stairs_s).abs() < 1e-3,
                "stairs take {} s",
                to.leg_s
            );
            continue;
        }
        assert!(
            (to.leg_s - from.at.distance_m(to.at) / WALK_M_PER_S).abs() < 1e-3,
            "a leg's time is its length's"
        );
        let mut last = cell_of(from.level, from.at);
        // Pieces of 1 mm or so: a crossing of two walls near a corner must not hide between two samples.
        let pieces = (from.at.distance_m(to.at) * 1_000.0).ceil().max(1.0) as u32;
        for piece in 0..=pieces {
            let share = piece as f32 / pieces as f32;
            let at = Point::new(
                from.at.east_m + (to.at.east_m - from.at.east_m) * share,
                from.at.north_m + (to.at.north_m - from.at.north_m) * share,
            );
            let cell = cell_of(from.level, at);
            assert!(reference.is_walkable(cell), "{at:?} is in rock, on the way {route:?}");
            assert!(
                cell == last || reference.can_step(last, cell),
                "a wall between {last:?} and {cell:?}, on the way {route:?}"
            );
            last = cell;
        }
    }
    assert!((sum_s - route.walk_s).abs() < 1e-2, "{sum_s} against {}", route.walk_s);
}

/// Compares every time and many routes of a building with the reference.
fn check(building: &Building) {
    let venue = load_text(&building.geojson()).unwrap_or_else(|mistakes| panic!("{building:?}: {}", mistakes[0]));
    let reference = Reference::new(building);
    check_sides(&venue, &reference);
    for (at, goal) in building.places.iter().enumerate() {
        let place = PlaceIx(at as u16);
        let seconds = reference.seconds_to(*goal);
        for cell in reference.cells() {
            let found = venue.walks.point_to_place_s(&venue, centre(cell), place);
            match (found, seconds.get(&cell)) {
                (Some(found), Some(known)) => {
                    assert!((found - known).abs() < 0.2, "{cell:?}: {found} s, reference {known} s");
                }
                (found, known) => {
                    assert_eq!(found.is_some(), known.is_some(), "{cell:?} to {goal:?}");
                }
            }
        }
        for cell in reference.cells().step_by(7) {
            let to_place = venue.walks.steps_to_place(&venue, centre(cell), place);
            let anywhere = venue.walks.route(&venue, centre(cell), centre(*goal));
            for route in [to_place, anywhere].into_iter().flatten() {
                check_route(&route, &reference);
                assert_eq!(
                    route.points.first().map(|point| (point.level, point.at)),
                    Some(centre(cell))
                );
                assert_eq!(
                    route.points.last().map(|point| (point.level, point.at)),
                    Some(centre(*goal))
                );
                assert!(
                    route.walk_s <= seconds[&cell] + 0.2,
                    "pulled straight, a way gets no longer"
                );
            }
        }
        check_table(&venue, &reference, &seconds, place);
    }
}

/// A cell exists where something leads, and its open sides are those of the reference.
fn check_sides(venue: &Venue, reference: &Reference<'_>) {
    for cell in reference.cells() {
        let raster = &venue.floor.rasters[cell.0];
        let at = cell.2 * SIDE + cell.1;
        if !raster.walkable[at] {
            let is_way_out = |(from, to, _): &(Cell, Cell, f32)| room(*from) == room(cell) && room(*to) != room(cell);
            assert!(!reference.edges.iter().any(is_way_out), "something leads to {cell:?}");
            continue;
        }
        for (bit, east, north) in [
            (OPEN_EAST, 1, 0),
            (OPEN_NORTH, 0, 1),
            (OPEN_WEST, -1, 0),
            (OPEN_SOUTH, 0, -1),
        ] {
            let is_open = moved(cell, east, north).is_some_and(|next| reference.is_open(cell, next));
            assert_eq!(
                raster.open_sides[at] & bit != 0,
                is_open,
                "{cell:?} towards {east}, {north}"
            );
        }
    }
}

/// The table has the mean over the cells of the zone.
fn check_table(venue: &Venue, reference: &Reference<'_>, seconds: &BTreeMap<Cell, f32>, place: PlaceIx) {
    for (at, zone) in reference.building.rooms().enumerate() {
        let cells: Vec<f32> = reference
            .cells()
            .filter(|cell| room(*cell) == zone)
            .filter_map(|cell| seconds.get(&cell).copied())
            .collect();
        if reference.building.is_solid(zone) {
            continue;
        }
        let mean_s = cells.iter().sum::<f32>() / cells.len() as f32;
        match venue.walks.zone_to_place_s(ZoneIx(at as u16), place) {
            Some(found) => assert!(
                (f32::from(found) - mean_s).abs() <= 0.7,
                "{zone:?}: {found} s, reference {mean_s} s"
            ),
            None => assert!(cells.is_empty(), "{zone:?} can reach {place:?}"),
        }
    }
}

fn door() -> impl Strategy<Value = Door> {
    (
        0..2_usize,
        0..ROOMS,
        0..ROOMS,
        any::<bool>(),
        0..ROOM_M - 1,
        1..=2_usize,
    )
        .prop_map(|(level, column, row, is_east, offset_m, width_m)| Door {
            room: (level, column, row),
            is_east,
            offset_m,
            width_m,
        })
}

/// Buildings whose places all lie in the largest part that hangs together.
fn building() -> impl Strategy<Value = Building> {
    let solid = prop::collection::vec((0..2_usize, 0..ROOMS, 0..ROOMS), 0..4);
    let doors = prop::collection::vec(door(), 8..40);
    let places = prop::collection::vec((0..2_usize, 0..SIDE, 0..SIDE), 1..4);
    (solid, doors, places, 3.0..40.0_f32).prop_map(|(mut solid, mut doors, places, stairs_s)| {
        solid.retain(|(_, column, row)| (*column, *row) != (0, 0));
        // A door out of the building is none.
        doors.retain(|door| {
            if door.is_east {
                door.room.1 + 1 < ROOMS
            } else {
                door.room.2 + 1 < ROOMS
            }
        });
        let mut building = Building {
            levels: 2,
            solid,
            doors,
            stairs_s,
            places: Vec::new(),
        };
        building.places = in_the_largest_part(&building, places);
        building
    })
}

fn in_the_largest_part(building: &Building, places: Vec<Cell>) -> Vec<Cell> {
    let reference = Reference::new(building);
    let mut parts: Vec<BTreeMap<Cell, f32>> = Vec::new();
    for cell in reference.cells() {
        if !parts.iter().any(|part| part.contains_key(&cell)) {
            parts.push(reference.seconds_to(cell));
        }
    }
    let largest = parts.iter().map(BTreeMap::len).max().unwrap_or_default();
    let candidates: Vec<_> = parts.iter().filter(|part| part.len() == largest).collect();
    match candidates.as_slice() {
        [only] => places.into_iter().filter(|place| only.contains_key(place)).collect(),
        _ => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn walks_agree_with_the_reference_in_random_buildings(building in building()) {
        check(&building);
    }
}

fn one_level(doors: Vec<Door>) -> Building {
    Building {
        levels: 1,
        solid: Vec::new(),
        doors,
        stairs_s: 0.0,
        places: vec![(0, 0, 0)],
    }
}

#[test]
fn a_room_that_nothing_leads_into_has_no_cells() {
    let door = Door {
        room: (0, 0, 0),
        is_east: true,
        offset_m: 1,
        width_m: 1,
    };
    let venue = load_text(&one_level(vec![door]).geojson()).expect("valid");
    let walkable = venue.floor.rasters[0]
        .walkable
        .iter()
        .filter(|walkable| **walkable)
        .count();
    assert_eq!(walkable, 2 * ROOM_M * ROOM_M, "the two rooms that a door joins");
    let (level, sealed) = centre((0, 12, 12));
    assert!(!venue.floor.is_walkable(level, sealed));
    assert_eq!(venue.walks.point_to_place_s(&venue, (level, sealed), PlaceIx(0)), None);
}

#[test]
fn a_wall_costs_the_way_around_it() {
    // From (0, 0) to the room on its east, whose door is at the far end of the wall.
    let door = Door {
        room: (0, 0, 0),
        is_east: true,
        offset_m: 4,
        width_m: 1,
    };
    let rest: Vec<Door> = open_plan()
        .into_iter()
        .filter(|other| other.room != (0, 0, 0))
        .collect();
    let building = one_level([vec![door], rest].concat());
    check(&building);
    let venue = load_text(&building.geojson()).expect("valid");
    let beyond = venue
        .walks
        .point_to_place_s(&venue, centre((0, 5, 0)), PlaceIx(0))
        .expect("reachable");
    assert!(
        beyond > 8.0 / WALK_M_PER_S,
        "5 m through the wall, but {beyond} s around it"
    );
}

fn open_plan() -> Vec<Door> {
    let rooms = (0..ROOMS).flat_map(|column| (0..ROOMS).map(move |row| (0, column, row)));
    rooms
        .flat_map(|room| {
            [true, false].map(|is_east| Door {
                room,
                is_east,
                offset_m: 1,
                width_m: 3,
            })
        })
        .filter(|door| {
            if door.is_east {
                door.room.1 + 1 < ROOMS
            } else {
                door.room.2 + 1 < ROOMS
            }
        })
        .collect()
}

#[test]
fn another_level_is_reached_by_the_stairs_alone() {
    let above = |door: Door| Door {
        room: (1, door.room.1, door.room.2),
        ..door
    };
    let doors = open_plan()
        .into_iter()
        .chain(open_plan().into_iter().map(above))
        .collect();
    let building = Building {
        levels: 2,
        solid: Vec::new(),
        doors,
        stairs_s: 25.0,
        places: vec![(1, 14, 14)],
    };
    check(&building);
    let venue = load_text(&building.geojson()).expect("valid");
    let route = venue
        .walks
        .steps_to_place(&venue, centre((0, 14, 14)), PlaceIx(0))
        .expect("reachable");
    let climbs: Vec<f32> = route
        .points
        .windows(2)
        .filter(|pair| pair[0].level != pair[1].level)
        .map(|pair| pair[1].leg_s)
        .collect();
    assert_eq!(climbs, [25.0]);
}

#[test]
fn a_point_in_a_wall_starts_at_the_nearest_floor_and_one_far_away_has_no_way() {
    let venue = load_text(&one_level(open_plan()).geojson()).expect("valid");
    let outside = (LevelIx(0), Point::new(-2.0, 0.5));
    let route = venue
        .walks
        .steps_to_place(&venue, outside, PlaceIx(0))
        .expect("2.5 m away");
    assert_eq!(route.points.len(), 2);
    assert!(
        venue
            .walks
            .steps_to_place(&venue, (LevelIx(0), Point::new(-60.0, 0.5)), PlaceIx(0))
            .is_none()
    );
    assert!(
        venue
            .walks
            .steps_to_place(&venue, (LevelIx(9), Point::new(1.0, 1.0)), PlaceIx(0))
            .is_none()
    );
    assert!(venue.walks.zone_to_place_s(ZoneIx(0), PlaceIx(77)).is_none());
    assert!(venue.walks.zone_to_place_s(ZoneIx(77), PlaceIx(0)).is_none());
}
