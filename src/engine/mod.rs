//! The core: `on_sighting`, `on_signal`, `on_outcome`, `decide`, `tick`.
//!
//! Bytes are someone else's, and so are sockets, clocks and logs: `now` is an argument, values come out. A decide
//! takes no lock: it copies one record, reads one generation and a few atomics. Branching is here; the leaves
//! (`locate`, `crowd`, `customer`, `presence`, `journey`, `decide`) are pure and don't know one another.
//!
//! Reading order: [`spec`] (what a configuration says), [`Generation`] (compiled), [`record`] (what is known of a
//! person), then this file and its children by direction: sightings, signals, deciding.

mod batch;
pub mod condition;
mod consents;
mod counted;
pub mod crowd;
pub mod customer;
pub mod decide;
mod deciding;
pub mod experiment;
mod forgetting;
mod generation;
mod hearers;
mod hot;
mod hub_counts;
mod hubs;
pub mod identity;
mod intake;
pub mod journey;
pub mod learn;
mod learning;
mod ledger;
pub mod locate;
mod locator;
mod novelty;
pub mod passages;
pub mod presence;
mod reach;
pub mod record;
mod registering;
mod saving;
mod sightings;
mod signals;
pub mod slab;
pub mod spec;
mod stable_hash;
pub mod state;
mod staying;
mod suspicion;
mod tracked;
mod venue_signals;
mod watched;
mod witnesses;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use nextbest_venue::{HubIx, LevelIx, PlaceIx, ZoneIx};

use crate::model::{STEP_MS, Timestamp};

use self::crowd::promises::Promises;
use self::crowd::{Crowd, CrowdSettings, Outlook, PlaceSpec, PromiseCounts, Queue};
use self::customer::{NoRoom, People, Recent, Tags};
use self::hubs::Hubs;
use self::identity::Identities;
use self::learning::Learning;
use self::ledger::{LEDGER_WORDS, Ledger};
use self::locate::{Locator, LocatorError};
use self::passages::Passage;
use self::presence::PresenceRing;
use self::reach::Reach;
use self::record::{RECORD_WORDS, Record, Seen};
use self::slab::Slab;
use self::tracked::Tracked;
use self::watched::Watches;

pub use self::batch::Numbered;
pub use self::consents::{AllDates, CLOCK_AHEAD_S_MAX, ConsentStatus, Dates};
pub use self::counted::Located;
pub use self::customer::{Applied, CustomerSlot, TagHandle};
pub use self::deciding::Scratch;
pub use self::forgetting::{KnownPerson, KnownTrait};
pub use self::generation::{BuildError, Generation};
pub use self::hub_counts::HubCounts;
pub use self::hubs::HubState;
pub use self::identity::IdentityCounts;
pub use self::intake::HubIntake;
pub use self::learning::LearningState;
pub use self::ledger::PersonKey;
pub use self::locator::radio_maps_bytes_max;
pub use self::novelty::Novelty;
pub use self::saving::{SavedPerson, WINDOW_PARTS};
pub use self::sightings::{SightingOutcome, ZoneChange};
pub use self::signals::{Journaled, OutcomeError, SignalError, SignalOutcome, Speaker};
pub use self::stable_hash::StableHasher;
pub use self::staying::PresenceEvent;
pub use self::suspicion::{HubOddities, HubOddity};
pub use self::venue_signals::{
    BACK_IN_STOCK, OUT_OF_STOCK, PHASE_STARTED, PLACE_CLOSED, PLACE_OPENED, VenueSignalError,
};
pub use self::watched::{READINGS_LEN_MAX, Reading, ReadingsSince, WATCH_LAPSES_MS, WATCHED_MAX, WatchError};

/// The phase of the event that nobody named.
const PHASE_NONE: u32 = 0;
/// The time of day that nobody told.
const MINUTE_UNKNOWN: u32 = u32::MAX;

/// Everything that the gateway knows at a moment.
pub struct Engine {
    generation: ArcSwap<Generation>,
    people: People,
    records: Slab<RECORD_WORDS>,
    ledger: Ledger,
    /// What the keys of customers are made from when nobody gives one.
    seed: RandomState,
    tags: Tags<Tracked>,
    identities: Identities<TagHandle>,
    recent: Recent,
    hubs: Hubs,
    /// Built anew while running, from what is learned.
    locator: ArcSwap<Locator>,
    reach: Reach,
    learning: Learning,
    watches: Watches,
    crowd: Crowd,
    presence: PresenceRing,
    /// Index of the phase plus one.
    phase: AtomicU32,
    minute_of_day: AtomicU32,
    /// The date when the engine's clock was at zero, in seconds since 1970-01-01 UTC.
    date_at_start_s: AtomicU64,
    /// Where the next sweep over the tags starts.
    swept: AtomicU32,
}

