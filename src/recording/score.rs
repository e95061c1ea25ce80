//! What came of a walk: errors in metres, zones right, switches and how late they were.
//!
//! A zone counts at every instant at which the true one is known, and a tag without a place is in a wrong one. The delay
//! of a true switch is the time until the tracker first says the zone that was entered; it is zero when it said so
//! before, and a switch is missed when it says so neither while the person stays nor within five seconds after. Deliberately absent: averages over
//! walks; instants are pooled, so that a long walk counts for more.

use super::play::Instant;

/// The scores of one walk or of several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Instants asked about.
    pub instants: usize,
    /// Instants at which the tracker had a place.
    pub placed: usize,
    /// Distance from the truth at each instant with both.
    pub errors_m: Vec<f32>,
    /// Instants with a true zone.
    pub zoned: usize,
    /// Of these, how many were right.
    pub right: usize,
    /// Changes of the zone that was said, among them.
    pub switches: usize,
    /// Changes of the true zone.
    pub true_switches: usize,
    /// Of these, how many were never followed.
    pub missed: usize,
    /// How late each of the others was, in seconds.
    pub delays_s: Vec<f32>,
}

impl Scores {
    /// The scores of one walk.
    #[must_use]
    pub fn of(walk: &[Instant]) -> Self {
        let mut scores = Self {
            instants: walk.len(),
            placed: walk.iter().filter(|instant| instant.said.is_some()).count(),
            ..Self::default()
        };
        let error_m = |instant: &Instant| Some(instant.said?.at.distance_m(instant.true_place?));
        scores.errors_m = walk.iter().filter_map(error_m).collect();
        let zoned: Vec<Zoned> = walk.iter().filter_map(Zoned::of).collect();
        scores.zoned = zoned.len();
        scores.right = zoned.iter().filter(|zoned| zoned.said == Some(zoned.is)).count();
        for (place, pair) in zoned.windows(2).enumerate() {
            let [before, after] = pair else { continue };
            scores.switches += usize::from(before.said != after.said);
            if before.is != after.is {
                scores.true_switches += 1;
                match delay_s(zoned.get(place + 1..).unwrap_or_default()) {
                    Some(delay_s) => scores.delays_s.push(delay_s),
                    None => scores.missed += 1,
                }
            }
        }
        scores
    }

    /// Pools with the scores of another walk.
    pub fn add(&mut self, other: &Self) {
        self.instants += other.instants;
        self.placed += other.placed;
        self.errors_m.extend(&other.errors_m);
        self.zoned += other.zoned;
        self.right += other.right;
        self.switches += other.switches;
        self.true_switches += other.true_switches;
        self.missed += other.missed;
        self.delays_s.extend(&other.delays_s);
    }

    /// Mean error; `None` without truth.
    #[must_use]
    pub fn mean_m(&self) -> Option<f32> {
        (!self.errors_m.is_empty()).then(|| self.errors_m.iter().sum::<f32>() / self.errors_m.len() as f32)
    }

    /// The error that this share of instants stays below, 0 to 1; `None` without truth.
    #[must_use]
    pub fn percentile_m(&self, share: f32) -> Option<f32> {
        percentile(&self.errors_m, share)
    }

    /// Share of instants in the right zone, 0 to 1; `None` where no zone is known.
    #[must_use]
    pub fn zone_accuracy(&self) -> Option<f32> {
        (self.zoned > 0).then(|| self.right as f32 / self.zoned as f32)
    }

    /// Median delay of the switches that were followed; `None` where there was none.
    #[must_use]
    pub fn delay_s(&self) -> Option<f32> {
        percentile(&self.delays_s, 0.5)
    }
}

/// An instant with a true zone.
struct Zoned {
    at_ms: u32,
    said: Option<u16>,
    is: u16,
}

impl Zoned {
    fn of(instant: &Instant) -> Option<Self> {
        Some(Self {
            at_ms: instant.at_ms,
            said: instant.said.map(|said| said.zone),
            is: instant.true_zone?,
        })
    }
}

/// How long it takes until the true zone of the first instant is said.
fn delay_s(from: &[Zoned]) -> Option<f32> {
    let entered = from.first()?;
    let noticed = from.iter().find(|zoned| zoned.said == Some(entered.is))?;
    let left = from.iter().find(|zoned| zoned.is != entered.is);
    // Who left long before anybody noticed was missed, even if he comes back.
    let in_time = left.is_none_or(|left| noticed.at_ms <= left.at_ms + GRACE_MS);
    in_time.then(|| (noticed.at_ms - entered.at_ms) as f32 / 1_000.0)
}

/// How long after a person left a zone its being said still counts as having followed, in milliseconds.
const GRACE_MS: u32 = 5_000;

fn percentile(values: &[f32], share: f32) -> Option<f32> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = (sorted.len() as f32 * share) as usize;
    sorted.get(at.min(sorted.len().checked_sub(1)?)).copied()
}

#[cfg(test)]
mod tests {
    use nextbest_venue::Point;

    use super::*;
    use crate::recording::Estimate;

    /// One instant every half second: the zone that was said and the true one.
    fn walk(zones: &[(Option<u16>, u16)]) -> Vec<Instant> {
        let instant = |(at, (said, is)): (u32, &(Option<u16>, u16))| Instant {
            at_ms: 500 * at,
            said: said.map(|zone| Estimate {
                at: Point::new(3.0, 0.0),
                zone,
            }),
            true_place: Some(Point::new(0.0, 4.0)),
            true_zone: Some(*is),
        };
        (1..).zip(zones).map(instant).collect()
    }

    #[test]
    fn zones_switches_and_delays_are_counted() {
        let scores = Scores::of(&walk(&[
            (None, 1),
            (Some(1), 1),
            (Some(1), 2),
            (Some(1), 2),
            (Some(2), 2),
            (Some(2), 3),
        ]));
        assert_eq!(
            (scores.instants, scores.placed, scores.zoned, scores.right),
            (6, 5, 6, 2)
        );
        assert_eq!((scores.switches, scores.true_switches, scores.missed), (2, 2, 1));
        assert_eq!((scores.delay_s(), scores.mean_m()), (Some(1.0), Some(5.0)));
    }

    #[test]
    fn a_switch_that_was_said_before_has_no_delay() {
        let scores = Scores::of(&walk(&[(Some(1), 1), (Some(2), 1), (Some(2), 2)]));
        assert_eq!(scores.delays_s, [0.0]);
    }

    #[test]
    fn walks_are_pooled_and_nothing_is_made_up() {
        let mut scores = Scores::of(&[]);
        assert_eq!(
            (
                scores.mean_m(),
                scores.percentile_m(0.5),
                scores.zone_accuracy(),
                scores.delay_s()
            ),
            (None, None, None, None)
        );
        scores.add(&Scores::of(&walk(&[(Some(1), 1)])));
        scores.add(&Scores::of(&walk(&[(Some(1), 2)])));
        assert_eq!(
            (scores.zone_accuracy(), scores.percentile_m(1.0)),
            (Some(0.5), Some(5.0))
        );
    }
}
