//! `nextbest replay`: a recording, streamed by its hubs into a running gateway.
//!
//! The hubs are the firmware's own logic over real QUIC. The gateway's motion models see true time when its test
//! clock runs at the same speed (`nextbest serve --test-clock-speed X`).

use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use firmware_sim::drive::{self, Progress};
use firmware_sim::replay::{Recording, ReplaySettings, ReplaySummary, replay};
use nextbest_client::{Credentials, Trust};
use tokio::sync::watch;

use super::Failure;
use super::address::parse_address;
use crate::serve::clock::{Clock, SPEED_MAX, unix_s};
use crate::serve::keys::KeyFolder;

/// Stream a recording into a running gateway, as the hubs that made it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  nextbest keys --out keys --pack packs/tetam\n  \
                        nextbest serve --pack packs/tetam --keys keys --test-clock-speed 10 &\n  \
                        nextbest replay --recording tests/data/tetam --to-hubs 127.0.0.1:4434 --keys keys --speed 10 \\\n      \
                        --to 127.0.0.1:4433 --register-as walker\n\n\
                        A recording has hubs.csv (hub, alias, x_m, y_m, z_m) and walks/*.csv (t_ms, hub, tag, rssi_dbm, \
                        x_m, y_m).")]
pub(super) struct Arguments {
    /// The recording's folder.
    #[arg(long, value_name = "DIR")]
    recording: PathBuf,
    /// The gateway's address for hubs.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    to_hubs: SocketAddr,
    /// The gateway's address for apps; needed to register the tags.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address, requires = "register_as")]
    to: Option<SocketAddr>,
    /// Register the recorded tags as this customer; without it, the gateway knows them already.
    #[arg(long, value_name = "CUSTOMER", requires = "to")]
    register_as: Option<String>,
    /// The key folder, with the hubs' certificates.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// Play this many times as fast.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// The name in the gateway's certificate.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    server_name: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let recording = Recording::read(&arguments.recording).map_err(Failure::wrong)?;
    let keys = KeyFolder::open(&arguments.keys).map_err(Failure::wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::wrong)?;
    let played = play(arguments, &recording, keys);
    let summary = runtime.block_on(tokio::task::LocalSet::new().run_until(played))?;
    for walk in &summary.walks {
        say!(
            "{}: {} sightings in {:.0} s",
            walk.name,
            walk.sightings,
            walk.lasts_ms as f64 / 1_000.0
        );
    }
    say!(
        "{} sightings from {} hubs, {} taken by the gateway",
        summary.sightings,
        summary.hubs,
        summary.end.sightings_taken
    );
    if summary.end.sightings_taken < summary.sightings {
        return Err(Failure::no_answer("the gateway has not taken all of them"));
    }
    Ok(())
}

async fn play(arguments: &Arguments, recording: &Recording, keys: KeyFolder) -> Result<ReplaySummary, Failure> {
    let gateway = drive::Gateway {
        // Without an address for apps nothing is registered, and this one is not used.
        apps: arguments.to.unwrap_or(arguments.to_hubs),
        hubs: arguments.to_hubs,
        server_name: arguments.server_name.clone(),
        trust: Trust::from_der(&keys.authority().map_err(Failure::wrong)?).map_err(Failure::wrong)?,
    };
    let settings = ReplaySettings {
        venue_id: keys.venue_id().to_owned(),
        register_as: arguments.register_as.clone(),
        boot_epoch: unix_s(),
        ..ReplaySettings::default()
    };
    let clock = Clock::start_scaled(arguments.speed);
    let clock: drive::Clock = Arc::new(move || clock.now().as_millis());
    let (stop, stopped) = watch::channel(false);
    let service_token = keys.token("service").unwrap_or_default();
    let credentials = Arc::new(Folder { keys, service_token });
    if io::stderr().is_terminal() {
        eprintln!(
            "playing {} walks at {} times their speed",
            recording.walks.len(),
            arguments.speed
        );
    }
    let played = replay(
        recording,
        settings,
        gateway,
        credentials,
        clock,
        Arc::new(Progress::default()),
        stopped,
    )
    .await;
    drop(stop);
    played.map_err(Failure::no_answer)
}

/// Who the hubs are: the certificates of a key folder.
struct Folder {
    keys: KeyFolder,
    service_token: String,
}

impl drive::Credentials for Folder {
    fn hub(&self, hub_id: &str) -> Option<Credentials> {
        let (chain, key) = self.keys.hub_pem(hub_id).ok()?;
        Credentials::from_pem(&chain, &key).ok()
    }

    fn app_token(&self, _customer: &str) -> Option<String> {
        None
    }

    fn service_token(&self) -> String {
        self.service_token.clone()
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (0.1..=SPEED_MAX).contains(speed));
    speed.ok_or_else(|| format!("expected a number between 0.1 and {SPEED_MAX}"))
}
