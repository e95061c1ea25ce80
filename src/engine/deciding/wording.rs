//! Words: which treatment shows an answer, which message fits what is known, and the answer itself.

use nextbest_venue::PlaceIx;

use super::{Moment, Scratch, Words};
use crate::engine::decide::message::{Arguments, MessageBuffer, MessageIx};
use crate::engine::decide::place::Chosen;
use crate::engine::decide::rank::Candidate;
use crate::engine::spec::TreatmentSpec;
use crate::model::{Answer, Decision, PlaceAnswer, Reason, ReasonSet};

/// The treatment for the channel and placement, with the message that fits what is known.
pub(super) fn words(moment: &Moment<'_>, candidate: &Candidate, channel: u16) -> Option<Words> {
    let action = moment.generation.action(candidate.action)?;
    let messages = &moment.generation.spec().messages;
    let known = arguments(moment, candidate).known();
    let fits = |message: MessageIx| {
        messages
            .needs(message, moment.locale)
            .is_some_and(|needs| needs.is_within(known))
    };
    let suits = |treatment: &TreatmentSpec| {
        let placement = treatment.placement.map_or(0, |placement| u16::from(placement) + 1);
        u16::from(treatment.channel) + 1 == channel
            && (moment.placement == 0 || placement == 0 || placement == moment.placement)
    };
    (0_u8..)
        .zip(&action.treatments)
        .filter(|(_, treatment)| suits(treatment))
        .find_map(|(treatment_ix, treatment)| {
            let message = Some(treatment.message)
                .filter(|message| fits(*message))
                .or(treatment.message_without_place.filter(|message| fits(*message)))?;
            Some(Words {
                treatment: treatment_ix,
                message,
            })
        })
}

/// Writes the messages and puts the answers together.
pub(super) fn answer<'a>(moment: &Moment<'a>, scratch: &'a mut Scratch, decision: &mut Decision<'a>) {
    let messages = &moment.generation.spec().messages;
    for (chosen, buffer) in scratch.chosen.iter().zip(&mut scratch.messages) {
        if let Some((candidate, words)) = chosen {
            // `words` made sure that everything the message needs is known; a message that cannot be written is empty.
            let _ = messages.render(words.message, moment.locale, &arguments(moment, candidate), buffer);
        }
    }
    let scratch: &'a Scratch = scratch;
    decision.not_chosen_raw = &scratch.not_chosen;
    for ((chosen, buffer), answer) in scratch.chosen.iter().zip(&scratch.messages).zip(&mut decision.answers) {
        *answer = chosen
            .as_ref()
            .and_then(|(candidate, words)| put(moment, candidate, words, buffer));
    }
}

fn put<'a>(moment: &Moment<'a>, candidate: &Candidate, words: &Words, buffer: &'a MessageBuffer) -> Option<Answer<'a>> {
    let generation = moment.generation;
    let action = generation.action(candidate.action)?;
    let messages = &generation.spec().messages;
    let written_in = messages.written_in(words.message, moment.locale)?;
    let mut reasons = ReasonSet::default();
    reasons.insert(Reason::HighestPriority);
    if let Some(place) = candidate.place {
        reasons.insert(place.reason());
        if place.is_crowd_stale {
            reasons.insert(Reason::CrowdStale);
        }
    }
    if written_in != moment.locale {
        reasons.insert(Reason::FallbackLanguage);
    }
    Some(Answer {
        issue: &action.issue,
        group: &action.group,
        action: &action.id,
        treatment: action
            .treatments
            .get(usize::from(words.treatment))
            .map_or("", |treatment| &treatment.id),
        message: buffer.as_str(),
        locale: messages.locale_tag(written_in).unwrap_or(""),
        place: candidate.place.and_then(|chosen| place_answer(moment, chosen)),
        expires_in_ms: action.expires_s.saturating_mul(1_000),
        factors: candidate.factors,
        reasons,
    })
}

fn place_answer<'a>(moment: &Moment<'a>, chosen: Chosen) -> Option<PlaceAnswer<'a>> {
    let venue = moment.generation.venue();
    let place = venue.places.get(usize::from(chosen.place))?;
    Some(PlaceAnswer {
        id: &place.id,
        name: moment.generation.place_name(PlaceIx(chosen.place), moment.locale),
        level: venue.levels.get(place.level.index()).map_or("", |level| &level.id),
        east_m: place.at.east_m,
        north_m: place.at.north_m,
        walk_s: chosen.walk_s,
        wait_s: chosen.wait_s,
    })
}

fn arguments<'a>(moment: &Moment<'a>, candidate: &Candidate) -> Arguments<'a> {
    let venue = moment.generation.venue();
    let zone = moment.seen.and_then(|seen| venue.zones.get(usize::from(seen.zone?)));
    let zone = zone.map(|zone| zone.name.as_str());
    let Some(chosen) = candidate.place else {
        return Arguments {
            zone,
            ..Arguments::default()
        };
    };
    let place = venue.places.get(usize::from(chosen.place));
    Arguments {
        place: Some(moment.generation.place_name(PlaceIx(chosen.place), moment.locale)),
        zone: place
            .and_then(|place| venue.zones.get(place.zone.index()))
            .map(|zone| zone.name.as_str()),
        level: place
            .and_then(|place| venue.levels.get(place.level.index()))
            .map(|level| level.name.as_str()),
        category: place.map(|place| place.category.as_str()),
        walk_s: chosen.walk_s,
        wait_s: chosen.wait_s,
        ..Arguments::default()
    }
}
