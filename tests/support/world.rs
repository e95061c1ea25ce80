//! A venue in virtual time: hubs that hear, people who carry tags, and steps of a quarter of a second.
//!
//! The radio here is exact: each hub hears a tag as loud as path loss says. Noise is for the locator's own tests.

use std::sync::Arc;

use nextbest::engine::presence::PresenceCursor;
use nextbest::engine::spec::Spec;
use nextbest::engine::{
    CustomerSlot, Engine, Generation, HubIntake, PresenceEvent, Scratch, SightingOutcome, VenueTime,
};
use nextbest::model::{
    Consent, Decision, Property, Purpose, Query, Reason, STEP_MS, Sighting, Signal, SignalKind, TagId, TagKind,
    Timestamp,
};
use nextbest_venue::{HubIx, LevelIx, PlaceIx, Point};

/// Hubs that hear one tag in one step.
const HEARERS_MAX: usize = 4;
/// How far a hub hears, in metres.
const HEARING_M: f32 = 45.0;
/// How much higher a hub hangs than a tag is carried, in metres.
const ABOVE_M: f32 = 2.0;
/// A moment at which nothing is zero, so that a zero shows.
const START_MS: u64 = 1_000_000;

/// An engine with its hubs and its time.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) generation: Arc<Generation>,
    pub(crate) now_ms: u64,
    hubs: Vec<WorldHub>,
    signals: u64,
    scratch: Scratch,
    /// How far the presence events were read.
    told: PresenceCursor,
}

struct WorldHub {
    intake: HubIntake,
    sequence: u64,
    is_dead: bool,
}

/// A hub's sighting, numbered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) hub: HubIx,
    pub(crate) sequence: u64,
    pub(crate) sighting: Sighting,
}

/// A decision, kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) generation: u64,
    pub(crate) decision_id: u64,
    pub(crate) answers: Vec<SaidAnswer>,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) zone: Option<String>,
    pub(crate) stage: String,
    pub(crate) eligible: u32,
    pub(crate) not_chosen: Vec<(String, Reason)>,
}

/// One of its answers, kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SaidAnswer {
    pub(crate) action: String,
    pub(crate) treatment: String,
    pub(crate) message: String,
    pub(crate) place: Option<String>,
    pub(crate) walk_s: Option<u32>,
    pub(crate) wait_s: Option<u32>,
    /// Bit for bit.
    pub(crate) priority: u32,
    pub(crate) reasons: Vec<Reason>,
}

impl World {
    /// A venue whose hubs have all said hello.
    pub(crate) fn new(spec: Spec) -> Self {
        let engine = Engine::new(Generation::build(spec).unwrap()).unwrap();
        let now = Timestamp::from_millis(START_MS);
        let connect = |hub| WorldHub {
            intake: engine.hub_connected(now, HubIx(hub), 1, 0),
            sequence: 0,
            is_dead: false,
        };
        let generation = engine.generation();
        let hubs = (0..).take(generation.venue().hubs.len()).map(connect).collect();
        Self {
            generation,
            now_ms: START_MS,
            hubs,
            signals: 0,
            scratch: Scratch::default(),
            told: engine.presence_cursor(),
            engine,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms)
    }

    /// One step passes; living hubs say that they live.
    pub(crate) fn step(&mut self) {
        self.now_ms += STEP_MS;
        let now = self.now();
        for hub in self.hubs.iter_mut().filter(|hub| !hub.is_dead) {
            self.engine.on_hub_alive(now, &mut hub.intake);
        }
        self.engine.tick(
            self.now(),
            VenueTime {
                minute_of_day: Some(20 * 60),
            },
            |_| {},
        );
    }

    /// What has happened in people's stays since this was asked last.
    pub(crate) fn events(&mut self) -> Vec<PresenceEvent> {
        std::iter::from_fn(|| self.engine.next_presence(&mut self.told)).collect()
    }

