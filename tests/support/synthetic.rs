//! Actions by the thousand on the stadium's map, and people to decide for.
//!
//! Each action has its criteria drawn at random, with chances such that about the asked share of them passes for a
//! random person. About one in five sends to a place, half have a cap. The same seed makes the same actions.

use nextbest::engine::condition::{Category, Comparison, Condition, Quantity, Truth};
use nextbest::engine::spec::{
    ActionSpec, CapSpec, ContextWeight, Spec, TraitKind, TraitSpec, TraitUpdate, TreatmentSpec,
};
use nextbest::engine::{CustomerSlot, Engine};
use nextbest::model::{Consent, Property, Purpose, Signal, SignalKind, TagId, Timestamp, Value};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::world::signal;

/// Flags, numbers and texts of every person.
const TRAITS_LEN: u8 = 6;
/// Values of each text.
const TEXT_VALUES: [&str; 4] = ["north", "east", "south", "west"];
/// Names of the traits.
const FLAGS: [&str; TRAITS_LEN as usize] = ["flag-0", "flag-1", "flag-2", "flag-3", "flag-4", "flag-5"];
const NUMBERS: [&str; TRAITS_LEN as usize] = ["number-0", "number-1", "number-2", "number-3", "number-4", "number-5"];
const TEXTS: [&str; TRAITS_LEN as usize] = ["text-0", "text-1", "text-2", "text-3", "text-4", "text-5"];
/// Share of the actions that send to a place.
const PLACE_SHARE: f64 = 0.2;
/// Seconds of a cap's window.
pub(crate) const CAP_WINDOW_S: u32 = 60;

/// `actions` actions of `criteria` criteria on the stadium, of which about `share_eligible` pass for a random person.
/// Positions never get stale, so that virtual time may run.
pub(crate) fn synthetic(stadium: &Spec, actions: u32, criteria: u32, share_eligible: f64, customers_max: u32) -> Spec {
    let mut spec = stadium.clone();
    spec.traits = traits();
    spec.segments.clear();
    spec.journey
        .transitions
        .retain(|transition| transition.when == Condition::Constant(true));
    spec.settings.customers_max = customers_max;
    spec.settings.tags_max = customers_max.min(1_000_000);
    spec.settings.position_ttl_ms = u32::MAX;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let chance = share_eligible.powf(1.0 / f64::from(criteria));
    spec.actions = (0..actions)
        .map(|number| action(stadium, number, criteria, chance, &mut rng))
        .collect();
    spec
}

fn traits() -> Vec<TraitSpec> {
    let texts = || TEXT_VALUES.map(str::to_owned).to_vec();
    let of = |name: &str, kind| TraitSpec {
        name: name.to_owned(),
        kind,
        update: TraitUpdate::Set,
    };
    let mut traits = vec![of("tier", TraitKind::Tier)];
    for (slot, ((flag, number), text)) in (0_u8..).zip(FLAGS.iter().zip(NUMBERS).zip(TEXTS)) {
        traits.push(of(flag, TraitKind::Flag(slot)));
        traits.push(of(number, TraitKind::Number(slot)));
        traits.push(of(text, TraitKind::Text(slot, texts())));
    }
    traits
}

fn action(stadium: &Spec, number: u32, criteria: u32, chance: f64, rng: &mut ChaCha8Rng) -> ActionSpec {
    let mut terms: Vec<Condition> = (0..criteria).map(|_| criterion(stadium, chance, rng)).collect();
    let suitability = terms.split_off(terms.len() * 4 / 5);
    let applicability = terms.split_off(terms.len() / 2);
    let sends = rng
        .random_bool(PLACE_SHARE)
        .then(|| stadium.actions.iter().filter(|action| !action.places.is_empty()));
    let like = sends.and_then(|sending| sending.collect::<Vec<_>>().choose(rng).copied());
    let plain = stadium
        .actions
        .iter()
        .find(|action| action.places.is_empty() && shows_anywhere(action))
        .unwrap();
    ActionSpec {
        id: format!("action-{number}"),
        issue: "sell".into(),
        group: "synthetic".into(),
        purpose: Purpose::Service,
        eligibility: Condition::All(terms),
        applicability: Condition::All(applicability),
        suitability: Condition::All(suitability),
        wants: like.map(|like| like.wants.clone()).unwrap_or_default(),
        only_when_wanted: false,
        places: like.map(|like| like.places.clone()).unwrap_or_default(),
        cap: rng.random_bool(0.5).then_some(CapSpec {
            times: 2,
            window_s: CAP_WINDOW_S,
        }),
        propensity: rng.random_range(0.01..0.5),
        value: rng.random_range(1.0..100.0),
        levers: vec![rng.random_range(0.0..50.0)],
        context: vec![ContextWeight {
            when: criterion(stadium, 0.5, rng),
            weight: 1.3,
        }],
        treatments: like
            .filter(|like| shows_anywhere(like))
            .unwrap_or(plain)
            .treatments
            .iter()
            .map(anywhere)
            .collect(),
        expires_s: 300,
    }
}

