//! Tags as they are registered: by what they say on the air, or by the key that tells it.
//!
//! ```
//! use nextbest_proto::v1::{Signal, Tag};
//!
//! let wristband = Tag::resolved_by([0x2b; 16]);
//! let signal = Signal { subject: "ada".into(), ..Signal::registering("desk-4711", [wristband]) };
//! assert_eq!((signal.tags.len(), signal.consents.len()), (1, 1));
//! ```
//!
//! What is absent on purpose: where keys come from (pairing, or `advert::ephemeral` for a beacon's), and keeping them.

use alloc::string::String;
use alloc::vec::Vec;

use crate::advert::Identity;
use crate::v1::{Consent, EphemeralKey, IdentityKind, Purpose, Signal, SignalKind, Tag};

impl Tag {
    /// A tag that names itself the same for ever.
    pub fn heard_as(identity: &Identity) -> Self {
        Self {
            identity_kind: identity.wire_kind(),
            identity: identity.bytes().to_vec().into(),
            ..Self::default()
        }
    }

    /// A device whose address changes: its identity resolving key, most significant byte first.
    pub fn resolved_by(resolving_key: [u8; 16]) -> Self {
        Self {
            identity_kind: IdentityKind::Address.into(),
            resolving_key: resolving_key.to_vec(),
            ..Self::default()
        }
    }

    /// An Eddystone-EID beacon: its identity key, how often it changes, and what its clock shows at this moment.
    pub fn ephemeral(identity_key: [u8; 16], rotation_exponent: u8, clock_s: u32) -> Self {
        Self {
            identity_kind: IdentityKind::EddystoneEid.into(),
            ephemeral_key: Some(EphemeralKey {
                identity_key: identity_key.to_vec(),
                rotation_exponent: rotation_exponent.into(),
                clock_s,
            }),
            ..Self::default()
        }
    }
}

impl Signal {
    /// The signal that registers `tags` for a person, with their consent to be located by them. Ask for it first.
    pub fn registering(message_id: impl Into<String>, tags: impl Into<Vec<Tag>>) -> Self {
        Self {
            message_id: message_id.into(),
            kind: SignalKind::Identify.into(),
            tags: tags.into(),
            consents: Vec::from([Consent {
                purpose: Purpose::Location.into(),
                allowed: true,
                ..Consent::default()
            }]),
            ..Self::default()
        }
    }
}
