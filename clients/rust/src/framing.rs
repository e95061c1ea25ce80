//! Frames on QUIC streams, read and written so that a caller may give up at any await without tearing one.
//!
//! Deliberately absent: the frame itself, which is the contract's ([`nextbest_proto::frame`]).

use bytes::{Buf, BytesMut};
use nextbest_proto::frame::{FrameError as BadFrame, LENGTH_PREFIX_LEN_MAX, encode_frame, split_frame};
use prost::Message;
use quinn::{RecvStream, SendStream, VarInt};

use crate::error::{FrameError, Lost, ProtocolError};

/// First size of a read buffer; most replies fit, and it grows by doubling.
const READ_BUFFER_LEN_MIN: usize = 2_048;

/// Reads frames from a stream into one buffer, which is reused.
#[derive(Debug)]
pub(crate) struct StreamReader {
    stream: RecvStream,
    buffer: Vec<u8>,
    /// What has been read and not yet handed out: `buffer[start..end]`.
    start: usize,
    end: usize,
    frame_len_max: usize,
}

impl StreamReader {
    pub(crate) fn new(stream: RecvStream, frame_len_max: usize) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            frame_len_max,
        }
    }

    /// The next frame's message; `None` when the stream ended between two frames. Safe to give up and call again.
    pub(crate) async fn next(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let (first, last) = loop {
            let mut rest = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(frame) = split_frame(&mut rest, self.frame_len_max).map_err(ProtocolError::from)? {
                let last = self.end - rest.len();
                let first = last - frame.len();
                self.start = last;
                break (first, last);
            }
            if !self.fill().await? {
                return Ok(None);
            }
        };
        Ok(self.buffer.get(first..last))
    }

    /// Decodes the next frame.
    pub(crate) async fn message<M: Message + Default>(&mut self, expected: &'static str) -> Result<M, FrameError> {
        let frame = self.next().await?.ok_or(ProtocolError::FrameMissing { expected })?;
        Ok(M::decode(frame).map_err(ProtocolError::from)?)
    }

    /// Reads what has come; false at the end of the stream.
    async fn fill(&mut self) -> Result<bool, FrameError> {
        self.make_room();
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.stream.read(room).await.map_err(Lost::from)? {
            Some(len) => {
                self.end += len;
                Ok(true)
            }
            None if self.start == self.end => Ok(false),
            None => Err(ProtocolError::from(self.torn()).into()),
        }
    }

    fn torn(&self) -> BadFrame {
        let held = self.buffer.get(self.start..self.end).unwrap_or_default();
        let expected = prost::decode_length_delimiter(held).unwrap_or(0);
        let prefix_len = if expected == 0 {
            held.len()
        } else {
            prost::length_delimiter_len(expected)
        };
        BadFrame::Torn {
            held: held.len() - prefix_len,
            expected,
        }
    }

    /// A frame that is not whole yet is shorter than the largest one, so doubling ends at twice that.
    fn make_room(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            let len_max = self.frame_len_max + LENGTH_PREFIX_LEN_MAX;
            let len = (self.buffer.len() * 2).clamp(READ_BUFFER_LEN_MIN.min(len_max), len_max);
            self.buffer.resize(len, 0);
        }
    }
}

/// Writes frames to a stream through one buffer. What a caller did not wait for goes out before the next frame.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    stream: SendStream,
    buffer: BytesMut,
}

impl StreamWriter {
    pub(crate) fn new(stream: SendStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// Sends one message as a frame. When it is given up, the frame goes out with the next one or not at all.
    pub(crate) async fn send(&mut self, message: &impl Message, len_max: usize) -> Result<(), FrameError> {
        self.flush().await?;
        self.add(message, len_max)?;
        self.flush().await
    }

    /// Puts one message behind those that go out with the next [`StreamWriter::flush`].
    pub(crate) fn add(&mut self, message: &impl Message, len_max: usize) -> Result<(), ProtocolError> {
        let len = message.encoded_len();
        if len > len_max {
            return Err(BadFrame::TooLarge {
                len: len as u64,
                len_max,
            }
            .into());
        }
        encode_frame(message, &mut self.buffer);
        Ok(())
    }

    /// Sends frames that are already encoded. They are copied first, so that giving up does not tear one.
    pub(crate) async fn send_encoded(&mut self, frames: &[u8]) -> Result<(), FrameError> {
        self.flush().await?;
        self.buffer.extend_from_slice(frames);
        self.flush().await
    }

    pub(crate) fn finish(&mut self) {
        // A stream that is closed already has nothing to finish.
        let _closed = self.stream.finish();
    }

    /// Ends the stream and waits until the peer has all of it, has stopped reading, or is gone.
    pub(crate) async fn finish_and_wait(&mut self) {
        self.finish();
        let _code = self.stream.stopped().await;
    }

    pub(crate) async fn flush(&mut self) -> Result<(), FrameError> {
        while !self.buffer.is_empty() {
            let taken = self.stream.write(&self.buffer).await.map_err(Lost::from)?;
            self.buffer.advance(taken);
        }
        Ok(())
    }
}

impl Drop for StreamWriter {
    /// quinn ends a dropped stream as if it were complete: a frame that is half out must not look like one.
    fn drop(&mut self) {
        if !self.buffer.is_empty() {
            let _closed = self.stream.reset(VarInt::from_u32(0));
        }
    }
}