fn shows_anywhere(action: &ActionSpec) -> bool {
    action.treatments.iter().any(|treatment| treatment.channel == 0)
}

fn anywhere(treatment: &TreatmentSpec) -> TreatmentSpec {
    TreatmentSpec {
        placement: None,
        ..treatment.clone()
    }
}

/// A condition that holds with about this chance, whatever it reads.
fn criterion(stadium: &Spec, chance: f64, rng: &mut ChaCha8Rng) -> Condition {
    let slot = rng.random_range(0..TRAITS_LEN);
    match rng.random_range(0..6) {
        0 => one_of(Category::Stage, stadium.journey.stages.len(), chance, rng),
        1 => one_of(Category::Tier, stadium.vocabulary.tiers.len(), chance, rng),
        2 => one_of(Category::Zone, stadium.venue.zones.len(), chance, rng),
        3 => one_of(Category::Text(slot), TEXT_VALUES.len(), chance, rng),
        4 if rng.random_bool(0.5) => Condition::Is(Truth::Flag(slot)),
        4 => Condition::Not(Box::new(Condition::Is(Truth::Flag(slot)))),
        _ => {
            let threshold = (chance + rng.random_range(-0.1..0.1)) as f32;
            Condition::Compare(Quantity::Number(slot), Comparison::Less, threshold)
        }
    }
}

fn one_of(category: Category, values_len: usize, chance: f64, rng: &mut ChaCha8Rng) -> Condition {
    let values = (0..=values_len as u16).filter(|_| rng.random_bool(chance)).collect();
    Condition::OneOf(category, values)
}

/// Adds people of all kinds, in the order of their slots, the first `located` of them with a tag.
pub(crate) fn populate(engine: &Engine, people: u32, located: u32) -> Vec<CustomerSlot> {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let generation = engine.generation();
    let tiers = &generation.spec().vocabulary.tiers;
    let events = [
        "Ticket Purchased",
        "Order Completed",
        "Ticket Upgraded",
        "Rewards Joined",
    ];
    let mut slots = Vec::with_capacity(people as usize);
    for number in 0..people {
        let customer = engine.customer(&format!("c{number}")).unwrap();
        slots.push(customer);
        let mut properties = vec![Property {
            name: "tier",
            value: Value::Text(tiers.choose(&mut rng).unwrap()),
        }];
        for slot in 0..usize::from(TRAITS_LEN) {
            properties.push(Property {
                name: FLAGS[slot],
                value: Value::Flag(rng.random_bool(0.5)),
            });
            properties.push(Property {
                name: NUMBERS[slot],
                value: Value::Number(rng.random_range(0.0..1.0)),
            });
            properties.push(Property {
                name: TEXTS[slot],
                value: Value::Text(TEXT_VALUES.choose(&mut rng).unwrap()),
            });
        }
        let tags: Vec<TagId> = (number < located)
            .then(|| super::world::tag_id(number))
            .into_iter()
            .collect();
        let consents = vec![Consent::new(Purpose::Location, true)];
        let message_id = format!("i{number}");
        let identify = Signal {
            tags,
            consents,
            ..signal(&message_id, SignalKind::Identify, "", &properties)
        };
        engine
            .on_signal(Timestamp::from_millis(0), customer, &identify)
            .unwrap();
        for event in events.iter().take(rng.random_range(0..=events.len())) {
            let message_id = format!("{event}{number}");
            let track = signal(&message_id, SignalKind::Track, event, &[]);
            engine.on_signal(Timestamp::from_millis(0), customer, &track).unwrap();
        }
    }
    slots
}
