//! The core as a whole: bytes become a day of a small hall, in virtual time. Hubs hear, people say things and ask, time
//! jumps, tables fill; after each of it, what is promised holds. The same bytes give the same day, bit for bit.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use nextbest::config::load;
use nextbest::engine::decide::message::MESSAGE_LEN_MAX;
use nextbest::engine::spec::Spec;
use nextbest::engine::{
    CustomerSlot, Engine, Generation, HubIntake, PHASE_STARTED, PLACE_CLOSED, PLACE_OPENED, Scratch, SightingOutcome,
    SignalError, VenueTime,
};
use nextbest::model::{
    ANSWERS_MAX, Consent, Outcome, OutcomeKind, Property, Purpose, Query, Reason, SecretKey, Sighting, Signal,
    SignalKind, TagId, TagKey, TagKind, Timestamp, Value,
};
use nextbest_venue::{HubIx, ZoneIx};

use super::draw::Draw;
use super::pack::FILES;

/// Things that happen in one day.
const HAPPENINGS_MAX: usize = 200;
/// People who fit into the hall.
const CUSTOMERS_MAX: u32 = 4;
/// Tags that fit.
const TAGS_MAX: u32 = 6;
/// How often the action `tea` may be given, and in how many seconds: as the pack says.
const TEA: (usize, u32) = (2, 3_600);
/// How far the clock may jump at once, in milliseconds.
const JUMPS_MS: [u64; 8] = [0, 1, 249, 250, 1_000, 15_001, 3_600_000, 86_400_000];
/// A second hub, which sees the bar alone.
const SECOND_HUB: &str = r#",
{"type": "Feature", "id": "hub-2", "feature_type": "hub",
 "properties": {"level_id": "ground", "height_m": 2.5, "zone_ids": ["bar"]},
 "geometry": {"type": "Point", "coordinates": [11, 3]}}
]}"#;

static SPEC: LazyLock<Option<Spec>> = LazyLock::new(|| {
    let map = FILES[1].1.trim_end().strip_suffix("]}")?.trim_end().to_owned() + SECOND_HUB;
    let mut files = FILES;
    files[1].1 = &map;
    let mut spec = load(&files).ok()?;
    spec.settings.customers_max = CUSTOMERS_MAX;
    spec.settings.tags_max = TAGS_MAX;
    Some(spec)
});

/// Lives the day that the bytes say, twice.
pub fn run(data: &[u8]) {
    assert_eq!(live(data), live(data), "the same bytes give the same day");
}

fn live(data: &[u8]) -> Vec<String> {
    let mut hall = Hall::new();
    let mut draw = Draw::new(data);
    for _ in 0..HAPPENINGS_MAX {
        if draw.is_empty() {
            break;
        }
        hall.happens(&mut draw);
        hall.holds();
    }
    hall.told
}

/// The engine, and what of it is known without it.
struct Hall {
    engine: Engine,
    spec: &'static Spec,
    now: Timestamp,
    intakes: Vec<HubIntake>,
    sequences: Vec<u64>,
    people: Vec<CustomerSlot>,
    consents: HashMap<CustomerSlot, u8>,
    /// Signals that were applied, by who and id.
    applied: HashMap<(CustomerSlot, u8), Vec<u8>>,
    /// When each person was offered tea, in seconds.
    teas: Vec<(CustomerSlot, u32)>,
    decision: u64,
    scratch: Scratch,
    told: Vec<String>,
}

impl Hall {
    fn new() -> Self {
        let Some(spec) = &*SPEC else {
            unreachable!("the pack of the tests is right")
        };
        let engine = Generation::build(spec.clone())
            .ok()
            .and_then(|generation| Engine::new(generation).ok());
        let Some(engine) = engine else {
            unreachable!("the pack of the tests builds")
        };
        let now = Timestamp::from_millis(1_000_000);
        let hubs = u16::try_from(spec.venue.hubs.len()).unwrap_or(0);
        Self {
            intakes: (0..hubs)
                .map(|hub| engine.hub_connected(now, HubIx(hub), 1, 0))
                .collect(),
            sequences: vec![0; usize::from(hubs)],
            engine,
            spec,
            now,
            people: Vec::new(),
            consents: HashMap::new(),
            applied: HashMap::new(),
            teas: Vec::new(),
            decision: 0,
            scratch: Scratch::default(),
            told: Vec::new(),
        }
    }

