//! The UDP door: each datagram is a raddec, in bytes or in JSON.
//!
//! Nobody is answered, so a datagram that cannot be used is counted and gone. Deliberately absent: a check of who sends;
//! an address on a datagram proves nothing, so this door is for a network of one's own.

use std::io;
use std::net::UdpSocket as StdUdpSocket;
use std::sync::Arc;

use tokio::net::UdpSocket;

use super::Doors;
use crate::serve::shared::Stage;
use crate::wire::payload::{Family, read_body};

/// Bytes of the longest datagram.
pub(super) const DATAGRAM_LEN_MAX: usize = 65_536;

/// Serves until the gateway drains.
///
/// # Errors
/// When the socket cannot be used.
pub(super) fn serve(doors: Arc<Doors>, socket: StdUdpSocket) -> io::Result<impl Future<Output = ()>> {
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket)?;
    Ok(async move {
        let mut stage = doors.stage();
        let mut datagram = vec![0; DATAGRAM_LEN_MAX];
        loop {
            let received = tokio::select! {
                received = socket.recv_from(&mut datagram) => received,
                _stage = stage.wait_for(|stage| *stage == Stage::Draining) => return,
            };
            // An error is about an earlier datagram of ours, and there are none.
            let Ok((len, from)) = received else { continue };
            let payload = datagram.get(..len).unwrap_or_default();
            let _counted = doors.take(Some(from.ip()), Family::Raddec, |say| {
                read_body(Family::Raddec, payload, say)
            });
        }
    })
}
