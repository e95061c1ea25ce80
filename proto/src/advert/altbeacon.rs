//! AltBeacon: the open proximity beacon, of any manufacturer.
//!
//! ```text
//! | bytes | what                                            |
//! |-------|-------------------------------------------------|
//! | 2     | manufacturer, little endian (AD kind 0xff)      |
//! | 2     | 0xbe 0xac                                       |
//! | 20    | beacon id; by custom 16 + 2 + 2, big endian     |
//! | 1     | RSSI at one metre, dBm, signed                  |
//! | 1     | reserved for the manufacturer                   |
//! ```
//! Source: AltBeacon Protocol Specification 1.0. What is absent on purpose: the layouts that manufacturers put
//! behind other codes.

use super::identity::{Identity, IdentityKind};
use super::structure::kind;
use super::{AdvertError, FLAGS_STRUCTURE};

/// What the data begin with after the manufacturer.
pub const CODE: [u8; 2] = [0xbe, 0xac];
/// Length of a whole advertisement with flags, in bytes: a full legacy advertisement.
pub const ADVERTISEMENT_LEN: usize = FLAGS_STRUCTURE.len() + 2 + DATA_LEN;

/// Manufacturer data with the manufacturer in front.
const DATA_LEN: usize = 26;

/// What an AltBeacon says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AltBeacon {
    /// The manufacturer, as assigned by the Bluetooth SIG.
    pub company: u16,
    /// Whose beacons these are, the first 16 bytes of the id.
    pub id: [u8; 16],
    /// The next 2 bytes of the id, often a site.
    pub id2: u16,
    /// The last 2 bytes of the id, often one beacon.
    pub id3: u16,
    /// Calibrated strength at one metre, in dBm.
    pub tx_1m_dbm: i8,
    /// Whatever the manufacturer wants.
    pub reserved: u8,
}

impl AltBeacon {
    /// Reads the manufacturer data that follow `company`.
    ///
    /// # Errors
    /// [`AdvertError::AltBeacon`] unless they have exactly the form above.
    pub fn parse(company: u16, data: &[u8]) -> Result<Self, AdvertError> {
        let malformed = AdvertError::AltBeacon { len: data.len() + 2 };
        let Some((&CODE, rest)) = data.split_first_chunk() else {
            return Err(malformed);
        };
        let (id, rest) = rest.split_first_chunk().ok_or(malformed)?;
        let &[id2_high, id2_low, id3_high, id3_low, tx, reserved] = rest else {
            return Err(malformed);
        };
        Ok(Self {
            company,
            id: *id,
            id2: u16::from_be_bytes([id2_high, id2_low]),
            id3: u16::from_be_bytes([id3_high, id3_low]),
            tx_1m_dbm: tx.cast_signed(),
            reserved,
        })
    }

    /// The whole advertisement, flags first, as it goes on the air.
    pub fn advertisement(&self) -> [u8; ADVERTISEMENT_LEN] {
        let mut out = [0; ADVERTISEMENT_LEN];
        let [company_low, company_high] = self.company.to_le_bytes();
        let head = [DATA_LEN as u8 + 1, kind::MANUFACTURER, company_low, company_high];
        let tail = [self.tx_1m_dbm.cast_unsigned(), self.reserved];
        super::fill(
            &mut out,
            &[&FLAGS_STRUCTURE, &head, &CODE, &self.identity_bytes(), &tail],
        );
        out
    }

    /// The 20 bytes of the id; `None` when they name nobody.
    pub fn identity(&self) -> Option<Identity> {
        Identity::new(IdentityKind::AltBeacon, &self.identity_bytes()).ok()
    }

    fn identity_bytes(&self) -> [u8; 20] {
        let mut bytes = [0; 20];
        super::fill(
            &mut bytes,
            &[&self.id, &self.id2.to_be_bytes(), &self.id3.to_be_bytes()],
        );
        bytes
    }
}
