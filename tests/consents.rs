//! No consent, no message: for every purpose, however somebody stands to it, in every channel and at every moment, also
//! after a restart and under another pack.
//!
//! Random histories of what people say, with dates and without, are told to the engine and to a reference that keeps the
//! last word of each person on each purpose and asks the calendar; after each step people ask, and what they may get is
//! compared with the reference one by one.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::sync::Arc;

use nextbest::engine::condition::Condition;
use nextbest::engine::presence::{PresenceKind, StayEnd};
use nextbest::engine::spec::{ActionSpec, Spec, TreatmentSpec};
use nextbest::engine::{
    CLOCK_AHEAD_S_MAX, ConsentStatus, CustomerSlot, Dates, Engine, Generation, Scratch, SignalError, VenueTime,
};
use nextbest::model::{Consent, Purpose, Query, Reason, Signal, SignalKind, Timestamp};
use nextbest::wire::{WireError, read_signal};
use nextbest_proto::v1;
use nextbest_venue::PlaceIx;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::small;
use support::world::{World, signal};

/// Histories that are tried, steps of each, and questions after each step.
const SEEDS: std::ops::Range<u64> = 0..50;
const STEPS: usize = 500;
const ASKED: usize = 16;
/// People of one history.
const PEOPLE: usize = 6;
/// The date when a history begins, in seconds since 1970-01-01 UTC.
const BEGIN_UNIX_S: u32 = 1_790_000_000;
const DAY_S: u32 = 86_400;

/// A pack of which each action is for one purpose, shown in two channels, and for anybody otherwise.
fn one_action_for_each_purpose() -> Spec {
    let mut spec = small("stadium");
    let like = spec
        .actions
        .iter()
        .find(|action| action.places.is_empty() && action.treatments[0].channel == 0)
        .unwrap();
    let always = Condition::Constant(true);
    let treatment = |channel: u8| TreatmentSpec {
        id: format!("in-{channel}"),
        channel,
        placement: None,
        ..like.treatments[0].clone()
    };
    let action = |purpose: Purpose| ActionSpec {
        id: purpose.name().into(),
        purpose,
        eligibility: always.clone(),
        applicability: always.clone(),
        suitability: always.clone(),
        only_when_wanted: false,
        cap: None,
        context: Vec::new(),
        value: 100.0 - f32::from(purpose as u8),
        treatments: vec![treatment(0), treatment(1)],
        ..like.clone()
    };
    spec.actions = Purpose::ALL.map(action).to_vec();
    spec
}

/// Somebody's last word on a purpose.
#[derive(Clone, Copy, Debug)]
struct Said {
    allowed: bool,
    given_s: u32,
    until_s: u32,
}

/// What a pack says of consents.
#[derive(Clone, Copy)]
struct Rules {
    default: u8,
    days_max: u32,
}

/// The last words of one person, by purpose.
#[derive(Clone, Default)]
struct Reference([Option<Said>; Purpose::ALL.len()]);

impl Reference {
    fn allows(&self, rules: Rules, date_s: u32, purpose: Purpose) -> bool {
        match self.0[purpose as usize] {
            None => rules.default & purpose.bit() != 0,
            Some(said) => said.allowed && date_s < said.until_s,
        }
    }

    fn say(&mut self, rules: Rules, date_s: u32, consent: &Consent) -> Result<(), SignalError> {
        let last = &mut self.0[consent.purpose as usize];
        let given_s = match consent.given_unix_s {
            0 => date_s,
            ahead if ahead > date_s + CLOCK_AHEAD_S_MAX => return Err(SignalError::ConsentAhead),
            given => given.min(date_s),
        };
        if consent.allowed && consent.until_unix_s != 0 && consent.until_unix_s <= given_s {
            return Err(SignalError::ConsentEndsFirst);
        }
        let is_outdated = last.is_some_and(|last| given_s < last.given_s);
        if consent.allowed && consent.given_unix_s != 0 && is_outdated {
            return Err(SignalError::ConsentOutdated);
        }
        let longest_s = given_s + rules.days_max * DAY_S;
        let until_s = match consent.until_unix_s {
            0 => longest_s,
            until => until.min(longest_s),
        };
        *last = Some(Said {
            allowed: consent.allowed,
            given_s,
            until_s,
        });
        Ok(())
    }

    fn shorten(&mut self, rules: Rules) {
        for said in self.0.iter_mut().flatten() {
            said.until_s = said.until_s.min(said.given_s + rules.days_max * DAY_S);
        }
    }
}

