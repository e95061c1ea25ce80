//! The bytes of the files in which a hub's buffer outlives its process.
//!
//! A file is a header and records; numbers are little endian. A record that does not check ends its file: it is what a
//! process that was killed, or a power cut, left half written.
//!
//! | header | bytes | |
//! |---|---|---|
//! | magic | 8 | `NBHUBBUF` |
//! | version | 4 | 1 |
//! | whole | 4 | 1: everything held is in this file, and files before it are void; 0: it goes on where they end |
//! | boot epoch | 8 | of every sighting in it |
//! | first sequence | 8 | of the file's first sighting; the next has the next number |
//! | oldest | 8 | everything before was acknowledged or dropped when the file was begun |
//! | dropped | 8 | sightings dropped in this boot epoch until then |
//! | hub clock | 8 | milliseconds, when the process started that wrote the file |
//! | boot id | 16 | of the machine, then |
//! | uptime | 8 | of the machine, then, in milliseconds |
//! | wall clock | 8 | then, in milliseconds since 1970-01-01 UTC |
//! | CRC-32 | 4 | of all before |
//!
//! | record | bytes | |
//! |---|---|---|
//! | length | 1 | of what follows, without the CRC |
//! | kind | 1 | 1: a sighting; 2: a mark |
//! | 1: | 8, 1, 1, rest | hub clock in milliseconds when it was heard, identity kind, RSSI in dBm, identity |
//! | 2: | 8, 8 | oldest, dropped: as in the header, from here on |
//! | CRC-32 | 4 | of length, kind and what follows |
//!
//! The CRC is that of Ethernet and zip (polynomial 0xedb88320, reflected). Deliberately absent: reading or writing files.

use nextbest_proto::{limits::IDENTITY_LEN_MAX, v1};

use super::ClockReading;

const MAGIC: &[u8; 8] = b"NBHUBBUF";
const VERSION: u32 = 1;
/// Bytes of a header.
const HEADER_LEN: usize = 92;
const KIND_SIGHTING: u8 = 1;
const KIND_MARK: u8 = 2;

/// What a file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) is_whole: bool,
    pub(super) boot_epoch: u64,
    pub(super) first_sequence: u64,
    pub(super) mark: Mark,
    pub(super) hub_ms: u64,
    pub(super) clock: ClockReading,
}

/// How far the buffer has moved on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) oldest: u64,
    pub(super) dropped: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Record {
    Sighting { heard_at_ms: u64, sighting: v1::Sighting },
    Mark(Mark),
}

impl Header {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&u32::from(self.is_whole).to_le_bytes());
        for number in [
            self.boot_epoch,
            self.first_sequence,
            self.mark.oldest,
            self.mark.dropped,
            self.hub_ms,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.clock.boot_id);
        out.extend_from_slice(&self.clock.uptime_ms.to_le_bytes());
        out.extend_from_slice(&self.clock.unix_ms.to_le_bytes());
        let crc = crc32(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_le_bytes());
        debug_assert_eq!(out.len() - start, HEADER_LEN);
    }

    /// The header and what follows it; `None` when it is torn, of another version, or of something else.
    pub(super) fn read(file: &[u8]) -> Option<(Self, &[u8])> {
        let (header, rest) = file.split_at_checked(HEADER_LEN)?;
        let (body, crc) = header.split_last_chunk::<4>()?;
        if crc32(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut fields = Fields(body);
        let is_ours = fields.take::<8>()? == *MAGIC && u32::from_le_bytes(fields.take()?) == VERSION;
        let header = Self {
            is_whole: u32::from_le_bytes(fields.take()?) != 0,
            boot_epoch: fields.number()?,
            first_sequence: fields.number()?,
            mark: Mark {
                oldest: fields.number()?,
                dropped: fields.number()?,
            },
            hub_ms: fields.number()?,
            clock: ClockReading {
                boot_id: fields.take()?,
                uptime_ms: fields.number()?,
                unix_ms: fields.number()?,
            },
        };
        is_ours.then_some((header, rest))
    }
}

