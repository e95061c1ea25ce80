//! The command `firmware-sim`: a venue engineer's own pack, with a crowd in it, against a gateway that runs.
//!
//! Bad input ends with code 2 and one sentence, a run that cannot begin or in which no hub ever connected with
//! code 1. What fails in a run is counted and shown. Deliberately absent: starting a gateway, which is
//! `nextbest serve`, and all of it together, which is `nextbest demo`.

mod keys;
mod pack;
mod report;

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::{Parser, ValueEnum};
use nextbest_venue::Venue;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    crowd::{CrowdSettings, FANS_MAX},
    drive::{self, Begin, Clock, DriveError, Gateway, Progress, Settings, Snapshot, Summary},
};

pub use keys::{KeyFolder, KeyFolderError};
pub use pack::{PackError, read_venue};

/// Puts a crowd with tags and phones into a venue and plays it, with the venue's hubs, to a gateway.
#[derive(Debug, Clone, Parser)]
#[command(name = "firmware-sim", version, after_long_help = EXAMPLE)]
pub struct Args {
    /// The pack whose map is used: a folder with `venue/*.geojson`.
    #[arg(long, value_name = "DIR")]
    pub pack: PathBuf,
    /// The gateway's UDP address for hubs.
    #[arg(long, value_name = "ADDR")]
    pub to_hubs: SocketAddr,
    /// The gateway's UDP address for apps.
    #[arg(long, value_name = "ADDR")]
    pub to: SocketAddr,
    /// A folder of keys, as `nextbest keys --out DIR` writes it.
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// The name in the gateway's certificate.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    pub server_name: String,
    /// How many people.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(0..=FANS_MAX as i64))]
    pub fans: u32,
    /// Switch on only the first so many hubs of the map.
    #[arg(long, value_name = "N")]
    pub hubs: Option<usize>,
    /// Decides everything that is random: one seed, one crowd.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How much faster than life the crowd moves. The gateway must run on a clock of the same speed.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = parse_speed)]
    pub speed: f64,
    /// Share of those who ask who go where they are told.
    #[arg(long, value_name = "0..1", default_value_t = 0.6, value_parser = parse_share)]
    pub compliance: f32,
    /// Where in the day it begins.
    #[arg(long, value_enum, default_value_t = From::HalfTime)]
    pub from: From,
    /// End after this long, for example 60s or 5m. Without it: at Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time)]
    pub lasts: Option<Duration>,
    /// Say nothing but one JSON object at the end.
    #[arg(long)]
    pub json: bool,
}

/// Where in the day a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// Three minutes into half-time, with lines standing.
    HalfTime,
    /// When the gates open.
    Gates,
}

const EXAMPLE: &str = "Example:
  nextbest keys --pack packs/stadium --out keys
  nextbest serve --pack packs/stadium --keys keys --listen 127.0.0.1:4433 --listen-hubs 127.0.0.1:4434
  firmware-sim --pack packs/stadium --keys keys --to 127.0.0.1:4433 --to-hubs 127.0.0.1:4434 --fans 5000 --for 60s";

/// Runs the command to its end.
pub async fn run(args: Args) -> ExitCode {
    match ready(&args) {
        Ok((venue, keys)) => match play(&args, Arc::new(venue), keys).await {
            Ok(code) => code,
            Err(error) => fail(1, &error),
        },
        Err(error) => fail(2, &*error),
    }
}

fn fail(code: u8, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("firmware-sim: {error}");
    ExitCode::from(code)
}

fn ready(args: &Args) -> Result<(Venue, KeyFolder), Box<dyn std::error::Error>> {
    Ok((read_venue(&args.pack)?, KeyFolder::read(&args.keys)?))
}

async fn play(args: &Args, venue: Arc<Venue>, keys: KeyFolder) -> Result<ExitCode, DriveError> {
    let gateway = Gateway {
        apps: args.to,
        hubs: args.to_hubs,
        server_name: args.server_name.clone(),
        trust: keys.trust(),
    };
    let progress = Arc::new(Progress::default());
    let (stop, stopped) = watch::channel(false);
    let clock = clock(args.speed);
    let run = drive::run(
        Arc::clone(&venue),
        settings(args),
        gateway,
        Arc::new(keys),
        clock,
        Arc::clone(&progress),
        stopped,
    );
    tokio::pin!(run);
    let ended = tokio::select! {
        summary = &mut run => summary?,
        () = watch_until_end(args, &progress) => {
            // The run has the receiver, so there is somebody to tell.
            let _told = stop.send(true);
            run.await?
        }
    };
    show(args, &venue, &ended);
    Ok(ExitCode::from(u8::from(
        ended.end.sightings_taken == 0 && ended.fans > 0,
    )))
}

