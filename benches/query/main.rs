//! How long does a query over QUIC on loopback take beside its floors?
//!
//! The floors, in the same run and in turn with ours: a UDP echo between two blocking ends and between two runtimes, and
//! a bare QUIC echo with the gateway's own TLS and limits, the same bytes each way, in the same three modes. Ours is
//! asked twice: by the bare client of the echo, which leaves the gateway's own share, and by the client library. Then
//! how many answers a second at 16 and 256 connections, each with one request in flight.
//!
//! Every end has one thread. `cargo bench --locked --bench query` measures; without `--bench` each thing is done a few times, so
//! that tests notice when it breaks. Deliberately absent: criterion's own loop, which measures one thing after the
//! other, on a machine whose wake-ups differ from minute to minute; only ratios within one run mean much.

#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

mod ask;
mod echo;
#[path = "../../tests/loopback/mod.rs"]
mod loopback;

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nextbest::serve::clock::{Clock, unix_s};
use nextbest::serve::token::Role;
use nextbest_client::{AppHelloSettings, AppSession, ClientEndpoint, Mode};
use nextbest_proto::v1;
use tokio::task::LocalSet;

use ask::{Asker, Bytes, Line, Peer};
use echo::{QuicEcho, UdpEcho};
use loopback::{Loopback, engine, pack};

/// How much is done.
struct Plan {
    rounds: usize,
    /// Requests of one asker in one round.
    requests: usize,
    /// Connections at once, and how long they ask.
    connections: &'static [usize],
    throughput_rounds: usize,
    lasts: Duration,
}

const MEASURED: Plan = Plan {
    rounds: 40,
    requests: 250,
    connections: &[16, 256],
    throughput_rounds: 3,
    lasts: Duration::from_millis(700),
};
const TRIED: Plan = Plan {
    rounds: 1,
    requests: 3,
    connections: &[2],
    throughput_rounds: 1,
    lasts: Duration::from_millis(5),
};

const MODES: [(Mode, &str); 3] = [
    (Mode::Session, "one long-lived stream"),
    (Mode::Stream, "a new stream each"),
    (Mode::Datagram, "datagram"),
];
/// Whether the client library asks, or the bare client.
const CLIENTS: [bool; 2] = [false, true];

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let plan = if is_measured { MEASURED } else { TRIED };
    let loopback = Loopback::start(&engine(pack("stadium")), Clock::start());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let gateway = Peer::new(&loopback.wallet.keys, loopback.gateway.app_addr());
        let bytes = Bytes::of_a_query(&gateway, &token(&loopback, 0)).await;
        println!(
            "request {} bytes, reply {} bytes, in a frame each",
            bytes.request.len(),
            bytes.reply.len()
        );
        let quic = QuicEcho::start(&loopback.wallet.keys, &bytes);
        let udp = UdpEcho::start(&bytes);
        let echo = Peer::new(&loopback.wallet.keys, quic.address);
        round_trips(&plan, &loopback, [&echo, &gateway], &udp, &bytes).await;
        throughput(&plan, &loopback, [&echo, &gateway], &bytes).await;
    });
    loopback.gateway.stop();
}

/// One thing that is measured.
struct Row {
    name: String,
    asker: Asker,
    /// The row of its floor.
    floor: Option<usize>,
    took_ns: Histogram<u64>,
}

