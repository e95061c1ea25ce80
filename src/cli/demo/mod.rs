//! `nextbest demo`: a stadium three minutes into half-time, its hubs, its crowd and the gateway, in one process.
//!
//! Everything between them is the real thing: certificates made for this run, one QUIC connection for each hub,
//! one for each phone that asks, tills that report what they sold. One clock drives gateway and crowd. The pack is
//! built into the program, so that the demo needs no file.

mod embedded;
mod keys;
mod lines;
mod screen;
mod summary;
mod watch;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Args;
use firmware_sim::crowd::CrowdSettings;
use firmware_sim::drive;
use tokio::sync::watch as signal;

use super::duration::parse_duration;
use super::{Failure, pack, stopping};
use crate::config::Pack;
use crate::engine::Engine;
use crate::serve::clock::{Clock, SPEED_MAX};
use crate::serve::{Gateway, GatewaySettings};

pub(super) use self::embedded::stadium;
use self::keys::DemoKeys;
use self::summary::Summary;
use self::watch::Watch;

/// Of a hundred tags so many change what they call themselves, so that the demo shows those too.
const CHANGING_TAGS_PERCENT: u8 = 20;

/// Play the half-time rush of a stadium: gateway, hubs and crowd, speaking the real protocol.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  nextbest demo\n  nextbest demo --for 30s --fans 5000 --seed 7\n  \
                        nextbest demo --for 20s --json | tail -n 1\n\n\
                        On a terminal the picture is live; elsewhere it prints plain lines. q or Ctrl-C ends it."
)]
pub(super) struct Arguments {
    /// How long, in real time, such as 60s.
    #[arg(long = "for", value_name = "T", default_value = "60s", value_parser = parse_duration)]
    lasts: Duration,
    /// People in the crowd.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    fans: u32,
    /// Switch only the first so many hubs on.
    #[arg(long, value_name = "H")]
    hubs: Option<usize>,
    /// Decides everything that is random in the crowd.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Run the one clock this many times as fast.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// Share of the people who go where they are told, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.6, value_parser = share)]
    compliance: f32,
    /// Another pack than the stadium that is built in.
    #[arg(long, value_name = "DIR")]
    pack: Option<PathBuf>,
    /// End with one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// What runs while the demo does.
struct Demo {
    pack: Pack,
    engine: Arc<Engine>,
    clock: Clock,
    gateway: Gateway,
    keys: DemoKeys,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let demo = start(arguments)?;
    let (stop, stopped) = signal::channel(false);
    let progress = Arc::new(drive::Progress::default());
    let asked_to_stop = Arc::new(AtomicBool::new(false));
    let crowd = crowd(arguments, &demo, (&progress, &asked_to_stop), stopped);
    let has_ended = || crowd.is_finished() || asked_to_stop.load(Ordering::Relaxed);
    let watch = Watch::new(&demo.pack, &demo.engine, demo.clock, demo.gateway.metrics(), &progress);
    let is_live = std::io::stdout().is_terminal() && !arguments.json;
    let watched = if is_live {
        screen::show(&watch, arguments.lasts, has_ended)
    } else {
        lines::print(&watch, arguments.lasts, arguments.json, has_ended)
    };
    // The crowd ends by itself only when it could not begin; then nobody listens any more.
    let _ = stop.send(true);
    let played = crowd
        .join()
        .map_err(|_| Failure::wrong("the crowd's thread has panicked"))?;
    let summary = Summary::of(&watch);
    demo.gateway.stop();
    watched.map_err(|error| Failure::wrong(format!("cannot show the demo: {error}")))?;
    played?;
    if arguments.json {
        say!("{}", summary.json());
    } else {
        say_part!("{}", summary.text());
    }
    if summary.answers == 0 {
        return Err(Failure::no_answer(
            "nobody got an answer; give it more time with --for, or more people with --fans",
        ));
    }
    Ok(())
}

fn start(arguments: &Arguments) -> Result<Demo, Failure> {
    let pack = match &arguments.pack {
        Some(dir) => pack::load(dir)?,
        None => stadium()?,
    };
    let engine = pack::engine(&pack)?;
    let keys = DemoKeys::make(&pack)?;
    let clock = Clock::start_scaled(arguments.speed);
    let gateway = Gateway::start(&GatewaySettings::default(), Arc::clone(&engine), keys.folder(), clock);
    Ok(Demo {
        pack,
        engine,
        clock,
        gateway: gateway.map_err(Failure::wrong)?,
        keys,
    })
}

type Played = thread::JoinHandle<Result<(), Failure>>;

/// The hubs and the crowd, on a thread and a runtime of their own, which also hears when somebody asks to stop: a demo that
/// was killed would leave its keys behind.
fn crowd(
    arguments: &Arguments,
    demo: &Demo,
    (progress, asked_to_stop): (&Arc<drive::Progress>, &Arc<AtomicBool>),
    stopped: signal::Receiver<bool>,
) -> Played {
    let settings = drive::Settings {
        crowd: CrowdSettings {
            fans: arguments.fans as usize,
            seed: arguments.seed,
            compliance: arguments.compliance,
            ..CrowdSettings::default()
        },
        hubs_max: arguments.hubs,
        changing_tags_percent: CHANGING_TAGS_PERCENT,
        ..drive::Settings::default()
    };
    let gateway = drive::Gateway {
        apps: demo.gateway.app_addr(),
        hubs: demo.gateway.hub_addr(),
        server_name: "localhost".to_owned(),
        trust: demo.keys.trust().clone(),
    };
    let (venue, progress) = (Arc::clone(&demo.pack.spec.venue), Arc::clone(progress));
    let (credentials, clock) = (demo.keys.credentials(), demo.clock);
    let asked_to_stop = Arc::clone(asked_to_stop);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::wrong)?;
        runtime.spawn(async move { asked_to_stop.store(stopping::asked().await.is_ok(), Ordering::Relaxed) });
        let clock: drive::Clock = Arc::new(move || clock.now().as_millis());
        let run = drive::run(venue, settings, gateway, credentials, clock, progress, stopped);
        let played = runtime.block_on(tokio::task::LocalSet::new().run_until(run));
        played
            .map(|_| ())
            .map_err(|error| Failure::no_answer(format!("the crowd could not begin: {error}")))
    })
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (0.1..=SPEED_MAX).contains(speed));
    speed.ok_or_else(|| format!("expected a number between 0.1 and {SPEED_MAX}"))
}

fn share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number between 0 and 1".to_owned())
}
