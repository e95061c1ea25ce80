//! A gateway with a state folder, through its public doors: what a disk that fails costs, what a loss of power costs a cap,
//! what comes twice, when it is ready, and that every way of reading the state gives the same.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use kept::{How, Kept, PEOPLE, WAIT, fan, food, order};
use nextbest::engine::spec::CapSpec;
use nextbest::journal::storage::{Access, Disk, Failing, Fault, File, PowerLoss, Storage, Tail};
use nextbest_client::RequestError;
use nextbest_proto::v1::ErrorCode;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Operations of the disk at which it is tried to fail, from the first after the start.
const FAULTS: u64 = 14;
/// Signals that are sent until one is refused.
const SIGNALS: u64 = 40;

/// What is on the disk when the power comes back.
fn power_loss(disk: &PowerLoss, tail: Tail) -> Arc<PowerLoss> {
    Arc::new(PowerLoss::with(disk.disk().after_loss(tail)))
}

fn empty() -> Arc<PowerLoss> {
    Arc::new(PowerLoss::with(Default::default()))
}

#[tokio::test]
async fn a_disk_that_fails_stops_signals_but_no_answer_and_loses_nothing_that_was_acknowledged() {
    let quiet = Arc::new(Failing::new(empty(), u64::MAX, Fault::Device));
    let kept = Kept::start(quiet.clone(), How::default(), |_| {}).unwrap();
    let started = quiet.operations();
    drop(kept);
    let mut failed_after = BTreeSet::new();
    for fault in 1..=FAULTS {
        let disk = empty();
        let failing = Arc::new(Failing::new(disk.clone(), started + fault, Fault::Device));
        let kept = Kept::start(failing, How::default(), |_| {}).unwrap();
        let till = kept.till().await;
        let mut acknowledged = Vec::new();
        for number in 0..SIGNALS {
            match till.signal(order(number)).await {
                Ok(_) => acknowledged.push(number),
                Err(RequestError::Refused(error)) => {
                    assert_eq!(error.code(), ErrorCode::NotReady, "{error:?}");
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
        failed_after.insert(acknowledged.len());
        // Otherwise it was the next segment that could not be prepared, which costs nobody anything yet.
        if acknowledged.len() < SIGNALS as usize {
            assert!(till.signal(order(1_000)).await.is_err(), "only a restart clears it");
            let health = kept.get("/healthz");
            assert!(health.contains("200 OK") && health.contains("degraded"), "{health}");
        }
        assert!(kept.get("/readyz").contains("200 OK"), "queries go on");
        for subject in ["fan-0", "somebody-new"] {
            assert_eq!(till.query(food(subject)).await.unwrap().answers.len(), 1, "{subject}");
        }
        drop(kept);
        let kept = Kept::start(power_loss(&disk, Tail::Lost), How::default(), |_| {}).unwrap();
        let till = kept.till().await;
        for number in acknowledged {
            assert!(till.signal(order(number)).await.unwrap().duplicate, "order {number}");
        }
        assert!(kept.get("/healthz").ends_with("ok\n"));
    }
    assert!(
        failed_after.len() > 2,
        "it failed at different moments: {failed_after:?}"
    );
}

#[tokio::test]
async fn what_comes_twice_counts_once_however_often_the_power_is_lost() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut disk = empty();
    let (mut counted, mut next, mut twice) = (BTreeMap::<String, BTreeSet<u64>>::new(), 0_u64, 0);
    for restart in 0..12 {
        let kept = Kept::start(disk.clone(), How::default(), |_| {}).unwrap();
        let till = kept.till().await;
        for _ in 0..150 {
            let is_retry = next > 0 && rng.random_ratio(3, 10);
            let number = if is_retry { rng.random_range(0..next) } else { next };
            next = next.max(number + 1);
            let is_new = counted.entry(fan(number)).or_default().insert(number);
            let ack = till.signal(order(number)).await.unwrap();
            assert_eq!(ack.duplicate, !is_new, "order {number} after {restart} restarts");
            twice += u32::from(ack.duplicate);
        }
        for (person, orders) in &counted {
            assert_eq!(kept.orders(person), Some(orders.len() as f32), "{person}");
        }
        if rng.random_ratio(1, 2) {
            // In order: with a snapshot.
            kept.gateway.stop();
            disk = Arc::new(PowerLoss::with(disk.disk()));
        } else {
            disk = power_loss(&disk, Tail::Reordered(restart));
        }
    }
    assert!(twice > 300, "{twice} came twice");
}

#[tokio::test]
async fn a_cap_holds_over_a_loss_of_power_once_its_decision_was_kept() {
    let once = |spec: &mut nextbest::engine::spec::Spec| {
        spec.actions[0].cap = Some(CapSpec {
            times: 1,
            window_s: 3_600,
        });
    };
    let disk = empty();
    let kept = Kept::start(disk.clone(), How::default(), once).unwrap();
    let till = kept.till().await;
    let first = till.query(food("ada")).await.unwrap();
    assert_eq!(first.answers.len(), 1);
    assert!(
        till.query(food("ada")).await.unwrap().answers.is_empty(),
        "once an hour"
    );
    // Ada herself, and the decision behind her answer.
    let asked = kept.gateway.clock().now();
    while kept.gateway.journal().unwrap().appended < 2 {
        assert!(
            kept.gateway.clock().now().since(asked) < WAIT,
            "the decision is written down in time"
        );
    }
    // What is acknowledged after it makes it durable.
    till.signal(order(1)).await.unwrap();
    let left = disk.disk().after_loss(Tail::Lost);
    // And this one is not: given, and lost with the power.
    let lost = till.query(food(&fan(1))).await.unwrap();

    let kept = Kept::start(Arc::new(PowerLoss::with(left)), How::default(), once).unwrap();
    let till = kept.till().await;
    assert!(
        till.query(food("ada")).await.unwrap().answers.is_empty(),
        "the cap holds"
    );
    let again = till.query(food(&fan(1))).await.unwrap();
    assert_eq!(again.answers.len(), 1, "what was not kept is given once more");
    assert!(
        till.query(food(&fan(1))).await.unwrap().answers.is_empty(),
        "and not twice"
    );
    assert_ne!(again.decision_id, lost.decision_id, "no number is given twice");
}

#[tokio::test]
async fn the_same_records_give_the_same_state_and_the_same_answers_with_one_thread_and_with_two() {
    let disk = empty();
    let kept = Kept::start(disk.clone(), How::default(), |_| {}).unwrap();
    let till = kept.till().await;
    for number in 0..100 {
        till.signal(order(number)).await.unwrap();
    }
    kept.gateway.stop();
    // A snapshot, and records after it.
    let disk = Arc::new(PowerLoss::with(disk.disk()));
    let kept = Kept::start(disk.clone(), How::default(), |_| {}).unwrap();
    let till = kept.till().await;
    for number in 100..150 {
        till.signal(order(number)).await.unwrap();
    }
    let left = disk.disk().after_loss(Tail::Lost);
    let mut seen = BTreeSet::new();
    for threads in [1, 2, 2] {
        let how = How {
            threads: Some(threads),
            ..How::default()
        };
        let kept = Kept::start(Arc::new(PowerLoss::with(left.clone())), how, |_| {}).unwrap();
        let read = kept.gateway.recovered();
        assert_eq!((read.people, read.records), (PEOPLE, 50), "{read:?}");
        let hash = kept.engine.state_hash();
        let till = kept.till().await;
        let answer = till.query(food("fan-3")).await.unwrap();
        seen.insert((hash, answer.decision_id, answer.answers[0].message.clone()));
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn a_gateway_is_ready_when_its_state_is_read_and_not_before() {
    let disk = empty();
    let kept = Kept::start(disk.clone(), How::default(), |_| {}).unwrap();
    kept.till().await.signal(order(1)).await.unwrap();
    kept.gateway.stop();
    let counted = Arc::new(Held::new(disk.disk(), u32::MAX));
    drop(Kept::start(counted.clone(), How::default(), |_| {}).unwrap());
    // The last time that the snapshot is opened, which is when it is read and not when it is checked.
    let last = counted.opened.load(Ordering::Relaxed);
    let held = Arc::new(Held::new(disk.disk(), last));
    let how = How {
        http: Some(free_address()),
        ..How::default()
    };
    let storage = held.clone();
    let starting = std::thread::spawn(move || Kept::start(storage, how, |_| {}).unwrap());
    held.reached.wait();
    let (ready, health) = (
        kept::get(how.http.unwrap(), "/readyz"),
        kept::get(how.http.unwrap(), "/healthz"),
    );
    held.go.wait();
    assert!(ready.contains("503") && ready.ends_with("recovering\n"), "{ready}");
    assert!(health.contains("200 OK"), "it lives: {health}");
    let kept = starting.join().unwrap();
    assert!(kept.get("/readyz").contains("200 OK"));
    assert_eq!(kept.phone("ada").await.query(food("")).await.unwrap().answers.len(), 1);
}

/// An address that nobody uses.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Storage that is held up when a snapshot is opened for a certain time.
struct Held {
    inner: Arc<PowerLoss>,
    opened: AtomicU32,
    hold_at: u32,
    reached: Barrier,
    go: Barrier,
}

impl Held {
    fn new(disk: Disk, hold_at: u32) -> Self {
        Self {
            inner: Arc::new(PowerLoss::with(disk)),
            opened: AtomicU32::new(0),
            hold_at,
            reached: Barrier::new(2),
            go: Barrier::new(2),
        }
    }
}

impl Storage for Held {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn File>> {
        if name.ends_with(".snapshot") && self.opened.fetch_add(1, Ordering::Relaxed) + 1 == self.hold_at {
            self.reached.wait();
            self.go.wait();
        }
        self.inner.open(name, access)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.inner.sync_directory()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.inner.lock()
    }

    fn is_private(&self, name: &str) -> io::Result<bool> {
        self.inner.is_private(name)
    }
}
