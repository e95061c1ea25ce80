//! What one sighting costs the locator, on a small floor and on a stadium, beside what a simple method costs.
//!
//! A round takes many tags through one second each: three sightings, each of another step, as in a stadium at
//! half-time. Tags come in random order and are too many for the caches, as in life. The comparator smooths RSSI per
//! station and takes the weighted centroid, as the usual open trackers do.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nextbest::engine::locate::{FloorLevel, FloorPlan, Locator, LocatorSettings, Observed, Station, Track};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Tags in the venue; their tracks take some 20 MB.
const TAGS: usize = 20_000;
/// Sightings of one tag in one second.
const SIGHTINGS_PER_S: u32 = 3;

struct Venue {
    name: &'static str,
    area_m2: u32,
    levels: u8,
    columns: u32,
    rows: u32,
    pitch_m: f32,
    stations_per_level: u32,
}

const VENUES: [Venue; 2] = [
    Venue {
        name: "500 m2",
        area_m2: 500,
        levels: 1,
        columns: 25,
        rows: 20,
        pitch_m: 1.0,
        stations_per_level: 12,
    },
    Venue {
        name: "100,000 m2",
        area_m2: 100_000,
        levels: 2,
        columns: 125,
        rows: 100,
        pitch_m: 2.0,
        stations_per_level: 90,
    },
];

fn locate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("locate");
    group.throughput(Throughput::Elements(TAGS as u64 * u64::from(SIGHTINGS_PER_S)));
    group.sample_size(10);
    for venue in &VENUES {
        let stations = stations(venue);
        let locator = Locator::new(floor(venue), stations.clone(), None, LocatorSettings::default()).unwrap();
        let sightings = sightings(venue, &stations);
        let mut tracks = vec![Track::default(); TAGS];
        let mut second = 0;
        group.bench_function(BenchmarkId::new("window filter", venue.name), |bencher| {
            bencher.iter(|| {
                second += 1;
                let mut moved = 0.0;
                for sighting in &sightings {
                    let step = second * 4 + sighting.step;
                    match locator.observe(&mut tracks[sighting.tag], step, sighting.station, sighting.rssi_dbm) {
                        Observed::Closed(fix) => moved += fix.east_m,
                        Observed::Folded => {}
                        refused @ (Observed::Late | Observed::UnknownStation | Observed::NotARadioValue) => {
                            panic!("{refused:?}")
                        }
                    }
                }
                black_box(moved)
            });
        });
        let mut smoothed = vec![Smoothed::default(); TAGS];
        group.bench_function(BenchmarkId::new("smoothed centroid", venue.name), |bencher| {
            bencher.iter(|| {
                let located = sightings
                    .iter()
                    .map(|sighting| smoothed[sighting.tag].observe(&stations, sighting).0);
                black_box(located.sum::<f32>())
            });
        });
        assert_eq!(
            venue.area_m2,
            (f32::from(venue.levels) * (venue.columns * venue.rows) as f32 * venue.pitch_m.powi(2)) as u32
        );
    }
    group.finish();
}

/// One sighting of one second, at a step of that second.
struct Sighting {
    tag: usize,
    step: u32,
    station: u16,
    rssi_dbm: i8,
}

/// The last stations that heard a tag, smoothed, and their centroid weighted by power.
#[derive(Clone, Default)]
struct Smoothed {
    heard: [(u16, f32); 12],
    next: usize,
}

impl Smoothed {
    fn observe(&mut self, stations: &[Station], sighting: &Sighting) -> (f32, f32) {
        let rssi_dbm = f32::from(sighting.rssi_dbm);
        match self
            .heard
            .iter_mut()
            .find(|heard| heard.0 == sighting.station && heard.1 < 0.0)
        {
            Some(known) => known.1 += 0.3 * (rssi_dbm - known.1),
            None => {
                self.heard[self.next] = (sighting.station, rssi_dbm);
                self.next = (self.next + 1) % self.heard.len();
            }
        }
        let (mut east, mut north, mut total) = (0.0, 0.0, 1e-9);
        for (station, rssi_dbm) in self.heard.iter().filter(|heard| heard.1 < 0.0) {
            let power = (rssi_dbm * 0.115).exp();
            east += power * stations[usize::from(*station)].east_m;
            north += power * stations[usize::from(*station)].north_m;
            total += power;
        }
        (east / total, north / total)
    }
}

/// An open floor with a zone for every 10 x 10 cells.
fn floor(venue: &Venue) -> FloorPlan {
    let cells = venue.columns * venue.rows;
    let level = |level: u8| FloorLevel {
        origin_east_m: 0.0,
        origin_north_m: 0.0,
        columns: venue.columns,
        rows: venue.rows,
        walkable: vec![true; cells as usize],
        zone: (0..cells)
            .map(|cell| (cell % venue.columns / 10 + cell / venue.columns / 10 * 16) as u16)
            .collect(),
        elevation_m: 5.0 * f32::from(level),
    };
    FloorPlan {
        pitch_m: venue.pitch_m,
        levels: (0..venue.levels).map(level).collect(),
    }
}

/// Stations in a regular grid on every level.
fn stations(venue: &Venue) -> Vec<Station> {
    let (wide_m, high_m) = (venue.columns as f32 * venue.pitch_m, venue.rows as f32 * venue.pitch_m);
    let across = (venue.stations_per_level as f32 * wide_m / high_m).sqrt().round() as u32;
    let along = venue.stations_per_level.div_ceil(across);
    let place = |level: u8, index: u32| Station {
        level,
        east_m: (index % across) as f32 * wide_m / across as f32 + 1.0,
        north_m: (index / across) as f32 * high_m / along as f32 + 1.0,
        height_m: 2.5,
    };
    (0..venue.levels)
        .flat_map(|level| (0..venue.stations_per_level).map(move |index| place(level, index)))
        .collect()
}

/// One second of sightings: every tag stands somewhere and is heard by its nearest stations.
fn sightings(venue: &Venue, stations: &[Station]) -> Vec<Sighting> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut sightings: Vec<(u32, Sighting)> = Vec::new();
    for tag in 0..TAGS {
        let level = random.random_range(0..venue.levels);
        let east_m = random.random_range(0.0..venue.columns as f32 * venue.pitch_m);
        let north_m = random.random_range(0.0..venue.rows as f32 * venue.pitch_m);
        let distance_m = |station: &Station| (station.east_m - east_m).hypot(station.north_m - north_m).hypot(1.3);
        let mut near: Vec<(u16, &Station)> = (0u16..)
            .zip(stations)
            .filter(|(_, station)| station.level == level)
            .collect();
        near.sort_by(|left, right| distance_m(left.1).total_cmp(&distance_m(right.1)));
        for (step, (station, at)) in (0..SIGHTINGS_PER_S).zip(near) {
            let rssi_dbm = -59.0 - 22.0 * distance_m(at).log10() + random.random_range(-6.0f32..6.0);
            sightings.push((
                random.random(),
                Sighting {
                    tag,
                    step,
                    station,
                    rssi_dbm: rssi_dbm as i8,
                },
            ));
        }
    }
    // A random order within each step, so that the next track is never in the cache.
    sightings.sort_by_key(|(order, sighting)| (sighting.step, *order));
    sightings.into_iter().map(|(_, sighting)| sighting).collect()
}

criterion_group!(benches, locate);
criterion_main!(benches);
