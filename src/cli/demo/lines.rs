//! The demo without a terminal: plain lines, one block every five seconds.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use super::watch::{Figures, Watch, duration, us};

/// Time between two blocks.
const BLOCK_EVERY: Duration = Duration::from_secs(5);
/// How often the end is looked for.
const POLL_EVERY: Duration = Duration::from_millis(50);
/// Stands and answers of one block.
const SHOWN_LEN: usize = 3;

/// Prints until the time is over or the crowd has ended. With `json`, the lines go to standard error, so that
/// standard output is one object.
pub(super) fn print(watch: &Watch, lasts: Duration, json: bool, has_ended: impl Fn() -> bool) -> io::Result<()> {
    let mut next = BLOCK_EVERY;
    while watch.ran() < lasts && !has_ended() {
        #[expect(
            clippy::disallowed_methods,
            reason = "the main thread has nothing else to do, and no runtime"
        )]
        thread::sleep(POLL_EVERY);
        if watch.ran() >= next {
            let block = block(&watch.read());
            if json {
                io::stderr().write_all(block.as_bytes())?;
            } else {
                io::stdout().write_all(block.as_bytes())?;
            }
            next += BLOCK_EVERY;
        }
    }
    Ok(())
}

fn block(figures: &Figures) -> String {
    let mut block = format!(
        "[{:>4.0} s] {:.0} sightings/s from {} hubs, {:.0} decides/s, decide p50 {:.1} us p99 {:.1} us, {} queries asked, {} answered\n",
        figures.ran.as_secs_f64(),
        figures.sightings_per_s,
        figures.hubs_alive,
        figures.decides_per_s,
        us(&figures.decide_ns, 0.5),
        us(&figures.decide_ns, 0.99),
        figures.crowd.queries,
        figures.crowd.answers,
    );
    for stand in figures.stands.iter().take(SHOWN_LEN) {
        let people = stand.people.map_or("?".to_owned(), |people| people.to_string());
        let wait = stand.wait_s.map_or("unknown".to_owned(), duration);
        let truly = stand
            .true_people
            .map_or(String::new(), |truly| format!(", truly {truly}"));
        block.push_str(&format!(
            "         busy: {} ({people} people{truly}; wait {wait}; {} sent there, then {})\n",
            stand.name,
            stand.promised,
            stand.forecast_wait_s.map_or("unknown".to_owned(), duration)
        ));
    }
    for answer in figures.crowd.recent.iter().rev().take(SHOWN_LEN) {
        block.push_str(&format!(
            "         {} wants {}: \"{}\" in {} us\n",
            answer.customer, answer.want, answer.message, answer.latency_us
        ));
    }
    block
}
