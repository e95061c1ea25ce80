//! The session's one long-lived stream: many callers have requests in flight, replies come in their order.
//!
//! One task writes, so that a caller who gives up never leaves half a request on the stream, and one task reads.
//! The stream is opened with the first request, and again when the gateway has ended it. Deliberately absent:
//! deadlines, which are the caller's.

use nextbest_proto::{
    limits::{APP_REPLY_LEN_MAX, APP_REQUEST_LEN_MAX},
    v1::{self, app_reply},
};
use prost::Message;
use quinn::Connection;
use std::sync::Arc;
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    error::{FrameError, Lost, ProtocolError, RequestError},
    framing::{StreamReader, StreamWriter},
};

/// Requests that go out in one write.
const WRITE_BATCH_LEN_MAX: usize = 64;

type Replied = Result<v1::AppReply, RequestError>;

/// The stream, and how many requests it may hold.
#[derive(Debug)]
pub(crate) struct Pipeline {
    connection: Connection,
    open_max: usize,
    open: Arc<Semaphore>,
    line: Mutex<Option<Line>>,
}

/// An open stream with the two tasks that serve it.
#[derive(Debug)]
struct Line {
    requests: mpsc::Sender<Request>,
    /// From the writer to the reader; closed when either has ended.
    sent: mpsc::Sender<Waiting>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Request {
    request: v1::AppRequest,
    waiting: Waiting,
}

/// Whoever waits for the reply, and the request's place among those in flight.
#[derive(Debug)]
struct Waiting {
    request_id: u64,
    reply: oneshot::Sender<Replied>,
    _place: OwnedSemaphorePermit,
}

impl Pipeline {
    pub(crate) fn new(connection: Connection, open_max: usize) -> Self {
        Self {
            connection,
            open_max,
            open: Arc::new(Semaphore::new(open_max)),
            line: Mutex::new(None),
        }
    }

    /// Sends the request and waits for its reply. Giving up is safe; the reply is then dropped when it comes.
    pub(crate) async fn ask(&self, request: v1::AppRequest) -> Replied {
        let place = Arc::clone(&self.open)
            .acquire_owned()
            .await
            .map_err(|_closed| Lost::Local)?;
        let requests = self.requests().await?;
        let (reply, replied) = oneshot::channel();
        let waiting = Waiting {
            request_id: request.request_id,
            reply,
            _place: place,
        };
        // There is room for every request that has a place; only a stream that ended takes none.
        if requests.send(Request { request, waiting }).await.is_err() {
            return Err(self.lost());
        }
        replied.await.unwrap_or_else(|_dropped| Err(self.lost()))
    }

    /// Where requests go; opens the stream when there is none.
    async fn requests(&self) -> Result<mpsc::Sender<Request>, RequestError> {
        let mut line = self.line.lock().await;
        let open = |line: &&Line| !line.requests.is_closed() && !line.sent.is_closed();
        if let Some(line) = line.as_ref().filter(open) {
            return Ok(line.requests.clone());
        }
        let (send, receive) = self.connection.open_bi().await.map_err(Lost::from)?;
        let (requests, written) = mpsc::channel(self.open_max);
        let (sent, waiting) = mpsc::channel(self.open_max);
        let mut tasks = JoinSet::new();
        tasks.spawn(write(StreamWriter::new(send), written, sent.clone()));
        tasks.spawn(read(StreamReader::new(receive, APP_REPLY_LEN_MAX), waiting));
        *line = Some(Line {
            requests: requests.clone(),
            sent,
            _tasks: tasks,
        });
        Ok(requests)
    }

    fn lost(&self) -> RequestError {
        self.connection.close_reason().map_or(Lost::Finished, Lost::from).into()
    }
}

/// Writes requests in the order in which they came, as many at once as there are.
async fn write(mut writer: StreamWriter, mut requests: mpsc::Receiver<Request>, sent: mpsc::Sender<Waiting>) {
    let mut batch = Vec::with_capacity(WRITE_BATCH_LEN_MAX);
    while requests.recv_many(&mut batch, WRITE_BATCH_LEN_MAX).await > 0 {
        for Request { request, waiting } in batch.drain(..) {
            // The session has checked the length.
            if writer.add(&request, APP_REQUEST_LEN_MAX).is_err() || sent.send(waiting).await.is_err() {
                return;
            }
        }
        if writer.flush().await.is_err() {
            return;
        }
    }
}

/// Gives each reply to the oldest request; when the stream ends or breaks, everybody who waits hears why.
async fn read(mut reader: StreamReader, mut waiting: mpsc::Receiver<Waiting>) {
    let error = loop {
        let reply = match next(&mut reader).await {
            Ok(reply) => reply,
            Err(error) => break error,
        };
        let Ok(oldest) = waiting.try_recv() else {
            break unexpected();
        };
        let is_error = matches!(reply.body, Some(app_reply::Body::Error(_)));
        if reply.request_id != oldest.request_id && !is_error {
            let _gone = oldest.reply.send(Err(unexpected()));
            break unexpected();
        }
        // The caller may have given up.
        let _gone = oldest.reply.send(Ok(reply));
    };
    waiting.close();
    while let Some(waiting) = waiting.recv().await {
        let _gone = waiting.reply.send(Err(error.clone()));
    }
}

async fn next(reader: &mut StreamReader) -> Replied {
    let frame = reader.next().await?.ok_or(FrameError::Lost(Lost::Finished))?;
    Ok(v1::AppReply::decode(frame).map_err(ProtocolError::from)?)
}

fn unexpected() -> RequestError {
    ProtocolError::MessageUnexpected {
        expected: "the reply to the oldest request",
    }
    .into()
}
