//! From a hub's bytes to the engine: no await, no allocation, one `now` for each chunk.
//!
//! What a chunk brought is counted here and added to the gateway's counters once, so that a sighting costs no
//! atomic operation of the shell's.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use nextbest_proto::frame::FrameReader;
use nextbest_proto::v1::{self, ErrorCode};
use nextbest_venue::HubIx;

use super::metrics::{Counter, Metrics};
use super::overload::Step;
use super::shared::Shared;
use crate::engine::{HubIntake, SightingOutcome};
use crate::model::{STEP_MS, Sighting, Timestamp};
use crate::planted::{Bug, planted};
use crate::wire::{HubFrame, SightingBatchReader, read_hub_frame};

/// A sighting that its hub has kept for longer was late before it came.
const LATE_MS: u32 = 4 * STEP_MS as u32;

/// What a hub session has taken.
pub(super) struct Intake {
    boot_epoch: u64,
    engine: HubIntake,
    /// Whether a batch was taken that is not yet acknowledged.
    owes_ack: bool,
    /// Frames that have come whole.
    frames: u64,
}

/// How a chunk went.
pub(super) enum Taken {
    /// All of it was taken.
    All,
    /// The hub has said goodbye.
    Goodbye,
}

impl Intake {
    /// Goes on where the hub was, or starts with its new boot.
    pub(super) fn start(shared: &Shared, hub: HubIx, hello: &v1::HubHello) -> Self {
        let now = shared.clock.now();
        shared.hub_book.on_hello(hub, &hello.firmware);
        let engine = shared
            .engine
            .hub_connected(now, hub, hello.boot_epoch, hello.oldest_sequence);
        Self {
            boot_epoch: hello.boot_epoch,
            engine,
            owes_ack: false,
            frames: 0,
        }
    }

    /// Everything before this number was taken.
    pub(super) fn next_sequence(&self) -> u64 {
        self.engine.next_sequence()
    }

    /// How many frames have come whole.
    pub(super) const fn frames(&self) -> u64 {
        self.frames
    }

    /// The acknowledgement that the last chunk has earned.
    pub(super) fn acknowledgement(&mut self) -> Option<u64> {
        let too_many = u64::from(planted(Bug::AcknowledgedBeforeTaken));
        std::mem::take(&mut self.owes_ack).then(|| self.next_sequence() + too_many)
    }

    /// Takes every frame that the chunk completes.
    ///
    /// # Errors
    /// The error to tell the hub, after which its stream cannot be read on.
    pub(super) fn take_chunk(
        &mut self,
        shared: &Shared,
        reader: &mut FrameReader,
        mut chunk: &[u8],
    ) -> Result<Taken, v1::Error> {
        let now = shared.clock.now();
        let _noted = shared.overload.hubs.backlog.wait();
        let mut tally = Tally::default();
        let taken = loop {
            match reader.next(&mut chunk) {
                Ok(Some(frame)) => {
                    self.frames = self.frames.wrapping_add(1);
                    match self.take_frame(shared, now, frame, &mut tally) {
                        Ok(Taken::All) => {}
                        end => break end,
                    }
                }
                Ok(None) => break Ok(Taken::All),
                Err(error) => break Err(v1::Error::because(error.code(), error.to_string())),
            }
        };
        tally.add_to(&shared.metrics);
        taken
    }

    /// Takes a batch that came as a datagram. One that makes no sense is counted: nobody waits for an answer.
    pub(super) fn take_datagram(&mut self, shared: &Shared, datagram: &[u8]) {
        let mut tally = Tally::default();
        match SightingBatchReader::new(datagram) {
            Ok(batch) if batch.boot_epoch == self.boot_epoch => {
                shared.metrics.count(Counter::BatchDatagram);
                self.take_batch(shared, shared.clock.now(), &batch, &mut tally);
            }
            Ok(_) | Err(_) => shared.metrics.count(Counter::BatchRefused),
        }
        tally.add_to(&shared.metrics);
    }

