//! How long packets wait until a listener's thread gets to them: see [`Backlog::wait`].
//!
//! A thread works off all that it has read before it reads again, so a packet waits in the kernel's buffer first and
//! then for its turn. Nobody sees how old a packet in the buffer is, but none is older than the moment at which the
//! thread last found the buffer empty, or at which it woke: that is taken for the moment at which all came. A thread
//! that falls so far behind that it never finds the buffer empty sends itself a probe, a datagram with the time in it,
//! once a millisecond at most: it waits behind the packets that are there, and what it took to come is what they wait.
//!
//! A thread looks into the buffer once more before it gets to the last of what it had read before, because quinn's
//! driver of the socket is a task among those of the connections. So what is judged may be of the look before the last.
//!
//! A probe has sixteen random bytes that nobody else knows, so no peer can pretend to be one. Deliberately absent:
//! hooks of the runtime for sleeping and waking, because a runtime that never sleeps, or has a paused clock, has none.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::serve::clock::Clock;

/// How often a listener that is behind sends itself a probe at most. One that answered each probe that it read with
/// the next would never find its buffer empty, and never sleep.
const PROBE_EVERY_US: u64 = 1_000;
/// A thread that did nothing for so long has slept, and nothing waited for it. A shorter sleep counts as work, which
/// makes waits look longer by less than this. Longer than anything that a thread does without leaving a mark.
const PAUSE_US: u64 = 1_000;
/// A probe that has not come for so long was lost, as is every packet that finds the buffer full.
const PROBE_LOST_US: u64 = 1_000_000;
/// Random bytes by which a probe is known.
const MARK_LEN: usize = 16;
/// Bytes of a probe: the mark, and when it was sent.
const PROBE_LEN: usize = MARK_LEN + 8;

/// How long something has waited for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) struct Waited {
    /// When its turn came, in microseconds on the backlog's clock.
    pub(super) at_us: u64,
    /// How long it had waited by then, at most.
    pub(in crate::serve) wait: Duration,
}

/// What is known of one listener's backlog. Times are in microseconds on its clock.
#[derive(Debug)]
pub(in crate::serve) struct Backlog {
    clock: Clock,
    /// When the thread did something last.
    active_us: AtomicU64,
    /// When the kernel's buffer was empty last, as far as the thread knows.
    empty_us: AtomicU64,
    /// Whether nothing was read since then.
    is_empty: AtomicBool,
    /// When it was empty before the last look that found something, and before the one before that.
    look_us: AtomicU64,
    look_before_us: AtomicU64,
    /// When it was empty before the first look since something was judged.
    turn_us: AtomicU64,
    /// Whether something was judged since the last look.
    is_judged: AtomicBool,
    /// When packets were read last.
    read_us: AtomicU64,
    /// How long they had waited by then, by a probe; [`u64::MAX`]: there was none since the buffer was empty.
    probed_us: AtomicU64,
    sum_us: AtomicU64,
    waits: AtomicU64,
}

impl Default for Backlog {
    fn default() -> Self {
        Self::on(Clock::start())
    }
}

impl Backlog {
    /// Measured on a clock, whose speed scales every wait.
    pub(super) fn on(clock: Clock) -> Self {
        Self {
            clock,
            active_us: AtomicU64::new(0),
            empty_us: AtomicU64::new(0),
            is_empty: AtomicBool::new(true),
            look_us: AtomicU64::new(0),
            look_before_us: AtomicU64::new(0),
            turn_us: AtomicU64::new(0),
            is_judged: AtomicBool::new(false),
            read_us: AtomicU64::new(0),
            probed_us: AtomicU64::new(u64::MAX),
            sum_us: AtomicU64::new(0),
            waits: AtomicU64::new(0),
        }
    }

