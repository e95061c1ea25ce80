//! What survives a restart, without a disk: a journal in memory, snapshots taken person by person while signals go on, and
//! another engine that is brought to the same state by them, whatever the moments were.
//!
//! Random schedules over a few people who do everything that can be journaled: traits, consents, tags that go from one to
//! another, keys, sales, answers with caps, outcomes, erasures. A failing seed prints itself.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use nextbest::engine::state::{Reserved, TagState, Translation, VenueEvent};
use nextbest::engine::{
    ConsentStatus, CustomerSlot, Dates, Engine, Generation, Journaled, KnownTrait, Novelty, PersonKey, SavedPerson,
    Scratch, Speaker, WINDOW_PARTS,
};
use nextbest::model::{
    Consent, Outcome, OutcomeKind, Property, Purpose, Query, SecretKey, Signal, SignalKind, TagId, TagKey, Timestamp,
    Value,
};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::small;
use support::world::{signal, tag_id};

/// Schedules that are tried.
const SEEDS: std::ops::Range<u64> = 0..25;
/// People of one schedule.
const PEOPLE: u32 = 5;
/// What happens in one schedule.
const STEPS: u64 = 120;

/// What a journal holds.
#[derive(Clone)]
enum Entry {
    Person(CustomerSlot, Box<SavedPerson>),
    Signal(CustomerSlot, Signal<'static>, Speaker, u16),
    Loss(CustomerSlot, TagId),
    Venue(VenueEvent),
    Outcome(CustomerSlot, Outcome<'static>),
    Decision(CustomerSlot, Reserved),
    Erasure(CustomerSlot),
}

/// A gateway with a journal in memory.
struct Gateway {
    engine: Engine,
    journal: Vec<(Timestamp, Entry)>,
    births: Vec<u32>,
    now_ms: u64,
    numbers: u64,
    duplicates: u32,
    scratch: Scratch,
}

/// A snapshot, and how far it has come.
#[derive(Default)]
struct Snapshot {
    through: u64,
    next: u32,
    people: Vec<(CustomerSlot, SavedPerson)>,
}

fn engine() -> Engine {
    Engine::new(Generation::build(small("stadium")).unwrap()).unwrap()
}

impl Gateway {
    fn new() -> Self {
        Self {
            engine: engine(),
            journal: Vec::new(),
            births: vec![0; PEOPLE as usize],
            now_ms: 1_000,
            numbers: 0,
            duplicates: 0,
            scratch: Scratch::default(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms)
    }

    fn append(&mut self, entry: Entry) -> Journaled {
        self.journal.push((self.now(), entry));
        Journaled {
            at: self.now(),
            position: self.journal.len() as u64,
            refused: 0,
            date_s: self.now().as_secs(),
        }
    }

    fn customer(&mut self, n: u32) -> CustomerSlot {
        let slot = CustomerSlot(n);
        if self.engine.birth(slot).is_none() {
            let id = format!("person-{n}");
            self.births[n as usize] += 1;
            let birth = self.births[n as usize];
            let key = PersonKey([u64::from(n), u64::from(birth)]);
            let mut saved = SavedPerson {
                birth,
                applied: 0,
                state: self.engine.newcomer(&id, key),
            };
            saved.applied = self.append(Entry::Person(slot, Box::new(saved.clone()))).position;
            self.engine.restore_person(slot, &saved, None).unwrap();
        }
        slot
    }

    fn signal(&mut self, n: u32, said: Signal<'static>, speaker: Speaker) {
        let slot = self.customer(n);
        match self.engine.check_signal(self.now(), slot, &said) {
            Ok(Novelty::New) => {
                let refused = self.engine.carried_by_another(slot, &said, speaker);
                let entry = Entry::Signal(slot, said.clone(), speaker, refused);
                let record = Journaled {
                    refused,
                    ..self.append(entry)
                };
                let outcome = self.engine.apply_signal(record, slot, &said, speaker).unwrap();
                for (from, tag) in outcome.taken.into_iter().flatten() {
                    let record = self.append(Entry::Loss(from, tag));
                    self.engine.apply_loss(record, from, tag);
                }
            }
            Ok(Novelty::Duplicate) => self.duplicates += 1,
            Err(_) => {}
        }
    }

    fn venue_signal(&mut self, said: &Signal<'static>) {
        let (novelty, event) = self.engine.check_venue_signal(said).unwrap();
        if novelty == Novelty::New {
            let record = self.append(Entry::Venue(event.clone()));
            self.engine.apply_venue_event(record, &event);
        }
    }

    /// Decides, and answers what came.
    fn decide(&mut self, n: u32, kind: Option<OutcomeKind>) {
        let (slot, now) = (self.customer(n), self.now());
        let generation = self.engine.generation();
        let locale = generation.locale_for("en");
        let decision = self
            .engine
            .decide(now, &generation, slot, locale, &Query::default(), &mut self.scratch);
        let reserved = self.engine.reserved(now, &generation, &decision);
        let outcome = decision.answers[0].as_ref().zip(kind).map(|(answer, kind)| Outcome {
            decision_id: decision.decision_id,
            action: generation
                .spec()
                .actions
                .iter()
                .find(|action| action.id == answer.action)
                .map_or("", |action| Box::leak(action.id.clone().into_boxed_str())),
            kind,
        });
        if let Some(reserved) = reserved {
            self.append(Entry::Decision(slot, reserved));
        }
        for _ in 0..2 {
            let Some(outcome) = &outcome else { continue };
            if self.engine.check_outcome(slot, outcome) == Ok(Novelty::New) {
                let record = self.append(Entry::Outcome(slot, *outcome));
                self.engine.apply_outcome(record, slot, outcome);
            }
        }
    }

    fn erase(&mut self, n: u32) {
        let slot = CustomerSlot(n);
        if self.engine.birth(slot).is_some() {
            self.append(Entry::Erasure(slot));
            self.engine.forget(&format!("person-{n}"));
        }
    }

    /// Something happens.
    fn step(&mut self, rng: &mut ChaCha8Rng) {
        self.now_ms += rng.random_range(0..30_000);
        let n = rng.random_range(0..PEOPLE);
        // Some ids come again, with the same content or with another.
        let number = self.numbers.saturating_sub(rng.random_range(0..3));
        self.numbers += 1;
        let message_id: &'static str = Box::leak(format!("m{number}").into_boxed_str());
        let said = |kind, name, properties: &[Property<'static>]| signal(message_id, kind, name, properties);
        let of_place = |place: &'static str| Property {
            name: "place",
            value: Value::Text(place),
        };
        match rng.random_range(0..12) {
            0 | 1 => {
                let consents = [Purpose::Location, Purpose::Marketing, Purpose::Personalization]
                    .map(|purpose| Consent::new(purpose, rng.random_ratio(4, 5)));
                let mut identify = said(SignalKind::Identify, "", &[]);
                identify.consents = consents.to_vec();
                self.signal(n, identify, Speaker::Customer);
            }
            2..=4 => {
                let mut identify = said(SignalKind::Identify, "", &[]);
                identify.tags = vec![tag_id(rng.random_range(1..4))];
                if rng.random_ratio(1, 3) {
                    identify.keys = vec![TagKey::Resolving(SecretKey::new([rng.random_range(1..4); 16]))];
                }
                let speaker = *[Speaker::Service, Speaker::Customer].choose(rng).unwrap();
                self.signal(n, identify, speaker);
            }
            5 | 6 => {
                let total = Property {
                    name: "total",
                    value: Value::Number(f64::from(rng.random_range(1..40))),
                };
                let order = said(SignalKind::Track, "Order Completed", &[total, of_place("gate-a")]);
                self.signal(n, order, Speaker::Service);
            }
            7 => {
                let event = *["Rewards Joined", "Ticket Purchased", "Ticket Scanned"]
                    .choose(rng)
                    .unwrap();
                self.signal(n, said(SignalKind::Track, event, &[]), Speaker::Service);
            }
            8 => {
                let event = *["Place Closed", "Place Opened", "Product Out Of Stock"]
                    .choose(rng)
                    .unwrap();
                let message_id: &'static str = Box::leak(format!("v{}", self.numbers).into_boxed_str());
                self.venue_signal(&signal(message_id, SignalKind::Track, event, &[of_place("gate-b")]));
            }
            9 | 10 => {
                let kind = *[None, Some(OutcomeKind::Accept), Some(OutcomeKind::Impression)]
                    .choose(rng)
                    .unwrap();
                self.decide(n, kind);
            }
            _ => {
                if rng.random_ratio(1, 6) {
                    self.erase(n);
                }
            }
        }
    }
}

impl Snapshot {
    fn begin(gateway: &Gateway) -> Self {
        Self {
            through: gateway.journal.len() as u64,
            ..Self::default()
        }
    }

    /// Saves the next person; false when all are.
    fn step(&mut self, gateway: &Gateway) -> bool {
        if self.next >= gateway.engine.slots_len() {
            return false;
        }
        let slot = CustomerSlot(self.next);
        self.next += 1;
        self.people
            .extend(gateway.engine.save_person(slot).map(|saved| (slot, saved)));
        true
    }

    /// Another engine, from this and the journal. Whoever was erased has lost their key, so that nothing of them is read.
    fn restored(&self, gateway: &Gateway) -> Engine {
        let engine = engine();
        let names = engine.names();
        let same = Translation::between(&names, &names);
        let is_readable = |slot: CustomerSlot, birth: u32| gateway.engine.birth(slot) == Some(birth);
        let people = self.people.iter();
        let mut carried: Vec<(u64, CustomerSlot, Vec<TagState>)> = Vec::new();
        for (slot, saved) in people.filter(|(slot, saved)| is_readable(*slot, saved.birth)) {
            engine.restore_person(*slot, saved, Some(&same)).unwrap();
            carried.push((saved.applied, *slot, saved.state.tags.clone()));
        }
        carried.sort_by_key(|(applied, slot, _)| (*applied, *slot));
        for (_, slot, tags) in carried {
            assert_eq!(engine.restore_tags(gateway.now(), slot, &tags), 0);
        }
        // Saved last, as the shell does.
        let (venue, applied) = gateway.engine.save_venue();
        engine.restore_venue(&venue, applied);
        for part in 0..WINDOW_PARTS {
            engine.restore_window(part, gateway.engine.save_window(part));
        }
        replay(&engine, gateway, self.through as usize);
        engine
    }
}

/// Applies the records after a position, but those of people whose key is gone.
fn replay(engine: &Engine, gateway: &Gateway, after: usize) {
    let mut births = [0; PEOPLE as usize];
    for (position, (at, entry)) in (1..).zip(&gateway.journal) {
        let record = Journaled {
            at: *at,
            position,
            refused: 0,
            date_s: at.as_secs(),
        };
        // Of the person as whom the slot was known then.
        if let Entry::Person(slot, saved) = entry {
            births[slot.0 as usize] = saved.birth;
        }
        if position <= after as u64 {
            continue;
        }
        let is_readable = |slot: &CustomerSlot| gateway.engine.birth(*slot) == Some(births[slot.0 as usize]);
        let is_there = |slot: &CustomerSlot| engine.birth(*slot) == Some(births[slot.0 as usize]);
        match entry {
            Entry::Person(slot, saved) if is_readable(slot) && !is_there(slot) => {
                let mut saved = (**saved).clone();
                saved.applied = position;
                engine.restore_person(*slot, &saved, None).unwrap();
            }
            Entry::Signal(slot, said, speaker, refused) if is_readable(slot) && is_there(slot) => {
                let record = Journaled {
                    refused: *refused,
                    ..record
                };
                engine.apply_signal(record, *slot, said, *speaker).unwrap();
            }
            Entry::Outcome(slot, outcome) if is_readable(slot) && is_there(slot) => {
                engine.apply_outcome(record, *slot, outcome);
            }
            Entry::Decision(slot, reserved) if is_readable(slot) && is_there(slot) => {
                engine.apply_reserved(*slot, reserved);
            }
            Entry::Loss(slot, tag) if is_readable(slot) && is_there(slot) => {
                engine.apply_loss(record, *slot, *tag);
            }
            Entry::Venue(event) => engine.apply_venue_event(record, event),
            Entry::Erasure(slot) if is_there(slot) => {
                engine.forget(&format!("person-{}", slot.0));
            }
            Entry::Person(..)
            | Entry::Signal(..)
            | Entry::Loss(..)
            | Entry::Outcome(..)
            | Entry::Decision(..)
            | Entry::Erasure(_) => {}
        }
    }
}

fn for_each_seed(schedule: impl Fn(&mut ChaCha8Rng)) {
    for seed in SEEDS {
        let run = || schedule(&mut ChaCha8Rng::seed_from_u64(seed));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            eprintln!("the failing seed is {seed}");
            resume_unwind(panic);
        }
    }
}

/// Everything but the window of message ids, in which those of the erased are remembered without their names.
fn people_and_venue(engine: &Engine) -> (Vec<(u32, u64, String)>, String) {
    let people = (0..engine.slots_len()).filter_map(|slot| {
        let mut saved = engine.save_person(CustomerSlot(slot))?;
        saved.state.tags.sort_by_key(|tag| tag.tag);
        let state = &saved.state;
        Some((
            saved.birth,
            saved.applied,
            format!("{:?} {:?} {:?}", state.id, state.record, state.tags),
        ))
    });
    let (mut venue, _) = engine.save_venue();
    // Sales to people who were erased are not read again.
    venue
        .places
        .iter_mut()
        .for_each(|place| (place.service_s, place.served) = (0.0, 0));
    (people.collect(), format!("{venue:?}"))
}

#[test]
fn a_snapshot_taken_while_signals_go_on_and_the_records_after_it_give_the_same_state() {
    for_each_seed(|rng| {
        let mut gateway = Gateway::new();
        let begins = rng.random_range(0..STEPS);
        let mut snapshot = None;
        for step in 0..STEPS {
            gateway.step(rng);
            if step == begins {
                snapshot = Some(Snapshot::begin(&gateway));
            }
            if let Some(snapshot) = &mut snapshot
                && rng.random_ratio(1, 3)
            {
                snapshot.step(&gateway);
            }
        }
        let mut snapshot = snapshot.unwrap();
        while snapshot.step(&gateway) {}
        let restored = snapshot.restored(&gateway);
        assert_eq!(people_and_venue(&restored), people_and_venue(&gateway.engine));
        let again = snapshot.restored(&gateway);
        assert_eq!(restored.state_hash(), again.state_hash());
    });
}

#[test]
fn the_journal_alone_gives_the_same_state_each_time_and_the_same_decisions() {
    for_each_seed(|rng| {
        let mut gateway = Gateway::new();
        (0..STEPS).for_each(|_| gateway.step(rng));
        let (first, second) = (engine(), engine());
        replay(&first, &gateway, 0);
        replay(&second, &gateway, 0);
        assert_eq!(first.state_hash(), second.state_hash());
        assert_eq!(people_and_venue(&first), people_and_venue(&gateway.engine));
        for slot in (0..PEOPLE).map(CustomerSlot) {
            let said = [&first, &second, &gateway.engine].map(|engine| {
                let generation = engine.generation();
                let mut scratch = Scratch::default();
                let locale = generation.locale_for("en");
                let decision = engine.decide(
                    gateway.now(),
                    &generation,
                    slot,
                    locale,
                    &Query::default(),
                    &mut scratch,
                );
                let decided = format!("{:?}", (decision.answers, decision.reasons));
                (decision.decision_id, decided)
            });
            assert!(said[0] == said[1], "{said:#?}");
            // Whom it has sent where is live: the gateway that ran sees queues on their way that a replay does not.
            assert_eq!(said[2].0, said[0].0, "{said:#?}");
        }
    });
}

#[test]
fn what_was_applied_before_a_restart_is_a_duplicate_after_it() {
    let mut gateway = Gateway::new();
    let order = |id| signal(id, SignalKind::Track, "Order Completed", &[]);
    gateway.signal(0, order("one"), Speaker::Service);
    let mut snapshot = Snapshot::begin(&gateway);
    while snapshot.step(&gateway) {}
    gateway.signal(0, order("two"), Speaker::Service);
    let restored = snapshot.restored(&gateway);
    for id in ["one", "two"] {
        assert_eq!(
            restored.check_signal(gateway.now(), CustomerSlot(0), &order(id)),
            Ok(Novelty::Duplicate)
        );
    }
    let other = signal("one", SignalKind::Track, "Rewards Joined", &[]);
    assert!(
        restored.check_signal(gateway.now(), CustomerSlot(0), &other).is_err(),
        "another content is a conflict"
    );
    assert_eq!(
        restored.check_signal(gateway.now(), CustomerSlot(0), &order("three")),
        Ok(Novelty::New)
    );
}

#[test]
fn decisions_that_were_not_kept_give_no_number_twice() {
    let mut gateway = Gateway::new();
    (0..3).for_each(|_| gateway.decide(0, None));
    let slot = CustomerSlot(0);
    let given = gateway.engine.save_person(slot).unwrap().state.record.decisions();
    gateway
        .journal
        .retain(|(_, entry)| !matches!(entry, Entry::Decision(..)));
    let restored = engine();
    replay(&restored, &gateway, 0);
    restored.skip_decisions(65_536);
    let next = restored.save_person(slot).unwrap().state.record.decisions();
    assert!(given > 0 && next > given, "{given} were given, {next} is next");
}

#[test]
fn who_is_forgotten_is_nobody_and_everything_known_was_said_before() {
    let mut gateway = Gateway::new();
    let mut identify = signal("m1", SignalKind::Identify, "", &[]);
    identify.consents = vec![Consent::new(Purpose::Location, true)];
    identify.tags = vec![tag_id(1)];
    gateway.signal(0, identify, Speaker::Customer);
    gateway.signal(
        0,
        signal("m2", SignalKind::Track, "Order Completed", &[]),
        Speaker::Service,
    );
    let known = gateway.engine.known(gateway.now(), "person-0").unwrap();
    assert_eq!((known.id.as_str(), known.tags.len()), ("person-0", 1));
    let located = known.consents.iter().find(|(purpose, _)| *purpose == Purpose::Location);
    let dates = Dates {
        given_unix_s: gateway.now().as_secs(),
        until_unix_s: gateway.now().as_secs() + 730 * 86_400,
    };
    assert_eq!(located.unwrap().1, ConsentStatus::Given(dates));
    assert!(known.traits.contains(&("orders".to_owned(), KnownTrait::Number(1.0))));

    assert_eq!(gateway.engine.forget("person-0"), Some(CustomerSlot(0)));
    assert_eq!(gateway.engine.forget("person-0"), None);
    assert_eq!(gateway.engine.known(gateway.now(), "person-0"), None);
    let counts = gateway.engine.counts();
    assert_eq!((counts.customers, counts.tags), (0, 0));
    let late = signal("m3", SignalKind::Track, "Order Completed", &[]);
    assert!(
        gateway
            .engine
            .check_signal(gateway.now(), CustomerSlot(0), &late)
            .is_err()
    );
}
