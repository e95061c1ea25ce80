//! A service's watch of who comes, stays and goes: from the engine's ring to a stream of its own.
//!
//! The ring is the queue: a watcher that does not take its events is behind, and is told how many it missed, whomever
//! they were about. So nothing queues here, and a sighting never waits for a watcher. A watch looks every
//! [`LOOK_EVERY`]. A drain is said on the same stream. Of somebody who has withdrawn the consent to be located nothing is
//! told but that they left. Deliberately absent: what happened before the watch began.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use nextbest_proto::frame::encode_frame;
use nextbest_proto::limits::PRESENCE_EVENTS_PER_PUSH_MAX;
use nextbest_proto::v1::{self, AppPush, ErrorCode, app_push};
use nextbest_venue::ZoneIx;
use quinn::SendStream;
use tokio::time::{MissedTickBehavior, interval};

use super::closing;
use super::metrics::Counter;
use super::push::DRAIN;
use super::requests::Session;
use super::shared::{Shared, Stage};
use crate::engine::presence::{PresenceCursor, PresenceKind, StayEnd};
use crate::engine::{CustomerSlot, Generation, PresenceEvent};

/// How often a watch looks for events: well below the quarter of a second in which they happen.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Events of others that one look passes over before it lets the thread go on.
const LOOK_LEN_MAX: usize = 4_096;
/// Connections that may watch at once: each costs a look every 50 ms.
pub(super) const WATCHES_MAX: u32 = 64;

/// How many connections watch.
#[derive(Debug, Default)]
pub(super) struct Watches {
    open: AtomicU32,
}

impl Watches {
    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }
}

/// What a session watches; empty until it asks.
#[derive(Default)]
pub(super) struct PresenceWatch {
    watching: RefCell<Option<Watching>>,
}

struct Watching {
    /// Empty: everybody.
    subject: String,
    /// `None`: every zone.
    zone: Option<ZoneIx>,
    cursor: PresenceCursor,
    place: Place,
}