    /// How long a packet that is worked on at this moment has waited at most: in the kernel, and for its turn.
    pub(in crate::serve) fn wait(&self) -> Waited {
        let waited = self.waited(self.now_us());
        let wait_us = u64::try_from(waited.wait.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(wait_us, Ordering::Relaxed);
        self.waits.fetch_add(1, Ordering::Relaxed);
        waited
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
        self.begin_turn(self.now_us());
    }

    /// The thread has done something that may have taken long. Returns when, in microseconds on the clock of the backlog.
    pub(in crate::serve) fn worked(&self) -> u64 {
        let now_us = self.now_us();
        self.on_work(now_us);
        now_us
    }

    pub(super) fn now_us(&self) -> u64 {
        self.clock.now().as_micros()
    }

    pub(super) fn waited(&self, now_us: u64) -> Waited {
        self.on_work(now_us);
        self.is_judged.store(true, Ordering::Relaxed);
        let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        let came_us = load(&self.turn_us).max(load(&self.look_before_us));
        let probed_us = load(&self.probed_us).saturating_add(now_us.saturating_sub(load(&self.read_us)));
        Waited {
            at_us: now_us,
            wait: Duration::from_micros(now_us.saturating_sub(came_us).min(probed_us)),
        }
    }

    pub(super) fn on_work(&self, now_us: u64) {
        self.active_us.store(now_us, Ordering::Relaxed);
    }

    /// The thread looks into the kernel's buffer.
    pub(super) fn on_look(&self, now_us: u64) {
        let pause_us = now_us.saturating_sub(self.active_us.load(Ordering::Relaxed));
        if pause_us >= PAUSE_US {
            self.on_empty(now_us);
            self.look_us.store(now_us, Ordering::Relaxed);
            self.begin_turn(now_us);
        }
        self.on_work(now_us);
    }

    /// Nothing is in it.
    pub(super) fn on_empty(&self, now_us: u64) {
        self.empty_us.store(now_us, Ordering::Relaxed);
        self.is_empty.store(true, Ordering::Relaxed);
    }

    /// Packets were read; `probed_us` is what they have waited by a probe, if there was one since it was empty.
    pub(super) fn on_read(&self, now_us: u64, probed_us: Option<u64>) {
        if self.is_empty.swap(false, Ordering::Relaxed) {
            let look_us = self.empty_us.load(Ordering::Relaxed);
            let before_us = self.look_us.swap(look_us, Ordering::Relaxed);
            self.look_before_us.store(before_us, Ordering::Relaxed);
            if self.is_judged.swap(false, Ordering::Relaxed) {
                self.turn_us.store(look_us, Ordering::Relaxed);
            }
        }
        self.read_us.store(now_us, Ordering::Relaxed);
        self.probed_us.store(probed_us.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Nothing that comes has waited before this.
    fn begin_turn(&self, now_us: u64) {
        self.turn_us.store(now_us, Ordering::Relaxed);
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
    /// `None`: no probe can be sent.
    prober: Option<UdpSocket>,
    mark: [u8; MARK_LEN],
    /// When packets were first read since the buffer was empty; 0: it is empty.
    behind_since_us: AtomicU64,
    /// When the last probe was sent; 0: none was.
    probe_sent_us: AtomicU64,
    /// Whether it has come.
    probe_has_come: AtomicBool,
    /// What the last probe took since the buffer was empty; [`u64::MAX`]: none has come.
    probe_took_us: AtomicU64,
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
            probe_has_come: AtomicBool::new(true),
            probe_took_us: AtomicU64::new(u64::MAX),
        }
    }

    fn backlog(&self) -> &Backlog {
        &(self.of)(&self.overload).backlog
    }

    /// Everything was read: nothing waits in the kernel. What was read just before waits for its turn since then.
    fn on_empty(&self, now_us: u64) {
        self.backlog().on_empty(now_us);
        if self.behind_since_us.swap(0, Ordering::Relaxed) != 0 {
            self.probe_took_us.store(u64::MAX, Ordering::Relaxed);
            self.probe_has_come.store(true, Ordering::Relaxed);
        }
    }

    /// Packets were read, and there may be more.
    fn on_packets(&self, now_us: u64, bufs: &[IoSliceMut<'_>], metas: &mut [RecvMeta]) {
        for (meta, buf) in metas.iter_mut().zip(bufs) {
            if let Some(sent_us) = self.probe_in(meta, buf) {
                self.probe_took_us
                    .store(now_us.saturating_sub(sent_us), Ordering::Relaxed);
                self.probe_has_come.store(true, Ordering::Relaxed);
                // An empty datagram is nothing to quinn.
                meta.len = 0;
            }
        }
        let behind_since_us = self.behind_since_us.load(Ordering::Relaxed);
        if behind_since_us == 0 {
            self.behind_since_us.store(now_us, Ordering::Relaxed);
        } else if now_us.saturating_sub(behind_since_us) >= PROBE_EVERY_US {
            self.probe(now_us);
        }
        self.backlog().on_read(now_us, self.probed_us(now_us));
    }

    /// What the packets of this read have waited, by the last probe; `None`: none has come since the buffer was empty.
    fn probed_us(&self, now_us: u64) -> Option<u64> {
        let took_us = self.probe_took_us.load(Ordering::Relaxed);
        let under_way_us = if self.probe_has_come.load(Ordering::Relaxed) {
            0
        } else {
            now_us.saturating_sub(self.probe_sent_us.load(Ordering::Relaxed))
        };
        (took_us != u64::MAX).then(|| took_us.max(under_way_us))
    }

    /// Sends a probe, unless one is under way or was sent just before.
    fn probe(&self, now_us: u64) {
        let age_us = now_us.saturating_sub(self.probe_sent_us.load(Ordering::Relaxed));
        let is_due = if self.probe_has_come.load(Ordering::Relaxed) {
            age_us >= PROBE_EVERY_US
        } else {
            age_us > PROBE_LOST_US
        };
        let Some(prober) = self.prober.as_ref().filter(|_| is_due) else {
            return;
        };
        let mut probe = [0; PROBE_LEN];
        let (mark, time) = probe.split_at_mut(MARK_LEN);
        mark.copy_from_slice(&self.mark);
        time.copy_from_slice(&now_us.to_le_bytes());
        if prober.send(&probe).is_ok() {
            self.probe_sent_us.store(now_us, Ordering::Relaxed);
            self.probe_has_come.store(false, Ordering::Relaxed);
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
        let sent = self.inner.try_send(transmit);
        let _when = self.backlog().worked();
        sent
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        // 0 means "none" in the cells.
        let now_us = self.backlog().now_us().max(1);
        self.backlog().on_look(now_us);
        let polled = self.inner.poll_recv(cx, bufs, meta);
        match &polled {
            Poll::Pending => self.on_empty(now_us),
            Poll::Ready(Ok(count)) => self.on_packets(now_us, bufs, meta.get_mut(..*count).unwrap_or_default()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_us(backlog: &Backlog, now_us: u64) -> u128 {
        backlog.waited(now_us).wait.as_micros()
    }

    #[test]
    fn what_wakes_a_thread_has_not_waited() {
        let backlog = Backlog::default();
        for woken_us in [5_000_000, 9_000_000] {
            backlog.on_look(woken_us);
            backlog.on_read(woken_us, None);
            assert_eq!(wait_us(&backlog, woken_us), 0);
            backlog.on_empty(woken_us);
        }
    }

    #[test]
    fn what_comes_while_a_thread_works_has_waited_since_it_looked_last() {
        let backlog = Backlog::default();
        backlog.on_look(5_000_000);
        backlog.on_read(5_000_000, None);
        backlog.on_empty(5_000_010);
        assert_eq!(wait_us(&backlog, 5_007_000), 7_000, "its turn comes late");
        backlog.on_look(5_007_500);
        backlog.on_read(5_007_500, None);
        assert_eq!(wait_us(&backlog, 5_008_000), 7_490 + 500);
    }

    #[test]
    fn a_second_look_does_not_hide_how_long_those_of_the_first_have_waited() {
        let backlog = Backlog::default();
        let look = |now_us| {
            backlog.on_look(now_us);
            backlog.on_read(now_us, None);
            backlog.on_empty(now_us);
        };
        look(5_000_000);
        assert_eq!(wait_us(&backlog, 5_007_000), 7_000);
        look(5_007_500);
        look(5_008_000);
        assert_eq!(wait_us(&backlog, 5_008_100), 8_100, "of the first look of this turn");
        look(5_008_500);
        // Not seen: the half millisecond between the two looks.
        assert_eq!(wait_us(&backlog, 5_008_600), 600, "of the second");
        for later_us in (5_009_000..6_000_000).step_by(500) {
            look(later_us);
        }
        assert_eq!(
            wait_us(&backlog, 6_000_000),
            1_500,
            "nobody waits for what is never judged"
        );
    }

    #[test]
    fn a_probe_tells_what_a_thread_that_never_finds_its_buffer_empty_cannot_know() {
        let backlog = Backlog::default();
        backlog.on_look(5_000_000);
        backlog.on_read(5_000_000, None);
        for later_us in (5_000_000..6_000_000).step_by(500) {
            backlog.on_look(later_us);
            backlog.on_read(later_us, Some(3_000));
        }
        assert_eq!(wait_us(&backlog, 6_000_000), 3_500);
    }

    #[test]
    fn who_waits_for_a_disk_makes_nobody_late() {
        let backlog = Backlog::default();
        backlog.on_look(5_000_000);
        backlog.on_read(5_000_000, None);
        backlog.turn_begins();
        let began_us = backlog.turn_us.load(Ordering::Relaxed);
        assert_eq!(wait_us(&backlog, began_us), 0);
    }
}
