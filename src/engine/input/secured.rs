//! From a connection whose frames are sealed.
//!
//! Frames are opened where they were received: small ones in a buffer, from which their bodies are
//! copied into the pipe, large ones in memory of their own, which goes on by reference.

use core::cell::Cell;
use std::os::fd::BorrowedFd;

use super::{hear_command, Ahead, Input, Large, AHEAD, COMMAND_MAX, LARGE_FIRST, LARGE_PEEK};
use crate::engine::{stream, Failure, Outcome, Progress};
use crate::error::Errno;
use crate::message::{self, Content, Message};
use crate::pipe::outflow::Outflow;
use crate::pipe::queue::{EXTERNAL_MIN, FRAME_MORE};
use crate::security::{HandshakeError, Opener};
use crate::zmtp::frame::{self, Header};

/// Bytes received at once, when nothing asks for more.
const READ: usize = 64 * 1024;
/// Room behind the received bytes that is worth a call.
const ROOM_MIN: usize = 8 * 1024;
/// A body from this size on is received into memory of its own.
const LARGE_MIN: u64 = EXTERNAL_MIN as u64 + 64;

thread_local! {
    /// One buffer for all connections of the thread: those that receive nothing hold none.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What is received and not opened yet.
#[derive(Debug)]
pub(super) struct Secured {
    opener: Opener,
    /// The pipe keeps all messages: they may be received by the reader's own thread.
    pub(super) queues: bool,
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that are done with.
    parsed: usize,
    /// Bytes missing to make the frame in the buffer whole.
    missing: usize,
    large: Option<Large>,
    /// The last frame was large, and so will be the next one: not too much of it is read into the
    /// buffer.
    after_large: bool,
}

impl Secured {
    pub(super) fn new(opener: Opener, queues: bool) -> Secured {
        Secured {
            opener,
            queues,
            buffer: Vec::new(),
            parsed: 0,
            missing: 0,
            large: None,
            after_large: false,
        }
    }

    /// With the count of bytes comes whether they are all there was.
    fn receive(
        &mut self,
        fd: BorrowedFd<'_>,
        awaited: &mut usize,
    ) -> crate::error::Result<(usize, bool)> {
        if self.buffer.capacity() == 0 {
            // A thread at its end has none any more.
            self.buffer = SPARE.try_with(Cell::take).unwrap_or_default();
        }
        if let Some(large) = &mut self.large {
            self.buffer.try_reserve(AHEAD).map_err(|_| Errno::ENOMEM)?;
            let mut ahead = Ahead::new();
            let received = large.receive(fd, awaited, &mut ahead)?;
            self.buffer.extend_from_slice(ahead.received());
            return Ok(received);
        }
        let wanted = self.missing.max(ROOM_MIN);
        if self.buffer.capacity() - self.buffer.len() < wanted {
            self.buffer.drain(..self.parsed);
            self.parsed = 0;
            if self.buffer.capacity() - self.buffer.len() < wanted {
                self.buffer.try_reserve(wanted.max(READ)).map_err(|_| Errno::ENOMEM)?;
            }
        }
        let room = self.buffer.spare_capacity_mut();
        let most = if self.after_large { wanted.max(LARGE_PEEK) } else { room.len() };
        let len = room.len().min(most);
        // SAFETY: the spare capacity is writable memory of at least this length.
        let count = unsafe { stream::receive_raw(fd, room.as_mut_ptr().cast(), len) }?;
        // SAFETY: the system has just written `count` bytes there.
        unsafe { self.buffer.set_len(self.buffer.len() + count) };
        Ok((count, count < len))
    }

    /// The frame at the front is not whole: makes room for it.
    fn await_frame(&mut self, header: &Header, len: usize) -> Result<(), Failure> {
        let start = self.parsed + header.header_len;
        self.missing = len - (self.buffer.len() - self.parsed);
        if header.body_len < LARGE_MIN {
            return Ok(());
        }
        let len = len - header.header_len;
        let content = Content::with_len(len.min(LARGE_FIRST)).map_err(Failure::Connection)?;
        let received = &self.buffer[start..];
        let filled = received.len().min(content.len());
        // SAFETY: the content is new and holds at least `filled` bytes.
        unsafe {
            core::ptr::copy_nonoverlapping(received.as_ptr(), content.as_ptr(), filled);
        }
        self.large = Some(Large { content: Some(content), filled, len, flags: 0 });
        self.clear();
        Ok(())
    }

    fn clear(&mut self) {
        self.buffer.clear();
        (self.parsed, self.missing) = (0, 0);
    }

    /// An idle connection holds no memory.
    fn rest(&mut self) {
        if self.parsed == self.buffer.len() && self.buffer.capacity() > 0 {
            self.clear();
            let buffer = core::mem::take(&mut self.buffer);
            if buffer.capacity() <= 4 * READ {
                let _ = SPARE.try_with(|spare| spare.set(buffer));
            }
        }
    }
}

impl Input {
    /// Frames of this connection are opened with this from now on. `queues`: the pipe keeps all of
    /// them, and not the latest only.
    pub(in crate::engine) fn secure(&mut self, opener: Opener, queues: bool) {
        self.secured = Some(Box::new(Secured::new(opener, queues)));
    }

    pub(super) fn pump_secured(
        &mut self,
        secured: &mut Secured,
        fd: BorrowedFd<'_>,
        readable: &mut bool,
        pipe: &mut Outflow,
        mut budget: usize,
    ) -> Outcome {
        secured.buffer.append(&mut self.early);
        loop {
            if !self.open_received(secured, pipe)? {
                self.stopped = true;
                return Ok(Progress::Idle);
            }
            pipe.flush();
            if !*readable {
                secured.rest();
                return Ok(Progress::Idle);
            }
            if budget == 0 {
                return Ok(Progress::More);
            }
            match secured.receive(fd, &mut self.awaited) {
                Ok((0, _)) => return Err(Failure::Connection(Errno::EPIPE)),
                Ok((count, all)) => {
                    *readable = !(all && self.short_is_all);
                    budget = budget.saturating_sub(count);
                    self.heard |= secured.large.is_some();
                }
                Err(Errno::EAGAIN) => *readable = false,
                Err(error) => return Err(Failure::Connection(error)),
            }
        }
    }

    /// Opens and delivers the frames that are whole. False when the pipe has no more credit.
    fn open_received(
        &mut self,
        secured: &mut Secured,
        pipe: &mut Outflow,
    ) -> Result<bool, Failure> {
        if !self.open_large(secured, pipe)? {
            return Ok(false);
        }
        while secured.parsed < secured.buffer.len() {
            let bytes = &mut secured.buffer[secured.parsed..];
            let Some(header) = frame::parse_header(bytes).map_err(|_| Failure::Protocol)? else {
                break;
            };
            if header.body_len > self.max_body {
                return Err(Failure::Protocol);
            }
            let len = header.frame_len().ok_or(Failure::Protocol)?;
            if len > bytes.len() {
                secured.await_frame(&header, len)?;
                return Ok(true);
            }
            if !self.has_room(pipe) {
                return Ok(false);
            }
            let sealed = &mut bytes[header.header_len..len];
            let (flags, range) =
                secured.opener.open(sealed).map_err(|error| self.violated(error))?;
            let body = &sealed[range];
            // SAFETY: the view is used up before the buffer changes.
            let message = unsafe { Message::view(body.as_ptr(), body.len()) };
            self.deliver(flags, message, pipe)?;
            secured.after_large = false;
            secured.parsed += len;
        }
        if secured.parsed == secured.buffer.len() {
            secured.clear();
        }
        Ok(true)
    }

    fn open_large(&mut self, secured: &mut Secured, pipe: &mut Outflow) -> Result<bool, Failure> {
        if secured.large.as_ref().is_none_or(|large| large.filled < large.len) {
            return Ok(true);
        }
        if !self.has_room(pipe) {
            return Ok(false);
        }
        let content = secured.large.take().and_then(|large| large.content);
        let mut content = content.ok_or(Failure::Connection(Errno::ENOMEM))?;
        let sealed = content.as_mut_slice().ok_or(Failure::Protocol)?;
        let (flags, range) = secured.opener.open(sealed).map_err(|error| self.violated(error))?;
        content.narrow(range);
        secured.after_large = true;
        self.deliver(flags, Message::of_content(content), pipe)?;
        Ok(true)
    }

    pub(in crate::engine) fn violated(&mut self, error: HandshakeError) -> Failure {
        self.violation = Some(error);
        Failure::Protocol
    }

    fn deliver(
        &mut self,
        flags: u8,
        mut message: Message,
        pipe: &mut Outflow,
    ) -> Result<(), Failure> {
        self.heard = true;
        let body = message.data();
        let header = Header {
            flags: flags & (frame::MORE | frame::COMMAND),
            header_len: 0,
            body_len: body.len() as u64,
        };
        if !header.is_command() {
            self.check_form(&header)?;
            message.set_flags(header.flags & FRAME_MORE);
        } else if header.body_len > COMMAND_MAX {
            return Err(Failure::Protocol);
        } else if self.passes(body) {
            message.set_flags(message::COMMAND);
        } else {
            hear_command(body, &mut self.pongs, &mut self.ttl);
            return Ok(());
        }
        self.put(&message, pipe)
    }
}
