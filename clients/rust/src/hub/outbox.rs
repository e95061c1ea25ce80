//! What a hub has heard and the gateway has not yet acknowledged.
//!
//! ```text
//!   acknowledged | in flight | unsent
//!   ------------ oldest ---- unsent -- next --> sequence
//! ```
//!
//! Sightings get numbers without gaps. An acknowledgement moves `oldest`, a batch moves `unsent`, and a new session
//! moves `unsent` back to what the gateway has not taken, so that everything held is sent again and nothing before.
//! When the buffer is full the oldest goes and is counted: a sighting loses its worth with its age.
//!
//! Pure: time is an argument, the age of a sighting is computed when its batch is made. Deliberately absent: the
//! connection, and storage that outlives the process, which follows this ([`super::store`]).

use std::{collections::VecDeque, ops::Range, time::Duration};

use nextbest_proto::{
    limits::{IDENTITY_LEN_MAX, SIGHTINGS_PER_BATCH_MAX},
    v1,
};
use thiserror::Error;

/// Most sightings on their way without an acknowledgement; more wait, so that a silent gateway costs little.
pub const IN_FLIGHT_LEN_MAX: usize = 4_096;

/// When a batch is made, and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxSettings {
    /// Most sightings that are kept; at least 1.
    pub held_len_max: usize,
    /// A batch goes out when it has this many sightings; 1 to 256.
    pub batch_len: usize,
    /// Or when its oldest has waited for this long.
    pub batch_age: Duration,
}

impl Default for OutboxSettings {
    /// 65,536 sightings; batches of 64 or 100 ms.
    fn default() -> Self {
        Self {
            held_len_max: 65_536,
            batch_len: 64,
            batch_age: Duration::from_millis(100),
        }
    }
}

/// Counted since the start. `pushed == acked + dropped + held`, always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxStatistics {
    /// Sightings taken in.
    pub pushed: u64,
    /// Sightings handed out in batches, those that were sent again included.
    pub sent: u64,
    /// Of these, those that had been sent before.
    pub resent: u64,
    /// Sightings that the gateway has taken.
    pub acked: u64,
    /// Sightings that went because the buffer was full. Some of them may have been in flight and have arrived.
    pub dropped: u64,
}

/// A batch to send, in a buffer that is reused.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Batch {
    /// The number of the first sighting.
    pub first_sequence: u64,
    /// The hub's clock, from which the ages count.
    pub sent_at: Duration,
    /// The sightings, each with its age.
    pub sightings: Vec<v1::Sighting>,
}

/// The gateway names a sequence that was never sent to it: it has met another hub with this boot epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the gateway has taken sightings up to {next_sequence}, but only those before {sent_end} were ever sent: the boot epoch was used before"
)]
pub struct SequenceUnknown {
    /// What the gateway said.
    pub next_sequence: u64,
    /// The end of what can have been sent.
    pub sent_end: u64,
}

/// The buffer.
#[derive(Debug)]
pub struct Outbox {
    settings: OutboxSettings,
    /// Of the settings, or less when the gateway takes less.
    batch_len: usize,
    held: VecDeque<Held>,
    /// Sequence of the first one held.
    oldest: u64,
    /// Sequence of the first one that has not been sent in this session.
    unsent: u64,
    /// End of all that were ever sent in this boot epoch.
    sent_end: u64,
    /// The batch whose acknowledgement is timed: its end, and when it went out.
    timed: Option<(u64, Duration)>,
    round_trip: Option<Duration>,
    statistics: OutboxStatistics,
}

#[derive(Debug)]
struct Held {
    heard_at: Duration,
    sighting: v1::Sighting,
}

impl Outbox {
    /// An empty buffer. The first sighting gets number 0.
    pub fn new(settings: OutboxSettings) -> Self {
        let settings = OutboxSettings {
            held_len_max: settings.held_len_max.max(1),
            batch_len: settings.batch_len.clamp(1, SIGHTINGS_PER_BATCH_MAX),
            ..settings
        };
        Self {
            settings,
            batch_len: settings.batch_len,
            held: VecDeque::new(),
            oldest: 0,
            unsent: 0,
            sent_end: 0,
            timed: None,
            round_trip: None,
            statistics: OutboxStatistics::default(),
        }
    }

