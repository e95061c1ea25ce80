//! The world between ticks: time passes in the crowd, on the air and in the hubs, and what happened is passed on.
//!
//! A tick may have much to catch up with at high speed. It is cut into steps of a tenth of a second, and gives
//! way after a fraction of a millisecond of work, so that sessions on the same thread are served in between.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use nextbest_client::ClientEndpoint;
use nextbest_proto::v1::{Outcome, OutcomeKind};
use nextbest_venue::{PlaceIx, Venue};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinSet, yield_now},
    time::timeout,
};

use crate::{
    crowd::{Crowd, Event, FanIx, Want, What},
    hub::{FilterLimits, Hub, HubName, HubSettings, Skew},
    prng::{Prng, draw, scale},
    radio::Rotation,
};

use super::{
    Begin, Clock, Credentials, DriveError, Gateway, GivenAnswer, PHONES_OPEN_MAX, Progress, Settings, Summary,
    air::{Air, AirSettings, PACKETS_PER_CALL_MAX},
    customer_id,
    links::Links,
    phones::{Ask, Errand, Heard, Phones},
    registration::Registration,
    till::{AGENT, Till},
};

/// What the caller gives to a run, and its sockets.
pub(super) struct Run {
    pub(super) venue: Arc<Venue>,
    pub(super) settings: Settings,
    pub(super) gateway: Arc<Gateway>,
    pub(super) credentials: Arc<dyn Credentials>,
    pub(super) clock: Clock,
    pub(super) progress: Arc<Progress>,
    pub(super) apps: ClientEndpoint,
    pub(super) hubs: ClientEndpoint,
}

pub(super) struct World {
    run: Run,
    crowd: Crowd,
    air: Air,
    links: Links,
    till: Till,
    errands: mpsc::Sender<Errand>,
    heard: mpsc::Receiver<Heard>,
    /// What to report when a fan who followed an answer is served.
    conversions: HashMap<FanIx, Outcome>,
    /// The caller's time at the beginning.
    began_ms: u64,
    /// The caller's time at which the crowd's day stood at `day_began_ms`.
    clock_began_ms: u64,
    day_began_ms: u64,
    now_ms: u64,
    /// Reused.
    events: Vec<Event>,
    ticks: u64,
    tasks: JoinSet<()>,
}

impl World {
    pub(super) fn new(run: Run) -> Result<Self, DriveError> {
        let began_ms = (run.clock)();
        let crowd = crowd(&run)?;
        let now_ms = crowd.now_ms();
        let switched_on = switched_on(&run, now_ms);
        if switched_on.is_empty() {
            return Err(DriveError::NoHub {
                hubs: run.venue.hubs.len(),
            });
        }
        let air = Air::new(&run.venue, &crowd, &switched_on, air_settings(&run.settings), now_ms);
        let firmwares = switched_on.into_iter().map(|(_, hub, keys)| (hub, keys)).collect();
        let mut tasks = JoinSet::new();
        let till = Till::open(
            &run.apps,
            &run.gateway,
            run.credentials.service_token(),
            &run.progress,
            &mut tasks,
        );
        let (errands, errands_taken) = mpsc::channel(ERRANDS_WAITING_MAX);
        let (hear, heard) = mpsc::channel(ERRANDS_WAITING_MAX);
        phones(&run, &till).run_apart(errands_taken, hear);
        Ok(Self {
            links: Links::new(&run.hubs, &run.gateway, firmwares, &run.progress),
            began_ms,
            clock_began_ms: began_ms,
            run,
            crowd,
            air,
            till,
            errands,
            heard,
            conversions: HashMap::new(),
            day_began_ms: now_ms,
            now_ms,
            events: Vec::new(),
            ticks: 0,
            tasks,
        })
    }

    /// Whose tag is whose, to be told to the gateway.
    pub(super) fn registration(&self) -> Registration {
        let named = |fan| Some((customer_id(fan), self.air.registered(fan, self.now_ms)?));
        Registration {
            endpoint: self.run.apps.clone(),
            gateway: Arc::clone(&self.run.gateway),
            token: self.run.credentials.service_token(),
            progress: Arc::clone(&self.run.progress),
            people: self.crowd.fan_numbers().filter_map(named).collect(),
            run: self.run.settings.boot_epoch,
        }
    }

    /// Lets hubs connect while the day stands still; it goes on, by the caller's clock, from the last such moment.
    pub(super) fn wait(&mut self) {
        self.clock_began_ms = (self.run.clock)();
        self.links.pump(self.now_ms);
    }

