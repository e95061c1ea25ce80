//! What the gateway says unasked: a bounded queue between its stream and whoever shows messages.
//!
//! When nobody takes them the oldest goes, because it is about a moment that has passed, and the stream is read on,
//! so that a [`v1::Drain`] behind it is always heard. Deliberately absent: back-pressure on the gateway.

use std::{collections::VecDeque, sync::Arc};

use nextbest_proto::{
    limits::APP_PUSH_LEN_MAX,
    v1::{self, app_push},
};
use quinn::Connection;
use tokio::sync::{Notify, watch};

use crate::{framing::StreamReader, locked::Locked};

/// Most pushes that wait to be taken.
pub const PUSHES_LEN_MAX: usize = 64;

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Pushes {
    state: Locked<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<v1::AppPush>,
    dropped: u64,
    ended: bool,
}

impl Pushes {
    pub(crate) fn add(&self, push: v1::AppPush) {
        self.state.with(|state| {
            if state.queue.len() >= PUSHES_LEN_MAX {
                let stale = state.queue.iter().position(|push| !is_drain(push)).unwrap_or(0);
                state.queue.remove(stale);
                state.dropped += 1;
            }
            state.queue.push_back(push);
        });
        self.changed.notify_one();
    }

    /// No more will come.
    pub(crate) fn end(&self) {
        self.state.with(|state| state.ended = true);
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    /// The oldest; `None` when none is left and none will come.
    pub(crate) async fn next(&self) -> Option<v1::AppPush> {
        loop {
            let changed = self.changed.notified();
            let taken = self.state.with(|state| match state.queue.pop_front() {
                Some(push) => Some(Some(push)),
                None if state.ended => Some(None),
                None => None,
            });
            match taken {
                Some(push) => {
                    // One notice may stand for several pushes, and for the end.
                    self.changed.notify_one();
                    return push;
                }
                None => changed.await,
            }
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.state.with(|state| state.dropped)
    }
}

/// Reads the gateway's streams of pushes until the connection is gone.
pub(crate) async fn read_pushes(connection: Connection, pushes: Arc<Pushes>, drain: watch::Sender<Option<v1::Drain>>) {
    while let Ok(stream) = connection.accept_uni().await {
        let mut reader = StreamReader::new(stream, APP_PUSH_LEN_MAX);
        // A stream that breaks the protocol is dropped, which tells the gateway to stop; the session goes on.
        while let Ok(push) = reader.message::<v1::AppPush>("a push").await {
            if let Some(app_push::Body::Drain(asked)) = &push.body {
                drain.send_replace(Some(*asked));
            }
            pushes.add(push);
        }
    }
}

fn is_drain(push: &v1::AppPush) -> bool {
    matches!(push.body, Some(app_push::Body::Drain(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(decision_id: u64) -> v1::AppPush {
        let decision = v1::Decision {
            decision_id,
            ..v1::Decision::default()
        };
        v1::AppPush {
            body: Some(app_push::Body::Decision(decision)),
        }
    }

    fn drain() -> v1::AppPush {
        v1::AppPush {
            body: Some(app_push::Body::Drain(v1::Drain::default())),
        }
    }

    #[tokio::test]
    async fn the_oldest_message_goes_and_a_drain_stays() {
        let pushes = Pushes::default();
        pushes.add(drain());
        for id in 0..PUSHES_LEN_MAX as u64 + 9 {
            pushes.add(decision(id));
        }
        pushes.end();
        assert_eq!(pushes.dropped(), 10);
        assert_eq!(pushes.next().await, Some(drain()));
        assert_eq!(pushes.next().await, Some(decision(10)));
        let mut left = 0;
        while pushes.next().await.is_some() {
            left += 1;
        }
        assert_eq!(left, PUSHES_LEN_MAX - 2);
    }

    #[tokio::test]
    async fn two_takers_both_hear_the_end() {
        let pushes = Pushes::default();
        let both = async { tokio::join!(pushes.next(), pushes.next(), async { pushes.end() }) };
        assert_eq!(both.await, (None, None, ()));
    }
}