/// The time in the venue, as the shell reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VenueTime {
    /// Minutes since midnight; `None`: not known.
    pub minute_of_day: Option<u16>,
}

/// Where a person is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// The level.
    pub level: LevelIx,
    /// Metres east of the anchor.
    pub east_m: f32,
    /// Metres north of the anchor.
    pub north_m: f32,
    /// Root mean square distance at which the truth is expected, in metres.
    pub accuracy_m: f32,
    /// The zone; `None`: outside every zone.
    pub zone: Option<ZoneIx>,
    /// How sure the zone is, 0 to 1; outside every zone, how sure that is.
    pub zone_confidence: f32,
    /// Age, in milliseconds.
    pub age_ms: u32,
}

/// A place's queue, for operators.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaceQueue {
    /// The place.
    pub place: PlaceIx,
    /// Its queue.
    pub queue: Queue,
}

/// How full the tables are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Customers.
    pub customers: u32,
    /// Registered tags.
    pub tags: u32,
}

/// Bytes that the tables take when they are full, for the bound that is printed at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBound {
    /// Records of customers, with their ids.
    pub customers_bytes: u64,
    /// Registered tags, with the state of their tracks.
    pub tags_bytes: u64,
    /// Remembered message ids.
    pub message_ids_bytes: u64,
    /// Presence events that watchers have not read yet.
    pub presence_bytes: u64,
    /// Keys of tags that change their names, with what they say and the filter; nothing until the first is registered.
    pub identities_bytes: u64,
}

impl MemoryBound {
    /// The bound that settings give. A map entry is taken at twice its content, for the room that maps keep free.
    #[must_use]
    pub fn of(settings: &spec::Settings) -> Self {
        let id_bytes = (customer::CUSTOMER_ID_LEN_MAX + size_of::<(Arc<str>, u32)>() * 2 + 16 + 24) as u64;
        let words = (RECORD_WORDS + LEDGER_WORDS) as u64;
        let tag_bytes = (size_of::<Tracked>() + size_of::<Passage>()) as u64 + 64 + 2 * 40;
        Self {
            customers_bytes: u64::from(settings.customers_max) * (words * 8 + Promises::BYTES + id_bytes),
            tags_bytes: u64::from(settings.tags_max) * tag_bytes,
            message_ids_bytes: u64::from(settings.message_ids_max) * 2 * 17,
            presence_bytes: PresenceRing::BYTES,
            identities_bytes: Identities::<TagHandle>::bytes(),
        }
    }

    /// All of it.
    #[must_use]
    pub const fn total_bytes(&self) -> u64 {
        self.customers_bytes + self.tags_bytes + self.message_ids_bytes + self.presence_bytes + self.identities_bytes
    }
}

impl Engine {
    /// An engine without people, for the venue of the generation.
    ///
    /// # Errors
    /// [`LocatorError`] when the venue's floor or hubs are out of what a locator can hold.
    pub fn new(generation: Generation) -> Result<Self, LocatorError> {
        let spec = generation.spec();
        let settings = &spec.settings;
        let locator = locator::build(spec, &[])?;
        let places: Vec<PlaceSpec> = spec
            .venue
            .places
            .iter()
            .map(|place| PlaceSpec {
                queue_zone: place.queue_zone.map(|zone| zone.0),
                servers: place.servers,
                service_s: place.service_s,
            })
            .collect();
        Ok(Self {
            people: People::new(settings.customers_max),
            records: Slab::new(settings.customers_max as usize),
            ledger: Ledger::new(settings.customers_max),
            seed: RandomState::new(),
            tags: Tags::new(settings.tags_max),
            identities: Identities::default(),
            recent: Recent::new(settings.message_ids_max),
            hubs: Hubs::new(&spec.venue),
            reach: Reach::new(&locator, &spec.venue.hubs),
            locator: ArcSwap::from_pointee(locator),
            learning: Learning::new(&spec.venue),
            watches: Watches::default(),
            crowd: Crowd::new(
                spec.venue.zones.len(),
                &places,
                &CrowdSettings {
                    tag_share: settings.tag_share,
                    compliance: settings.compliance,
                    customers_max: settings.customers_max,
                },
            ),
            presence: PresenceRing::default(),
            phase: AtomicU32::new(settings.phase.map_or(PHASE_NONE, |phase| u32::from(phase) + 1)),
            minute_of_day: AtomicU32::new(MINUTE_UNKNOWN),
            date_at_start_s: AtomicU64::new(0),
            swept: AtomicU32::new(0),
            generation: ArcSwap::from_pointee(generation),
        })
    }

