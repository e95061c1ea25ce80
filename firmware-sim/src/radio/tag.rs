//! A tag: what it says on the air, and when.
//!
//! An advertiser sends every interval plus a random 0 to 10 ms (Bluetooth Core 5.4, Vol 6, Part B, 4.4.2.2.1),
//! so that two tags which collide once do not collide for ever. Its address is random and changes every few
//! minutes; what it names itself by in the payload stays, or changes too. Tags of two formats change so that only
//! the holder of their key can follow: those that have nothing but a resolvable private address, and Eddystone-EID
//! beacons, whose crystal is up to 150 ppm off. The three advertising channels are one event here: a hub that
//! listens on any of them hears it once.

use nextbest_proto::advert::{
    Identity, IdentityKind, LEGACY_LEN_MAX,
    altbeacon::AltBeacon,
    eddystone::{Eid, FIRST_METRE_LOSS_DB, Uid},
    ephemeral::{Ephemeral, IdentityKey, ROTATION_EXPONENT_MAX},
    ibeacon::IBeacon,
    private_address::ResolvingKey,
};
use nextbest_proto::v1;

use crate::prng::{draw, scale};

/// The format of the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Apple's iBeacon.
    IBeacon,
    /// Google's Eddystone-UID.
    EddystoneUid,
    /// Radius Networks' AltBeacon.
    AltBeacon,
    /// Google's Eddystone-EID.
    EddystoneEid {
        /// The identifier changes every 2^`rotation_exponent` seconds of the tag's clock, at most 15.
        rotation_exponent: u8,
    },
    /// No name in the payload; the address is a resolvable private one.
    PrivateAddress,
}

/// How often the tag changes its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A new random address this often. Phones take 15 minutes.
    pub address_ms: u64,
    /// A new identity in the payload this often; `None` for one that stays.
    pub identity_ms: Option<u64>,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            address_ms: 900_000,
            identity_ms: None,
        }
    }
}

/// A carried transmitter.
#[derive(Debug, Clone)]
pub struct Tag {
    seed: u64,
    number: u64,
    format: Format,
    interval_ms: u32,
    rotation: Rotation,
    next_ms: u64,
    packet: u64,
}

/// One packet: the random address and the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertisement {
    /// The advertiser's address, as written.
    pub address: [u8; 6],
    payload: [u8; LEGACY_LEN_MAX],
    payload_len: usize,
}

impl Advertisement {
    fn new(address: [u8; 6], data: &[u8]) -> Self {
        let mut payload = [0; LEGACY_LEN_MAX];
        payload.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
        Self {
            address,
            payload,
            payload_len: data.len().min(LEGACY_LEN_MAX),
        }
    }

    /// The data of the advertisement.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.payload.get(..self.payload_len).unwrap_or_default()
    }
}

impl Tag {
    /// Tag number `number` of the world of `seed`, first heard within one interval of `now_ms`.
    #[must_use]
    pub fn new(seed: u64, number: u64, format: Format, interval_ms: u32, rotation: Rotation, now_ms: u64) -> Self {
        let interval_ms = interval_ms.max(INTERVAL_MIN_MS);
        let next_ms = now_ms + scale(draw(seed, number, PHASE), u64::from(interval_ms));
        Self {
            seed,
            number,
            format,
            interval_ms,
            rotation,
            next_ms,
            packet: 0,
        }
    }

    /// When it sends next.
    #[must_use]
    pub fn next_ms(&self) -> u64 {
        self.next_ms
    }

    /// Sends: returns the number of the packet and plans the next one.
    pub fn send(&mut self) -> u64 {
        let packet = self.packet;
        self.packet += 1;
        let delay_ms = scale(draw(self.seed ^ DELAY, self.number, packet), DELAY_MAX_MS + 1);
        self.next_ms += u64::from(self.interval_ms) + delay_ms;
        packet
    }

    /// The name in its payload at `now_ms`.
    #[must_use]
    pub fn identity(&self, now_ms: u64) -> Option<Identity> {
        let name = self.name(now_ms);
        let (eid, address);
        let (kind, name) = match self.format {
            Format::IBeacon => (IdentityKind::IBeacon, name.as_slice()),
            Format::AltBeacon => (IdentityKind::AltBeacon, name.as_slice()),
            Format::EddystoneUid => (
                IdentityKind::EddystoneUid,
                name.get(NAME_LEN - UID_LEN..).unwrap_or_default(),
            ),
            Format::EddystoneEid { rotation_exponent } => {
                eid = self.ephemeral(rotation_exponent)?.identifier(self.clock_s(now_ms));
                (IdentityKind::EddystoneEid, eid.as_slice())
            }
            Format::PrivateAddress => {
                address = self.address(now_ms);
                (IdentityKind::Address, address.as_slice())
            }
        };
        Identity::new(kind, name).ok()
    }

    /// The tag as it is registered at `now_ms`: by its name, or by the key that tells it.
    #[must_use]
    pub fn registered(&self, now_ms: u64) -> Option<v1::Tag> {
        match self.format {
            Format::IBeacon | Format::AltBeacon | Format::EddystoneUid => {
                self.identity(now_ms).as_ref().map(v1::Tag::heard_as)
            }
            Format::EddystoneEid { rotation_exponent } => Some(v1::Tag::ephemeral(
                self.key(),
                rotation_exponent.min(ROTATION_EXPONENT_MAX),
                self.clock_s(now_ms),
            )),
            Format::PrivateAddress => Some(v1::Tag::resolved_by(self.key())),
        }
    }

