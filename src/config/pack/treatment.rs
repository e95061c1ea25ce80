//! The treatments of an action: each can be shown, in every language, with what a decide knows.

use super::action::Surroundings;
use super::actions::{ActionTable, TreatmentTable};
use super::names::{distinct, lookup};
use crate::config::mistake::Mistake;
use crate::config::table::{At, Id};
use crate::engine::decide::message::{Argument, ArgumentSet, LocaleIx, MessageIx, Messages};
use crate::engine::spec::{TREATMENTS_PER_ACTION_MAX, TreatmentSpec};

/// What is known when an answer sends to a place.
const OF_PLACE: [Argument; 8] = [
    Argument::Place,
    Argument::Zone,
    Argument::Level,
    Argument::Category,
    Argument::Walk,
    Argument::WalkSeconds,
    Argument::Wait,
    Argument::WaitSeconds,
];

/// The treatments of an action.
pub(super) fn treatments(
    action: &ActionTable,
    surroundings: &Surroundings<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<TreatmentSpec> {
    let ids = action.treatment.iter().map(|treatment| &treatment.id);
    distinct(ids, "treatment of this action", TREATMENTS_PER_ACTION_MAX, mistakes);
    if action.treatment.is_empty() && action.treatment.is_complete {
        mistakes.push(
            action
                .id
                .mistake("the action can never be shown", "a `[[action.treatment]]`"),
        );
    }
    action
        .treatment
        .iter()
        .filter_map(|table| table.spec(action, surroundings, mistakes))
        .collect()
}

impl TreatmentTable {
    fn spec(
        &self,
        action: &ActionTable,
        surroundings: &Surroundings<'_>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<TreatmentSpec> {
        let words = surroundings.names.vocabulary;
        let channel = lookup(&self.channel, &words.channels, "channel", mistakes);
        let placement = self
            .placement
            .as_ref()
            .map(|at| lookup(at, &words.placements, "placement", mistakes));
        let known = if action.places.is_some() {
            of_place()
        } else {
            ArgumentSet::default()
        };
        let message = message(&self.message, known, surroundings.messages, mistakes);
        let without = self.message_without_place.as_ref();
        let without_place = without.map(|id| message_without(id, action, surroundings.messages, mistakes));
        Some(TreatmentSpec {
            id: self.id.to_string(),
            channel: u8::try_from(channel?).ok()?,
            placement: match placement {
                Some(found) => Some(u8::try_from(found?).ok()?),
                None => None,
            },
            message: message?,
            message_without_place: match without_place {
                Some(found) => Some(found?),
                None => None,
            },
        })
    }
}

fn message_without(
    id: &At<Id>,
    action: &ActionTable,
    messages: Option<&Messages>,
    mistakes: &mut Vec<Mistake>,
) -> Option<MessageIx> {
    if action.places.is_none() {
        mistakes.push(id.mistake(
            "the action has no place, so `message` is always shown",
            "`message` alone",
        ));
    }
    message(id, ArgumentSet::default(), messages, mistakes)
}

/// The message's index; it exists and says only what is known.
fn message(
    id: &At<Id>,
    known: ArgumentSet,
    messages: Option<&Messages>,
    mistakes: &mut Vec<Mistake>,
) -> Option<MessageIx> {
    let messages = messages?;
    let Some(message) = messages.message_by_id(id) else {
        let ids: Vec<&str> = (0..messages.len())
            .filter_map(|at| messages.id(MessageIx(u16::try_from(at).ok()?)))
            .collect();
        lookup(id, &ids, "message", mistakes);
        return None;
    };
    for locale in (0_u8..=u8::MAX).map(LocaleIx) {
        let Some(needs) = messages.needs(message, locale) else {
            break;
        };
        let missing: Vec<String> = Argument::ALL
            .into_iter()
            .filter(|argument| needs.contains(*argument) && !known.contains(*argument))
            .map(|argument| format!("`${}`", argument.name()))
            .collect();
        if !missing.is_empty() {
            let tag = messages.locale_tag(locale).unwrap_or_default();
            let what = format!(
                "in `{tag}` the message `{id}` says {}, which is not known here",
                missing.join(", ")
            );
            mistakes.push(id.mistake(what, "a message that says only what is known"));
            // The other languages say the same.
            break;
        }
    }
    Some(message)
}

fn of_place() -> ArgumentSet {
    OF_PLACE.into_iter().fold(ArgumentSet::default(), ArgumentSet::with)
}
