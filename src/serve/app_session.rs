//! One app's connection: its hello, its streams, its datagrams and its pushes.
//!
//! The task that read the packet decides. A request that came whole on a stream of its own is answered inside the
//! connection's task; only a stream that has to be waited for gets a task. Nothing is handed to another thread
//! between the packet and the answer.
//!
//! Deliberately absent: what a request means ([`super::requests`]), HTTP, and any state that outlives the
//! connection.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use nextbest_proto::v1::{self, ErrorCode};
use quinn::{Connection, SendDatagramError};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::app_worker::AppWorker;
use super::closing;
use super::leaving::Owed;
use super::metrics::Counter;
use super::push;
use super::request_stream::RequestStream;
use super::requests::Session;

/// How long an app may take from the handshake to a hello that is welcomed.
const HELLO_WAIT: Duration = Duration::from_secs(5);

/// Room that a connection keeps for its answers in datagrams.
const DATAGRAM_ROOM_MAX: usize = 4 * 1_024;

/// Serves one app until its connection ends.
pub(super) async fn run(worker: Rc<AppWorker>, connection: Connection, owed: Rc<Owed>) {
    let session = Rc::new(Session::new(worker, connection, owed));
    let error = serve(&session).await;
    if let Some(error) = error {
        session.worker.shared.metrics.count_error(error.code());
        closing::close(&session.connection, &error);
    }
}

/// What happened next.
enum Next {
    Stream(RequestStream),
    Datagram(Bytes),
    Welcomed,
    Late,
    Gone,
}

/// Ends with the error to close with, or without one when the connection is gone.
async fn serve(session: &Rc<Session>) -> Option<v1::Error> {
    let mut out = BytesMut::new();
    let mut hello_wait = std::pin::pin!(sleep(HELLO_WAIT));
    let mut is_welcomed = false;
    loop {
        let next = tokio::select! {
            biased;
            stream = session.connection.accept_bi() => match stream {
                Ok((send, recv)) => Next::Stream(RequestStream::new(Rc::clone(session), send, recv)),
                Err(_) => Next::Gone,
            },
            datagram = session.connection.read_datagram() => datagram.map_or(Next::Gone, Next::Datagram),
            () = session.welcomed.notified(), if !is_welcomed => Next::Welcomed,
            () = &mut hello_wait, if !is_welcomed => Next::Late,
        };
        match next {
            Next::Stream(stream) => answer_or_wait(stream).await,
            Next::Datagram(datagram) => answer_datagram(session, &datagram, &mut out),
            Next::Welcomed => {
                is_welcomed = true;
                subscribe(session);
            }
            Next::Late => return Some(v1::Error::new(ErrorCode::HelloExpected)),
            Next::Gone => return None,
        }
    }
}

/// Answers the stream if everything is there; otherwise gives it a task of its own.
async fn answer_or_wait(stream: RequestStream) {
    let mut serving: Pin<Box<dyn Future<Output = ()>>> = Box::pin(stream.serve());
    let is_done = poll_fn(|cx| Poll::Ready(serving.as_mut().poll(cx).is_ready())).await;
    if !is_done {
        // Bounded by the streams that a peer may have open.
        spawn_local(serving);
    }
}

fn answer_datagram(session: &Session, datagram: &[u8], out: &mut BytesMut) {
    out.clear();
    let request_id = session.answer_datagram(datagram, out);
    // The oldest datagrams are dropped when the peer does not take them; it was told that they may be lost.
    let sent = session.connection.send_datagram(Bytes::copy_from_slice(out));
    if matches!(sent, Err(SendDatagramError::TooLarge)) {
        let sentence = "the answer is larger than a datagram may be here; ask on a stream";
        session.refuse_datagram(request_id, v1::Error::because(ErrorCode::FrameTooLarge, sentence), out);
        let _may_be_lost = session.connection.send_datagram(Bytes::copy_from_slice(out));
    }
    if out.capacity() > DATAGRAM_ROOM_MAX {
        *out = BytesMut::new();
    }
}

fn subscribe(session: &Rc<Session>) {
    let Some(customer) = session.subscribed_customer() else {
        return;
    };
    let moved = Arc::new(tokio::sync::Notify::new());
    if session.worker.shared.subscribers.add(customer, &moved) {
        spawn_local(push::run(Rc::clone(session), customer, moved));
    } else {
        session.worker.shared.metrics.count(Counter::PushUnsent);
    }
}
