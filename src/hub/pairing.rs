//! One sighting for each advertisement, from the parts in which BlueZ tells it.
//!
//! BlueZ reports an advertisement as changed properties of its sender: the strength, the manufacturers' data, the services'
//! data. btleplug makes an event of each, in this order, and says nowhere which belong together; of a device that is new it
//! says that it is there and leaves strength and data to be asked for. So, for each device:
//!
//! - A part opens a sighting; parts of other kinds join it; a part of a kind that it has already closes it and opens the
//!   next.
//! - It closes as soon as it has all parts that the device's sighting before it had. Of a device that is not known yet,
//!   strength and one kind of data are enough.
//! - After [`PART_WAIT`] it closes with what it has: a property that is not mentioned has not changed, so the strength is the
//!   last one heard, and the data are those known.
//! - A part of a missing kind that comes up to [`PART_WAIT`] later belongs to what was closed: it is learned, and is no
//!   sighting.
//! - When nothing is known of the data, somebody has to ask ([`Paired::Ask`]), once.
//!
//! Pure: events and `now` in, sightings out. Deliberately absent: D-Bus, and what the data mean.

use std::collections::VecDeque;
use std::time::Duration;

use nextbest_proto::advert::address::Address;
use tokio::time::Instant;

use super::radio::Heard;
use super::recent::Recent;

/// How long the parts of one advertisement may be apart. btleplug asks BlueZ once for every part before it tells it, and
/// a loaded bluetoothd takes its time.
pub const PART_WAIT: Duration = Duration::from_millis(500);
/// Most sightings that wait for parts; beyond it the oldest closes with what it has.
pub const OPEN_LEN_MAX: usize = 4_096;

/// A part of an advertisement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// How strong it was, in dBm.
    Rssi(i16),
    /// Manufacturers' data, as AD structures.
    Manufacturer(Vec<u8>),
    /// Services' data, as AD structures.
    Service(Vec<u8>),
}

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paired<Id> {
    /// A sighting.
    Heard(Heard),
    /// A sighting of somebody of whom no data are known: ask for them, and for the strength if it is missing.
    Ask {
        /// Whom to ask for.
        id: Id,
        /// Without its data, perhaps without its strength.
        heard: Heard,
    },
    /// Data that belong to a sighting that was given before.
    Learned {
        /// Who sent them.
        address: Address,
        /// AD structures.
        advertisement: Vec<u8>,
    },
}

/// The kinds of parts that a sighting has, as bits.
type Kinds = u8;
const RSSI: Kinds = 1;
const MANUFACTURER: Kinds = 2;
const SERVICE: Kinds = 4;

impl Part {
    fn kind(&self) -> Kinds {
        match self {
            Self::Rssi(_) => RSSI,
            Self::Manufacturer(_) => MANUFACTURER,
            Self::Service(_) => SERVICE,
        }
    }
}

#[derive(Debug)]
struct Device<Id> {
    id: Id,
    rssi_dbm: Option<i16>,
    are_data_known: bool,
    open: Option<Open>,
    /// Which kinds the last sighting had; 0: nobody knows yet.
    expected: Kinds,
    /// Which kinds have nothing more to add to the last sighting, and when it began; 0: there was none.
    closed: (Kinds, Instant),
}

#[derive(Debug)]
struct Open {
    kinds: Kinds,
    advertisement: Vec<u8>,
    at: Instant,
}

/// The devices that are heard, with the sightings that wait for parts.
#[derive(Debug)]
pub struct Pairing<Id> {
    devices: Recent<Device<Id>>,
    /// Which may be open since when, the oldest first. One that has closed meanwhile is passed over.
    waiting: VecDeque<(Instant, Address)>,
    ready: VecDeque<Paired<Id>>,
}

