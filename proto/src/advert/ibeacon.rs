//! iBeacon: a proximity UUID, a major and a minor number, and the power at one metre.
//!
//! ```text
//! | bytes | what                                            |
//! |-------|-------------------------------------------------|
//! | 2     | company 0x004c, little endian (AD kind 0xff)    |
//! | 1     | 0x02, proximity beacon                          |
//! | 1     | 0x15, length of the rest: 21                    |
//! | 16    | proximity UUID                                  |
//! | 2     | major, big endian                               |
//! | 2     | minor, big endian                               |
//! | 1     | RSSI at one metre, dBm, signed                  |
//! ```
//! Source: Apple, "Proximity Beacon Specification", release R1. What is absent on purpose: Apple's other
//! subtypes, which stay manufacturer data.

use super::identity::{Identity, IdentityKind};
use super::structure::kind;
use super::{AdvertError, FLAGS_STRUCTURE};

/// Apple, among the Bluetooth SIG's company identifiers.
pub const COMPANY: u16 = 0x004c;
/// The first byte of the manufacturer data after the company.
pub const SUBTYPE: u8 = 0x02;
/// Length of a whole advertisement with flags, in bytes.
pub const ADVERTISEMENT_LEN: usize = FLAGS_STRUCTURE.len() + 2 + DATA_LEN;

/// Manufacturer data with the company in front.
const DATA_LEN: usize = 25;
/// What follows the length byte 0x15.
const REST_LEN: u8 = 0x15;

/// What an iBeacon says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IBeacon {
    /// Whose beacons these are.
    pub uuid: [u8; 16],
    /// Often a site or a section of it.
    pub major: u16,
    /// Often one beacon.
    pub minor: u16,
    /// Calibrated strength at one metre, in dBm.
    pub tx_1m_dbm: i8,
}

impl IBeacon {
    /// Reads the manufacturer data that follows the company.
    ///
    /// # Errors
    /// [`AdvertError::IBeacon`] unless it has exactly the form above.
    pub fn parse(data: &[u8]) -> Result<Self, AdvertError> {
        let malformed = AdvertError::IBeacon { len: data.len() + 2 };
        let Some((&[SUBTYPE, REST_LEN], rest)) = data.split_first_chunk() else {
            return Err(malformed);
        };
        let (uuid, rest) = rest.split_first_chunk().ok_or(malformed)?;
        let &[major_high, major_low, minor_high, minor_low, tx] = rest else {
            return Err(malformed);
        };
        Ok(Self {
            uuid: *uuid,
            major: u16::from_be_bytes([major_high, major_low]),
            minor: u16::from_be_bytes([minor_high, minor_low]),
            tx_1m_dbm: tx.cast_signed(),
        })
    }

    /// The whole advertisement, flags first, as it goes on the air.
    pub fn advertisement(&self) -> [u8; ADVERTISEMENT_LEN] {
        let mut out = [0; ADVERTISEMENT_LEN];
        let [company_low, company_high] = COMPANY.to_le_bytes();
        let head = [
            DATA_LEN as u8 + 1,
            kind::MANUFACTURER,
            company_low,
            company_high,
            SUBTYPE,
            REST_LEN,
        ];
        super::fill(
            &mut out,
            &[
                &FLAGS_STRUCTURE,
                &head,
                &self.identity_bytes(),
                &self.tx_1m_dbm.to_be_bytes(),
            ],
        );
        out
    }

    /// UUID, major and minor; `None` when they name nobody.
    pub fn identity(&self) -> Option<Identity> {
        Identity::new(IdentityKind::IBeacon, &self.identity_bytes()).ok()
    }

    fn identity_bytes(&self) -> [u8; 20] {
        let mut bytes = [0; 20];
        super::fill(
            &mut bytes,
            &[&self.uuid, &self.major.to_be_bytes(), &self.minor.to_be_bytes()],
        );
        bytes
    }
}
