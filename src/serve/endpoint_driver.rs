//! What drives a QUIC endpoint and its connections: tokio, and word of a driver's end or panic.
//!
//! A panic ends the driver that it is of. Its locks are not poisoned ([`super::unpoisoned`]), so what it leaves behind can be
//! dropped as ever.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::UdpSocket;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime};
use tokio::sync::Notify;

use super::endpoint::Wrap;

/// Whether a driver is at its end.
#[derive(Debug, Default)]
pub(super) struct Fate {
    has_ended: AtomicBool,
    changed: Notify,
}

impl Fate {
    pub(super) fn is_alive(&self) -> bool {
        !self.has_ended.load(Ordering::Acquire)
    }

    /// The driver is at its end, or is to be.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Waits for its end.
    pub(super) async fn over(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.is_alive() {
                return;
            }
            changed.await;
        }
    }
}

/// tokio, and the fates of what it drives.
pub(super) struct Driving {
    endpoint: Arc<Fate>,
    /// Of the connection whose driver was started last. An endpoint's own is started before any.
    latest: ArcSwapOption<Fate>,
    has_endpoint: AtomicBool,
    wrap: Wrap,
}

impl Driving {
    /// For one endpoint, whose socket is wrapped.
    pub(super) fn new(wrap: Wrap) -> Arc<Self> {
        Arc::new(Self {
            endpoint: Arc::default(),
            latest: ArcSwapOption::empty(),
            has_endpoint: AtomicBool::new(false),
            wrap,
        })
    }

    /// The endpoint's.
    pub(super) fn endpoint(&self) -> &Arc<Fate> {
        &self.endpoint
    }

    /// That of the connection whose driver was started last. It ends when the driver panics; in order, the connection tells
    /// itself.
    pub(super) fn take_latest(&self) -> Arc<Fate> {
        self.latest.swap(None).unwrap_or_default()
    }
}

impl fmt::Debug for Driving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Driving")
    }
}

impl Runtime for Driving {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let is_connection = self.has_endpoint.swap(true, Ordering::AcqRel);
        let fate = if is_connection {
            let fate = Arc::<Fate>::default();
            self.latest.store(Some(Arc::clone(&fate)));
            fate
        } else {
            Arc::clone(&self.endpoint)
        };
        TokioRuntime.spawn(Box::pin(Driver {
            future: Some(future),
            fate,
            is_connection,
        }));
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket).map(|socket| (self.wrap)(socket))
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}

/// A driver of quinn's.
struct Driver {
    /// `None` when it has ended.
    future: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    fate: Arc<Fate>,
    is_connection: bool,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // An endpoint whose state nobody trusts any more must not read on: another one reads from the same socket.
        if !self.fate.is_alive() {
            self.future = None;
        }
        let Some(future) = &mut self.future else {
            return Poll::Ready(());
        };
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        if matches!(polled, Ok(Poll::Pending)) {
            return Poll::Pending;
        }
        self.future = None;
        if polled.is_err() {
            let of = if self.is_connection {
                "a connection"
            } else {
                "an endpoint"
            };
            tracing::error!("the driver of {of} has panicked");
        }
        if polled.is_err() || !self.is_connection {
            self.fate.end();
        }
        Poll::Ready(())
    }
}
