//! The promise ledger: whom our own answers have sent where, so that the next person sees the queue that is on its way.
//!
//! A decide that sends somebody to a place expects them there after their walk, by the learned share of those who follow,
//! and the rest at the place they would find by themselves, the nearest. The promise ends when presence sees them in
//! either queue, when another answer sends them elsewhere, when they may not be located any more, or when it expires.
//! Whoever is seen counts as one person there and no more as a promise.
//!
//! Nothing waits and nothing is allocated: a swap, an addition to a bin, and the forecast of the place anew.

use std::sync::atomic::{AtomicU32, Ordering};

use super::bins::{BIN_MS, PARTS};
use super::forecast::bin_of;
use super::promises::Promise;
use super::{Crowd, Outlook, Place};
use crate::model::Timestamp;

/// Seconds to walk for somebody whose position is not known.
const WALK_UNKNOWN_S: u32 = 60;

/// Where a decide sends somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The place.
    pub place: u16,
    /// Seconds to walk; `None`: their position is not known, and what becomes of it teaches nothing.
    pub walk_s: Option<u32>,
    /// The nearest place of the kind, and the seconds to it.
    pub nearest: (u16, u32),
}

/// What became of promises since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromiseCounts {
    /// Answers that sent somebody to a place.
    pub made: u32,
    /// They came.
    pub kept: u32,
    /// They came to the nearest place instead.
    pub strayed: u32,
    /// They were sent elsewhere, or may not be located any more.
    pub withdrawn: u32,
    /// Nothing was heard of them.
    pub expired: u32,
}

#[derive(Default)]
pub(super) struct Tally {
    made: AtomicU32,
    kept: AtomicU32,
    strayed: AtomicU32,
    withdrawn: AtomicU32,
    expired: AtomicU32,
}

