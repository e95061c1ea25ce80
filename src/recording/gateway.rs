//! A recording through the whole engine, from the bytes that a hub sends to the place in a person's record.
//!
//! The engine is a gateway's, with the site as its map and one person who carries the tag and agrees to be located. What
//! it says at an instant is what the locator alone says: nothing on the way may change it. Deliberately absent: places,
//! actions and journeys, which nobody asks about here, and clocks.

use std::sync::Arc;

use nextbest_proto::v1;
use nextbest_venue::{Hub, HubIx, LevelIx, Point, Raster, Source, Venue, Zone, ZoneIx};
use prost::Message as _;

use super::play::{Estimate, SCORE_EVERY_MS};
use super::site::Site;
use super::walk::Walk;
use crate::engine::decide::message::{LocaleIx, Messages, Plurals, Program};
use crate::engine::locate::{LocatorSettings, NO_ZONE};
use crate::engine::spec::{JourneySpec, Settings, Spec, Vocabulary};
use crate::engine::{CustomerSlot, Engine, Generation, HubIntake, VenueTime};
use crate::model::{Consent, Purpose, STEP_MS, Signal, SignalKind, TagId, TagKind, Timestamp};
use crate::wire::SightingBatchReader;

/// When every walk begins, by the engine's clock.
const BEGIN_MS: u64 = 1_000_000;
/// The tag that is carried.
const TAG: [u8; 6] = [0xC0, 0xFF, 0xEE, 0, 0, 1];
/// The map's own text: one level. Cells, hubs and zones are the site's.
const MAP: &str = r#"{"type": "FeatureCollection", "features": [
{"type": "Feature", "id": "site", "feature_type": "venue",
 "properties": {"name": {"en": "Site"}, "category": "museum", "time_zone": "Etc/UTC", "frame": "local", "pitch_m": 1},
 "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}},
{"type": "Feature", "id": "level", "feature_type": "level",
 "properties": {"name": {"en": "Level"}, "ordinal": 0, "elevation_m": 0},
 "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}},
{"type": "Feature", "id": "room", "feature_type": "unit",
 "properties": {"category": "lobby", "level_id": "level"},
 "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}},
{"type": "Feature", "id": "zone", "feature_type": "section",
 "properties": {"name": {"en": "Zone"}, "category": "concourse", "level_id": "level"},
 "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}}]}"#;

/// Why there is no engine for a site.
#[derive(Debug, thiserror::Error)]
#[error("no engine can be built for this site: {0}")]
pub struct NoEngine(String);

/// An engine that one walk can be played through.
#[derive(Debug)]
pub struct Gateway {
    engine: Engine,
    intakes: Vec<HubIntake>,
    customer: CustomerSlot,
}

impl Gateway {
    /// The engine of a site, with its locator's default settings.
    ///
    /// # Errors
    /// [`NoEngine`] when the site does not fit into one.
    pub fn new(site: &Site) -> Result<Self, NoEngine> {
        let generation = Generation::build(spec(site)?).map_err(|error| NoEngine(error.to_string()))?;
        let engine = Engine::new(generation).map_err(|error| NoEngine(error.to_string()))?;
        let customer = engine.customer("walker").map_err(|error| NoEngine(error.to_string()))?;
        let identify = Signal {
            made_unix_ms: 0,
            message_id: "registered",
            kind: SignalKind::Identify,
            name: "",
            properties: Vec::new(),
            channel: "",
            anonymous_id: "",
            tags: vec![TagId::new(TagKind::Address, &TAG).map_err(|error| NoEngine(error.to_string()))?],
            keys: Vec::new(),
            consents: vec![Consent::new(Purpose::Location, true)],
        };
        engine
            .on_signal(at(0), customer, &identify)
            .map_err(|error| NoEngine(error.to_string()))?;
        let hubs = u16::try_from(site.hubs.len()).unwrap_or(u16::MAX);
        let intakes = (0..hubs).map(|hub| engine.hub_connected(at(0), HubIx(hub), 1, 0));
        let mut gateway = Self {
            intakes: intakes.collect(),
            engine,
            customer,
        };
        gateway.pass(0);
        Ok(gateway)
    }

    /// Takes a batch that a hub sent.
    fn take(&mut self, batch: &Batch) {
        let (Some(intake), Ok(reader)) = (self.intakes.get_mut(batch.hub), SightingBatchReader::new(&batch.bytes))
        else {
            return;
        };
        let numbered = reader.sightings().map(|(sequence, sighting)| (sequence, sighting.ok()));
        let now = at(batch.at_ms);
        self.engine.on_sightings(now, intake, numbered, |_| {});
        self.engine.on_hub_alive(now, intake);
    }

    /// Lets the time come to an instant: every hub says that it lives, and silent tags are looked at.
    fn pass(&mut self, at_ms: u32) {
        for intake in &mut self.intakes {
            self.engine.on_hub_alive(at(at_ms), intake);
        }
        self.engine.tick(at(at_ms), VenueTime { minute_of_day: None }, |_| {});
    }

    fn position(&self, at_ms: u32) -> Option<Estimate> {
        let position = self.engine.position(at(at_ms), self.customer)?;
        Some(Estimate {
            at: Point::new(position.east_m, position.north_m),
            zone: position.zone.map_or(NO_ZONE, |ZoneIx(zone)| zone),
        })
    }

    /// Plays the batches of a walk and asks for the place as often as it is scored.
    pub fn play(&mut self, batches: &[Batch], lasts_ms: u32, mut said: impl FnMut(u32, Option<Estimate>)) {
        let mut coming = batches.iter().peekable();
        for at_ms in (SCORE_EVERY_MS..=lasts_ms).step_by(SCORE_EVERY_MS as usize) {
            while let Some(batch) = coming.next_if(|batch| batch.at_ms < at_ms) {
                self.take(batch);
            }
            said(at_ms, self.place(at_ms));
        }
    }

    /// Where the tag is at an instant that no sighting comes before any more.
    fn place(&mut self, at_ms: u32) -> Option<Estimate> {
        self.pass(at_ms);
        self.position(at_ms)
    }
}

/// What one hub heard in one step, as it sends it.
#[derive(Clone, Debug)]
pub struct Batch {
    at_ms: u32,
    hub: usize,
    bytes: Vec<u8>,
}

impl Batch {
    /// The batches of a walk, in order of time: each hub sends once in a step what it heard in it.
    #[must_use]
    pub fn of(walk: &Walk) -> Vec<Self> {
        let mut heard: std::collections::BTreeMap<(u32, u16), Vec<i8>> = std::collections::BTreeMap::new();
        for sighting in &walk.heard {
            let step = sighting.at_ms as u32 / STEP_MS as u32;
            heard
                .entry((step, sighting.station))
                .or_default()
                .push(sighting.rssi_dbm);
        }
        let mut sent: std::collections::BTreeMap<u16, u64> = std::collections::BTreeMap::new();
        let batch = |((step, hub), rssi_dbm): ((u32, u16), Vec<i8>)| {
            let sent = sent.entry(hub).or_default();
            let first_sequence = *sent;
            *sent += rssi_dbm.len() as u64;
            Self {
                at_ms: step * STEP_MS as u32,
                hub: usize::from(hub),
                bytes: encode(first_sequence, &rssi_dbm),
            }
        };
        heard.into_iter().map(batch).collect()
    }
}

fn encode(first_sequence: u64, rssi_dbm: &[i8]) -> Vec<u8> {
    let sighting = |rssi_dbm: &i8| v1::Sighting {
        identity_kind: v1::IdentityKind::Address as i32,
        identity: TAG.to_vec().into(),
        rssi_dbm: i32::from(*rssi_dbm),
        age_ms: 0,
    };
    v1::SightingBatch {
        boot_epoch: 1,
        first_sequence,
        sent_at_ms: 0,
        sightings: rssi_dbm.iter().map(sighting).collect(),
    }
    .encode_to_vec()
}

fn at(at_ms: u32) -> Timestamp {
    Timestamp::from_millis(BEGIN_MS + u64::from(at_ms))
}

/// A pack whose map is the site.
fn spec(site: &Site) -> Result<Spec, NoEngine> {
    let defaults = LocatorSettings::default();
    let plurals = Plurals::of("en").ok_or_else(|| NoEngine("English has no plurals".to_owned()))?;
    let messages = Messages::new(
        Program::default(),
        vec![("en".to_owned(), plurals)],
        Vec::new(),
        Vec::new(),
        LocaleIx(0),
    );
    Ok(Spec {
        number: 1,
        venue: Arc::new(venue(site)?),
        vocabulary: Vocabulary::default(),
        journey: JourneySpec {
            stages: vec!["here".to_owned()],
            transitions: Vec::new(),
        },
        segments: Vec::new(),
        traits: Vec::new(),
        actions: Vec::new(),
        messages: messages.map_err(|error| NoEngine(error.to_string()))?,
        survey: site.survey.clone(),
        settings: Settings {
            customers_max: 1,
            tags_max: 1,
            path_loss_1m_dbm: defaults.rssi_1m_dbm,
            path_loss_exponent: defaults.path_loss_exponent,
            position_ttl_ms: defaults.time_to_live_ms,
            ..Settings::default()
        },
    })
}

fn venue(site: &Site) -> Result<Venue, NoEngine> {
    let source = Source {
        name: "map.geojson".to_owned(),
        text: MAP.into(),
    };
    let mut venue = nextbest_venue::load(&[source])
        .map_err(|mistakes| NoEngine(mistakes.first().map_or_else(String::new, ToString::to_string)))?;
    let zone = venue.zones.first().cloned();
    let zone = zone.ok_or_else(|| NoEngine("the map has no zone".to_owned()))?;
    venue.zones = site
        .zones
        .names
        .iter()
        .map(|name| Zone {
            id: name.clone(),
            ..zone.clone()
        })
        .collect();
    let zones: Vec<ZoneIx> = (0_u16..).take(venue.zones.len()).map(ZoneIx).collect();
    venue.hubs = site
        .hubs
        .iter()
        .map(|hub| Hub {
            id: hub.id.clone(),
            aliases: Vec::new(),
            level: LevelIx(0),
            at: hub.at,
            height_m: hub.height_m,
            zones: zones.clone(),
        })
        .collect();
    venue.floor.pitch_m = site.floor.pitch_m;
    venue.floor.rasters = site
        .floor
        .levels
        .iter()
        .map(|level| Raster {
            origin: Point::new(level.origin_east_m, level.origin_north_m),
            columns: level.columns,
            rows: level.rows,
            walkable: level.walkable.clone(),
            open_sides: vec![0; level.walkable.len()],
            zone: level.zone.clone(),
        })
        .collect();
    Ok(venue)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{LocatorTracker, SiteFiles, run};
    use super::*;
    use crate::engine::locate::Locator;

    #[test]
    fn the_whole_engine_says_what_the_locator_says() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tetam");
        let site = Site::open(&SiteFiles {
            hubs: folder.join("hubs.csv"),
            surveys: vec![folder.join("survey_set_1.csv")],
            zones: Some(folder.join("zones.csv")),
            walkable: Some(folder.join("walkable_1m.csv")),
            labelled: false,
        })
        .unwrap();
        let locator = site.locator(LocatorSettings::default()).unwrap();
        for file in std::fs::read_dir(folder.join("walks")).unwrap() {
            let walks = site.walks(&file.unwrap().path()).unwrap();
            walks.iter().for_each(|walk| compare(&site, &locator, walk));
        }
    }

    fn compare(site: &Site, locator: &Locator, walk: &Walk) {
        let mut alone = Vec::new();
        run(&mut LocatorTracker::new(locator), walk, |at_ms, said| {
            alone.push((at_ms, said));
        });
        let mut whole = Vec::new();
        let mut gateway = Gateway::new(site).unwrap();
        gateway.play(&Batch::of(walk), walk.lasts_ms(), |at_ms, said| {
            whole.push((at_ms, said));
        });
        assert!(alone.len() > 80, "{} instants", alone.len());
        assert_eq!(whole, alone, "{}", walk.name);
    }
}
