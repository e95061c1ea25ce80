//! The people of a venue, in virtual time: they arrive, find their seat, get hungry at half-time, ask, walk,
//! queue, are served, return, and leave.
//!
//! A fan has one next moment at any time, and [`Crowd::step`] plays the moments up to `now_ms` in their order;
//! positions are worked out when somebody asks. So a step costs as much as happened in it, and one seed with
//! the same answers gives the same world bit for bit, however the steps are cut.
//!
//! Who asks gets an [`What::Asks`]; the caller answers with [`Crowd::tell`]. Who hears nothing in time, does
//! not comply or has no app goes to the nearest place of the kind, as people do. Deliberately absent: giving up
//! on a long line, groups, and crowding on the way, so waits come from servers alone.

mod day;
mod event;
mod fan;
mod schedule;
mod seats;
mod stand;
mod walk;

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use nextbest_venue::{PlaceIx, Venue, ZoneIx};

pub use event::{Event, What};
pub use fan::FanIx;
pub use schedule::Schedule;
pub use walk::Stance;

use self::{
    fan::{Doing, Errand, Fan, complies, taste},
    seats::Seats,
    stand::Stand,
};

/// Most fans of a crowd.
pub const FANS_MAX: usize = 200_000;

/// What kind of crowd it is.
#[derive(Debug, Clone, PartialEq)]
pub struct CrowdSettings {
    /// How many, at most [`FANS_MAX`].
    pub fans: usize,
    /// Decides everything that is random.
    pub seed: u64,
    /// Their day.
    pub schedule: Schedule,
    /// Share of the fans who ask where to go.
    pub app_share: f32,
    /// Share of those who ask and then go where they are told.
    pub compliance: f32,
    /// Who hears nothing for this long goes by habit.
    pub patience_ms: u64,
    /// Categories of places that people want, with weights. Those that the venue has not are left out.
    pub wants: Vec<(String, f32)>,
}

impl Default for CrowdSettings {
    fn default() -> Self {
        let wants = [("food", 0.45), ("drink", 0.30), ("restroom", 0.25)];
        Self {
            fans: 20_000,
            seed: 1,
            schedule: Schedule::default(),
            app_share: 1.0,
            compliance: 0.6,
            patience_ms: 10_000,
            wants: wants.map(|(category, weight)| (category.to_owned(), weight)).into(),
        }
    }
}

/// Something people want: a position in the crowd's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Want(pub u8);

/// A line at a place, as it truly is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineTruth {
    /// How many wait for their turn.
    pub waiting: usize,
    /// How many are being served.
    pub in_service: usize,
    /// How many have been served.
    pub served: u64,
    /// How long somebody who joined would wait, in seconds.
    pub wait_s: f32,
}

/// How many fans are doing what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Not come yet.
    pub outside: usize,
    /// In their seat, asking or not.
    pub seated: usize,
    /// Under way inside.
    pub walking: usize,
    /// Waiting for their turn.
    pub queueing: usize,
    /// Being served.
    pub in_service: usize,
    /// Left.
    pub gone: usize,
}

/// A crowd.
#[derive(Debug)]
pub struct Crowd {
    venue: Arc<Venue>,
    settings: CrowdSettings,
    wants: Vec<(String, f32)>,
    /// The places of each want.
    offers: Vec<Vec<PlaceIx>>,
    gates: Vec<PlaceIx>,
    fans: Vec<Fan>,
    stands: Vec<Stand>,
    /// The next moment of each fan who has one, and some that were overtaken by an answer.
    timers: BinaryHeap<Reverse<(u64, FanIx)>>,
    now_ms: u64,
    /// Nobody is asked in a warm-up: everybody goes by habit.
    warming_up: bool,
    /// What happened since the last step, answers included.
    events: Vec<Event>,
    /// What the last step returned.
    happened: Vec<Event>,
}

impl Crowd {
    /// Everybody is outside, and the gates open at time 0.
    #[must_use]
    pub fn new(venue: Arc<Venue>, settings: CrowdSettings) -> Self {
        let mut crowd = Self::empty(venue, settings);
        for fan in crowd.fan_numbers() {
            let arrives_ms = crowd
                .settings
                .schedule
                .arrives_ms(crowd.settings.seed, u64::from(fan.0));
            crowd.plan(arrives_ms, fan, Doing::Outside);
        }
        crowd
    }