struct History {
    rng: ChaCha8Rng,
    engine: Engine,
    generation: Arc<Generation>,
    rules: Rules,
    people: Vec<(CustomerSlot, Reference)>,
    now_s: u32,
    signals: u32,
    scratch: Scratch,
    decisions: u64,
    refused: [u64; 3],
}

impl History {
    fn begin(seed: u64, spec: &Spec) -> Self {
        let (engine, generation) = started(spec.clone());
        let people = (0..PEOPLE).map(|n| (engine.customer(&format!("person-{n}")).unwrap(), Reference::default()));
        let mut history = Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            people: people.collect(),
            rules: Rules {
                default: generation.settings().consent_default,
                days_max: generation.settings().consent_days_max,
            },
            engine,
            generation,
            now_s: 1,
            signals: 0,
            scratch: Scratch::default(),
            decisions: 0,
            refused: [0; 3],
        };
        history.tell_date();
        history
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(u64::from(self.now_s) * 1_000)
    }

    fn date_s(&self) -> u32 {
        BEGIN_UNIX_S + self.now_s
    }

    fn tell_date(&mut self) {
        self.engine.set_date(self.now(), self.date_s().into());
    }

    fn step(&mut self) {
        match self.rng.random_range(0..100) {
            0..65 => self.say(),
            65..95 => {
                let pass_s = [1, 30, 64, 3_600, DAY_S, 20 * DAY_S];
                let longest_s = *pass_s.choose(&mut self.rng).unwrap();
                self.now_s += self.rng.random_range(0..=longest_s);
                self.engine.tick(self.now(), VenueTime::default(), |_| {});
            }
            95..99 => self.publish(),
            _ => self.restart(),
        }
        for _ in 0..ASKED {
            self.ask();
        }
    }

    /// Somebody says one or two things at once, which are taken together or not at all.
    fn say(&mut self) {
        let (date_s, rules) = (self.date_s(), self.rules);
        let who = self.rng.random_range(0..PEOPLE);
        let consents: Vec<Consent> = (0..self.rng.random_range(1..3)).map(|_| self.consent()).collect();
        self.signals += 1;
        let message_id = format!("m{}", self.signals);
        let says = Signal {
            consents: consents.clone(),
            ..signal(&message_id, SignalKind::Identify, "", &[])
        };
        let (slot, reference) = &mut self.people[who];
        let mut after = reference.clone();
        let expected: Result<(), SignalError> = consents
            .iter()
            .try_for_each(|consent| after.say(rules, date_s, consent));
        let now = Timestamp::from_millis(u64::from(self.now_s) * 1_000);
        let told = self.engine.on_own_signal(now, *slot, &says).map(|_| ());
        assert_eq!(
            told,
            expected,
            "{consents:?} on {date_s} after {reference:?}",
            reference = reference.0
        );
        match expected {
            Ok(()) => *reference = after,
            Err(SignalError::ConsentAhead) => self.refused[0] += 1,
            Err(SignalError::ConsentEndsFirst) => self.refused[1] += 1,
            Err(_) => self.refused[2] += 1,
        }
    }

    fn consent(&mut self) -> Consent {
        let (date_s, rng) = (self.date_s(), &mut self.rng);
        let allowed = rng.random_bool(0.7);
        let near_s = [2, 70, 3_600, 30 * DAY_S, 800 * DAY_S];
        let mut near = |chance| {
            let furthest_s = *near_s.choose(rng).unwrap();
            rng.random_bool(chance).then(|| rng.random_range(0..furthest_s))
        };
        let given_unix_s = near(0.4).map_or(0, |ago_s| date_s + 65 - ago_s);
        let until_unix_s = near(0.6).filter(|_| allowed).map_or(0, |ahead_s| date_s - 5 + ahead_s);
        Consent {
            given_unix_s,
            until_unix_s,
            ..Consent::new(*Purpose::ALL.choose(rng).unwrap(), allowed)
        }
    }

    /// Everybody is written down and read by a gateway that starts, with the same pack.
    fn restart(&mut self) {
        let (engine, generation) = started(self.generation.spec().clone());
        for (slot, _) in &self.people {
            let saved = self.engine.save_person(*slot).unwrap();
            let bytes = saved.state.encode();
            assert_eq!(
                nextbest::engine::state::PersonState::decode(&bytes).as_ref(),
                Ok(&saved.state)
            );
            engine.restore_person(*slot, &saved, None).unwrap();
        }
        (self.engine, self.generation) = (engine, generation);
        self.tell_date();
    }

    /// Another pack, which says otherwise of those who never spoke, and how long a consent lasts.
    fn publish(&mut self) {
        let mut spec = self.generation.spec().clone();
        spec.number += 1;
        spec.settings.consent_default = self.rng.random_range(0..32);
        spec.settings.consent_days_max = self.rng.random_range(1..800);
        self.rules = Rules {
            default: spec.settings.consent_default,
            days_max: spec.settings.consent_days_max,
        };
        self.engine.publish(Generation::build(spec).unwrap()).unwrap();
        self.generation = self.engine.generation();
        let rules = self.rules;
        self.people
            .iter_mut()
            .for_each(|(_, reference)| reference.shorten(rules));
    }

    fn ask(&mut self) {
        let (slot, reference) = self.people.choose(&mut self.rng).unwrap();
        let (now, date_s) = (self.now(), self.date_s());
        let channels = &self.generation.spec().vocabulary.channels;
        let query = Query {
            channel: &channels[self.rng.random_range(0..2)].clone(),
            answers_max: 3,
            why: true,
            ..Query::default()
        };
        let locale = self.generation.locale_for("en");
        let decision = self
            .engine
            .decide(now, &self.generation, *slot, locale, &query, &mut self.scratch);
        let is_allowed = |purpose: &Purpose| reference.allows(self.rules, date_s, *purpose);
        let allowed: Vec<&str> = Purpose::ALL.into_iter().filter(is_allowed).map(Purpose::name).collect();
        let given: Vec<&str> = decision.answers.iter().flatten().map(|answer| answer.action).collect();
        assert_eq!(given, allowed[..allowed.len().min(3)], "of {allowed:?}");
        assert_eq!(decision.actions_eligible as usize, allowed.len());
        let without: Vec<&str> = decision
            .not_chosen()
            .filter(|(_, reason, _)| *reason == Reason::NoConsent)
            .map(|(action, ..)| action)
            .collect();
        let is_refused = |purpose: &Purpose| !is_allowed(purpose);
        let refused: Vec<&str> = Purpose::ALL.into_iter().filter(is_refused).map(Purpose::name).collect();
        assert_eq!(without, refused);
        for purpose in Purpose::ALL {
            let status = self.engine.consent(now, *slot, purpose).unwrap();
            assert_eq!(status.is_allowed(), is_allowed(&purpose), "{status:?}");
        }
        self.decisions += 1;
    }
}

