//! A state in a file: written beside its name, synced, and moved there, so that what has the name is whole.
//!
//! After the header come chunks of up to [`CHUNK_LEN`] bytes and a last one of none:
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | CRC32C of the journal's id, the position, the chunk's number from 0 and bytes 4.. |
//! | 4..8 | length of the data; 0 in the last chunk |
//! | 8.. | data; in the last chunk, how many bytes all the others have together (8) |
//!
//! Deliberately absent: what the state is. Who writes it seals what is about a person with that person's key.

use std::io::{self, Read};

use crc32c::crc32c_append;

use super::Position;
use super::format::{FileKind, Header, JournalId, SECTOR_LEN, u32_at, u64_at};
use super::names;
use super::refusal::{OpenError, bad_header, io_error};
use super::storage::{Access, File, Storage, read_full};

/// Bytes of data in a chunk.
const CHUNK_LEN: usize = 65_536;
const CHUNK_HEADER_LEN: usize = 8;
/// The data of the last chunk.
const TOTAL_LEN: usize = 8;

/// Writes `state` into a file that is durable and has no name yet. Returns how many bytes it has.
///
/// # Errors
/// When the system says no, or reading the state fails.
pub(super) fn write(storage: &dyn Storage, header: &Header, state: &mut dyn Read) -> io::Result<u64> {
    debug_assert_eq!(header.kind, FileKind::Snapshot);
    let file = storage.open(names::SNAPSHOT_NEW, Access::Create)?;
    file.write_at(0, &header.encode())?;
    let mut chunks = Chunks::new(header.journal, header.position);
    let mut data = vec![0; CHUNK_LEN];
    let mut total = 0_u64;
    loop {
        let len = fill(state, &mut data)?;
        total += len as u64;
        if len == 0 {
            break;
        }
        let chunk = chunks.encode(data.get(..len).unwrap_or_default(), len);
        file.write_at(chunks.advance(chunk.len()), &chunk)?;
    }
    let chunk = chunks.encode(&total.to_le_bytes(), 0);
    file.write_at(chunks.advance(chunk.len()), &chunk)?;
    file.sync_data()?;
    Ok(total)
}

/// Gives the file that [`write`] made its name.
///
/// # Errors
/// When the system says no.
pub(super) fn publish(storage: &dyn Storage, through: Position) -> io::Result<()> {
    storage.rename(names::SNAPSHOT_NEW, &names::snapshot(through))?;
    storage.sync_directory()
}

/// Opens a snapshot of this journal to be read. Each chunk is checked before it is given out.
pub(super) fn open(storage: &dyn Storage, journal: JournalId, through: Position) -> Result<Reader, OpenError> {
    let name = names::snapshot(through);
    let file = storage.open(&name, Access::Read).map_err(io_error("open", &name))?;
    let mut sector = [0; SECTOR_LEN];
    let len = read_full(file.as_ref(), 0, &mut sector).map_err(io_error("read", &name))?;
    let bytes = sector.get(..len).unwrap_or_default();
    let header = Header::decode(FileKind::Snapshot, bytes).map_err(|bad| bad_header(&name, bad))?;
    if header.journal != journal {
        return Err(OpenError::Foreign { file: name });
    }
    if header.position != through {
        let why = format!("it says that it goes through position {}", header.position.0);
        return Err(OpenError::OutOfPlace { file: name, why });
    }
    Ok(Reader {
        file,
        chunks: Chunks::new(journal, through),
        chunk: Vec::new(),
        read: 0,
        total: 0,
        is_done: false,
    })
}

/// Reads a snapshot from end to end.
pub(super) fn verify(storage: &dyn Storage, journal: JournalId, through: Position) -> Result<u64, OpenError> {
    let mut reader = open(storage, journal, through)?;
    let mut buffer = vec![0; CHUNK_LEN];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(reader.total),
            Ok(_) => {}
            Err(error) => {
                return Err(OpenError::Damaged {
                    file: names::snapshot(through),
                    offset: reader.chunks.offset,
                    found: error.to_string(),
                });
            }
        }
    }
}

/// The state of a snapshot.
pub(super) struct Reader {
    file: Box<dyn File>,
    chunks: Chunks,
    chunk: Vec<u8>,
    /// Bytes of the chunk that were given out.
    read: usize,
    total: u64,
    is_done: bool,
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.read == self.chunk.len() && !self.is_done {
            self.next_chunk()?;
        }
        let rest = self.chunk.get(self.read..).unwrap_or_default();
        let len = rest.len().min(into.len());
        if let (Some(rest), Some(into)) = (rest.get(..len), into.get_mut(..len)) {
            into.copy_from_slice(rest);
        }
        self.read += len;
        Ok(len)
    }
}

