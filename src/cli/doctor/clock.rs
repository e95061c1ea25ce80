//! Is the wall clock right? Tokens and certificates are judged by it.
//!
//! Whether it is right nobody on the machine knows. But it can be seen to be wrong, when it shows a time before this
//! program was made, and Linux says whether something keeps it in step (adjtimex(2), as systemd leaves it in a file).

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::Finding;
use crate::serve::clock::unix_s;

const SUBJECT: &str = "clock";
/// Made by systemd-timesyncd, and by chrony's and ntpd's units where they are told to, once the clock was set.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

pub(super) fn check() -> Finding {
    let unix_s = unix_s();
    let made = std::env::current_exe()
        .and_then(|program| program.metadata())
        .and_then(|metadata| metadata.modified());
    let made_s = made
        .ok()
        .and_then(|made| made.duration_since(UNIX_EPOCH).ok())
        .as_ref()
        .map_or(0, Duration::as_secs);
    judge(unix_s, made_s, Path::new(SYNCHRONIZED).exists())
}

fn judge(unix_s: u64, made_s: u64, is_synchronized: bool) -> Finding {
    if unix_s < made_s {
        return Finding::bad(
            SUBJECT,
            "it shows a time before this program was made",
            "set it, and keep it in step with NTP: tokens and certificates would be refused",
        );
    }
    if is_synchronized {
        Finding::good(SUBJECT, "kept in step by NTP")
    } else {
        Finding::look(
            SUBJECT,
            "nothing on this machine says that it is kept in step",
            "see that NTP runs: tokens are judged by the clock to the minute",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn a_clock_before_the_program_was_made_is_wrong() {
        assert_eq!(judge(99, 100, true).verdict, Verdict::Bad);
        assert_eq!(judge(100, 100, true).verdict, Verdict::Good);
        assert_eq!(judge(100, 100, false).verdict, Verdict::Look);
    }
}