    fn happens(&mut self, draw: &mut Draw<'_>) {
        match draw.byte() % 16 {
            0..=2 => self.hear(draw),
            3..=5 => self.ask(draw),
            6..=8 => self.say(draw),
            9 | 10 => self.pass(draw),
            11 => self.arrive(draw),
            12 => self.hub_changes(draw),
            13 => self.venue_says(draw),
            14 => self.outcome(draw),
            _ => self.publish(),
        }
    }

    /// What is promised, whatever happened.
    fn holds(&self) {
        let counts = self.engine.counts();
        assert!(counts.customers <= CUSTOMERS_MAX && counts.tags <= TAGS_MAX);
        for customer in &self.people {
            assert!(self.engine.stage(*customer).is_some(), "everybody is at a stage");
            let Some(position) = self.engine.position(self.now, *customer) else {
                continue;
            };
            assert!(
                position.age_ms <= self.spec.settings.position_ttl_ms,
                "an old position is not used"
            );
            assert!(
                self.allows(*customer, Purpose::Location),
                "nobody is located without consent"
            );
            assert!(position.east_m.is_finite() && position.north_m.is_finite() && position.accuracy_m >= 0.0);
            assert!(
                position
                    .zone
                    .is_none_or(|zone| zone.index() < self.spec.venue.zones.len())
            );
        }
        for zone in (0..).map(ZoneIx).take(self.spec.venue.zones.len()) {
            assert!(self.engine.occupancy(zone).is_none_or(|people| people <= CUSTOMERS_MAX));
        }
    }

    fn allows(&self, customer: CustomerSlot, purpose: Purpose) -> bool {
        let consents = self
            .consents
            .get(&customer)
            .copied()
            .unwrap_or(self.spec.settings.consent_default);
        consents & purpose.bit() != 0
    }

    fn person(&self, draw: &mut Draw<'_>) -> Option<CustomerSlot> {
        let pick = usize::from(draw.byte());
        self.people.get(pick % self.people.len().max(1)).copied()
    }

    fn arrive(&mut self, draw: &mut Draw<'_>) {
        let id = format!("c{}", draw.byte() % 8);
        match self.engine.customer(&id) {
            Ok(customer) if !self.people.contains(&customer) => self.people.push(customer),
            Ok(_) => {}
            Err(_) => assert_eq!(
                self.engine.counts().customers,
                CUSTOMERS_MAX,
                "refused only when it is full"
            ),
        }
    }

    fn pass(&mut self, draw: &mut Draw<'_>) {
        let minute = u16::from_le_bytes(draw.array());
        self.now = self.now.after(Duration::from_millis(draw.choose(&JUMPS_MS)));
        let time = VenueTime {
            minute_of_day: (minute < 24 * 60).then_some(minute),
        };
        self.engine.tick(self.now, time, |_| {});
    }

    fn hear(&mut self, draw: &mut Draw<'_>) {
        let hub = usize::from(draw.byte()) % self.intakes.len();
        let sequence = match draw.byte() {
            0 => u64::from_le_bytes(draw.array()),
            1 => self.sequences[hub].saturating_sub(u64::from(draw.byte())),
            _ => self.sequences[hub],
        };
        self.sequences[hub] = self.sequences[hub].max(sequence.saturating_add(1));
        let Some(tag) = tag(draw) else { return };
        let sighting = Sighting {
            tag,
            rssi_dbm: i8::from_le_bytes(draw.array()),
            age_ms: if draw.flag() {
                u32::from_le_bytes(draw.array())
            } else {
                0
            },
        };
        let outcome = self
            .engine
            .on_sighting(self.now, &mut self.intakes[hub], sequence, &sighting);
        let again = self
            .engine
            .on_sighting(self.now, &mut self.intakes[hub], sequence, &sighting);
        assert_eq!(again, SightingOutcome::Duplicate, "a number counts once");
        self.told.push(format!("{outcome:?}"));
    }

    fn hub_changes(&mut self, draw: &mut Draw<'_>) {
        let hub = usize::from(draw.byte()) % self.intakes.len();
        let ix = self.intakes[hub].hub;
        match draw.byte() % 4 {
            0 => self.engine.on_hub_gone(ix),
            1 => {
                let (epoch, oldest) = (u64::from(draw.byte()), u64::from_le_bytes(draw.array()));
                self.intakes[hub] = self.engine.hub_connected(self.now, ix, epoch, oldest);
                self.sequences[hub] = self.intakes[hub].next_sequence();
            }
            _ => self.engine.on_hub_alive(self.now, &mut self.intakes[hub]),
        }
    }