    /// Everybody is seated at the beginning of half-time, and the first `into_ms` of it have passed without
    /// anybody being told anything: lines stand where habit makes them.
    #[must_use]
    pub fn at_half_time(venue: Arc<Venue>, settings: CrowdSettings, into_ms: u64) -> Self {
        let mut crowd = Self::empty(venue, settings);
        crowd.now_ms = crowd.settings.schedule.half_time_ms;
        for fan in crowd.fan_numbers() {
            crowd.sit(crowd.now_ms, fan);
        }
        crowd.warming_up = true;
        crowd.step(crowd.now_ms + into_ms);
        crowd.warming_up = false;
        crowd
    }

    fn empty(venue: Arc<Venue>, mut settings: CrowdSettings) -> Self {
        settings.fans = settings.fans.min(FANS_MAX);
        let seats = Seats::new(&venue);
        let seat_of = |fan| seats.of(settings.seed, fan as u64).map(Fan::new);
        let fans = (0..settings.fans).map_while(seat_of).collect();
        let offered = |category: &str| venue.places.iter().any(|place| place.category == category);
        let wants: Vec<_> = settings
            .wants
            .iter()
            .filter(|(want, _)| offered(want))
            .take(WANTS_MAX)
            .cloned()
            .collect();
        let gates = places_of(&venue, "gate");
        let wanted = |(category, _): &(String, f32)| places_of(&venue, category);
        let offers = wants.iter().map(wanted).collect();
        Self {
            stands: venue.places.iter().map(|place| Stand::new(&venue, place)).collect(),
            wants,
            fans,
            offers,
            gates,
            timers: BinaryHeap::new(),
            now_ms: 0,
            warming_up: false,
            events: Vec::new(),
            happened: Vec::new(),
            settings,
            venue,
        }
    }

    /// Plays everything up to `now_ms` and returns what happened since the last step, in order of time. A
    /// step back in time plays nothing.
    pub fn step(&mut self, now_ms: u64) -> &[Event] {
        while let Some(&Reverse((at_ms, fan))) = self.timers.peek() {
            if at_ms > now_ms {
                break;
            }
            self.timers.pop();
            self.moment(at_ms, fan);
        }
        self.now_ms = self.now_ms.max(now_ms);
        self.happened.clear();
        std::mem::swap(&mut self.happened, &mut self.events);
        &self.happened
    }

    /// A fan who asked hears of a place, at the time of the last step. They set out for it when they comply
    /// and there is a way, else for the place they always go to. A fan who no longer waits does not listen.
    /// Returns whether they go where they were told.
    pub fn tell(&mut self, fan: FanIx, place: PlaceIx) -> bool {
        let Some(errand) = self.errand_of(fan) else {
            return false;
        };
        let errand = Errand { told: true, ..errand };
        let listens = complies(self.settings.seed, fan, self.settings.compliance);
        if listens && self.go(self.now_ms, fan, place, errand) {
            return true;
        }
        self.go_by_habit(self.now_ms, fan, errand);
        false
    }

    /// A fan who asked hears that there is nothing, or that something failed: they go by habit.
    pub fn tell_nothing(&mut self, fan: FanIx) {
        if let Some(errand) = self.errand_of(fan) {
            self.go_by_habit(self.now_ms, fan, errand);
        }
    }

