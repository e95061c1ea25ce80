//! Extended advertisements that come in parts, joined: `AUX_ADV_IND` or `AUX_SCAN_RSP`, then `AUX_CHAIN_IND`s.
//!
//! A packet of a secondary channel has room for some 245 bytes; what is longer goes on in the packet that its
//! pointer names, up to 1,650 bytes in all. Only the first part says who advertises; the later ones say by their
//! [`AdvertisingSet`] whose they are. Controllers hand parts over in the same way, with a data status of "incomplete"
//! (Core Specification, Vol 4, Part E, section 7.7.65.13), so a [`Fragment`] can be made of either.
//! Source: Vol 6, Part B, sections 2.3.4 and 4.4.2.8.
//!
//! Nothing allocates: [`Chains`] holds a few advertisements in 13 KiB, and of more it lets go of the oldest. What was
//! let go is counted. What is absent on purpose: tuning the radio to where a pointer points.

use super::EXTENDED_LEN_MAX;
use super::address::Address;
use super::pdu::{AdvertisingSet, Pdu};

/// Advertisements that can be open at once.
pub const CHAINS_MAX: usize = 8;
/// How long the next part may take, in milliseconds: a pointer reaches 2.5 s at most.
pub const PART_WAIT_MS_MAX: u64 = 2_500;

/// A part of an extended advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Who advertises, when the part says so.
    pub advertiser: Option<Address>,
    /// Which of their advertisements it belongs to.
    pub set: Option<AdvertisingSet>,
    /// Transmit power in dBm, when the part states it.
    pub tx_power_dbm: Option<i8>,
    /// Bytes of the advertisement; a structure may be cut by the end of a part.
    pub data: &'a [u8],
    /// Whether another part follows.
    pub more: bool,
}

impl<'a> Fragment<'a> {
    /// The part that a packet of a secondary channel carries. A packet of a primary channel is the same with no data
    /// and a pointer; nothing need be joined to it, so do not hand it over.
    pub fn of(pdu: &Pdu<'a>) -> Self {
        Self {
            advertiser: pdu.advertiser,
            set: pdu.set,
            tx_power_dbm: pdu.tx_power_dbm,
            data: pdu.advertisement,
            more: pdu.next.is_some(),
        }
    }
}

/// An advertisement with all its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<'a> {
    /// Who advertises; `None` when they are anonymous.
    pub advertiser: Option<Address>,
    /// Transmit power in dBm, when a part stated it.
    pub tx_power_dbm: Option<i8>,
    /// AD structures for [`super::decode`].
    pub advertisement: &'a [u8],
}

/// What was let go, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainTally {
    /// Advertisements whose next part did not come in time.
    pub late: u64,
    /// Advertisements that gave way to a newer one.
    pub displaced: u64,
    /// Advertisements longer than [`EXTENDED_LEN_MAX`].
    pub too_long: u64,
    /// Later parts whose first part was not heard.
    pub without_start: u64,
    /// Later parts that two open advertisements could claim; both are let go.
    pub ambiguous: u64,
}

/// Advertisements whose parts are still coming.
#[derive(Clone, Debug)]
pub struct Chains {
    chains: [Chain; CHAINS_MAX],
    tally: ChainTally,
}

#[derive(Clone, Debug)]
struct Chain {
    /// When its last part came; `None`: not in use.
    heard_ms: Option<u64>,
    advertiser: Option<Address>,
    set: Option<AdvertisingSet>,
    tx_power_dbm: Option<i8>,
    len: usize,
    data: [u8; EXTENDED_LEN_MAX],
}

impl Default for Chains {
    fn default() -> Self {
        Self {
            chains: [const { Chain::EMPTY }; CHAINS_MAX],
            tally: ChainTally::default(),
        }
    }
}

impl Chains {
    /// Takes a part that was heard at `now_ms`; gives the whole advertisement when this was its last.
    pub fn join<'a>(&'a mut self, now_ms: u64, part: &Fragment<'a>) -> Option<Whole<'a>> {
        self.let_go_of_late(now_ms);
        let open = self.open_for(part);
        if open.is_none() && !part.more {
            return self.alone(part);
        }
        let ix = match open {
            Some(ix) => ix,
            None => self.start(part),
        };
        let chain = self.chains.get_mut(ix)?;
        if !chain.add(now_ms, part) {
            chain.heard_ms = None;
            self.tally.too_long += 1;
            return None;
        }
        if part.more {
            return None;
        }
        chain.heard_ms = None;
        Some(chain.whole())
    }

