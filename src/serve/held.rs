//! What sessions hold in memory beside the transport's windows: frames that have not come whole, and replies that wait for a
//! peer who reads slowly.
//!
//! Each connection has [`FREE_BYTES`] of its own, which is enough for a query and its answer. Beyond that it takes from a pool
//! that all connections of a listener share, up to a bound of its own, so that what a listener can hold in all is a number
//! that can be printed. Who was not welcomed yet has nothing of the pool, so nobody without a token can empty it; when it is
//! empty, large requests are refused for a moment and small ones are served.

use std::cell::Cell;
use std::rc::Rc;

/// Bytes that each connection has of its own: a hello or a query of the largest size, in a reader that takes twice the room.
pub(super) const FREE_BYTES: usize = 8 * 1_024;
/// Bytes of a customer's connection, who has one or two requests of the largest size under way.
const CUSTOMER_BYTES_MAX: usize = 64 * 1_024;
/// Bytes of a service's connection, who speaks for many.
const SERVICE_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// What the connections of a listener share.
#[derive(Debug)]
pub(super) struct Pool {
    taken_bytes: Cell<usize>,
    bytes_max: usize,
}

impl Pool {
    /// A pool of so many bytes.
    pub(super) fn new(bytes_max: usize) -> Rc<Self> {
        Rc::new(Self {
            taken_bytes: Cell::new(0),
            bytes_max,
        })
    }
}

/// What one connection holds. Dropping it gives everything back.
#[derive(Debug)]
pub(super) struct Held {
    pool: Rc<Pool>,
    bytes: Cell<usize>,
    bytes_max: Cell<usize>,
}

impl Held {
    /// A connection that holds nothing yet and was not welcomed.
    pub(super) fn new(pool: &Rc<Pool>) -> Self {
        Self {
            pool: Rc::clone(pool),
            bytes: Cell::new(0),
            bytes_max: Cell::new(FREE_BYTES),
        }
    }

    /// The connection is a customer's.
    pub(super) fn is_a_customers(&self) {
        self.bytes_max.set(CUSTOMER_BYTES_MAX);
    }

    /// The connection is a service's.
    pub(super) fn is_a_services(&self) {
        self.bytes_max.set(SERVICE_BYTES_MAX);
    }

    /// Whether the connection was welcomed.
    pub(super) fn is_welcomed(&self) -> bool {
        self.bytes_max.get() > FREE_BYTES
    }

    /// Something takes `after` bytes that took `before`; false when that is too much for the connection or for all. It is
    /// noted either way: whoever is told false gives it back at once.
    pub(super) fn takes(&self, before: usize, after: usize) -> bool {
        let (of_pool_before, bytes) = (self.of_pool(), self.bytes.get());
        let bytes = bytes.saturating_sub(before).saturating_add(after);
        self.bytes.set(bytes);
        let of_pool = self.of_pool();
        let taken = self.pool.taken_bytes.get();
        let taken = taken.saturating_sub(of_pool_before).saturating_add(of_pool);
        self.pool.taken_bytes.set(taken);
        let fits_pool = of_pool <= of_pool_before || taken <= self.pool.bytes_max;
        bytes <= self.bytes_max.get() && fits_pool
    }

    fn of_pool(&self) -> usize {
        self.bytes.get().saturating_sub(FREE_BYTES)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.takes(self.bytes.get(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_holds_what_is_its_own_and_then_of_what_all_share() {
        let pool = Pool::new(100_000);
        let stranger = Held::new(&pool);
        assert!(stranger.takes(0, FREE_BYTES));
        assert!(!stranger.takes(0, 1), "nobody without a token takes from the pool");
        stranger.takes(1, 0);
        let ada = Held::new(&pool);
        ada.is_a_customers();
        assert!(ada.takes(0, 40_000));
        assert!(!ada.takes(0, 40_000), "64 KiB for one");
        assert!(ada.takes(40_000, 0), "what is given back is free");
        let till = Held::new(&pool);
        till.is_a_services();
        assert!(till.takes(0, 60_000));
        assert!(!till.takes(0, 40_000), "100,000 for all");
        till.takes(40_000, 0);
        let ben = Held::new(&pool);
        ben.is_a_customers();
        assert!(ben.takes(0, FREE_BYTES), "what is one's own is never refused");
        drop((stranger, ada, till, ben));
        assert_eq!(pool.taken_bytes.get(), 0);
    }
}
