//! MESSAGE: `07 MESSAGE | length: 4 bytes | what the library made of flags and body`.

use core::ops::Range;
use std::sync::Arc;

use super::system::Context;
use super::{CRYPTOGRAPHIC, LENGTH_LEN};
use crate::error::Errno;
use crate::options::constants::ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE;
use crate::security::refusal::check_structure;
use crate::security::{flags, HandshakeError};

const MESSAGE: &[u8] = b"\x07MESSAGE";
const HEAD_LEN: usize = MESSAGE.len() + LENGTH_LEN;

const MALFORMED_MESSAGE: HandshakeError =
    HandshakeError::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE);

/// The sending half.
#[derive(Debug)]
pub struct Sealer(Arc<Context>);

impl Sealer {
    pub(super) fn new(context: &Arc<Context>) -> Sealer {
        Sealer(context.clone())
    }

    /// Appends the body of a MESSAGE.
    pub fn append(&mut self, frame_flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<(), Errno> {
        let mut plain = Vec::new();
        plain.try_reserve_exact(body.len() + 1).map_err(|_| Errno::ENOMEM)?;
        plain.push(flags::to_sealed(frame_flags));
        plain.extend_from_slice(body);
        let wrapped = self.0.wrap(&plain).map_err(|_| Errno::EPROTO)?;
        let length = u32::try_from(wrapped.len()).map_err(|_| Errno::EMSGSIZE)?;
        out.try_reserve(HEAD_LEN + wrapped.len()).map_err(|_| Errno::ENOMEM)?;
        out.extend_from_slice(MESSAGE);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&wrapped);
        Ok(())
    }
}

/// The receiving half.
#[derive(Debug)]
pub struct Opener(Arc<Context>);

impl Opener {
    pub(super) fn new(context: &Arc<Context>) -> Opener {
        Opener(context.clone())
    }

    /// Opens a MESSAGE; its body is put where the message was.
    pub fn open(&mut self, frame: &mut [u8]) -> Result<(u8, Range<usize>), HandshakeError> {
        check_structure(frame)?;
        let rest = frame.strip_prefix(MESSAGE).ok_or(HandshakeError::UNEXPECTED_COMMAND)?;
        let (length, wrapped) = rest.split_first_chunk::<LENGTH_LEN>().ok_or(MALFORMED_MESSAGE)?;
        if u32::from_be_bytes(*length) as usize != wrapped.len() {
            return Err(MALFORMED_MESSAGE);
        }
        let plain = self.0.unwrap(wrapped).map_err(|_| CRYPTOGRAPHIC)?;
        let (&sealed_flags, body) = plain.split_first().ok_or(MALFORMED_MESSAGE)?;
        // Encryption only ever adds to a body.
        frame.get_mut(..body.len()).ok_or(MALFORMED_MESSAGE)?.copy_from_slice(body);
        Ok((flags::from_sealed(sealed_flags), 0..body.len()))
    }
}
