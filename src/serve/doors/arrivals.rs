//! From a report to the engine: which hub of the map it is, and the number of its arrival.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use nextbest_venue::{HubIx, Venue, hub_key};

use super::bucket::{Bucket, Rate};
use super::counts::ReportOutcome;
use crate::engine::{Engine, HubIntake, SightingOutcome};
use crate::model::{Sighting, Timestamp};
use crate::wire::payload::{HubStatus, Report, Transmitter};

/// Names of hubs that the map does not have, remembered to count how many there are.
const STRANGERS_MAX: usize = 256;
/// Least time between two lines of the log about hubs that the map does not have, in microseconds.
const STRANGER_LOG_US: u64 = 60_000_000;

/// The hubs that come in by the doors.
pub(super) struct Arrivals {
    engine: Arc<Engine>,
    /// By [`hub_key`] of every id and alias.
    names: HashMap<String, HubIx>,
    /// The name that was looked up last, as it was sent: payloads name one hub many times.
    last: (String, Option<HubIx>),
    /// By hub; made when it first comes in, because it takes some 80 KiB.
    hubs: Vec<Option<Arriving>>,
    strangers: Strangers,
    rate: Rate,
}

/// A hub that has come in.
struct Arriving {
    intake: HubIntake,
    next_arrival: u64,
    bucket: Bucket,
}

/// Hubs that the map does not have.
#[derive(Default)]
struct Strangers {
    keys: HashSet<String>,
    logged_us: Option<u64>,
}

impl Arrivals {
    /// The hubs of a venue, each with `rate` reports.
    pub(super) fn new(engine: Arc<Engine>, rate: Rate) -> Self {
        let generation = engine.generation();
        let venue = generation.venue();
        Self {
            names: names(venue),
            last: (String::new(), None),
            hubs: venue.hubs.iter().map(|_| None).collect(),
            strangers: Strangers::default(),
            rate,
            engine,
        }
    }

    /// The hubs of some names, of those that the map has; `None`: all.
    pub(super) fn only(&self, names: &[String]) -> Option<Vec<HubIx>> {
        let hub = |name: &String| self.names.get(&hub_key(name)).copied();
        (!names.is_empty()).then(|| names.iter().filter_map(hub).collect())
    }

    /// A hub says, or is said, to be there or to have gone.
    pub(super) fn tell(
        &mut self,
        now: Timestamp,
        only: Option<&[HubIx]>,
        name: &str,
        status: HubStatus,
    ) -> Result<(), ReportOutcome> {
        let engine = Arc::clone(&self.engine);
        match status {
            HubStatus::Alive => engine.on_hub_alive(now, &mut self.arriving(now, only, name)?.intake),
            HubStatus::Gone => engine.on_hub_gone(self.allowed(now, only, name)?),
        }
        Ok(())
    }

    /// A report arrives.
    pub(super) fn arrive(
        &mut self,
        now: Timestamp,
        only: Option<&[HubIx]>,
        report: &Report<'_>,
    ) -> Result<SightingOutcome, ReportOutcome> {
        let (engine, rate) = (Arc::clone(&self.engine), self.rate);
        let arriving = self.arriving(now, only, report.hub)?;
        if !arriving.bucket.spend(now, rate) {
            return Err(ReportOutcome::Flood);
        }
        let outcome = arriving.sight(&engine, now, &report.transmitter, report.rssi_dbm);
        engine.on_hub_alive(now, &mut arriving.intake);
        Ok(outcome)
    }

    fn arriving(&mut self, now: Timestamp, only: Option<&[HubIx]>, name: &str) -> Result<&mut Arriving, ReportOutcome> {
        let hub = self.allowed(now, only, name)?;
        let (engine, rate) = (&self.engine, self.rate);
        let arriving = self.hubs.get_mut(hub.index()).ok_or(ReportOutcome::UnknownHub)?;
        Ok(arriving.get_or_insert_with(|| Arriving {
            intake: engine.hub_arriving(now, hub),
            next_arrival: 0,
            bucket: Bucket::full(now, rate),
        }))
    }

    /// The hub of a name, when whoever speaks may speak for it.
    fn allowed(&mut self, now: Timestamp, only: Option<&[HubIx]>, name: &str) -> Result<HubIx, ReportOutcome> {
        let hub = self.hub(now, name).ok_or(ReportOutcome::UnknownHub)?;
        match only {
            Some(only) if !only.contains(&hub) => Err(ReportOutcome::NotAllowed),
            Some(_) | None => Ok(hub),
        }
    }

    fn hub(&mut self, now: Timestamp, name: &str) -> Option<HubIx> {
        if self.last.0 != name || name.is_empty() {
            let key = hub_key(name);
            let hub = self.names.get(&key).copied();
            if hub.is_none() {
                self.strangers.meet(now, key);
            }
            self.last = (name.to_owned(), hub);
        }
        self.last.1
    }
}

impl Arriving {
    fn sight(&mut self, engine: &Engine, now: Timestamp, transmitter: &Transmitter, rssi_dbm: i8) -> SightingOutcome {
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        let sighting = Sighting {
            tag: transmitter.tag,
            rssi_dbm,
            age_ms: 0,
        };
        match transmitter.address {
            // What a tag is registered as, its owner has chosen: perhaps its address.
            Some(address) => engine.on_sighting_by_either(now, &mut self.intake, arrival, &sighting, address),
            None => engine.on_sighting(now, &mut self.intake, arrival, &sighting),
        }
    }
}

impl Strangers {
    fn meet(&mut self, now: Timestamp, key: String) {
        if self.keys.contains(&key) || self.keys.len() >= STRANGERS_MAX {
            return;
        }
        let is_due = self
            .logged_us
            .is_none_or(|at| now.as_micros().saturating_sub(at) >= STRANGER_LOG_US);
        if is_due {
            self.logged_us = Some(now.as_micros());
            let others = self.keys.len();
            tracing::warn!(
                hub = %key.escape_debug(), others,
                "a payload names a hub that the map does not have; give it to a hub as an alias if it is one of yours"
            );
        }
        self.keys.insert(key);
    }
}

fn names(venue: &Venue) -> HashMap<String, HubIx> {
    let mut names = HashMap::new();
    for (hub_ix, hub) in (0_u16..).zip(&venue.hubs) {
        for name in std::iter::once(&hub.id).chain(&hub.aliases) {
            names.insert(hub_key(name), HubIx(hub_ix));
        }
    }
    names
}
