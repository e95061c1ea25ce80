//! A signal from before what is remembered of message ids is refused as too old and never applied twice, however often it
//! is sent, and also by a gateway that was stopped and started again, or that reads what a crash has left.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of it")]
mod kept;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use kept::{How, Kept, PEOPLE, fan, order};
use nextbest::engine::spec::Spec;
use nextbest::journal::storage::Directory;
use nextbest::serve::clock::unix_s;
use nextbest_client::{AppSession, RequestError};
use nextbest_proto::v1::{self, ErrorCode};
use tempfile::TempDir;

/// Ids that are remembered at most, half of them at least.
const REMEMBERED_MAX: u64 = 64;
/// Signals with a date, which all are an hour old when they are sent first.
const DATED: u64 = 20;

fn forgetful(spec: &mut Spec) {
    spec.settings.message_ids_max = REMEMBERED_MAX as u32;
}

fn start(folder: &Path) -> Kept {
    let storage = Arc::new(Directory::create(folder).unwrap());
    Kept::start(storage, How::default(), forgetful).unwrap()
}

fn dated(number: u64, unix_s: u64) -> v1::Signal {
    v1::Signal {
        timestamp_unix_ms: unix_s * 1_000,
        ..order(number)
    }
}

/// Whether a signal was new, or why it was refused.
async fn send(till: &AppSession, signal: v1::Signal) -> Result<bool, ErrorCode> {
    match till.signal(signal).await {
        Ok(ack) => Ok(!ack.duplicate),
        Err(RequestError::Refused(error)) => Err(error.code()),
        Err(other) => panic!("{other}"),
    }
}

/// Orders that were counted, of everybody.
fn counted(kept: &Kept) -> f32 {
    (0..PEOPLE).filter_map(|number| kept.orders(&fan(number))).sum()
}

/// What every gateway says that has forgotten the first ids, of which this many orders are known.
async fn check(kept: &Kept, old: &[v1::Signal], fresh: u64, orders: f32) {
    let till = kept.till().await;
    assert_eq!(counted(kept), orders);
    for _ in 0..2 {
        for signal in old {
            assert_eq!(send(&till, signal.clone()).await, Err(ErrorCode::TooOld));
        }
    }
    // The latest is remembered, and what is made from here on is taken, once.
    assert_eq!(send(&till, order(1_000 + 2 * REMEMBERED_MAX)).await, Ok(false));
    let made_later = dated(fresh, unix_s() + 5);
    assert_eq!(send(&till, made_later.clone()).await, Ok(true));
    assert_eq!(send(&till, made_later).await, Ok(false));
    assert_eq!(counted(kept), orders + 1.0);
}

#[tokio::test]
async fn what_was_made_before_what_is_remembered_is_refused_also_after_a_restart_and_a_crash() {
    let dir = TempDir::new().unwrap();
    let (folder, crashed) = (dir.path().join("state"), dir.path().join("crashed"));
    let kept = start(&folder);
    let till = kept.till().await;
    let hour_ago_s = unix_s() - 3_600;
    let old: Vec<v1::Signal> = (0..DATED).map(|number| dated(number, hour_ago_s)).collect();
    for signal in &old {
        assert_eq!(send(&till, signal.clone()).await, Ok(true), "nothing is forgotten yet");
        assert_eq!(send(&till, signal.clone()).await, Ok(false));
    }
    // Without dates, so many that the first ids are forgotten.
    for number in 1_000..=1_000 + 2 * REMEMBERED_MAX {
        assert_eq!(send(&till, order(number)).await, Ok(true));
    }
    let orders = (DATED + 2 * REMEMBERED_MAX + 1) as f32;
    check(&kept, &old, 5_000, orders).await;
    fs::create_dir(&crashed).unwrap();
    for file in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), crashed.join(file.file_name())).unwrap();
    }
    drop(till);
    kept.gateway.stop();
    // A snapshot, and records without one.
    for folder in [&folder, &crashed] {
        let kept = start(folder);
        check(&kept, &old, 6_000, orders + 1.0).await;
        kept.gateway.stop();
    }
}
