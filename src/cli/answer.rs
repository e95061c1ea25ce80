//! How a decision is shown: to a person, and as JSON to a program.

use std::fmt::{self, Write as _};
use std::time::Duration;

use nextbest_proto::v1;
use serde_json::{Value, json};

/// A decision as a person reads it.
pub(super) fn text(decision: &v1::Decision, took: Duration) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _written = write_text(decision, took, &mut text);
    text
}

fn write_text(decision: &v1::Decision, took: Duration, text: &mut String) -> fmt::Result {
    for answer in &decision.answers {
        write_answer(answer, text)?;
    }
    if decision.answers.is_empty() {
        writeln!(text, "Nothing is best at the moment: {}.", reasons(decision.reasons()))?;
    }
    let zone = match decision.zone.as_str() {
        "" => "an unknown place".to_owned(),
        zone => format!(
            "{zone}, seen {:.1} s ago, {:.0} % sure",
            f64::from(decision.zone_age_ms()) / 1_000.0,
            decision.zone_confidence() * 100.0
        ),
    };
    writeln!(
        text,
        "\n  you are in {zone}; stage {}; {} of {} actions were possible; generation {}; answered in {} us",
        decision.stage,
        decision.actions_eligible,
        decision.actions_considered,
        decision.generation,
        took.as_micros(),
    )?;
    for row in &decision.not_chosen {
        writeln!(text, "  not {}: {}", row.action, reason(row.reason()))?;
    }
    Ok(())
}

fn write_answer(answer: &v1::Answer, text: &mut String) -> fmt::Result {
    writeln!(text, "{}", answer.message)?;
    write!(text, "  {}", answer.action)?;
    if let Some(place) = &answer.place {
        write!(text, " at {} on {}", place.name, place.level)?;
        if let Some(walk_s) = place.walk_s {
            write!(text, ", walk {walk_s} s")?;
        }
        if let Some(wait_s) = place.wait_s {
            write!(text, ", wait {wait_s} s")?;
        }
    }
    let priority = answer.factors.map_or(0.0, |factors| factors.priority);
    writeln!(text, "; priority {priority:.3}: {}", reasons(answer.reasons()))
}

/// A decision as a program reads it. Fields that are absent in the answer are null.
pub(super) fn json(decision: &v1::Decision, took: Duration) -> Value {
    json!({
        "decision_id": decision.decision_id,
        "generation": decision.generation,
        "answers": decision.answers.iter().map(answer_json).collect::<Vec<_>>(),
        "reasons": decision.reasons().map(reason).collect::<Vec<_>>(),
        "zone": (!decision.zone.is_empty()).then_some(&decision.zone),
        "zone_age_ms": decision.zone_age_ms,
        "zone_confidence": decision.zone_confidence,
        "stage": decision.stage,
        "not_chosen": decision.not_chosen.iter().map(not_chosen_json).collect::<Vec<_>>(),
        "actions_considered": decision.actions_considered,
        "actions_eligible": decision.actions_eligible,
        "round_trip_us": u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    })
}

fn answer_json(answer: &v1::Answer) -> Value {
    json!({
        "issue": answer.issue,
        "group": answer.group,
        "action": answer.action,
        "treatment": answer.treatment,
        "message": answer.message,
        "locale": answer.locale,
        "place": answer.place.as_ref().map(|place| json!({
            "id": place.id,
            "name": place.name,
            "level": place.level,
            "walk_s": place.walk_s,
            "wait_s": place.wait_s,
            "east_m": place.east_m,
            "north_m": place.north_m,
        })),
        "expires_in_ms": answer.expires_in_ms,
        "factors": answer.factors.map(|factors| json!({
            "propensity": factors.propensity,
            "context": factors.context,
            "value": factors.value,
            "levers": factors.levers,
            "capacity": factors.capacity,
            "priority": factors.priority,
        })),
        "reasons": answer.reasons().map(reason).collect::<Vec<_>>(),
    })
}

fn not_chosen_json(row: &v1::NotChosen) -> Value {
    json!({ "action": row.action, "reason": reason(row.reason()), "priority": row.priority })
}

fn reasons(codes: impl Iterator<Item = v1::ReasonCode>) -> String {
    codes.map(reason).collect::<Vec<_>>().join(", ")
}

/// A reason in small letters, without the contract's prefix.
fn reason(code: v1::ReasonCode) -> String {
    code.as_str_name().trim_start_matches("REASON_CODE_").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision() -> v1::Decision {
        let place = v1::Place {
            id: "stand-7".into(),
            name: "Taco Stand".into(),
            walk_s: Some(40),
            wait_s: None,
            level: "Concourse".into(),
            ..v1::Place::default()
        };
        let answer = v1::Answer {
            action: "food-tacos".into(),
            message: "Tacos, 40 s away.".into(),
            place: Some(place),
            reasons: vec![v1::ReasonCode::NearestQueuesUnknown.into()],
            ..v1::Answer::default()
        };
        v1::Decision {
            answers: vec![answer],
            stage: "conversion".into(),
            ..v1::Decision::default()
        }
    }

    #[test]
    fn a_person_reads_the_message_first_and_nothing_that_is_not_known() {
        let text = text(&decision(), Duration::from_micros(80));
        assert!(text.starts_with("Tacos, 40 s away.\n"), "{text}");
        assert!(
            text.contains("food-tacos at Taco Stand on Concourse, walk 40 s; "),
            "{text}"
        );
        assert!(!text.contains("wait"), "{text}");
        assert!(text.contains("nearest_queues_unknown"), "{text}");
    }

    #[test]
    fn no_answer_says_why() {
        let decision = v1::Decision {
            reasons: vec![v1::ReasonCode::NoConsent.into()],
            ..v1::Decision::default()
        };
        assert!(text(&decision, Duration::ZERO).starts_with("Nothing is best at the moment: no_consent."));
    }

    #[test]
    fn a_program_reads_null_for_what_is_not_known() {
        let json = json(&decision(), Duration::from_micros(80));
        assert_eq!(json["answers"][0]["place"]["walk_s"], 40);
        assert!(json["answers"][0]["place"]["wait_s"].is_null());
        assert!(json["zone"].is_null());
    }
}
