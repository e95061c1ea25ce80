//! What people do and what the venue says: signals, sent once, twice, late, or with another content.

use nextbest::engine::SignalError;
use nextbest::model::{Consent, Property, Purpose, Signal, SignalKind, TagId, Value};
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::ids::Expected;
use super::{Sim, Slipped, TAGS};
use crate::support::world::{signal, tag_id};

/// The number that the engine gives the venue among the senders of signals.
const VENUE: u32 = u32::MAX;

/// A signal that can be sent again: all that it says follows from these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Says {
    what: What,
    number: u16,
    is_true: bool,
    /// Of a consent: when it ends, in seconds; 0: as late as it may.
    until_s: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    Does(String),
    IsOf(String),
    Consents(usize),
    Carries(Vec<usize>),
}

/// Somebody does something, as themselves or through a service; perhaps not for the first time.
pub(super) fn somebody(sim: &mut Sim) {
    let number = sim.rng.random_range(0..sim.people.who.len());
    let sender = sim.people.who[number].slot.0;
    let says = anything(sim);
    let is_own = sim.rng.random_bool(0.4);
    let (message_id, says) = again(sim, sender).unwrap_or_else(|| (sim.next_message_id(), says));
    let expected = sim.ids.expected(sender, &message_id, hash_of(&says));
    let withdrawal = withdraws(sim, number, &says, expected);
    let is_new = apply(sim, number, &message_id, &says, is_own, expected, withdrawal.as_deref());
    if is_new {
        sim.sayings.push((sender, message_id, says));
    }
}

/// One of the latest signals of a sender, sent again as it was or with another content.
fn again(sim: &mut Sim, sender: u32) -> Option<(String, Says)> {
    if !sim.rng.random_bool(0.35) {
        return None;
    }
    // Often one that must just still be known.
    let ago = match sim.rng.random_range(0..4) {
        0 => sim.rng.random_range(0..3),
        1 | 2 => sim.ids.known_min() - 1 - sim.rng.random_range(0..2),
        _ => sim.rng.random_range(0..40),
    };
    let (_, message_id, _) = sim.ids.back(ago).filter(|(of, ..)| *of == sender)?;
    let message_id = message_id.clone();
    let (.., says) = sim
        .sayings
        .iter()
        .rev()
        .find(|(of, id, _)| *of == sender && *id == message_id)?;
    let mut says = says.clone();
    if sim.rng.random_bool(0.3) {
        says.number = says.number.wrapping_add(1);
    }
    Some((message_id, says))
}

fn anything(sim: &mut Sim) -> Says {
    let now_s = sim.now().as_secs();
    let vocabulary = &sim.generation.spec().vocabulary;
    let rng = &mut sim.rng;
    let what = match rng.random_range(0..10) {
        0..4 => What::Does(vocabulary.events.choose(rng).unwrap().clone()),
        4 | 5 => What::IsOf(
            vocabulary
                .tiers
                .choose(rng)
                .map_or("no tier", String::as_str)
                .to_owned(),
        ),
        6 | 7 => What::Consents(rng.random_range(0..Purpose::ALL.len())),
        _ => {
            let len = if rng.random_bool(0.8) {
                1
            } else {
                rng.random_range(1..=5)
            };
            What::Carries((0..len).map(|_| rng.random_range(0..TAGS as usize)).collect())
        }
    };
    let is_true = rng.random_bool(0.6);
    // Nobody's tags end with a date here: when they are dropped is a matter of the sweep.
    let has_end = is_true && matches!(what, What::Consents(purpose) if Purpose::ALL[purpose] != Purpose::Location);
    let until_s = if has_end && rng.random_bool(0.5) {
        now_s + rng.random_range(1..60)
    } else {
        0
    };
    Says {
        what,
        number: rng.random_range(1..200),
        is_true,
        until_s,
    }
}

