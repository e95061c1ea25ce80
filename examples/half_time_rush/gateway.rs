//! The engine as a policy: everybody is a customer with a tag, and every question is an `Engine::decide`.
//!
//! Where people are comes by the seam for other locating systems, `Engine::on_located`: when they ask, and when a
//! counter's snapshot sees them at a stand. Queues come by `Engine::on_counted`, as old and as noisy as for everybody else.
//! Time passes in steps of a second, because there is no radio to listen to.

use std::sync::Arc;

use nextbest::engine::{CustomerSlot, Engine, Generation, HubIntake, Located, PLACE_CLOSED, Scratch, VenueTime};
use nextbest::model::{Property, Query, Signal, SignalKind, TagId, TagKind, Timestamp, Value};
use nextbest_venue::{HubIx, LevelIx, ZoneIx};

use crate::map;
use crate::options::Options;
use crate::play::{Asks, Policy, Snapshot, timed};
use crate::rush::Rush;

/// A moment at which nothing is zero.
const START_MS: u64 = 1_000_000;
/// Milliseconds between ticks.
const TICK_MS: u64 = 1_000;

pub(crate) struct Gateway<'a> {
    rush: &'a Rush,
    engine: Engine,
    generation: Arc<Generation>,
    hubs: Vec<HubIntake>,
    customers: Vec<CustomerSlot>,
    scratch: Scratch,
    ticked_ms: u64,
    signals: u64,
    has_tills: bool,
}

impl<'a> Gateway<'a> {
    pub(crate) fn new(rush: &'a Rush, options: &Options) -> Self {
        let generation = Generation::build(map::spec(rush, options)).unwrap();
        let engine = Engine::new(generation).unwrap();
        let start = Timestamp::from_millis(START_MS);
        let connect = |hub| engine.hub_connected(start, HubIx(hub), 1, 0);
        let hubs = (0..).take(rush.venue.hubs.len()).map(connect).collect();
        let mut gateway = Self {
            rush,
            generation: engine.generation(),
            engine,
            hubs,
            customers: Vec::new(),
            scratch: Scratch::default(),
            ticked_ms: START_MS,
            signals: 0,
            has_tills: options.tills,
        };
        for fan in 0..rush.fans.len() {
            let customer = gateway.engine.customer(&format!("fan-{fan}")).unwrap();
            gateway.customers.push(customer);
            let message_id = format!("identify-{fan}");
            let identify = Signal {
                tags: vec![tag(fan)],
                ..signal(&message_id, SignalKind::Identify, "", &[])
            };
            gateway.engine.on_signal(start, customer, &identify).unwrap();
        }
        gateway.pass(START_MS + TICK_MS);
        gateway
    }

    /// What the engine learned, in a few lines for operators.
    pub(crate) fn summary(&self) -> String {
        let counts = self.engine.promise_counts();
        format!(
            "promise ledger, last seed: {} answers; {} came, {} went to the nearest instead, {} were sent elsewhere, {} not \
             heard of; learned compliance {:.2}",
            counts.made,
            counts.kept,
            counts.strayed,
            counts.withdrawn,
            counts.expired,
            self.engine.compliance()
        )
    }

    /// Time passes up to a moment.
    fn pass(&mut self, to_ms: u64) {
        while self.ticked_ms + TICK_MS <= to_ms {
            self.ticked_ms += TICK_MS;
            let now = Timestamp::from_millis(self.ticked_ms);
            for hub in &mut self.hubs {
                self.engine.on_hub_alive(now, hub);
            }
            self.engine.tick(now, VenueTime::default(), |_| {});
        }
    }

    fn locate(&self, now: Timestamp, fan: usize, zone: ZoneIx) {
        let located = Located {
            level: LevelIx(0),
            at: self.rush.venue.zones[zone.index()].area.interior(),
            accuracy_m: 3.0,
            zone: Some(zone),
        };
        self.engine.on_located(now, &tag(fan), &located);
    }

    /// A stand says something.
    fn say(&mut self, at_s: f64, event: &str, stand: usize) {
        self.signals += 1;
        let (message_id, place) = (format!("venue-{}", self.signals), format!("stand-{stand}"));
        let properties = [Property {
            name: "place",
            value: Value::Text(&place),
        }];
        let signal = signal(&message_id, SignalKind::Track, event, &properties);
        self.engine.on_venue_signal(at(at_s), &signal).unwrap();
    }
}

impl Policy for Gateway<'_> {
    fn counted(&mut self, at_s: f64, snapshot: &Snapshot<'_>) {
        let now = at(at_s);
        self.pass(now.as_millis());
        for (fan, stand) in snapshot.seen {
            self.locate(now, *fan, self.rush.queue_zone(*stand));
        }
        for (stand, people) in snapshot.counts.iter().enumerate() {
            self.engine.on_counted(now, self.rush.queue_zone(stand), *people as f32);
        }
    }

    fn closed(&mut self, at_s: f64, stand: usize) {
        self.say(at_s, PLACE_CLOSED, stand);
    }

    fn served(&mut self, at_s: f64, stand: usize) {
        if self.has_tills {
            self.say(at_s, "Order Completed", stand);
        }
    }

    fn send(&mut self, asks: &Asks) -> (usize, f64) {
        let now = at(asks.at_s);
        self.pass(now.as_millis());
        self.locate(now, asks.fan, asks.zone);
        let locale = self.generation.locale_for("en");
        let query = Query {
            want: "food",
            ..Query::default()
        };
        let customer = self.customers[asks.fan];
        let (engine, generation) = (&self.engine, &self.generation);
        let (decision, ns) = timed(|| engine.decide(now, generation, customer, locale, &query, &mut self.scratch));
        let answer = decision.answers[0].as_ref().unwrap();
        let place = answer.place.as_ref().unwrap().id;
        (place.strip_prefix("stand-").unwrap().parse().unwrap(), ns)
    }
}

fn at(at_s: f64) -> Timestamp {
    Timestamp::from_millis(START_MS + TICK_MS + (at_s * 1_000.0) as u64)
}

fn tag(fan: usize) -> TagId {
    let [a, b, c, d] = (fan as u32).to_be_bytes();
    TagId::new(TagKind::Address, &[0xC0, 1, a, b, c, d]).unwrap()
}

fn signal<'s>(message_id: &'s str, kind: SignalKind, name: &'s str, properties: &'s [Property<'s>]) -> Signal<'s> {
    Signal {
        message_id,
        kind,
        name,
        made_unix_ms: 0,
        properties: properties.to_vec(),
        channel: "",
        anonymous_id: "",
        tags: Vec::new(),
        keys: Vec::new(),
        consents: Vec::new(),
    }
}