impl Crowd {
    /// Somebody is sent to a place from a zone. Their promise before is given back; who is in the queue already is
    /// counted there, and promises nothing.
    pub fn promise(&self, now: Timestamp, slot: u32, sent: &Sent, from: Option<u16>) {
        let Some(place) = self.places.get(usize::from(sent.place)) else {
            return;
        };
        if place.spec.servers == 0 || (from.is_some() && place.spec.queue_zone == from) {
            self.withdraw(slot);
            return;
        }
        let promise = self.weigh(now, sent);
        self.expect(&promise);
        self.tally.made.fetch_add(1, Ordering::Relaxed);
        let before = self.promises.swap(slot, Some(&promise), self.bin());
        if let Some(before) = before {
            self.give_back(&before);
            self.tally.withdrawn.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Somebody is seen in a zone that they were not in before: if it is the queue that they were sent to, or that of
    /// the nearest place, their promise ends.
    pub fn arrive(&self, slot: u32, zone: u16) {
        let bin = self.bin();
        let Some(promise) = self.promises.of(slot, bin) else {
            return;
        };
        let queues_at = |place: u16| {
            let place = self.places.get(usize::from(place));
            place.is_some_and(|place| place.spec.queue_zone == Some(zone))
        };
        let (at, seen_at) = if queues_at(promise.place) {
            (promise.place, (promise.bin, promise.parts))
        } else if promise.nearest != promise.place && queues_at(promise.nearest) {
            (promise.nearest, (promise.nearest_bin, promise.nearest_parts))
        } else {
            return;
        };
        if !self.promises.take(slot, &promise) {
            return;
        }
        self.give_back(&promise);
        self.learn(&promise, at == promise.place);
        if let Some(place) = self.places.get(usize::from(at)) {
            let (expected_bin, parts) = seen_at;
            // What a bin that is over held has flown into the queue.
            let counted = if expected_bin < bin { parts } else { 0 };
            place.forecast.add_people((PARTS - counted) as f32 / PARTS as f32);
            self.refresh(place);
        }
    }

    /// Somebody's promise ends without a word on what became of it.
    pub fn withdraw(&self, slot: u32) {
        if let Some(before) = self.promises.swap(slot, None, self.bin()) {
            self.give_back(&before);
            self.tally.withdrawn.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What somebody meets at a place after so many seconds of walking; `None`: its queue is not known. Their own promise
    /// makes no queue for them.
    #[must_use]
    pub fn outlook(&self, now: Timestamp, own: Option<&Promise>, place_ix: u16, walk_s: u32) -> Option<Outlook> {
        let place = self.places.get(usize::from(place_ix))?;
        self.wait_s(place_ix)?;
        let at_ms = now.as_millis() + u64::from(walk_s) * 1_000;
        let is_before = |own: &&Promise| own.place == place_ix && u64::from(own.bin) * BIN_MS <= at_ms;
        let own = own.filter(is_before).map_or(0.0, |own| own.parts as f32 / PARTS as f32);
        Some(place.forecast.outlook(at_ms, own, place.service()))
    }

    /// The live promise of somebody.
    #[must_use]
    pub fn promise_of(&self, slot: u32) -> Option<Promise> {
        self.promises.of(slot, self.bin())
    }

    /// People who are on their way to a place by our own answers; in expectation, so a part of each.
    #[must_use]
    pub fn promised(&self, place_ix: u16) -> f32 {
        let place = self.places.get(usize::from(place_ix));
        place.map_or(0.0, |place| place.arrivals.people_from(place.forecast.bin()))
    }

    /// The share of those sent somewhere who come, as learned.
    #[must_use]
    pub fn compliance(&self) -> f32 {
        self.compliance.share()
    }

    /// What became of promises.
    #[must_use]
    pub fn promise_counts(&self) -> PromiseCounts {
        let count = |count: &AtomicU32| count.load(Ordering::Relaxed);
        PromiseCounts {
            made: count(&self.tally.made),
            kept: count(&self.tally.kept),
            strayed: count(&self.tally.strayed),
            withdrawn: count(&self.tally.withdrawn),
            expired: count(&self.tally.expired),
        }
    }

    /// Asks for a person's word, so that it comes while other memory is asked for. What it returns means nothing.
    #[must_use]
    pub fn touch(&self, slot: u32) -> u64 {
        self.promises.touch(slot)
    }

    pub(super) fn expire(&self, promises: u32) {
        self.tally.expired.fetch_add(promises, Ordering::Relaxed);
        self.compliance.on_lost(promises);
    }

    /// A promise with the shares of the moment. Who goes to the nearest place anyway teaches nothing about compliance.
    fn weigh(&self, now: Timestamp, sent: &Sent) -> Promise {
        let (mut parts, mut nearest_parts) = self.compliance.parts();
        let is_nearest = sent.nearest.0 == sent.place;
        if is_nearest {
            (parts, nearest_parts) = ((parts + nearest_parts).min(PARTS), 0);
        }
        let bin_after = |walk_s: u32| {
            let at = Timestamp::from_millis(now.as_millis() + u64::from(walk_s) * 1_000);
            self.within_horizon(bin_of(at))
        };
        Promise {
            place: sent.place,
            bin: bin_after(sent.walk_s.unwrap_or(WALK_UNKNOWN_S)),
            parts,
            nearest: sent.nearest.0,
            nearest_bin: bin_after(sent.nearest.1),
            nearest_parts,
            counts: sent.walk_s.is_some() && !is_nearest,
        }
        .fitted()
    }

    fn expect(&self, promise: &Promise) {
        if let Some(place) = self.places.get(usize::from(promise.place)) {
            place.arrivals.add(promise.bin, promise.parts, promise.counts);
            self.refresh(place);
        }
        if promise.nearest_parts > 0
            && let Some(place) = self.places.get(usize::from(promise.nearest))
        {
            place.arrivals.add(promise.nearest_bin, promise.nearest_parts, false);
            self.refresh(place);
        }
    }

    /// Takes out of the bins what [`Crowd::expect`] put there.
    fn give_back(&self, promise: &Promise) {
        if let Some(place) = self.places.get(usize::from(promise.place)) {
            place.arrivals.take(promise.bin, promise.parts, promise.counts);
            self.refresh(place);
        }
        if promise.nearest_parts > 0
            && let Some(place) = self.places.get(usize::from(promise.nearest))
            && promise.nearest_bin.saturating_add(super::bins::EXPIRES_BINS) >= self.bin()
        {
            place.arrivals.take(promise.nearest_bin, promise.nearest_parts, false);
            self.refresh(place);
        }
    }

    fn learn(&self, promise: &Promise, is_kept: bool) {
        let count = if is_kept { &self.tally.kept } else { &self.tally.strayed };
        count.fetch_add(1, Ordering::Relaxed);
        if promise.counts && is_kept {
            self.compliance.on_came();
        } else if promise.counts {
            self.compliance.on_nearest();
        }
    }

    #[expect(clippy::unused_self, reason = "reads as what is done to the place")]
    fn refresh(&self, place: &Place) {
        place.forecast.refresh(place.service(), &place.arrivals);
    }
}

#[cfg(test)]
mod tests {
    use super::super::bins::{BIN_MS, EXPIRES_BINS};
    use super::super::{CrowdSettings, PlaceSpec};
    use super::*;

    const ZONES: usize = 3;
    const CUSTOMERS: u32 = 4_096;
    /// Where people come from.
    const SEAT: Option<u16> = Some(2);

    /// Two equal stands with a queue zone each.
    fn crowd() -> Crowd {
        let stand = |queue_zone| PlaceSpec {
            queue_zone: Some(queue_zone),
            servers: 4,
            service_s: 40.0,
        };
        let settings = CrowdSettings {
            tag_share: 1.0,
            compliance: 1.0,
            customers_max: CUSTOMERS,
        };
        let crowd = Crowd::new(ZONES, &[stand(0), stand(1)], &settings);
        crowd.tick(at(0));
        crowd
    }

    fn at(s: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + s * 1_000)
    }

    fn sent(place: u16, walk_s: u32) -> Sent {
        Sent {
            place,
            walk_s: Some(walk_s),
            nearest: (1 - place, 10),
        }
    }

    fn wait_s(crowd: &Crowd, place: u16, walk_s: u32) -> f32 {
        crowd.outlook(at(0), None, place, walk_s).unwrap().wait_s
    }

    #[test]
    fn the_next_person_sees_the_promised_queue() {
        let crowd = crowd();
        for slot in 0..30 {
            crowd.promise(at(0), slot, &sent(0, 60), SEAT);
        }
        assert!((crowd.promised(0) - 30.0).abs() < 0.01, "{}", crowd.promised(0));
        assert!(wait_s(&crowd, 0, 70) > 150.0, "{}", wait_s(&crowd, 0, 70));
        assert_eq!(wait_s(&crowd, 0, 40), 0.0, "who is there before them does not wait");
        assert_eq!(wait_s(&crowd, 1, 70), 0.0);
    }

    #[test]
    fn a_person_has_one_live_promise_and_makes_no_queue_for_themselves() {
        let crowd = crowd();
        for _ in 0..50 {
            crowd.promise(at(0), 7, &sent(0, 60), SEAT);
        }
        assert!((crowd.promised(0) - 1.0).abs() < 0.01);
        crowd.promise(at(0), 7, &sent(1, 60), SEAT);
        assert_eq!(crowd.promised(0), 0.0);
        assert!((crowd.promised(1) - 1.0).abs() < 0.01);
        let own = crowd.promise_of(7);
        assert_eq!(crowd.outlook(at(0), own.as_ref(), 1, 60).unwrap().risk_s, 0.0);
        assert!(crowd.outlook(at(0), None, 1, 70).unwrap().risk_s > 0.0);
    }

    #[test]
    fn who_comes_is_counted_in_the_queue_and_not_twice() {
        let crowd = crowd();
        for slot in 0..20 {
            crowd.promise(at(0), slot, &sent(0, 30), SEAT);
        }
        let before_s = wait_s(&crowd, 0, 40);
        for slot in 0..20 {
            crowd.on_move(SEAT, Some(0));
            crowd.arrive(slot, 0);
        }
        assert_eq!((crowd.promised(0), crowd.promise_counts().kept), (0.0, 20));
        crowd.tick(at(0));
        let people = crowd.queue(0).unwrap().people;
        let after_s = wait_s(&crowd, 0, 0);
        assert_eq!(people, Some(20));
        assert!(
            (after_s - 170.0).abs() < 1.0,
            "20 people and 4 servers of 40 s: {after_s}"
        );
        assert!(before_s < after_s + 1.0, "{before_s} {after_s}");
        crowd.arrive(3, 0);
        assert_eq!(crowd.promise_counts().kept, 20, "nobody comes twice");
    }

    #[test]
    fn what_expires_is_given_back_and_teaches() {
        let crowd = crowd();
        for slot in 0..100 {
            crowd.promise(at(0), slot, &sent(0, 60), SEAT);
        }
        let late_s = 60 + u64::from(EXPIRES_BINS + 2) * BIN_MS / 1_000;
        for step in 0..=late_s * 4 {
            crowd.tick(Timestamp::from_millis(1_000_000 + step * 250));
        }
        assert_eq!((crowd.promised(0), crowd.promise_counts().expired), (0.0, 100));
        assert_eq!(crowd.outlook(at(late_s), None, 0, 30).unwrap().wait_s, 0.0);
        assert!(crowd.compliance() < 0.2, "{}", crowd.compliance());
        crowd.promise(at(late_s), 0, &sent(1, 60), SEAT);
        assert_eq!(
            crowd.promise_counts().withdrawn,
            0,
            "what has expired is not given back again"
        );
    }

    #[test]
    fn compliance_follows_what_people_do() {
        let crowd = crowd();
        for slot in 0..1_000 {
            crowd.promise(at(0), slot, &sent(0, 60), SEAT);
            crowd.arrive(slot, u16::from(slot % 10 >= 6));
        }
        assert!((crowd.compliance() - 0.6).abs() < 0.02, "{}", crowd.compliance());
        let counts = crowd.promise_counts();
        assert_eq!((counts.kept, counts.strayed), (600, 400));
        crowd.promise(at(0), 0, &sent(0, 60), SEAT);
        let (there, nearest) = (crowd.promised(0), crowd.promised(1));
        assert!(
            (there - 0.6).abs() < 0.02 && (nearest - 0.4).abs() < 0.02,
            "{there} {nearest}"
        );
    }

    #[test]
    fn who_is_in_the_queue_promises_nothing() {
        let crowd = crowd();
        crowd.promise(at(0), 1, &sent(0, 0), Some(0));
        assert_eq!((crowd.promised(0), crowd.promise_counts().made), (0.0, 0));
    }

    #[test]
    fn sixty_four_threads_at_once_lose_no_promise() {
        let crowd = crowd();
        std::thread::scope(|scope| {
            for thread in 0..64_u32 {
                let crowd = &crowd;
                scope.spawn(move || {
                    for round in 0..400_u32 {
                        // Half of them argue about the same people.
                        let slot = if thread % 2 == 0 {
                            thread * 32 + round % 32
                        } else {
                            3_000 + round % 8
                        };
                        crowd.promise(at(0), slot, &sent((round % 2) as u16, 30 + round % 60), SEAT);
                        if round % 7 == 0 {
                            crowd.arrive(slot, (round % 2) as u16);
                        }
                    }
                });
            }
        });
        let live = (0..CUSTOMERS).filter_map(|slot| crowd.promise_of(slot));
        let expected = live.fold([0.0; 2], |mut people, promise| {
            people[usize::from(promise.place)] += promise.parts as f32 / PARTS as f32;
            people[usize::from(promise.nearest)] += promise.nearest_parts as f32 / PARTS as f32;
            people
        });
        for place in 0..2 {
            let promised = crowd.promised(place);
            assert!(
                (promised - expected[usize::from(place)]).abs() < 0.05,
                "{promised} {expected:?}"
            );
        }
        let counts = crowd.promise_counts();
        assert_eq!(counts.made, 64 * 400);
        let live = (0..CUSTOMERS).filter(|slot| crowd.promise_of(*slot).is_some()).count();
        assert_eq!(
            counts.kept + counts.strayed + counts.withdrawn + live as u32,
            counts.made
        );
        let forecast = wait_s(&crowd, 0, 95);
        crowd.refresh(&crowd.places[0]);
        assert!(
            (wait_s(&crowd, 0, 95) - forecast).abs() < 0.01,
            "every promise is in the forecast"
        );
    }
}
