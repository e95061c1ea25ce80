//! What it costs to make something durable here: an acknowledgement of a signal waits for one sync.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Finding;

const SUBJECT: &str = "disk";
/// Syncs that are timed.
const SYNCS: usize = 64;
/// Bytes written before each: what a journal writes at least.
const BLOCK: [u8; 4_096] = [0x5a; 4_096];
/// A median beyond it makes signals wait for a person to notice.
const SLOW: Duration = Duration::from_millis(20);

/// Writes and syncs a scratch file beside `state`.
pub(super) fn check(state: &Path) -> Finding {
    let file = super::journal::scratch(state, "sync");
    let measured = measure(&file);
    let _removed = fs::remove_file(&file);
    match measured {
        Ok((median, worst)) => {
            let found = format!(
                "a sync takes {:.2} ms (median of {SYNCS}), {:.2} ms at worst",
                millis(median),
                millis(worst)
            );
            if median <= SLOW {
                Finding::good(SUBJECT, found)
            } else {
                Finding::look(
                    SUBJECT,
                    found,
                    "signals are acknowledged after a sync; put --state on a faster disk",
                )
            }
        }
        Err(error) => Finding::bad(
            SUBJECT,
            format!("cannot write to {}: {error}", state.display()),
            "choose a folder for --state that this user may write to, on a disk with room",
        ),
    }
}

/// Median and worst time of a write with its sync.
fn measure(path: &Path) -> io::Result<(Duration, Duration)> {
    let mut file = File::create_new(path)?;
    // The length is set first, as a journal's segment has it, so that a sync is one of data alone.
    file.set_len((SYNCS * BLOCK.len()) as u64)?;
    file.sync_all()?;
    let mut took = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = now();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    let at = |place: usize| took.get(place).copied().unwrap_or_default();
    Ok((at(SYNCS / 2), at(SYNCS - 1)))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[expect(clippy::disallowed_methods, reason = "a disk's speed is measured")]
fn now() -> Instant {
    Instant::now()
}