impl<Id: Clone> Pairing<Id> {
    /// Nobody has been heard.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            devices: Recent::new(now),
            waiting: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }

    /// BlueZ has met a device: this is its first advertisement.
    pub fn on_discovered(&mut self, now: Instant, id: Id, address: Address) {
        self.forget(now);
        let device = self.devices.heard(address, || Device::new(id.clone(), now));
        device.close(address, &mut self.ready);
        device.are_data_known = true;
        // It is whole as it is: nothing that comes belongs to it.
        device.closed = (RSSI | MANUFACTURER | SERVICE, now);
        let heard = Heard {
            address,
            rssi_dbm: None,
            advertisement: Vec::new(),
            at: now,
        };
        self.ready.push_back(Paired::Ask { id, heard });
    }

    /// A part has come.
    pub fn on_part(&mut self, now: Instant, id: &Id, address: Address, part: Part) {
        self.forget(now);
        let device = self.devices.heard(address, || Device::new(id.clone(), now));
        if device.is_late(now, part.kind()) {
            device.learn(address, part, &mut self.ready);
            return;
        }
        if device.open.as_ref().is_some_and(|open| open.kinds & part.kind() != 0) {
            device.close(address, &mut self.ready);
        }
        if device.open.is_none() {
            self.waiting.push_back((now, address));
        }
        device.join(now, part);
        if device.is_complete() {
            device.close(address, &mut self.ready);
        }
        if self.waiting.len() > OPEN_LEN_MAX {
            self.close_oldest();
        }
    }

    /// Closes what has waited long enough.
    pub fn on_time(&mut self, now: Instant) {
        while self.due_at().is_some_and(|due_at| due_at <= now) {
            self.close_oldest();
        }
    }

    /// When [`Pairing::on_time`] has something to do; `None`: nothing waits.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        self.waiting.front().map(|(at, _)| *at + PART_WAIT)
    }

    /// What has come out, in the order in which it closed.
    pub fn next_paired(&mut self) -> Option<Paired<Id>> {
        self.ready.pop_front()
    }

    fn close_oldest(&mut self) {
        if let Some((at, address)) = self.waiting.pop_front()
            && let Some(device) = self.devices.known(&address)
            && device.open.as_ref().is_some_and(|open| open.at == at)
        {
            device.close(address, &mut self.ready);
        }
    }

    fn forget(&mut self, now: Instant) {
        for (address, mut device) in self.devices.forget(now) {
            device.close(address, &mut self.ready);
        }
    }
}

impl<Id: Clone> Device<Id> {
    fn new(id: Id, now: Instant) -> Self {
        Self {
            id,
            rssi_dbm: None,
            are_data_known: false,
            open: None,
            expected: 0,
            closed: (0, now),
        }
    }

    /// Whether the part belongs to the sighting that was closed before.
    fn is_late(&self, now: Instant, kind: Kinds) -> bool {
        let (kinds, at) = self.closed;
        self.open.is_none() && kinds != 0 && kinds & kind == 0 && now < at + PART_WAIT
    }

    fn is_complete(&self) -> bool {
        let Some(open) = &self.open else { return false };
        match self.expected {
            0 => open.kinds & RSSI != 0 && open.kinds & (MANUFACTURER | SERVICE) != 0,
            before => open.kinds & before == before,
        }
    }

    fn learn(&mut self, address: Address, part: Part, ready: &mut VecDeque<Paired<Id>>) {
        self.expected |= part.kind();
        self.closed.0 |= part.kind();
        match part {
            Part::Rssi(rssi_dbm) => self.rssi_dbm = Some(rssi_dbm),
            Part::Manufacturer(advertisement) | Part::Service(advertisement) => {
                self.are_data_known = true;
                ready.push_back(Paired::Learned { address, advertisement });
            }
        }
    }

    fn join(&mut self, now: Instant, part: Part) {
        let open = self.open.get_or_insert_with(|| Open {
            kinds: 0,
            advertisement: Vec::new(),
            at: now,
        });
        open.kinds |= part.kind();
        match part {
            Part::Rssi(rssi_dbm) => self.rssi_dbm = Some(rssi_dbm),
            Part::Manufacturer(data) | Part::Service(data) => {
                self.are_data_known = true;
                open.advertisement.extend(data);
            }
        }
    }

