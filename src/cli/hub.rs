//! `nextbest hub`: this machine's Bluetooth adapter as a hub of the venue.
//!
//! Reads keys, list and buffer, starts the client that reconnects and the radio, and says every few seconds how they are.
//! Deliberately absent: a radio in a program that was built without the feature `ble`; the command then says how to get
//! one, because somebody who looks for it shall not think that there is none.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use nextbest_client::{
    ClientEndpoint, Credentials, HubClient, HubClientSettings, HubHelloSettings, HubTarget, OutboxSettings,
    OutboxStore, Trust,
};
use serde_json::json;

use super::Failure;
use super::address::parse_address;
use super::duration::parse_duration;
use crate::hub::agent::Health;
use crate::hub::board;
use crate::hub::only::Only;
use crate::serve::clock::unix_s;
use crate::serve::keys::KeyFolder;

/// Listen with this machine's Bluetooth adapter, as a hub of the venue (feature `ble`).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nextbest hub --to 192.0.2.7:4434 --keys keys --id hub-17\n  \
                        nextbest hub --to 192.0.2.7:4434 --keys keys --id hub-17 --adapter hci1 \\\n      \
                        --only identities.toml --buffer /var/lib/nextbest-hub\n  \
                        nextbest hub --to 192.0.2.7:4434 --keys keys --id hub-17 --only ibeacon:f7826da64fa24e988024bc5b71e0893e\n\n\
                        The key folder needs ca.pem, hubs/ID.pem and hubs/ID.key. A list looks like this; an entry may be \
                        the beginning of an identity:\n  \
                        ibeacon = [\"f7826da6-4fa2-4e98-8024-bc5b71e0893e\"]\n  \
                        eddystone_uid = [\"6e657874626573747665\"]\n  \
                        address = [\"e7:8f:13:00:00:01\"]\n  \
                        private_addresses = true   # addresses that the gateway resolves with keys\n\n\
                        While the gateway is away, sightings wait. SIGTERM or Ctrl-C stops it. The radio is bluetoothd's; \
                        src/hub/README.md says what that one drops."
)]
pub(super) struct Arguments {
    /// The gateway's address for hubs.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    to: SocketAddr,
    /// The key folder, with the authority's and the hub's certificate.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// Which hub of the venue's map this is.
    #[arg(long, value_name = "HUB")]
    id: String,
    /// The adapter to listen with; without it, the first that there is.
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// Pass on these transmitters only: a file of TOML, or KIND:HEX for a beginning; may be repeated.
    #[arg(long, value_name = "FILE|KIND:HEX")]
    only: Vec<String>,
    /// A folder for sightings that the gateway has not acknowledged, which a restart takes up again. It needs --only, so
    /// that nobody who is not registered is written to a disk.
    #[arg(long, value_name = "DIR", requires = "only")]
    buffer: Option<PathBuf>,
    /// Most sightings that wait for the gateway, also of those on disk; the oldest go first, and are counted.
    #[arg(long, value_name = "N", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    buffer_memory: u32,
    /// Say how it is this often.
    #[arg(long, value_name = "T", default_value = "10s", value_parser = parse_duration)]
    every: Duration,
    /// End by itself, such as after 10m.
    #[arg(long = "for", value_name = "T", value_parser = parse_duration)]
    lasts: Option<Duration>,
    /// Say it as JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// The name in the gateway's certificate.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    server_name: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let only = only(arguments)?;
    let keys = KeyFolder::open(&arguments.keys).map_err(Failure::wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::wrong)?;
    runtime.block_on(async {
        let hub = client(arguments, &keys)?;
        listen(arguments, only, hub).await
    })
}

