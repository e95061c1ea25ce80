//! Watches the streams of one connection. A peer that opens and resets them (rapid reset, RFC 9000 section 21.9), or abandons
//! most of what it asks for, makes work and takes nothing.
//!
//! Deliberately absent: what is done about it; the session closes the connection with `streams_abandoned`.

use std::cell::Cell;
use std::time::Duration;

use crate::model::Timestamp;

/// Streams that a peer may reset within a second.
pub(super) const RESETS_PER_S_MAX: u32 = 100;
/// How long ends are counted before they are judged.
const WINDOW: Duration = Duration::from_secs(10);
/// Ends within the window that are too few to judge.
const ENDS_MIN: u32 = 32;

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Something was answered on it.
    Answered,
    /// The peer reset it, stopped reading or let it rot before anything was answered.
    Abandoned,
}

/// The streams of one connection.
#[derive(Debug)]
pub(super) struct StreamWatch {
    second: Cell<(Timestamp, u32)>,
    window: Cell<(Timestamp, u32, u32)>,
}

impl StreamWatch {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            second: Cell::new((now, 0)),
            window: Cell::new((now, 0, 0)),
        }
    }

    /// Notes an end; true when the connection has had its share: more than 100 abandoned within a second, or more abandoned
    /// than answered within ten.
    pub(super) fn ended(&self, now: Timestamp, how: Ended) -> bool {
        let abandoned = u32::from(how == Ended::Abandoned);
        let (began, count) = self.second.get();
        let (began, count) = if now.since(began) >= Duration::from_secs(1) {
            (now, 0)
        } else {
            (began, count)
        };
        let count = count + abandoned;
        self.second.set((began, count));
        let (began, all, of_them) = self.window.get();
        let (all, of_them) = (all.saturating_add(1), of_them.saturating_add(abandoned));
        let is_over = now.since(began) >= WINDOW;
        self.window
            .set(if is_over { (now, 0, 0) } else { (began, all, of_them) });
        count > RESETS_PER_S_MAX || (is_over && all >= ENDS_MIN && of_them > all / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ms(ms: u64) -> Timestamp {
        Timestamp::from_micros(ms * 1_000)
    }

    #[test]
    fn a_hundred_resets_within_a_second_are_borne_and_one_more_is_not() {
        let watch = StreamWatch::new(at_ms(0));
        assert!((0..100).all(|n| !watch.ended(at_ms(n), Ended::Abandoned)));
        assert!(watch.ended(at_ms(999), Ended::Abandoned));
        let watch = StreamWatch::new(at_ms(0));
        assert!(
            (0..9_000).all(|n| !watch.ended(at_ms(n), Ended::Answered)),
            "answers are no resets"
        );
    }

    #[test]
    fn more_abandoned_than_answered_over_ten_seconds_is_too_much() {
        let half = |n: u64| {
            if n.is_multiple_of(2) {
                Ended::Answered
            } else {
                Ended::Abandoned
            }
        };
        let watch = StreamWatch::new(at_ms(0));
        assert!((0..100).all(|n| !watch.ended(at_ms(n * 110), half(n))), "half is borne");
        let watch = StreamWatch::new(at_ms(0));
        let third = |n: u64| {
            if n.is_multiple_of(3) {
                Ended::Answered
            } else {
                Ended::Abandoned
            }
        };
        let first = (0..100).position(|n| watch.ended(at_ms(n * 110), third(n)));
        assert_eq!(first, Some(91), "the first end after ten seconds");
        let watch = StreamWatch::new(at_ms(0));
        assert!(
            (0..31).all(|n| !watch.ended(at_ms(n * 400), Ended::Abandoned)),
            "too few to tell"
        );
    }
}
