//! MESSAGE: what both ends of a CURVE connection send once they share a key.
//!
//! ```text
//! 07 MESSAGE | nonce: 8 bytes, counted | authenticator: 16 bytes | flags and body, encrypted
//! ```
//!
//! The outer frame says nothing: whether more parts follow, and whether the body is a command, is
//! in the encrypted flags. Numbers only rise, so that nothing can be sent twice by somebody else.
//! Both halves work in the memory where the message lies already.

use core::ops::Range;

use super::boxes::MAC_LEN;
use super::series::{Series, PREFIX_LEN};
use super::{CRYPTOGRAPHIC, SHORT_NONCE_LEN};
use crate::error::Errno;
use crate::options::constants::{
    ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE, ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE,
    ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED,
};
use crate::security::keys::SecretKey;
use crate::security::{flags, HandshakeError};

const MESSAGE: &[u8; 8] = b"\x07MESSAGE";
const FROM_CLIENT: &[u8; PREFIX_LEN] = b"CurveZMQMESSAGEC";
const FROM_SERVER: &[u8; PREFIX_LEN] = b"CurveZMQMESSAGES";
const MAC_AT: usize = MESSAGE.len() + SHORT_NONCE_LEN;
const FLAGS_AT: usize = MAC_AT + MAC_LEN;

/// Bytes by which a sealed body is longer.
pub const OVERHEAD: usize = FLAGS_AT + 1;

/// Which end of the connection we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Client,
    Server,
}

/// Makes both halves of a connection from its key, the number of our last command and the number
/// of the peer's.
pub(super) fn halves(side: Side, key: &SecretKey, sent: u64, received: u64) -> (Sealer, Opener) {
    let (ours, theirs) = match side {
        Side::Client => (FROM_CLIENT, FROM_SERVER),
        Side::Server => (FROM_SERVER, FROM_CLIENT),
    };
    (
        Sealer { series: Series::new(key, ours), sent },
        Opener { series: Series::new(key, theirs), received },
    )
}

/// The sending half.
#[derive(Debug)]
pub struct Sealer {
    series: Series,
    /// Number of the last message.
    sent: u64,
}

impl Sealer {
    /// Appends the body of a MESSAGE with the flags and the body of a frame in it. `EOVERFLOW` after 2^64
    /// of them: a number used twice would give the key away.
    #[inline]
    pub fn append(&mut self, frame_flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<(), Errno> {
        let head = self.next_head(frame_flags)?;
        let start = out.len();
        out.extend_from_slice(&head);
        out.extend_from_slice(body);
        self.seal(&mut out[start..]);
        Ok(())
    }

    /// What stands in front of the body in the next MESSAGE, without the authenticator.
    #[inline]
    pub fn next_head(&mut self, frame_flags: u8) -> Result<[u8; OVERHEAD], Errno> {
        self.sent = self.sent.checked_add(1).ok_or(Errno::EOVERFLOW)?;
        let mut head = [0; OVERHEAD];
        head[..MESSAGE.len()].copy_from_slice(MESSAGE);
        head[MESSAGE.len()..MAC_AT].copy_from_slice(&self.sent.to_be_bytes());
        head[FLAGS_AT] = flags::to_sealed(frame_flags);
        Ok(head)
    }

    /// Seals the MESSAGE whose head was made last, and which lies here with its body.
    #[inline]
    pub fn seal(&self, message: &mut [u8]) {
        if let Some((head, data)) = message.split_at_mut_checked(FLAGS_AT) {
            let mac = self.series.seal_in_place(data, &self.sent.to_be_bytes());
            head[MAC_AT..].copy_from_slice(&mac);
        }
    }
}

/// The receiving half.
#[derive(Debug)]
pub struct Opener {
    series: Series,
    /// Number of the last message.
    received: u64,
}

impl Opener {
    #[cfg(test)]
    pub(super) fn key(&self) -> &SecretKey {
        self.series.key()
    }

    /// Opens a MESSAGE where it lies: the flags of the frame in it, and where in `frame` its body is.
    #[inline]
    pub fn open(&mut self, frame: &mut [u8]) -> Result<(u8, Range<usize>), HandshakeError> {
        if frame.len() <= 1 || frame.len() <= usize::from(frame[0]) {
            return Err(MALFORMED);
        }
        if !frame.starts_with(MESSAGE) {
            return Err(HandshakeError::UNEXPECTED_COMMAND);
        }
        if frame.len() < OVERHEAD {
            return Err(MALFORMED_MESSAGE);
        }
        let (head, data) = frame.split_at_mut(FLAGS_AT);
        let mut number = [0; SHORT_NONCE_LEN];
        number.copy_from_slice(&head[MESSAGE.len()..MAC_AT]);
        let count = u64::from_be_bytes(number);
        if count <= self.received {
            return Err(INVALID_SEQUENCE);
        }
        let mut mac = [0; MAC_LEN];
        mac.copy_from_slice(&head[MAC_AT..]);
        self.series.open_in_place(data, &mac, &number).map_err(|_| CRYPTOGRAPHIC)?;
        self.received = count;
        Ok((flags::from_sealed(data[0]), OVERHEAD..frame.len()))
    }
}

const MALFORMED: HandshakeError =
    HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);
const MALFORMED_MESSAGE: HandshakeError =
    HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE);
const INVALID_SEQUENCE: HandshakeError =
    HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE);
