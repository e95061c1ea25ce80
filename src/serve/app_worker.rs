//! The thread of the apps: what its sessions share, and the decide itself.
//!
//! One set of buffers serves every session of the thread, because a decide runs to its end without an await.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use nextbest_proto::v1::{self, ErrorCode};

use super::latency;
use super::shared::Shared;
use crate::engine::decide::message::LocaleIx;
use crate::engine::{CustomerSlot, Scratch};
use crate::model::{Decision, Query, Timestamp};

/// What the app sessions of a thread share.
pub(super) struct AppWorker {
    pub(super) shared: Arc<Shared>,
    scratch: RefCell<Scratch>,
}

impl AppWorker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            scratch: RefCell::default(),
        }
    }

    /// Decides at `now` and hands the decision, which borrows the thread's buffers, to `write`.
    pub(super) fn decide<R>(
        &self,
        now: Timestamp,
        customer: CustomerSlot,
        locale: LocaleIx,
        query: &Query<'_>,
        write: impl FnOnce(&Decision<'_>) -> R,
    ) -> R {
        let Shared { engine, metrics, .. } = &*self.shared;
        let began = latency::start();
        let generation = engine.generation();
        let mut scratch = self.scratch.borrow_mut();
        let decision = engine.decide(now, &generation, customer, locale, query, &mut scratch);
        metrics.decided(began.elapsed());
        write(&decision)
    }

    /// Refuses when the caller has given up: nobody reads an answer that comes after its deadline.
    pub(super) fn check_deadline(&self, came: Timestamp, now: Timestamp, deadline_ms: u32) -> Result<(), v1::Error> {
        if deadline_ms > 0 && now.since(came) > Duration::from_millis(u64::from(deadline_ms)) {
            return Err(v1::Error::new(ErrorCode::DeadlinePassed));
        }
        Ok(())
    }
}