/// What is passed on; `None`: everything.
fn only(arguments: &Arguments) -> Result<Option<Only>, Failure> {
    if arguments.only.is_empty() {
        return Ok(None);
    }
    let mut only = Only::default();
    for entry in &arguments.only {
        let wrong = |error: crate::hub::only::OnlyError| Failure::wrong(format!("--only {entry}: {error}"));
        match only.add_prefix(entry) {
            Some(added) => added.map_err(wrong)?,
            None => only.add_file(&read(Path::new(entry))?).map_err(wrong)?,
        }
    }
    if only.is_empty() {
        return Err(Failure::wrong("--only names nobody: nothing would be passed on"));
    }
    if arguments.buffer.is_some() && only.takes_strangers() {
        return Err(Failure::wrong(
            "private_addresses lets strangers in, and --buffer would write them to a disk; \
             leave one of them out: without --buffer, sightings wait in memory",
        ));
    }
    Ok(Some(only))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        Failure::wrong(format!(
            "--only {}: {error}; expected a file, or KIND:HEX such as ibeacon:f7826da6",
            path.display()
        ))
    })
}

/// The hub's side of the protocol, with its buffer; it begins to connect.
fn client(arguments: &Arguments, keys: &KeyFolder) -> Result<HubClient, Failure> {
    let (chain, key) = keys.hub_pem(&arguments.id).map_err(Failure::wrong)?;
    let target = HubTarget {
        to: arguments.to,
        server_name: arguments.server_name.clone(),
        trust: Trust::from_der(&keys.authority().map_err(Failure::wrong)?).map_err(Failure::wrong)?,
        credentials: Credentials::from_pem(&chain, &key).map_err(Failure::wrong)?,
    };
    let hello = HubHelloSettings {
        hub_id: arguments.id.clone(),
        venue_id: keys.venue_id().to_owned(),
        boot_epoch: unix_s(),
        oldest_sequence: 0,
        firmware: concat!("nextbest hub ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let settings = HubClientSettings {
        outbox: OutboxSettings {
            held_len_max: arguments.buffer_memory as usize,
            ..OutboxSettings::default()
        },
        ..HubClientSettings::default()
    };
    let endpoint = ClientEndpoint::towards(arguments.to).map_err(Failure::wrong)?;
    let started = match &arguments.buffer {
        None => HubClient::start(endpoint, target, hello, settings),
        Some(dir) => {
            let store = OutboxStore::open(dir, hello.boot_epoch, board::clock_reading()).map_err(Failure::wrong)?;
            if store.recovered_len() > 0 {
                eprintln!(
                    "{} sightings wait in {}, of boot epoch {}",
                    store.recovered_len(),
                    dir.display(),
                    store.boot_epoch()
                );
            }
            HubClient::start_on_disk(endpoint, target, hello, settings, store)
        }
    };
    started.map_err(Failure::wrong)
}

#[cfg(all(feature = "ble", target_os = "linux"))]
async fn listen(arguments: &Arguments, only: Option<Only>, hub: HubClient) -> Result<(), Failure> {
    use tokio::time::{Instant, timeout};

    use crate::hub::agent;
    use crate::hub::bluez::BluezRadio;
    use crate::hub::ear::Ear;

    /// How long the last sightings may take to be acknowledged when the agent stops.
    const LAST_WAIT: Duration = Duration::from_secs(2);
    let radio = BluezRadio::start(arguments.adapter.clone());
    let ear = Ear::new(only, Instant::now());
    let tell = |health: &Health| say(health, arguments.json);
    let health = agent::run(radio, ear, &hub, arguments.every, tell, stop(arguments.lasts)).await;
    // Those that are late stay on the disk, if there is one.
    let _in_time = timeout(LAST_WAIT, hub.flushed()).await;
    say(
        &Health {
            hub: hub.statistics(),
            ..health
        },
        arguments.json,
    );
    hub.close("stopped").await;
    Ok(())
}

#[cfg(not(all(feature = "ble", target_os = "linux")))]
async fn listen(arguments: &Arguments, _only: Option<Only>, hub: HubClient) -> Result<(), Failure> {
    drop(hub);
    Err(Failure::wrong(format!(
        "this nextbest was built without a radio, so {} cannot listen; on Linux, \
         `cargo build --locked --release --features ble` builds one with it, which needs nothing but a C compiler",
        arguments.id
    )))
}

/// Waits for SIGTERM, Ctrl-C or the end of the time.
#[cfg(all(feature = "ble", target_os = "linux"))]
async fn stop(lasts: Option<Duration>) {
    use tokio::signal::unix::{SignalKind, signal};

    let pressed = tokio::signal::ctrl_c();
    let ended = async {
        match lasts {
            Some(lasts) => tokio::time::sleep(lasts).await,
            None => std::future::pending().await,
        }
    };
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _pressed = pressed => {}
        () = terminated => {}
        () = ended => {}
    }
}

