//! One bidirectional stream of an app: frames in, replies out in the same order.
//!
//! It does not matter whether the stream carries one request or a thousand. All requests of a chunk are answered
//! into one buffer and written at once, or whenever that buffer has [`OUT_LEN_MAX`] bytes. A request that makes no sense
//! gets an error and the stream goes on; bytes that are no frame end the stream, and after a few of those the connection.
//! A frame that has begun has [`FRAME_WAIT`] to come whole, however its bytes are spread, and all torn frames of a
//! connection together may hold a bounded number of bytes.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use nextbest_proto::frame::{FrameError, FrameReader, encode_frame};
use nextbest_proto::limits::APP_REQUEST_LEN_MAX;
use nextbest_proto::v1::{self, ErrorCode, app_reply};
use quinn::{RecvStream, SendStream};
use tokio::time::{Instant, timeout, timeout_at};

use super::closing::{self, WRITE_WAIT};
use super::requests::{Session, Then};
use super::stream_watch::Ended;

/// Most bytes taken at once.
const CHUNK_LEN_MAX: usize = 16 * 1_024;
/// How long a frame may take from its first byte to its last.
const FRAME_WAIT: Duration = Duration::from_secs(2);
/// Replies are written when they have so many bytes. The buffer holds this and one reply more at most.
const OUT_LEN_MAX: usize = 16 * 1_024;
/// Room that a stream which waits may keep in its reader, and in its buffer for replies.
pub(super) const ROOM_KEPT_MAX: usize = 1_024;

/// A stream with its reader and its buffer.
pub(super) struct RequestStream {
    session: Rc<Session>,
    send: SendStream,
    recv: RecvStream,
    out: BytesMut,
    /// When the frame that has begun must be whole.
    torn_until: Option<Instant>,
    /// Bytes that the reader holds for it, with the room it takes ahead.
    torn_bytes: usize,
    has_answered: bool,
}

/// Why a stream ends.
enum End {
    /// The peer has finished and has its answers.
    Finished,
    /// The stream cannot be read on; the peer is told why.
    Broken(v1::Error),
    /// The connection ends for this, and the peer is told why.
    Refused(u64, v1::Error),
    /// The peer does not read what it asked for.
    Unread,
    /// There is nobody to tell.
    Gone,
}

impl RequestStream {
    pub(super) fn new(session: Rc<Session>, send: SendStream, recv: RecvStream) -> Self {
        Self {
            session,
            send,
            recv,
            out: BytesMut::new(),
            torn_until: None,
            torn_bytes: 0,
            has_answered: false,
        }
    }

    /// Answers every request of the stream until it ends.
    pub(super) async fn serve(mut self) {
        let end = self.answer_all().await;
        self.session.held.takes(self.torn_bytes, 0);
        let how = if self.has_answered {
            Ended::Answered
        } else {
            Ended::Abandoned
        };
        let is_too_much = self.session.streams.ended(self.session.worker.shared.clock.now(), how);
        // The other streams of a connection that was closed end with it, and are not told again.
        if is_too_much && self.session.connection.close_reason().is_none() {
            let error = v1::Error::new(ErrorCode::StreamsAbandoned);
            self.session.count_error(&error);
            return closing::close(&self.session.connection, &error);
        }
        match end {
            End::Finished => {
                let _gone = self.send.finish();
            }
            End::Gone => {}
            End::Broken(error) => self.end_broken(error).await,
            End::Unread => {
                let error = v1::Error::because(ErrorCode::Overloaded, "the app did not read its replies");
                self.end_broken(error).await;
            }
            End::Refused(request_id, error) => {
                self.session.count_error(&error);
                let reply = error_reply(request_id, error.clone());
                closing::say_and_close(&self.session.connection, self.send, &reply, &error).await;
            }
        }
    }

