//! Kill a process that writes to a scratch journal, and see that nothing it was told is durable is lost.
//!
//! The writer is this program again. It prints the number of each record when the journal says that it is durable; it
//! is killed in the middle, and what is read back must have every number that was printed.

use std::fs;
use std::future::poll_fn;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::Finding;
use crate::cli::Failure;
use crate::journal::storage::Directory;
use crate::journal::{Journal as _, Opened, Position, Record, RecordKind, Settings, open};
use crate::model::Timestamp;
use crate::serve::clock::unix_s;

const SUBJECT: &str = "journal";
/// Records that are durable before the writer is killed.
const RECORDS: u64 = 200;
/// A journal as small as one may be.
const SETTINGS: Settings = Settings {
    segment_len: 64 * 1_024,
    queue_bytes_max: 16 * 1_024,
    retention_ms: 0,
    people_max: 16,
};

/// A name beside `state`, or where it will be, that nobody else uses.
pub(super) fn scratch(state: &Path, name: &str) -> PathBuf {
    let there = state.ancestors().find(|folder| folder.is_dir());
    let folder = there.unwrap_or(Path::new("."));
    folder.join(format!("nextbest-doctor-{}-{name}", std::process::id()))
}

/// Kills a writer and reads what it left.
pub(super) fn check(state: &Path) -> Finding {
    let folder = scratch(state, "journal");
    let outcome = kill_and_recover(&folder);
    let _removed = fs::remove_dir_all(&folder);
    match outcome {
        Ok((told, read)) if told <= read => Finding::good(
            SUBJECT,
            format!("a writer was killed: of {told} records that it was told are durable, none was lost"),
        ),
        Ok((told, read)) => Finding::bad(
            SUBJECT,
            format!("a writer was killed: it was told that {told} records are durable, and {read} are there"),
            "do not keep state on this disk: it says that it has written what it has not",
        ),
        Err(why) => Finding::bad(
            SUBJECT,
            why,
            "choose a folder for --state that this user may write to, on a disk with room",
        ),
    }
}

/// How many records the writer was told are durable, and how many could be read.
fn kill_and_recover(folder: &Path) -> Result<(u64, u64), String> {
    let program = std::env::current_exe().map_err(|error| format!("this program cannot start itself: {error}"))?;
    let writer = Command::new(program)
        .args(["doctor", "--write-until-killed"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut writer = writer.map_err(|error| format!("this program cannot start itself: {error}"))?;
    let told = kill_when_busy(&mut writer);
    let _gone = writer.wait();
    match told {
        0 => Err(format!("nothing could be written to {}", folder.display())),
        told => recover(folder).map(|read| (told, read)),
    }
}

/// Kills the writer when it has written for a while; the last number that it printed.
fn kill_when_busy(writer: &mut Child) -> u64 {
    let mut told = 0;
    let Some(output) = writer.stdout.take() else {
        return told;
    };
    // What it printed before it was killed is still in the pipe, and counts.
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        told = line.parse().unwrap_or(told);
        if told == RECORDS {
            let _gone = writer.kill();
        }
    }
    told
}

/// How many of the records that were numbered from 1 are there, without a gap.
fn recover(folder: &Path) -> Result<u64, String> {
    let opened = open_scratch(folder)?;
    let mut read = 0;
    let mut count = |_position: Position, record: Record<'_>| {
        if record.payload == (read + 1_u64).to_le_bytes() {
            read += 1;
        }
    };
    opened
        .journal
        .read(Position(0), &mut count)
        .map_err(|error| error.to_string())?;
    Ok(read)
}

fn open_scratch(folder: &Path) -> Result<Opened, String> {
    let storage = Directory::create(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    open(Arc::new(storage), &SETTINGS, unix_s() * 1_000).map_err(|error| error.to_string())
}

/// What the doctor starts: writes numbers until somebody kills it, or nobody listens.
pub(super) fn write_until_killed(folder: &Path) -> Result<(), Failure> {
    let opened = open_scratch(folder).map_err(Failure::wrong)?;
    let _writing = opened.journal.start().map_err(Failure::wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(Failure::wrong)?;
    let mut output = io::stdout();
    for number in 1_u64.. {
        let record = Record {
            at: Timestamp::default(),
            kind: RecordKind::Administration,
            subject: None,
            payload: &number.to_le_bytes(),
        };
        let position = opened.journal.append(&record).map_err(Failure::wrong)?;
        let durable = poll_fn(|cx| opened.journal.poll_durable(position, cx.waker()));
        runtime.block_on(durable).map_err(Failure::wrong)?;
        if writeln!(output, "{number}").is_err() {
            break;
        }
    }
    Ok(())
}
