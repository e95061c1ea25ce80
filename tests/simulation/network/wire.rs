//! A network in memory: packets take their time, overtake one another, come twice, or never.
//!
//! All of it is drawn from one seed, and every packet that is sent is folded into a trace: when, from where, to where,
//! and how long. Deliberately absent: what is in a packet, which differs from run to run, since TLS takes its random
//! numbers from the machine.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nextbest_client::ClientEndpoint;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, TokioRuntime, UdpPoller};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::{Instant, sleep};

#[expect(clippy::disallowed_types, reason = "a test network, locked for a few instructions")]
type Mutex<T> = std::sync::Mutex<T>;

/// All sockets, and what happens between them.
#[derive(Debug)]
pub(crate) struct Network {
    state: Mutex<State>,
    began: Instant,
}

#[derive(Debug)]
struct State {
    rng: ChaCha8Rng,
    inboxes: HashMap<SocketAddr, Arc<Mutex<Inbox>>>,
    cut: HashSet<SocketAddr>,
    loss: f64,
    trace: u64,
    packets: u64,
}

#[derive(Debug, Default)]
struct Inbox {
    packets: VecDeque<(SocketAddr, Vec<u8>)>,
    waker: Option<Waker>,
}

impl Network {
    /// A network that loses so large a share of its packets.
    pub(crate) fn new(seed: u64, loss: f64) -> Arc<Self> {
        let state = State {
            rng: ChaCha8Rng::seed_from_u64(seed),
            inboxes: HashMap::new(),
            cut: HashSet::new(),
            loss,
            trace: 0,
            packets: 0,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            began: Instant::now(),
        })
    }

    /// A socket of the gateway, with connection ids that follow from the seed.
    pub(crate) fn socket(self: &Arc<Self>, address: SocketAddr) -> (Arc<dyn AsyncUdpSocket>, EndpointConfig) {
        let mut state = self.state.lock().unwrap();
        let inbox = Arc::<Mutex<Inbox>>::default();
        state.inboxes.insert(address, Arc::clone(&inbox));
        let mut config = EndpointConfig::default();
        config.rng_seed(Some(state.rng.random()));
        let socket = Socket {
            address,
            network: Arc::clone(self),
            inbox,
        };
        (Arc::new(socket), config)
    }

    /// The endpoint of a client.
    pub(crate) fn client(self: &Arc<Self>, address: SocketAddr) -> ClientEndpoint {
        let (socket, config) = self.socket(address);
        let endpoint = Endpoint::new_with_abstract_socket(config, None, socket, Arc::new(TokioRuntime));
        ClientEndpoint::from_quinn(endpoint.unwrap())
    }

    /// Packets to and from an address vanish.
    pub(crate) fn cut(&self, address: SocketAddr) {
        self.state.lock().unwrap().cut.insert(address);
    }

    /// They arrive again.
    pub(crate) fn mend(&self, address: SocketAddr) {
        self.state.lock().unwrap().cut.remove(&address);
    }

    /// Nothing is lost any more.
    pub(crate) fn heal(&self) {
        let mut state = self.state.lock().unwrap();
        state.cut.clear();
        state.loss = 0.0;
    }

    /// A fold of all packets that were sent, and how many.
    pub(crate) fn trace(&self) -> (u64, u64) {
        let state = self.state.lock().unwrap();
        (state.trace, state.packets)
    }

    fn carry(&self, from: SocketAddr, to: SocketAddr, packet: &[u8]) {
        let mut state = self.state.lock().unwrap();
        let sent_us = self.began.elapsed().as_micros() as u64;
        for word in [
            sent_us,
            u64::from(from.port()),
            u64::from(to.port()),
            packet.len() as u64,
        ] {
            state.trace = (state.trace ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(17);
        }
        state.packets += 1;
        let (loss, luck) = (state.loss, state.rng.random::<f64>());
        let is_lost = luck < loss || state.cut.contains(&from) || state.cut.contains(&to);
        let Some(inbox) = state.inboxes.get(&to).filter(|_| !is_lost).cloned() else {
            return;
        };
        let copies = if state.rng.random_bool(0.02) { 2 } else { 1 };
        for _ in 0..copies {
            let delay_ms = match state.rng.random_range(0..50) {
                0 => state.rng.random_range(100..400),
                _ => state.rng.random_range(1..40),
            };
            let (inbox, packet) = (Arc::clone(&inbox), packet.to_vec());
            tokio::spawn(async move {
                sleep(Duration::from_millis(delay_ms)).await;
                let mut inbox = inbox.lock().unwrap();
                inbox.packets.push_back((from, packet));
                if let Some(waker) = inbox.waker.take() {
                    waker.wake();
                }
            });
        }
    }
}

#[derive(Debug)]
struct Socket {
    address: SocketAddr,
    network: Arc<Network>,
    inbox: Arc<Mutex<Inbox>>,
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.network
            .carry(self.address, transmit.destination, transmit.contents);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut inbox = self.inbox.lock().unwrap();
        let Some((addr, packet)) = inbox.packets.pop_front() else {
            inbox.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let len = packet.len();
        buffers[0][..len].copy_from_slice(&packet);
        meta[0] = RecvMeta {
            addr,
            len,
            stride: len,
            ecn: None,
            dst_ip: None,
        };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
