//! One long-lived stream of frames in two halves, for a sender that does not wait for replies.
//!
//! An open-loop load tester sends on its own schedule: it needs the halves apart, frames that are encoded already,
//! and no task, channel or allocation in between. Deliberately absent: matching replies to requests; they come in
//! the order of the requests.

use nextbest_proto::{
    limits::{APP_REPLY_LEN_MAX, APP_REQUEST_LEN_MAX},
    v1,
};
use prost::Message;
use quinn::{RecvStream, SendStream};

use crate::{
    error::{ProtocolError, RequestError},
    framing::{StreamReader, StreamWriter},
};

/// The half that sends. Giving up an await never tears a frame.
#[derive(Debug)]
pub struct StreamSender {
    writer: StreamWriter,
}

impl StreamSender {
    pub(crate) fn new(stream: SendStream) -> Self {
        Self {
            writer: StreamWriter::new(stream),
        }
    }

    /// Sends frames that are already encoded, each with its length in front.
    ///
    /// # Errors
    /// When the stream or the connection is gone.
    pub async fn send(&mut self, frames: &[u8]) -> Result<(), RequestError> {
        Ok(self.writer.send_encoded(frames).await?)
    }

    /// Encodes and sends one request.
    ///
    /// # Errors
    /// When the stream or the connection is gone, or the request is too large.
    pub async fn send_request(&mut self, request: &v1::AppRequest) -> Result<(), RequestError> {
        Ok(self.writer.send(request, APP_REQUEST_LEN_MAX).await?)
    }

    /// Tells the gateway that no more requests come; it still answers those it has.
    pub fn finish(&mut self) {
        self.writer.finish();
    }
}

/// The half that receives. Giving up an await loses no reply.
#[derive(Debug)]
pub struct StreamReceiver {
    reader: StreamReader,
}

impl StreamReceiver {
    pub(crate) fn new(stream: RecvStream) -> Self {
        Self {
            reader: StreamReader::new(stream, APP_REPLY_LEN_MAX),
        }
    }

    /// The next reply, not decoded, from a buffer that is reused; `None` after the last one.
    ///
    /// # Errors
    /// When the stream or the connection is gone, or the frame is not one.
    pub async fn receive_encoded(&mut self) -> Result<Option<&[u8]>, RequestError> {
        Ok(self.reader.next().await?)
    }

    /// The next reply; `None` after the last one.
    ///
    /// # Errors
    /// As for [`StreamReceiver::receive_encoded`], and when the frame is not a reply.
    pub async fn receive(&mut self) -> Result<Option<v1::AppReply>, RequestError> {
        match self.reader.next().await? {
            Some(frame) => Ok(Some(v1::AppReply::decode(frame).map_err(ProtocolError::from)?)),
            None => Ok(None),
        }
    }
}
