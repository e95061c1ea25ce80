//! How long packets wait in the kernel before a listener reads them.
//!
//! And how long they wait for their turn after that: see [`Backlog::wait`].
//!
//! When a thread is late, its packets pile up in the socket's buffer, where nobody sees how old they are. So while
//! the socket has not been empty for a while, the listener sends itself a probe, a datagram with the time in it:
//! it waits its turn behind the packets that are there, and what it took to come is what they wait. An idle
//! listener is empty each time it is read, and sends none.
//!
//! A probe has sixteen random bytes that nobody else knows, so no peer can pretend to be one.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::serve::clock::Clock;

/// How often a listener that is behind sends itself a probe.
const PROBE_EVERY_US: u64 = 1_000;
/// A probe that has not come for so long was lost, as is every packet that finds the buffer full.
const PROBE_LOST_US: u64 = 1_000_000;
/// Random bytes by which a probe is known.
const MARK_LEN: usize = 16;
/// Bytes of a probe: the mark, and when it was sent.
const PROBE_LEN: usize = MARK_LEN + 8;

/// What is known of one listener's backlog.
#[derive(Debug)]
pub(in crate::serve) struct Backlog {
    clock: Clock,
    /// When packets were read last, in microseconds on `clock`.
    read_us: AtomicU64,
    /// How long they had waited in the kernel.
    kernel_us: AtomicU64,
    sum_us: AtomicU64,
    waits: AtomicU64,
}

impl Default for Backlog {
    fn default() -> Self {
        Self::on(Clock::start())
    }
}

impl Backlog {
    /// Measured on a clock that is not scaled.
    pub(super) fn on(clock: Clock) -> Self {
        Self {
            clock,
            read_us: AtomicU64::new(0),
            kernel_us: AtomicU64::new(0),
            sum_us: AtomicU64::new(0),
            waits: AtomicU64::new(0),
        }
    }

    /// How long a packet that is worked on at this moment has waited: in the kernel until it was read, and since
    /// then for its turn, because a thread works off all that it has read before it reads again.
    pub(in crate::serve) fn wait(&self) -> Duration {
        let now_us = self.clock.now().as_micros();
        let turn_us = now_us.saturating_sub(self.read_us.load(Ordering::Relaxed));
        let wait_us = self.kernel_us.load(Ordering::Relaxed).saturating_add(turn_us);
        self.sum_us.fetch_add(wait_us, Ordering::Relaxed);
        self.waits.fetch_add(1, Ordering::Relaxed);
        Duration::from_micros(wait_us)
    }

    /// The mean of the waits since the last call; zero when there was none.
    pub(super) fn take_mean(&self) -> Duration {
        let (sum_us, waits) = (
            self.sum_us.swap(0, Ordering::Relaxed),
            self.waits.swap(0, Ordering::Relaxed),
        );
        Duration::from_micros(sum_us.checked_div(waits).unwrap_or(0))
    }

    /// The thread has waited for something else than its turn, such as a disk: what comes next has not waited for it.
    pub(in crate::serve) fn turn_begins(&self) {
        self.read_us.store(self.clock.now().as_micros(), Ordering::Relaxed);
    }

    /// Packets were read that had waited for so long.
    fn on_read(&self, now_us: u64, kernel_us: u64) {
        self.read_us.store(now_us, Ordering::Relaxed);
        self.kernel_us.store(kernel_us, Ordering::Relaxed);
    }
}

/// Which side of a gateway a socket is of.
pub(in crate::serve) type SideOf = fn(&super::Overload) -> &super::Side;

/// A listener's socket that measures its backlog.
#[derive(Debug)]
pub(in crate::serve) struct ProbedSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    overload: Arc<super::Overload>,
    of: SideOf,
    /// `None`: no probe can be sent, and no backlog is seen.
    prober: Option<UdpSocket>,
    mark: [u8; MARK_LEN],
    /// Since when the socket has not been empty; 0: it is.
    behind_since_us: AtomicU64,
    /// When the probe that is under way was sent; 0: none is.
    probe_sent_us: AtomicU64,
    /// What the last probe took.
    last_delay_us: AtomicU64,
}