    fn take_frame(
        &mut self,
        shared: &Shared,
        now: Timestamp,
        frame: &[u8],
        tally: &mut Tally,
    ) -> Result<Taken, v1::Error> {
        match read_hub_frame(frame) {
            Ok(HubFrame::Batch(batch)) if batch.boot_epoch == self.boot_epoch => {
                tally.batches += 1;
                self.owes_ack = true;
                self.take_batch(shared, now, &batch, tally);
                Ok(Taken::All)
            }
            Ok(HubFrame::Batch(_)) => {
                shared.metrics.count(Counter::BatchRefused);
                let sentence = "a batch is expected to have the boot epoch of the hello";
                Err(v1::Error::because(ErrorCode::InvalidField, sentence))
            }
            Ok(HubFrame::Health(health)) => {
                shared
                    .hub_book
                    .on_health(self.engine.hub, health, shared.clock.unix_ms());
                shared.engine.on_hub_alive(now, &mut self.engine);
                Ok(Taken::All)
            }
            Ok(HubFrame::Goodbye(_)) => Ok(Taken::Goodbye),
            Ok(HubFrame::Hello(_)) => Err(v1::Error::new(ErrorCode::UnexpectedMessage)),
            Err(error) => {
                shared.metrics.count(Counter::BatchRefused);
                Err(v1::Error::because(error.code(), error.to_string()))
            }
        }
    }

    fn take_batch(&mut self, shared: &Shared, now: Timestamp, batch: &SightingBatchReader<'_>, tally: &mut Tally) {
        let step = shared.overload.hubs.step();
        let mut bad = 0;
        let numbered = batch.sightings().map(|(sequence, sighting)| {
            let Ok(sighting) = sighting else {
                bad += 1;
                return (sequence, None);
            };
            let shed_for = shed_for(step, now, &sighting);
            if let Some(shed_for) = shed_for {
                // It counts as taken: sent again it would cost the same again.
                shared.overload.count(shed_for, 1);
            }
            (sequence, shed_for.is_none().then_some(sighting))
        });
        shared
            .engine
            .on_sightings(now, &mut self.engine, numbered, |outcome| tally.count(shared, outcome));
        tally.bad += bad;
        shared.engine.on_hub_alive(now, &mut self.engine);
    }
}

/// The step for which a sighting is not looked at, if there is not the time for it.
fn shed_for(step: Step, now: Timestamp, sighting: &Sighting) -> Option<Step> {
    if step >= Step::LateSightings && sighting.age_ms > LATE_MS {
        return Some(Step::LateSightings);
    }
    // Half of the tags in each step of the locator, and the other half in the next: all hubs that hear a tag are heard
    // about it in the same step, and nobody is silent for longer than one.
    let turn = FixedState::default()
        .hash_one(sighting.tag)
        .wrapping_add(u64::from(now.step()));
    (step >= Step::LiveSightings && !turn.is_multiple_of(2)).then_some(Step::LiveSightings)
}

/// What one chunk brought.
#[derive(Default)]
pub(super) struct Tally {
    batches: u64,
    folded: u64,
    moved: u64,
    duplicate: u64,
    late: u64,
    beacon: u64,
    unknown_tag: u64,
    no_radio_value: u64,
    contradicted: u64,
    bad: u64,
}

impl Tally {
    /// Counts what became of a sighting, and wakes who listens when somebody went elsewhere by it.
    pub(super) fn count(&mut self, shared: &Shared, outcome: SightingOutcome) {
        match outcome {
            SightingOutcome::Folded => self.folded += 1,
            SightingOutcome::Moved(change) => {
                self.moved += 1;
                shared.subscribers.wake(change.customer);
            }
            SightingOutcome::Duplicate => self.duplicate += 1,
            SightingOutcome::Late => self.late += 1,
            SightingOutcome::Beacon => self.beacon += 1,
            SightingOutcome::UnknownTag => self.unknown_tag += 1,
            SightingOutcome::NotARadioValue => self.no_radio_value += 1,
            SightingOutcome::Contradicted => self.contradicted += 1,
        }
    }

    pub(super) fn add_to(&self, metrics: &Metrics) {
        metrics.add(Counter::BatchStream, self.batches);
        metrics.add(Counter::SightingFolded, self.folded);
        metrics.add(Counter::SightingMoved, self.moved);
        metrics.add(Counter::SightingDuplicate, self.duplicate);
        metrics.add(Counter::SightingLate, self.late);
        metrics.add(Counter::SightingBeacon, self.beacon);
        metrics.add(Counter::SightingUnknownTag, self.unknown_tag);
        metrics.add(Counter::SightingNoRadioValue, self.no_radio_value);
        metrics.add(Counter::SightingContradicted, self.contradicted);
        metrics.add(Counter::SightingBad, self.bad);
    }
}
