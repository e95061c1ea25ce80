//! What the files of a hub's buffer add up to.
//!
//! Files are read in their order. A file whose header does not check is passed over, a record that does not check ends
//! its file; what a gap leaves behind is given up and counted as dropped, because numbers have none.

use std::{collections::VecDeque, fs, io, path::PathBuf};

use nextbest_proto::v1;

use super::{
    ClockReading,
    segment::{Header, Mark, Record, read_record},
};

/// Wall clocks before 2020-01-01 are those of machines that have not been told the time.
const UNIX_MS_MIN: u64 = 1_577_836_800_000;
/// The age of a sighting when nobody can tell: more than any gateway takes for a position.
const AGE_UNKNOWN_MS: u64 = u32::MAX as u64;

/// A buffer as a process left it.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) boot_epoch: u64,
    pub(super) mark: Mark,
    /// Oldest first, with their ages in milliseconds. They have the numbers from `mark.oldest` on.
    pub(super) held: VecDeque<(u64, v1::Sighting)>,
}

impl Recovered {
    pub(super) fn read(
        files: impl Iterator<Item = PathBuf>,
        new_boot_epoch: u64,
        clock: &ClockReading,
    ) -> io::Result<Self> {
        let mut recovered = Self {
            boot_epoch: new_boot_epoch,
            mark: Mark::default(),
            held: VecDeque::new(),
        };
        let mut is_first = true;
        for file in files {
            let bytes = fs::read(file)?;
            if let Some((header, records)) = Header::read(&bytes) {
                recovered.begin(&header, is_first);
                recovered.add(&header, records, clock);
                is_first = false;
            }
        }
        Ok(recovered)
    }

    pub(super) fn age_ms_max(&self) -> u64 {
        self.held.iter().map(|(age_ms, _)| *age_ms).max().unwrap_or(0)
    }

    fn next_sequence(&self) -> u64 {
        self.mark.oldest + self.held.len() as u64
    }

    fn begin(&mut self, header: &Header, is_first: bool) {
        if is_first || header.is_whole || header.boot_epoch != self.boot_epoch {
            self.held.clear();
            self.boot_epoch = header.boot_epoch;
            self.mark = Mark {
                oldest: header.first_sequence,
                dropped: header.mark.dropped,
            };
        } else if header.first_sequence != self.next_sequence() {
            let lost = header.first_sequence.saturating_sub(self.mark.oldest);
            self.held.clear();
            self.mark.oldest = header.first_sequence;
            self.mark.dropped = header.mark.dropped.saturating_add(lost);
        }
        self.advance(header.mark);
    }

    fn add(&mut self, header: &Header, mut records: &[u8], clock: &ClockReading) {
        while let Some(record) = read_record(&mut records) {
            match record {
                Record::Sighting { heard_at_ms, sighting } => {
                    self.held.push_back((age_ms(header, heard_at_ms, clock), sighting));
                }
                Record::Mark(mark) => self.advance(mark),
            }
        }
    }

    fn advance(&mut self, mark: Mark) {
        let gone = mark.oldest.saturating_sub(self.mark.oldest);
        let gone = usize::try_from(gone).unwrap_or(usize::MAX).min(self.held.len());
        self.held.drain(..gone);
        self.mark.oldest += gone as u64;
        // A file may begin behind the oldest: then all before its first sighting had gone.
        if self.held.is_empty() {
            self.mark.oldest = self.mark.oldest.max(mark.oldest);
        }
        self.mark.dropped = self.mark.dropped.max(mark.dropped);
    }
}

/// Exact within a boot of the machine; after one, as right as the wall clock.
fn age_ms(header: &Header, heard_at_ms: u64, clock: &ClockReading) -> u64 {
    let written = &header.clock;
    let (then, now) = if written.boot_id == clock.boot_id && clock.boot_id != [0; 16] {
        (written.uptime_ms, clock.uptime_ms)
    } else if written.unix_ms.min(clock.unix_ms) >= UNIX_MS_MIN {
        (written.unix_ms, clock.unix_ms)
    } else {
        return AGE_UNKNOWN_MS;
    };
    // A sighting may be older than the process that wrote it: it found it on the disk.
    let heard_at = i128::from(then) + i128::from(heard_at_ms) - i128::from(header.hub_ms);
    u64::try_from(i128::from(now) - heard_at)
        .unwrap_or(0)
        .min(AGE_UNKNOWN_MS)
}