    fn publish(&mut self) {
        let mut spec = self.spec.clone();
        spec.number = self.engine.generation().number() + 1;
        let published = Generation::build(spec).map(|generation| self.engine.publish(generation));
        assert!(matches!(published, Ok(Ok(()))), "the same pack may follow itself");
    }

    /// Somebody says something, or somebody does for them.
    fn say(&mut self, draw: &mut Draw<'_>) {
        let Some(customer) = self.person(draw) else { return };
        let (id, is_own) = (draw.byte() % 32, draw.flag());
        let message_id = format!("m{id}");
        let before = draw.rest();
        let signal = signal(draw, &message_id);
        let content = before[..before.len() - draw.rest().len()].to_vec();
        let result = if is_own {
            self.engine.on_own_signal(self.now, customer, &signal)
        } else {
            self.engine.on_signal(self.now, customer, &signal)
        };
        match (self.applied.get(&(customer, id)), &result) {
            (Some(known), Ok(outcome)) if *known == content => assert!(outcome.is_duplicate, "an id is applied once"),
            (Some(known), Err(error)) if *known == content => {
                assert_eq!(*error, SignalError::TooManyTags, "the tags of others came in between");
            }
            (None, Ok(outcome)) => {
                assert!(!outcome.is_duplicate);
                let consents = self
                    .consents
                    .entry(customer)
                    .or_insert(self.spec.settings.consent_default);
                for consent in &signal.consents {
                    let bit = consent.purpose.bit();
                    *consents = if consent.allowed {
                        *consents | bit
                    } else {
                        *consents & !bit
                    };
                }
                self.applied.insert((customer, id), content);
            }
            (None, Err(error)) => assert_eq!(*error, SignalError::TooManyTags),
            // Different bytes may draw the same signal.
            (Some(_), Ok(outcome)) => assert!(outcome.is_duplicate, "an id is applied once"),
            (Some(_), Err(error)) => assert!(matches!(error, SignalError::Conflict | SignalError::TooManyTags)),
        }
        self.told.push(format!("{result:?}"));
    }

    fn venue_says(&mut self, draw: &mut Draw<'_>) {
        let names = [
            PLACE_OPENED,
            PLACE_CLOSED,
            PHASE_STARTED,
            "Order Completed",
            "Product Out Of Stock",
            "Nothing",
        ];
        let properties = [
            property("place", Value::Text(draw.choose(&["tea-bar", "nowhere", ""]))),
            property("product", Value::Text(draw.choose(&["tea", "drink", "gold"]))),
            property("phase", Value::Text(draw.choose(&["before", "after", "never"]))),
        ];
        let message_id = format!("v{}", draw.byte());
        let signal = Signal {
            name: draw.choose(&names),
            properties: properties.into_iter().take(usize::from(draw.byte() % 4)).collect(),
            ..plain(&message_id)
        };
        self.told
            .push(format!("{:?}", self.engine.on_venue_signal(self.now, &signal)));
    }

    fn outcome(&mut self, draw: &mut Draw<'_>) {
        let Some(customer) = self.person(draw) else { return };
        let outcome = Outcome {
            decision_id: if draw.flag() {
                self.decision
            } else {
                u64::from_le_bytes(draw.array())
            },
            action: draw.choose(&["tea", "offer", "none"]),
            kind: draw.choose(&[OutcomeKind::Impression, OutcomeKind::Accept, OutcomeKind::Reject]),
        };
        self.told
            .push(format!("{:?}", self.engine.on_outcome(self.now, customer, &outcome)));
    }