    /// What was let go.
    pub const fn tally(&self) -> ChainTally {
        self.tally
    }

    /// An advertisement in one part; a later part whose start was missed is none.
    fn alone<'a>(&mut self, part: &Fragment<'a>) -> Option<Whole<'a>> {
        if part.advertiser.is_none() && part.set.is_some() {
            self.tally.without_start += 1;
            return None;
        }
        Some(Whole {
            advertiser: part.advertiser,
            tx_power_dbm: part.tx_power_dbm,
            advertisement: part.data,
        })
    }

    /// The open advertisement that a part goes on with.
    fn open_for(&mut self, part: &Fragment<'_>) -> Option<usize> {
        let is_of = |chain: &Chain| {
            let same_advertiser = part.advertiser.is_none() || part.advertiser == chain.advertiser;
            chain.heard_ms.is_some() && chain.set == part.set && same_advertiser
        };
        let found = self.chains.iter().position(is_of)?;
        if self.chains.iter().filter(|chain| is_of(chain)).count() > 1 {
            let claimed = self.chains.iter_mut().filter(|chain| is_of(chain));
            claimed.for_each(|chain| chain.heard_ms = None);
            self.tally.ambiguous += 1;
            return None;
        }
        Some(found)
    }

    /// A free place, or that of the advertisement that has waited longest.
    fn start(&mut self, part: &Fragment<'_>) -> usize {
        let longest = self.chains.iter().enumerate().min_by_key(|(_, chain)| chain.heard_ms);
        let ix = longest.map_or(0, |(ix, _)| ix);
        if let Some(chain) = self.chains.get_mut(ix) {
            self.tally.displaced += u64::from(chain.heard_ms.is_some());
            (chain.advertiser, chain.set, chain.tx_power_dbm, chain.len) = (part.advertiser, part.set, None, 0);
        }
        ix
    }

    fn let_go_of_late(&mut self, now_ms: u64) {
        for chain in &mut self.chains {
            if chain
                .heard_ms
                .is_some_and(|heard_ms| now_ms.saturating_sub(heard_ms) > PART_WAIT_MS_MAX)
            {
                chain.heard_ms = None;
                self.tally.late += 1;
            }
        }
    }
}

impl Chain {
    const EMPTY: Self = Self {
        heard_ms: None,
        advertiser: None,
        set: None,
        tx_power_dbm: None,
        len: 0,
        data: [0; EXTENDED_LEN_MAX],
    };

    /// Adds a part; false when there is no room.
    fn add(&mut self, now_ms: u64, part: &Fragment<'_>) -> bool {
        let end = self.len + part.data.len();
        let Some(room) = self.data.get_mut(self.len..end) else {
            return false;
        };
        room.copy_from_slice(part.data);
        self.len = end;
        self.heard_ms = Some(now_ms);
        self.tx_power_dbm = part.tx_power_dbm.or(self.tx_power_dbm);
        true
    }

