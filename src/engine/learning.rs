//! The radio map learns while the gateway runs: from tills and gates that say where somebody is, and from beacons that
//! never move; hubs hear each other when the map has a beacon where a hub advertises.
//!
//! Sums are collected on the way of sightings and signals; the map is built anew from them, beside the survey if there is
//! one, when the shell asks for it, and put in the old one's place whole. Nothing of a person outlives their passage.
//! Deliberately absent: threads and clocks; the shell says when.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::FixedState;
use nextbest_venue::{BeaconIdentity, Venue};

use super::customer::{CustomerSlot, TagHandle};
use super::locate::{LocatorError, LocatorSettings, SurveyPoint};
use super::passages::KnownPoints;
use super::spec::Spec;
use super::tracked::Tracked;
use super::{Engine, Generation, locator};
use crate::model::{TagId, TagKind, Timestamp};

/// New readings that are worth building the map for.
const NEWS_MIN: u64 = 100;

/// A beacon's reading further off than this from the present map, in dB, is of another transmitter: walls and antennas
/// together reach 20 dB on the recordings.
const BEACON_OFF_MAX_DB: f32 = 25.0;

/// A point of the floor: level, metres east, metres north.
type At = (u8, f32, f32);

/// How the learning goes, for operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LearningState {
    /// Readings at known points.
    pub readings: u64,
    /// Passages that taught nothing: too few hubs heard the person, or what they heard did not fit the place.
    pub passages_refused: u64,
    /// Readings under the name of a beacon of the map that are not like it.
    pub beacons_refused: u64,
    /// Points and hubs that the present radio map was taught by, counted in pairs.
    pub pairs: u64,
}

/// What is collected, and what of it is in the map.
pub(super) struct Learning {
    /// The places of the map, then its beacons.
    points: KnownPoints,
    beacons: HashMap<TagId, usize, FixedState>,
    passages_refused: AtomicU64,
    beacons_refused: AtomicU64,
    built_at_readings: AtomicU64,
    pairs: AtomicU64,
}

impl Learning {
    /// Nothing learned yet, for the places and beacons of a map.
    pub(super) fn new(venue: &Venue) -> Self {
        let places = venue.places.len();
        let beacons = (places..).zip(&venue.beacons);
        Self {
            points: KnownPoints::new(places + venue.beacons.len()),
            beacons: beacons
                .filter_map(|(point, beacon)| Some((tag_of(&beacon.identity)?, point)))
                .collect(),
            passages_refused: AtomicU64::new(0),
            beacons_refused: AtomicU64::new(0),
            built_at_readings: AtomicU64::new(0),
            pairs: AtomicU64::new(0),
        }
    }

    /// The beacon of the map that a transmitter is, by its point and what a hub would hear of an ordinary tag there.
    fn beacon(&self, generation: &Generation, tag: &TagId, rssi_dbm: i8) -> Option<(usize, At, f32)> {
        let point = *self.beacons.get(tag)?;
        let spec = generation.spec();
        let beacon = spec.venue.beacons.get(point.checked_sub(spec.venue.places.len())?)?;
        // As an ordinary tag would be heard, which the settings describe.
        let stronger_db = f32::from(beacon.tx_1m_dbm) - spec.settings.path_loss_1m_dbm;
        let at = (beacon.level.0, beacon.at.east_m, beacon.at.north_m);
        Some((point, at, f32::from(rssi_dbm) - stronger_db))
    }
}

