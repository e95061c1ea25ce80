//! Eddystone: Google's open beacon frames, in the service data of 0xfeaa.
//!
//! ```text
//! | frame | bytes | what                                                                        |
//! |-------|-------|-----------------------------------------------------------------------------|
//! | UID   | 18,20 | 0x00, power at 0 m (1), namespace (10), instance (6), reserved (0 or 2)     |
//! | URL   | 3..20 | 0x10, power at 0 m (1), scheme (1), encoded text (0..17)                    |
//! | TLM   | 14    | 0x20, 0x00, battery mV (2), temperature 8.8 C (2), adverts (4), 0.1 s (4)   |
//! | eTLM  | 18    | 0x20, 0x01, cipher text (12), salt (2), integrity check (2)                 |
//! | EID   | 10    | 0x30, power at 0 m (1), ephemeral identifier (8)                            |
//! ```
//! Numbers are big endian. Source: github.com/google/eddystone, protocol-specification.md and its frame pages.
//! Encrypted telemetry is recognised here; whoever has the beacon's key opens it (`telemetry`). What is absent on
//! purpose: the configuration service (GATT).

use core::fmt;

use super::identity::{Identity, IdentityKind};
use super::structure::kind;
use super::{AdvertError, FLAGS_STRUCTURE};

/// The service, among the UUIDs that the Bluetooth SIG assigned.
pub const SERVICE: u16 = 0xfeaa;
/// Length of a whole advertisement of a UID frame with flags, in bytes: a full legacy advertisement.
pub const UID_ADVERTISEMENT_LEN: usize = FLAGS_STRUCTURE.len() + 4 + 4 + UID_LEN;
/// Length of a whole advertisement of an EID frame with flags, in bytes.
pub const EID_ADVERTISEMENT_LEN: usize = FLAGS_STRUCTURE.len() + 4 + 4 + EID_LEN;
/// Longest encoded text of a URL frame, in bytes.
pub const URL_ENCODED_LEN_MAX: usize = 17;
/// Power lost over the first metre, in dB: Eddystone states power at 0 m, the other formats at 1 m.
pub const FIRST_METRE_LOSS_DB: i8 = 41;

const UID_LEN: usize = 20;
const EID_LEN: usize = 10;
const FRAME_UID: u8 = 0x00;
const FRAME_URL: u8 = 0x10;
const FRAME_TLM: u8 = 0x20;
const FRAME_EID: u8 = 0x30;

/// One Eddystone frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Eddystone<'a> {
    /// A fixed identifier.
    Uid(Uid),
    /// A web address.
    Url(Url<'a>),
    /// How the beacon is.
    Tlm(Tlm),
    /// How the beacon is, for its owner only.
    EncryptedTlm(EncryptedTlm),
    /// An identifier that changes.
    Eid(Eid),
}

/// A fixed identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Uid {
    /// Strength at the beacon itself, in dBm.
    pub tx_0m_dbm: i8,
    /// Whose beacons these are.
    pub namespace: [u8; 10],
    /// One beacon.
    pub instance: [u8; 6],
}

/// A web address, compressed. [`fmt::Display`] writes it in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Url<'a> {
    /// Strength at the beacon itself, in dBm.
    pub tx_0m_dbm: i8,
    scheme: &'static str,
    /// Only characters and codes that [`Url::parse`] has checked.
    encoded: &'a [u8],
}

/// How the beacon is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tlm {
    /// Battery, in millivolts; `None` for a beacon that cannot tell or is powered from outside.
    pub battery_mv: Option<u16>,
    /// Temperature, in degrees Celsius; `None` for a beacon without a sensor.
    pub temperature_celsius: Option<f32>,
    /// Advertisements since the beacon started.
    pub advertisements: u32,
    /// Tenths of a second since the beacon started.
    pub uptime_ds: u32,
}

/// Telemetry that only the beacon's owner can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EncryptedTlm {
    /// The telemetry, AES-EAX.
    pub cipher_text: [u8; 12],
    /// Random, part of the nonce.
    pub salt: u16,
    /// The message integrity check.
    pub check: u16,
}

