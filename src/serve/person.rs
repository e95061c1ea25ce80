//! Everything that is known of a person, as JSON: what the privacy officer exports and what a customer gets of themselves.
//!
//! Keys: `customer`, `stage`, `tier`, `segments`, `traits`, `mood`, `consents`, `decisions`, `given`, `tags`, `position`.
//! Dates are those of the wall clock, as RFC 3339 writes them. Tags are named as they were registered; the keys of tags are
//! not repeated, because who reads one can follow its carrier, and the carrier has them. Deliberately absent, because they
//! are not known: where the person was before, what hubs heard, and what was sent in words of the sender's own.

use serde_json::{Value, json};

use super::clock::Clock;
use crate::engine::state::TagState;
use crate::engine::{ConsentStatus, Dates, Generation, KnownPerson, KnownTrait, Position};
use crate::model::{TagKind, Timestamp};

/// Everything that is known of a person.
pub(super) fn json(clock: &Clock, generation: &Generation, known: &KnownPerson) -> Value {
    let traits = known.traits.iter().map(|(name, value)| (name.clone(), of_trait(value)));
    let consents = known
        .consents
        .iter()
        .map(|(purpose, status)| (purpose.name().to_owned(), consent(*status)));
    let given = known.contacts.iter().map(|(action, at_s)| {
        let at = Timestamp::from_millis(u64::from(*at_s) * 1_000);
        json!({ "action": action, "at": date(clock.unix_ms_of(at) / 1_000) })
    });
    json!({
        "customer": known.id,
        "stage": known.stage,
        "tier": known.tier,
        "segments": known.segments,
        "traits": traits.collect::<serde_json::Map<_, _>>(),
        "mood": known.mood,
        "consents": consents.collect::<serde_json::Map<_, _>>(),
        "decisions": known.decisions,
        "given": given.collect::<Vec<_>>(),
        "tags": known.tags.iter().map(tag).collect::<Vec<_>>(),
        "position": known.position.map(|at| position(generation, &at)),
    })
}

/// A date as RFC 3339 writes it; `null` for one that no calendar has.
pub(super) fn date(unix_s: u64) -> Option<String> {
    let unix_s = i64::try_from(unix_s).ok()?;
    Some(jiff::Timestamp::from_second(unix_s).ok()?.to_string())
}

fn of_trait(value: &KnownTrait) -> Value {
    match value {
        KnownTrait::Flag(flag) => json!(flag),
        KnownTrait::Number(number) => json!(number),
        KnownTrait::Text(text) => json!(text),
    }
}

fn consent(status: ConsentStatus) -> Value {
    let (name, dates) = match status {
        ConsentStatus::NeverAskedAllowed | ConsentStatus::NeverAsked => ("never asked", None),
        ConsentStatus::Given(dates) => ("given", Some(dates)),
        ConsentStatus::Withdrawn(dates) => ("withdrawn", Some(dates)),
        ConsentStatus::Expired(dates) => ("expired", Some(dates)),
    };
    let until = |dates: Dates| (dates.until_unix_s != 0).then_some(dates.until_unix_s);
    json!({
        "status": name,
        "allowed": status.is_allowed(),
        "said": dates.and_then(|dates| date(dates.given_unix_s.into())),
        "until": dates.and_then(until).and_then(|until| date(until.into())),
    })
}

fn tag(state: &TagState) -> Value {
    let kind = state.tag.kind();
    let name = match kind {
        TagKind::Address => "address",
        TagKind::IBeacon => "ibeacon",
        TagKind::EddystoneUid => "eddystone_uid",
        TagKind::AltBeacon => "altbeacon",
        TagKind::EddystoneEid => "eddystone_eid",
        TagKind::ResolvingKey => "resolving_key",
        TagKind::EphemeralKey => "ephemeral_key",
    };
    if matches!(kind, TagKind::ResolvingKey | TagKind::EphemeralKey) {
        return json!({ "kind": name });
    }
    let identity: String = state.tag.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "kind": name, "identity": identity })
}

fn position(generation: &Generation, at: &Position) -> Value {
    let venue = generation.venue();
    let zone = at.zone.and_then(|zone| venue.zones.get(zone.index()));
    let level = venue.levels.get(at.level.index());
    json!({
        "level": level.map(|level| &level.id),
        "zone": zone.map(|zone| &zone.id),
        "east_m": at.east_m,
        "north_m": at.north_m,
        "accuracy_m": at.accuracy_m,
        "age_ms": at.age_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_for_people_and_consents_with_theirs() {
        assert_eq!(date(1_782_909_296).as_deref(), Some("2026-07-01T12:34:56Z"));
        assert_eq!(date(u64::MAX), None);
        let dates = Dates {
            given_unix_s: 1_782_909_296,
            until_unix_s: 0,
        };
        let withdrawn = consent(ConsentStatus::Withdrawn(dates));
        assert_eq!(
            (&withdrawn["status"], &withdrawn["until"]),
            (&json!("withdrawn"), &Value::Null)
        );
        assert_eq!(withdrawn["said"], "2026-07-01T12:34:56Z");
        assert_eq!(consent(ConsentStatus::NeverAskedAllowed)["allowed"], true);
    }
}