impl Engine {
    /// A hub heard a transmitter that nobody carries; says whether it is a beacon of the map, and learns from it. What is
    /// too far from the present map is another transmitter that calls itself the same, and teaches nothing.
    pub(super) fn on_beacon(
        &self,
        now: Timestamp,
        generation: &Generation,
        tag: &TagId,
        hub: u16,
        rssi_dbm: i8,
    ) -> bool {
        let learning = &self.learning;
        let Some((point, (level, east_m, north_m), as_tag_dbm)) = learning.beacon(generation, tag, rssi_dbm) else {
            return false;
        };
        let expected_dbm = self.locator.load().expected_dbm(hub, level, east_m, north_m);
        let is_like_it =
            expected_dbm.is_some_and(|expected_dbm| (as_tag_dbm - expected_dbm).abs() <= BEACON_OFF_MAX_DB);
        if is_like_it && super::locate::RSSI_DBM.contains(&rssi_dbm) {
            learning.points.add(now.step(), point, hub, as_tag_dbm);
        } else {
            learning.beacons_refused.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// A till or a gate says that somebody is at a place: what the hubs hear of them for the next seconds teaches.
    pub(super) fn on_passage(&self, now: Timestamp, customer: CustomerSlot, place: u16) {
        let Some(record) = self.record(customer) else { return };
        for tag in record.carried().into_iter().flatten() {
            let Some(handle) = self
                .tags
                .at(tag)
                .filter(|handle| self.tags.owner(*handle) == Some(customer))
            else {
                continue;
            };
            self.tags
                .with_track(handle, |tracked: &mut Tracked| tracked.pass(now, place));
        }
    }

    /// Folds in a passage that is over.
    pub(super) fn end_passage(&self, now: Timestamp, generation: &Generation, handle: TagHandle) {
        let over = self.tags.with_track(handle, |tracked| {
            tracked.passage.take_if(|passage| passage.is_over(now.step()))
        });
        // Nobody heard it: a tag that its owner left at home.
        let Some(passage) = over.flatten().filter(|passage| !passage.is_silent()) else {
            return;
        };
        let places = &generation.venue().places;
        let locator = self.locator.load();
        let expected_dbm = |place: u16, station: u16| {
            let place = places.get(usize::from(place));
            place
                .and_then(|place| locator.expected_dbm(station, place.level.0, place.at.east_m, place.at.north_m))
                .unwrap_or(f32::NAN)
        };
        let learning = &self.learning;
        let taught = passage.teach(expected_dbm, |point, station, rssi_dbm| {
            learning.points.add(now.step(), point, station, rssi_dbm);
        });
        if taught.is_err() {
            learning.passages_refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Builds the radio map from what was learned since it was last built; takes up to a second in a large venue, so it
    /// is not for a thread that serves. Says whether there was enough to build it for.
    ///
    /// # Errors
    /// [`LocatorError`] when no map can be built; the present one stays.
    pub fn learn_radio_map(&self) -> Result<bool, LocatorError> {
        let learning = &self.learning;
        let readings = learning.points.readings();
        if readings.saturating_sub(learning.built_at_readings.load(Ordering::Relaxed)) < NEWS_MIN {
            return Ok(false);
        }
        let generation = self.generation();
        let learned = learning.survey(generation.spec());
        let built = locator::build(generation.spec(), &learned)?;
        self.locator.store(Arc::new(built));
        learning.built_at_readings.store(readings, Ordering::Relaxed);
        learning.pairs.store(learned.len() as u64, Ordering::Relaxed);
        Ok(true)
    }

    /// How the learning goes.
    #[must_use]
    pub fn learning(&self) -> LearningState {
        LearningState {
            readings: self.learning.points.readings(),
            passages_refused: self.learning.passages_refused.load(Ordering::Relaxed),
            beacons_refused: self.learning.beacons_refused.load(Ordering::Relaxed),
            pairs: self.learning.pairs.load(Ordering::Relaxed),
        }
    }
}

impl Learning {
    /// What was learned, in the form of a site survey with a tag at its usual height.
    fn survey(&self, spec: &Spec) -> Vec<SurveyPoint> {
        let venue = &spec.venue;
        let mut survey = Vec::new();
        self.points.for_each(|point, mean| {
            let place = venue.places.get(point).map(|place| (place.level, place.at, None));
            let beacon = || {
                let beacon = venue.beacons.get(point.checked_sub(venue.places.len())?)?;
                Some((beacon.level, beacon.at, Some(beacon.height_m)))
            };
            let (Some((level, at, height_m)), Some(hub)) =
                (place.or_else(beacon), venue.hubs.get(usize::from(mean.station)))
            else {
                return;
            };
            let plan_m = (at.east_m - hub.at.east_m).hypot(at.north_m - hub.at.north_m);
            let carried_m = LocatorSettings::default().tag_height_m;
            let away_m = |height_m: f32| plan_m.hypot(height_m - hub.height_m).max(0.5);
            // A beacon on the wall is nearer to the hub, or farther from it, than a tag below it would be.
            let higher_db = height_m.map_or(0.0, |height_m| {
                10.0 * spec.settings.path_loss_exponent * (away_m(height_m) / away_m(carried_m)).log10()
            });
            survey.push(SurveyPoint {
                level: level.0,
                east_m: at.east_m,
                north_m: at.north_m,
                station: mean.station,
                rssi_mean_dbm: mean.rssi_dbm + higher_db,
                rssi_sd_db: mean.sd_db,
            });
        });
        survey
    }
}

/// How a beacon of the map is named in a sighting.
fn tag_of(identity: &BeaconIdentity) -> Option<TagId> {
    match identity {
        BeaconIdentity::IBeacon { uuid, major, minor } => {
            let mut bytes = [0; 20];
            let parts = uuid
                .iter()
                .chain(&major.to_be_bytes())
                .chain(&minor.to_be_bytes())
                .copied()
                .collect::<Vec<u8>>();
            bytes.copy_from_slice(&parts);
            TagId::new(TagKind::IBeacon, &bytes).ok()
        }
        BeaconIdentity::EddystoneUid { namespace, instance } => {
            let bytes: Vec<u8> = namespace.iter().chain(instance).copied().collect();
            TagId::new(TagKind::EddystoneUid, &bytes).ok()
        }
        BeaconIdentity::Address(address) => TagId::new(TagKind::Address, address).ok(),
    }
}
