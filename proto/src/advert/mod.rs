//! What transmitters say on the air, and who they are by it.
//!
//! An advertisement is a run of AD structures (Bluetooth Core Specification, Vol 3, Part C, section 11), 31 bytes
//! of them in legacy advertising and up to 1,650 in extended. [`decode`] walks over them; every structure is
//! either decoded, counted as one that this crate does not know, or counted as malformed: nothing is lost
//! silently, and no bytes can stop the walk early except a structure that overruns its data. Everything is a slice
//! of the caller's bytes: nothing allocates, and nothing needs `std`.
//!
//! | module | what |
//! |---|---|
//! | [`structure`] | AD structures |
//! | [`ibeacon`], [`eddystone`], [`altbeacon`] | the beacon formats, read and built |
//! | [`identity`] | the [`Identity`] that a sighting carries |
//! | [`address`] | device addresses and their kinds |
//! | [`tally`] | what was heard, counted by kind |
//! | [`pdu`] | the link layer's packets around an advertisement, for hubs with a raw radio |
//! | [`chain`] | extended advertisements that come in parts, joined |
//! | `private_address`, `ephemeral`, `telemetry` | resolving addresses and identifiers that change, and opening what only their owner reads (feature `resolve`) |
//!
//! ```
//! use nextbest_proto::advert::{self, Advert, Tally, ibeacon::IBeacon};
//!
//! let beacon = IBeacon { uuid: [0x2f; 16], major: 7, minor: 42, tx_1m_dbm: -59 };
//! let on_air = beacon.advertisement();
//!
//! let mut tally = Tally::default();
//! let heard = advert::decode(&on_air, &mut tally).find_map(|advert| advert.identity());
//! assert_eq!(heard, beacon.identity());
//! assert_eq!((tally.structures(), tally.malformed()), (2, 0)); // the flags and the beacon
//! ```
//!
//! What is absent on purpose: radios, filters by strength, and anything that lasts longer than one advertisement.

pub mod structure;

pub mod ibeacon;

pub mod eddystone;

pub mod altbeacon;

pub mod identity;

pub mod address;

pub mod tally;

pub mod pdu;

pub mod chain;

#[cfg(feature = "resolve")]
pub mod private_address;

#[cfg(feature = "resolve")]
pub mod ephemeral;

#[cfg(feature = "resolve")]
pub mod telemetry;

pub use identity::{Identity, IdentityError, IdentityKind};
pub use tally::Tally;

use altbeacon::AltBeacon;
use eddystone::Eddystone;
use ibeacon::IBeacon;
use structure::{Structure, Structures, kind};

/// Longest legacy advertisement, in bytes.
pub const LEGACY_LEN_MAX: usize = 31;
/// Longest extended advertisement, in bytes, when all its fragments are joined.
pub const EXTENDED_LEN_MAX: usize = 1_650;

/// The structure that makes a transmitter discoverable; beacons put it first: LE general discoverable, no BR/EDR.
const FLAGS_STRUCTURE: [u8; 3] = [2, kind::FLAGS, 0x06];

/// One AD structure, decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Advert<'a> {
    /// Apple's proximity beacon.
    IBeacon(IBeacon),
    /// The open proximity beacon of Radius Networks.
    AltBeacon(AltBeacon),
    /// A frame of Google's Eddystone.
    Eddystone(Eddystone<'a>),
    /// Discoverability and capabilities.
    Flags(u8),
    /// Transmit power at the antenna, in dBm.
    TxPower(i8),
    /// The device's name, as UTF-8.
    Name(&'a str),
    /// Services that the device offers: UUIDs of 2, 4 or 16 bytes, little endian, without a gap.
    Services {
        /// Bytes of one UUID.
        uuid_len: usize,
        /// The UUIDs.
        uuids: &'a [u8],
    },
    /// What a manufacturer says in a form of its own.
    Manufacturer {
        /// The company, as assigned by the Bluetooth SIG.
        company: u16,
        /// Its data.
        data: &'a [u8],
    },
    /// What a service with a UUID of 2 bytes says in a form of its own.
    ServiceData {
        /// The service, as assigned by the Bluetooth SIG.
        service: u16,
        /// Its data.
        data: &'a [u8],
    },
    /// A structure of a kind that is not decoded here.
    Unknown(Structure<'a>),
}

impl Advert<'_> {
    /// Who the transmitter is by this structure; `None` for structures that name nobody, and for identities that
    /// nobody can own (all bits zero or all one).
    pub fn identity(&self) -> Option<Identity> {
        match self {
            Self::IBeacon(beacon) => beacon.identity(),
            Self::AltBeacon(beacon) => beacon.identity(),
            Self::Eddystone(frame) => frame.identity(),
            Self::Flags(_)
            | Self::TxPower(_)
            | Self::Name(_)
            | Self::Services { .. }
            | Self::Manufacturer { .. }
            | Self::ServiceData { .. }
            | Self::Unknown(_) => None,
        }
    }
}

/// Why one AD structure is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AdvertError {
    /// The structure says that it is longer than what is left of the advertisement.
    #[error("an AD structure of {len} bytes overruns the {left} bytes that are left")]
    Overrun {
        /// What the structure says.
        len: usize,
        /// What is left.
        left: usize,
    },
    /// The advertisement has ended with a length of 0, and what follows is not padding.
    #[error("{len} bytes that are not zero follow the end of the advertisement")]
    AfterEnd {
        /// Bytes after the end.
        len: usize,
    },
    /// A structure of a basic kind has a wrong length, or text that is not UTF-8.
    #[error("an AD structure of kind {kind:#04x} is malformed")]
    Structure {
        /// The AD type.
        kind: u8,
    },
    /// It begins as an iBeacon and does not go on as one.
    #[error("an iBeacon has 25 bytes of manufacturer data, this one has {len}")]
    IBeacon {
        /// Bytes of manufacturer data.
        len: usize,
    },
    /// It begins as an AltBeacon and does not go on as one.
    #[error("an AltBeacon has 26 bytes of manufacturer data, this one has {len}")]
    AltBeacon {
        /// Bytes of manufacturer data.
        len: usize,
    },
    /// A frame of Eddystone with a wrong length, an unknown frame type or a character that is not allowed.
    #[error("an Eddystone frame of type {frame:#04x} and {len} bytes is malformed or unknown")]
    Eddystone {
        /// The frame type; 0xff when there was not even that.
        frame: u8,
        /// Bytes of service data.
        len: usize,
    },
}