    /// Plays everything up to the caller's time.
    pub(super) async fn advance(&mut self) {
        let until_ms = self.day_ms();
        while self.now_ms < until_ms {
            let now_ms = until_ms.min(self.now_ms + STEP_MS);
            let mut events = std::mem::take(&mut self.events);
            events.extend_from_slice(self.crowd.step(now_ms));
            events.drain(..).for_each(|event| self.happened(event));
            self.events = events;
            while let Ok(heard) = self.heard.try_recv() {
                self.told(heard);
            }
            while self.play_air(now_ms) == PACKETS_PER_CALL_MAX {
                yield_now().await;
            }
            self.now_ms = now_ms;
            self.links.pump(now_ms);
            yield_now().await;
        }
        self.run
            .progress
            .behind_ms
            .store(self.day_ms().saturating_sub(until_ms), Relaxed);
        self.look();
    }

    /// Hubs say goodbye; phones and tills end.
    pub(super) async fn close(mut self) -> Summary {
        let (hubs, fans) = (self.links.len(), self.crowd.len());
        self.links.close().await;
        self.tasks.shutdown().await;
        for endpoint in [&self.run.apps, &self.run.hubs] {
            // The gateway may be gone already.
            let _in_time = timeout(Duration::from_millis(IDLE_MS), endpoint.idle()).await;
        }
        let lasted_ms = (self.run.clock)().saturating_sub(self.began_ms);
        Summary {
            lasted_ms,
            hubs,
            fans,
            end: self.run.progress.snapshot(),
        }
    }

    /// The time of the crowd's day that belongs to the caller's.
    fn day_ms(&self) -> u64 {
        self.day_began_ms + (self.run.clock)().saturating_sub(self.clock_began_ms)
    }

    fn play_air(&mut self, now_ms: u64) -> usize {
        let played = self.air.play(now_ms, &self.crowd, self.links.hubs_mut());
        self.run.progress.adverts_sent.fetch_add(played as u64, Relaxed);
        played
    }

    fn happened(&mut self, event: Event) {
        let fan = event.fan;
        match event.what {
            What::Asks { want } => self.ask(fan, want),
            What::Served {
                place,
                total_s,
                asked,
                told,
                ..
            } => {
                self.bought(fan, place);
                if asked {
                    self.run.progress.served(told, total_s);
                }
            }
            What::Arrives | What::Goes { .. } | What::Queues { .. } | What::Sits | What::Leaves => {}
        }
    }

    fn ask(&mut self, fan: FanIx, want: Want) {
        let ask = Ask {
            fan,
            customer: customer_id(fan),
            want: self.crowd.want(want).to_owned(),
        };
        if self.errands.try_send(Errand::Ask(ask)).is_err() {
            self.run.progress.asks_unsent.fetch_add(1, Relaxed);
            self.crowd.tell_nothing(fan);
        }
    }

    /// A fan's phone shows them an answer, or nothing.
    fn told(&mut self, heard: Heard) {
        let answer = heard.decision.as_ref().and_then(|decision| decision.answers.first());
        let place = answer.and_then(|answer| self.run.venue.place_by_id(&answer.place.as_ref()?.id));
        let followed = match place {
            Some(place) => self.crowd.tell(heard.fan, place),
            None => {
                self.crowd.tell_nothing(heard.fan);
                false
            }
        };
        let Some(answer) = answer else { return };
        let place = answer.place.as_ref();
        self.run.progress.answered(GivenAnswer {
            at_ms: (self.run.clock)(),
            customer: heard.customer.clone(),
            want: heard.want.clone(),
            message: answer.message.clone(),
            place: place.map(|place| place.name.clone()).unwrap_or_default(),
            walk_s: place.and_then(|place| place.walk_s),
            wait_s: place.and_then(|place| place.wait_s),
            latency_us: heard.latency_us,
            followed,
        });
        self.report(&heard, followed);
    }

    /// They saw it; perhaps they accept it, and convert when they are served.
    fn report(&mut self, heard: &Heard, followed: bool) {
        let accepted = heard.outcome(OutcomeKind::Accept).filter(|_| followed);
        let outcomes: Vec<_> = heard
            .outcome(OutcomeKind::Impression)
            .into_iter()
            .chain(accepted)
            .collect();
        if self.errands.try_send(Errand::Report(heard.fan, outcomes)).is_err() {
            self.run
                .progress
                .phone_failed(&heard.customer, "too many phones wait to report");
        }
        if followed && let Some(converted) = heard.outcome(OutcomeKind::Convert) {
            self.conversions.insert(heard.fan, converted);
        }
    }

    /// The till reports the order, the phone that its owner did as advised.
    fn bought(&mut self, fan: FanIx, place: PlaceIx) {
        if let Some(place) = self
            .run
            .venue
            .places
            .get(place.index())
            .filter(|place| has_till(&place.category))
        {
            self.till.order_completed(&customer_id(fan), &place.id);
        }
        if let Some(converted) = self.conversions.remove(&fan)
            && self.errands.try_send(Errand::Report(fan, vec![converted])).is_err()
        {
            self.run
                .progress
                .phone_failed(&customer_id(fan), "too many phones wait to report");
        }
    }

