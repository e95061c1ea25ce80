//! Every tag of the crowd, sending; every hub within reach, hearing or not.
//!
//! A tag's packets are played in the order of time, each at the place where its carrier is at that moment. One
//! call plays a bounded number, so that sessions on the same thread are not kept waiting.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use nextbest_proto::v1;
use nextbest_venue::Venue;

use crate::{
    crowd::{Crowd, FanIx},
    hub::Hub,
    prng::draw,
    radio::{Emission, Format, Radio, RadioSettings, Receivers, Rotation, TX_1M_DBM, Tag},
};

use super::world::SwitchedOn;

#[derive(Debug)]
pub(super) struct Air {
    venue: Arc<Venue>,
    radio: Radio,
    receivers: Receivers,
    /// The firmware of each hub of the venue that is switched on.
    firmware_of: Vec<Option<usize>>,
    tags: Vec<Tag>,
    next: BinaryHeap<Reverse<(u64, FanIx)>>,
}

impl Air {
    /// A tag for each fan, and the hubs that are switched on to hear them.
    pub(super) fn new(
        venue: &Arc<Venue>,
        crowd: &Crowd,
        switched_on: &[SwitchedOn],
        settings: AirSettings,
        now_ms: u64,
    ) -> Self {
        let AirSettings {
            seed,
            radio,
            interval_ms,
            rotation,
            changing_percent,
        } = settings;
        let radio = Radio::new(radio, seed);
        let receivers = Receivers::new(venue, &radio, TX_1M_DBM);
        let mut firmware_of = vec![None; venue.hubs.len()];
        for (firmware, (number, ..)) in switched_on.iter().enumerate() {
            if let Some(slot) = firmware_of.get_mut(*number) {
                *slot = Some(firmware);
            }
        }
        let tag = |fan: FanIx| {
            let number = u64::from(fan.0);
            let format = format(seed, number, changing_percent);
            Tag::new(seed, number, format, interval_ms, rotation, now_ms)
        };
        let tags: Vec<Tag> = crowd.fan_numbers().map(tag).collect();
        let next = crowd
            .fan_numbers()
            .zip(&tags)
            .map(|(fan, tag)| Reverse((tag.next_ms(), fan)))
            .collect();
        Self {
            venue: Arc::clone(venue),
            radio,
            receivers,
            firmware_of,
            tags,
            next,
        }
    }

    /// The tag of a fan as it is registered at `now_ms`.
    pub(super) fn registered(&self, fan: FanIx, now_ms: u64) -> Option<v1::Tag> {
        self.tags.get(fan.index())?.registered(now_ms)
    }

    /// Plays at most [`PACKETS_PER_CALL_MAX`] packets up to `now_ms`. Returns how many it played; fewer than
    /// the maximum means that there were no more.
    pub(super) fn play(&mut self, now_ms: u64, crowd: &Crowd, hubs: &mut [Hub]) -> usize {
        for played in 0..PACKETS_PER_CALL_MAX {
            match self.next.peek() {
                Some(Reverse((at_ms, _))) if *at_ms <= now_ms => {}
                _ => return played,
            }
            let Some(Reverse((at_ms, fan))) = self.next.pop() else {
                return played;
            };
            let Some(tag) = self.tags.get_mut(fan.index()) else {
                continue;
            };
            let packet = tag.send();
            self.next.push(Reverse((tag.next_ms(), fan)));
            self.packet(at_ms, fan, packet, crowd, hubs);
        }
        PACKETS_PER_CALL_MAX
    }

    fn packet(&self, at_ms: u64, fan: FanIx, packet: u64, crowd: &Crowd, hubs: &mut [Hub]) {
        let (Some(stance), Some(tag)) = (crowd.stance(fan, at_ms), self.tags.get(fan.index())) else {
            return;
        };
        let facing_rad = Some(stance.facing_rad);
        let (sender, level, at) = (u64::from(fan.0), stance.level, stance.at);
        let emission = Emission {
            sender,
            packet,
            tx_1m_dbm: TX_1M_DBM,
            level,
            at,
            facing_rad,
        };
        let mut advertisement = None;
        for receiver in self.receivers.at(level, at) {
            let ix = receiver.hub.index();
            let (Some(place), Some(Some(firmware))) = (self.venue.hubs.get(ix), self.firmware_of.get(ix)) else {
                continue;
            };
            let number = u64::from(receiver.hub.0);
            let Some(rssi_dbm) = self.radio.hear(&emission, number, place, receiver.floors_between) else {
                continue;
            };
            let heard = advertisement.get_or_insert_with(|| tag.advertisement(at_ms));
            if let Some(hub) = hubs.get_mut(*firmware) {
                hub.on_advert(at_ms, heard.address, heard.payload(), rssi_dbm);
            }
        }
    }
}

/// How tags are.
#[derive(Debug, Clone, Copy)]
pub(super) struct AirSettings {
    pub(super) seed: u64,
    pub(super) radio: RadioSettings,
    pub(super) interval_ms: u32,
    pub(super) rotation: Rotation,
    /// Of a hundred tags so many change all that they call themselves.
    pub(super) changing_percent: u8,
}

/// Those that change are beacons and devices in equal parts. Of the others, eight in ten are iBeacons, and the rest
/// divide themselves between the two open formats.
fn format(seed: u64, number: u64, changing_percent: u8) -> Format {
    let draw = draw(seed, number, FORMAT);
    if draw / 10 % 100 < u64::from(changing_percent) {
        return match draw / 1_000 % 2 {
            0 => Format::PrivateAddress,
            _ => Format::EddystoneEid {
                rotation_exponent: ROTATION_EXPONENT,
            },
        };
    }
    match draw % 10 {
        0 => Format::EddystoneUid,
        1 => Format::AltBeacon,
        _ => Format::IBeacon,
    }
}

/// Some 0.2 ms of work.
pub(super) const PACKETS_PER_CALL_MAX: usize = 256;
/// Beacons change their identifier every 128 s.
const ROTATION_EXPONENT: u8 = 7;
/// Name of a draw.
const FORMAT: u64 = 64;
