//! The beat of an open-loop load: which requests are due, and since when.
//!
//! Timers of the runtime have steps of a millisecond, too coarse for latencies of a tenth of that. One thread sleeps
//! until each beat (the kernel wakes it within about 60 us) and hands the beat over through a bounded channel. Up to
//! 5,000 requests a second each has a beat of its own; above, requests come in bursts, one every 200 us, and are due
//! when the burst is.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// Shortest time between two beats.
const BEAT_MIN: Duration = Duration::from_micros(200);
/// Beats that may wait to be picked up; a generator that falls behind by more says so.
const BEATS_WAITING_MAX: usize = 65_536;

/// Requests that are due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beat {
    /// Since when.
    pub(super) due: Instant,
    /// How many.
    pub(super) requests: u32,
}

/// Starts the beat: `rate` requests a second, for `lasts`.
pub(super) fn start(rate: u32, lasts: Duration) -> mpsc::Receiver<Beat> {
    let (beats, receiver) = mpsc::channel(BEATS_WAITING_MAX);
    thread::spawn(move || beat(rate, lasts, &beats));
    receiver
}

fn beat(rate: u32, lasts: Duration, beats: &mpsc::Sender<Beat>) {
    let period = Duration::from_secs_f64(1.0 / f64::from(rate.max(1))).max(BEAT_MIN);
    let start = now();
    let mut sent = 0_u64;
    for number in 1_u32.. {
        let due = start + period * number;
        if due.duration_since(start) > lasts {
            return;
        }
        sleep_until(due);
        let due_in_all = (due.duration_since(start).as_secs_f64() * f64::from(rate)).round() as u64;
        let requests = u32::try_from(due_in_all.saturating_sub(sent)).unwrap_or(u32::MAX);
        sent = due_in_all;
        if requests > 0 && beats.blocking_send(Beat { due, requests }).is_err() {
            return;
        }
    }
}

fn sleep_until(due: Instant) {
    let left = due.saturating_duration_since(now());
    if !left.is_zero() {
        #[expect(
            clippy::disallowed_methods,
            reason = "a thread of its own, whose one work is to sleep"
        )]
        thread::sleep(left);
    }
}

/// The moment, on the clock that all latencies are measured with.
pub(super) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a load generator measures real time")]
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_due_once_and_on_time() {
        for rate in [700, 20_000] {
            let mut beats = start(rate, Duration::from_millis(100));
            let mut due = 0;
            let mut before = None;
            while let Some(beat) = beats.blocking_recv() {
                due += beat.requests;
                assert!(before.is_none_or(|before| before < beat.due));
                assert!(beat.due <= now(), "nothing is sent before it is due");
                before = Some(beat.due);
            }
            assert_eq!(due, rate / 10);
        }
    }
}
