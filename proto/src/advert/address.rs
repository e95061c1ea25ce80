//! Device addresses: 48 bits and whether they are the maker's or random.
//!
//! Bytes are kept in the order in which an address is written, most significant first; the air has the reverse.
//! Source: Bluetooth Core Specification, Vol 6, Part B, section 1.3. What is absent on purpose: resolving, which
//! needs keys (`private_address`).

use core::fmt;

use super::identity::{Identity, IdentityKind};

/// A device address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    bytes: [u8; 6],
    random: bool,
}

/// What an address says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// Assigned by the maker, for life.
    Public,
    /// Random, kept at least until the device starts again.
    RandomStatic,
    /// Changes every few minutes; whoever has the key can resolve it.
    PrivateResolvable,
    /// Changes every few minutes and means nothing to anybody.
    PrivateNonResolvable,
    /// Reserved by the specification.
    Reserved,
}

impl Address {
    /// The address that is written `bytes`, most significant first; `random` unless the maker assigned it.
    pub const fn new(bytes: [u8; 6], random: bool) -> Self {
        Self { bytes, random }
    }

    /// The address that came over the air or from a controller, least significant byte first.
    pub const fn from_air([a, b, c, d, e, f]: [u8; 6], random: bool) -> Self {
        Self {
            bytes: [f, e, d, c, b, a],
            random,
        }
    }

    /// The bytes as written, most significant first.
    pub const fn bytes(&self) -> [u8; 6] {
        self.bytes
    }

    /// What the address says about itself: by its two highest bits, when it is random.
    pub const fn kind(&self) -> AddressKind {
        match (self.random, self.bytes[0] >> 6) {
            (false, _) => AddressKind::Public,
            (true, 0b11) => AddressKind::RandomStatic,
            (true, 0b01) => AddressKind::PrivateResolvable,
            (true, 0b00) => AddressKind::PrivateNonResolvable,
            (true, _) => AddressKind::Reserved,
        }
    }

    /// The identity of whoever advertises from here; `None` when the bits are all zero or all one.
    pub fn identity(&self) -> Option<Identity> {
        Identity::new(IdentityKind::Address, &self.bytes).ok()
    }
}

/// Shows the kind only: an address that somebody carries must not reach a log by accident.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:?}, ..)", self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_air_has_the_reverse_order() {
        let written = Address::new([0xd6, 0xee, 0xd4, 0x16, 0xed, 0xfc], true);
        assert_eq!(Address::from_air([0xfc, 0xed, 0x16, 0xd4, 0xee, 0xd6], true), written);
    }

    #[test]
    fn the_highest_bits_tell_the_kind_of_a_random_address() {
        let kind = |first| Address::new([first, 1, 2, 3, 4, 5], true).kind();
        assert_eq!(kind(0xff), AddressKind::RandomStatic);
        assert_eq!(kind(0xc0), AddressKind::RandomStatic);
        assert_eq!(kind(0xbf), AddressKind::Reserved);
        assert_eq!(kind(0x7f), AddressKind::PrivateResolvable);
        assert_eq!(kind(0x40), AddressKind::PrivateResolvable);
        assert_eq!(kind(0x3f), AddressKind::PrivateNonResolvable);
        assert_eq!(Address::new([0xff, 1, 2, 3, 4, 5], false).kind(), AddressKind::Public);
    }
}
