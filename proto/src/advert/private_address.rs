//! Resolvable private addresses: whose key made this address?
//!
//! A phone or a wristband changes its address every few minutes. Its three random bytes, encrypted with the
//! device's identity resolving key (IRK), give the other three, so whoever was handed the key at pairing can tell
//! that the address is that device's, and nobody else can.
//! Source: Bluetooth Core Specification, Vol 3, Part H, section 2.2.2 (`ah`) and Vol 6, Part B, section 1.3.2.
//! What is absent on purpose: tables of keys and caches of resolved addresses, which are the gateway's.

use core::fmt;

use aes::Aes128Enc;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

use super::address::{Address, AddressKind};

/// The key with which a device makes its private addresses, ready to be used. Overwritten when it is dropped.
#[derive(Clone)]
pub struct ResolvingKey(Aes128Enc);

impl ResolvingKey {
    /// The key from its bytes, most significant first, as specifications print it. (Pairing hands it over least
    /// significant first.)
    pub fn new(irk: [u8; 16]) -> Self {
        Self(Aes128Enc::new(&Array::from(irk)))
    }

    /// The hash of three random bytes: the function `ah` of the specification.
    pub fn hash(&self, random: [u8; 3]) -> [u8; 3] {
        let [r2, r1, r0] = random;
        let mut block = Array::from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, r2, r1, r0]);
        self.0.encrypt_block(&mut block);
        let [.., h2, h1, h0]: [u8; 16] = block.into();
        [h2, h1, h0]
    }

    /// The address that the device of this key makes of three random bytes, whose two highest bits become 01.
    pub fn address(&self, [r2, r1, r0]: [u8; 3]) -> Address {
        let r2 = r2 & 0x3f | 0x40;
        let [h2, h1, h0] = self.hash([r2, r1, r0]);
        Address::new([r2, r1, r0, h2, h1, h0], true)
    }

    /// Whether the device of this key made `address`. False for every address that is not resolvable.
    ///
    /// A foreign address matches by chance once in 2^24.
    pub fn made(&self, address: Address) -> bool {
        let [r2, r1, r0, h2, h1, h0] = address.bytes();
        address.kind() == AddressKind::PrivateResolvable && self.hash([r2, r1, r0]) == [h2, h1, h0]
    }
}

/// Shows nothing of the key.
impl fmt::Debug for ResolvingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResolvingKey(..)")
    }
}
