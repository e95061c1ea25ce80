//! Who may begin a handshake: what the listener, and what one address, may have under way.
//!
//! | who comes | when | what happens |
//! |---|---|---|
//! | anybody | every connection or handshake is taken | refused |
//! | an address that has not been shown to be the sender's | a quarter of the handshakes are taken, or the address has used up its own (20 a second, 64 at once) | told to come again with a proof (Retry), which costs us nothing to keep |
//! | an address that has | it has as many under way as are still free for all others | refused |
//!
//! A stadium's phones share a few addresses, so an address that is really theirs is not limited by a rate: it pays one more
//! round trip at most, and leaves half of what it found to all others: of two that want everything, the second still leaves
//! a quarter. Forged addresses end at the Retry.

use std::collections::HashMap;
use std::net::IpAddr;

use super::doors::bucket::{Rate, Sources, network};
use crate::model::Timestamp;

/// What may be under way, and from when on an address has to be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// Handshakes under way.
    pub open_max: usize,
    /// From so many on, every address is proved first. 0: always.
    pub retry_from: usize,
    /// Handshakes of one address without a proof.
    pub unproved: Rate,
    /// Handshakes under way of one address that is proved.
    pub of_address_max: usize,
}

impl HandshakeLimits {
    /// What a listener starts with.
    pub const DEFAULT: Self = Self {
        open_max: 1_024,
        retry_from: 256,
        unproved: Rate { per_s: 20, burst: 64 },
        of_address_max: 512,
    };
}

/// What to do with who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Shake hands.
    Accept,
    /// Have the address proved.
    Retry,
    /// There is no room.
    Refuse,
}

/// The handshakes of one listener.
#[derive(Debug)]
pub(super) struct Admission {
    limits: HandshakeLimits,
    open: usize,
    /// At most as many as there are handshakes under way.
    of_address: HashMap<IpAddr, usize>,
    unproved: Sources,
}

impl Admission {
    pub(super) fn new(limits: HandshakeLimits) -> Self {
        Self {
            limits,
            open: 0,
            of_address: HashMap::new(),
            unproved: Sources::default(),
        }
    }

    /// Whether `from` may begin; `is_proved`: its address was shown to be its own, `may_retry`: that can be asked.
    pub(super) fn judge(&mut self, now: Timestamp, from: IpAddr, is_proved: bool, may_retry: bool) -> Verdict {
        let of_address = self.of_address.get(&network(from)).copied().unwrap_or_default();
        let free = self.limits.open_max.saturating_sub(self.open);
        if of_address >= free.min(self.limits.of_address_max) {
            return Verdict::Refuse;
        }
        let is_crowded = self.open >= self.limits.retry_from;
        if !is_proved && may_retry && (is_crowded || !self.unproved.spend(now, from, self.limits.unproved)) {
            return Verdict::Retry;
        }
        Verdict::Accept
    }

    /// A handshake begins.
    pub(super) fn begin(&mut self, from: IpAddr) {
        self.open += 1;
        *self.of_address.entry(network(from)).or_default() += 1;
    }

    /// A handshake has ended, well or not.
    pub(super) fn end(&mut self, from: IpAddr) {
        self.open = self.open.saturating_sub(1);
        let from = network(from);
        match self.of_address.get_mut(&from) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => {
                self.of_address.remove(&from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(n: u32) -> IpAddr {
        IpAddr::from(Ipv4Addr::from(n))
    }

    fn at_ms(ms: u64) -> Timestamp {
        Timestamp::from_micros(ms * 1_000)
    }

    #[test]
    fn an_address_begins_64_at_once_and_then_has_to_be_proved() {
        let mut admission = Admission::new(HandshakeLimits::DEFAULT);
        let judge = |admission: &mut Admission, n, is_proved| admission.judge(at_ms(0), address(n), is_proved, true);
        let accepted = (0..100)
            .filter(|_| judge(&mut admission, 1, false) == Verdict::Accept)
            .count();
        assert_eq!(accepted, 64);
        assert_eq!(judge(&mut admission, 1, false), Verdict::Retry);
        assert_eq!(
            judge(&mut admission, 1, true),
            Verdict::Accept,
            "a proof is past the rate"
        );
        assert_eq!(
            judge(&mut admission, 2, false),
            Verdict::Accept,
            "another address has its own"
        );
        let later = admission.judge(at_ms(1_000), address(1), false, true);
        assert_eq!(later, Verdict::Accept, "a second gives 20 back");
    }

    #[test]
    fn a_quarter_under_way_asks_everybody_for_a_proof_and_one_address_has_half() {
        let mut admission = Admission::new(HandshakeLimits::DEFAULT);
        for _ in 0..256 {
            admission.begin(address(1));
        }
        assert_eq!(admission.judge(at_ms(0), address(2), false, true), Verdict::Retry);
        assert_eq!(admission.judge(at_ms(0), address(2), true, true), Verdict::Accept);
        for _ in 256..512 {
            admission.begin(address(1));
        }
        assert_eq!(admission.judge(at_ms(0), address(1), true, true), Verdict::Refuse);
        assert_eq!(admission.judge(at_ms(0), address(2), true, true), Verdict::Accept);
        admission.end(address(1));
        assert_eq!(admission.judge(at_ms(0), address(1), true, true), Verdict::Accept);
        for _ in 511..1_024 {
            admission.begin(address(2));
        }
        assert_eq!(admission.judge(at_ms(0), address(3), true, true), Verdict::Refuse);
        for _ in 0..511 {
            admission.end(address(1));
        }
        assert_eq!(admission.of_address.len(), 1, "who is gone is forgotten");
    }

    #[test]
    fn addresses_that_want_everything_leave_room_for_the_next() {
        let mut admission = Admission::new(HandshakeLimits::DEFAULT);
        let mut taken = Vec::new();
        for greedy in 1..=5 {
            let before = admission.open;
            while admission.judge(at_ms(0), address(greedy), true, true) == Verdict::Accept {
                admission.begin(address(greedy));
            }
            taken.push(admission.open - before);
        }
        assert_eq!(taken, [512, 256, 128, 64, 32]);
        assert_eq!(admission.judge(at_ms(0), address(9), true, true), Verdict::Accept);
    }
}