impl Reader {
    fn next_chunk(&mut self) -> io::Result<()> {
        let mut head = [0; CHUNK_HEADER_LEN];
        let read = read_full(self.file.as_ref(), self.chunks.offset, &mut head)?;
        let len = u32_at(&head, 4).unwrap_or(0) as usize;
        if read < CHUNK_HEADER_LEN || len > CHUNK_LEN {
            return Err(damaged("a chunk is cut off or too long"));
        }
        self.chunk.resize(if len == 0 { TOTAL_LEN } else { len }, 0);
        let data_at = self.chunks.offset + CHUNK_HEADER_LEN as u64;
        let is_whole = read_full(self.file.as_ref(), data_at, &mut self.chunk)? == self.chunk.len();
        if !is_whole || u32_at(&head, 0) != Some(self.chunks.sum(&self.chunk, len)) {
            return Err(damaged("a chunk does not fit its checksum"));
        }
        self.chunks.advance(CHUNK_HEADER_LEN + self.chunk.len());
        self.read = 0;
        if len > 0 {
            self.total += len as u64;
            return Ok(());
        }
        self.is_done = true;
        let total = u64_at(&self.chunk, 0);
        self.chunk.clear();
        let is_end = total == Some(self.total) && self.file.len()? == self.chunks.offset;
        if is_end {
            Ok(())
        } else {
            Err(damaged("it does not end where it says"))
        }
    }
}

/// Where the next chunk is, and how it is summed.
struct Chunks {
    journal: JournalId,
    through: Position,
    number: u64,
    offset: u64,
}

impl Chunks {
    const fn new(journal: JournalId, through: Position) -> Self {
        Self {
            journal,
            through,
            number: 0,
            offset: SECTOR_LEN as u64,
        }
    }

    /// Moves behind a chunk of this length; returns where that one begins.
    fn advance(&mut self, len: usize) -> u64 {
        let at = self.offset;
        self.offset += len as u64;
        self.number += 1;
        at
    }

    fn encode(&self, data: &[u8], len: usize) -> Vec<u8> {
        let mut chunk = Vec::with_capacity(CHUNK_HEADER_LEN + data.len());
        chunk.extend_from_slice(&self.sum(data, len).to_le_bytes());
        chunk.extend_from_slice(&length(len));
        chunk.extend_from_slice(data);
        chunk
    }

    fn sum(&self, data: &[u8], len: usize) -> u32 {
        let sum = self.journal.sum(&self.through.0.to_le_bytes());
        let sum = crc32c_append(sum, &self.number.to_le_bytes());
        crc32c_append(crc32c_append(sum, &length(len)), data)
    }
}

fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

fn damaged(found: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, found)
}

/// Fills `data` as far as the state reaches; returns how far.
fn fill(state: &mut dyn Read, data: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = data.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match state.read(rest) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::storage::PowerLoss;

    const JOURNAL: JournalId = JournalId(11);

    fn kept(state: &[u8]) -> PowerLoss {
        let storage = PowerLoss::default();
        let header = Header {
            kind: FileKind::Snapshot,
            generation: 1,
            journal: JOURNAL,
            position: Position(7),
            epoch_unix_ms: 0,
        };
        let written = write(&storage, &header, &mut &state[..]).unwrap();
        assert_eq!(written, state.len() as u64);
        publish(&storage, Position(7)).unwrap();
        storage
    }

    fn read(storage: &PowerLoss) -> Result<Vec<u8>, OpenError> {
        verify(storage, JOURNAL, Position(7))?;
        let mut state = Vec::new();
        open(storage, JOURNAL, Position(7))?.read_to_end(&mut state).unwrap();
        Ok(state)
    }

    #[test]
    fn a_state_of_any_length_comes_back() {
        for len in [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 3 * CHUNK_LEN + 17] {
            let state: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
            assert_eq!(read(&kept(&state)).unwrap(), state, "{len} bytes");
        }
    }

    #[test]
    fn every_flip_and_every_cut_is_found() {
        let whole = kept(b"somebody's state").disk();
        let name = names::snapshot(Position(7));
        let len = whole.clone().bytes_mut(&name).unwrap().len();
        for bit in 0..len * 8 {
            let mut disk = whole.clone();
            disk.bytes_mut(&name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&PowerLoss::with(disk)).is_err(), "bit {bit}");
        }
        for cut in 0..len {
            let mut disk = whole.clone();
            disk.bytes_mut(&name).unwrap().truncate(cut);
            assert!(read(&PowerLoss::with(disk)).is_err(), "cut to {cut}");
        }
    }

    #[test]
    fn a_swapped_chunk_is_found() {
        let mut state = vec![1; CHUNK_LEN];
        state.extend(vec![2; CHUNK_LEN]);
        let mut disk = kept(&state).disk();
        let bytes = disk.bytes_mut(&names::snapshot(Position(7))).unwrap();
        let (one, other) = bytes[SECTOR_LEN..].split_at_mut(CHUNK_LEN + CHUNK_HEADER_LEN);
        one.swap_with_slice(&mut other[..CHUNK_LEN + CHUNK_HEADER_LEN]);
        assert!(matches!(
            read(&PowerLoss::with(disk)),
            Err(OpenError::Damaged { offset: 512, .. })
        ));
    }
}