    async fn answer_all(&mut self) -> End {
        let mut reader = FrameReader::new(APP_REQUEST_LEN_MAX);
        loop {
            let chunk = match self.read().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => {
                    return match reader.finish() {
                        Ok(()) => End::Finished,
                        Err(error) => End::Broken(v1::Error::because(error.code(), error.to_string())),
                    };
                }
                Err(end) => return end,
            };
            let completed = match self.answer_chunk(&mut reader, &chunk).await {
                Ok(completed) => completed,
                Err(end) => return end,
            };
            if let Err(end) = self.note_torn(&mut reader, completed) {
                return end;
            }
        }
    }

    /// The next chunk; a frame that has begun must go on soon, an idle stream may stay as long as its connection.
    async fn read(&mut self) -> Result<Option<Bytes>, End> {
        let reading = self.recv.read_chunk(CHUNK_LEN_MAX, true);
        let chunk = if let Some(until) = self.torn_until {
            let late = || {
                End::Broken(v1::Error::because(
                    ErrorCode::DeadlinePassed,
                    "the rest of a frame did not come",
                ))
            };
            timeout_at(until, reading).await.map_err(|_| late())?
        } else {
            reading.await
        };
        chunk.map(|chunk| chunk.map(|chunk| chunk.bytes)).map_err(|_| End::Gone)
    }

    /// Lets the clock of a torn frame run on, or starts it anew when another frame has come whole meanwhile.
    fn note_torn(&mut self, reader: &mut FrameReader, completed: bool) -> Result<(), End> {
        let held = match reader.finish() {
            Err(FrameError::Torn { held, .. }) => Some(held),
            _ => None,
        };
        self.torn_until = held.map(|_| match self.torn_until {
            Some(until) if !completed => until,
            _ => Instant::now() + FRAME_WAIT,
        });
        // A reader takes up to twice the room that it needs.
        let bytes = held.map_or(0, |held| 2 * held);
        if held.is_none() && self.torn_bytes > ROOM_KEPT_MAX {
            *reader = FrameReader::new(APP_REQUEST_LEN_MAX);
        }
        let fits = self.session.held.takes(self.torn_bytes, bytes);
        self.torn_bytes = bytes;
        let too_much = || match self.session.held.is_welcomed() {
            true => v1::Error::because(
                ErrorCode::Overloaded,
                "too much is held of frames that have not come whole; send large requests one after the other",
            ),
            false => v1::Error::because(ErrorCode::FrameTooLarge, "a hello is expected to be smaller"),
        };
        fits.then_some(()).ok_or_else(|| End::Broken(too_much()))
    }

    /// Answers the frames that a chunk completes; true when there was one.
    async fn answer_chunk(&mut self, reader: &mut FrameReader, mut chunk: &[u8]) -> Result<bool, End> {
        let came = self.session.worker.shared.clock.now();
        let mut completed = false;
        let broken = loop {
            if self.out.len() >= OUT_LEN_MAX {
                self.flush().await?;
            }
            match reader.next(&mut chunk) {
                Ok(Some(frame)) => {
                    completed = true;
                    self.has_answered = true;
                    match self.session.answer_frame(came, frame, &mut self.out) {
                        Then::Next => {}
                        Then::AwaitDurable(waiting) => {
                            let _owing = self.session.owed.begin();
                            self.flush().await?;
                            self.session.acknowledge(waiting, &mut self.out).await;
                            self.session.worker.shared.overload.apps.backlog.turn_begins();
                        }
                        Then::Close(request_id, error) => {
                            self.flush().await?;
                            return Err(End::Refused(request_id, error));
                        }
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(v1::Error::because(error.code(), error.to_string())),
            }
        };
        self.flush().await?;
        broken.map_or(Ok(completed), |error| Err(End::Broken(error)))
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let held = &self.session.held;
        let waits = self.out.capacity();
        let written = {
            let mut writing = pin!(timeout(WRITE_WAIT, self.send.write_all(&self.out)));
            // Most replies go at once, and are never held.
            let polled = poll_fn(|context| Poll::Ready(writing.as_mut().poll(context))).await;
            match polled {
                Poll::Ready(written) => written,
                Poll::Pending if held.takes(0, waits) => {
                    let written = writing.await;
                    held.takes(waits, 0);
                    written
                }
                Poll::Pending => {
                    held.takes(waits, 0);
                    return Err(End::Unread);
                }
            }
        };
        self.out.clear();
        if self.out.capacity() > ROOM_KEPT_MAX {
            self.out = BytesMut::new();
        }
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Unread),
        }
    }

    /// Ends this stream; and the connection, when it keeps sending what is no frame.
    async fn end_broken(mut self, error: v1::Error) {
        self.session.count_error(&error);
        if self.session.is_one_too_many() {
            let reply = error_reply(0, error.clone());
            return closing::say_and_close(&self.session.connection, self.send, &reply, &error).await;
        }
        let code = closing::close_code(&error);
        self.out = BytesMut::new();
        encode_frame(&error_reply(0, error), &mut self.out);
        let _gone = timeout(WRITE_WAIT, self.send.write_all(&self.out)).await;
        let _gone = self.send.finish();
        let _gone = self.recv.stop(code);
    }
}

/// A reply that says an error.
pub(super) fn error_reply(request_id: u64, error: v1::Error) -> v1::AppReply {
    v1::AppReply {
        request_id,
        body: Some(app_reply::Body::Error(error)),
    }
}
