//! To a connection whose frames are sealed: each is copied to the bytes on their way out, and
//! encrypted there.

use super::Output;
use crate::error::{Errno, Result};
use crate::message;
use crate::security::Sealer;
use crate::zmtp::frame::{self, MAX_HEADER_LEN};

impl Output {
    /// Frames go out sealed from now on. What the handshake left to write does not.
    pub(in crate::engine) fn secure(&mut self, sealer: Sealer) {
        self.stage_control();
        self.sealer = Some(sealer);
    }

    /// Seals the commands that wait to be written, if messages are sealed.
    pub(super) fn seal_control(&mut self) -> Result<()> {
        let Some(sealer) = &mut self.sealer else { return Ok(()) };
        let control = core::mem::take(&mut self.control);
        let mut rest = &control[..];
        while let Ok(Some(header)) = frame::parse_header(rest) {
            let len = header.frame_len().unwrap_or(rest.len()).min(rest.len());
            let (command, left) = rest.split_at(len);
            let body = command.get(header.header_len..).unwrap_or_default();
            append(sealer, header.flags, body, &mut self.staged)?;
            rest = left;
        }
        Ok(())
    }
}

/// Appends a whole frame with another one sealed in it.
#[inline]
pub(super) fn append(sealer: &mut Sealer, flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let sealed_len = sealer.sealed_len(body.len());
    out.try_reserve(sealed_len + MAX_HEADER_LEN).map_err(|_| Errno::ENOMEM)?;
    let mut header = [0; MAX_HEADER_LEN];
    let header_len = frame::encode_header(0, sealed_len, &mut header);
    out.extend_from_slice(&header[..header_len]);
    sealer.append(flags & (message::MORE | message::COMMAND), body, out)
}
