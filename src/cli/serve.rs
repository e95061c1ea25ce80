//! `nextbest serve`: the gateway itself.
//!
//! Reads the pack, binds every socket, says where it listens, waits for a signal to stop, tells its peers to go,
//! and leaves within five seconds.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tracing_subscriber::EnvFilter;

use super::{Failure, pack, stopping};
use crate::config::doors::Doors;
use crate::config::{Pack, StateFolder};
use crate::engine::{Engine, Generation};
use crate::serve::clock::{Clock, SPEED_MAX};
use crate::serve::doors::DoorsSettings;
use crate::serve::durable::{State, state_bytes_max};
use crate::serve::keys::KeyFolder;
use crate::serve::overload::memory::machine_bytes;
use crate::serve::worst_case::{Bytes, WorstCase};
use crate::serve::{Gateway, GatewaySettings, StartError};
use crate::wire::payload::PathLoss;

/// Serve a venue: hubs and apps over QUIC, operators over HTTPS.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  nextbest keys --out keys --pack packs/stadium\n  \
                        nextbest serve --pack packs/stadium --keys keys --http 127.0.0.1:8443\n\n\
                        A port of 0 takes a free one, which is printed. SIGTERM or Ctrl-C stops it: peers are told \
                        to come back, and it ends within five seconds. SIGHUP takes the key folder again, with certificates, \
                        keys, admin tokens and what is revoked, and the pack: each whole or not at all.")]
pub(super) struct Arguments {
    /// The pack's folder.
    #[arg(long, value_name = "DIR")]
    pack: PathBuf,
    /// UDP address for apps; the pack's settings say it otherwise.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// UDP address for hubs; the pack's settings say it otherwise.
    #[arg(long, value_name = "ADDR")]
    listen_hubs: Option<SocketAddr>,
    /// TCP address for health and readiness over HTTPS.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// TCP address for staff over HTTPS: metrics, hubs and keys, each with a token of `nextbest keys admin`.
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// The folder for what must survive: people, consents, signals; the pack's settings say it otherwise. It is made if
    /// need be; without one a restart starts empty.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The key folder, as `nextbest keys` makes it.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// The doors for other makers' hubs: what of MQTT, HTTP and UDP to take, from where, how fast.
    #[arg(long, value_name = "FILE")]
    doors: Option<PathBuf>,
    /// Run the clock this many times as fast, to replay a recording.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = speed)]
    test_clock_speed: f64,
    /// Never let the apps' thread sleep: costs a core, saves each query the wake-up.
    #[arg(long)]
    busy_poll: bool,
    /// What each query costs beside its decide, in microseconds, to overload a gateway with a load that one machine makes.
    #[arg(long, value_name = "US", default_value_t = 0, hide = true)]
    test_query_cost_us: u32,
    /// What to log: error, warn, info, debug, trace, or a filter such as "warn,nextbest=info".
    #[arg(long, value_name = "FILTER", default_value = "warn,nextbest=info")]
    log: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    start_log(&arguments.log)?;
    log_panics();
    let pack = pack::load(&arguments.pack)?;
    let engine = pack::engine(&pack)?;
    let keys = KeyFolder::open(&arguments.keys).map_err(Failure::wrong)?;
    let clock = Clock::start_scaled(arguments.test_clock_speed);
    let doors = arguments.doors.as_deref().map(|path| doors(path, &pack));
    let doors = doors.transpose()?.unwrap_or_default();
    let mut settings = settings(arguments, &pack, doors);
    let folder = StateFolderOf::choose(arguments, &pack);
    if folder.is_some() {
        settings.state_bytes_max = state_bytes_max(pack.spec.settings.customers_max);
    }
    let worst = WorstCase::of(&pack.spec, &settings);
    refuse_what_does_not_fit(&worst)?;
    settings.memory_bytes_max = Some(worst.total_bytes());
    let taking = Arc::clone(&engine);
    let gateway = match &folder {
        None => Gateway::start(&settings, engine, &keys, clock),
        Some(folder) => Gateway::start_kept(&settings, engine, &keys, clock, &folder.open()?),
    };
    let gateway = gateway.map_err(|error| match (&folder, error) {
        (Some(folder), StartError::State(error)) => folder.refused(&error),
        (_, error) => Failure::wrong(error),
    })?;
    say!(
        "{}",
        kept(folder.as_ref().map(|folder| folder.path.as_path()), &gateway)
    );
    say_where(&gateway, &pack, &worst, clock);
    wait_to_stop(|| take_again(&gateway, &arguments.pack, &taking))
        .map_err(|error| Failure::wrong(format!("cannot wait for a signal: {error}")))?;
    say!("stopping: peers are told to come back");
    let overload = Arc::clone(gateway.overload());
    gateway.stop();
    if let Some(summary) = overload.summary() {
        say!("left undone: {summary}");
    }
    Ok(())
}

