//! Eddystone-EID: identifiers that change every 2^k seconds, and the key that tells them.
//!
//! Beacon and resolver agree on an identity key once, by Diffie-Hellman; from then on both compute the same
//! identifier from the beacon's clock, and for anybody else it is noise.
//! Source: github.com/google/eddystone, eddystone-eid/eid-computation.md.
//!
//! An identifier proves a key, not a place: within its 2^k seconds it can be recorded and sent again elsewhere.
//! What is absent on purpose: learning a beacon's drift over months, and tables of beacons, which are the gateway's.
//! Keys are overwritten when they are dropped; what the compiler has copied meanwhile is out of reach.

use core::fmt;

use aes::Aes128Enc;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use super::eddystone::Eid;

/// Largest exponent of the rotation: 2^15 s, about 9 hours.
pub const ROTATION_EXPONENT_MAX: u8 = 15;

/// The key that a beacon and its resolver share.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityKey([u8; 16]);

impl Drop for IdentityKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for IdentityKey {}

/// The public key to a private one, both of X25519: what a resolver hands to a beacon that registers, and the beacon
/// to the resolver.
pub fn public_key(private: [u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(private)).to_bytes()
}

/// Why no ephemeral identifiers can be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EphemeralError {
    /// The rotation is slower than the format allows.
    #[error("the rotation exponent is {exponent}, at most {ROTATION_EXPONENT_MAX} is possible")]
    RotationExponent {
        /// What was given.
        exponent: u8,
    },
    /// The other side's public key gives the same secret whatever ours is.
    #[error("the public key is of low order, so that the secret would be known to everybody")]
    PublicKey,
}

impl IdentityKey {
    /// The key from its bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storing the key.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// What stands for the key where the key itself must not be: one block encrypted under it.
    pub fn fingerprint(&self) -> [u8; 16] {
        encrypt(self.0, *b"nextbest tag key")
    }

    /// The key that a resolver agrees on with a beacon that registers.
    ///
    /// # Errors
    /// [`EphemeralError::PublicKey`] for a public key of low order.
    pub fn agreed_by_resolver(resolver_private: [u8; 32], beacon_public: [u8; 32]) -> Result<Self, EphemeralError> {
        let (own, other) = (StaticSecret::from(resolver_private), PublicKey::from(beacon_public));
        Self::derived(&own.diffie_hellman(&other), &PublicKey::from(&own), &other)
    }

    /// The key that a beacon agrees on with its resolver: the same.
    ///
    /// # Errors
    /// [`EphemeralError::PublicKey`] for a public key of low order.
    pub fn agreed_by_beacon(beacon_private: [u8; 32], resolver_public: [u8; 32]) -> Result<Self, EphemeralError> {
        let (own, other) = (StaticSecret::from(beacon_private), PublicKey::from(resolver_public));
        Self::derived(&own.diffie_hellman(&other), &other, &PublicKey::from(&own))
    }

    /// HKDF-SHA256 of the shared secret; the salt is the resolver's public key, then the beacon's.
    fn derived(secret: &SharedSecret, resolver: &PublicKey, beacon: &PublicKey) -> Result<Self, EphemeralError> {
        if !secret.was_contributory() {
            return Err(EphemeralError::PublicKey);
        }
        let mut salt = [0; 64];
        super::fill(&mut salt, &[resolver.as_bytes(), beacon.as_bytes()]);
        let mut key = [0; 16];
        // 16 bytes are far below the 8,160 at which HKDF-SHA256 gives up.
        let expanded = Hkdf::<Sha256>::new(Some(&salt), secret.as_bytes()).expand(&[], &mut key);
        debug_assert!(expanded.is_ok());
        Ok(Self(key))
    }
}

/// Shows nothing of the key.
impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(..)")
    }
}

/// The identifiers of one beacon, over time.
#[derive(Clone, Debug)]
pub struct Ephemeral {
    key: IdentityKey,
    rotation_exponent: u8,
}

/// In which of the beacon's rotations an identifier was found, seen from the resolver's idea of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// The one before: the beacon's clock is slow, or the identifier is sent again.
    Previous,
    /// The expected one.
    Current,
    /// The one after: the beacon's clock is fast.
    Next,
}

impl Ephemeral {
    /// The identifiers of the beacon with this key, which rotate every 2^`rotation_exponent` seconds.
    ///
    /// # Errors
    /// [`EphemeralError::RotationExponent`] above [`ROTATION_EXPONENT_MAX`].
    pub fn new(key: IdentityKey, rotation_exponent: u8) -> Result<Self, EphemeralError> {
        if rotation_exponent > ROTATION_EXPONENT_MAX {
            return Err(EphemeralError::RotationExponent {
                exponent: rotation_exponent,
            });
        }
        Ok(Self { key, rotation_exponent })
    }

