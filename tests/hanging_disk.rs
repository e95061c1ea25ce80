//! A gateway whose disk has stopped answering: what a disk may hold up, and what goes on beside it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "other tests look at what was kept")]
mod kept;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kept::{How, Kept, PEOPLE, WAIT, fan, food, order};
use nextbest::journal::storage::{Access, File, PowerLoss, Storage};
use nextbest::serve::DRAIN_WAIT_MAX;
use nextbest_client::{AppSession, Lost, RequestError};
use nextbest_proto::v1::{self, ErrorCode, app_push, app_reply, app_request};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Queries beside a sync that hangs: their decisions are more than the journal's queue holds.
const QUERIES: u64 = 4_000;

#[tokio::test]
async fn queries_are_answered_beside_a_sync_that_hangs_and_a_signal_waits_for_it() {
    let disk = Arc::new(Hanging::default());
    let kept = Kept::start(disk.clone(), How::default(), |_| {}).unwrap();
    let till = Arc::new(kept.till().await);
    till.signal(order(0)).await.unwrap();
    disk.hang(true);
    let signalling = signal(&till, 1);
    disk.reached().await;
    for number in 0..QUERIES {
        let answered = timeout(WAIT, till.query(food(&fan(number))))
            .await
            .expect("an answer in time");
        assert_eq!(answered.unwrap().answers.len(), 1, "query {number}");
    }
    assert!(kept.get("/readyz").contains("200 OK"));
    assert_eq!(kept.orders(&fan(1)), Some(1.0), "a query sees what the signal says");
    let is_acknowledged = signalling.is_finished() && signalling.await.unwrap().is_ok();
    assert!(!is_acknowledged, "nothing is acknowledged that is not durable");
    disk.hang(false);
    let again = timeout(WAIT, till.signal(order(1))).await.unwrap().unwrap();
    assert!(again.duplicate, "it was taken, and is durable now");
}

#[tokio::test]
async fn a_stop_waits_for_the_acknowledgement_that_is_under_way_and_for_nobody_else() {
    let disk = Arc::new(Hanging::default());
    let how = How {
        drain_wait: DRAIN_WAIT_MAX,
        ..How::default()
    };
    let kept = Kept::start(disk.clone(), how, |_| {}).unwrap();
    let (till, phone) = (kept.till().await, kept.phone("ada").await);
    disk.hang(true);
    // On a stream of its own, where nobody loses patience after two seconds.
    let (mut sender, mut receiver) = till.open_stream().await.unwrap();
    let request = v1::AppRequest {
        request_id: 7,
        body: Some(app_request::Body::Signal(order(1))),
    };
    sender.send_request(&request).await.unwrap();
    disk.reached().await;
    let stopping = std::thread::spawn(move || kept.gateway.stop());
    let told = timeout(WAIT, phone.next_push()).await.unwrap().unwrap();
    assert!(matches!(told.body, Some(app_push::Body::Drain(_))), "{told:?}");
    // Whoever has nothing under way is let go.
    assert_eq!(closed(&phone).await, Some(ErrorCode::Draining));
    disk.hang(false);
    let reply = timeout(WAIT, receiver.receive()).await.unwrap().unwrap().unwrap();
    assert!(matches!(reply.body, Some(app_reply::Body::SignalAck(_))), "{reply:?}");
    assert_eq!(closed(&till).await, Some(ErrorCode::Draining));
    stopping.join().unwrap();
}

#[tokio::test]
async fn queries_are_answered_while_the_snapshot_of_a_stop_is_taken_and_the_next_start_has_no_records_to_read() {
    let disk = Arc::new(Hanging::default());
    let kept = Kept::start(disk.clone(), How::default(), |_| {}).unwrap();
    let till = kept.till().await;
    for number in 0..PEOPLE {
        till.signal(order(number)).await.unwrap();
    }
    disk.hang(true);
    let stopping = std::thread::spawn(move || kept.gateway.stop());
    disk.reached().await;
    let answered = timeout(WAIT, till.query(food(&fan(1)))).await.unwrap();
    assert_eq!(answered.unwrap().answers.len(), 1);
    disk.hang(false);
    stopping.join().unwrap();
    let kept = Kept::start(disk, How::default(), |_| {}).unwrap();
    let read = kept.gateway.recovered();
    assert_eq!(read.people, PEOPLE, "{read:?}");
    assert!(read.records <= 1, "at most the decision of that query: {read:?}");
}

/// Sends the n-th order.
fn signal(till: &Arc<AppSession>, number: u64) -> JoinHandle<Result<v1::SignalAck, RequestError>> {
    let till = Arc::clone(till);
    tokio::spawn(async move { till.signal(order(number)).await })
}

/// What the gateway has closed a session with.
async fn closed(session: &AppSession) -> Option<ErrorCode> {
    match timeout(WAIT, session.closed()).await.unwrap() {
        Lost::Closed(error) => Some(error.code()),
        Lost::Finished | Lost::Silent | Lost::Local | Lost::Transport(_) => None,
    }
}

/// A disk whose syncs hang as long as they are told to.
#[derive(Clone, Default)]
struct Hanging {
    inner: PowerLoss,
    hangs: Arc<AtomicBool>,
    reached: Arc<Notify>,
}

impl Hanging {
    fn hang(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::Release);
    }

    /// Waits until a sync hangs.
    async fn reached(&self) {
        timeout(WAIT, self.reached.notified()).await.unwrap();
    }

    fn sync(&self) {
        while self.hangs.load(Ordering::Acquire) {
            self.reached.notify_one();
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }
}

impl Storage for Hanging {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn File>> {
        let (inner, disk) = (self.inner.open(name, access)?, self.clone());
        Ok(Box::new(HangingFile { inner, disk }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.sync();
        self.inner.sync_directory()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.inner.lock()
    }

    fn is_private(&self, name: &str) -> io::Result<bool> {
        self.inner.is_private(name)
    }
}

struct HangingFile {
    inner: Box<dyn File>,
    disk: Hanging,
}

impl File for HangingFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(offset, into)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync();
        self.inner.sync_data()
    }
}