    fn whole(&self) -> Whole<'_> {
        Whole {
            advertiser: self.advertiser,
            tx_power_dbm: self.tx_power_dbm,
            advertisement: self.data.get(..self.len).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::advert::ibeacon::IBeacon;
    use crate::advert::{self, Tally};

    const BEACON: IBeacon = IBeacon {
        uuid: [0x2f; 16],
        major: 7,
        minor: 42,
        tx_1m_dbm: -59,
    };

    /// A packet of a secondary channel as the specification lays it out: header, extended header with address, ADI
    /// and pointer as given, data.
    fn packet(address: Option<[u8; 6]>, adi: [u8; 2], pointer: Option<[u8; 3]>, data: &[u8]) -> Vec<u8> {
        let flags = u8::from(address.is_some()) | 1 << 3 | u8::from(pointer.is_some()) << 4;
        let mut header = Vec::from([flags]);
        header.extend(address.iter().flatten());
        header.extend(adi);
        header.extend(pointer.iter().flatten());
        let mut packet = Vec::from([0x47, (1 + header.len() + data.len()) as u8, header.len() as u8]);
        packet.extend(header);
        packet.extend(data);
        packet
    }

    const ADDRESS: [u8; 6] = [1, 2, 3, 4, 5, 0xc6];
    const MORE: Option<[u8; 3]> = Some([7, 0x20, 0]);

    /// A long manufacturer structure, then an iBeacon: longer than one packet.
    fn long_advertisement() -> Vec<u8> {
        let mut long = Vec::from([0xfe, 0xff, 0xff, 0xff]);
        long.resize(255, 0x5a);
        long.extend(BEACON.advertisement());
        long
    }

    fn join(chains: &mut Chains, now_ms: u64, packet: &[u8]) -> Option<(Option<Address>, Vec<u8>)> {
        let pdu = Pdu::parse(packet).unwrap();
        let whole = chains.join(now_ms, &Fragment::of(&pdu))?;
        Some((whole.advertiser, whole.advertisement.to_vec()))
    }

    #[test]
    fn parts_are_joined_across_a_cut_structure() {
        let (long, mut chains) = (long_advertisement(), Chains::default());
        let first = packet(Some(ADDRESS), [0x34, 0x92], MORE, &long[..120]);
        let second = packet(None, [0x34, 0x92], MORE, &long[120..260]);
        let last = packet(None, [0x34, 0x92], None, &long[260..]);
        assert_eq!(join(&mut chains, 0, &first), None);
        assert_eq!(join(&mut chains, 10, &second), None);
        let (advertiser, advertisement) = join(&mut chains, 20, &last).unwrap();
        assert_eq!(advertiser, Some(Address::from_air(ADDRESS, true)));
        assert_eq!(advertisement, long);
        let mut tally = Tally::default();
        let named = advert::decode(&advertisement, &mut tally).find_map(|advert| advert.identity());
        assert_eq!((named, tally.malformed()), (BEACON.identity(), 0));
        assert_eq!(chains.tally(), ChainTally::default());
    }

    #[test]
    fn an_advertisement_in_one_part_is_whole_at_once() {
        let mut chains = Chains::default();
        let alone = packet(Some(ADDRESS), [1, 0], None, &BEACON.advertisement());
        assert_eq!(join(&mut chains, 0, &alone).unwrap().1, BEACON.advertisement().to_vec());
    }

    #[test]
    fn what_is_missing_late_or_too_long_is_counted() {
        let mut chains = Chains::default();
        let (first, last) = (
            packet(Some(ADDRESS), [1, 0], MORE, &[1; 200]),
            packet(None, [1, 0], None, &[1; 9]),
        );
        assert_eq!(join(&mut chains, 0, &last), None);
        assert_eq!(chains.tally().without_start, 1);
        assert_eq!(join(&mut chains, 0, &first), None);
        assert_eq!(join(&mut chains, PART_WAIT_MS_MAX + 1, &last), None);
        assert_eq!((chains.tally().late, chains.tally().without_start), (1, 2));
        assert_eq!(join(&mut chains, 9_000, &first), None);
        let middle = packet(None, [1, 0], MORE, &[1; 200]);
        for part in 0..8_u64 {
            assert_eq!(join(&mut chains, 9_001 + part, &middle), None);
        }
        assert_eq!(chains.tally().too_long, 1);
    }

    #[test]
    fn of_two_that_could_claim_a_part_neither_gets_it_and_the_oldest_gives_way() {
        let mut chains = Chains::default();
        let other = [9, 9, 9, 9, 9, 0xc9];
        for address in [ADDRESS, other] {
            assert_eq!(
                join(&mut chains, 0, &packet(Some(address), [1, 0], MORE, &[1; 9])),
                None
            );
        }
        assert_eq!(join(&mut chains, 1, &packet(None, [1, 0], None, &[1; 9])), None);
        assert_eq!(chains.tally().ambiguous, 1);
        for set in 0..=CHAINS_MAX as u8 {
            let first = packet(Some(ADDRESS), [set, 0], MORE, &[set; 9]);
            assert_eq!(join(&mut chains, u64::from(set) + 2, &first), None);
        }
        assert_eq!(chains.tally().displaced, 1);
        let kept = packet(None, [CHAINS_MAX as u8, 0], None, &[7]);
        assert_eq!(join(&mut chains, 99, &kept).unwrap().1.len(), 10);
    }
}
