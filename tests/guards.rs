//! No guard of a map outlives the function that took it: the lint that forbids one across an await is on.
//!
//! `clippy.toml` lists the guards. The expectation below is met only while that list works, so `cargo clippy` fails when
//! somebody takes a guard off it; and the test shows what such a guard does to everybody else, which is why.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use dashmap::DashMap;
use dashmap::try_result::TryResult;

/// Waits once with a guard in hand.
#[expect(
    clippy::await_holding_invalid_type,
    reason = "this is the bug: whoever comes to the shard meanwhile waits for a task that does not run"
)]
async fn holds_a_guard(map: &DashMap<u32, u32>) -> u32 {
    let guard = map.get_mut(&1).unwrap();
    pending_once().await;
    *guard
}

/// Copies the value out, and waits then.
async fn copies(map: &DashMap<u32, u32>) -> u32 {
    let value = map.get(&1).map(|value| *value).unwrap();
    pending_once().await;
    value
}

async fn pending_once() {
    let mut is_first = true;
    std::future::poll_fn(|_| {
        if std::mem::take(&mut is_first) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

#[test]
fn a_guard_across_an_await_freezes_its_shard_and_a_copy_does_not() {
    let map = DashMap::from_iter([(1, 10)]);
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut holding = pin!(holds_a_guard(&map));
        assert_eq!(holding.as_mut().poll(&mut context), Poll::Pending);
        assert!(
            matches!(map.try_get(&1), TryResult::Locked),
            "frozen as long as the task sleeps"
        );
        assert_eq!(holding.as_mut().poll(&mut context), Poll::Ready(10));
    }
    let mut copying = pin!(copies(&map));
    assert_eq!(copying.as_mut().poll(&mut context), Poll::Pending);
    assert!(matches!(map.try_get(&1), TryResult::Present(_)));
    assert_eq!(copying.as_mut().poll(&mut context), Poll::Ready(10));
}