    /// The time of the last step.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// How many fans there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fans.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fans.is_empty()
    }

    /// All fans.
    pub fn fan_numbers(&self) -> impl Iterator<Item = FanIx> + use<> {
        (0..self.fans.len() as u32).map(FanIx)
    }

    /// The category of places that is wanted.
    #[must_use]
    pub fn want(&self, want: Want) -> &str {
        self.wants.get(usize::from(want.0)).map_or("", |(category, _)| category)
    }

    /// Where a fan truly is at `now_ms`; nothing outside of the venue.
    #[must_use]
    pub fn stance(&self, fan: FanIx, now_ms: u64) -> Option<Stance> {
        let fan = self.fans.get(fan.index())?;
        match &fan.doing {
            Doing::Outside | Doing::Gone => None,
            Doing::Seated | Doing::Asking(_) => Some(fan.seat),
            Doing::Going(walk, ..) | Doing::Returning(walk) | Doing::Leaving(walk) => walk.stance(now_ms),
            Doing::Queueing(line) | Doing::Served(line) => self
                .stands
                .get(line.place.index())
                .map(|stand| stand.stance(line.ticket)),
        }
    }

    /// The zone in which a fan truly is at `now_ms`.
    #[must_use]
    pub fn zone(&self, fan: FanIx, now_ms: u64) -> Option<ZoneIx> {
        let stance = self.stance(fan, now_ms)?;
        self.venue.zone_at(stance.level, stance.at)
    }

    /// The line at a place as it is after the last step; nothing for a place that the venue has not.
    #[must_use]
    pub fn line(&self, place: PlaceIx) -> Option<LineTruth> {
        let stand = self.stands.get(place.index())?;
        Some(LineTruth {
            waiting: stand.waiting(),
            in_service: stand.in_service(),
            served: stand.served(),
            wait_s: stand.wait_s(self.now_ms),
        })
    }

    /// How many fans are doing what after the last step.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for fan in &self.fans {
            let count = match fan.doing {
                Doing::Outside => &mut census.outside,
                Doing::Seated | Doing::Asking(_) => &mut census.seated,
                Doing::Going(..) | Doing::Returning(_) | Doing::Leaving(_) => &mut census.walking,
                Doing::Queueing(_) => &mut census.queueing,
                Doing::Served(_) => &mut census.in_service,
                Doing::Gone => &mut census.gone,
            };
            *count += 1;
        }
        census
    }

    fn errand_of(&self, fan: FanIx) -> Option<Errand> {
        match self.fans.get(fan.index())?.doing {
            Doing::Asking(errand) => Some(errand),
            Doing::Outside
            | Doing::Seated
            | Doing::Going(..)
            | Doing::Queueing(_)
            | Doing::Served(_)
            | Doing::Returning(_)
            | Doing::Leaving(_)
            | Doing::Gone => None,
        }
    }

    fn taste_of(&self, fan: FanIx) -> Want {
        let whole: f32 = self.wants.iter().map(|(_, weight)| weight).sum();
        let mut left = taste(self.settings.seed, fan) * whole;
        let chosen = self.wants.iter().position(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        Want(chosen.unwrap_or(0) as u8)
    }

    /// The place with the shortest walk from the fan's seat.
    fn nearest(&self, fan: FanIx, places: &[PlaceIx]) -> Option<PlaceIx> {
        let seat = self.fans.get(fan.index())?.seat;
        let walk_s = |place: &PlaceIx| {
            self.venue
                .walks
                .point_to_place_s(&self.venue, (seat.level, seat.at), *place)
        };
        let reachable = places.iter().filter_map(|place| Some((walk_s(place)?, *place)));
        reachable
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, place)| place)
    }

    fn route_to(&self, fan: FanIx, place: PlaceIx) -> Option<nextbest_venue::Route> {
        let seat = self.fans.get(fan.index())?.seat;
        self.venue
            .walks
            .steps_to_place(&self.venue, (seat.level, seat.at), place)
    }

    fn record(&mut self, at_ms: u64, fan: FanIx, what: What) {
        self.events.push(Event { at_ms, fan, what });
    }

    /// Changes what a fan is doing until `next_ms`.
    fn plan(&mut self, next_ms: u64, fan: FanIx, doing: Doing) {
        self.set(fan, doing);
        self.wake(next_ms, fan);
    }

    fn wake(&mut self, next_ms: u64, fan: FanIx) {
        if let Some(state) = self.fans.get_mut(fan.index()) {
            state.next_ms = next_ms;
            self.timers.push(Reverse((next_ms, fan)));
        }
    }

    fn set(&mut self, fan: FanIx, doing: Doing) {
        if let Some(fan) = self.fans.get_mut(fan.index()) {
            fan.doing = doing;
        }
    }
}

fn places_of(venue: &Venue, category: &str) -> Vec<PlaceIx> {
    let places = venue.places.iter().take(usize::from(u16::MAX)).enumerate();
    places
        .filter(|(_, place)| place.category == category)
        .map(|(ix, _)| PlaceIx(ix as u16))
        .collect()
}

/// Most things that people may want.
const WANTS_MAX: usize = 32;
