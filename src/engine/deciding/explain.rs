//! Why not: the first reason against each action that was not chosen.
//!
//! Only when somebody asks. It asks the conditions themselves, one policy after the other, so that it can name the one
//! that refused; the bitmaps only know that one did.

use super::ranking::admit;
use super::wording::words;
use super::{Moment, Scratch};
use crate::engine::condition::{Attributes, Category, Condition, Truth};
use crate::engine::spec::ActionSpec;
use crate::engine::{Engine, generation};
use crate::model::{NOT_CHOSEN_LEN_MAX, NotChosen, Reason};

impl Engine {
    /// Why nothing was chosen: of all refusals the one that came latest in the order of the policies, so of the action
    /// that came closest. `None` when there are no actions.
    pub(super) fn closest_refusal(&self, moment: &Moment<'_>, scratch: &mut Scratch) -> Option<Reason> {
        let actions = 0..u16::try_from(moment.generation.action_ids.len()).unwrap_or(u16::MAX);
        actions
            .filter_map(|action_ix| self.verdict(moment, scratch, action_ix))
            .map(|verdict| verdict.0)
            .max()
    }

    /// The reason against an action, and its priority when it has one.
    fn verdict(&self, moment: &Moment<'_>, scratch: &mut Scratch, action_ix: u16) -> Option<(Reason, Option<f32>)> {
        let action = moment.generation.action(action_ix)?;
        let weighed = match refusal(action, &scratch.attributes) {
            Some(reason) => Err(reason),
            None => admit(moment, &scratch.attributes, action_ix)
                .and_then(|hot| self.weigh(moment, scratch, action_ix, hot)),
        };
        let channel = scratch.attributes.category(Category::Channel);
        Some(match weighed {
            Err(reason) => (reason, None),
            Ok(candidate) if words(moment, &candidate, channel).is_none() => {
                (Reason::NoTreatment, Some(candidate.priority))
            }
            Ok(candidate) => (Reason::LowerPriority, Some(candidate.priority)),
        })
    }

    /// Says of the first actions that were not chosen why not.
    pub(super) fn explain(&self, moment: &Moment<'_>, scratch: &mut Scratch) {
        let generation = moment.generation;
        for action_ix in 0..u16::try_from(generation.action_ids.len()).unwrap_or(u16::MAX) {
            if scratch.not_chosen.len() == NOT_CHOSEN_LEN_MAX {
                break;
            }
            let is_chosen = scratch
                .chosen
                .iter()
                .flatten()
                .any(|(candidate, _)| candidate.action == action_ix);
            if is_chosen {
                continue;
            }
            if let Some((reason, priority)) = self.verdict(moment, scratch, action_ix) {
                scratch.not_chosen.push(NotChosen {
                    action: action_ix,
                    reason,
                    priority,
                });
            }
        }
    }
}

/// The first policy that refuses an action, in the order in which people ask.
fn refusal(action: &ActionSpec, attributes: &Attributes) -> Option<Reason> {
    let of_place = |condition: &Condition| {
        let mut reads_place = false;
        condition.visit_leaves(&mut |leaf| {
            reads_place |= matches!(leaf, Condition::Compare(quantity, ..) if quantity.is_of_place());
        });
        reads_place
    };
    let holds = |policy: &Condition| of_place(policy) || policy.holds(attributes);
    let policies = [
        (
            generation::answers(action, attributes.category(Category::Want)),
            Reason::NotWanted,
        ),
        (attributes.truth(Truth::Consent(action.purpose)), Reason::NoConsent),
        (
            generation::is_shown_in(action, attributes.category(Category::Channel)),
            Reason::NoTreatment,
        ),
        (holds(&action.eligibility), Reason::NotEligible),
        (holds(&action.applicability), Reason::NotApplicable),
        (holds(&action.suitability), Reason::NotSuitable),
    ];
    policies.into_iter().find(|(holds, _)| !holds).map(|(_, reason)| reason)
}
