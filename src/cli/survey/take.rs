//! `nextbest survey take`: a survey with a running gateway, place by place, told to whoever carries the tag.
//!
//! Every place that is done is in the file at once, so that a survey may end at any moment and go on another day.
//! Deliberately absent: finding out where the engineer truly stands; the floor has to be measured once.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use nextbest_proto::v1;
use nextbest_venue::Hub;
use tokio::time::{MissedTickBehavior, interval};

use super::super::address::parse_address;
use super::super::{Failure, pack};
use super::file::SurveyFile;
use super::live::{Live, parse_tag};
use super::places::{self, Planned};
use crate::recording::{Heard, HeardAtStop, Walk, heard_at};
use crate::serve::keys::KeyFolder;

/// A place that fewer hubs hear does not tell one place from another.
const HUBS_MIN: usize = 3;
/// Readings of one place that are kept: 256 hubs at ten a second for a minute and a half.
const READINGS_PER_PLACE_MAX: usize = 1 << 18;

/// Take a site survey with a running gateway, place by place.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nextbest survey take --pack packs/tetam --to 127.0.0.1:4433 --keys keys --tag c0ffee000001 --out survey.csv\n  \
                  nextbest survey take --pack packs/tetam --to 127.0.0.1:4433 --keys keys \\\n      \
                  --tag ibeacon:f7826da6-4fa2-4e98-8024-bc5b71e0893e-1-7 --points plan.csv --seconds 30 --out survey.csv\n\n\
                  It says where to stand and waits: Enter begins, s skips the place, r takes the last one again, q stops.\n\
                  Each place that is done is in --out at once; with the same command the survey goes on where it stopped."
)]
pub(super) struct Arguments {
    /// The pack whose map says where one can stand, and which hubs there are.
    #[arg(long, value_name = "DIR")]
    pack: PathBuf,
    /// The gateway's address for apps.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    to: SocketAddr,
    /// The key folder.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// The tag that is carried: an address, or ibeacon:UUID-MAJOR-MINOR.
    #[arg(long, value_name = "TAG", value_parser = parse_tag)]
    tag: v1::Tag,
    /// The customer to whom the tag is registered.
    #[arg(long = "as", value_name = "CUSTOMER", default_value = "surveyor")]
    customer: String,
    /// Take the tag also when somebody else carries it; it is no longer theirs then.
    #[arg(long)]
    take_over: bool,
    /// The survey, which may have been begun.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where to stand, as `nextbest survey --pack` prints it; made from the map when missing.
    #[arg(long, value_name = "FILE")]
    points: Option<PathBuf>,
    /// Without --points: how far every walkable place may be from the nearest place of the survey, in metres.
    #[arg(long, value_name = "METRES", default_value_t = 2.5, conflicts_with = "points")]
    every: f32,
    /// How long to listen at each place.
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=120))]
    seconds: u32,
    /// The name in the gateway's certificate.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    server_name: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let venue = pack::load(&arguments.pack)?.spec.venue;
    let places = match &arguments.points {
        Some(file) => places::from_file(&venue, file)?,
        None => {
            super::check_every(arguments.every)?;
            places::from_map(&venue, arguments.every)
        }
    };
    let file = SurveyFile::open(&arguments.out)?;
    let keys = KeyFolder::open(&arguments.keys).map_err(Failure::wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::wrong)?;
    runtime.block_on(async {
        let to = (arguments.to, arguments.server_name.as_str());
        let live = Live::start(&keys, to, &arguments.customer, arguments.tag.clone())?;
        live.register(arguments.take_over).await?;
        let taking = Taking {
            live,
            file,
            hubs: &venue.hubs,
            seconds: arguments.seconds,
        };
        taking.take(&places).await
    })?;
    say!(
        "{0} is written. Put it into the pack as survey.csv, then: nextbest check --pack {1}",
        arguments.out.display(),
        arguments.pack.display()
    );
    Ok(())
}

/// A survey that is being taken.
struct Taking<'a> {
    live: Live,
    file: SurveyFile,
    hubs: &'a [Hub],
    seconds: u32,
}

/// What the engineer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Begin,
    Skip,
    Redo,
    Stop,
}

