//! What a Linux board says of itself: its clocks and its temperature. On other systems, what the standard library says.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use nextbest_client::ClockReading;

/// Where Linux has the temperatures of boards, in thousandths of a degree.
const THERMAL_ZONES: &str = "/sys/class/thermal";
/// Most sensors that are looked at.
const THERMAL_ZONES_LEN_MAX: usize = 32;

/// Milliseconds since 1970-01-01 UTC; 0 when the clock is before that.
#[must_use]
pub fn unix_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the hub's wall clock is what this file is for")]
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The machine's clocks.
#[must_use]
pub fn clock_reading() -> ClockReading {
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    ClockReading {
        boot_id: uuid(&boot_id),
        uptime_ms: uptime_ms(&uptime),
        unix_ms: unix_ms(),
    }
}

/// The hottest of the board's sensors; `None`: it has none.
#[must_use]
pub fn temperature_celsius() -> Option<f32> {
    let zones = fs::read_dir(Path::new(THERMAL_ZONES)).ok()?;
    let readings = zones.take(THERMAL_ZONES_LEN_MAX).filter_map(|zone| {
        let reading = fs::read_to_string(zone.ok()?.path().join("temp")).ok()?;
        celsius(&reading)
    });
    readings.reduce(f32::max)
}

fn celsius(reading: &str) -> Option<f32> {
    let celsius = reading.trim().parse::<f32>().ok()? / 1_000.0;
    // A sensor that is switched off says something that no board survives.
    (-60.0..=200.0).contains(&celsius).then_some(celsius)
}

/// The bytes of a UUID as text; zeros when it is none.
fn uuid(text: &str) -> [u8; 16] {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let digits = Some(digits).filter(|digits| digits.len() == 32);
    let number = digits.and_then(|digits| u128::from_str_radix(&digits, 16).ok());
    number.unwrap_or(0).to_be_bytes()
}

/// The first of the numbers: seconds, with hundredths.
fn uptime_ms(text: &str) -> u64 {
    let seconds = text
        .split(' ')
        .next()
        .and_then(|seconds| seconds.trim().parse::<f64>().ok());
    (seconds.unwrap_or(0.0) * 1_000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_writes_is_read() {
        assert_eq!(uptime_ms("35641.25 70123.10\n"), 35_641_250);
        assert_eq!(uptime_ms(""), 0);
        assert_eq!(celsius("48312\n"), Some(48.312));
        assert_eq!(celsius("-274000\n"), None);
        assert_eq!(celsius("N/A"), None);
        let id = uuid("2f234454-cf6d-4a0f-adf2-f4911ba9ffa6\n");
        assert_eq!((id[0], id[15]), (0x2f, 0xa6));
        assert_eq!(uuid("no uuid at all"), [0; 16]);
    }
}