    /// Its random address at `now_ms`: non-resolvable private, the two upper bits clear, unless it is all it has.
    #[must_use]
    pub fn address(&self, now_ms: u64) -> [u8; 6] {
        let bits = draw(
            self.seed ^ ADDRESS,
            self.number,
            self.epoch(now_ms, self.rotation.address_ms),
        );
        let [_, _, first, rest @ ..] = bits.to_be_bytes();
        let [b, c, d, e, f] = rest;
        if self.format == Format::PrivateAddress {
            return ResolvingKey::new(self.key()).address([first, b, c]).bytes();
        }
        [first & 0x3f, b, c, d, e, f]
    }

    /// The packet it sends at `now_ms`.
    #[must_use]
    pub fn advertisement(&self, now_ms: u64) -> Advertisement {
        let name = self.name(now_ms);
        let [uuid @ .., a, b, c, d] = name;
        let (id2, id3) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let address = self.address(now_ms);
        match self.format {
            Format::IBeacon => {
                let beacon = IBeacon {
                    uuid,
                    major: id2,
                    minor: id3,
                    tx_1m_dbm: TX_1M_DBM,
                };
                Advertisement::new(address, &beacon.advertisement())
            }
            Format::AltBeacon => {
                let beacon = AltBeacon {
                    company: COMPANY,
                    id: uuid,
                    id2,
                    id3,
                    tx_1m_dbm: TX_1M_DBM,
                    reserved: 0,
                };
                Advertisement::new(address, &beacon.advertisement())
            }
            Format::EddystoneUid => {
                let [_, _, _, _, namespace @ .., e, f, g, h, i, j] = name;
                let tx_0m_dbm = TX_1M_DBM + FIRST_METRE_LOSS_DB;
                let beacon = Uid {
                    tx_0m_dbm,
                    namespace,
                    instance: [e, f, g, h, i, j],
                };
                Advertisement::new(address, &beacon.advertisement())
            }
            Format::EddystoneEid { rotation_exponent } => {
                let eid = self
                    .ephemeral(rotation_exponent)
                    .map_or([0; 8], |beacon| beacon.identifier(self.clock_s(now_ms)));
                let tx_0m_dbm = TX_1M_DBM + FIRST_METRE_LOSS_DB;
                Advertisement::new(address, &Eid { tx_0m_dbm, eid }.advertisement())
            }
            Format::PrivateAddress => Advertisement::new(address, &FLAGS),
        }
    }

    fn ephemeral(&self, rotation_exponent: u8) -> Option<Ephemeral> {
        Ephemeral::new(
            IdentityKey::new(self.key()),
            rotation_exponent.min(ROTATION_EXPONENT_MAX),
        )
        .ok()
    }

    /// The key that tells it: never on the air.
    fn key(&self) -> [u8; 16] {
        let half = |place| draw(self.seed ^ KEY, self.number, place).to_be_bytes();
        let [a, b, c, d, e, f, g, h] = half(0);
        let [i, j, k, l, m, n, o, p] = half(1);
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }

    /// What its own clock shows, in seconds: it was switched on some time before, and its crystal is off.
    fn clock_s(&self, now_ms: u64) -> u32 {
        let random = draw(self.seed ^ CLOCK, self.number, 0);
        let began_ms = scale(random, CLOCK_BEGAN_MS_MAX);
        let drift_ppm = scale(random.rotate_left(32), 2 * DRIFT_PPM_MAX + 1) as i64 - DRIFT_PPM_MAX as i64;
        let shown_ms = (began_ms + now_ms).saturating_add_signed(now_ms as i64 / 1_000 * drift_ppm / 1_000);
        (shown_ms / 1_000) as u32
    }

    /// The 20 bytes that it is known by: one family, and a number within it.
    fn name(&self, now_ms: u64) -> [u8; NAME_LEN] {
        let epoch = self
            .rotation
            .identity_ms
            .map_or(0, |every_ms| self.epoch(now_ms, every_ms));
        let number = match epoch {
            0 => self.number,
            epoch => draw(self.seed ^ RENAMED, self.number, epoch),
        };
        let [a, b, c, d, e, f, g, h, i, j, k, l] = FAMILY;
        let [m, n, o, p, q, r, s, t] = number.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t]
    }

    /// How often the tag has changed; tags change at different times.
    fn epoch(&self, now_ms: u64, every_ms: u64) -> u64 {
        let every_ms = every_ms.max(1);
        (now_ms + scale(draw(self.seed, self.number, EPOCH), every_ms)) / every_ms
    }
}

/// Power of a tag one metre away, in dBm: that of common badges.
pub const TX_1M_DBM: i8 = -59;
/// No advertiser is allowed to send more often.
const INTERVAL_MIN_MS: u32 = 20;
/// The longest random delay after an interval.
const DELAY_MAX_MS: u64 = 10;
/// Bytes of a name, and of the shorter one that Eddystone has.
const NAME_LEN: usize = 20;
const UID_LEN: usize = 16;
/// The Bluetooth SIG's company number for tests.
const COMPANY: u16 = 0xffff;
/// The first bytes of every simulated tag's name.
const FAMILY: [u8; 12] = *b"nextbest-sim";
/// LE general discoverable, no BR/EDR.
const FLAGS: [u8; 3] = [2, 1, 6];
/// How far a beacon's crystal may be off (eid-computation.md).
const DRIFT_PPM_MAX: u64 = 150;
/// No tag has run longer than a year.
const CLOCK_BEGAN_MS_MAX: u64 = 365 * 86_400_000;
/// Names of the draws.
const KEY: u64 = 0x6b65_7973;
const CLOCK: u64 = 0x636c_6f63;
const PHASE: u64 = 48;
const EPOCH: u64 = 49;
const DELAY: u64 = 0x6465_6c61;
const RENAMED: u64 = 0x7265_6e61;
const ADDRESS: u64 = 0x6164_6472;