    /// Shows the truth to whoever watches, a few times a second.
    fn look(&mut self) {
        self.ticks += 1;
        if self.ticks % LOOK_TICKS == 1 {
            let places = 0..self.run.venue.places.len().min(usize::from(u16::MAX)) as u16;
            let lines = places.filter_map(|place| self.crowd.line(PlaceIx(place))).collect();
            self.run.progress.looked(lines, self.crowd.census());
            self.run
                .progress
                .sightings_dropped
                .store(self.links.dropped(self.now_ms), Relaxed);
        }
    }
}

/// Nobody rings up a visit to a restroom.
fn has_till(category: &str) -> bool {
    matches!(category, "food" | "drink" | "shop" | "merchandise")
}

fn crowd(run: &Run) -> Result<Crowd, DriveError> {
    let (venue, settings) = (Arc::clone(&run.venue), run.settings.crowd.clone());
    let wanted = settings.fans;
    let crowd = match run.settings.begin {
        Begin::GatesOpen => Crowd::new(venue, settings),
        Begin::HalfTime { into_ms } => Crowd::at_half_time(venue, settings, into_ms),
    };
    match crowd.is_empty() && wanted > 0 {
        true => Err(DriveError::NoFloor {
            venue: run.venue.id.clone(),
        }),
        false => Ok(crowd),
    }
}

fn air_settings(settings: &Settings) -> AirSettings {
    let rotation = Rotation {
        address_ms: settings.address_rotation_ms,
        identity_ms: None,
    };
    let (seed, interval_ms) = (settings.crowd.seed, settings.tag_interval_ms);
    AirSettings {
        seed,
        radio: settings.radio,
        interval_ms,
        rotation,
        changing_percent: settings.changing_tags_percent,
    }
}

fn phones(run: &Run, till: &Till) -> Phones {
    Phones {
        endpoint: run.apps.clone(),
        gateway: Arc::clone(&run.gateway),
        credentials: Arc::clone(&run.credentials),
        till: till.clone(),
        progress: Arc::clone(&run.progress),
        open_max: run.settings.phones_open_max.min(PHONES_OPEN_MAX),
        turn: Semaphore::new(1),
    }
}

/// A hub of the venue that is switched on: its number on the map, its firmware, its keys.
pub(super) type SwitchedOn = (usize, Hub, nextbest_client::Credentials);

fn switched_on(run: &Run, now_ms: u64) -> Vec<SwitchedOn> {
    let wanted = run.settings.hubs_max.unwrap_or(usize::MAX);
    let mut switched_on = Vec::new();
    for (number, hub) in run.venue.hubs.iter().enumerate().take(wanted) {
        match run.credentials.hub(&hub.id) {
            Some(keys) => switched_on.push((number, firmware(run, number, &hub.id, now_ms), keys)),
            None => run.progress.hub_failed(&hub.id, "it has no certificate"),
        }
    }
    switched_on
}

fn firmware(run: &Run, number: usize, hub_id: &str, now_ms: u64) -> Hub {
    let random = draw(run.settings.crowd.seed ^ HUB, number as u64, 0);
    // A crystal is a few dozen parts per million off, and no two hubs were switched on together.
    let drift_ppm = scale(random, 81) as i32 - 40;
    let skew = Skew {
        offset_ms: scale(random.rotate_left(32), 3_600_000),
        drift_ppm,
    };
    let filter = FilterLimits {
        transmitters_max: 8_192,
        ..FilterLimits::default()
    };
    let settings = HubSettings {
        scans_max: 4_096,
        stored_max: 8_192,
        batch_len: 128,
        forward_addresses: run.settings.changing_tags_percent > 0,
        filter,
        skew,
        ..HubSettings::default()
    };
    let (venue_id, firmware) = (run.venue.id.clone(), AGENT.to_owned());
    let name = HubName {
        hub_id: hub_id.to_owned(),
        venue_id,
        firmware,
    };
    Hub::new(name, settings, run.settings.boot_epoch, now_ms, Prng::new(random))
}

/// The longest step of the world, in milliseconds of its time.
const STEP_MS: u64 = 100;
/// How long closed connections may take to tell the gateway so.
pub(super) const IDLE_MS: u64 = 500;
/// How often the truth is shown, in ticks.
const LOOK_TICKS: u64 = 25;
/// Asks and reports that wait for a phone, and answers that wait for the world.
const ERRANDS_WAITING_MAX: usize = 4_096;
/// Name of a draw.
const HUB: u64 = 0x6875_6273;