    /// Takes in a sighting that was heard `sighting.age_ms` before `now`, and gives it its number.
    pub fn push(&mut self, now: Duration, mut sighting: v1::Sighting) -> u64 {
        // One byte too many is enough for the gateway to refuse it, and a frame stays in its bounds.
        sighting.identity.truncate(IDENTITY_LEN_MAX + 1);
        if self.held.len() >= self.settings.held_len_max && self.held.pop_front().is_some() {
            self.oldest += 1;
            self.unsent = self.unsent.max(self.oldest);
            self.statistics.dropped += 1;
        }
        let heard_at = now.saturating_sub(Duration::from_millis(u64::from(sighting.age_ms)));
        self.held.push_back(Held { heard_at, sighting });
        self.statistics.pushed += 1;
        self.next_sequence() - 1
    }

    /// Takes over what another process held: `held` have the numbers from `oldest` on, and any of them may have been
    /// sent. When there are too many, the oldest go and are counted.
    pub(super) fn recover(&mut self, oldest: u64, dropped: u64, held: impl Iterator<Item = (Duration, v1::Sighting)>) {
        self.held = held.map(|(heard_at, sighting)| Held { heard_at, sighting }).collect();
        let too_many = self.held.len().saturating_sub(self.settings.held_len_max);
        self.statistics = OutboxStatistics {
            pushed: dropped + self.held.len() as u64,
            dropped: dropped + too_many as u64,
            ..OutboxStatistics::default()
        };
        self.held.drain(..too_many);
        self.oldest = oldest + too_many as u64;
        self.unsent = self.oldest;
        self.sent_end = self.next_sequence();
        self.timed = None;
    }

    /// Fills `batch` with the next sightings to send, when it is time for them; false when it is not.
    pub fn fill(&mut self, now: Duration, batch: &mut Batch) -> bool {
        if self.due_at(now).is_none_or(|due_at| due_at > now) {
            return false;
        }
        let range = self.next_range();
        batch.first_sequence = self.unsent;
        batch.sent_at = now;
        batch.sightings.clear();
        batch.sightings.extend(self.held.range(range).map(|held| {
            let age_ms = u32::try_from(now.saturating_sub(held.heard_at).as_millis()).unwrap_or(u32::MAX);
            v1::Sighting {
                age_ms,
                ..held.sighting.clone()
            }
        }));
        self.sent(now, batch.sightings.len() as u64);
        true
    }

    /// When the next batch is due; `None` until something is pushed or acknowledged.
    pub fn due_at(&self, now: Duration) -> Option<Duration> {
        let range = self.next_range();
        let first = self.held.get(range.start).filter(|_| !range.is_empty())?;
        match range.len() >= self.batch_len {
            true => Some(now),
            false => Some(first.heard_at + self.settings.batch_age),
        }
    }

    /// Forgets what the gateway has taken. One that is old or said twice changes nothing.
    ///
    /// # Errors
    /// When it names what was never sent; nothing is forgotten then.
    pub fn acknowledge(&mut self, now: Duration, next_sequence: u64) -> Result<(), SequenceUnknown> {
        self.check(next_sequence)?;
        let taken = next_sequence.saturating_sub(self.oldest).min(self.held.len() as u64);
        self.held.drain(..usize::try_from(taken).unwrap_or(usize::MAX));
        self.oldest += taken;
        self.unsent = self.unsent.max(self.oldest);
        self.statistics.acked += taken;
        if let Some((_, sent_at)) = self.timed.take_if(|(end, _)| next_sequence >= *end) {
            self.round_trip = Some(now.saturating_sub(sent_at));
        }
        Ok(())
    }

    /// Starts a new session: the gateway has taken everything before `next_sequence`, the rest is sent (again).
    ///
    /// # Errors
    /// When it names what was never sent: call [`Outbox::restart`] and say hello with another boot epoch.
    pub fn resume(&mut self, now: Duration, next_sequence: u64) -> Result<(), SequenceUnknown> {
        self.timed = None;
        self.acknowledge(now, next_sequence)?;
        self.unsent = self.oldest;
        Ok(())
    }

    /// Starts a new boot epoch: everything held is sent, whatever was sent in the last one.
    pub fn restart(&mut self) {
        self.timed = None;
        self.unsent = self.oldest;
        self.sent_end = self.oldest;
    }

    /// In this session the gateway takes batches of at most this many sightings; 0: it did not say.
    pub fn limit_batches(&mut self, batch_len_max: usize) {
        self.batch_len = match batch_len_max {
            0 => self.settings.batch_len,
            batch_len_max => self.settings.batch_len.min(batch_len_max),
        };
    }

