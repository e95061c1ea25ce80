//! Connections of an HTTP listener: how many at once, of how many from one address, and how long one may be silent.
//!
//! A connection carries one request at a time, because our listeners speak HTTP/1.1 only; so bounding connections bounds memory.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
use std::pin::Pin;
#[expect(
    clippy::disallowed_types,
    reason = "a listener has one thread, so nobody waits; axum asks for what could go to another"
)]
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready as poll_ready};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::serve::metrics::Metrics;

/// A connection that sends and takes nothing this long is closed. Gateways report every few seconds.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Lets connections in, or not.
#[derive(Clone)]
pub(in crate::serve) struct Guard {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    open: Arc<Mutex<HashMap<IpAddr, u32>>>,
    metrics: Arc<Metrics>,
    refused: fn(&Metrics),
    connections_max: u32,
    per_address_max: u32,
}

impl Guard {
    /// Lets so many in; `refused` counts those who are not.
    pub(in crate::serve) fn new(
        metrics: Arc<Metrics>,
        refused: fn(&Metrics),
        connections_max: u32,
        per_address_max: u32,
    ) -> Self {
        Self {
            open: Arc::default(),
            metrics,
            refused,
            connections_max,
            per_address_max,
        }
    }

    fn let_in(&self, from: IpAddr) -> Option<Held> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = open.values().sum();
        let of_address = open.get(&from).copied().unwrap_or_default();
        if all >= self.connections_max || of_address >= self.per_address_max {
            return None;
        }
        open.insert(from, of_address + 1);
        drop(open);
        let guard = self.clone();
        Some(Held { guard, from })
    }
}

impl<S> Accept<TcpStream, S> for Guard {
    type Stream = Guarded;
    type Service = S;
    type Future = Ready<Result<(Guarded, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let held = stream.peer_addr().map(|from| self.let_in(from.ip().to_canonical()));
        ready(match held {
            Ok(Some(held)) => Ok((
                Guarded {
                    stream,
                    silence: Box::pin(sleep(SILENCE_MAX)),
                    _held: held,
                },
                service,
            )),
            Ok(None) => {
                (self.refused)(&self.metrics);
                Err(Error::from(ErrorKind::ConnectionRefused))
            }
            Err(error) => Err(error),
        })
    }
}

/// A connection that counts as open until it is dropped.
struct Held {
    guard: Guard,
    from: IpAddr,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = self.guard.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.from) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => {
                open.remove(&self.from);
            }
        }
    }
}

/// A connection that was let in; silence ends it.
pub(in crate::serve) struct Guarded {
    stream: TcpStream,
    silence: Pin<Box<Sleep>>,
    _held: Held,
}

impl Guarded {
    /// What came of reading or writing; when nothing did, whether that has lasted too long.
    fn heard<T>(&mut self, context: &mut Context<'_>, polled: Poll<Result<T>>) -> Poll<Result<T>> {
        if polled.is_ready() {
            self.silence.set(sleep(SILENCE_MAX));
            return polled;
        }
        poll_ready!(self.silence.as_mut().poll(context));
        Poll::Ready(Err(Error::from(ErrorKind::TimedOut)))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.heard(context, polled)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.heard(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
