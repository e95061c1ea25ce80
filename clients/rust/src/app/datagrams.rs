//! Requests as datagrams: each may be lost, and its reply too, so each waits only until its caller's deadline.
//!
//! Deliberately absent: resending. A caller who cannot lose a request uses a stream.

use std::{collections::HashMap, sync::Arc};

use nextbest_proto::v1;
use prost::Message;
use quinn::{Connection, SendDatagramError};
use tokio::sync::{Semaphore, oneshot};

use crate::{
    error::{Lost, RequestError},
    locked::Locked,
};

/// Those who wait for a reply, by request.
#[derive(Debug)]
pub(crate) struct Datagrams {
    waiting: Locked<HashMap<u64, oneshot::Sender<v1::AppReply>>>,
    /// As many as may wait at once.
    open: Semaphore,
}

impl Datagrams {
    pub(crate) fn new(open_max: usize) -> Self {
        Self {
            waiting: Locked::new(HashMap::new()),
            open: Semaphore::new(open_max),
        }
    }

    /// Sends the request and waits for its reply; give up at the deadline, the reply may never come.
    pub(crate) async fn ask(
        &self,
        connection: &Connection,
        request: &v1::AppRequest,
    ) -> Result<v1::AppReply, RequestError> {
        // The semaphore is never closed.
        let _open = self.open.acquire().await;
        let (reply, replied) = oneshot::channel();
        let _waiting = Waiting::new(self, request.request_id, reply);
        send(connection, request)?;
        tokio::select! {
            // A reply that came before the connection ended counts.
            biased;
            Ok(reply) = replied => Ok(reply),
            lost = connection.closed() => Err(Lost::from(lost).into()),
        }
    }

    /// Hands each reply to whoever waits for it; what nobody waits for came too late and is dropped.
    pub(crate) async fn read(self: Arc<Self>, connection: Connection) {
        while let Ok(datagram) = connection.read_datagram().await {
            let Ok(reply) = v1::AppReply::decode(datagram) else {
                continue;
            };
            if let Some(waiting) = self.waiting.with(|waiting| waiting.remove(&reply.request_id)) {
                // The caller may have given up in this moment.
                let _late = waiting.send(reply);
            }
        }
    }
}

/// A place in the table, given back also when the caller gives up.
struct Waiting<'a> {
    datagrams: &'a Datagrams,
    request_id: u64,
}

impl<'a> Waiting<'a> {
    fn new(datagrams: &'a Datagrams, request_id: u64, reply: oneshot::Sender<v1::AppReply>) -> Self {
        datagrams.waiting.with(|waiting| waiting.insert(request_id, reply));
        Self { datagrams, request_id }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.datagrams.waiting.with(|waiting| waiting.remove(&self.request_id));
    }
}

fn send(connection: &Connection, request: &v1::AppRequest) -> Result<(), RequestError> {
    let bytes = request.encode_to_vec();
    let len = bytes.len();
    connection.send_datagram(bytes.into()).map_err(|error| match error {
        SendDatagramError::TooLarge => RequestError::TooLarge {
            len,
            len_max: connection.max_datagram_size().unwrap_or(0),
        },
        SendDatagramError::ConnectionLost(lost) => Lost::from(lost).into(),
        SendDatagramError::UnsupportedByPeer | SendDatagramError::Disabled => {
            RequestError::DatagramUnsent(error.to_string())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_up_leaves_nothing_behind() {
        let datagrams = Datagrams::new(1);
        let waiting = Waiting::new(&datagrams, 7, oneshot::channel().0);
        assert_eq!(datagrams.waiting.with(|waiting| waiting.len()), 1);
        drop(waiting);
        assert_eq!(datagrams.waiting.with(|waiting| waiting.len()), 0);
    }
}
