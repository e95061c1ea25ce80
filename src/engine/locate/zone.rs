//! The zone of a tag: held until another has enough of the posterior mass that the two share.
//!
//! The zone just left needs more than any other: people cross a border more often than they turn round on it.
//! Deliberately absent: timers that hold a zone. It changes when the evidence says so; how long that takes follows.

use super::floor::{Corner, Grid, NO_ZONE, WINDOW_SIDE};
use super::line::{Line, Lines};

/// Zones that are told apart in one window; the mass of more is not counted.
const WINDOW_ZONES_MAX: usize = 16;

/// With this mass in the zone that is held, no other is near.
const SURE_MASS: f32 = 0.98;

/// Posterior mass of a window by zone.
#[derive(Debug, Default)]
pub(super) struct ZoneMass {
    zones: [(u16, f32); WINDOW_ZONES_MAX],
    len: usize,
}

impl ZoneMass {
    /// Counts the mass of every zone in a window; cells outside every zone count as [`NO_ZONE`].
    pub(super) fn new(weights: &Lines, grid: &Grid, corner: Corner) -> Self {
        let mut mass = Self::default();
        // Rows that lie in the same zones are summed first: there are a few of them in a window, whatever its cells.
        let (mut first, mut band) = (0, Line::NOTHING);
        for (row, weights) in weights.iter().enumerate() {
            if row > 0 && !grid.zones_go_on(corner, row) {
                mass.add_band(grid.zones_in(corner, first), band);
                (first, band) = (row, Line::NOTHING);
            }
            band += *weights;
        }
        mass.add_band(grid.zones_in(corner, first), band);
        mass
    }

    /// Counts rows that lie in the same zones.
    fn add_band(&mut self, (zones, begins): (&[u16], u32), weights: Line) {
        let weights = weights.row();
        let mut from = 0;
        // The first cell begins a zone in any case, and the end of the row ends one.
        let mut begins = begins & !1 | 1 << WINDOW_SIDE;
        while begins != 0 {
            let to = begins.trailing_zeros() as usize;
            if let (Some(zone), Some(run)) = (zones.get(from), weights.get(from..to)) {
                self.add((*zone, run.iter().sum()));
            }
            from = to;
            begins &= begins - 1;
        }
    }

    /// The zone to report, and whether it is another than the one held: another needs a share of the mass that the two
    /// have between them, which `confidence` gives for each. A tag's first zone is the one with most mass.
    pub(super) fn decide(&self, held: Option<u16>, confidence: impl Fn(u16) -> f32) -> (u16, bool) {
        let (most, mass) = self.most();
        let Some(held) = held else { return (most, true) };
        let change = most != held && mass > confidence(most) * (mass + self.of(held));
        if change { (most, true) } else { (held, false) }
    }

    /// Whether nearly all of the mass is in one zone, so that nothing has to be decided.
    pub(super) fn is_sure_of(&self, zone: u16) -> bool {
        self.of(zone) > SURE_MASS
    }

    /// Mass of one zone.
    pub(super) fn of(&self, zone: u16) -> f32 {
        self.known().find(|known| known.0 == zone).map_or(0.0, |known| known.1)
    }

    /// The zone with most mass; of equals the lowest.
    fn most(&self) -> (u16, f32) {
        self.known().fold((NO_ZONE, 0.0), |best, zone| {
            let more = zone.1 > best.1 || (zone.1 == best.1 && zone.0 < best.0);
            if more { *zone } else { best }
        })
    }

    fn known(&self) -> impl Iterator<Item = &(u16, f32)> {
        self.zones.iter().take(self.len)
    }

    fn add(&mut self, run: (u16, f32)) {
        let len = self.len;
        if let Some(known) = self.zones.iter_mut().take(len).find(|known| known.0 == run.0) {
            known.1 += run.1;
        } else if let Some(free) = self.zones.get_mut(len) {
            *free = run;
            self.len += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_held_until_another_has_the_mass() {
        let mass = |one: f32, other: f32| {
            let mut mass = ZoneMass::default();
            mass.add((1, one));
            mass.add((2, other));
            mass
        };
        assert_eq!(mass(0.4, 0.6).decide(None, |_| 0.65), (2, true));
        assert_eq!(mass(0.4, 0.6).decide(Some(1), |_| 0.65), (1, false));
        assert_eq!(mass(0.3, 0.7).decide(Some(1), |_| 0.65), (2, true));
        assert_eq!(
            mass(0.1, 0.3).decide(Some(1), |_| 0.65),
            (2, true),
            "small zones share little, and still change"
        );
        let hard_to_return = |zone: u16| if zone == 2 { 0.9 } else { 0.65 };
        assert_eq!(mass(0.3, 0.7).decide(Some(1), hard_to_return), (1, false));
        assert_eq!(mass(0.5, 0.5).decide(None, |_| 0.65), (1, true));
    }
}