    /// So many milliseconds pass, step by step.
    pub(crate) fn pass(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(STEP_MS) {
            self.step();
        }
    }

    /// A hub goes silent for good.
    pub(crate) fn kill(&mut self, hub: HubIx) {
        self.hubs[hub.index()].is_dead = true;
    }

    /// Somebody who agreed to everything; `tag` is what they carry.
    pub(crate) fn customer(&mut self, id: &str, tag: Option<u32>) -> CustomerSlot {
        let customer = self.engine.customer(id).unwrap();
        let consents = Purpose::ALL.map(|purpose| Consent::new(purpose, true)).to_vec();
        let tags = tag.map(tag_id).into_iter().collect();
        self.signal(
            customer,
            Signal {
                consents,
                tags,
                ..signal("", SignalKind::Identify, "", &[])
            },
        );
        customer
    }

    /// Applies a signal under a message id of its own; returns the stage that the person entered.
    pub(crate) fn signal(&mut self, customer: CustomerSlot, signal: Signal<'_>) -> Option<u8> {
        self.signals += 1;
        let message_id = format!("m{}", self.signals);
        let outcome = self.engine.on_signal(
            self.now(),
            customer,
            &Signal {
                message_id: &message_id,
                ..signal
            },
        );
        outcome.unwrap().entered_stage
    }