pub(super) fn write_sighting(out: &mut Vec<u8>, heard_at_ms: u64, sighting: &v1::Sighting) {
    let identity = sighting.identity.get(..IDENTITY_LEN_MAX + 1);
    let identity = identity.unwrap_or(&sighting.identity);
    let kind = u8::try_from(sighting.identity_kind).unwrap_or(0);
    let rssi_dbm = sighting.rssi_dbm.clamp(i8::MIN.into(), i8::MAX.into()) as i8;
    let heard_at = heard_at_ms.to_le_bytes();
    let small = [kind, rssi_dbm.cast_unsigned()];
    write_record(out, KIND_SIGHTING, &[&heard_at, &small, identity]);
}

pub(super) fn write_mark(out: &mut Vec<u8>, mark: Mark) {
    let (oldest, dropped) = (mark.oldest.to_le_bytes(), mark.dropped.to_le_bytes());
    write_record(out, KIND_MARK, &[&oldest, &dropped]);
}

fn write_record(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    let start = out.len();
    let len: usize = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    // An identity has at most one byte too many, so that a record is far below 255 bytes.
    out.push(u8::try_from(len).unwrap_or(u8::MAX));
    out.push(kind);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    let crc = crc32(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
}

/// The next record of `rest`, which moves on behind it. `None` at the end, and where a record does not check.
pub(super) fn read_record(rest: &mut &[u8]) -> Option<Record> {
    let len = usize::from(*rest.first()?);
    let (record, after) = rest.split_at_checked(1 + len + 4)?;
    let (body, crc) = record.split_last_chunk::<4>()?;
    if crc32(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut fields = Fields(body.get(1..)?);
    let record = match fields.take::<1>()? {
        [KIND_SIGHTING] => {
            let heard_at_ms = fields.number()?;
            let [kind, rssi_dbm] = fields.take()?;
            let sighting = v1::Sighting {
                identity_kind: kind.into(),
                identity: fields.0.to_vec().into(),
                rssi_dbm: rssi_dbm.cast_signed().into(),
                age_ms: 0,
            };
            Record::Sighting { heard_at_ms, sighting }
        }
        [KIND_MARK] => Record::Mark(Mark {
            oldest: fields.number()?,
            dropped: fields.number()?,
        }),
        _ => return None,
    };
    *rest = after;
    Some(record)
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        let (field, rest) = self.0.split_first_chunk::<LEN>()?;
        self.0 = rest;
        Some(*field)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let entry = CRC_TABLE.get(usize::from(crc as u8 ^ byte)).copied().unwrap_or(0);
        entry ^ (crc >> 8)
    };
    !bytes.iter().fold(!0, step)
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0_u32; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            is_whole: true,
            boot_epoch: 7,
            first_sequence: 100,
            mark: Mark { oldest: 90, dropped: 3 },
            hub_ms: 5,
            clock: ClockReading {
                boot_id: [9; 16],
                uptime_ms: 1_000,
                unix_ms: 1_700_000_000_000,
            },
        }
    }

    fn sighting() -> v1::Sighting {
        v1::Sighting {
            identity_kind: 2,
            identity: vec![0x2f; 20].into(),
            rssi_dbm: -127,
            age_ms: 0,
        }
    }

    #[test]
    fn the_crc_is_the_well_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut file = Vec::new();
        header().write(&mut file);
        write_sighting(&mut file, 1_234, &sighting());
        let mark = Mark {
            oldest: 101,
            dropped: 4,
        };
        write_mark(&mut file, mark);
        let (read, mut rest) = Header::read(&file).unwrap();
        assert_eq!(read, header());
        let expected = Record::Sighting {
            heard_at_ms: 1_234,
            sighting: sighting(),
        };
        assert_eq!(read_record(&mut rest), Some(expected));
        assert_eq!(read_record(&mut rest), Some(Record::Mark(mark)));
        assert_eq!((read_record(&mut rest), rest), (None, &[][..]));
    }

    #[test]
    fn whatever_is_torn_or_flipped_is_not_read() {
        let mut file = Vec::new();
        header().write(&mut file);
        let header_len = file.len();
        write_sighting(&mut file, 1_234, &sighting());
        for len in 0..file.len() {
            let read = Header::read(&file[..len]).map(|(_, mut rest)| read_record(&mut rest));
            assert_eq!(read, (len >= header_len).then_some(None), "{len} bytes");
        }
        for at in 0..file.len() {
            file[at] ^= 0x10;
            let read = Header::read(&file).map(|(_, mut rest)| read_record(&mut rest));
            assert_eq!(read, (at >= header_len).then_some(None), "byte {at}");
            file[at] ^= 0x10;
        }
    }
}
