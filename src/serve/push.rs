//! Pushes: what nobody asked for, said when a person who listens comes somewhere.
//!
//! One unidirectional stream for each session that subscribed. The engine decides with the placement "push", so
//! that a pack says what may be pushed, and its caps and consents hold here as anywhere. A pack without that
//! placement pushes nothing. A drain is said on the same stream.

use std::rc::Rc;
use std::sync::Arc;

use bytes::BytesMut;
use nextbest_proto::frame::encode_frame;
use nextbest_proto::v1::{self, AppPush, app_push};
use quinn::SendStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::closing::WRITE_WAIT;
use super::metrics::Counter;
use super::overload::Step;
use super::request_stream::ROOM_KEPT_MAX;
use super::requests::Session;
use super::shared::Stage;
use crate::engine::CustomerSlot;
use crate::model::Query;
use crate::wire;

/// The placement that a pack gives to what may be pushed.
const PLACEMENT: &str = "push";
/// Advice to come back after a drain, so that not all apps come at once.
pub(super) const DRAIN: v1::Drain = v1::Drain {
    reconnect_after_ms: 500,
    jitter_ms: 5_000,
};

/// Pushes to one session until its connection ends.
pub(super) async fn run(session: Rc<Session>, customer: CustomerSlot, moved: Arc<Notify>) {
    let connection = session.connection.clone();
    tokio::select! {
        biased;
        _reason = connection.closed() => {}
        // An app that allows no stream of ours waits here until it leaves.
        stream = connection.open_uni() => if let Ok(send) = stream {
            push_all(&session, customer, &moved, send).await;
        }
    }
    session.worker.shared.subscribers.remove(customer, &moved);
}

async fn push_all(session: &Session, customer: CustomerSlot, moved: &Notify, mut send: SendStream) {
    let mut stage = session.worker.shared.stage.clone();
    let mut out = BytesMut::new();
    let mut is_told_to_go = false;
    loop {
        out.clear();
        tokio::select! {
            // First what comes once: somebody may always be moving.
            biased;
            _reason = session.connection.closed() => return,
            _stage = stage.wait_for(|stage| *stage == Stage::Draining), if !is_told_to_go => {
                is_told_to_go = true;
                encode_frame(&AppPush { body: Some(app_push::Body::Drain(DRAIN)) }, &mut out);
            }
            () = moved.notified() => decide(session, customer, &mut out),
        }
        if !out.is_empty() && !matches!(timeout(WRITE_WAIT, send.write_all(&out)).await, Ok(Ok(()))) {
            session.worker.shared.metrics.count(Counter::PushUnsent);
            return;
        }
        if out.capacity() > ROOM_KEPT_MAX {
            out = BytesMut::new();
        }
    }
}

/// Puts what is best where the person is into `out`, if there is anything.
fn decide(session: &Session, customer: CustomerSlot, out: &mut BytesMut) {
    let shared = &session.worker.shared;
    let has_pushes = shared
        .engine
        .generation()
        .spec()
        .vocabulary
        .placements
        .iter()
        .any(|name| name == PLACEMENT);
    if !has_pushes || session.is_over() || !session.is_current() {
        return shared.metrics.count(Counter::PushNothing);
    }
    if shared.overload.sheds(Step::Pushes) {
        return shared.metrics.count(Counter::PushUnsent);
    }
    let query = Query {
        placement: PLACEMENT,
        ..Query::default()
    };
    let now = shared.clock.now();
    let is_sent = session.decide_unasked(now, customer, &query, |decision| {
        decision.answers.iter().any(Option::is_some) && wire::decision_push(decision, out).is_ok()
    });
    shared.metrics.count(if is_sent == Some(true) {
        Counter::PushSent
    } else {
        Counter::PushNothing
    });
}