    /// The key.
    pub const fn key(&self) -> &IdentityKey {
        &self.key
    }

    /// The exponent of the rotation.
    pub const fn rotation_exponent(&self) -> u8 {
        self.rotation_exponent
    }

    /// Seconds for which one identifier stays.
    pub const fn rotation_s(&self) -> u32 {
        1 << self.rotation_exponent
    }

    /// The identifier when the beacon's own clock shows `time_s`.
    pub fn identifier(&self, time_s: u32) -> [u8; 8] {
        let [t3, t2, ..] = time_s.to_be_bytes();
        let mut temporary = encrypt(self.key.0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, t3, t2]);
        let [r3, r2, r1, r0] = (time_s & !(self.rotation_s() - 1)).to_be_bytes();
        let block = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, self.rotation_exponent, r3, r2, r1, r0];
        let [a, b, c, d, e, f, g, h, ..] = encrypt(temporary, block);
        temporary.zeroize();
        [a, b, c, d, e, f, g, h]
    }

    /// Whether the beacon sent `heard` about when its clock should have shown `time_s`: in that rotation or a
    /// neighbour. `None` for another beacon's identifier and for one that is out of date.
    pub fn find(&self, heard: &Eid, time_s: u32) -> Option<Rotation> {
        let rotation_s = self.rotation_s();
        [
            (Rotation::Current, Some(time_s)),
            (Rotation::Previous, time_s.checked_sub(rotation_s)),
            (Rotation::Next, time_s.checked_add(rotation_s)),
        ]
        .into_iter()
        .find_map(|(rotation, time_s)| (self.identifier(time_s?) == heard.eid).then_some(rotation))
    }
}

fn encrypt(key: [u8; 16], block: [u8; 16]) -> [u8; 16] {
    let mut block = Array::from(block);
    Aes128Enc::new(&Array::from(key)).encrypt_block(&mut block);
    block.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beacon() -> Ephemeral {
        Ephemeral::new(IdentityKey::new([7; 16]), 7).unwrap()
    }

    fn heard(time_s: u32) -> Eid {
        Eid {
            tx_0m_dbm: 0,
            eid: beacon().identifier(time_s),
        }
    }

    #[test]
    fn neighbours_are_found_and_nothing_further() {
        assert_eq!(beacon().find(&heard(1_280), 1_300), Some(Rotation::Current));
        assert_eq!(beacon().find(&heard(1_279), 1_300), Some(Rotation::Previous));
        assert_eq!(beacon().find(&heard(1_408), 1_300), Some(Rotation::Next));
        assert_eq!(beacon().find(&heard(1_151), 1_300), None);
        assert_eq!(beacon().find(&heard(1_536), 1_300), None);
    }

    #[test]
    fn clocks_may_begin_and_end() {
        assert_eq!(beacon().find(&heard(0), 0), Some(Rotation::Current));
        assert_eq!(beacon().find(&heard(u32::MAX), u32::MAX), Some(Rotation::Current));
    }

    #[test]
    fn another_key_is_another_beacon() {
        let other = Ephemeral::new(IdentityKey::new([8; 16]), 7).unwrap();
        assert_eq!(other.find(&heard(1_300), 1_300), None);
    }

    #[test]
    fn a_year_at_150_ppm_is_beyond_the_neighbours() {
        let year_s = 365 * 24 * 3_600;
        let drift_s = year_s / 1_000_000 * 150;
        assert!(drift_s > 2 * beacon().rotation_s());
        assert_eq!(beacon().find(&heard(year_s + drift_s), year_s), None);
    }

    #[test]
    fn a_rotation_has_a_longest() {
        assert!(Ephemeral::new(IdentityKey::new([7; 16]), 15).is_ok());
        let refused = Ephemeral::new(IdentityKey::new([7; 16]), 16).unwrap_err();
        assert_eq!(refused, EphemeralError::RotationExponent { exponent: 16 });
    }

    #[test]
    fn a_public_key_of_low_order_is_refused() {
        assert_eq!(
            IdentityKey::agreed_by_resolver([9; 32], [0; 32]),
            Err(EphemeralError::PublicKey)
        );
        assert_eq!(
            IdentityKey::agreed_by_beacon([9; 32], [0; 32]),
            Err(EphemeralError::PublicKey)
        );
    }
}