    /// Applies a `track` with its properties.
    pub(crate) fn track(&mut self, customer: CustomerSlot, event: &str, properties: &[Property<'_>]) -> Option<u8> {
        self.signal(customer, signal("", SignalKind::Track, event, properties))
    }

    /// Allows or withdraws a purpose.
    pub(crate) fn consent(&mut self, customer: CustomerSlot, purpose: Purpose, allowed: bool) {
        let consents = vec![Consent::new(purpose, allowed)];
        self.signal(
            customer,
            Signal {
                consents,
                ..signal("", SignalKind::Identify, "", &[])
            },
        );
    }

    /// The venue says something.
    pub(crate) fn venue_signal(&mut self, event: &str, properties: &[Property<'_>]) {
        self.signals += 1;
        let message_id = format!("m{}", self.signals);
        self.engine
            .on_venue_signal(self.now(), &signal(&message_id, SignalKind::Track, event, properties))
            .unwrap();
    }

    /// What the nearest living hubs hear of a tag at a point.
    pub(crate) fn heard_at(&mut self, tag: TagId, level: LevelIx, at: Point) -> Vec<Heard> {
        let generation = Arc::clone(&self.generation);
        let settings = generation.settings();
        let distance_m = |hub: &nextbest_venue::Hub| {
            (hub.at.east_m - at.east_m)
                .hypot(hub.at.north_m - at.north_m)
                .hypot(ABOVE_M)
        };
        let mut near: Vec<(f32, u16)> = (0..)
            .zip(&generation.venue().hubs)
            .filter(|(ix, hub): &(u16, _)| hub.level == level && !self.hubs[usize::from(*ix)].is_dead)
            .map(|(ix, hub)| (distance_m(hub), ix))
            .filter(|(distance_m, _)| *distance_m < HEARING_M)
            .collect();
        near.sort_by(|one, other| one.0.total_cmp(&other.0));
        let hear = |(distance_m, hub): (f32, u16)| {
            let loss_db = 10.0 * settings.path_loss_exponent * distance_m.log10();
            let rssi_dbm = (settings.path_loss_1m_dbm - loss_db).round() as i8;
            let world_hub = &mut self.hubs[usize::from(hub)];
            world_hub.sequence += 1;
            let sequence = world_hub.sequence - 1;
            Heard {
                hub: HubIx(hub),
                sequence,
                sighting: Sighting {
                    tag,
                    rssi_dbm,
                    age_ms: 0,
                },
            }
        };
        near.into_iter().take(HEARERS_MAX).map(hear).collect()
    }

    /// Hands one sighting over.
    pub(crate) fn hear(&mut self, heard: &Heard) -> SightingOutcome {
        let now = self.now();
        self.engine.on_sighting(
            now,
            &mut self.hubs[heard.hub.index()].intake,
            heard.sequence,
            &heard.sighting,
        )
    }

    /// A hub says that it heard a tag, whatever the air says.
    pub(crate) fn claim(&mut self, hub: HubIx, tag: u32, rssi_dbm: i8) -> SightingOutcome {
        let world_hub = &mut self.hubs[hub.index()];
        world_hub.sequence += 1;
        let heard = Heard {
            hub,
            sequence: world_hub.sequence - 1,
            sighting: Sighting {
                tag: tag_id(tag),
                rssi_dbm,
                age_ms: 0,
            },
        };
        self.hear(&heard)
    }

    /// A tag is heard at a point.
    pub(crate) fn hear_at(&mut self, tag: u32, level: LevelIx, at: Point) {
        for heard in self.heard_at(tag_id(tag), level, at) {
            self.hear(&heard);
        }
    }

    /// A tag stays at a place for so many steps, which pass.
    pub(crate) fn stay_at(&mut self, tag: u32, place: PlaceIx, steps: u32) {
        let (level, at) = {
            let place = &self.generation.venue().places[place.index()];
            (place.level, place.at)
        };
        for _ in 0..steps {
            self.hear_at(tag, level, at);
            self.step();
        }
    }

    /// Decides for somebody who wants something.
    pub(crate) fn want(&mut self, customer: CustomerSlot, want: &str) -> Said {
        self.ask(
            customer,
            &Query {
                want,
                ..Query::default()
            },
        )
    }

    /// Decides.
    pub(crate) fn ask(&mut self, customer: CustomerSlot, query: &Query<'_>) -> Said {
        let locale = self.generation.locale_for("en");
        let now = self.now();
        Said::of(
            &self
                .engine
                .decide(now, &self.generation, customer, locale, query, &mut self.scratch),
        )
    }
}

impl Said {
    /// Copies a decision.
    pub(crate) fn of(decision: &Decision<'_>) -> Self {
        let answers = decision.answers.iter().flatten().map(|answer| SaidAnswer {
            action: answer.action.into(),
            treatment: answer.treatment.into(),
            message: answer.message.into(),
            place: answer.place.map(|place| place.id.into()),
            walk_s: answer.place.and_then(|place| place.walk_s),
            wait_s: answer.place.and_then(|place| place.wait_s),
            priority: answer.factors.priority().to_bits(),
            reasons: answer.reasons.iter().collect(),
        });
        Self {
            generation: decision.generation,
            decision_id: decision.decision_id,
            answers: answers.collect(),
            reasons: decision.reasons.iter().collect(),
            zone: decision.zone.map(Into::into),
            stage: decision.stage.into(),
            eligible: decision.actions_eligible,
            not_chosen: decision
                .not_chosen()
                .map(|(action, reason, _)| (action.into(), reason))
                .collect(),
        }
    }

    /// The place of the best answer.
    pub(crate) fn place(&self) -> Option<&str> {
        self.answers.first()?.place.as_deref()
    }
}

/// A tag, by number.
pub(crate) fn tag_id(number: u32) -> TagId {
    let [a, b, c, d] = number.to_be_bytes();
    TagId::new(TagKind::Address, &[0xC0, 1, a, b, c, d]).unwrap()
}

/// A signal without what most of them lack.
pub(crate) fn signal<'a>(
    message_id: &'a str,
    kind: SignalKind,
    name: &'a str,
    properties: &[Property<'a>],
) -> Signal<'a> {
    Signal {
        made_unix_ms: 0,
        message_id,
        kind,
        name,
        properties: properties.to_vec(),
        channel: "",
        anonymous_id: "",
        tags: Vec::new(),
        keys: Vec::new(),
        consents: Vec::new(),
    }
}
