//! To a connection whose frames are sealed: each is copied to the bytes on their way out, and
//! encrypted there.

use core::cell::Cell;

use super::Output;
use crate::error::Result;
use crate::security::Sealer;
use crate::zmtp::frame;

/// Sealed bytes at which a call is worth while; the cache keeps them until they are sent.
const ENOUGH: usize = 64 * 1024;
/// A buffer larger than this is not kept.
const KEPT_MOST: usize = 1024 * 1024;

thread_local! {
    /// One buffer for all connections of the thread: those that have nothing to send hold none.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Output {
    /// How many translated bytes are enough for a call.
    pub(super) fn enough(&self) -> usize {
        if self.sealer.is_some() {
            ENOUGH
        } else {
            super::CALL_BYTES
        }
    }

    /// Takes the thread's buffer to seal into.
    pub(super) fn take_buffer(&mut self) {
        if self.sealer.is_some() && self.staged.capacity() == 0 {
            self.staged = SPARE.take();
        }
    }

    /// All is written: the buffer is for whoever seals next.
    pub(super) fn give_buffer_back(&mut self) {
        let mut buffer = core::mem::take(&mut self.staged);
        if buffer.capacity() <= KEPT_MOST {
            buffer.clear();
            SPARE.set(buffer);
        }
    }

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
