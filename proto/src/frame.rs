//! Framing on a stream: an unsigned varint with the length of the message, then the message.
//!
//! A peer chooses where its bytes are torn, so a [`FrameReader`] takes whatever chunk arrived and yields every
//! frame that is whole. A frame that lies inside one chunk is yielded in place; only a torn one is copied, into
//! a buffer that is reused and never grows past the largest frame of the stream. The length is judged before a
//! byte of the message is kept, so a false length costs nothing.
//!
//! ```text
//! | bytes | what                                                        |
//! |-------|-------------------------------------------------------------|
//! | 1..3  | length of the message, LEB128, in its shortest form         |
//! | n     | the message (a protobuf message may be empty: n = 0)        |
//! ```
//!
//! What is absent on purpose: sockets, time-outs, and the meaning of a message. Datagrams carry one message
//! without a length and need nothing of this.

use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, BytesMut};
use prost::Message;

use crate::v1::ErrorCode;

/// Most bytes that a length can take: a varint of 64 bits. A longer one is refused.
pub const LENGTH_PREFIX_LEN_MAX: usize = 10;

/// Why a stream of frames cannot be read on. The stream is lost: close it with [`FrameError::code`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is larger than this stream takes.
    #[error("a frame of {len} bytes was announced, at most {len_max} are taken")]
    TooLarge {
        /// The announced length, in bytes.
        len: u64,
        /// The largest length of the stream, in bytes.
        len_max: usize,
    },
    /// The length has trailing zero groups: two spellings of one frame would be possible.
    #[error("the length of a frame was not in its shortest form")]
    LengthNotShortest,
    /// The length does not fit in 64 bits.
    #[error("the length of a frame was longer than 64 bits")]
    LengthTooLong,
    /// The stream ended inside a frame.
    #[error("the stream ended inside a frame: {held} bytes had come, {expected} were expected")]
    Torn {
        /// Bytes of the frame that had come, its length not counted.
        held: usize,
        /// Bytes that were announced; 0 when the length itself was torn.
        expected: usize,
    },
    /// The bytes of the frame are not the expected message.
    #[error("the message of a frame was malformed: {0}")]
    Malformed(#[from] prost::DecodeError),
}

impl FrameError {
    /// The code to close the stream with.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::TooLarge { .. } => ErrorCode::FrameTooLarge,
            Self::LengthNotShortest | Self::LengthTooLong | Self::Torn { .. } | Self::Malformed(_) => {
                ErrorCode::MalformedFrame
            }
        }
    }
}

/// Appends `message` to `out` as one frame. Allocates only when `out` has to grow.
pub fn encode_frame(message: &impl Message, out: &mut BytesMut) {
    let len = message.encoded_len();
    out.reserve(prost::length_delimiter_len(len) + len);
    // `BytesMut` grows, so neither step can run out of room.
    let encoded = message.encode_length_delimited(out);
    debug_assert!(encoded.is_ok());
}

/// Takes the first frame off the front of `bytes`; `None`, and `bytes` as it was, when it is not whole yet.
///
/// For a caller that keeps its own buffer. The frame is a slice of `bytes`: nothing is copied.
///
/// # Errors
/// [`FrameError`] as soon as the length shows that the frame must be refused.
pub fn split_frame<'a>(bytes: &mut &'a [u8], len_max: usize) -> Result<Option<&'a [u8]>, FrameError> {
    let mut rest = *bytes;
    let Some(len) = Length::default().take(&mut rest, len_max)? else {
        return Ok(None);
    };
    let Some((frame, rest)) = rest.split_at_checked(len) else {
        return Ok(None);
    };
    *bytes = rest;
    Ok(Some(frame))
}

/// Takes the first frame off the front of `buffer` as a message; `None` when it is not whole yet.
///
/// # Errors
/// [`FrameError`] when the length or the message must be refused; the stream is then lost.
pub fn decode_frame<M: Message + Default>(buffer: &mut BytesMut, len_max: usize) -> Result<Option<M>, FrameError> {
    let mut rest = &buffer[..];
    let Some(frame) = split_frame(&mut rest, len_max)? else {
        return Ok(None);
    };
    let message = M::decode(frame)?;
    let taken = buffer.len() - rest.len();
    buffer.advance(taken);
    Ok(Some(message))
}

/// Yields whole frames from chunks that are torn anywhere.
///
/// ```
/// use nextbest_proto::frame::{FrameError, FrameReader};
///
/// let mut reader = FrameReader::new(1_024);
/// let mut frames = Vec::new();
/// for mut chunk in [&[3, b'a', b'b'][..], &[b'c', 1, b'd']] {
///     while let Some(frame) = reader.next(&mut chunk)? {
///         frames.push(frame.to_vec());
///     }
/// }
/// reader.finish()?;
/// assert_eq!(frames, [&b"abc"[..], b"d"]);
/// # Ok::<(), FrameError>(())
/// ```
pub struct FrameReader {
    len_max: usize,
    length: Length,
    /// The length of the frame under way, once it is known.
    expected: Option<usize>,
    /// The part of a torn frame that has come. Grows to `len_max` at most and keeps its room.
    held: Vec<u8>,
    /// Why the stream is lost.
    lost: Option<FrameError>,
}

impl FrameReader {
    /// A reader for a stream whose frames hold at most `len_max` bytes (see [`crate::limits`]). Allocates
    /// nothing until a frame is torn.
    pub fn new(len_max: usize) -> Self {
        Self {
            len_max,
            length: Length::default(),
            expected: None,
            held: Vec::new(),
            lost: None,
        }
    }

