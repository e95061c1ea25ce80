//! What happens between two steps of one call of the engine, as if by another thread.
//!
//! Only with the feature `planted-bugs`, which marks those moments ([`nextbest::planted::Seam`]); without it nothing ever
//! gets in between, and the simulation runs one call after the other.

use std::sync::Arc;

use nextbest::engine::{CustomerSlot, Engine, Generation};
use nextbest::model::Timestamp;

use crate::support::world::Said;

/// What is to happen at a seam.
#[derive(Clone)]
pub(crate) enum Slipped {
    /// The person asks for something, and is answered.
    Ask(Arc<Generation>, String),
    /// The person withdraws the consent to be located.
    Withdraw(String),
}

/// Something that waits for the next seam that fits, and what came of it.
pub(crate) struct Seams {
    #[cfg(feature = "planted-bugs")]
    shared: std::rc::Rc<std::cell::RefCell<Plan>>,
}

#[cfg(feature = "planted-bugs")]
#[derive(Default)]
struct Plan {
    next: Option<(Timestamp, CustomerSlot, Slipped)>,
    said: Option<Said>,
    has_happened: bool,
}

#[cfg(not(feature = "planted-bugs"))]
impl Seams {
    pub(crate) const fn new(_engine: &Arc<Engine>) -> Self {
        Self {}
    }

    pub(crate) const fn are_marked(&self) -> bool {
        false
    }

    /// Has nothing happen; nobody asks for it where no seams are marked.
    pub(crate) fn plan(&self, _now: Timestamp, _customer: CustomerSlot, slipped: Slipped) {
        match slipped {
            Slipped::Ask(_generation, _want) => {}
            Slipped::Withdraw(_message_id) => {}
        }
    }

    pub(crate) const fn take(&self) -> (bool, Option<Said>) {
        (false, None)
    }
}

#[cfg(feature = "planted-bugs")]
impl Seams {
    pub(crate) fn new(engine: &Arc<Engine>) -> Self {
        let shared = std::rc::Rc::<std::cell::RefCell<Plan>>::default();
        let (of_hook, engine) = (std::rc::Rc::clone(&shared), Arc::clone(engine));
        nextbest::planted::at_seams(Some(Box::new(move |seam| {
            let mut plan = of_hook.borrow_mut();
            let fits = |slipped: &Slipped| {
                use nextbest::planted::Seam;
                matches!(
                    (slipped, seam),
                    (Slipped::Ask(..), Seam::Reserving) | (Slipped::Withdraw(_), Seam::Placing | Seam::Registering)
                )
            };
            if plan.next.as_ref().is_some_and(|(_, _, slipped)| fits(slipped))
                && let Some((now, customer, slipped)) = plan.next.take()
            {
                plan.has_happened = true;
                plan.said = slip_in(&engine, now, customer, &slipped);
            }
        })));
        Self { shared }
    }

    pub(crate) const fn are_marked(&self) -> bool {
        true
    }

    /// Has something happen at the next seam that fits, unless [`Self::take`] comes before.
    pub(crate) fn plan(&self, now: Timestamp, customer: CustomerSlot, slipped: Slipped) {
        self.shared.borrow_mut().next = Some((now, customer, slipped));
    }

    /// Whether it has happened, and what was said.
    pub(crate) fn take(&self) -> (bool, Option<Said>) {
        let plan = std::mem::take(&mut *self.shared.borrow_mut());
        (plan.has_happened, plan.said)
    }
}

#[cfg(feature = "planted-bugs")]
impl Drop for Seams {
    fn drop(&mut self) {
        nextbest::planted::at_seams(None);
    }
}

#[cfg(feature = "planted-bugs")]
fn slip_in(engine: &Engine, now: Timestamp, customer: CustomerSlot, slipped: &Slipped) -> Option<Said> {
    use nextbest::model::{Query, Signal, SignalKind};

    match slipped {
        Slipped::Ask(generation, want) => {
            let query = Query {
                want,
                ..Query::default()
            };
            let (locale, mut scratch) = (generation.locale_for("en"), nextbest::engine::Scratch::default());
            let decision = engine.decide(now, generation, customer, locale, &query, &mut scratch);
            Some(Said::of(&decision))
        }
        Slipped::Withdraw(message_id) => {
            let identify = crate::support::world::signal(message_id, SignalKind::Identify, "", &[]);
            let withdrawal = Signal {
                consents: vec![super::people::WITHDRAWN],
                ..identify
            };
            engine.on_signal(now, customer, &withdrawal).unwrap();
            None
        }
    }
}
