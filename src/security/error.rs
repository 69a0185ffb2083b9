//! How a handshake fails.

use crate::error::Errno;
use crate::options::constants::{
    ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR, ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND,
};

/// A failed handshake, sorted by what the socket's monitor gets to see of it.
///
/// All of these but [`Closed`](HandshakeError::Closed) are the peer's or the configuration's fault, so a
/// connecting socket does not try again. A connection that breaks during the handshake is not among
/// them; that is for the engine to notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandshakeError {
    /// `ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL` with this `ZMQ_PROTOCOL_ERROR_*` value.
    Protocol(i32),
    /// `ZMQ_EVENT_HANDSHAKE_FAILED_AUTH` with this ZAP status: 300, 400 or 500.
    Auth(i32),
    /// `ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL` with this error number.
    NoDetail(Errno),
    /// No event of its own: libzmq only reports the disconnection that follows.
    Silent(Errno),
    /// The peer said that it goes away. The connection counts as broken.
    Closed,
}

impl HandshakeError {
    pub(crate) const UNEXPECTED_COMMAND: HandshakeError =
        HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
    pub(crate) const MALFORMED_ERROR: HandshakeError =
        HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR);

    /// The failure as an error number.
    pub fn errno(self) -> Errno {
        match self {
            HandshakeError::Protocol(_) | HandshakeError::Auth(_) => Errno::EPROTO,
            HandshakeError::NoDetail(errno) | HandshakeError::Silent(errno) => errno,
            HandshakeError::Closed => Errno::ECONNRESET,
        }
    }
}
