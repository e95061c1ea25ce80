//! A fan's day, moment by moment: each ends what they were doing and plans when the next one comes.
//!
//! The order is the reader's: arrive, sit, get up, go, queue, be served, return, leave. Whoever cannot get
//! somewhere because the map has no way stays in their seat, so a poor map empties nobody out of the crowd.

use nextbest_venue::PlaceIx;

use super::{
    Crowd, FanIx, What,
    fan::{Doing, Errand, Line, has_app, service_factor, speed_m_per_s},
    stand::Stand,
    walk::{Walk, reversed},
};

impl Crowd {
    /// The fan's next moment has come.
    pub(super) fn moment(&mut self, at_ms: u64, fan: FanIx) {
        let Some(state) = self.fans.get(fan.index()).filter(|fan| fan.next_ms == at_ms) else {
            return;
        };
        match &state.doing {
            Doing::Outside => self.arrive(at_ms, fan),
            Doing::Seated => self.get_up(at_ms, fan),
            Doing::Asking(errand) => {
                let errand = *errand;
                self.go_by_habit(at_ms, fan, errand);
            }
            Doing::Going(walk, place, errand) => {
                let (ends_ms, place, errand) = (walk.ends_ms(), *place, *errand);
                self.approach(at_ms, fan, ends_ms, place, errand);
            }
            Doing::Queueing(line) => {
                let line = *line;
                self.begin(fan, line);
            }
            Doing::Served(line) => {
                let line = *line;
                self.end(at_ms, fan, line);
            }
            Doing::Returning(_) => self.sit(at_ms, fan),
            Doing::Leaving(_) => self.leave(at_ms, fan),
            Doing::Gone => {}
        }
    }

    /// Through the gate with the shortest walk to their seat.
    fn arrive(&mut self, at_ms: u64, fan: FanIx) {
        self.record(at_ms, fan, What::Arrives);
        match self.nearest(fan, &self.gates).and_then(|gate| self.route_to(fan, gate)) {
            Some(route) => {
                let walk = Walk::new(reversed(route), at_ms, speed_m_per_s(self.settings.seed, fan));
                self.plan(walk.ends_ms(), fan, Doing::Returning(walk));
            }
            None => self.sit(at_ms, fan),
        }
    }

    /// Sits until the next thing of the day: half-time, or the end.
    pub(super) fn sit(&mut self, at_ms: u64, fan: FanIx) {
        self.record(at_ms, fan, What::Sits);
        let (schedule, seed) = (self.settings.schedule, self.settings.seed);
        let has_been = self.fans.get(fan.index()).is_some_and(|fan| fan.has_been);
        let next_ms = match has_been || self.wants.is_empty() {
            true => schedule.leaves_ms(seed, u64::from(fan.0)),
            false => schedule.decides_ms(seed, u64::from(fan.0)),
        };
        self.plan(next_ms.max(at_ms), fan, Doing::Seated);
    }

    /// Either hungry or on the way home.
    fn get_up(&mut self, at_ms: u64, fan: FanIx) {
        let Some(state) = self.fans.get_mut(fan.index()) else {
            return;
        };
        if state.has_been || self.wants.is_empty() {
            return self.go_home(at_ms, fan);
        }
        state.has_been = true;
        let asked = !self.warming_up && has_app(self.settings.seed, fan, self.settings.app_share);
        let errand = Errand {
            want: self.taste_of(fan),
            decided_ms: at_ms,
            asked,
            told: false,
        };
        if !asked {
            return self.go_by_habit(at_ms, fan, errand);
        }
        self.record(at_ms, fan, What::Asks { want: errand.want });
        self.plan(at_ms + self.settings.patience_ms, fan, Doing::Asking(errand));
    }

    fn go_home(&mut self, at_ms: u64, fan: FanIx) {
        match self.nearest(fan, &self.gates).and_then(|gate| self.route_to(fan, gate)) {
            Some(route) => {
                let walk = Walk::new(route, at_ms, speed_m_per_s(self.settings.seed, fan));
                self.plan(walk.ends_ms(), fan, Doing::Leaving(walk));
            }
            None => self.leave(at_ms, fan),
        }
    }