    /// Publishes another generation: decides that start after this read it, whole.
    ///
    /// # Errors
    /// [`BuildError::Incompatible`] when people's records would mean something else under it.
    pub fn publish(&self, generation: Generation) -> Result<(), BuildError> {
        let before = self.generation.load_full();
        generation.check_follows(&before)?;
        let generation = Arc::new(generation);
        self.generation.store(Arc::clone(&generation));
        if generation.settings().consent_days_max < before.settings().consent_days_max {
            self.shorten_consents(&generation);
        }
        Ok(())
    }

    /// The published generation.
    #[must_use]
    pub fn generation(&self) -> Arc<Generation> {
        self.generation.load_full()
    }

    /// The slot of a customer, who is added when nobody knew them.
    ///
    /// # Errors
    /// [`NoRoom`] when the id cannot be one, or the table is full.
    pub fn customer(&self, id: &str) -> Result<CustomerSlot, NoRoom> {
        self.people.find_or_add(id, || {
            let slot = self.people.next_slot()?;
            let key = PersonKey([0, 1].map(|half: u8| self.seed.hash_one((slot.0, half))));
            let record = self.newcomer(id, key).record;
            self.write(slot, |words| *words = record);
            self.ledger.begin(slot, 1, key);
            Ok(slot)
        })
    }

    /// The slot of a customer who is known.
    #[must_use]
    pub fn customer_existing(&self, id: &str) -> Option<CustomerSlot> {
        self.people.find(id)
    }

    /// A hub connected and said hello.
    #[must_use]
    pub fn hub_connected(&self, now: Timestamp, hub: HubIx, boot_epoch: u64, oldest_sequence: u64) -> HubIntake {
        self.hubs.on_alive(now, hub);
        self.hubs.connect(hub, boot_epoch, oldest_sequence)
    }

    /// A hub came in by a way that has no numbers, such as MQTT or HTTP: its sightings count in the order of their
    /// arrival, and the numbers given to [`Engine::on_sighting`] are the caller's own, from 0. What is remembered of
    /// the hub's own numbers is left alone.
    #[must_use]
    pub fn hub_arriving(&self, now: Timestamp, hub: HubIx) -> HubIntake {
        self.hubs.on_alive(now, hub);
        HubIntake::by_arrival(hub)
    }

    /// A hub has gone, as itself or its broker says. It is dead from now on, until it says anything.
    pub fn on_hub_gone(&self, hub: HubIx) {
        self.hubs.on_gone(hub);
    }

    /// A hub said anything at all; also remembers how far its sightings were taken, and what became of them.
    pub fn on_hub_alive(&self, now: Timestamp, intake: &mut HubIntake) {
        self.hubs.on_alive(now, intake.hub);
        self.hubs.keep(intake);
    }

    /// Time passes: tags that went silent are let go, zones without a living hub become unknown. Call it once in
    /// each step ([`STEP_MS`]); it calls `on_change` for everybody who changed their zone by it.
    pub fn tick(&self, now: Timestamp, time: VenueTime, on_change: impl FnMut(ZoneChange)) {
        let minute = time.minute_of_day.map_or(MINUTE_UNKNOWN, u32::from);
        self.minute_of_day.store(minute, Ordering::Relaxed);
        let generation = self.generation.load();
        let old_after_ms = generation.settings().hub_dead_after_ms.min(crowd::CROWD_AGE_MS_MAX);
        self.hubs.on_tick(now);
        self.hubs
            .for_each_zone(now, old_after_ms, |zone, is_seen| self.crowd.set_seen(zone, is_seen));
        self.crowd.tick(now);
        self.identities.tick(now);
        self.lapse_watches(now);
        self.sweep(now, &generation, on_change);
    }

    /// The event enters a phase (index of the vocabulary), or none.
    pub fn set_phase(&self, phase: Option<u8>) {
        self.phase.store(
            phase.map_or(PHASE_NONE, |phase| u32::from(phase) + 1),
            Ordering::Relaxed,
        );
    }