/// Whether the consent to be located is withdrawn while a tag is being registered: the id of that signal.
fn withdraws(sim: &mut Sim, number: usize, says: &Says, expected: Expected) -> Option<String> {
    let is_one = matches!(&says.what, What::Carries(tags) if tags.len() == 1);
    let is_slipped = is_one && expected == Expected::New && sim.seams.are_marked() && sim.rng.random_bool(0.15);
    let withdrawal = is_slipped.then(|| sim.next_message_id())?;
    let slot = sim.people.who[number].slot;
    sim.seams.plan(sim.now(), slot, Slipped::Withdraw(withdrawal.clone()));
    Some(withdrawal)
}

/// Hands a signal to the engine and to the models. Returns whether it was applied.
fn apply(
    sim: &mut Sim,
    number: usize,
    message_id: &str,
    says: &Says,
    is_own: bool,
    expected: Expected,
    withdrawal: Option<&str>,
) -> bool {
    let (now, generation) = (sim.now(), std::sync::Arc::clone(&sim.generation));
    let spec = generation.spec();
    let slot = sim.people.who[number].slot;
    let texts = [
        format!("{}", says.number % 4),
        ["tools", "burgers", "vegan"][usize::from(says.number) % 3].to_owned(),
    ];
    let (signal, tags) = says.signal(message_id, &texts);
    sim.people.who[number].person.date_s = now.as_secs();
    let outcome = if is_own {
        sim.engine.on_own_signal(now, slot, &signal)
    } else {
        sim.engine.on_signal(now, slot, &signal)
    };
    let (is_cut_off, _) = sim.seams.take();
    sim.fold(&outcome);
    if !sim.people.has_room(number, tags) {
        assert_eq!(outcome, Err(SignalError::TooManyTags));
        sim.happened.count("signal with too many tags");
        return false;
    }
    let outcome = match (expected, outcome) {
        (Expected::Conflict | Expected::Either, Err(SignalError::Conflict)) => {
            sim.happened.count("signal in conflict");
            return false;
        }
        (Expected::New | Expected::Either, Err(SignalError::ConsentEndsFirst)) if says.until_s != 0 => {
            assert!(says.until_s <= now.as_secs(), "it had not ended when it was said again");
            sim.happened.count("consent that had ended");
            return false;
        }
        (Expected::Duplicate | Expected::Either, Ok(outcome)) if outcome.is_duplicate => {
            sim.happened.count("signal was a duplicate");
            return false;
        }
        (Expected::New | Expected::Either, Ok(outcome)) if !outcome.is_duplicate => outcome,
        (expected, outcome) => panic!("a signal was to be {expected:?}, and is {outcome:?}"),
    };
    sim.happened.count("signal applied");
    sim.ids.push(slot.0, message_id.to_owned(), hash_of(says));
    let person = &mut sim.people.who[number].person;
    let stage = person.stage;
    match signal.kind {
        SignalKind::Track => person.track(spec, signal.name, &signal.properties),
        SignalKind::Identify | SignalKind::Page | SignalKind::Screen | SignalKind::Group | SignalKind::Alias => {
            person.identify(spec, &signal.properties, &signal.consents);
        }
    }
    assert_eq!(outcome.entered_stage, (person.stage != stage).then_some(person.stage));
    let refusals = sim
        .people
        .on_identify(now.step(), number, (&signal, tags), is_own, is_cut_off);
    if let (true, Some(withdrawal)) = (is_cut_off, withdrawal) {
        sim.people.on_withdrawn(spec, now.step(), number);
        sim.ids.push(slot.0, withdrawal.to_owned(), 0);
        sim.happened.count("withdrawn while registered");
    }
    assert_eq!(outcome.tags[..refusals.len()], refusals, "which tags were refused");
    sim.happened.count(if refusals.iter().flatten().next().is_some() {
        "tag refused"
    } else {
        "tag taken"
    });
    true
}