impl ProbedSocket {
    /// Wraps a listener's socket.
    pub(in crate::serve) fn new(inner: Arc<dyn AsyncUdpSocket>, overload: Arc<super::Overload>, of: SideOf) -> Self {
        let mut mark = [0; MARK_LEN];
        let is_marked = SystemRandom::new().fill(&mut mark).is_ok();
        let prober = inner.local_addr().and_then(prober).ok().filter(|_| is_marked);
        Self {
            inner,
            overload,
            of,
            prober,
            mark,
            behind_since_us: AtomicU64::new(0),
            probe_sent_us: AtomicU64::new(0),
            last_delay_us: AtomicU64::new(0),
        }
    }

    fn backlog(&self) -> &Backlog {
        &(self.of)(&self.overload).backlog
    }

    /// Everything was read: nothing waits in the kernel. What was read just before waits for its turn since then.
    fn on_empty(&self) {
        if self.behind_since_us.swap(0, Ordering::Relaxed) != 0 {
            self.last_delay_us.store(0, Ordering::Relaxed);
            self.probe_sent_us.store(0, Ordering::Relaxed);
        }
    }

    /// Packets were read, and there may be more.
    fn on_packets(&self, bufs: &[IoSliceMut<'_>], metas: &mut [RecvMeta]) {
        // 0 means "none" in the cells.
        let now_us = self.backlog().clock.now().as_micros().max(1);
        for (meta, buf) in metas.iter_mut().zip(bufs) {
            if let Some(sent_us) = self.probe_in(meta, buf) {
                let delay_us = now_us.saturating_sub(sent_us);
                self.last_delay_us.store(delay_us, Ordering::Relaxed);
                self.probe_sent_us.store(0, Ordering::Relaxed);
                // An empty datagram is nothing to quinn.
                meta.len = 0;
            }
        }
        let is_first = self
            .behind_since_us
            .compare_exchange(0, now_us, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        if is_first {
            return self.backlog().on_read(now_us, 0);
        }
        let sent_us = self.probe_sent_us.load(Ordering::Relaxed);
        let under_way_us = if sent_us == 0 {
            0
        } else {
            now_us.saturating_sub(sent_us)
        };
        if sent_us == 0 || under_way_us > PROBE_LOST_US {
            self.probe(now_us);
        }
        let kernel_us = self.last_delay_us.load(Ordering::Relaxed).max(under_way_us);
        self.backlog().on_read(now_us, kernel_us);
    }

    /// Sends a probe when the socket has been behind for long enough.
    fn probe(&self, now_us: u64) {
        let behind_us = now_us.saturating_sub(self.behind_since_us.load(Ordering::Relaxed));
        let Some(prober) = self.prober.as_ref().filter(|_| behind_us >= PROBE_EVERY_US) else {
            return;
        };
        let mut probe = [0; PROBE_LEN];
        let (mark, time) = probe.split_at_mut(MARK_LEN);
        mark.copy_from_slice(&self.mark);
        time.copy_from_slice(&now_us.to_le_bytes());
        if prober.send(&probe).is_ok() {
            self.probe_sent_us.store(now_us, Ordering::Relaxed);
        }
    }

    /// When the datagram was sent, if it is a probe. Probes that the kernel has put together tell the last one's.
    fn probe_in(&self, meta: &RecvMeta, buf: &[u8]) -> Option<u64> {
        if meta.stride != PROBE_LEN {
            return None;
        }
        let probe = buf.get(..meta.len)?.rchunks_exact(PROBE_LEN).next()?;
        let (mark, time) = probe.split_at(MARK_LEN);
        if mark != self.mark {
            return None;
        }
        time.try_into().map(u64::from_le_bytes).ok()
    }
}

impl AsyncUdpSocket for ProbedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.inner.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let polled = self.inner.poll_recv(cx, bufs, meta);
        match &polled {
            Poll::Pending => self.on_empty(),
            Poll::Ready(Ok(count)) => self.on_packets(bufs, meta.get_mut(..*count).unwrap_or_default()),
            Poll::Ready(Err(_)) => {}
        }
        polled
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

/// A socket that sends to the listener at `address` from the same machine.
fn prober(address: SocketAddr) -> io::Result<UdpSocket> {
    let (any, loopback) = if address.is_ipv4() {
        (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::LOCALHOST))
    } else {
        (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::LOCALHOST))
    };
    let to = if address.ip().is_unspecified() {
        loopback
    } else {
        address.ip()
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect((to, address.port()))?;
    Ok(socket)
}