impl Taking<'_> {
    async fn take(mut self, places: &[Planned]) -> Result<(), Failure> {
        let left = |file: &SurveyFile| places.iter().filter(|place| !file.has(&place.stop)).count();
        say!("{} places, {} left", places.len(), left(&self.file));
        let (mut at, mut last) = (0, None);
        while let Some(place) = places.get(at) {
            if self.file.has(&place.stop) && last != Some(at) {
                at += 1;
                continue;
            }
            say!("{}", where_to_stand(place));
            match wish().await? {
                Wish::Begin if self.take_place(place).await? => {
                    // The one that was taken again is behind the one that comes next.
                    (last, at) = (Some(at), at + 1);
                }
                Wish::Begin => {}
                Wish::Skip => at += 1,
                Wish::Redo => match last {
                    Some(done) => at = done,
                    None => say!("no place was taken yet"),
                },
                Wish::Stop => break,
            }
        }
        say!("{} of {} places left", left(&self.file), places.len());
        Ok(())
    }

    /// Listens at a place and writes it down; false when too few hubs heard the tag.
    async fn take_place(&mut self, place: &Planned) -> Result<bool, Failure> {
        let heard = self.listen(place).await?;
        if heard.len() < HUBS_MIN {
            say!(
                "only {} of at least {HUBS_MIN} hubs heard the tag here, so the place is not taken: does the tag \
                 advertise, and are the hubs alive? Enter tries again",
                heard.len()
            );
            return Ok(false);
        }
        self.file.forget(&place.stop);
        let hubs = self.hubs;
        self.file
            .add(&place.stop, &heard, |hub| hubs.get(hub).map_or("", |hub| &hub.id));
        self.file.write()?;
        say!("place {} is taken: {} hubs", place.id, heard.len());
        Ok(true)
    }

    async fn listen(&mut self, place: &Planned) -> Result<Vec<HeardAtStop>, Failure> {
        let mut walk = Walk {
            name: String::new(),
            began_ms: 0.0,
            heard: Vec::new(),
            truth: Vec::new(),
        };
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        second.tick().await;
        // What was heard on the way here is of another place.
        self.live.look().await?;
        for now_s in 1..=self.seconds {
            second.tick().await;
            let look = self.live.look().await?;
            let room = READINGS_PER_PLACE_MAX - walk.heard.len();
            walk.heard.extend(
                look.readings
                    .iter()
                    .filter_map(|reading| self.heard(reading))
                    .take(room),
            );
            say!(
                "{}",
                self.line(now_s, look.dropped, &heard_at(&walk, &place.stop, self.hubs.len()))
            );
        }
        Ok(heard_at(&walk, &place.stop, self.hubs.len()))
    }

    fn heard(&self, reading: &v1::Reading) -> Option<Heard> {
        let hub = self.hubs.iter().position(|hub| hub.id == reading.hub_id)?;
        Some(Heard {
            at_ms: 0.0,
            station: u16::try_from(hub).ok()?,
            rssi_dbm: i8::try_from(reading.rssi_dbm).ok()?,
        })
    }

    /// What an engineer sees each second, the strongest hub first.
    fn line(&self, now_s: u32, dropped: u64, heard: &[HeardAtStop]) -> String {
        let mut strongest: Vec<&HeardAtStop> = heard.iter().collect();
        strongest.sort_by(|one, other| other.mean_dbm.total_cmp(&one.mean_dbm));
        let mut line = format!("  {now_s:3} of {} s, {} hubs", self.seconds, heard.len());
        for heard in strongest {
            let hub = self.hubs.get(heard.hub).map_or("", |hub| hub.id.as_str());
            // Writing to a string cannot fail.
            let _ = write!(
                line,
                "  {hub} {:.1} dBm sd {:.1} ({})",
                heard.mean_dbm, heard.spread_db, heard.count
            );
        }
        if dropped > 0 {
            let _ = write!(line, "  ({dropped} readings came too late to be shown)");
        }
        line
    }
}

fn where_to_stand(place: &Planned) -> String {
    let zone = if place.zone.is_empty() { "no zone" } else { &place.zone };
    format!(
        "stand at place {}: x {:.2} m, y {:.2} m, level {}, {zone}; tag at {:.2} m. Enter, s, r or q?",
        place.id, place.stop.at.east_m, place.stop.at.north_m, place.level, place.stop.height_m
    )
}

/// Waits for a line. The connection lives on meanwhile, because a thread of its own reads.
async fn wish() -> Result<Wish, Failure> {
    loop {
        io::stdout().flush().map_err(Failure::wrong)?;
        let read = || {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).map(|len| (len, line))
        };
        let (len, line) = tokio::task::spawn_blocking(read)
            .await
            .map_err(Failure::wrong)?
            .map_err(Failure::wrong)?;
        match line.trim() {
            // Nobody is there any more.
            _ if len == 0 => return Ok(Wish::Stop),
            "" => return Ok(Wish::Begin),
            "s" => return Ok(Wish::Skip),
            "r" => return Ok(Wish::Redo),
            "q" => return Ok(Wish::Stop),
            _ => say!("Enter begins, s skips the place, r takes the last one again, q stops"),
        }
    }
}