/// A place among those who watch, given back when it is dropped.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let is_free = |open: u32| (open < WATCHES_MAX).then_some(open + 1);
        let taken = shared
            .watches
            .open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_free);
        taken.is_ok().then(|| Self(Arc::clone(shared)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.watches.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PresenceWatch {
    /// Begins a watch, or puts it in the place of the one before; true when it is the session's first.
    ///
    /// # Errors
    /// `invalid_field` when the map has no such zone, `overloaded` when [`WATCHES_MAX`] watch.
    pub(super) fn begin(&self, shared: &Arc<Shared>, asked: v1::WatchPresence) -> Result<bool, v1::Error> {
        let zone = zone(&shared.engine.generation(), &asked.zone)?;
        let mut watching = self.watching.borrow_mut();
        let before = watching.take();
        let is_first = before.is_none();
        let place = before.map(|before| before.place).or_else(|| Place::take(shared));
        let full = || {
            v1::Error::because(
                ErrorCode::Overloaded,
                format!("{WATCHES_MAX} connections watch already"),
            )
        };
        *watching = Some(Watching {
            subject: asked.subject,
            zone,
            cursor: shared.engine.presence_cursor(),
            place: place.ok_or_else(full)?,
        });
        Ok(is_first)
    }

    /// Nobody listens any more; who asks again begins anew.
    fn end(&self) {
        *self.watching.borrow_mut() = None;
    }

    /// The next events, if any happened or were missed.
    fn take(&self, shared: &Shared) -> Option<v1::PresenceBatch> {
        let mut watching = self.watching.borrow_mut();
        let watching = watching.as_mut()?;
        let generation = shared.engine.generation();
        let subject = match watching.subject.as_str() {
            "" => Subject::Everybody,
            subject => shared
                .engine
                .customer_existing(subject)
                .map_or(Subject::Nobody, Subject::One),
        };
        let mut batch = v1::PresenceBatch::default();
        for _ in 0..LOOK_LEN_MAX {
            let Some(event) = shared.engine.next_presence(&mut watching.cursor) else {
                break;
            };
            if subject.is(event.customer) && watching.zone.is_none_or(|zone| zone == event.zone) {
                batch.events.extend(message(shared, &generation, &event));
            }
            if batch.events.len() == PRESENCE_EVENTS_PER_PUSH_MAX {
                break;
            }
        }
        batch.dropped = watching.cursor.take_missed();
        shared.metrics.add(Counter::PresenceDropped, batch.dropped);
        shared.metrics.add(Counter::PresenceSent, batch.events.len() as u64);
        (!batch.events.is_empty() || batch.dropped > 0).then_some(batch)
    }
}

/// Whom a watch is about.
#[derive(Clone, Copy)]
enum Subject {
    Everybody,
    One(CustomerSlot),
    /// Somebody whom the gateway does not know yet.
    Nobody,
}

impl Subject {
    fn is(self, customer: CustomerSlot) -> bool {
        match self {
            Self::Everybody => true,
            Self::One(one) => one == customer,
            Self::Nobody => false,
        }
    }
}

/// The event as the contract says it; `None` when it is not to be told any more.
fn message(shared: &Shared, generation: &Generation, event: &PresenceEvent) -> Option<v1::PresenceEvent> {
    if event.end != Some(StayEnd::NotLocated) && !shared.engine.is_locatable(shared.clock.now(), event.customer) {
        return None;
    }
    Some(v1::PresenceEvent {
        kind: kind(event.kind).into(),
        subject: shared.engine.customer_id(event.customer)?.to_string(),
        zone: generation.venue().zones.get(event.zone.index())?.id.clone(),
        at_unix_ms: shared.clock.unix_ms_of(event.at()),
        stay_ms: u32::try_from(event.stay_ms).unwrap_or(u32::MAX),
        confidence: event.confidence,
        end: event.end.map_or(v1::StayEnd::Unspecified, end).into(),
    })
}

/// Sends a session what it watches until its connection ends, or its token ends or is revoked.
pub(super) async fn run(session: Rc<Session>) {
    let connection = session.connection.clone();
    let send_all = async {
        // A service that allows no stream of ours waits here until it leaves.
        if let Ok(send) = connection.open_uni().await {
            send_all(&session, send).await;
        }
    };
    tokio::select! {
        biased;
        _reason = connection.closed() => {}
        () = send_all => {}
    }
    session.presence_watch.end();
}

async fn send_all(session: &Session, mut send: SendStream) {
    let shared = &session.worker.shared;
    let mut stage = shared.stage.clone();
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut out = BytesMut::new();
    let mut is_told_to_go = false;
    loop {
        let body = tokio::select! {
            // First what comes once: there may always be something to look at.
            biased;
            _stage = stage.wait_for(|stage| *stage == Stage::Draining), if !is_told_to_go => {
                is_told_to_go = true;
                Some(app_push::Body::Drain(DRAIN))
            }
            _tick = looks.tick() => session.presence_watch.take(shared).map(app_push::Body::Presence),
        };
        if let Err(error) = session.check_service(shared.clock.now()) {
            session.count_error(&error);
            return closing::close(&session.connection, &error);
        }
        let Some(body) = body else { continue };
        out.clear();
        encode_frame(&AppPush { body: Some(body) }, &mut out);
        // Who reads slowly is waited for: the ring counts what they miss.
        if send.write_all(&out).await.is_err() {
            return;
        }
        looks.reset_immediately();
    }
}

fn zone(generation: &Generation, id: &str) -> Result<Option<ZoneIx>, v1::Error> {
    if id.is_empty() {
        return Ok(None);
    }
    let sentence = "`zone` is expected to be the id of a zone of the venue's map";
    let found = generation.venue().zone_by_id(id);
    found
        .map(Some)
        .ok_or_else(|| v1::Error::because(ErrorCode::InvalidField, sentence))
}

const fn kind(kind: PresenceKind) -> v1::PresenceKind {
    match kind {
        PresenceKind::Entered => v1::PresenceKind::Entered,
        PresenceKind::Dwelled => v1::PresenceKind::Dwelled,
        PresenceKind::Left => v1::PresenceKind::Left,
        PresenceKind::PassedBy => v1::PresenceKind::PassedBy,
    }
}

const fn end(end: StayEnd) -> v1::StayEnd {
    match end {
        StayEnd::Elsewhere => v1::StayEnd::Elsewhere,
        StayEnd::Silent => v1::StayEnd::Silent,
        StayEnd::ZoneUnknown => v1::StayEnd::ZoneUnknown,
        StayEnd::NotLocated => v1::StayEnd::NotLocated,
    }
}