    fn close(&mut self, address: Address, ready: &mut VecDeque<Paired<Id>>) {
        let Some(open) = self.open.take() else { return };
        self.expected = open.kinds;
        self.closed = (open.kinds, open.at);
        let heard = Heard {
            address,
            rssi_dbm: self.rssi_dbm,
            advertisement: open.advertisement,
            at: open.at,
        };
        let was_known = std::mem::replace(&mut self.are_data_known, true);
        ready.push_back(if was_known {
            Paired::Heard(heard)
        } else {
            Paired::Ask {
                id: self.id.clone(),
                heard,
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: u8 = 1;
    const BEN: u8 = 2;

    /// Parts in, sightings out, on a clock that the test moves.
    struct Bench {
        pairing: Pairing<u8>,
        start: Instant,
        now_ms: u64,
    }

    impl Bench {
        fn new() -> Self {
            let start = Instant::now();
            Self {
                pairing: Pairing::new(start),
                start,
                now_ms: 0,
            }
        }

        fn now(&self) -> Instant {
            self.start + Duration::from_millis(self.now_ms)
        }

        fn part(&mut self, id: u8, part: Part) -> &mut Self {
            self.pairing.on_part(self.now(), &id, address(id), part);
            self
        }

        fn rssi(&mut self, id: u8, rssi_dbm: i16) -> &mut Self {
            self.part(id, Part::Rssi(rssi_dbm))
        }

        fn maker(&mut self, id: u8, data: u8) -> &mut Self {
            self.part(id, Part::Manufacturer(vec![data]))
        }

        fn service(&mut self, id: u8, data: u8) -> &mut Self {
            self.part(id, Part::Service(vec![data]))
        }

        fn wait(&mut self, ms: u64) -> &mut Self {
            self.now_ms += ms;
            self.pairing.on_time(self.now());
            self
        }

        /// What came out, as `who strength data @ms`; asking and learning are marked.
        #[track_caller]
        fn gives(&mut self, expected: &[&str]) -> &mut Self {
            let mut found = Vec::new();
            while let Some(paired) = self.pairing.next_paired() {
                let start = self.start;
                let show = |heard: Heard| {
                    let rssi = heard.rssi_dbm.map_or("?".to_owned(), |rssi_dbm| rssi_dbm.to_string());
                    let at_ms = (heard.at - start).as_millis();
                    format!("{} {rssi} {:?} @{at_ms}", heard.address.bytes()[5], heard.advertisement)
                };
                found.push(match paired {
                    Paired::Heard(heard) => show(heard),
                    Paired::Ask { id, heard } => format!("ask {id}: {}", show(heard)),
                    Paired::Learned { address, advertisement } => {
                        format!("learned {} {advertisement:?}", address.bytes()[5])
                    }
                });
            }
            assert_eq!(found, expected);
            self
        }
    }

    fn address(id: u8) -> Address {
        Address::new([0xc0, 1, 2, 3, 4, id], true)
    }

    #[test]
    fn strength_and_data_are_one_sighting_at_once() {
        let mut bench = Bench::new();
        bench.rssi(ADA, -60).gives(&[]).maker(ADA, 7).gives(&["1 -60 [7] @0"]);
        bench.wait(100).rssi(ADA, -61).maker(ADA, 8).gives(&["1 -61 [8] @100"]);
        bench.wait(9_000).gives(&[]);
    }

    #[test]
    fn the_first_sighting_of_a_device_is_asked_for_and_the_second_is_not() {
        let mut bench = Bench::new();
        bench.pairing.on_discovered(bench.now(), ADA, address(ADA));
        bench.gives(&["ask 1: 1 ? [] @0"]);
        bench.wait(10).rssi(ADA, -60).maker(ADA, 7).gives(&["1 -60 [7] @10"]);
    }

    #[test]
    fn devices_may_be_mixed() {
        let mut bench = Bench::new();
        bench.rssi(ADA, -60).rssi(BEN, -70).wait(30).maker(ADA, 7).maker(BEN, 8);
        bench.gives(&["1 -60 [7] @0", "2 -70 [8] @0"]);
    }

    #[test]
    fn a_third_part_is_learned_once_and_waited_for_from_then_on() {
        let mut bench = Bench::new();
        bench.rssi(ADA, -60).maker(ADA, 7).service(ADA, 9);
        bench.gives(&["1 -60 [7] @0", "learned 1 [9]"]);
        bench.wait(100).rssi(ADA, -61).maker(ADA, 7).gives(&[]);
        bench.service(ADA, 9).gives(&["1 -61 [7, 9] @100"]);
    }

    #[test]
    fn strength_alone_is_a_sighting_with_what_is_known() {
        let mut bench = Bench::new();
        bench.rssi(ADA, -60).maker(ADA, 7).gives(&["1 -60 [7] @0"]);
        // BlueZ need not repeat data that have not changed.
        bench
            .wait(1_000)
            .rssi(ADA, -62)
            .gives(&[])
            .wait(500)
            .gives(&["1 -62 [] @1000"]);
        // From then on it is not waited for.
        bench.wait(1_000).rssi(ADA, -63).gives(&["1 -63 [] @2500"]);
        // Data that come after all belong to it.
        bench.wait(3).maker(ADA, 8).gives(&["learned 1 [8]"]);
        bench
            .wait(1_000)
            .rssi(ADA, -64)
            .maker(ADA, 9)
            .gives(&["1 -64 [9] @3503"]);
    }

    #[test]
    fn strength_alone_of_a_stranger_is_asked_for_once() {
        let mut bench = Bench::new();
        bench.rssi(ADA, -60).wait(500).gives(&["ask 1: 1 -60 [] @0"]);
        bench.wait(500).rssi(ADA, -61).gives(&["1 -61 [] @1000"]);
    }

    #[test]
    fn data_alone_have_the_strength_that_was_heard_last() {
        let mut bench = Bench::new();
        bench.rssi(ADA, -60).maker(ADA, 7).gives(&["1 -60 [7] @0"]);
        bench.wait(1_000).maker(ADA, 8).wait(500).gives(&["1 -60 [8] @1000"]);
        bench.wait(1_000).maker(ADA, 9).gives(&["1 -60 [9] @2500"]);
        let mut bench = Bench::new();
        bench.maker(ADA, 7).wait(500).gives(&["1 ? [7] @0"]);
    }

    #[test]
    fn the_same_part_twice_is_two_sightings() {
        let mut bench = Bench::new();
        bench.rssi(ADA, -60).rssi(ADA, -61).rssi(ADA, -62).maker(ADA, 7);
        // What they are of was asked for with the first.
        bench.gives(&["ask 1: 1 -60 [] @0", "1 -61 [] @0", "1 -62 [] @0", "learned 1 [7]"]);
    }

    #[test]
    fn however_late_the_parts_of_one_advertisement_are_it_is_one_sighting() {
        // A loaded bluetoothd takes 400 ms for what btleplug asks it before each event.
        let mut bench = Bench::new();
        for n in 0..50 {
            bench.wait(400).rssi(ADA, -60).wait(400).maker(ADA, n);
        }
        let expected: Vec<_> = (0..50).map(|n| format!("1 -60 [{n}] @{}", 400 + 800 * n)).collect();
        bench.gives(&expected.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn what_waits_is_bounded_and_nothing_is_lost() {
        let mut bench = Bench::new();
        for n in 0..50_000_u32 {
            let [_, a, b, c] = n.to_be_bytes();
            let address = Address::new([0xc0, 1, 2, a, b, c], true);
            bench.pairing.on_part(bench.now(), &0, address, Part::Rssi(-50));
            assert!(bench.pairing.waiting.len() <= OPEN_LEN_MAX);
        }
        bench.wait(500);
        let mut sightings = 0;
        while bench.pairing.next_paired().is_some() {
            sightings += 1;
        }
        assert_eq!(sightings, 50_000);
    }
}