fn started(spec: Spec) -> (Engine, Arc<Generation>) {
    let engine = Engine::new(Generation::build(spec).unwrap()).unwrap();
    let generation = engine.generation();
    (engine, generation)
}

#[test]
fn nobody_gets_what_they_do_not_allow_at_the_moment() {
    let spec = one_action_for_each_purpose();
    let (mut decisions, mut refused) = (0, [0; 3]);
    for seed in SEEDS {
        let mut history = History::begin(seed, &spec);
        let run = std::panic::AssertUnwindSafe(|| (0..STEPS).for_each(|_| history.step()));
        if let Err(failed) = std::panic::catch_unwind(run) {
            println!("seed {seed}");
            std::panic::resume_unwind(failed);
        }
        decisions += history.decisions;
        refused
            .iter_mut()
            .zip(history.refused)
            .for_each(|(all, one)| *all += one);
    }
    println!("{decisions} decisions as the reference; consents refused {refused:?}");
    assert!(
        refused.iter().all(|count| *count > 100),
        "each mistake was made: {refused:?}"
    );
}

#[test]
fn each_status_has_its_dates() {
    let (engine, _generation) = started(one_action_for_each_purpose());
    let now = Timestamp::from_millis(5_000);
    engine.set_date(now, u64::from(BEGIN_UNIX_S));
    let ada = engine.customer("ada").unwrap();
    let at = |s: u32| Timestamp::from_millis(u64::from(5 + s) * 1_000);
    let says = |id: &str, consent: Consent, s| {
        let signal = Signal {
            consents: vec![consent],
            ..signal(id, SignalKind::Identify, "", &[])
        };
        engine.on_own_signal(at(s), ada, &signal).unwrap();
    };
    let status = |purpose, s| engine.consent(at(s), ada, purpose).unwrap();
    assert_eq!(status(Purpose::Service, 0), ConsentStatus::NeverAskedAllowed);
    assert_eq!(status(Purpose::Marketing, 0), ConsentStatus::NeverAsked);
    let for_a_minute = Consent {
        until_unix_s: BEGIN_UNIX_S + 60,
        ..Consent::new(Purpose::Marketing, true)
    };
    says("m1", for_a_minute, 0);
    let dates = Dates {
        given_unix_s: BEGIN_UNIX_S,
        until_unix_s: BEGIN_UNIX_S + 60,
    };
    assert_eq!(status(Purpose::Marketing, 59), ConsentStatus::Given(dates));
    assert_eq!(status(Purpose::Marketing, 60), ConsentStatus::Expired(dates));
    says("m2", Consent::new(Purpose::Marketing, false), 70);
    let withdrawn = Dates {
        given_unix_s: BEGIN_UNIX_S + 70,
        until_unix_s: 0,
    };
    assert_eq!(status(Purpose::Marketing, 71), ConsentStatus::Withdrawn(withdrawn));
    // What an old form says brings nothing back, and withdrawing is always heard.
    let old_form = Consent {
        given_unix_s: BEGIN_UNIX_S + 69,
        ..Consent::new(Purpose::Marketing, true)
    };
    let late = Signal {
        consents: vec![old_form],
        ..signal("m3", SignalKind::Identify, "", &[])
    };
    assert_eq!(
        engine.on_signal(at(80), ada, &late).unwrap_err(),
        SignalError::ConsentOutdated
    );
    let sooner = Consent {
        given_unix_s: BEGIN_UNIX_S + 1,
        ..Consent::new(Purpose::Service, false)
    };
    says("m4", Consent::new(Purpose::Service, true), 81);
    says("m5", sooner, 82);
    assert!(!engine.allows(at(82), ada, Purpose::Service));
}

