//! A recording of real hubs, played to a gateway over QUIC at the pace of the caller's clock.
//!
//! Every hub of the recording connects with its own certificate and forwards what it heard when it heard it,
//! through the same firmware as the simulated ones; only filtering is off, because the recording holds what
//! real hubs forwarded. A clock that runs ten times as fast plays ten times as fast; the gateway must then run
//! on the same clock, or its motion models see a runner.
//!
//! Deliberately absent: scoring. The recording carries the truth ([`RecordedSighting::truth`]), and the summary
//! says when each walk began, so whoever knows what the gateway believed can compare.

pub mod recording;

use std::{sync::Arc, time::Duration};

use nextbest_proto::advert::{Identity, IdentityKind};
use nextbest_proto::v1;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{
    drive::{
        Clock, Credentials, DriveError, Gateway, Progress, Snapshot,
        links::Links,
        registration::{self, Registration},
        socket_towards, stopped,
        till::AGENT,
    },
    hub::{FilterLimits, Hub, HubName, HubSettings},
    prng::Prng,
};

pub use recording::{RecordedHub, RecordedSighting, RecordedWalk, Recording, RecordingError};

/// How a recording is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaySettings {
    /// The venue that the hubs' certificates name.
    pub venue_id: String,
    /// Register each tag as a customer of this name, with a number behind it when there are several. `None`:
    /// the gateway knows the tags already.
    pub register_as: Option<String>,
    /// Silence between two walks; longer than the gateway's time to live, so that one does not bend the next.
    pub gap_ms: u64,
    /// Greater than in every earlier replay to the same gateway.
    pub boot_epoch: u64,
}

impl Default for ReplaySettings {
    fn default() -> Self {
        Self {
            venue_id: String::new(),
            register_as: None,
            gap_ms: 30_000,
            boot_epoch: 1,
        }
    }
}

/// What came of a replay.
#[derive(Debug, Clone)]
pub struct ReplaySummary {
    /// The walks, in the order in which they were played.
    pub walks: Vec<ReplayedWalk>,
    /// Sightings of the recording that were played.
    pub sightings: u64,
    /// Hubs that were switched on.
    pub hubs: usize,
    /// Everything that was counted.
    pub end: Snapshot,
}

/// One walk, played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedWalk {
    /// Its name.
    pub name: String,
    /// The caller's time at its beginning.
    pub began_ms: u64,
    /// How long it lasts.
    pub lasts_ms: u64,
    /// Sightings in it.
    pub sightings: usize,
}

/// Plays a recording, walk after walk, until its end or until `stop` becomes true.
///
/// # Errors
/// [`DriveError`] when it cannot begin. What fails later is counted in `progress`.
pub async fn replay(
    recording: &Recording,
    settings: ReplaySettings,
    gateway: Gateway,
    credentials: Arc<dyn Credentials>,
    clock: Clock,
    progress: Arc<Progress>,
    mut stop: watch::Receiver<bool>,
) -> Result<ReplaySummary, DriveError> {
    let (hubs, gateway) = (socket_towards(gateway.hubs)?, Arc::new(gateway));
    if let Some(name) = &settings.register_as {
        register(recording, name, &settings, &gateway, &*credentials, &progress).await?;
    }
    let (firmwares, firmware_of) = firmwares(recording, &settings, &*credentials, &progress, clock());
    let hub_count = firmwares.len();
    if hub_count == 0 {
        return Err(DriveError::NoHub {
            hubs: recording.hubs.len(),
        });
    }
    let links = Links::new(&hubs, &gateway, firmwares, &progress);
    let mut player = Player {
        links,
        firmware_of,
        clock,
        progress: Arc::clone(&progress),
        sightings: 0,
    };
    let mut walks = Vec::with_capacity(recording.walks.len());
    tokio::select! {
        () = player.play(recording, settings.gap_ms, &mut walks) => {}
        () = stopped(&mut stop) => {}
    }
    let sightings = player.sightings;
    player.links.close().await;
    Ok(ReplaySummary {
        walks,
        sightings,
        hubs: hub_count,
        end: progress.snapshot(),
    })
}

struct Player {
    links: Links,
    /// The firmware of each hub of the recording that is switched on.
    firmware_of: Vec<Option<usize>>,
    clock: Clock,
    progress: Arc<Progress>,
    sightings: u64,
}

impl Player {
    async fn play(&mut self, recording: &Recording, gap_ms: u64, walks: &mut Vec<ReplayedWalk>) {
        self.pump_for(CONNECT_MS, |player| {
            player.progress.snapshot().hubs_connected as usize == player.links.len()
        })
        .await;
        for walk in &recording.walks {
            let began_ms = (self.clock)();
            let (name, lasts_ms, sightings) = (walk.name.clone(), walk.lasts_ms(), walk.sightings.len());
            walks.push(ReplayedWalk {
                name,
                began_ms,
                lasts_ms,
                sightings,
            });
            self.walk(walk, began_ms).await;
            let ended_ms = (self.clock)();
            self.pump_for(u64::MAX, |player| (player.clock)() >= ended_ms + gap_ms)
                .await;
        }
        self.pump_for(DELIVER_MS, |player| player.links.all_taken((player.clock)()))
            .await;
    }