    /// The next whole frame; `None` when `chunk` is used up. Takes what it read off the front of `chunk`.
    ///
    /// # Errors
    /// [`FrameError`] as soon as a length must be refused. The stream is then lost: every later call gives the same.
    pub fn next<'s, 'c: 's>(&'s mut self, chunk: &mut &'c [u8]) -> Result<Option<&'s [u8]>, FrameError> {
        let Some(expected) = self.expect(chunk)? else {
            return Ok(None);
        };
        if self.held.is_empty()
            && let Some((frame, rest)) = chunk.split_at_checked(expected)
        {
            *chunk = rest;
            self.expected = None;
            return Ok(Some(frame));
        }
        let (taken, rest) = chunk.split_at(chunk.len().min(expected - self.held.len()));
        self.hold(taken, expected);
        *chunk = rest;
        if self.held.len() < expected {
            return Ok(None);
        }
        self.expected = None;
        Ok(Some(&self.held))
    }

    /// The length of the frame under way, read from `chunk` when it is not known yet.
    fn expect(&mut self, chunk: &mut &[u8]) -> Result<Option<usize>, FrameError> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        if self.expected.is_none() {
            self.expected = self
                .length
                .take(chunk, self.len_max)
                .inspect_err(|lost| self.lost = Some(lost.clone()))?;
            if self.expected.is_some() {
                self.length = Length::default();
                self.held.clear();
            }
        }
        Ok(self.expected)
    }

    /// Keeps a part of a torn frame. Room grows by doubling, because an announced length is not yet sent, and never
    /// past the frame.
    fn hold(&mut self, part: &[u8], expected: usize) {
        let len = self.held.len() + part.len();
        if len > self.held.capacity() {
            self.held.reserve_exact((2 * len).min(expected) - self.held.len());
        }
        self.held.extend_from_slice(part);
    }

    /// To be called when the stream has ended.
    ///
    /// # Errors
    /// [`FrameError::Torn`] when it ended inside a frame; the error with which it was lost before that.
    pub fn finish(&self) -> Result<(), FrameError> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        match self.expected {
            Some(expected) => Err(FrameError::Torn {
                held: self.held.len(),
                expected,
            }),
            None if self.length.taken > 0 => Err(FrameError::Torn { held: 0, expected: 0 }),
            None => Ok(()),
        }
    }
}

/// Shows how far a frame is, never what is in it.
impl fmt::Debug for FrameReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            len_max,
            length: _,
            expected,
            held,
            lost,
        } = self;
        f.debug_struct("FrameReader")
            .field("len_max", len_max)
            .field("expected", expected)
            .field("held_len", &held.len())
            .field("lost", lost)
            .finish_non_exhaustive()
    }
}

/// A length under way: a varint that may be torn between any two of its bytes.
#[derive(Debug, Default)]
struct Length {
    value: u64,
    taken: usize,
}

impl Length {
    /// Takes bytes off `bytes` until the length is whole; `None` when they run out before.
    fn take(&mut self, bytes: &mut &[u8], len_max: usize) -> Result<Option<usize>, FrameError> {
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            let group = u64::from(byte & 0x7f);
            // The tenth group has one bit left of the 64.
            if self.taken + 1 == LENGTH_PREFIX_LEN_MAX && (group > 1 || byte >= 0x80) {
                return Err(FrameError::LengthTooLong);
            }
            self.value |= group << (7 * self.taken);
            self.taken += 1;
            if byte >= 0x80 {
                continue;
            }
            if byte == 0 && self.taken > 1 {
                return Err(FrameError::LengthNotShortest);
            }
            return match usize::try_from(self.value) {
                Ok(len) if len <= len_max => Ok(Some(len)),
                _ => Err(FrameError::TooLarge {
                    len: self.value,
                    len_max,
                }),
            };
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_message_is_a_frame() {
        let mut reader = FrameReader::new(16);
        let mut chunk = &[0, 0][..];
        assert_eq!(reader.next(&mut chunk), Ok(Some(&[][..])));
        assert_eq!(reader.next(&mut chunk), Ok(Some(&[][..])));
        assert_eq!(reader.next(&mut chunk), Ok(None));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn an_announced_length_takes_no_memory() {
        let mut reader = FrameReader::new(1 << 20);
        let mut length = alloc::vec::Vec::new();
        prost::encoding::encode_varint(1 << 20, &mut length);
        assert_eq!(reader.next(&mut &length[..]), Ok(None));
        assert_eq!(reader.held.capacity(), 0);
    }

    #[test]
    fn a_lost_stream_stays_lost() {
        let mut reader = FrameReader::new(16);
        let lost = Err(FrameError::TooLarge { len: 17, len_max: 16 });
        assert_eq!(reader.next(&mut &[17][..]), lost);
        for _ in 0..100 {
            assert_eq!(reader.next(&mut &[0xff, 1, 1][..]), lost);
        }
        assert_eq!(reader.finish().err(), lost.err());
    }

    #[test]
    fn the_buffer_of_a_torn_frame_never_outgrows_the_largest_frame() {
        let mut reader = FrameReader::new(100);
        for _ in 0..1_000 {
            for byte in core::iter::once(100).chain([7; 100]) {
                let _frame = reader.next(&mut &[byte][..]).unwrap();
            }
        }
        assert!(reader.held.capacity() <= 100, "{}", reader.held.capacity());
    }
}