#[test]
fn who_may_not_be_located_any_more_is_nowhere_at_once_and_loses_their_tags() {
    let mut world = World::new(small("museum"));
    let ada = world.customer("ada", Some(0));
    world.stay_at(0, PlaceIx(0), 8);
    assert!(world.engine.position(world.now(), ada).is_some());
    let ends_s = world.now().as_secs() + 1;
    let until = Consent {
        until_unix_s: ends_s,
        ..Consent::new(Purpose::Location, true)
    };
    let says = Signal {
        consents: vec![until],
        ..signal("", SignalKind::Identify, "", &[])
    };
    world.signal(ada, says);
    world.events();
    world.now_ms = u64::from(ends_s) * 1_000 - 1;
    assert!(world.want(ada, "").zone.is_some());
    // No tick has come yet.
    world.now_ms += 1;
    let said = world.want(ada, "");
    assert_eq!((said.zone, world.engine.position(world.now(), ada)), (None, None));
    assert!(said.reasons.contains(&Reason::PositionUnknown));
    assert!(!world.engine.is_locatable(world.now(), ada));
    world.stay_at(0, PlaceIx(0), 40);
    let left: Vec<_> = world.events().iter().map(|told| (told.kind, told.end)).collect();
    assert_eq!(left, [(PresenceKind::Left, Some(StayEnd::NotLocated))]);
    assert_eq!(
        (world.engine.position(world.now(), ada), world.engine.counts().tags),
        (None, 0)
    );
    // Allowing it again brings no tag back.
    world.consent(ada, Purpose::Location, true);
    world.stay_at(0, PlaceIx(0), 8);
    assert_eq!(world.engine.position(world.now(), ada), None);
}

#[track_caller]
fn check_dates(given_unix_s: u64, until_unix_s: u64, allowed: bool, expected: Option<&str>) {
    let consent = v1::Consent {
        purpose: v1::Purpose::Marketing.into(),
        allowed,
        given_unix_s,
        until_unix_s,
    };
    let says = v1::Signal {
        message_id: "m1".into(),
        kind: v1::SignalKind::Identify.into(),
        consents: vec![consent],
        ..v1::Signal::default()
    };
    let field = match read_signal(&says) {
        Err(WireError::Value { field, .. }) => Some(field),
        Ok(_) => None,
        Err(other) => Some(other.to_string()).map(|_| "another"),
    };
    assert_eq!(field, expected);
}

#[test]
fn dates_that_are_none_are_refused_by_their_field() {
    let last = u64::from(u32::MAX);
    check_dates(0, 0, true, None);
    check_dates(last, last, true, None);
    check_dates(last, 0, false, None);
    check_dates(last + 1, 0, true, Some("given_unix_s"));
    check_dates(u64::MAX, 0, false, Some("given_unix_s"));
    check_dates(0, last + 1, true, Some("until_unix_s"));
    check_dates(0, u64::MAX, true, Some("until_unix_s"));
    check_dates(0, 1, false, Some("until_unix_s"));
}
