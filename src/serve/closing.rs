//! How a connection ends: the peer is told why, in words and in the code of the close.

use std::time::Duration;

use bytes::BytesMut;
use nextbest_proto::frame::encode_frame;
use nextbest_proto::v1;
use prost::Message;
use quinn::{Connection, SendStream, VarInt};
use tokio::time::timeout;

/// How long a peer that was told an error may take to read it.
const READ_WAIT: Duration = Duration::from_millis(250);
/// How long a peer that does not read may hold up its own session.
pub(super) const WRITE_WAIT: Duration = Duration::from_secs(2);

/// The QUIC application error code of a contract's error.
pub(super) fn close_code(error: &v1::Error) -> VarInt {
    VarInt::from_u32(error.code.unsigned_abs())
}

/// Closes the connection with the error's code and sentence.
pub(super) fn close(connection: &Connection, error: &v1::Error) {
    connection.close(close_code(error), error.sentence.as_bytes());
}

/// Sends `message`, which says `error`, waits until it was read or a moment has passed, and closes.
pub(super) async fn say_and_close(
    connection: &Connection,
    mut send: SendStream,
    message: &impl Message,
    error: &v1::Error,
) {
    let mut frame = BytesMut::new();
    encode_frame(message, &mut frame);
    let said = async {
        if send.write_all(&frame).await.is_ok() && send.finish().is_ok() {
            // Ready when the peer has acknowledged everything, or wants nothing any more.
            let _outcome = send.stopped().await;
        }
    };
    let _elapsed = timeout(READ_WAIT, said).await;
    close(connection, error);
}