    /// The number of the oldest sighting that is held; of the next one when none is.
    pub fn oldest_sequence(&self) -> u64 {
        self.oldest
    }

    /// The number that the next sighting gets.
    pub fn next_sequence(&self) -> u64 {
        self.oldest + self.held.len() as u64
    }

    /// Sightings that are held, in flight or not.
    pub fn held_len(&self) -> usize {
        self.held.len()
    }

    /// Sightings that are held, the oldest first, with when they were heard.
    pub(super) fn held(&self) -> impl DoubleEndedIterator<Item = (Duration, &v1::Sighting)> {
        self.held.iter().map(|held| (held.heard_at, &held.sighting))
    }

    /// Sightings on their way in this session.
    pub fn in_flight_len(&self) -> usize {
        usize::try_from(self.unsent - self.oldest).unwrap_or(usize::MAX)
    }

    /// From the sending of the last timed batch to its acknowledgement.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// What was counted since the start.
    pub fn statistics(&self) -> OutboxStatistics {
        self.statistics
    }

    /// Where the next batch lies in `held`; empty while too much is in flight.
    fn next_range(&self) -> Range<usize> {
        let start = self.in_flight_len();
        let room = IN_FLIGHT_LEN_MAX.saturating_sub(start);
        let len = (self.held.len() - start).min(self.batch_len);
        // A batch goes whole or not at all, so that a slow gateway does not get crumbs.
        if len > room { start..start } else { start..start + len }
    }

    fn sent(&mut self, now: Duration, len: u64) {
        let end = self.unsent + len;
        self.statistics.sent += len;
        self.statistics.resent += self.sent_end.clamp(self.unsent, end) - self.unsent;
        self.unsent = end;
        self.sent_end = self.sent_end.max(end);
        self.timed.get_or_insert((end, now));
    }

