//! Whatever a process leaves behind, the next one goes on with: the same sightings, numbers and boot epoch.

use bytes::Bytes;
use nextbest_proto::v1;
use proptest::prelude::*;

use super::*;
use crate::hub::outbox::{Batch, OutboxSettings};

const EPOCH: u64 = 17;
const CLOCK: ClockReading = ClockReading {
    boot_id: [1; 16],
    uptime_ms: 50_000,
    unix_ms: 1_790_000_000_000,
};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("nextbest-store-{}-{name}", std::process::id()));
        let _none = fs::remove_dir_all(&dir);
        Self(dir)
    }

    /// A process starts.
    fn start(&self, clock: ClockReading) -> Process {
        let mut store = OutboxStore::open(&self.0, EPOCH, clock).unwrap();
        let mut outbox = outbox(1_000_000);
        let now = store.recover(&mut outbox);
        Process { store, outbox, now }
    }

    fn files(&self) -> Vec<PathBuf> {
        numbers(&self.0)
            .unwrap()
            .into_iter()
            .map(|number| path(&self.0, number))
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn outbox(held_len_max: usize) -> Outbox {
    Outbox::new(OutboxSettings {
        held_len_max,
        ..OutboxSettings::default()
    })
}

/// A hub without a network. Dropping it without a word is what kill -9 does.
struct Process {
    store: OutboxStore,
    outbox: Outbox,
    now: Duration,
}

impl Process {
    fn push(&mut self, count: u64) {
        for _ in 0..count {
            let number = self.outbox.next_sequence();
            let oldest = self.outbox.oldest_sequence();
            self.outbox.push(self.now, sighting(number));
            self.store.pushed(self.now, &self.outbox);
            if self.outbox.oldest_sequence() != oldest {
                self.store.moved(self.now, &self.outbox);
            }
        }
    }

    fn acknowledge(&mut self, next_sequence: u64) {
        // What is acknowledged has been sent.
        while self
            .outbox
            .fill(self.now + Duration::from_secs(1), &mut Batch::default())
        {}
        self.outbox.acknowledge(self.now, next_sequence).unwrap();
        self.store.moved(self.now, &self.outbox);
    }

    fn held(&self) -> Vec<v1::Sighting> {
        self.outbox.held().map(|(_, sighting)| sighting.clone()).collect()
    }

    #[track_caller]
    fn holds(&self, numbers: std::ops::Range<u64>) {
        assert_eq!(self.outbox.oldest_sequence(), numbers.start);
        assert_eq!(self.outbox.next_sequence(), numbers.end);
        assert_eq!(self.held(), numbers.map(sighting).collect::<Vec<_>>());
    }
}

fn sighting(number: u64) -> v1::Sighting {
    let mut identity = number.to_be_bytes().to_vec();
    identity.resize(20, 7);
    v1::Sighting {
        identity_kind: v1::IdentityKind::Ibeacon.into(),
        identity: Bytes::from(identity),
        rssi_dbm: -(number as i32 % 100) - 1,
        age_ms: 0,
    }
}

#[test]
fn a_killed_process_loses_nothing_and_the_next_goes_on_with_its_numbers() {
    let folder = Folder::new("killed");
    let mut first = folder.start(CLOCK);
    first.push(1_000);
    first.acknowledge(400);
    drop(first);
    let mut second = folder.start(CLOCK);
    second.holds(400..1_000);
    assert_eq!(second.store.boot_epoch(), EPOCH);
    second.push(50);
    second.acknowledge(1_020);
    drop(second);
    let third = OutboxStore::open(&folder.0, EPOCH + 9, CLOCK).unwrap();
    assert_eq!((third.boot_epoch(), third.recovered_len()), (EPOCH, 30));
    drop(third);
    folder.start(CLOCK).holds(1_020..1_050);
}

#[test]
fn a_file_that_is_cut_anywhere_gives_all_before_the_cut() {
    let folder = Folder::new("cut");
    let mut process = folder.start(CLOCK);
    process.push(20);
    drop(process);
    let file = folder.files().pop().unwrap();
    let bytes = fs::read(&file).unwrap();
    let record_len = (bytes.len() - 92) / 20;
    for len in (92..=bytes.len()).step_by(7) {
        fs::write(&file, &bytes[..len]).unwrap();
        let recovered = OutboxStore::open(&folder.0, EPOCH, CLOCK).unwrap();
        assert_eq!(recovered.recovered_len(), (len - 92) / record_len, "cut to {len} bytes");
    }
    // A file that says nothing at all is passed over.
    fs::write(&file, b"NBHUBBUF, but not really").unwrap();
    folder.start(CLOCK).holds(0..0);
}

#[test]
fn files_go_when_their_sightings_have_gone() {
    let folder = Folder::new("files");
    let mut process = folder.start(CLOCK);
    process.push(100_000);
    let all = folder.files().len();
    assert!((4..=6).contains(&all), "{all} files");
    process.acknowledge(4_096);
    assert_eq!(
        folder.files().len(),
        all,
        "the first file has some that are not acknowledged"
    );
    for next_sequence in (8_000..=96_000).step_by(4_000) {
        process.acknowledge(next_sequence);
    }
    assert!(folder.files().len() <= 2, "{:?}", folder.files());
    let len: u64 = folder.files().iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(len < 2 * STORE_FILE_LEN_MAX + 4_096, "{len} bytes");
    drop(process);
    folder.start(CLOCK).holds(96_000..100_000);
}

#[test]
fn what_was_dropped_stays_dropped_and_counted() {
    let folder = Folder::new("dropped");
    let mut process = folder.start(CLOCK);
    process.outbox = outbox(10);
    process.push(25);
    assert_eq!(process.outbox.statistics().dropped, 15);
    drop(process);
    let again = folder.start(CLOCK);
    again.holds(15..25);
    assert_eq!(again.outbox.statistics().dropped, 15);
}

#[test]
fn a_smaller_buffer_takes_the_newest_and_counts_the_rest() {
    let mut small = outbox(10);
    small.recover(100, 5, (0..25).map(|number| (Duration::ZERO, sighting(number))));
    assert_eq!((small.oldest_sequence(), small.next_sequence()), (115, 125));
    let statistics = small.statistics();
    assert_eq!((statistics.dropped, statistics.pushed), (20, 30));
}

#[test]
fn an_age_goes_on_while_nobody_runs() {
    let ages = |clock: ClockReading| {
        let folder = Folder::new("age");
        let mut process = folder.start(CLOCK);
        process.now += Duration::from_millis(2_000);
        process.push(1);
        drop(process);
        let again = folder.start(clock);
        let (heard_at, _) = again.outbox.held().next().unwrap();
        (again.now - heard_at).as_millis()
    };
    let same_boot = ClockReading {
        uptime_ms: 60_000,
        // The wall clock was set meanwhile, which is nothing to us.
        unix_ms: CLOCK.unix_ms + 9_999_999,
        ..CLOCK
    };
    assert_eq!(ages(same_boot), 8_000);
    let rebooted = ClockReading {
        boot_id: [2; 16],
        uptime_ms: 30_000,
        unix_ms: CLOCK.unix_ms + 90_000,
    };
    assert_eq!(ages(rebooted), 88_000);
    let not_told_the_time = ClockReading { unix_ms: 0, ..rebooted };
    assert_eq!(ages(not_told_the_time), u128::from(u32::MAX));
}

#[test]
fn one_process_at_a_time() {
    let folder = Folder::new("busy");
    let process = folder.start(CLOCK);
    let busy = OutboxStore::open(&folder.0, EPOCH, CLOCK).unwrap_err();
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
    drop(process);
    OutboxStore::open(&folder.0, EPOCH, CLOCK).unwrap();
}

#[test]
fn a_new_epoch_is_kept_with_everything_held() {
    let folder = Folder::new("epoch");
    let mut process = folder.start(CLOCK);
    process.push(30);
    process.acknowledge(10);
    process.outbox.restart();
    process.store.restart(process.now, EPOCH + 1, &process.outbox);
    process.push(1);
    drop(process);
    let again = folder.start(CLOCK);
    again.holds(10..31);
    assert_eq!(again.store.boot_epoch(), EPOCH + 1);
}

#[test]
fn a_disk_that_refuses_is_said_and_gets_everything_when_it_is_well_again() {
    let folder = Folder::new("refuses");
    let mut process = folder.start(CLOCK);
    process.push(5);
    process
        .store
        .failed(process.now, &io::Error::from(io::ErrorKind::StorageFull));
    process.push(5);
    assert!(
        process
            .store
            .failure()
            .is_some_and(|sentence| sentence.contains("no storage space"))
    );
    process.now += Duration::from_secs(STORE_RETRY_S);
    process.push(1);
    assert_eq!(process.store.failure(), None);
    process.push(1);
    drop(process);
    folder.start(CLOCK).holds(0..12);
}

#[derive(Debug, Clone)]
enum Step {
    Push(u64),
    Acknowledge(u64),
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..300_u64).prop_map(Step::Push),
        3 => (0..300_u64).prop_map(Step::Acknowledge),
        1 => Just(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whenever the process is killed, the next one holds what it held.
    #[test]
    fn the_disk_says_what_the_memory_says(steps in prop::collection::vec(step(), 0..40)) {
        let folder = Folder::new("random");
        let mut process = folder.start(CLOCK);
        for step in steps.iter().chain([&Step::Kill]) {
            match step {
                Step::Push(count) => process.push(*count),
                Step::Acknowledge(count) => {
                    let next = process.outbox.oldest_sequence() + *count;
                    process.acknowledge(next.min(process.outbox.next_sequence()));
                }
                Step::Kill => {
                    let (oldest, held) = (process.outbox.oldest_sequence(), process.held());
                    drop(process);
                    process = folder.start(CLOCK);
                    prop_assert_eq!(process.outbox.oldest_sequence(), oldest);
                    prop_assert_eq!(process.held(), held);
                }
            }
        }
    }
}