/// An identifier that changes; `ephemeral` computes the next ones for a known key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Eid {
    /// Strength at the beacon itself, in dBm.
    pub tx_0m_dbm: i8,
    /// The identifier of this moment.
    pub eid: [u8; 8],
}

impl<'a> Eddystone<'a> {
    /// Reads the service data that follow the UUID.
    ///
    /// # Errors
    /// [`AdvertError::Eddystone`] unless they have exactly one of the forms above.
    pub fn parse(data: &'a [u8]) -> Result<Self, AdvertError> {
        let frame = data.first().copied();
        let parsed = match frame {
            Some(FRAME_UID) => Uid::parse(data).map(Self::Uid),
            Some(FRAME_URL) => Url::parse(data).map(Self::Url),
            Some(FRAME_TLM) => Tlm::parse(data)
                .map(Self::Tlm)
                .or_else(|| EncryptedTlm::parse(data).map(Self::EncryptedTlm)),
            Some(FRAME_EID) => Eid::parse(data).map(Self::Eid),
            _ => None,
        };
        parsed.ok_or(AdvertError::Eddystone {
            frame: frame.unwrap_or(0xff),
            len: data.len(),
        })
    }

    /// Who the beacon is; `None` for frames that do not say.
    pub fn identity(&self) -> Option<Identity> {
        match self {
            Self::Uid(uid) => uid.identity(),
            Self::Eid(eid) => Identity::new(IdentityKind::EddystoneEid, &eid.eid).ok(),
            Self::Url(_) | Self::Tlm(_) | Self::EncryptedTlm(_) => None,
        }
    }
}

impl Uid {
    fn parse(data: &[u8]) -> Option<Self> {
        let (&[FRAME_UID, tx], rest) = data.split_first_chunk()? else {
            return None;
        };
        let (&namespace, rest) = rest.split_first_chunk()?;
        let (&instance, reserved) = rest.split_first_chunk()?;
        // Early beacons leave the two reserved bytes out.
        matches!(reserved.len(), 0 | 2).then_some(Self {
            tx_0m_dbm: tx.cast_signed(),
            namespace,
            instance,
        })
    }

    /// The whole advertisement, flags and service first, as it goes on the air.
    pub fn advertisement(&self) -> [u8; UID_ADVERTISEMENT_LEN] {
        let mut out = [0; UID_ADVERTISEMENT_LEN];
        let [low, high] = SERVICE.to_le_bytes();
        let services = [3, kind::SERVICES_16, low, high];
        let head = [
            UID_LEN as u8 + 3,
            kind::SERVICE_DATA_16,
            low,
            high,
            FRAME_UID,
            self.tx_0m_dbm.cast_unsigned(),
        ];
        super::fill(
            &mut out,
            &[
                &FLAGS_STRUCTURE,
                &services,
                &head,
                &self.namespace,
                &self.instance,
                &[0, 0],
            ],
        );
        out
    }

    /// Namespace and instance; `None` when they name nobody.
    pub fn identity(&self) -> Option<Identity> {
        let mut bytes = [0; 16];
        super::fill(&mut bytes, &[&self.namespace, &self.instance]);
        Identity::new(IdentityKind::EddystoneUid, &bytes).ok()
    }

    /// The strength at one metre that the other formats state, in dBm.
    pub fn tx_1m_dbm(&self) -> i8 {
        self.tx_0m_dbm.saturating_sub(FIRST_METRE_LOSS_DB)
    }
}

impl<'a> Url<'a> {
    fn parse(data: &'a [u8]) -> Option<Self> {
        let (&[FRAME_URL, tx, scheme], encoded) = data.split_first_chunk()? else {
            return None;
        };
        let scheme = *SCHEMES.get(usize::from(scheme))?;
        // Codes up to 13 are expansions; the rest of the control characters, space and 127 up are reserved.
        let allowed = |&byte: &u8| usize::from(byte) < EXPANSIONS.len() || byte.is_ascii_graphic();
        (encoded.len() <= URL_ENCODED_LEN_MAX && encoded.iter().all(allowed)).then_some(Self {
            tx_0m_dbm: tx.cast_signed(),
            scheme,
            encoded,
        })
    }
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme)?;
        self.encoded
            .iter()
            .try_for_each(|&byte| match EXPANSIONS.get(usize::from(byte)) {
                Some(expansion) => f.write_str(expansion),
                None => fmt::Write::write_char(f, char::from(byte)),
            })
    }
}

