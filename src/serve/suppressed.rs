//! Counts of people as others may read them: in whole tens, so that nobody is told of fewer than ten.
//!
//! Two reports that are compared tell no more: whoever comes or goes changes a count by nothing or by ten, and which of
//! ten it was is not in it. A cell below ten and an empty one are the same. Rounding is the same each time, because noise
//! that is drawn anew is averaged away by who asks often. Deliberately absent: what decides read, which need the numbers
//! as they are and give them to nobody.

/// The fewest people of whom a count is told, and its grain.
pub(super) const PEOPLE_MIN: u64 = 10;
const MINUTE_S: u32 = 60;

/// A count of people, for a report.
pub(super) const fn tens(people: u64) -> u64 {
    people / PEOPLE_MIN * PEOPLE_MIN
}

/// A wait, from which the number of those who wait follows, for a report.
pub(super) const fn whole_minutes(wait_s: u32) -> u32 {
    wait_s / MINUTE_S * MINUTE_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_than_ten_are_nobody_and_two_reports_differ_by_tens() {
        for people in 0..1_000 {
            let (before, after) = (tens(people), tens(people + 1));
            assert!(people >= PEOPLE_MIN || before == 0);
            assert!(after == before || (after == before + PEOPLE_MIN && (people + 1) % PEOPLE_MIN == 0));
            // Of ten counts that look the same nobody can tell which it is.
            assert_eq!(
                (before..before + PEOPLE_MIN)
                    .filter(|other| tens(*other) == before)
                    .count(),
                10
            );
        }
        assert_eq!((whole_minutes(59), whole_minutes(61), tens(u64::MAX) % 10), (0, 60, 0));
    }
}
