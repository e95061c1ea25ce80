//! A venue and a pack of each seed's own: what is rare in one is common in another.
//!
//! The packs that ship have caps of hours and positions of a quarter of a minute, so that a minute of simulated time
//! would see neither end. Each seed draws its own windows, purposes, queues and tables, mostly small.

use std::sync::Arc;

use nextbest::engine::condition::{Condition, Truth};
use nextbest::engine::spec::{ActionSpec, CapSpec, Settings, Spec};
use nextbest::model::Purpose;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// A seed's variant of a pack.
pub(crate) fn of(base: &Spec, rng: &mut ChaCha8Rng) -> Spec {
    let mut spec = base.clone();
    spec.venue = Arc::new(venue(&spec, rng));
    spec.settings = settings(&spec, rng);
    let segments = spec.segments.len();
    for action in &mut spec.actions {
        vary(action, segments, rng);
    }
    // Enough that a record has no room for another contact, in some seeds.
    if rng.random_bool(0.3)
        && let Some(action) = spec.actions.iter_mut().find(|action| action.places.is_empty())
    {
        action.cap = Some(CapSpec {
            times: 16,
            window_s: 600,
        });
        let always = Condition::Constant(true);
        (action.eligibility, action.applicability) = (always.clone(), always);
        (action.only_when_wanted, action.purpose) = (false, Purpose::Service);
    }
    spec
}

/// The generation after: other values, purposes and limits of the same actions. Windows stay, because a record forgets a
/// contact when its window is over.
pub(crate) fn after(spec: &Spec, rng: &mut ChaCha8Rng) -> Spec {
    let mut after = spec.clone();
    after.number += 1;
    for action in &mut after.actions {
        action.value *= rng.random_range(0.5..2.0);
        if rng.random_bool(0.2) {
            action.purpose = *Purpose::ALL.choose(rng).unwrap();
        }
        if let Some(cap) = &mut action.cap {
            cap.times = rng.random_range(1..=cap.times.max(2));
        }
    }
    after
}

fn venue(spec: &Spec, rng: &mut ChaCha8Rng) -> nextbest_venue::Venue {
    let mut venue = (*spec.venue).clone();
    for place in &mut venue.places {
        if rng.random_bool(0.6) {
            place.queue_zone = Some(place.zone);
            (place.servers, place.service_s) = (1, 60.0);
        }
    }
    let is_narrow = rng.random_bool(0.5);
    for hub in venue.hubs.iter_mut().filter(|_| is_narrow) {
        let kept = hub.zones.iter().copied().filter(|_| rng.random_bool(0.5)).collect();
        let one = hub.zones.first().copied().into_iter().collect();
        hub.zones = if hub.zones.is_empty() { one } else { kept };
    }
    venue
}

fn settings(spec: &Spec, rng: &mut ChaCha8Rng) -> Settings {
    Settings {
        position_ttl_ms: rng.random_range(8..60) * 250,
        hub_dead_after_ms: rng.random_range(4..20) * 250,
        sighting_late_after_ms: rng.random_range(400..5_000),
        tag_share: if rng.random_bool(0.5) { 1.0 } else { 0.5 },
        consent_default: rng.random_range(0..32),
        customers_max: 64,
        tags_max: 64,
        message_ids_max: rng.random_range(8..24),
        ..spec.settings.clone()
    }
}

fn vary(action: &mut ActionSpec, segments: usize, rng: &mut ChaCha8Rng) {
    let always = Condition::Constant(true);
    if rng.random_bool(0.6) {
        action.purpose = *Purpose::ALL.choose(rng).unwrap();
    }
    if rng.random_bool(0.5) {
        (action.eligibility, action.applicability) = (always.clone(), always.clone());
    } else if rng.random_bool(0.3) && segments > 0 {
        action.eligibility = Condition::Is(Truth::Segment(rng.random_range(0..segments) as u8));
    }
    if rng.random_bool(0.5) {
        action.suitability = always;
    }
    if rng.random_bool(0.5) {
        action.only_when_wanted = false;
    }
    if rng.random_bool(0.6) {
        action.cap = Some(CapSpec {
            times: rng.random_range(1..=3),
            window_s: rng.random_range(2..30),
        });
    }
}