    /// Where a customer is; `None` when it is not known, or too long ago to be used.
    #[must_use]
    pub fn position(&self, now: Timestamp, customer: CustomerSlot) -> Option<Position> {
        let seen = self.record(customer)?.seen()?;
        if !self.allows(now, customer, crate::model::Purpose::Location) {
            return None;
        }
        let age_ms = age_ms(now, &seen);
        (age_ms <= self.generation.load().settings().position_ttl_ms).then(|| Position {
            level: LevelIx(seen.level),
            east_m: seen.east_m,
            north_m: seen.north_m,
            accuracy_m: seen.accuracy_m,
            zone: seen.zone.map(ZoneIx),
            zone_confidence: seen.confidence.share(),
            age_ms,
        })
    }

    /// A customer's lifecycle stage, by name.
    #[must_use]
    pub fn stage(&self, customer: CustomerSlot) -> Option<String> {
        let stage = self.record(customer)?.stage();
        self.generation
            .load()
            .spec()
            .journey
            .stages
            .get(usize::from(stage))
            .cloned()
    }

    /// Whether a customer is of a higher tier than the pack's lowest.
    #[must_use]
    pub fn is_valued(&self, customer: CustomerSlot) -> bool {
        self.record(customer).is_some_and(|record| record.tier() > 1)
    }

    /// Every place with its queue.
    pub fn queues(&self) -> impl Iterator<Item = PlaceQueue> + '_ {
        (0_u16..).map_while(|place| {
            Some(PlaceQueue {
                place: PlaceIx(place),
                queue: self.crowd.queue(place)?,
            })
        })
    }

    /// People in a zone; `None`: no hub that sees it is alive.
    #[must_use]
    pub fn occupancy(&self, zone: ZoneIx) -> Option<u32> {
        self.crowd.occupancy(zone.0)
    }

    /// Whether the crowd of the zone that somebody is in counts them: two hubs or a till have told of them lately, or no
    /// other hub could.
    #[must_use]
    pub fn is_counted(&self, customer: CustomerSlot) -> bool {
        let record = self.record(customer);
        record.is_some_and(|record| record.counted_in().is_some())
    }

    /// What a customer meets at a place after so many seconds of walking: the queue that is there and those who are on
    /// their way, without the customer; `None`: its queue is not known.
    #[must_use]
    pub fn outlook(&self, now: Timestamp, customer: CustomerSlot, place: PlaceIx, walk_s: u32) -> Option<Outlook> {
        let own = self.crowd.promise_of(customer.0);
        self.crowd.outlook(now, own.as_ref(), place.0, walk_s)
    }

    /// What became of the promises that answers made.
    #[must_use]
    pub fn promise_counts(&self) -> PromiseCounts {
        self.crowd.promise_counts()
    }

    /// The share of those sent to a place who come, as learned.
    #[must_use]
    pub fn compliance(&self) -> f32 {
        self.crowd.compliance()
    }

    /// Every hub.
    pub fn hubs(&self, now: Timestamp) -> impl Iterator<Item = HubState> + '_ {
        let dead_after_ms = self.generation.load().settings().hub_dead_after_ms;
        self.hubs.states(now, dead_after_ms)
    }

    /// How full the tables are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            customers: self.people.count(),
            tags: u32::try_from(self.tags.count()).unwrap_or(u32::MAX),
        }
    }

    /// What became of identities that change, and how many keys there are.
    #[must_use]
    pub fn identities(&self) -> IdentityCounts {
        self.identities.counts()
    }

    fn record(&self, customer: CustomerSlot) -> Option<Record> {
        self.records.read(customer.0).ok().map(Record::from_words)
    }

    fn write<R>(&self, customer: CustomerSlot, change: impl FnOnce(&mut Record) -> R) -> Option<R> {
        self.records.write(customer.0, |words| {
            let mut record = Record::from_words(*words);
            let result = change(&mut record);
            *words = record.into_words();
            result
        })
    }
}

/// Shows how many, never who.
impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("counts", &self.counts())
            .field("identities", &self.identities)
            .finish_non_exhaustive()
    }
}

/// Age of what was seen, in milliseconds. The step that is still open counts as no age.
fn age_ms(now: Timestamp, seen: &Seen) -> u32 {
    u32::try_from(u64::from(now.step().saturating_sub(seen.step)) * STEP_MS).unwrap_or(u32::MAX)
}
