//! How a carried transmitter is named on the air: a kind and up to 20 bytes, in 24 bytes without a pointer.
//!
//! One that changes its name is registered under what stands for its key; hubs cannot send those kinds.

use thiserror::Error;

/// Bytes of the longest identity (iBeacon, AltBeacon).
const IDENTITY_LEN_MAX: usize = 20;

/// How a transmitter names itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum TagKind {
    /// The 6 bytes of its address, in the order in which they are written.
    Address = 1,
    /// UUID (16), major (2), minor (2).
    IBeacon = 2,
    /// Namespace (10), instance (6).
    EddystoneUid = 3,
    /// Beacon id (20).
    AltBeacon = 4,
    /// An ephemeral identifier (8).
    EddystoneEid = 5,
    /// Never on the air: what stands for the resolving key of a tag whose address changes (16).
    ResolvingKey = 64,
    /// Never on the air: what stands for the key of an Eddystone-EID beacon (16).
    EphemeralKey = 65,
}

impl TagKind {
    /// Bytes of an identity of this kind.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no identity is empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Address => 6,
            Self::IBeacon | Self::AltBeacon => 20,
            Self::EddystoneUid | Self::ResolvingKey | Self::EphemeralKey => 16,
            Self::EddystoneEid => 8,
        }
    }
}

/// The identity of a carried transmitter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagId {
    kind: TagKind,
    bytes: [u8; IDENTITY_LEN_MAX],
}

/// Why bytes are not the identity of a transmitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidTagId {
    /// The number of bytes is not that of the kind.
    #[error("an identity of kind {kind:?} has {expected} bytes, not {found}", expected = kind.len())]
    Length {
        /// The kind that was named.
        kind: TagKind,
        /// Bytes found.
        found: usize,
    },
    /// All bytes are 0x00 or all are 0xFF: a device that was never set up.
    #[error("an identity of {0:#04x} only belongs to a device that was never set up")]
    Blank(u8),
}

impl TagId {
    /// Checks length and content.
    ///
    /// # Errors
    /// [`InvalidTagId`] when the length is not that of the kind, or the bytes are blank.
    pub fn new(kind: TagKind, identity: &[u8]) -> Result<Self, InvalidTagId> {
        if identity.len() != kind.len() {
            return Err(InvalidTagId::Length {
                kind,
                found: identity.len(),
            });
        }
        for blank in [0x00, 0xFF] {
            if identity.iter().all(|byte| *byte == blank) {
                return Err(InvalidTagId::Blank(blank));
            }
        }
        let mut bytes = [0; IDENTITY_LEN_MAX];
        for (to, from) in bytes.iter_mut().zip(identity) {
            *to = *from;
        }
        Ok(Self { kind, bytes })
    }

    /// How the transmitter names itself.
    #[must_use]
    pub const fn kind(&self) -> TagKind {
        self.kind
    }

    /// The identity, as many bytes as the kind says.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.split_at(self.kind.len()).0
    }

    /// Whether a key may tell it: an Eddystone-EID identifier, or an address whose two highest bits are those of a
    /// resolvable private one (Core Specification, Vol 6, Part B, 1.3.2.2). A maker's address can look the same.
    #[must_use]
    pub fn may_change(&self) -> bool {
        match self.kind {
            TagKind::EddystoneEid => true,
            TagKind::Address => self.bytes.first().is_some_and(|highest| highest >> 6 == 0b01),
            TagKind::IBeacon
            | TagKind::EddystoneUid
            | TagKind::AltBeacon
            | TagKind::ResolvingKey
            | TagKind::EphemeralKey => false,
        }
    }
}

/// A tag's identity is personal: it never reaches a log.
impl std::fmt::Debug for TagId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TagId({:?}, redacted)", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_or_short_identity_is_refused() {
        assert_eq!(TagId::new(TagKind::Address, &[0; 6]), Err(InvalidTagId::Blank(0)));
        assert_eq!(TagId::new(TagKind::Address, &[0xFF; 6]), Err(InvalidTagId::Blank(0xFF)));
        let short = TagId::new(TagKind::IBeacon, &[1; 6]);
        assert_eq!(
            short,
            Err(InvalidTagId::Length {
                kind: TagKind::IBeacon,
                found: 6
            })
        );
    }

    #[test]
    fn the_bytes_come_back_and_are_not_printed() {
        let tag = TagId::new(TagKind::Address, &[0xe7, 0x8f, 0x13, 0x56, 0x24, 0xce]).unwrap();
        assert_eq!(tag.as_bytes(), [0xe7, 0x8f, 0x13, 0x56, 0x24, 0xce]);
        assert!(!format!("{tag:?}").contains("e7"));
    }
}
