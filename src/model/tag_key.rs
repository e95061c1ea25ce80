//! What tells the identities of a tag that changes them: a secret, never printed, overwritten when it is dropped.

use std::fmt;

use zeroize::Zeroize as _;

/// Bytes of a key.
pub const TAG_KEY_LEN: usize = 16;

/// A key that a tag and the gateway share.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey([u8; TAG_KEY_LEN]);

impl SecretKey {
    /// The key from its bytes, most significant first.
    #[must_use]
    pub const fn new(bytes: [u8; TAG_KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes, for whoever computes with them.
    #[must_use]
    pub const fn reveal(&self) -> [u8; TAG_KEY_LEN] {
        self.0
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// The key of a tag, with what else it takes to tell the tag by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagKey {
    /// The identity resolving key (IRK) of a device whose address changes.
    Resolving(SecretKey),
    /// An Eddystone-EID beacon.
    Ephemeral {
        /// The identity key on which beacon and resolver agreed.
        key: SecretKey,
        /// The identifier changes every 2^`rotation_exponent` seconds; 0 to 15.
        rotation_exponent: u8,
        /// What the beacon's clock shows at the moment of the signal, in seconds.
        clock_s: u32,
    },
}

impl TagKey {
    /// The secret itself.
    #[must_use]
    pub const fn secret(&self) -> &SecretKey {
        match self {
            Self::Resolving(key) | Self::Ephemeral { key, .. } => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_printed() {
        let key = TagKey::Resolving(SecretKey::new(*b"sixteen canaries"));
        assert_eq!(format!("{key:?}"), "Resolving(SecretKey(..))");
    }
}
