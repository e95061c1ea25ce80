//! The floors: whoever gets a request of a query's size gives a reply of an answer's size, and nothing else happens.

use std::future::Future;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::sync_channel;
use std::thread;

use bytes::Bytes as Shared;
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::transport::{self, Limits};
use quinn::{Connection, Endpoint, RecvStream, SendStream, ServerConfig};
use tokio::task::{LocalSet, spawn_local};

use crate::ask::{Bytes, frame_lens};

/// Most bytes that are read at once.
const CHUNK_LEN_MAX: usize = 2_048;

/// A QUIC echo with the gateway's TLS and limits, on a thread of its own until the process ends.
pub(crate) struct QuicEcho {
    pub(crate) address: SocketAddr,
}

impl QuicEcho {
    pub(crate) fn start(keys: &KeyFolder, bytes: &Bytes) -> Self {
        let config = transport::app_config(keys, &Limits::APP).unwrap();
        let (request_len, reply) = (bytes.request.len(), Shared::from(bytes.reply.clone()));
        let address = on_a_thread(async move |started| {
            let endpoint = endpoint(config);
            started(endpoint.local_addr().unwrap());
            while let Some(incoming) = endpoint.accept().await {
                let reply = reply.clone();
                spawn_local(async move { serve(incoming.await.unwrap(), request_len, reply).await });
            }
        });
        Self { address }
    }
}

fn endpoint(config: ServerConfig) -> Endpoint {
    Endpoint::server(config, SocketAddr::from(([127, 0, 0, 1], 0))).unwrap()
}

async fn serve(connection: Connection, request_len: usize, reply: Shared) {
    let datagram = reply.slice(frame_lens(&reply).0..);
    loop {
        tokio::select! {
            biased;
            stream = connection.accept_bi() => match stream {
                Ok((send, receive)) => drop(spawn_local(echo(send, receive, request_len, reply.clone()))),
                Err(_) => return,
            },
            asked = connection.read_datagram() => match asked {
                Ok(_) => connection.send_datagram(datagram.clone()).unwrap(),
                Err(_) => return,
            },
        }
    }
}

/// One reply for each `request_len` bytes, until the stream or its connection ends.
async fn echo(mut send: SendStream, mut receive: RecvStream, request_len: usize, reply: Shared) {
    let mut unanswered = 0;
    while let Ok(Some(chunk)) = receive.read_chunk(CHUNK_LEN_MAX, true).await {
        unanswered += chunk.bytes.len();
        while unanswered >= request_len {
            unanswered -= request_len;
            send.write_all(&reply).await.unwrap();
        }
    }
    // The client may have gone.
    let _gone = send.finish();
}

/// UDP echoes of both kinds, each on a thread of its own until the process ends.
pub(crate) struct UdpEcho {
    pub(crate) blocking: SocketAddr,
    pub(crate) runtime: SocketAddr,
}

impl UdpEcho {
    pub(crate) fn start(bytes: &Bytes) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let blocking = socket.local_addr().unwrap();
        let reply = bytes.reply.clone();
        thread::spawn(move || {
            let mut request = [0; CHUNK_LEN_MAX];
            loop {
                let (_, from) = socket.recv_from(&mut request).unwrap();
                socket.send_to(&reply, from).unwrap();
            }
        });
        let reply = bytes.reply.clone();
        let runtime = on_a_thread(async move |started| {
            let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
            started(socket.local_addr().unwrap());
            let mut request = [0; CHUNK_LEN_MAX];
            loop {
                let (_, from) = socket.recv_from(&mut request).await.unwrap();
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        Self { blocking, runtime }
    }
}

/// Runs a server on a thread and a runtime of its own; returns the address that it says it has.
fn on_a_thread<F: Future<Output = ()>>(
    serve: impl FnOnce(Box<dyn FnOnce(SocketAddr)>) -> F + Send + 'static,
) -> SocketAddr {
    let (started, address) = sync_channel(1);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        LocalSet::new().block_on(&runtime, serve(Box::new(move |address| started.send(address).unwrap())));
    });
    address.recv().unwrap()
}