fn settings(args: &Args) -> Settings {
    let fans = args.fans as usize;
    let crowd = CrowdSettings {
        fans,
        seed: args.seed,
        compliance: args.compliance,
        ..CrowdSettings::default()
    };
    let begin = match args.from {
        From::HalfTime => Begin::HalfTime { into_ms: 180_000 },
        From::Gates => Begin::GatesOpen,
    };
    Settings {
        crowd,
        begin,
        hubs_max: args.hubs,
        boot_epoch: boot_epoch(),
        ..Settings::default()
    }
}

/// Says a line now and then until the time is over or somebody presses Ctrl-C.
async fn watch_until_end(args: &Args, progress: &Progress) {
    let over = async {
        match args.lasts {
            Some(lasts) => sleep(lasts).await,
            None => std::future::pending().await,
        }
    };
    let lines = async {
        let (mut before, mut then) = (progress.snapshot(), Instant::now());
        loop {
            sleep(LINE_EVERY).await;
            let at: Snapshot = progress.snapshot();
            if !args.json {
                println!("{}", report::line(&before, &at, then.elapsed().as_secs_f64()));
            }
            (before, then) = (at, Instant::now());
        }
    };
    tokio::select! {
        () = over => {}
        () = lines => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn show(args: &Args, venue: &Venue, summary: &Summary) {
    match args.json {
        true => println!("{}", report::json(summary)),
        false => print!("{}", report::text(venue, summary)),
    }
}

/// Milliseconds since now, `speed` times as fast as real ones.
fn clock(speed: f64) -> Clock {
    let began = Instant::now();
    Arc::new(move || (began.elapsed().as_secs_f64() * speed * 1_000.0) as u64)
}

/// Seconds of the wall clock: greater at every start, as long as nobody sets the clock back.
#[expect(
    clippy::disallowed_methods,
    reason = "a boot epoch must grow from run to run, and only the wall clock does"
)]
fn boot_epoch() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |since| since.as_secs())
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| (0.01..=1_000.0).contains(speed));
    speed.ok_or_else(|| "expected a number from 0.01 to 1000, for example 10".to_owned())
}

fn parse_share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share: &f32| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1, for example 0.6".to_owned())
}

/// A whole number and its unit.
fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_ms = match text.get(digits.len()..) {
        Some("ms") => Some(1),
        Some("s") => Some(1_000),
        Some("m") => Some(60_000),
        Some("h") => Some(3_600_000),
        _ => None,
    };
    let time = unit_ms.and_then(|unit_ms: u64| digits.parse::<u64>().ok()?.checked_mul(unit_ms));
    time.map(Duration::from_millis)
        .ok_or_else(|| "expected a whole number with ms, s, m or h, for example 60s".to_owned())
}

/// How often a line is said.
const LINE_EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &[&str]) -> Result<Args, String> {
        let needed = [
            "firmware-sim",
            "--pack",
            "p",
            "--keys",
            "k",
            "--to",
            "127.0.0.1:1",
            "--to-hubs",
            "127.0.0.1:2",
        ];
        Args::try_parse_from(needed.iter().chain(more)).map_err(|error| error.to_string())
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(parse(&["--for", "60s"]).unwrap().lasts, Some(Duration::from_secs(60)));
        assert_eq!(parse(&["--for", "5m"]).unwrap().lasts, Some(Duration::from_secs(300)));
        for wrong in ["60", "s", "1.5s", "1d", "", "99999999999999999999s"] {
            let said = parse(&["--for", wrong]).unwrap_err();
            assert!(
                said.contains("expected a whole number with ms, s, m or h"),
                "{wrong}: {said}"
            );
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused_with_the_range() {
        assert!(parse(&["--speed", "0"]).unwrap_err().contains("from 0.01 to 1000"));
        assert!(parse(&["--speed", "NaN"]).unwrap_err().contains("from 0.01 to 1000"));
        assert!(parse(&["--compliance", "1.5"]).unwrap_err().contains("from 0 to 1"));
        assert!(parse(&["--fans", "200001"]).unwrap_err().contains("0..=200000"));
    }

    #[test]
    fn a_missing_pack_is_one_sentence() {
        let args = Args {
            pack: "/nonexistent".into(),
            ..parse(&[]).unwrap()
        };
        let said = ready(&args).unwrap_err().to_string();
        assert!(said.starts_with("cannot read /nonexistent/venue: "), "{said}");
        assert!(
            said.ends_with("a pack is a folder with the map in `venue/*.geojson`"),
            "{said}"
        );
    }
}