impl Tlm {
    fn parse(data: &[u8]) -> Option<Self> {
        let (&[FRAME_TLM, 0], telemetry) = data.split_first_chunk()? else {
            return None;
        };
        telemetry.try_into().ok().map(Self::from_telemetry)
    }

    /// The telemetry behind frame type and version.
    pub(super) fn from_telemetry([b1, b0, t1, t0, a3, a2, a1, a0, u3, u2, u1, u0]: [u8; 12]) -> Self {
        let temperature = i16::from_be_bytes([t1, t0]);
        Self {
            battery_mv: Some(u16::from_be_bytes([b1, b0])).filter(|&mv| mv != 0),
            temperature_celsius: (temperature != i16::MIN).then(|| f32::from(temperature) / 256.0),
            advertisements: u32::from_be_bytes([a3, a2, a1, a0]),
            uptime_ds: u32::from_be_bytes([u3, u2, u1, u0]),
        }
    }

    /// The bytes that [`Tlm::from_telemetry`] reads. A temperature out of range is not told.
    #[cfg(feature = "resolve")]
    pub(super) fn telemetry(&self) -> [u8; 12] {
        let [b1, b0] = self.battery_mv.unwrap_or(0).to_be_bytes();
        // A float that is too large becomes the nearest integer, which is not the mark of a missing sensor.
        let fixed = |celsius: f32| ((celsius * 256.0) as i16).max(i16::MIN + 1);
        let [t1, t0] = self.temperature_celsius.map_or(i16::MIN, fixed).to_be_bytes();
        let [a3, a2, a1, a0] = self.advertisements.to_be_bytes();
        let [u3, u2, u1, u0] = self.uptime_ds.to_be_bytes();
        [b1, b0, t1, t0, a3, a2, a1, a0, u3, u2, u1, u0]
    }
}

impl EncryptedTlm {
    fn parse(data: &[u8]) -> Option<Self> {
        let (&[FRAME_TLM, 1], rest) = data.split_first_chunk()? else {
            return None;
        };
        let (&cipher_text, rest) = rest.split_first_chunk()?;
        let &[s1, s0, c1, c0] = rest else { return None };
        Some(Self {
            cipher_text,
            salt: u16::from_be_bytes([s1, s0]),
            check: u16::from_be_bytes([c1, c0]),
        })
    }
}

impl Eid {
    /// The whole advertisement, flags and service first, as it goes on the air.
    pub fn advertisement(&self) -> [u8; EID_ADVERTISEMENT_LEN] {
        let mut out = [0; EID_ADVERTISEMENT_LEN];
        let [low, high] = SERVICE.to_le_bytes();
        let services = [3, kind::SERVICES_16, low, high];
        let head = [
            EID_LEN as u8 + 3,
            kind::SERVICE_DATA_16,
            low,
            high,
            FRAME_EID,
            self.tx_0m_dbm.cast_unsigned(),
        ];
        super::fill(&mut out, &[&FLAGS_STRUCTURE, &services, &head, &self.eid]);
        out
    }

    fn parse(data: &[u8]) -> Option<Self> {
        let (&[FRAME_EID, tx], rest) = data.split_first_chunk()? else {
            return None;
        };
        Some(Self {
            tx_0m_dbm: tx.cast_signed(),
            eid: rest.try_into().ok()?,
        })
    }
}

const SCHEMES: [&str; 4] = ["http://www.", "https://www.", "http://", "https://"];
const EXPANSIONS: [&str; 14] = [
    ".com/", ".org/", ".edu/", ".net/", ".info/", ".biz/", ".gov/", ".com", ".org", ".edu", ".net", ".info", ".biz",
    ".gov",
];
