//! Tells the engine that time passes, once in each step of the locator, what date it is, and what time of day it is in the
//! venue.
//!
//! The time of day comes from the machine's wall clock and the map's time zone, also on a test clock: it is for
//! opening hours and dayparts, which nothing else here knows.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::{MissedTickBehavior, interval};

use super::shared::Shared;
use crate::engine::VenueTime;
use crate::model::STEP_MS;

/// Ticks until its thread ends. A tick that is late is not made up for.
pub(super) async fn run(shared: Arc<Shared>) {
    let zone = time_zone(&shared.engine.generation().venue().time_zone);
    let step = shared.clock.real(Duration::from_millis(STEP_MS));
    let mut ticks = interval(step.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let time = venue_time(zone.as_ref(), shared.clock.unix_s());
        shared.engine.set_date(shared.clock.now(), shared.clock.date_s());
        shared.engine.tick(shared.clock.now(), time, |change| {
            if change.to.is_some() {
                shared.subscribers.wake(change.customer);
            }
        });
    }
}

/// The zone of that name in the IANA database; `None`, with a warning, when there is none.
fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name)
        .inspect_err(|_| tracing::warn!("the map's time zone is not known; the time of day stays unknown"))
        .ok()
}

fn venue_time(zone: Option<&TimeZone>, unix_s: u64) -> VenueTime {
    let minute_of_day = || {
        let moment = jiff::Timestamp::from_second(i64::try_from(unix_s).ok()?).ok()?;
        let time = zone?.to_datetime(moment).time();
        u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).ok()
    };
    VenueTime {
        minute_of_day: minute_of_day(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-07-01 12:34:56 UTC.
    const SUMMER_S: u64 = 1_782_909_296;
    /// 2026-12-01 12:34:56 UTC.
    const WINTER_S: u64 = 1_796_128_496;

    #[test]
    fn the_time_of_day_is_the_venues_in_summer_and_winter() {
        let minute = |zone: &str, unix_s| venue_time(time_zone(zone).as_ref(), unix_s).minute_of_day;
        assert_eq!(minute("UTC", SUMMER_S), Some(12 * 60 + 34));
        assert_eq!(minute("Europe/Madrid", SUMMER_S), Some(14 * 60 + 34));
        assert_eq!(minute("Europe/Madrid", WINTER_S), Some(13 * 60 + 34));
        assert_eq!(minute("Asia/Kolkata", WINTER_S), Some(18 * 60 + 4));
    }

    #[track_caller]
    fn check_calendar(zone: &str, unix_s: u64, expected: Option<(u16, u16)>) {
        let minute = venue_time(time_zone(zone).as_ref(), unix_s).minute_of_day;
        assert_eq!(
            minute,
            expected.map(|(hour, minute)| hour * 60 + minute),
            "{zone} {unix_s}"
        );
    }

    #[test]
    fn the_calendar_has_no_moment_that_stops_the_clock() {
        // The last second of winter, the first of summer, and an hour that comes twice.
        check_calendar("Europe/Madrid", 1774745999, Some((1, 59)));
        check_calendar("Europe/Madrid", 1774746000, Some((3, 0)));
        check_calendar("Europe/Madrid", 1792889999, Some((2, 59)));
        check_calendar("Europe/Madrid", 1792890000, Some((2, 0)));
        // Around the leap second 2016-12-31 23:59:60, which this count of seconds does not have.
        check_calendar("UTC", 1483228799, Some((23, 59)));
        check_calendar("UTC", 1483228800, Some((0, 0)));
        // The ends of 31 and 32 bits, in 2038 and 2106; a clock that was never set, and one at its end.
        check_calendar("UTC", 1 << 31, Some((3, 14)));
        check_calendar("UTC", 1 << 32, Some((6, 28)));
        check_calendar("UTC", 0, Some((0, 0)));
        check_calendar("UTC", u64::MAX, None);
    }

    #[test]
    fn a_zone_that_nobody_knows_leaves_the_time_unknown() {
        assert_eq!(
            venue_time(time_zone("Mars/Olympus").as_ref(), SUMMER_S).minute_of_day,
            None
        );
    }
}
