//! A batch of sightings: what each needs from memory is asked for before the first is taken.
//!
//! People come in no order, so that a tag's cell and its carrier's record are rarely in a cache. Waiting for one after
//! the other costs more than locating; asked for together, they arrive together. Deliberately absent: a prefetch
//! instruction, which needs `unsafe`; reading early does the same.

use std::hint::black_box;

use super::customer::{CustomerSlot, TagHandle};
use super::{Engine, HubIntake, SightingOutcome};
use crate::model::{Sighting, Timestamp};

/// Sightings that are looked at ahead. Fewer wait for each other, more fill no more of the processor's line buffers.
const AHEAD_LEN: usize = 16;

/// A numbered sighting; `None` where there was none in its bytes, or none that is wanted.
pub type Numbered = (u64, Option<Sighting>);

impl Engine {
    /// [`Engine::on_sighting`] for each of a batch, in order. A number without a sighting is skipped, so that the hub does
    /// not send it again. `said` hears what became of each sighting.
    pub fn on_sightings(
        &self,
        now: Timestamp,
        intake: &mut HubIntake,
        mut sightings: impl Iterator<Item = Numbered>,
        mut said: impl FnMut(SightingOutcome),
    ) {
        let mut ahead: [Option<Numbered>; AHEAD_LEN] = [None; AHEAD_LEN];
        loop {
            for place in &mut ahead {
                *place = sightings.next();
            }
            self.look_ahead(now, intake, &ahead);
            for (sequence, sighting) in ahead.iter().flatten() {
                match sighting {
                    Some(sighting) => said(self.on_sighting(now, intake, *sequence, sighting)),
                    None => intake.skip(*sequence),
                }
            }
            if ahead.iter().any(Option::is_none) {
                return;
            }
        }
    }

    /// Reads what taking the sightings will read: no read waits for one of another sighting.
    fn look_ahead(&self, now: Timestamp, intake: &HubIntake, ahead: &[Option<Numbered>; AHEAD_LEN]) {
        let step = now.step();
        let mut handles: [Option<TagHandle>; AHEAD_LEN] = [None; AHEAD_LEN];
        for (handle, numbered) in handles.iter_mut().zip(ahead) {
            let tag = numbered.and_then(|(_, sighting)| Some(sighting?.tag));
            *handle = tag
                .and_then(|tag| intake.resolved(step, &tag))
                .map(|(handle, _)| handle);
        }
        let mut customers: [Option<CustomerSlot>; AHEAD_LEN] = [None; AHEAD_LEN];
        for (customer, handle) in customers.iter_mut().zip(handles) {
            *customer = handle.and_then(|handle| self.tags.owner(handle));
        }
        for customer in customers.iter().flatten() {
            black_box(self.records.touch(customer.0) ^ self.crowd.touch(customer.0));
        }
    }
}