    async fn walk(&mut self, walk: &RecordedWalk, began_ms: u64) {
        let mut left = walk.sightings.iter().peekable();
        let mut tick = ticks();
        while left.peek().is_some() {
            tick.tick().await;
            let now_ms = (self.clock)();
            while let Some(sighting) = left.next_if(|next| began_ms + next.at_ms as u64 <= now_ms) {
                self.hear(began_ms + sighting.at_ms as u64, sighting);
            }
            self.links.pump(now_ms);
        }
    }

    fn hear(&mut self, at_ms: u64, sighting: &RecordedSighting) {
        let firmware = self.firmware_of.get(sighting.hub).copied().flatten();
        let hub = firmware.and_then(|firmware| self.links.hubs_mut().get_mut(firmware));
        if let (Some(hub), Ok(identity)) = (hub, Identity::new(IdentityKind::Address, &sighting.tag)) {
            hub.on_identity(at_ms, identity, sighting.rssi_dbm);
            self.sightings += 1;
        }
    }

    /// Lets the hubs work until it is done, at most `for_ms` of real time.
    async fn pump_for(&mut self, for_ms: u64, done: impl Fn(&Self) -> bool) {
        let mut tick = ticks();
        for _ in 0..for_ms / TICK_MS {
            self.links.pump((self.clock)());
            if done(self) {
                return;
            }
            tick.tick().await;
        }
    }
}

async fn register(
    recording: &Recording,
    name: &str,
    settings: &ReplaySettings,
    gateway: &Arc<Gateway>,
    credentials: &dyn Credentials,
    progress: &Arc<Progress>,
) -> Result<(), DriveError> {
    let (endpoint, token) = (socket_towards(gateway.apps)?, credentials.service_token());
    registration::check(&endpoint, gateway, token.clone()).await?;
    let tags = recording.tags();
    let is_one = tags.len() == 1;
    let people = tags.into_iter().enumerate().filter_map(|(number, tag)| {
        let customer = if is_one {
            name.to_owned()
        } else {
            format!("{name}-{}", number + 1)
        };
        let identity = Identity::new(IdentityKind::Address, &tag).ok()?;
        Some((customer, v1::Tag::heard_as(&identity)))
    });
    let (people, run) = (people.collect(), settings.boot_epoch);
    let (gateway, progress) = (Arc::clone(gateway), Arc::clone(progress));
    Registration {
        endpoint,
        gateway,
        token,
        progress,
        people,
        run,
    }
    .run()
    .await;
    Ok(())
}

type Firmwares = (Vec<(Hub, nextbest_client::Credentials)>, Vec<Option<usize>>);

fn firmwares(
    recording: &Recording,
    settings: &ReplaySettings,
    credentials: &dyn Credentials,
    progress: &Progress,
    now_ms: u64,
) -> Firmwares {
    let (mut switched_on, mut firmware_of) = (Vec::new(), Vec::new());
    for (number, hub) in recording.hubs.iter().enumerate() {
        let Some(keys) = credentials.hub(&hub.id) else {
            progress.hub_failed(&hub.id, "it has no certificate");
            firmware_of.push(None);
            continue;
        };
        let filter = FilterLimits {
            interval_ms: 0,
            ..FilterLimits::default()
        };
        let hub_settings = HubSettings {
            batch_age_ms: BATCH_AGE_MS,
            filter,
            ..HubSettings::default()
        };
        let (hub_id, venue_id, firmware) = (hub.id.clone(), settings.venue_id.clone(), AGENT.to_owned());
        let name = HubName {
            hub_id,
            venue_id,
            firmware,
        };
        let hub = Hub::new(
            name,
            hub_settings,
            settings.boot_epoch,
            now_ms,
            Prng::new(number as u64),
        );
        firmware_of.push(Some(switched_on.len()));
        switched_on.push((hub, keys));
    }
    (switched_on, firmware_of)
}

fn ticks() -> tokio::time::Interval {
    let mut tick = interval(Duration::from_millis(TICK_MS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

/// How often the hubs work, in real milliseconds.
const TICK_MS: u64 = 5;
/// A recorded hub hears a few sightings a second: it sends them soon.
const BATCH_AGE_MS: u32 = 50;
/// How long all hubs together may take to connect before the first walk, in real milliseconds.
const CONNECT_MS: u64 = 5_000;
/// How long the gateway may take to acknowledge the last sightings, in real milliseconds.
const DELIVER_MS: u64 = 3_000;