/// One line: how it is.
#[cfg_attr(
    not(all(feature = "ble", target_os = "linux")),
    expect(
        dead_code,
        reason = "nothing to say without a radio; the tests below say it all the same"
    )
)]
fn say(health: &Health, as_json: bool) {
    say!("{}", if as_json { object(health) } else { line(health) });
}

fn line(health: &Health) -> String {
    let sightings = &health.hub.sightings;
    let state = state(health);
    let adapter = match health.radio.adapter.as_str() {
        "" => "no adapter",
        adapter => adapter,
    };
    let mut line = format!(
        "{adapter} {state}: {} adverts ({:.0}/s), {} passed on, {} acknowledged, {} waiting, {} dropped; {}",
        health.adverts.heard,
        health.adverts_per_second,
        sightings.pushed,
        sightings.acked,
        health.hub.held,
        sightings.dropped,
        if health.hub.connected {
            "connected"
        } else {
            "no gateway"
        },
    );
    let whys = [
        Some(&health.radio.reason),
        health.hub.last_error.as_ref().filter(|_| !health.hub.connected),
        health.hub.store_failure.as_ref(),
    ];
    for why in whys.into_iter().flatten().filter(|why| !why.is_empty()) {
        line.push_str("; ");
        line.push_str(why);
    }
    line
}

fn object(health: &Health) -> String {
    let sightings = &health.hub.sightings;
    json!({
        "adapter": health.radio.adapter,
        "radio": state(health),
        "radio_reason": health.radio.reason,
        "radio_restarts": health.radio_restarts,
        "adverts_heard": health.adverts.heard,
        "adverts_per_second": health.adverts_per_second,
        "adverts_filtered": health.adverts.filtered,
        "adverts_nameless": health.adverts.nameless,
        "structures_malformed": health.adverts.malformed,
        "sightings_pushed": sightings.pushed,
        "sightings_acked": sightings.acked,
        "sightings_resent": sightings.resent,
        "sightings_dropped": sightings.dropped,
        "sightings_waiting": health.hub.held,
        "connected": health.hub.connected,
        "sessions": health.hub.sessions,
        "boot_epoch": health.hub.boot_epoch,
        "round_trip_ms": health.hub.round_trip.map(|trip| trip.as_secs_f64() * 1_000.0),
        "gateway_error": health.hub.last_error,
        "buffer_error": health.hub.store_failure,
        "temperature_celsius": health.temperature_celsius,
        "clock_unix_ms": board::unix_ms(),
    })
    .to_string()
}

fn state(health: &Health) -> &'static str {
    use nextbest_proto::v1::RadioState;
    match health.radio.state {
        RadioState::Unspecified | RadioState::Starting => "starting",
        RadioState::Scanning => "scanning",
        RadioState::Off => "off",
        RadioState::Absent => "absent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::ear::EarCounts;
    use crate::hub::radio::RadioReport;

    fn health() -> Health {
        Health {
            radio: RadioReport {
                adapter: "hci0".into(),
                state: nextbest_proto::v1::RadioState::Absent,
                reason: "unplugged".into(),
            },
            radio_restarts: 2,
            adverts: EarCounts {
                heard: 1_000,
                ..EarCounts::default()
            },
            adverts_per_second: 12.4,
            hub: nextbest_client::HubStatistics::default(),
            temperature_celsius: None,
        }
    }

    #[test]
    fn a_line_says_how_it_is_and_why() {
        assert_eq!(
            line(&health()),
            "hci0 absent: 1000 adverts (12/s), 0 passed on, 0 acknowledged, 0 waiting, 0 dropped; no gateway; unplugged"
        );
        let object: serde_json::Value = serde_json::from_str(&object(&health())).unwrap();
        assert_eq!(
            (&object["radio"], &object["radio_restarts"]),
            (&json!("absent"), &json!(2))
        );
    }
}