async fn round_trips(plan: &Plan, loopback: &Loopback, [echo, gateway]: [&Peer; 2], udp: &UdpEcho, bytes: &Bytes) {
    let mut rows = Vec::new();
    let mut add = |name: String, asker, floor| {
        rows.push(Row {
            name,
            asker,
            floor,
            took_ns: Histogram::new(3).unwrap(),
        });
        rows.len() - 1
    };
    add("UDP echo, blocking ends".into(), Asker::blocking_udp(udp, bytes), None);
    add("UDP echo, runtimes".into(), Asker::runtime_udp(udp, bytes).await, None);
    for (mode, name) in MODES {
        let floor = add(
            format!("QUIC echo, {name}"),
            Asker::Bare(Line::open(echo, mode, bytes).await),
            None,
        );
        for is_library in CLIENTS {
            let (client, asker) = if is_library {
                ("client library", Asker::Library(session(loopback).await, mode))
            } else {
                (
                    "bare client",
                    Asker::Bare(Line::welcomed(gateway, mode, bytes, &token(loopback, 0)).await),
                )
            };
            add(format!("gateway, {name}, {client}"), asker, Some(floor));
        }
    }
    for _ in 0..plan.rounds {
        for row in &mut rows {
            for _ in 0..plan.requests {
                let began = Instant::now();
                let is_answered = row.asker.ask().await;
                let took_ns = u64::try_from(began.elapsed().as_nanos()).unwrap();
                if is_answered {
                    row.took_ns.record(took_ns).unwrap();
                }
            }
        }
    }
    println!(
        "{:54} {:>8} {:>8} {:>12}",
        "one request at a time", "p50 us", "p99 us", "p50 to echo"
    );
    for row in &rows {
        let us = |quantile| row.took_ns.value_at_quantile(quantile) as f64 / 1_000.0;
        let floor = row
            .floor
            .map(|floor| rows[floor].took_ns.value_at_quantile(0.5) as f64 / 1_000.0);
        let ratio = floor.map_or_else(String::new, |floor_us| format!("{:.2}", us(0.5) / floor_us));
        println!("{:54} {:>8.1} {:>8.1} {ratio:>12}", row.name, us(0.5), us(0.99));
    }
}

async fn throughput(plan: &Plan, loopback: &Loopback, peers: [&Peer; 2], bytes: &Bytes) {
    println!(
        "{:54} {:>10} {:>10} {:>8}",
        "answers a second", "echo", "gateway", "ratio"
    );
    for &connections in plan.connections {
        for (mode, name) in MODES {
            let mut lines = [Vec::new(), Vec::new()];
            for number in 0..connections {
                lines[0].push(Line::open(peers[0], mode, bytes).await);
                lines[1].push(Line::welcomed(peers[1], mode, bytes, &token(loopback, number)).await);
            }
            let mut answers = [0.0; 2];
            for _ in 0..plan.throughput_rounds {
                for (lines, answers) in lines.iter_mut().zip(&mut answers) {
                    *answers += closed_loop(lines, plan.lasts).await / plan.throughput_rounds as f64;
                }
            }
            let [echo, gateway] = answers;
            let name = format!("{name}, {connections} connections");
            println!("{name:54} {echo:>10.0} {gateway:>10.0} {:>8.2}", gateway / echo);
        }
    }
}

/// Answers a second when every line asks again as soon as it has its answer.
async fn closed_loop(lines: &mut Vec<Line>, lasts: Duration) -> f64 {
    let began = Instant::now();
    let mut asking = Vec::new();
    for mut line in lines.drain(..) {
        asking.push(tokio::task::spawn_local(async move {
            let mut answers = 0_u64;
            while began.elapsed() < lasts {
                answers += u64::from(line.ask().await);
            }
            (line, answers)
        }));
    }
    let mut all = 0;
    for line in asking {
        let (line, answers) = line.await.unwrap();
        lines.push(line);
        all += answers;
    }
    all as f64 / began.elapsed().as_secs_f64()
}

/// A session of the client library, as the first customer.
async fn session(loopback: &Loopback) -> AppSession {
    let to = loopback.gateway.app_addr();
    let endpoint = ClientEndpoint::towards(to).unwrap();
    let hello = AppHelloSettings {
        token: token(loopback, 0),
        ..AppHelloSettings::default()
    };
    AppSession::connect(&endpoint, to, "localhost", &loopback.wallet.trust(), hello)
        .await
        .unwrap()
}

fn token(loopback: &Loopback, customer: usize) -> String {
    let signer = loopback.wallet.keys.token_signer().unwrap();
    signer
        .sign(&format!("customer-{customer}"), Role::Customer, unix_s(), 3_600)
        .unwrap()
}

/// What is asked, however it travels.
fn query() -> v1::Query {
    v1::Query {
        want: "food".into(),
        ..v1::Query::default()
    }
}
