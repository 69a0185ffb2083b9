//! To a connection whose frames are sealed: each is copied to the bytes on their way out, and
//! encrypted there. A large body that nobody else refers to is encrypted where it lies, and follows
//! them.

use core::cell::Cell;
use std::os::fd::BorrowedFd;

use super::Output;
use crate::engine::stream;
use crate::error::Result;
use crate::message::Message;
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

    /// Seals a large body where it lies, if that can be and it ends its message: commands may follow.
    pub(super) fn seal_large(&mut self, message: &mut Message) -> bool {
        let (Some(sealer), false) = (&mut self.sealer, message.has_more()) else { return false };
        let flags = message.flags();
        let Some(mut content) = message.take_content() else { return false };
        match sealer.seal_in_place(flags, &mut content) {
            Ok(true) => self.sealed = Some(content),
            Ok(false) => {
                *message = Message::of_content(content);
                message.set_flags(flags);
                return false;
            }
            Err(_) => self.broken = true,
        }
        true
    }

    /// Writes what is staged, and the sealed frame behind it.
    pub(super) fn write_sealed(&mut self, fd: BorrowedFd<'_>) -> Result<usize> {
        let Some(sealed) = &self.sealed else { return Ok(0) };
        let staged = &self.staged[self.staged_written..];
        let rest = &sealed.as_slice()[self.sealed_written..];
        let slices = [(staged.as_ptr(), staged.len()), (rest.as_ptr(), rest.len())];
        let first = usize::from(staged.is_empty());
        // SAFETY: both are borrowed for as long as the call takes.
        let written = unsafe { stream::send_slices(fd, &slices[first..]) }?;
        let of_staged = written.min(staged.len());
        self.staged_written += of_staged;
        self.sealed_written += written - of_staged;
        if self.sealed_written == sealed.len() {
            self.sealed = None;
            (self.staged_written, self.sealed_written) = (0, 0);
            self.give_buffer_back();
        }
        Ok(written)
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