impl Says {
    /// The signal, and the tags that it names.
    fn signal<'a>(&'a self, message_id: &'a str, [_, kind]: &'a [String; 2]) -> (Signal<'a>, &'a [usize]) {
        let properties = |named: &[(&'static str, Value<'a>)]| -> Vec<Property<'a>> {
            named
                .iter()
                .map(|(name, value)| Property { name, value: *value })
                .collect()
        };
        let number = Value::Number(f64::from(self.number));
        let what = properties(&[
            ("total", number),
            ("theme", Value::Text(kind)),
            ("cuisine", Value::Text(kind)),
            ("with_children", Value::Flag(self.is_true)),
            ("member", Value::Flag(self.number.is_multiple_of(2))),
            ("balance", number),
        ]);
        let identify = signal(message_id, SignalKind::Identify, "", &what);
        match &self.what {
            What::Does(event) => (signal(message_id, SignalKind::Track, event, &what), &[]),
            What::IsOf(tier) => {
                let tier = properties(&[("tier", Value::Text(tier))]);
                (
                    signal(message_id, SignalKind::Identify, "", &[what, tier].concat()),
                    &[],
                )
            }
            What::Consents(purpose) => {
                let consents = vec![Consent {
                    until_unix_s: self.until_s,
                    ..Consent::new(Purpose::ALL[*purpose], self.is_true)
                }];
                (Signal { consents, ..identify }, &[])
            }
            What::Carries(tags) => {
                let located = Consent::new(Purpose::Location, true);
                // Mostly with the consent that it needs.
                let consents = if self.number.is_multiple_of(5) {
                    Vec::new()
                } else {
                    vec![located]
                };
                let named: Vec<TagId> = tags.iter().map(|tag| tag_id(*tag as u32)).collect();
                let signal = Signal {
                    consents,
                    tags: named,
                    ..identify
                };
                (signal, tags)
            }
        }
    }
}

/// The venue opens and closes, runs out, gets something again, serves somebody, or enters a phase.
pub(super) fn the_venue(sim: &mut Sim) {
    let (now, generation, place) = (sim.now(), std::sync::Arc::clone(&sim.generation), sim.any_place());
    let spec = generation.spec();
    let want = sim.rng.random_range(0..spec.vocabulary.wants.len());
    let phase = sim.rng.random_range(0..spec.vocabulary.phases.len().max(1));
    let served = spec
        .settings
        .served_event
        .map(|event| spec.vocabulary.events[usize::from(event)].as_str());
    let names = [
        "Place Closed",
        "Place Opened",
        "Product Out Of Stock",
        "Product Back In Stock",
        "Phase Started",
    ];
    let name = names
        .into_iter()
        .chain(served)
        .nth(sim.rng.random_range(0..6))
        .unwrap_or("Place Opened");
    let phase_name = spec.vocabulary.phases.get(phase).map_or("", String::as_str);
    let properties = [
        ("place", spec.venue.places[place.index()].id.as_str()),
        ("product", &spec.vocabulary.wants[want]),
        ("phase", phase_name),
    ]
    .map(|(name, text)| Property {
        name,
        value: Value::Text(text),
    });
    let message_id = sim.next_message_id();
    let says = signal(&message_id, SignalKind::Track, name, &properties);
    let outcome = sim.engine.on_venue_signal(now, &says);
    if name == "Phase Started" && phase_name.is_empty() {
        assert!(outcome.is_err());
        return;
    }
    outcome.unwrap();
    assert!(sim.engine.on_venue_signal(now, &says).unwrap().is_duplicate);
    sim.ids.push(VENUE, message_id.clone(), 0);
    sim.happened.count("venue signal");
    let (house, sold_out) = (&mut sim.house, (place, want as u16));
    match name {
        "Place Closed" => house.closed.push(place),
        "Place Opened" => house.closed.retain(|closed| *closed != place),
        "Product Out Of Stock" => house.sold_out.push(sold_out),
        "Product Back In Stock" => house.sold_out.retain(|known| *known != sold_out),
        "Phase Started" => house.phase = phase as u16 + 1,
        _ => sim.served[place.index()] += 1,
    }
}

fn hash_of(says: &Says) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    says.hash(&mut hasher);
    hasher.finish()
}
