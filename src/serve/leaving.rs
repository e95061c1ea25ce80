//! How a connection ends when the gateway stops: as soon as nothing of it is under way.
//!
//! A peer is told to go on its own stream, by its session. Two round trips later it has read that, and the answers to what it
//! had asked before; then whatever still waits for the journal is waited for, and the connection is closed. A gateway is
//! thus gone as soon as it may be, because while it goes there is nobody to ask. Deliberately absent: the longest that all of
//! this may take ([`super::listener`]).

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use nextbest_proto::v1::{self, ErrorCode};
use quinn::Connection;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::closing::close;

/// Least that a peer has to read what it was told: an acknowledgement may be held back for 25 ms.
const MOMENT_MIN: Duration = Duration::from_millis(50);
/// Most that a peer has, however far away it is.
const MOMENT_MAX: Duration = Duration::from_millis(500);

/// Requests of a connection that were taken and are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Owed {
    count: Cell<usize>,
    /// Later ones are not waited for: their senders ask again elsewhere.
    is_leaving: Cell<bool>,
    answered: Notify,
}

impl Owed {
    /// Notes a request; it is under way until what is returned is dropped.
    pub(super) fn begin(self: &Rc<Self>) -> Option<Owing> {
        (!self.is_leaving.get()).then(|| {
            self.count.set(self.count.get().saturating_add(1));
            Owing(Rc::clone(self))
        })
    }

    /// Waits until those are answered that have begun. True: there were some.
    async fn answered(&self) -> bool {
        self.is_leaving.set(true);
        let were_some = self.count.get() > 0;
        while self.count.get() > 0 {
            self.answered.notified().await;
        }
        were_some
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Owing(Rc<Owed>);

impl Drop for Owing {
    fn drop(&mut self) {
        let left = self.0.count.get().saturating_sub(1);
        self.0.count.set(left);
        if left == 0 {
            self.0.answered.notify_one();
        }
    }
}

/// Closes a connection when its peer has what it is owed.
pub(super) async fn leave(connection: Connection, owed: Rc<Owed>) {
    let moment = moment(connection.rtt());
    sleep(moment).await;
    if owed.answered().await {
        sleep(moment).await;
    }
    close(&connection, &v1::Error::new(ErrorCode::Draining));
}

/// How long words need to a peer and back, with room for one that is lost on the way.
fn moment(round_trip: Duration) -> Duration {
    round_trip.saturating_mul(2).clamp(MOMENT_MIN, MOMENT_MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_has_owing_is_waited_for_and_what_comes_later_is_not() {
        let owed = Rc::new(Owed::default());
        assert!(!owed.answered().await, "nothing was under way");
        let owed = Rc::new(Owed::default());
        let (first, second) = (owed.begin(), owed.begin());
        let began = Instant::now();
        let answering = async {
            drop(first);
            sleep(Duration::from_millis(700)).await;
            assert!(owed.begin().is_none(), "it comes too late to be waited for");
            drop(second);
        };
        let (were_some, ()) = tokio::join!(owed.answered(), answering);
        assert!(were_some);
        assert_eq!(began.elapsed(), Duration::from_millis(700));
        let again = timeout(Duration::from_secs(1), owed.answered()).await;
        assert_eq!(
            again,
            Ok(false),
            "an answer that nobody waited for is not taken for another"
        );
    }

    #[test]
    fn a_phone_far_away_has_longer_than_a_neighbour_and_nobody_has_long() {
        assert_eq!(moment(Duration::ZERO), MOMENT_MIN);
        assert_eq!(moment(Duration::from_millis(80)), Duration::from_millis(160));
        assert_eq!(moment(Duration::MAX), MOMENT_MAX);
    }
}
