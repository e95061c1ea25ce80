//! Who a transmitter is on the air: a kind and up to 20 bytes.
//!
//! An [`Identity`] that exists is one that somebody can own: its length is the kind's, and its bits are neither
//! all zero nor all one, which is what erased flash and broken firmware send. It is `Copy` and 21 bytes, so that
//! tables can be keyed by it without allocation. Printing it with `{:?}` shows the kind only, because what a
//! person carries must not reach a log by accident; [`Identity::reveal`] shows the bytes on purpose.
//!
//! What is absent on purpose: to whom an identity belongs.

use core::fmt;

use crate::limits::IDENTITY_LEN_MAX;
use crate::v1;

/// How a transmitter names itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdentityKind {
    /// The advertiser's device address.
    Address,
    /// iBeacon: UUID, major, minor.
    IBeacon,
    /// Eddystone-UID: namespace, instance.
    EddystoneUid,
    /// AltBeacon: beacon id.
    AltBeacon,
    /// Eddystone-EID: ephemeral identifier.
    EddystoneEid,
}

impl IdentityKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Address,
        Self::IBeacon,
        Self::EddystoneUid,
        Self::AltBeacon,
        Self::EddystoneEid,
    ];

    /// Bytes of an identity of this kind.
    pub const fn identity_len(self) -> usize {
        match self {
            Self::Address => 6,
            Self::IBeacon | Self::AltBeacon => 20,
            Self::EddystoneUid => 16,
            Self::EddystoneEid => 8,
        }
    }
}

impl From<IdentityKind> for v1::IdentityKind {
    fn from(kind: IdentityKind) -> Self {
        match kind {
            IdentityKind::Address => Self::Address,
            IdentityKind::IBeacon => Self::Ibeacon,
            IdentityKind::EddystoneUid => Self::EddystoneUid,
            IdentityKind::AltBeacon => Self::Altbeacon,
            IdentityKind::EddystoneEid => Self::EddystoneEid,
        }
    }
}

/// Who a transmitter is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    kind: IdentityKind,
    /// Zero after the kind's length.
    bytes: [u8; IDENTITY_LEN_MAX],
}

/// Why bytes are not an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum IdentityError {
    /// The kind is unspecified or from a later version of the contract.
    #[error("identity kind {number} is not known")]
    UnknownKind {
        /// The number on the wire.
        number: i32,
    },
    /// The length is not the kind's.
    #[error("an identity of kind {kind:?} has {} bytes, this one has {len}", kind.identity_len())]
    WrongLength {
        /// The kind.
        kind: IdentityKind,
        /// What came.
        len: usize,
    },
    /// All bits are zero, or all are one.
    #[error("an identity whose bits are all zero or all one names nobody")]
    NamesNobody,
}

impl Identity {
    /// The identity of `kind` with these bytes, in the order in which they are written.
    ///
    /// # Errors
    /// [`IdentityError::WrongLength`] and [`IdentityError::NamesNobody`].
    pub fn new(kind: IdentityKind, bytes: &[u8]) -> Result<Self, IdentityError> {
        if bytes.len() != kind.identity_len() {
            return Err(IdentityError::WrongLength { kind, len: bytes.len() });
        }
        if bytes.iter().all(|&byte| byte == 0) || bytes.iter().all(|&byte| byte == 0xff) {
            return Err(IdentityError::NamesNobody);
        }
        let mut padded = [0; IDENTITY_LEN_MAX];
        super::fill_start(&mut padded, bytes);
        Ok(Self { kind, bytes: padded })
    }

    /// The identity that a message carries: the number of a [`v1::IdentityKind`] and the bytes.
    ///
    /// # Errors
    /// [`IdentityError`] when nobody can be named so.
    pub fn from_wire(kind: i32, bytes: &[u8]) -> Result<Self, IdentityError> {
        let unknown = IdentityError::UnknownKind { number: kind };
        let kind = match v1::IdentityKind::try_from(kind).map_err(|_| unknown)? {
            v1::IdentityKind::Unspecified => return Err(unknown),
            v1::IdentityKind::Address => IdentityKind::Address,
            v1::IdentityKind::Ibeacon => IdentityKind::IBeacon,
            v1::IdentityKind::EddystoneUid => IdentityKind::EddystoneUid,
            v1::IdentityKind::Altbeacon => IdentityKind::AltBeacon,
            v1::IdentityKind::EddystoneEid => IdentityKind::EddystoneEid,
        };
        Self::new(kind, bytes)
    }

    /// How the transmitter names itself.
    pub const fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// The number of the kind on the wire.
    pub fn wire_kind(&self) -> i32 {
        v1::IdentityKind::from(self.kind).into()
    }

    /// The bytes, as many as the kind has.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.kind.identity_len()).unwrap_or_default()
    }

    /// The bytes in hexadecimal, for somebody who may see them.
    pub fn reveal(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| self.bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}")))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:?}, ..)", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn every_kind_goes_over_the_wire_and_back() {
        for kind in IdentityKind::ALL {
            let bytes = &[0x5a; IDENTITY_LEN_MAX][..kind.identity_len()];
            let identity = Identity::new(kind, bytes).unwrap();
            assert_eq!(
                Identity::from_wire(identity.wire_kind(), identity.bytes()),
                Ok(identity)
            );
            assert_eq!((identity.kind(), identity.bytes()), (kind, bytes));
        }
    }

    #[test]
    fn a_length_is_exact() {
        for kind in IdentityKind::ALL {
            for len in (0..=64).filter(|&len| len != kind.identity_len()) {
                let wrong = IdentityError::WrongLength { kind, len };
                assert_eq!(Identity::new(kind, &[1; 64][..len]), Err(wrong));
            }
        }
    }

    #[test]
    fn erased_flash_names_nobody() {
        for kind in IdentityKind::ALL {
            for byte in [0, 0xff] {
                let mut bytes = [byte; IDENTITY_LEN_MAX];
                let bytes = &mut bytes[..kind.identity_len()];
                assert_eq!(Identity::new(kind, bytes), Err(IdentityError::NamesNobody));
                bytes[kind.identity_len() - 1] ^= 1;
                assert!(Identity::new(kind, bytes).is_ok());
            }
        }
    }

    #[test]
    fn kinds_of_nobody_or_of_later_versions_are_refused() {
        for number in [i32::MIN, -1, 0, 6, 15, i32::MAX] {
            assert_eq!(
                Identity::from_wire(number, &[1; 6]),
                Err(IdentityError::UnknownKind { number })
            );
        }
    }

    #[test]
    fn bytes_are_shown_on_purpose_only() {
        let identity = Identity::new(IdentityKind::Address, &[0xe7, 0x8f, 0x13, 1, 2, 3]).unwrap();
        assert_eq!(format!("{identity:?}"), "Identity(Address, ..)");
        assert_eq!(format!("{}", identity.reveal()), "e78f13010203");
    }
}
