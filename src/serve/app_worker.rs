//! The thread of the apps: what its sessions share, and the decide itself.
//!
//! One set of buffers serves every session of the thread, because a decide runs to its end without an await.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nextbest_proto::v1::{self, ErrorCode};

use super::held::Pool;
use super::identities::{Identities, IdentityLimits};
use super::latency;
use super::overload::{QueryClass, RETRY_AFTER_MS};
use super::shared::Shared;
use super::speaker::Language;
use crate::engine::{CustomerSlot, Scratch};
use crate::model::{Decision, Query, Timestamp};
use crate::wire::QueryRequest;

/// What the app sessions of a thread share.
pub(super) struct AppWorker {
    pub(super) shared: Arc<Shared>,
    /// Who is connected, by identity.
    pub(super) identities: Rc<Identities>,
    /// What its connections hold together beyond what each has of its own.
    pub(super) pool: Rc<Pool>,
    scratch: RefCell<Scratch>,
    /// What each query costs beside its decide, so that a test can overload the thread; nothing otherwise.
    query_cost: Duration,
}

impl AppWorker {
    pub(super) fn new(
        shared: Arc<Shared>,
        query_cost: Duration,
        limits: IdentityLimits,
        held_bytes_max: usize,
    ) -> Self {
        Self {
            shared,
            identities: Rc::new(Identities::new(limits)),
            pool: Pool::new(held_bytes_max),
            scratch: RefCell::default(),
            query_cost,
        }
    }

    /// Decides at `now` and hands the decision, which borrows the thread's buffers, to `write`.
    pub(super) fn decide<R>(
        &self,
        now: Timestamp,
        customer: CustomerSlot,
        language: &Language,
        query: &Query<'_>,
        write: impl FnOnce(&Decision<'_>) -> R,
    ) -> R {
        let Shared {
            engine,
            metrics,
            keeper,
            ..
        } = &*self.shared;
        let began = latency::start();
        let generation = engine.generation();
        let mut scratch = self.scratch.borrow_mut();
        let locale = language.in_generation(&generation);
        let decision = engine.decide(now, &generation, customer, locale, query, &mut scratch);
        while began.elapsed() < self.query_cost {
            std::hint::spin_loop();
        }
        metrics.decided(began.elapsed());
        self.shared.overload.answered();
        keeper.decided(now, customer, &generation, &decision);
        write(&decision)
    }

    /// Refuses what nobody would read, because its deadline has passed, and what there is no time for. Before anything is
    /// looked up for the query: a refusal must cost little. `is_valued`: whether the customer is of a higher tier.
    pub(super) fn admit(
        &self,
        came: Timestamp,
        now: Timestamp,
        request: &QueryRequest<'_>,
        is_service: bool,
        is_valued: impl FnOnce() -> bool,
    ) -> Result<(), v1::Error> {
        let overload = &self.shared.overload;
        let waited = overload.apps.backlog.wait();
        let deadline = Duration::from_millis(u64::from(request.deadline_ms));
        if request.deadline_ms > 0 && (waited.wait > deadline || now.since(came) > deadline) {
            return Err(v1::Error::new(ErrorCode::DeadlinePassed));
        }
        let class = if request.query.why || (is_service && request.deadline_ms == 0) {
            QueryClass::Background
        } else {
            QueryClass::Customer
        };
        if overload.refuses(class, waited, is_valued) {
            return Err(v1::Error::new(ErrorCode::Overloaded).after(RETRY_AFTER_MS));
        }
        Ok(())
    }
}
