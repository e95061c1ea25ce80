//! A hub with its sessions, and beside each session the set of numbers that were taken from it.
//!
//! The engine keeps a window of bits; here it is a set, which is obviously right.

use std::collections::BTreeSet;

use nextbest::engine::{Engine, HubIntake, SightingOutcome};
use nextbest::model::Timestamp;
use nextbest_venue::HubIx;

/// Numbers that a session tells apart, counted back from the next one.
const WINDOW_LEN: u64 = 1_024;

/// A hub of the venue.
pub(crate) struct Hub {
    pub(crate) ix: HubIx,
    pub(crate) epoch: u64,
    /// The next number that it gives.
    pub(crate) next: u64,
    pub(crate) session: Session,
    /// Of a former boot, and not yet closed.
    pub(crate) former: Option<Session>,
    /// Before this it neither hears nor says anything.
    pub(crate) silent_until_ms: u64,
    pub(crate) alive_ms: Option<u64>,
    /// What became of its sightings: used, duplicate, late, unknown, contradicted.
    pub(crate) counts: [u64; 5],
    /// Up to here its numbers are remembered across connections.
    kept: u64,
}

/// One connection of a hub.
pub(crate) struct Session {
    pub(crate) intake: HubIntake,
    epoch: u64,
    start: u64,
    next: u64,
    taken: BTreeSet<u64>,
    counts: [u64; 5],
}

impl Session {
    fn new(intake: HubIntake, epoch: u64, start: u64) -> Self {
        assert_eq!(intake.next_sequence(), start, "where the hub is told to go on");
        Self {
            intake,
            epoch,
            start,
            next: start,
            taken: BTreeSet::new(),
            counts: [0; 5],
        }
    }

    /// Whether a number counts, which is then taken.
    pub(crate) fn takes(&mut self, sequence: u64) -> bool {
        let is_in_window = sequence >= self.next || self.next - sequence <= WINDOW_LEN;
        let counts = sequence >= self.start && is_in_window && self.taken.insert(sequence);
        if counts {
            self.next = self.next.max(sequence.saturating_add(1));
        }
        counts
    }

    /// Writes down what became of a sighting.
    pub(crate) fn became(&mut self, outcome: SightingOutcome) {
        let count = match outcome {
            SightingOutcome::Folded | SightingOutcome::Moved(_) | SightingOutcome::Beacon => 0,
            SightingOutcome::Duplicate => 1,
            SightingOutcome::Late => 2,
            SightingOutcome::UnknownTag => 3,
            SightingOutcome::Contradicted => 4,
            SightingOutcome::NotARadioValue => return,
        };
        self.counts[count] += 1;
    }
}

impl Hub {
    pub(crate) fn connect(engine: &Engine, now: Timestamp, ix: HubIx, epoch: u64) -> Self {
        Self {
            ix,
            epoch,
            next: 0,
            session: Session::new(engine.hub_connected(now, ix, epoch, 0), epoch, 0),
            former: None,
            silent_until_ms: 0,
            alive_ms: Some(now.as_millis()),
            counts: [0; 5],
            kept: 0,
        }
    }

    /// The power fails and comes back: it counts from `oldest` on, under another epoch. The old connection lingers.
    pub(crate) fn boot(&mut self, engine: &Engine, now: Timestamp, oldest: u64) {
        self.epoch += 1;
        let session = Session::new(
            engine.hub_connected(now, self.ix, self.epoch, oldest),
            self.epoch,
            oldest,
        );
        self.former = Some(std::mem::replace(&mut self.session, session));
        (self.next, self.kept) = (oldest, oldest);
        self.alive_ms = Some(now.as_millis());
    }

    /// The network fails and comes back: it goes on where the gateway is.
    pub(crate) fn reconnect(&mut self, engine: &Engine, now: Timestamp) {
        let intake = engine.hub_connected(now, self.ix, self.epoch, 0);
        self.session = Session::new(intake, self.epoch, self.kept);
        self.alive_ms = Some(now.as_millis());
    }

    /// The session of a boot epoch, if it is still there.
    pub(crate) fn session_of(&mut self, epoch: u64) -> Option<&mut Session> {
        if self.session.epoch == epoch {
            return Some(&mut self.session);
        }
        self.former.as_mut().filter(|former| former.epoch == epoch)
    }

    /// It says that it lives, on the session of an epoch.
    pub(crate) fn says_something(&mut self, engine: &Engine, now: Timestamp, epoch: u64) {
        let present = self.epoch;
        let Some(session) = self.session_of(epoch) else { return };
        engine.on_hub_alive(now, &mut session.intake);
        let (counts, next) = (std::mem::take(&mut session.counts), session.next);
        for (total, count) in self.counts.iter_mut().zip(counts) {
            *total += count;
        }
        if epoch == present {
            self.kept = self.kept.max(next);
        }
        self.alive_ms = Some(now.as_millis());
    }

    /// Whether it was heard lately enough.
    pub(crate) fn is_alive(&self, now: Timestamp, dead_after_ms: u32) -> bool {
        self.alive_ms
            .is_some_and(|alive_ms| now.as_millis() - alive_ms <= u64::from(dead_after_ms))
    }
}
