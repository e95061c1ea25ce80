//! One bidirectional stream of an app: frames in, replies out in the same order.
//!
//! It does not matter whether the stream carries one request or a thousand. All requests of a chunk are answered
//! into one buffer and written at once. A request that makes no sense gets an error and the stream goes on; bytes
//! that are no frame end the stream, and after a few of those the connection.

use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use nextbest_proto::frame::{FrameReader, encode_frame};
use nextbest_proto::limits::APP_REQUEST_LEN_MAX;
use nextbest_proto::v1::{self, ErrorCode, app_reply};
use quinn::{RecvStream, SendStream};
use tokio::time::timeout;

use super::closing::{self, WRITE_WAIT};
use super::requests::{Session, Then};

/// Most bytes taken at once.
const CHUNK_LEN_MAX: usize = 16 * 1_024;
/// How long the rest of a frame that has begun may take.
const FRAME_WAIT: Duration = Duration::from_secs(2);

/// A stream with its reader and its buffer.
pub(super) struct RequestStream {
    session: Rc<Session>,
    send: SendStream,
    recv: RecvStream,
    out: BytesMut,
}

/// Why a stream ends.
enum End {
    /// The peer has finished and has its answers.
    Finished,
    /// The stream cannot be read on; the peer is told why.
    Broken(v1::Error),
    /// The connection ends for this, and the peer is told why.
    Refused(u64, v1::Error),
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
        }
    }

    /// Answers every request of the stream until it ends.
    pub(super) async fn serve(mut self) {
        match self.answer_all().await {
            End::Finished => {
                let _gone = self.send.finish();
            }
            End::Gone => {}
            End::Broken(error) => self.end_broken(error).await,
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
            let chunk = match self.read(&reader).await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => {
                    return match reader.finish() {
                        Ok(()) => End::Finished,
                        Err(error) => End::Broken(v1::Error::because(error.code(), error.to_string())),
                    };
                }
                Err(end) => return end,
            };
            if let Err(end) = self.answer_chunk(&mut reader, &chunk).await {
                return end;
            }
        }
    }

    /// The next chunk; a frame that has begun must go on soon, an idle stream may stay as long as its connection.
    async fn read(&mut self, reader: &FrameReader) -> Result<Option<Bytes>, End> {
        let is_torn = reader.finish().is_err();
        let reading = self.recv.read_chunk(CHUNK_LEN_MAX, true);
        let chunk = if is_torn {
            let late = || {
                End::Broken(v1::Error::because(
                    ErrorCode::DeadlinePassed,
                    "the rest of a frame did not come",
                ))
            };
            timeout(FRAME_WAIT, reading).await.map_err(|_| late())?
        } else {
            reading.await
        };
        chunk.map(|chunk| chunk.map(|chunk| chunk.bytes)).map_err(|_| End::Gone)
    }

    async fn answer_chunk(&mut self, reader: &mut FrameReader, mut chunk: &[u8]) -> Result<(), End> {
        let came = self.session.worker.shared.clock.now();
        let broken = loop {
            match reader.next(&mut chunk) {
                Ok(Some(frame)) => match self.session.answer_frame(came, frame, &mut self.out) {
                    Then::Next => {}
                    Then::AwaitDurable(waiting) => {
                        self.flush().await?;
                        self.session.acknowledge(waiting, &mut self.out).await;
                    }
                    Then::Close(request_id, error) => {
                        self.flush().await?;
                        return Err(End::Refused(request_id, error));
                    }
                },
                Ok(None) => break None,
                Err(error) => break Some(v1::Error::because(error.code(), error.to_string())),
            }
        };
        self.flush().await?;
        broken.map_or(Ok(()), |error| Err(End::Broken(error)))
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let written = timeout(WRITE_WAIT, self.send.write_all(&self.out)).await;
        self.out.clear();
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Broken(v1::Error::because(
                ErrorCode::Overloaded,
                "the app did not read its replies",
            ))),
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
        self.out.clear();
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
