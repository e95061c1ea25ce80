//! A payload's own clock: milliseconds since 1970, or an ISO 8601 text in UTC. Only ever a hint.

/// Latest moment that is taken for one, in milliseconds: the year 2255. A clock beyond it was never set.
const UNIX_MS_MAX: f64 = 9.0e12;

/// Milliseconds since 1970, as a number; numbers that can only be seconds are taken as such.
pub(super) fn of_number(number: f64) -> Option<u64> {
    // 1e11 ms is the year 1973, and 1e11 s the year 5138.
    let ms = if number < 1.0e11 { number * 1_000.0 } else { number };
    (0.0..=UNIX_MS_MAX).contains(&ms).then_some(ms as u64)
}

/// `2026-02-09T00:13:53.668Z`, with or without the fraction; any other offset than `Z` or `+00:00` is no hint.
pub(super) fn of_text(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let time = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00"))?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let is_moment = (1970..=2254).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    is_moment.then(|| seconds * 1_000 + milliseconds(fraction))
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| is_number)
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970-01-01 in the Gregorian calendar, by counting the leap days before the year's March.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 {
        (year, month)
    } else {
        (year.saturating_sub(1), month + 12)
    };
    // What the sum is at 1970-01-01.
    let sum = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 3) / 5 + day;
    sum.saturating_sub(719_561)
}

fn milliseconds(fraction: &str) -> u64 {
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    digits.fold(0, |ms, digit| ms * 10 + u64::from(digit.saturating_sub(b'0').min(9)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_moment_that_it_says() {
        for (text, unix_ms) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1972-02-29T00:00:00Z", Some(68_169_600_000)),
            ("2000-03-01T00:00:00Z", Some(951_868_800_000)),
            ("2020-06-26T13:37:00Z", Some(1_593_178_620_000)),
            ("2026-02-09T00:13:53.668Z", Some(1_770_596_033_668)),
            ("2026-02-09T00:13:53.6+00:00", Some(1_770_596_033_600)),
            ("2026-02-09T00:13:53.668+08:00", None),
            ("2026-13-09T00:13:53Z", None),
            ("99999-01-01T00:00:00Z", None),
            ("2021-01-01&17:10:16+08", None),
            ("", None),
        ] {
            assert_eq!(of_text(text), unix_ms, "{text}");
        }
    }

    #[test]
    fn a_number_is_milliseconds_unless_it_can_only_be_seconds() {
        assert_eq!(of_number(1_343_392_496_789.0), Some(1_343_392_496_789));
        assert_eq!(of_number(1_600_000_000.0), Some(1_600_000_000_000));
        for none in [-1.0, 1e300, f64::NAN] {
            assert_eq!(of_number(none), None);
        }
    }
}