/// Decodes an advertisement and counts each of its structures in `tally`.
///
/// Malformed structures are counted and skipped; [`decode_each`] shows them too.
pub fn decode<'a, 't>(advertisement: &'a [u8], tally: &'t mut Tally) -> impl Iterator<Item = Advert<'a>> + use<'a, 't> {
    decode_each(advertisement).filter_map(|decoded| {
        tally.count(&decoded);
        decoded.ok()
    })
}

/// Decodes an advertisement, structure by structure. Ends after a structure that overruns the data.
pub fn decode_each(advertisement: &[u8]) -> impl Iterator<Item = Result<Advert<'_>, AdvertError>> {
    Structures::new(advertisement).map(|structure| structure.and_then(decode_structure))
}

/// Decodes one AD structure.
///
/// # Errors
/// [`AdvertError`] when it is of a kind that is decoded here and is not well-formed.
pub fn decode_structure(structure: Structure<'_>) -> Result<Advert<'_>, AdvertError> {
    let malformed = Err(AdvertError::Structure { kind: structure.kind });
    match (structure.kind, structure.data) {
        // Later versions of the specification may lengthen the flags; the first byte keeps its meaning.
        (kind::FLAGS, &[flags, ..]) => Ok(Advert::Flags(flags)),
        (kind::TX_POWER, &[dbm]) => Ok(Advert::TxPower(dbm.cast_signed())),
        (kind::NAME_SHORT | kind::NAME, name) => {
            core::str::from_utf8(name).map_or(malformed, |name| Ok(Advert::Name(name)))
        }
        (kind::SERVICES_16_MORE | kind::SERVICES_16, uuids) => services(structure.kind, 2, uuids),
        (kind::SERVICES_32_MORE | kind::SERVICES_32, uuids) => services(structure.kind, 4, uuids),
        (kind::SERVICES_128_MORE | kind::SERVICES_128, uuids) => services(structure.kind, 16, uuids),
        (kind::SERVICE_DATA_16, &[low, high, ref data @ ..]) => service_data(u16::from_le_bytes([low, high]), data),
        (kind::MANUFACTURER, &[low, high, ref data @ ..]) => manufacturer(u16::from_le_bytes([low, high]), data),
        (kind::FLAGS | kind::TX_POWER | kind::SERVICE_DATA_16 | kind::MANUFACTURER, _) => malformed,
        _ => Ok(Advert::Unknown(structure)),
    }
}

fn services(kind: u8, uuid_len: usize, uuids: &[u8]) -> Result<Advert<'_>, AdvertError> {
    if uuids.len().is_multiple_of(uuid_len) {
        Ok(Advert::Services { uuid_len, uuids })
    } else {
        Err(AdvertError::Structure { kind })
    }
}

fn service_data(service: u16, data: &[u8]) -> Result<Advert<'_>, AdvertError> {
    match service {
        eddystone::SERVICE => Eddystone::parse(data).map(Advert::Eddystone),
        service => Ok(Advert::ServiceData { service, data }),
    }
}

/// iBeacon is bound to its company; AltBeacon is of any company and known by its code.
fn manufacturer(company: u16, data: &[u8]) -> Result<Advert<'_>, AdvertError> {
    if company == ibeacon::COMPANY && data.starts_with(&[ibeacon::SUBTYPE]) {
        return IBeacon::parse(data).map(Advert::IBeacon);
    }
    if data.starts_with(&altbeacon::CODE) {
        return AltBeacon::parse(company, data).map(Advert::AltBeacon);
    }
    Ok(Advert::Manufacturer { company, data })
}

/// Writes `bytes` to the start of `out`, as far as they fit.
fn fill_start(out: &mut [u8], bytes: &[u8]) {
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
}

/// Writes `parts` one after the other into `out`, which they fill.
fn fill(out: &mut [u8], parts: &[&[u8]]) {
    let bytes = parts.iter().copied().flatten();
    debug_assert_eq!(out.len(), bytes.clone().count());
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
}
