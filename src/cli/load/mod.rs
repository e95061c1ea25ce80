//! `nextbest load`: queries and sightings at a given rate, and how long the answers took.
//!
//! The load is open loop: every request has a moment at which it is due, whatever became of those before, and its
//! latency counts from that moment. A gateway that stalls is charged for every request that was due meanwhile
//! (coordinated omission is what closed loops do instead). `--rate 0` asks for the other thing, each connection
//! asking again as soon as it is answered, and says so in the report.
//!
//! Deliberately absent: spinning. The pace comes from one thread that sleeps, so that a gateway on the same machine
//! keeps its cores; what that costs in precision is in `pace`.

mod hubs;
mod pace;
mod people;
mod queries;
mod report;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use nextbest_client::{ClientEndpoint, EndpointSettings, Mode, Trust};

use super::Failure;
use super::address::parse_address;
use super::duration::parse_duration;
use crate::serve::keys::KeyFolder;

pub(super) use report::Report;

/// Send queries and sightings to a running gateway at a given rate, and report the latency of the answers.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  nextbest load --to 127.0.0.1:4433 --keys keys --rate 5000 --connections 16 --for 30s\n  \
    nextbest load --to 127.0.0.1:4433 --to-hubs 127.0.0.1:4434 --keys keys --rate 5000 --connections 16 \\\n      \
    --hubs 160 --sightings-rate 210000 --tags 70000 --for 10m --json\n\n\
    Latency counts from the moment a request was due (open loop); --rate 0 asks in a closed loop instead."
)]
pub(super) struct Arguments {
    /// The gateway's address for apps.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    to: SocketAddr,
    /// The gateway's address for hubs; needed for sightings.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    to_hubs: Option<SocketAddr>,
    /// The key folder, with a service token and the hubs' certificates.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// Queries each second, over all connections; 0: each connection asks again as soon as it is answered.
    #[arg(long, value_name = "R", default_value_t = 1_000)]
    rate: u32,
    /// Connections that send the queries.
    #[arg(long, value_name = "C", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    connections: u32,
    /// How long, such as 30s or 10m.
    #[arg(long = "for", value_name = "T", default_value = "10s", value_parser = parse_duration)]
    lasts: Duration,
    /// Customers who are asked for, in turn.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    subjects: u32,
    /// What they want.
    #[arg(long, value_name = "CATEGORY", default_value = "food")]
    want: String,
    /// How queries travel.
    #[arg(long, value_enum, default_value_t = Travel::Session)]
    mode: Travel,
    /// How long the caller waits for an answer, in milliseconds; 0: the client's own limit, and the gateway is not told.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    deadline_ms: u32,
    /// Hubs that send sightings, the first of the key folder.
    #[arg(long, value_name = "H", default_value_t = 0)]
    hubs: u32,
    /// Sightings each second, over all hubs.
    #[arg(long, value_name = "S", default_value_t = 0)]
    sightings_rate: u32,
    /// Registered tags that the hubs hear, each by three hubs in turn.
    #[arg(long, value_name = "N", default_value_t = 0)]
    tags: u32,
    /// Count answers whose message does not say "Generation N." with the number of the generation that they name.
    #[arg(long, hide = true)]
    test_generations: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Write the latency distribution in the percentile format of HdrHistogram.
    #[arg(long, value_name = "FILE")]
    hgrm: Option<PathBuf>,
    /// The name in the gateway's certificate.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    server_name: String,
}

/// How queries travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Travel {
    /// A new stream for each query.
    Stream,
    /// A datagram for each query, which may be lost.
    Datagram,
    /// One long-lived stream for each connection.
    Session,
    /// A new stream for each query, by a client that comes back after a restart and asks again.
    Client,
}

impl From<Travel> for Mode {
    fn from(travel: Travel) -> Self {
        match travel {
            Travel::Stream | Travel::Client => Self::Stream,
            Travel::Datagram => Self::Datagram,
            Travel::Session => Self::Session,
        }
    }
}

/// The gateway, and who we are to it.
struct Target {
    endpoint: ClientEndpoint,
    trust: Trust,
    service_token: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    check(arguments)?;
    let keys = KeyFolder::open(&arguments.keys).map_err(Failure::wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::wrong)?;
    let report = runtime.block_on(tokio::task::LocalSet::new().run_until(load(arguments, &keys)))?;
    if let Some(file) = &arguments.hgrm {
        report
            .write_hgrm(file)
            .map_err(|error| Failure::wrong(format!("{}: {error}", file.display())))?;
    }
    if arguments.json {
        say!("{}", report.json());
    } else {
        say_part!("{}", report.text());
    }
    if report.ok == 0 && arguments.connections > 0 {
        return Err(Failure::no_answer(format!(
            "{} answered none of the queries",
            arguments.to
        )));
    }
    Ok(())
}

/// Bytes that the system may keep for a socket: a burst of replies must not be lost while this thread is late.
const SOCKET_BUFFER_BYTES: usize = 8 << 20;

/// A socket towards the gateway, with room for bursts.
fn endpoint(to: SocketAddr) -> Result<ClientEndpoint, Failure> {
    let settings = EndpointSettings {
        receive_buffer_bytes: Some(SOCKET_BUFFER_BYTES),
        send_buffer_bytes: Some(SOCKET_BUFFER_BYTES),
        ..EndpointSettings::towards(to)
    };
    ClientEndpoint::with_settings(settings).map_err(Failure::wrong)
}

/// Refuses what cannot be meant.
fn check(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.sightings_rate > 0 && arguments.to_hubs.is_none() {
        return Err(Failure::wrong(
            "--sightings-rate needs --to-hubs, the gateway's address for hubs",
        ));
    }
    if arguments.sightings_rate > 0 && (arguments.hubs == 0 || arguments.tags == 0) {
        return Err(Failure::wrong(
            "--sightings-rate needs --hubs and --tags: who hears whom",
        ));
    }
    if arguments.subjects == 0 {
        return Err(Failure::wrong("--subjects must be at least 1"));
    }
    Ok(())
}

async fn load(arguments: &Arguments, keys: &KeyFolder) -> Result<Report, Failure> {
    let authority = keys.authority().map_err(Failure::wrong)?;
    let target = Arc::new(Target {
        endpoint: endpoint(arguments.to)?,
        trust: Trust::from_der(&authority).map_err(Failure::wrong)?,
        service_token: keys.token("service").map_err(Failure::wrong)?,
    });
    people::register(arguments, &target).await?;
    let hubs = match arguments.to_hubs {
        Some(to_hubs) if arguments.sightings_rate > 0 => Some(hubs::start(arguments, keys, &target, to_hubs).await?),
        Some(_) | None => None,
    };
    let mut report = queries::run(arguments, &target).await?;
    if let Some(hubs) = hubs {
        report.sightings = Some(hubs.finish().await);
    }
    target.endpoint.idle().await;
    Ok(report)
}