/// What `doors.toml` says; the files that it names are beside it.
fn doors(path: &Path, pack: &Pack) -> Result<DoorsSettings, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::wrong(format!("cannot read {}: {error}", path.display())))?;
    let doors = Doors::load(&path.display().to_string(), &text).map_err(|mistakes| {
        mistakes.iter().for_each(|mistake| pack::print(mistake));
        Failure::wrong(format!("{} has mistakes; nothing of it is used", path.display()))
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let venue = PathLoss {
        at_1m_dbm: pack.spec.settings.path_loss_1m_dbm,
        exponent: pack.spec.settings.path_loss_exponent,
        ..PathLoss::default()
    };
    DoorsSettings::open(&doors, folder, venue).map_err(Failure::wrong)
}

/// The folder for what must survive, and the place of the pack that names it, when it is the pack's.
struct StateFolderOf {
    path: PathBuf,
    named: Option<StateFolder>,
}

impl StateFolderOf {
    /// What the command line says, or else the pack, whose own folder a relative path begins at.
    fn choose(arguments: &Arguments, pack: &Pack) -> Option<Self> {
        if let Some(path) = &arguments.state {
            return Some(Self {
                path: path.clone(),
                named: None,
            });
        }
        let named = pack.serve.state.clone()?;
        Some(Self {
            path: arguments.pack.join(&named.path),
            named: Some(named),
        })
    }

    fn open(&self) -> Result<State, Failure> {
        State::folder(&self.path).map_err(|error| self.refused(&error))
    }

    /// Says why it cannot be used, and where the pack names it.
    fn refused(&self, error: &dyn std::error::Error) -> Failure {
        let what = format!("cannot use {}: {error}", self.path.display());
        let Some(named) = &self.named else {
            return Failure::wrong(what);
        };
        let mistake = named.mistake(&what);
        pack::print(&mistake);
        Failure::wrong(mistake)
    }
}

/// What survives a restart, and what did.
fn kept(folder: Option<&Path>, gateway: &Gateway) -> String {
    let Some(folder) = folder else {
        return "state  is kept in memory only: a restart starts empty (--state DIR keeps it)".to_owned();
    };
    let read = gateway.recovered();
    format!(
        "state  is kept in {}: {} customers and {} later records were read",
        folder.display(),
        read.people,
        read.records
    )
}

/// What the pack says, and what the command line says otherwise.
fn settings(arguments: &Arguments, pack: &Pack, doors: DoorsSettings) -> GatewaySettings {
    let pack = GatewaySettings::from(&pack.serve);
    GatewaySettings {
        listen: arguments.listen.unwrap_or(pack.listen),
        listen_hubs: arguments.listen_hubs.unwrap_or(pack.listen_hubs),
        http: arguments.http.or(pack.http),
        admin: arguments.admin.or(pack.admin),
        busy_poll: arguments.busy_poll,
        test_query_cost: Duration::from_micros(u64::from(arguments.test_query_cost_us)),
        doors,
        ..pack
    }
}

/// Refuses to start what peers could make larger than the machine.
fn refuse_what_does_not_fit(worst: &WorstCase) -> Result<(), Failure> {
    match machine_bytes().filter(|machine| worst.total_bytes() > *machine) {
        Some(machine) => Err(Failure::wrong(format!(
            "this machine has {} of memory, and the gateway could take {worst}; lower the maxima in [limits] and [serve] \
             of the pack's settings.toml, or give it more",
            Bytes(machine)
        ))),
        None => Ok(()),
    }
}

fn say_where(gateway: &Gateway, pack: &Pack, worst: &WorstCase, clock: Clock) {
    say!("{} ({}), generation {}", pack.name, pack.id, pack.spec.number);
    say!("memory {worst}");
    say!("listening for apps on {} (QUIC, nextbest/1)", gateway.app_addr());
    say!(
        "listening for hubs on {} (QUIC, nextbest/1, client certificates)",
        gateway.hub_addr()
    );
    if let Some(address) = gateway.public_addr() {
        say!("listening for health checks on https://{address} (/healthz, /readyz)");
    }
    if let Some(address) = gateway.admin_addr() {
        say!("listening for staff on https://{address} (/metrics, /v1/admin, with a token)");
    }
    if let Some(address) = gateway.door_addrs().http {
        say!("listening for hubs of other makers on {address} (HTTP: /minew, /kontakt, /moko, /raddec)");
    }
    if let Some(address) = gateway.door_addrs().mqtt {
        say!("listening for hubs of other makers on {address} (MQTT)");
    }
    if let Some(address) = gateway.door_addrs().udp {
        say!("listening for hubs of other makers on {address} (UDP: raddec)");
    }
    if clock.speed() != 1.0 {
        say!("the test clock runs {} times as fast as real time", clock.speed());
    }
}

fn start_log(filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::wrong(format!("--log is expected to be a filter such as \"warn\": {error}")))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false);
    // A second command in the same process keeps the first one's log.
    let _is_first = log.try_init();
    Ok(())
}

