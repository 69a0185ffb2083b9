//! What mechanisms share: the ERROR command, and the shape that every command has.

use super::{zap, HandshakeError};
use crate::error::Errno;
use crate::options::constants::ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED;

const ERROR: &[u8] = b"\x05ERROR";

/// Tells a peer with which status the ZAP handler refused it. Where the trouble is only temporary
/// it is told nothing, and may find out by trying again.
pub(super) fn error_command(status: zap::Status) -> Option<Vec<u8>> {
    if status == zap::Status::TemporaryError {
        return None;
    }
    let reason = status.code().to_string();
    let mut body = ERROR.to_vec();
    body.push(reason.len() as u8);
    body.extend_from_slice(reason.as_bytes());
    Some(body)
}

/// What a command means that is none of those expected: the reason that an ERROR gives, or else a
/// violation.
pub(super) fn refusal(body: &[u8]) -> HandshakeError {
    refusal_in(body).unwrap_or(HandshakeError::UNEXPECTED_COMMAND)
}

/// The reason that the peer gives for refusing us, if the command is an ERROR: a ZAP status is a
/// matter of authentication, anything else just the end.
pub(super) fn refusal_in(body: &[u8]) -> Option<HandshakeError> {
    body.strip_prefix(ERROR).map(meaning)
}

fn meaning(data: &[u8]) -> HandshakeError {
    let Some((&length, rest)) = data.split_first() else {
        return HandshakeError::MALFORMED_ERROR;
    };
    let Some(reason) = rest.get(..usize::from(length)) else {
        return HandshakeError::MALFORMED_ERROR;
    };
    match zap::Status::parse(reason) {
        Some(status) if status != zap::Status::Success => HandshakeError::Auth(status.code()),
        _ => HandshakeError::Silent(Errno::EPROTO),
    }
}

/// A command begins with its name, and the name with its length.
pub(super) fn check_structure(body: &[u8]) -> Result<(), HandshakeError> {
    match body.split_first() {
        Some((&length, rest)) if !rest.is_empty() && rest.len() >= usize::from(length) => Ok(()),
        _ => Err(HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED)),
    }
}
