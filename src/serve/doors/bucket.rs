//! Token buckets: who comes faster than agreed is turned away, and nobody else notices.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::model::Timestamp;

/// Sources that are remembered at once. When another comes, the one that was silent longest is forgotten, so that forged
/// addresses cost a bounded table and their owners at most a full bucket.
const SOURCES_MAX: usize = 1_024;

/// How fast something may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come back in a second; one is spent for each thing that comes.
    pub per_s: u32,
    /// Tokens that are there after a rest.
    pub burst: u32,
}

/// One bucket.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct Bucket {
    tokens: f64,
    spent_at: Timestamp,
}

impl Bucket {
    /// A full bucket.
    pub(in crate::serve) fn full(now: Timestamp, rate: Rate) -> Self {
        Self {
            tokens: f64::from(rate.burst),
            spent_at: now,
        }
    }

    /// Whether it is as good as a new one.
    pub(in crate::serve) fn is_full(self, now: Timestamp, rate: Rate) -> bool {
        self.tokens_at(now, rate) >= f64::from(rate.burst)
    }

    fn tokens_at(self, now: Timestamp, rate: Rate) -> f64 {
        let since_s = now.as_micros().saturating_sub(self.spent_at.as_micros()) as f64 / 1e6;
        (self.tokens + since_s * f64::from(rate.per_s)).min(f64::from(rate.burst))
    }

    /// Spends a token; false when there is none.
    pub(in crate::serve) fn spend(&mut self, now: Timestamp, rate: Rate) -> bool {
        self.tokens = self.tokens_at(now, rate);
        self.spent_at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

/// A bucket for each address that lately sent something.
#[derive(Debug, Default)]
pub(in crate::serve) struct Sources {
    buckets: HashMap<IpAddr, Bucket>,
}

impl Sources {
    /// Spends a token of an address; false when there is none.
    pub(in crate::serve) fn spend(&mut self, now: Timestamp, from: IpAddr, rate: Rate) -> bool {
        let from = network(from);
        if !self.buckets.contains_key(&from) && self.buckets.len() >= SOURCES_MAX {
            self.forget_the_most_silent();
        }
        let bucket = self.buckets.entry(from).or_insert_with(|| Bucket::full(now, rate));
        bucket.spend(now, rate)
    }

    fn forget_the_most_silent(&mut self) {
        let silent = self.buckets.iter().min_by_key(|(_, bucket)| bucket.spent_at);
        if let Some(from) = silent.map(|(from, _)| *from) {
            self.buckets.remove(&from);
        }
    }
}

/// An address as its owner is told from others: of IPv6, a host has a whole /64 to send from.
pub(in crate::serve) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const RATE: Rate = Rate { per_s: 10, burst: 20 };

    fn at_ms(ms: u64) -> Timestamp {
        Timestamp::from_micros(ms * 1_000)
    }

    fn v4(n: u32) -> IpAddr {
        IpAddr::from(Ipv4Addr::from(n))
    }

    #[test]
    fn a_burst_is_let_in_and_then_the_rate() {
        let mut bucket = Bucket::full(at_ms(0), RATE);
        let let_in = |bucket: &mut Bucket, now, n| (0..n).filter(|_| bucket.spend(now, RATE)).count();
        assert_eq!(let_in(&mut bucket, at_ms(0), 100), 20);
        assert_eq!(let_in(&mut bucket, at_ms(1_000), 100), 10);
        assert_eq!(
            let_in(&mut bucket, at_ms(60_000), 100),
            20,
            "a rest fills the bucket and no more"
        );
    }

    #[test]
    fn a_flood_from_one_address_leaves_the_others_alone() {
        let mut sources = Sources::default();
        let let_in = (0..1_000).filter(|_| sources.spend(at_ms(0), v4(1), RATE)).count();
        assert_eq!(let_in, 20);
        assert!(sources.spend(at_ms(0), v4(2), RATE));
    }

    #[test]
    fn forged_addresses_fill_a_bounded_table_and_forget_the_most_silent() {
        let mut sources = Sources::default();
        for n in 0..10 * SOURCES_MAX as u32 {
            sources.spend(at_ms(u64::from(n)), v4(n), RATE);
        }
        assert_eq!(sources.buckets.len(), SOURCES_MAX);
        assert!(sources.buckets.contains_key(&v4(10 * SOURCES_MAX as u32 - 1)));
    }

    #[test]
    fn a_host_has_one_bucket_for_its_whole_network() {
        let mut sources = Sources::default();
        let address = |host: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, host));
        let let_in = (0..100)
            .filter(|host| sources.spend(at_ms(0), address(*host), RATE))
            .count();
        assert_eq!(let_in, 20);
        assert_eq!(
            network(IpAddr::from(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped())),
            v4(0x0a00_0001)
        );
    }
}
