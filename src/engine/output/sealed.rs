//! To a connection whose frames are sealed: each is copied to the bytes on their way out, and
//! encrypted there. A large body that nobody else refers to is encrypted where it lies, and follows
//! them.

use core::any::Any;
use core::cell::Cell;
use std::os::fd::BorrowedFd;

use crate::engine::stream;
use crate::error::Result;
use crate::message::{Content, Message};
use crate::pipe::outlet::{Carried, Carry, Went};
use crate::pipe::queue::EXTERNAL_MIN;
use crate::pipe::reader::Reader;
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

/// What seals the frames of a connection, and those of them that are on their way out. It is the
/// session's, and at times lent to the writing thread together with the pipe's reader.
#[derive(Debug)]
pub(super) struct Sealing {
    sealer: Sealer,
    staged: Vec<u8>,
    staged_written: usize,
    /// A large frame behind them, and how much of it is written.
    large: Option<Content>,
    large_written: usize,
    /// A frame could not be sealed.
    pub(super) failed: bool,
}

impl Sealing {
    /// `before`: what is still to be written as it is.
    pub(super) fn new(sealer: Sealer, before: Vec<u8>) -> Sealing {
        Sealing {
            sealer,
            staged: before,
            staged_written: 0,
            large: None,
            large_written: 0,
            failed: false,
        }
    }

    /// Whether sealed frames are still to be written. Where none are, all messages are whole.
    pub(super) fn has_unsent(&self) -> bool {
        self.staged.len() > self.staged_written || self.large.is_some()
    }

    /// Whether nothing of the sealed frames is written yet: those of commands come first.
    pub(super) fn has_all_unsent(&self) -> bool {
        self.staged_written == 0 && !self.staged.is_empty()
    }

    /// Seals one frame.
    pub(super) fn append(&mut self, flags: u8, body: &[u8]) {
        self.failed |= self.sealer.append_frame(flags, body, &mut self.staged).is_err();
    }

    /// Seals the frames of commands.
    pub(super) fn append_control(&mut self, control: &[u8]) {
        let mut rest = control;
        while let Ok(Some(header)) = frame::parse_header(rest) {
            let len = header.frame_len().unwrap_or(rest.len()).min(rest.len());
            let (command, left) = rest.split_at(len);
            self.append(header.flags, command.get(header.header_len..).unwrap_or_default());
            rest = left;
        }
    }

    /// Seals messages until there are enough bytes for a call, whole messages all of them. `read`
    /// gives the next frame. Whether it had no more.
    pub(super) fn stage(&mut self, read: impl FnMut(&mut Message) -> bool) -> bool {
        if self.staged.capacity() == 0 {
            // A thread at its end has none any more.
            self.staged = SPARE.try_with(Cell::take).unwrap_or_default();
        }
        let no_more = self.stage_some(read);
        if self.staged.is_empty() {
            self.give_buffer_back();
        }
        no_more
    }

    fn stage_some(&mut self, mut read: impl FnMut(&mut Message) -> bool) -> bool {
        let mut message = Message::new();
        let mut in_message = false;
        while (self.staged.len() < ENOUGH && self.large.is_none()) || in_message {
            if !read(&mut message) {
                return true;
            }
            in_message = message.has_more();
            if message.len() >= EXTERNAL_MIN && self.seal_large(&mut message) {
                continue;
            }
            if self.staged.try_reserve(message.len() + frame::MAX_HEADER_LEN).is_err() {
                // No memory to seal it: the connection ends, the process does not.
                self.failed = true;
                return false;
            }
            self.append(message.flags(), message.data());
        }
        false
    }

    /// Seals a large body where it lies, if that can be and it ends its message: commands may follow.
    fn seal_large(&mut self, message: &mut Message) -> bool {
        if message.has_more() {
            return false;
        }
        let flags = message.flags();
        let Some(mut content) = message.take_content() else { return false };
        match self.sealer.seal_in_place(flags, &mut content) {
            Ok(true) => self.large = Some(content),
            Ok(false) => {
                *message = Message::of_content(content);
                message.set_flags(flags);
                return false;
            }
            Err(_) => self.failed = true,
        }
        true
    }

    /// Writes what is sealed, in one call; 0 when nothing is.
    pub(super) fn write(&mut self, fd: BorrowedFd<'_>) -> Result<usize> {
        let staged = &self.staged[self.staged_written..];
        let large = self.large.as_ref().map_or(&[][..], Content::as_slice);
        let rest = &large[self.large_written..];
        let slices = [(staged.as_ptr(), staged.len()), (rest.as_ptr(), rest.len())];
        let used = usize::from(staged.is_empty())..2 - usize::from(rest.is_empty());
        if used.is_empty() {
            return Ok(0);
        }
        // SAFETY: both are borrowed for as long as the call takes.
        let written = unsafe { stream::send_slices(fd, &slices[used]) }?;
        let of_staged = written.min(staged.len());
        self.staged_written += of_staged;
        self.large_written += written - of_staged;
        if self.large_written == large.len() && self.staged_written == self.staged.len() {
            self.large = None;
            (self.staged_written, self.large_written) = (0, 0);
            self.give_buffer_back();
        }
        Ok(written)
    }

    /// All is written: the buffer is for whoever seals next.
    fn give_buffer_back(&mut self) {
        let mut buffer = core::mem::take(&mut self.staged);
        if buffer.capacity() > 0 && buffer.capacity() <= KEPT_MOST {
            buffer.clear();
            let _ = SPARE.try_with(|spare| spare.set(buffer));
        }
    }
}

impl Carry for Sealing {
    fn carry(&mut self, fd: BorrowedFd<'_>, reader: &mut Reader) -> Carried {
        let mut messages = 0;
        if !self.has_unsent() {
            self.stage(|message| reader.read(message, &mut messages));
            if !self.has_unsent() && !self.failed {
                return Carried { messages, bytes: 0, went: Went::Empty };
            }
        }
        let bytes = self.write(fd).unwrap_or(0);
        let went = if self.has_unsent() || self.failed { Went::Stuck } else { Went::On };
        Carried { messages, bytes, went }
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}
