//! What the system lets a process have: open files, bytes in a socket's buffer, memory.

use std::fs;

use super::Finding;
use crate::serve::overload::memory::machine_bytes;
use crate::serve::worst_case::Bytes;

/// Files that a gateway has open at most: its sockets, the journal, and every TCP connection of its doors.
const FILES_WANTED: u64 = 4_096;
/// Bytes of a socket's buffer that a full stadium fills while a thread is late.
const BUFFER_BYTES_WANTED: u64 = 4 << 20;

/// Looks at every limit that matters.
pub(super) fn check() -> Vec<Finding> {
    vec![files(), buffers(), memory()]
}

fn files() -> Finding {
    const SUBJECT: &str = "open files";
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    match files_of(&limits) {
        Some(files) if files >= FILES_WANTED => Finding::good(SUBJECT, format!("{files} allowed")),
        Some(files) => Finding::look(
            SUBJECT,
            format!("{files} allowed; with all doors open a gateway has up to {FILES_WANTED}"),
            "raise it: `ulimit -n 4096`, or LimitNOFILE= in the unit",
        ),
        None => Finding::look(SUBJECT, "the system does not tell", "see that 4,096 files may be open"),
    }
}

/// The soft limit in `/proc/self/limits`; see proc(5).
fn files_of(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn buffers() -> Finding {
    const SUBJECT: &str = "UDP buffers";
    let bytes_of = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/net/core/{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    match bytes_of("rmem_max").zip(bytes_of("wmem_max")) {
        Some((receive, send)) if receive.min(send) >= BUFFER_BYTES_WANTED => Finding::good(
            SUBJECT,
            format!("{} to receive, {} to send", Bytes(receive), Bytes(send)),
        ),
        Some((receive, send)) => Finding::look(
            SUBJECT,
            format!(
                "{} to receive and {} to send, of {} that a gateway asks for",
                Bytes(receive),
                Bytes(send),
                Bytes(BUFFER_BYTES_WANTED)
            ),
            "a burst may lose packets: sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304",
        ),
        None => Finding::look(SUBJECT, "the system does not tell", "see that a socket may have 4 MiB"),
    }
}

fn memory() -> Finding {
    const SUBJECT: &str = "memory";
    match machine_bytes() {
        Some(bytes) => Finding::good(SUBJECT, format!("{} for this process", Bytes(bytes))),
        None => Finding::look(
            SUBJECT,
            "the system does not tell",
            "compare what `nextbest check` prints with what the machine has",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_of_open_files_is_read() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(files_of(limits), Some(1_024));
        assert_eq!(files_of("Max processes 1 2 processes\n"), None);
    }
}