    fn ask(&mut self, draw: &mut Draw<'_>) {
        let Some(customer) = self.person(draw) else { return };
        let query = Query {
            want: draw.choose(&["", "drink", "tea", "exit", "no such want"]),
            channel: draw.choose(&["", "mobile", "kiosk", "fax"]),
            placement: draw.choose(&["", "home", "away"]),
            locale: draw.choose(&["", "es", "xx"]),
            answers_max: u32::from(draw.byte()),
            why: draw.flag(),
        };
        let generation = self.engine.generation();
        let locale = generation.locale_for("en");
        let decision = self
            .engine
            .decide(self.now, &generation, customer, locale, &query, &mut self.scratch);
        assert_eq!(
            decision.generation,
            generation.number(),
            "an answer names its generation"
        );
        let answers: Vec<_> = decision.answers.iter().flatten().collect();
        assert!(answers.len() <= ANSWERS_MAX);
        assert_eq!(
            answers.is_empty(),
            decision.decision_id == 0,
            "a decision is one that gave something"
        );
        assert!(
            !answers.is_empty() || decision.reasons.iter().next().is_some(),
            "nothing is never said without why"
        );
        assert!(
            answers
                .windows(2)
                .all(|pair| pair[0].factors.priority() >= pair[1].factors.priority())
        );
        let is_located = decision.zone.is_some();
        assert!(!is_located || !decision.reasons.contains(Reason::PositionStale));
        let now_s = self.now.as_secs();
        let (mut teas, mut offers) = (0, 0);
        for answer in &answers {
            assert!(answer.message.len() <= MESSAGE_LEN_MAX && answer.factors.priority().is_finite());
            teas += usize::from(answer.action == "tea");
            offers += usize::from(answer.action == "offer");
        }
        self.decision = decision.decision_id;
        self.told.push(format!("{decision:?}"));
        assert!(
            offers == 0 || self.allows(customer, Purpose::Marketing),
            "no marketing without consent"
        );
        assert!(
            teas == 0 || self.allows(customer, Purpose::Service),
            "no service without consent"
        );
        self.teas.extend(std::iter::repeat_n((customer, now_s), teas));
        let recent = |(who, at_s): &&(CustomerSlot, u32)| *who == customer && now_s - at_s < TEA.1;
        assert!(
            self.teas.iter().filter(recent).count() <= TEA.0,
            "a cap is never exceeded"
        );
    }
}

fn property<'a>(name: &'a str, value: Value<'a>) -> Property<'a> {
    Property { name, value }
}

fn plain(message_id: &str) -> Signal<'_> {
    Signal {
        made_unix_ms: 0,
        message_id,
        kind: SignalKind::Track,
        name: "",
        properties: Vec::new(),
        channel: "",
        anonymous_id: "",
        tags: Vec::new(),
        keys: Vec::new(),
        consents: Vec::new(),
    }
}

fn signal<'a>(draw: &mut Draw<'_>, message_id: &'a str) -> Signal<'a> {
    let kinds = [
        SignalKind::Track,
        SignalKind::Identify,
        SignalKind::Group,
        SignalKind::Alias,
        SignalKind::Page,
    ];
    let kind = draw.choose(&kinds);
    let name = draw.choose(&["Order Completed", "Feedback Given", "Never Declared"]);
    let mut signal = Signal {
        kind,
        name,
        ..plain(message_id)
    };
    for _ in 0..draw.byte() % 4 {
        let name = draw.choose(&["place", "drink", "member", "orders", "tier", "unknown"]);
        let value = match draw.byte() % 3 {
            0 => Value::Text(draw.choose(&["tea-bar", "tea", "gold", "", "\u{202e}"])),
            1 => Value::Number(f64::from_le_bytes(draw.array())),
            _ => Value::Flag(draw.flag()),
        };
        signal.properties.push(property(name, value));
    }
    for _ in 0..draw.byte() % 4 {
        let purpose = draw.choose(&Purpose::ALL);
        let allowed = draw.flag();
        signal.consents.push(Consent::new(purpose, allowed));
    }
    for _ in 0..draw.byte() % 6 {
        match draw.byte() % 4 {
            0 => signal.keys.push(TagKey::Resolving(SecretKey::new([draw.byte(); 16]))),
            1 => signal.keys.push(TagKey::Ephemeral {
                key: SecretKey::new([draw.byte(); 16]),
                rotation_exponent: draw.byte(),
                clock_s: u32::from_le_bytes(draw.array()),
            }),
            _ => signal.tags.extend(tag(draw)),
        }
    }
    signal
}

/// A transmitter of few, so that they meet.
fn tag(draw: &mut Draw<'_>) -> Option<TagId> {
    let kind = draw.choose(&[TagKind::Address, TagKind::IBeacon, TagKind::EddystoneEid]);
    let mut identity = vec![draw.byte() % 12; kind.len()];
    if let (TagKind::Address, Some(first)) = (kind, identity.first_mut()) {
        // Of the three kinds of random address one is kept, one changes and can be resolved, one changes and cannot.
        *first |= draw.choose(&[0xc0, 0x40, 0x00]);
    }
    TagId::new(kind, &identity).ok()
}