/// One line of the log for each panic: where it was, and nothing of what it says, which may be made of what a peer has sent.
/// Without a backtrace, because to look its names up takes seconds in which the thread answers nobody.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            thread = thread.name().unwrap_or_default(),
            at,
            "a panic was caught, or ends the thread"
        );
    }));
}

fn speed(text: &str) -> Result<f64, String> {
    let expected = || format!("expected a number between 0.001 and {SPEED_MAX}");
    let speed: f64 = text.parse().map_err(|_| expected())?;
    if (0.001..=SPEED_MAX).contains(&speed) {
        Ok(speed)
    } else {
        Err(expected())
    }
}

/// Takes the key folder and the pack again, each whole or not at all; what was refused is said and changes nothing.
fn take_again(gateway: &Gateway, pack: &Path, engine: &Engine) {
    match gateway.reload_keys() {
        Ok(()) => say!("the key folder was taken again"),
        Err(error) => tracing::error!("{error}"),
    }
    match publish(pack, engine) {
        Ok(number) => say!("the pack was taken again: generation {number}"),
        Err(failure) => tracing::error!("the pack is served as it was: {failure}"),
    }
}

/// Publishes the pack as the next generation; returns its number.
fn publish(folder: &Path, engine: &Engine) -> Result<u64, Failure> {
    let mut spec = pack::load(folder)?.spec;
    let number = engine.generation().number() + 1;
    spec.number = number;
    let generation = Generation::build(spec).map_err(Failure::wrong)?;
    engine.publish(generation).map_err(Failure::wrong)?;
    Ok(number)
}

/// Waits until somebody asks to stop, and calls `take_again` at each SIGHUP.
fn wait_to_stop(take_again: impl Fn()) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut asked = std::pin::pin!(stopping::asked());
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut hang_up = signal(SignalKind::hangup())?;
            loop {
                tokio::select! {
                    asked = &mut asked => return asked,
                    _signal = hang_up.recv() => take_again(),
                }
            }
        }
        #[cfg(not(unix))]
        {
            let _no_signal_calls = take_again;
            asked.as_mut().await
        }
    })
}