    fn leave(&mut self, at_ms: u64, fan: FanIx) {
        self.record(at_ms, fan, What::Leaves);
        self.set(fan, Doing::Gone);
    }

    /// To the nearest place of the kind; who knows none stays seated.
    pub(super) fn go_by_habit(&mut self, at_ms: u64, fan: FanIx, errand: Errand) {
        let errand = Errand { told: false, ..errand };
        let offers = self.offers.get(usize::from(errand.want.0));
        let nearest = offers.and_then(|offers| self.nearest(fan, offers));
        if !nearest.is_some_and(|place| self.go(at_ms, fan, place, errand)) {
            self.sit(at_ms, fan);
        }
    }

    /// Sets out from the seat; false when there is no way.
    pub(super) fn go(&mut self, at_ms: u64, fan: FanIx, place: PlaceIx, errand: Errand) -> bool {
        let Some(route) = self.route_to(fan, place) else {
            return false;
        };
        let walk = Walk::new(route, at_ms, speed_m_per_s(self.settings.seed, fan));
        self.record(
            at_ms,
            fan,
            What::Goes {
                place,
                told: errand.told,
            },
        );
        let next_ms = self.reaches_tail_ms(walk.ends_ms(), place).max(at_ms);
        self.plan(next_ms, fan, Doing::Going(walk, place, errand));
        true
    }

    /// Near the place: joins the line where it ends, or walks on when it has become shorter.
    fn approach(&mut self, at_ms: u64, fan: FanIx, ends_ms: u64, place: PlaceIx, errand: Errand) {
        let reaches_ms = self.reaches_tail_ms(ends_ms, place);
        if reaches_ms > at_ms + TAIL_STEP_MS {
            self.wake(reaches_ms, fan);
            return;
        }
        let service_factor = service_factor(self.settings.seed, fan);
        let Some(stand) = self.stands.get_mut(place.index()) else {
            return;
        };
        let ahead = stand.waiting() as u32;
        let turn = stand.join(at_ms, service_factor);
        let (begins_ms, ends_ms) = (turn.begins_ms, turn.ends_ms);
        let line = Line {
            place,
            errand,
            ticket: turn.ticket,
            joined_ms: at_ms,
            begins_ms,
            ends_ms,
        };
        self.record(at_ms, fan, What::Queues { place, ahead });
        self.plan(begins_ms, fan, Doing::Queueing(line));
    }

    fn reaches_tail_ms(&self, ends_ms: u64, place: PlaceIx) -> u64 {
        let tail_s = self.stands.get(place.index()).map_or(0.0, Stand::tail_s);
        ends_ms.saturating_sub((tail_s * 1_000.0) as u64)
    }

    fn begin(&mut self, fan: FanIx, line: Line) {
        if let Some(stand) = self.stands.get_mut(line.place.index()) {
            stand.begin();
        }
        self.plan(line.ends_ms, fan, Doing::Served(line));
    }

    fn end(&mut self, at_ms: u64, fan: FanIx, line: Line) {
        if let Some(stand) = self.stands.get_mut(line.place.index()) {
            stand.end();
        }
        let seconds_until_turn = |since_ms: u64| line.begins_ms.saturating_sub(since_ms) as f32 / 1_000.0;
        let (waited_s, total_s) = (
            seconds_until_turn(line.joined_ms),
            seconds_until_turn(line.errand.decided_ms),
        );
        let Errand { asked, told, .. } = line.errand;
        self.record(
            at_ms,
            fan,
            What::Served {
                place: line.place,
                waited_s,
                total_s,
                asked,
                told,
            },
        );
        match self.route_to(fan, line.place) {
            Some(route) => {
                let walk = Walk::new(reversed(route), at_ms, speed_m_per_s(self.settings.seed, fan));
                self.plan(walk.ends_ms(), fan, Doing::Returning(walk));
            }
            None => self.sit(at_ms, fan),
        }
    }
}

/// Who is this close to the end of the line joins it.
const TAIL_STEP_MS: u64 = 500;
