//! Frames that are translated one by one, and connections that have none.

use std::os::fd::BorrowedFd;

use super::{hear_command, Input, FRAMED_READ, RAW_READ, TURN_BYTES};
use crate::engine::{stream, Failure, Outcome, Progress};
use crate::error::Errno;
use crate::message::{self, Message};
use crate::pipe::outflow::Outflow;
use crate::pipe::queue::FRAME_MORE;
use crate::zmtp::{frame, Version};

impl Input {
    pub(super) fn pump_framed(
        &mut self,
        fd: BorrowedFd<'_>,
        readable: &mut bool,
        pipe: &mut Outflow,
        translate: impl Fn(&mut Input, &mut Outflow) -> core::result::Result<bool, Failure>,
    ) -> Outcome {
        self.buffer.append(&mut self.early);
        let mut budget = TURN_BYTES;
        loop {
            if !translate(self, pipe)? {
                self.stopped = true;
                return Ok(Progress::Idle);
            }
            if !*readable {
                return Ok(Progress::Idle);
            }
            if budget == 0 {
                return Ok(Progress::More);
            }
            let start = self.buffer.len();
            let reserved = self.buffer.try_reserve(FRAMED_READ);
            reserved.map_err(|_| Failure::Connection(Errno::ENOMEM))?;
            self.buffer.resize(start + FRAMED_READ, 0);
            let received = match &self.secure {
                Some(secure) => secure.receive(fd, &mut self.buffer[start..]),
                None => stream::receive(fd, &mut self.buffer[start..]),
            };
            self.buffer.truncate(start + received.unwrap_or(0));
            match received {
                Ok(0) => return Err(Failure::Connection(Errno::EPIPE)),
                Ok(count) => budget = budget.saturating_sub(count),
                Err(Errno::EAGAIN) => *readable = false,
                Err(error) => return Err(Failure::Connection(error)),
            }
        }
    }

    /// Receives bytes of a handshake.
    pub(in crate::engine) fn receive_bytes(
        &self,
        fd: BorrowedFd<'_>,
        buffer: &mut [u8],
    ) -> crate::error::Result<usize> {
        match &self.secure {
            Some(secure) => secure.receive(fd, buffer),
            None => stream::receive(fd, buffer),
        }
    }

    pub(super) fn translate(
        &mut self,
        pipe: &mut Outflow,
        version: Version,
    ) -> core::result::Result<bool, Failure> {
        let mut has_room = true;
        while self.parsed < self.buffer.len() {
            let bytes = &self.buffer[self.parsed..];
            let header = if version.has_v1_framing() {
                frame::parse_header_v1(bytes)
            } else {
                frame::parse_header(bytes)
            };
            let Some(header) = header.map_err(|_| Failure::Protocol)? else { break };
            if header.body_len > self.max_body {
                return Err(Failure::Protocol);
            }
            let len = header.frame_len().ok_or(Failure::Protocol)?;
            if len > bytes.len() {
                break;
            }
            let body = &bytes[header.header_len..len];
            let passes = !header.is_command() || self.passes(body);
            if passes && !self.has_room(pipe) {
                has_room = false;
                break;
            }
            self.heard = true;
            if passes {
                // SAFETY: the view is used up before the buffer changes.
                let mut message = unsafe { Message::view(body.as_ptr(), body.len()) };
                if header.is_command() {
                    message.set_flags(message::COMMAND);
                } else {
                    message.set_flags(header.flags & FRAME_MORE);
                    self.check_form(&header)?;
                }
                self.put(&message, pipe)?;
            } else {
                hear_command(body, &mut self.pongs, &mut self.ttl);
            }
            self.parsed += len;
        }
        self.buffer.drain(..self.parsed);
        self.parsed = 0;
        if self.buffer.is_empty() {
            self.buffer.shrink_to(0);
        }
        Ok(has_room)
    }

    // --- raw: each read is a message ---

    pub(super) fn pump_raw(
        &mut self,
        fd: BorrowedFd<'_>,
        readable: &mut bool,
        pipe: &mut Outflow,
    ) -> Outcome {
        let mut budget = TURN_BYTES;
        let drops = self.drops;
        let mut usual = [0u8; RAW_READ];
        let room = match usual.get_mut(..self.raw_read) {
            Some(room) => room,
            None => {
                let reserved = self.buffer.try_reserve(self.raw_read - self.buffer.len());
                reserved.map_err(|_| Failure::Connection(Errno::ENOMEM))?;
                self.buffer.resize(self.raw_read, 0);
                &mut self.buffer[..]
            }
        };
        while *readable {
            if !(pipe.check_write() || drops && pipe.is_over()) {
                self.stopped = true;
                return Ok(Progress::Idle);
            }
            if budget == 0 {
                return Ok(Progress::More);
            }
            match stream::receive(fd, room) {
                Ok(0) => return Err(Failure::Connection(Errno::EPIPE)),
                Ok(count) => {
                    budget = budget.saturating_sub(count);
                    // SAFETY: the view is used up before the room is written again.
                    let message = unsafe { Message::view(room.as_ptr(), count) };
                    if !(pipe.write(&message) || drops && pipe.is_over()) {
                        return Err(Failure::Connection(Errno::ENOMEM));
                    }
                }
                Err(Errno::EAGAIN) => *readable = false,
                Err(error) => return Err(Failure::Connection(error)),
            }
        }
        Ok(Progress::Idle)
    }
}
