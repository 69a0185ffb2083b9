//! To a connection whose frames are sealed: each is copied to the bytes on their way out, and
//! encrypted there.

use super::Output;
use crate::error::Result;
use crate::security::Sealer;
use crate::zmtp::frame;

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
            sealer.append_frame(header.flags, body, &mut self.staged)?;
            rest = left;
        }
        Ok(())
    }
}
