//! A panic inside of the QUIC library costs the connections of one listener, and no more: the process lives, the endpoint is
//! built again at the same address, apps come again and get their answers, and hubs notice nothing.
//!
//! The panic is injected where packets are read, which is inside of the library's own driver while it holds its lock, and where
//! they are written, which is mostly a connection's. Without `serve::unpoisoned` this test ends the whole test process with
//! "panic in a destructor during cleanup".

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use house::{HUBS, House, WAIT, acknowledged, food, heard};
use nextbest::serve::metrics::Counter;
use nextbest::serve::{GatewaySettings, TestSocket};
use nextbest_client::{AppClient, AppClientSettings, AppHelloSettings, BackoffSettings, ClientEndpoint};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::time::timeout;

/// How often the endpoint dies.
const DEATHS: u64 = 5;

/// Whether reading or writing the next packet of an app panics. For the one test of this process.
static READING_PANICS: AtomicBool = AtomicBool::new(false);
static WRITING_PANICS: AtomicBool = AtomicBool::new(false);

/// A socket that panics when it is told to.
#[derive(Debug)]
struct Panicking(TestSocket);

impl AsyncUdpSocket for Panicking {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.0).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        assert!(!WRITING_PANICS.swap(false, Ordering::SeqCst), "injected");
        self.0.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let polled = self.0.poll_recv(cx, buffers, meta);
        assert!(
            polled.is_pending() || !READING_PANICS.swap(false, Ordering::SeqCst),
            "injected"
        );
        polled
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn may_fragment(&self) -> bool {
        self.0.may_fragment()
    }
}

#[tokio::test]
async fn apps_come_again_after_a_panic_of_a_driver_and_hubs_notice_nothing() {
    // The library's own prints a full backtrace, which takes seconds.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let house = House::open_with(&GatewaySettings {
        drain_wait: Duration::ZERO,
        test_sockets: Some((|socket| Arc::new(Panicking(socket)), |socket| socket)),
        ..GatewaySettings::default()
    });
    let mut hub = house.hub(HUBS[0], 1).await.unwrap();
    let apps: Vec<_> = ["ada", "ben", "cy"].map(|customer| app(&house, customer)).into();
    for round in 0..=2 * DEATHS {
        for app in &apps {
            let answered = timeout(WAIT, app.query(food())).await;
            assert!(matches!(answered, Ok(Ok(_))), "round {round}: {answered:?}");
        }
        hub.send_batch(round, round * 1_000, &[heard(1, -60)]).await.unwrap();
        assert_eq!(acknowledged(&mut hub).await, round + 1, "the hubs' connection goes on");
        let rebuilt = house.gateway.metrics().value(Counter::EndpointRebuilt);
        assert_eq!(rebuilt, round.min(DEATHS), "a connection's end is not the endpoint's");
        // The next packet, which is of a query, is the end of the endpoint; later, of one connection.
        READING_PANICS.store(round < DEATHS, Ordering::SeqCst);
        WRITING_PANICS.store((DEATHS..2 * DEATHS).contains(&round), Ordering::SeqCst);
    }
    house.gateway.stop();
}

/// An app that comes again by itself.
fn app(house: &House, customer: &str) -> AppClient {
    let hello = AppHelloSettings {
        token: house.token(customer),
        ..AppHelloSettings::default()
    };
    let settings = AppClientSettings {
        request_timeout_ms: 15_000,
        // Sessions that end at once again and again are waited for longer and longer, which is not what is tested.
        backoff: BackoffSettings {
            longest_ms: 200,
            ..BackoffSettings::default()
        },
        ..AppClientSettings::default()
    };
    let to = house.gateway.app_addr();
    AppClient::start(
        ClientEndpoint::towards(to).unwrap(),
        to,
        "localhost",
        house.trust(),
        hello,
        settings,
    )
}