    fn check(&self, next_sequence: u64) -> Result<(), SequenceUnknown> {
        // The gateway may take the oldest that we said we hold for what comes next.
        let sent_end = self.sent_end.max(self.oldest);
        match next_sequence > sent_end {
            true => Err(SequenceUnknown {
                next_sequence,
                sent_end,
            }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn outbox(held_len_max: usize, batch_len: usize) -> Outbox {
        Outbox::new(OutboxSettings {
            held_len_max,
            batch_len,
            batch_age: Duration::from_millis(100),
        })
    }

    fn push(outbox: &mut Outbox, count: usize) {
        for _ in 0..count {
            outbox.push(Duration::ZERO, v1::Sighting::default());
        }
    }

    /// The next batch, as the range of its numbers.
    fn fill(outbox: &mut Outbox) -> Option<Range<u64>> {
        let mut batch = Batch::default();
        let filled = outbox.fill(SECOND, &mut batch);
        filled.then(|| batch.first_sequence..batch.first_sequence + batch.sightings.len() as u64)
    }

    #[test]
    fn a_batch_is_due_by_size_or_by_age() {
        let mut outbox = outbox(100, 3);
        assert_eq!(outbox.due_at(SECOND), None);
        outbox.push(SECOND, v1::Sighting::default());
        assert_eq!(outbox.due_at(SECOND), Some(SECOND + Duration::from_millis(100)));
        assert!(!outbox.fill(SECOND, &mut Batch::default()));
        push(&mut outbox, 2);
        assert_eq!(outbox.due_at(SECOND), Some(SECOND));
        assert_eq!(fill(&mut outbox), Some(0..3));
        assert_eq!(outbox.due_at(SECOND), None, "all that is held is in flight");
    }

    #[test]
    fn the_age_counts_to_the_sending_of_the_batch_again_and_again() {
        let mut outbox = outbox(100, 64);
        outbox.push(
            SECOND,
            v1::Sighting {
                age_ms: 30,
                ..v1::Sighting::default()
            },
        );
        let mut batch = Batch::default();
        assert!(outbox.fill(2 * SECOND, &mut batch));
        assert_eq!((batch.sent_at, batch.sightings[0].age_ms), (2 * SECOND, 1_030));
        outbox.resume(2 * SECOND, 0).unwrap();
        assert!(outbox.fill(5 * SECOND, &mut batch));
        assert_eq!(batch.sightings[0].age_ms, 4_030);
    }

    #[test]
    fn an_acknowledgement_that_is_old_or_said_twice_changes_nothing() {
        let mut outbox = outbox(100, 10);
        push(&mut outbox, 10);
        assert_eq!(fill(&mut outbox), Some(0..10));
        for next_sequence in [4, 4, 0, 3, 4] {
            outbox.acknowledge(SECOND, next_sequence).unwrap();
            assert_eq!(
                (outbox.oldest_sequence(), outbox.held_len(), outbox.in_flight_len()),
                (4, 6, 6)
            );
        }
        assert_eq!(outbox.statistics().acked, 4);
    }

    #[test]
    fn an_acknowledgement_of_what_was_never_sent_is_refused_whole() {
        let mut outbox = outbox(100, 10);
        push(&mut outbox, 20);
        assert_eq!(fill(&mut outbox), Some(0..10));
        let unknown = SequenceUnknown {
            next_sequence: 11,
            sent_end: 10,
        };
        assert_eq!(outbox.acknowledge(SECOND, 11), Err(unknown));
        assert_eq!(outbox.held_len(), 20);
        assert_eq!(outbox.resume(SECOND, u64::MAX).unwrap_err().sent_end, 10);
        outbox.restart();
        assert_eq!(fill(&mut outbox), Some(0..10), "a new epoch gets everything");
    }

    #[test]
    fn a_new_session_starts_where_the_gateway_stopped() {
        let mut outbox = outbox(100, 10);
        push(&mut outbox, 30);
        assert_eq!((fill(&mut outbox), fill(&mut outbox)), (Some(0..10), Some(10..20)));
        outbox.resume(SECOND, 13).unwrap();
        assert_eq!((fill(&mut outbox), fill(&mut outbox)), (Some(13..23), Some(23..30)));
        assert_eq!(
            outbox.statistics(),
            OutboxStatistics {
                pushed: 30,
                sent: 37,
                resent: 7,
                acked: 13,
                dropped: 0
            }
        );
    }

    #[test]
    fn when_it_is_full_the_oldest_goes_also_when_it_is_in_flight() {
        let mut outbox = outbox(10, 5);
        push(&mut outbox, 10);
        assert_eq!(fill(&mut outbox), Some(0..5));
        push(&mut outbox, 8);
        assert_eq!(
            (
                outbox.oldest_sequence(),
                outbox.in_flight_len(),
                outbox.statistics().dropped
            ),
            (8, 0, 8)
        );
        assert_eq!(fill(&mut outbox), Some(8..13));
        outbox.acknowledge(SECOND, 5).unwrap();
        assert_eq!(outbox.oldest_sequence(), 8);
    }

    #[test]
    fn what_is_in_flight_is_bounded() {
        let mut outbox = outbox(100_000, 100);
        push(&mut outbox, 50_000);
        while fill(&mut outbox).is_some() {}
        assert_eq!(outbox.in_flight_len(), IN_FLIGHT_LEN_MAX / 100 * 100);
        outbox.acknowledge(SECOND, 100).unwrap();
        assert_eq!(fill(&mut outbox).map(Iterator::count), Some(100));
    }

    #[test]
    fn the_gateway_may_take_smaller_batches_for_one_session() {
        let mut outbox = outbox(1_000, 64);
        push(&mut outbox, 1_000);
        outbox.limit_batches(7);
        assert_eq!(fill(&mut outbox), Some(0..7));
        outbox.limit_batches(0);
        assert_eq!(fill(&mut outbox), Some(7..71));
    }

    #[test]
    fn the_round_trip_is_that_of_the_batch_which_is_timed() {
        let mut outbox = outbox(100, 1);
        push(&mut outbox, 3);
        assert!(fill(&mut outbox).is_some() && fill(&mut outbox).is_some());
        outbox.acknowledge(SECOND + Duration::from_millis(7), 1).unwrap();
        outbox.acknowledge(SECOND + Duration::from_millis(9), 2).unwrap();
        assert_eq!(outbox.round_trip(), Some(Duration::from_millis(7)));
    }

    #[test]
    fn an_identity_that_is_far_too_long_cannot_burst_a_frame() {
        let mut outbox = outbox(300, 256);
        for _ in 0..256 {
            let identity = vec![7; 60_000].into();
            outbox.push(
                Duration::ZERO,
                v1::Sighting {
                    identity,
                    ..v1::Sighting::default()
                },
            );
        }
        let mut batch = Batch::default();
        assert!(outbox.fill(SECOND, &mut batch));
        let len: usize = batch.sightings.iter().map(prost::Message::encoded_len).sum();
        assert!(len + 3 * 256 < nextbest_proto::limits::HUB_TO_GATEWAY_LEN_MAX, "{len}");
    }
}
