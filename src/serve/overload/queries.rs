//! Which queries are refused when not all can be answered: those of least worth first, and never quite all.
//!
//! A query is worth what somebody does with its answer. One that a program asks without a deadline can be asked
//! again; one with a deadline has a person looking at a screen. Within a class every tenth is answered all the
//! same, so that no class starves while another is served; beyond [`WAIT_MAX`] nothing is, because by then the
//! answer is late for everybody.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What a query is worth, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::serve) enum QueryClass {
    /// Asks for explanations, or a service asks without a deadline.
    Background,
    /// A customer of the pack's lowest tier, or of none.
    Customer,
    /// A customer of a higher tier.
    Valued,
}

/// Longest that a query may have waited to be read.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// One in so many of a class is answered whatever its class.
const FLOOR: u32 = 10;

impl QueryClass {
    /// The wait from which most of the class is refused.
    pub(super) const fn wait_max(self) -> Duration {
        match self {
            Self::Background => Duration::from_millis(20),
            Self::Customer => Duration::from_millis(35),
            Self::Valued => WAIT_MAX,
        }
    }
}

/// Whose turn it is among those that would be refused.
#[derive(Debug, Default)]
pub(super) struct Turn {
    refused: [AtomicU32; 3],
}

impl Turn {
    /// Whether a query of this class that has waited for so long is refused.
    pub(super) fn refuses(&self, class: QueryClass, wait: Duration) -> bool {
        if wait <= class.wait_max() {
            return false;
        }
        if wait > WAIT_MAX {
            return true;
        }
        let refused = self.refused.get(class as usize);
        refused.is_none_or(|refused| refused.fetch_add(1, Ordering::Relaxed) % FLOOR != FLOOR - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(class: QueryClass, wait_ms: u64) -> usize {
        let turn = Turn::default();
        let wait = Duration::from_millis(wait_ms);
        (0..100).filter(|_| !turn.refuses(class, wait)).count()
    }

    #[test]
    fn what_is_worth_least_goes_first() {
        use QueryClass::{Background, Customer, Valued};
        let table = [
            (20, [100, 100, 100]),
            (21, [10, 100, 100]),
            (36, [10, 10, 100]),
            (51, [0, 0, 0]),
        ];
        for (wait_ms, expected) in table {
            let seen = [Background, Customer, Valued].map(|class| answered(class, wait_ms));
            assert_eq!(seen, expected, "{wait_ms} ms");
        }
    }
}
