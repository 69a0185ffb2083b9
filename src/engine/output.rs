//! From the pipe to the connection.

use core::any::Any;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::secure;
use super::stream;
use super::websocket;
use super::{Failure, Framing, Outcome, Progress};
use crate::error::Errno;
use crate::message::{self, Message};
use crate::options::constants::ZMQ_REQ;
use crate::options::SocketOptions;
use crate::pipe::outlet::{Carried, Carry, Went, CALL_BYTES, FLUSH_BYTES, SLICES_MAX};
use crate::pipe::reader::Reader;
use crate::pipe::PipeEnd;
use crate::security::Sealer;
use crate::zmtp::{command, frame, Version};
use crate::zws::mask::Masks;
use sealed::Sealing;

mod sealed;

/// What one connection may write in a turn before the others have theirs.
const TURN_BYTES: usize = 256 * 1024;

/// More than what comes around a message's body where it is translated, with encryption.
const AROUND: usize = 64;

/// A greeting, and a READY without much in it.
const HANDSHAKE: usize = 128;

/// Bytes on the wire up to which messages count as small.
const SMALL_MESSAGE: u64 = 300;

/// Bytes on the wire from which on messages count as large.
const LARGE_MESSAGE: u64 = 16 * 1024;

/// So many messages in one call make a stream. Fewer would wait for the session's look each time,
/// when their writer can send them at once.
const STREAM: u64 = 8;

/// The writing half of an engine.
#[derive(Debug)]
pub struct Output {
    /// Bytes to write before anything else, between two messages: handshake, PING, PONG.
    pub control: Vec<u8>,
    control_written: usize,
    framing: Framing,
    plain: bool,
    opened: bool,
    /// Frames are encrypted.
    sealed: bool,
    /// What encrypts them, unless it is lent.
    sealing: Option<Box<Sealing>>,
    /// Translated frames on their way out.
    pub(super) staged: Vec<u8>,
    staged_written: usize,
    /// For what WebSocket clients send.
    pub(super) masks: Option<Masks>,
    /// A WebSocket's close frame is on its way: nothing may follow, and what is left in the pipe is for
    /// the next connection.
    pub(super) closing: bool,
    /// What encrypts the messages of a WebSocket, where something does.
    pub(super) websocket_sealer: Option<Sealer>,
    /// Present when the connection is secured by TLS.
    pub(super) secure: Option<secure::Shared>,
    hello: Vec<u8>,
    /// Writing failed; the reading half will find out why and end the connection.
    pub(super) broken: bool,
    /// A message could not be translated or sealed. Nothing can follow it, and the connection ends.
    pub(super) failed: bool,
    /// About how many bytes were written here.
    pub progress: u64,
    /// The last call wrote all there was, and it was not much.
    caught_up: bool,
    /// It wrote all that it was given.
    took_all: bool,
    /// The messages last written were small.
    small: bool,
    /// They were large.
    large: bool,
    /// The I/O thread has few connections. One with many finds more to write at each of them
    /// anyway, and the writing thread has enough to do with filling them.
    pub alone: bool,
}

impl Output {
    pub fn new(options: &SocketOptions) -> Output {
        // A REQ may not: what it says begins with a bottom. In libzmq it greets over inproc only.
        let may_greet = options.can_send_hello_msg && options.socket_type != ZMQ_REQ;
        let greets = may_greet && !options.hello_msg.is_empty();
        Output {
            control: Vec::new(),
            control_written: 0,
            framing: Framing::Raw,
            plain: false,
            opened: false,
            sealed: false,
            sealing: None,
            staged: Vec::new(),
            staged_written: 0,
            masks: None,
            closing: false,
            websocket_sealer: None,
            secure: None,
            hello: if greets { options.hello_msg.clone() } else { Vec::new() },
            broken: false,
            failed: false,
            progress: 0,
            caught_up: false,
            took_all: true,
            small: false,
            large: false,
            alone: true,
        }
    }

    pub fn open(&mut self, framing: Framing, plain: bool) {
        self.framing = framing;
        self.plain = plain;
        self.opened = true;
        if let Framing::WebSocket(role) = framing {
            self.masks = websocket::masks_for(role);
        }
        let hello = core::mem::take(&mut self.hello);
        if !hello.is_empty() {
            // Behind what is left of the handshake, and before everything from the pipe.
            if let Framing::WebSocket(_) = framing {
                self.hail_websocket(&hello);
            } else if let Some(sealing) = &mut self.sealing {
                sealing.append(0, &hello);
            } else {
                self.stage_control();
                self.stage_frame(0, &hello);
            }
        }
    }

    /// Takes bytes that are to be written before anything else.
    pub fn append_control(&mut self, bytes: &mut Vec<u8>) {
        // Room for all that a short handshake has to say.
        if self.control.capacity() == 0 && !bytes.is_empty() {
            self.control.reserve(bytes.len().max(HANDSHAKE));
        }
        self.control.append(bytes);
    }

    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Puts what waits to be written in front of the translated frames to come.
    pub(super) fn stage_control(&mut self) {
        self.staged.extend_from_slice(&self.control[self.control_written..]);
        self.control.clear();
        self.control_written = 0;
    }

    /// Whether bytes taken from the pipe or made here are still to be written.
    pub fn has_staged(&self) -> bool {
        !self.broken
            && (self.control.len() > self.control_written
                || self.has_translated()
                || self.secure.as_ref().is_some_and(secure::Shared::wants_write))
    }

    fn has_translated(&self) -> bool {
        self.staged.len() > self.staged_written
            || self.sealing.as_ref().is_some_and(|sealing| sealing.has_unsent())
    }

    /// Whether a PING, or what else is not from the pipe, is still to be written.
    pub fn has_unsent_control(&self) -> bool {
        self.control.len() > self.control_written
            || self.sealing.as_ref().is_some_and(|sealing| sealing.has_all_unsent())
    }

    /// Whether frames are encrypted.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Whether what was written last were large messages, or part of one.
    pub fn has_large(&self) -> bool {
        self.large
    }

    /// Frames go out sealed from now on. What the handshake left to write does not.
    pub(super) fn secure(&mut self, sealer: Sealer) {
        self.stage_control();
        self.sealed = true;
        let before = core::mem::take(&mut self.staged);
        self.sealing = Some(Box::new(Sealing::new(sealer, before)));
    }

    /// Whether writing has failed for good.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Lends the pipe's reader to the writing thread, together with what encrypts, if it can do
    /// without other translation and there is nothing else to write. `watching`: the session looks
    /// again before long.
    pub fn lend(&mut self, fd: &Arc<OwnedFd>, pipe: &mut PipeEnd, watching: bool) {
        if !self.can_lend() {
            return;
        }
        let sealing = &mut self.sealing;
        let carrier = || match sealing.take() {
            Some(sealing) => sealing as Box<dyn Carry>,
            None => Box::new(Plain),
        };
        pipe.lend(fd, carrier, watching);
    }

    /// Takes back what was lent along with the reader.
    pub fn take_back(&mut self, pipe: &mut PipeEnd) {
        let Some(carrier) = pipe.take_carrier() else { return };
        if let Ok(sealing) = carrier.into_any().downcast::<Sealing>() {
            self.sealing = Some(sealing);
        }
    }

    fn can_lend(&self) -> bool {
        let carried = self.plain || self.sealing.is_some();
        self.opened && carried && !self.broken && !self.has_staged()
    }

    /// Writes what can be written in one turn. Clears `writable` when the connection is full.
    pub fn pump(
        &mut self,
        fd: BorrowedFd<'_>,
        writable: &mut bool,
        mut pipe: Option<&mut PipeEnd>,
    ) -> Outcome {
        let mut budget = TURN_BYTES;
        while *writable && !self.broken {
            let step = self.step(fd, pipe.as_deref_mut());
            if self.failed {
                return Err(Failure::Connection(Errno::ENOMEM));
            }
            let written = match step {
                Ok(0) => return Ok(Progress::Idle),
                Ok(written) => written,
                Err(Errno::EAGAIN) => {
                    *writable = false;
                    break;
                }
                Err(_) => {
                    // Messages that the peer sent before are still to be read; the end of the
                    // stream behind them ends the connection.
                    self.broken = true;
                    break;
                }
            };
            if self.caught_up && self.can_lend() {
                // From here on the writing thread sends by itself.
                return Ok(Progress::CaughtUp);
            }
            self.progress = self.progress.wrapping_add(written as u64);
            budget = budget.saturating_sub(written);
            if budget == 0 {
                return Ok(Progress::More);
            }
        }
        Ok(Progress::Idle)
    }

    /// Writes once; 0 when there is nothing to write.
    fn step(
        &mut self,
        fd: BorrowedFd<'_>,
        pipe: Option<&mut PipeEnd>,
    ) -> crate::error::Result<usize> {
        self.caught_up = false;
        if let Some(secure) = &self.secure {
            secure.flush(fd)?;
        }
        if self.sealed {
            return self.step_sealed(fd, pipe);
        }
        if self.has_translated() {
            return self.write_staged(fd);
        }
        let Some(pipe) = pipe.filter(|_| self.opened) else { return self.write_control(fd) };
        if !self.plain {
            if self.control_written < self.control.len() {
                return self.write_control(fd);
            }
            if !self.closing {
                self.stage(pipe);
            }
            return self.write_staged(fd);
        }
        let sender_waits = pipe.writer_waits();
        let Some(reader) = pipe.reader() else { return self.write_control(fd) };
        if self.control_written < self.control.len() && reader.at_boundary() {
            return self.write_control(fd);
        }
        let mut slices = [(core::ptr::null(), 0); SLICES_MAX];
        let mut count = reader.gather(&mut slices, CALL_BYTES);
        let gathered: usize = slices[..count].iter().map(|slice| slice.1).sum();
        // Where the last call took less than it was given, this one may as well.
        let mut under_way = if self.took_all { reader.gathered() } else { 0 };
        let mut given = gathered;
        if sender_waits {
            (count, given) = keep_larger_half(&mut slices[..count]);
            under_way = 0;
        }
        if count == 0 {
            // Nothing published: go to sleep on the pipe, unless something came meanwhile.
            if pipe.check_read() {
                return self.step(fd, Some(pipe));
            }
            return Ok(0);
        }
        pipe.begin_call(under_way);
        // SAFETY: gathered slices are published bytes, kept until they are consumed.
        let written = unsafe { stream::send_slices(fd, &slices[..count]) };
        let taken = written.as_ref().map_or(0, |&written| written);
        let messages = pipe.reader().map_or(0, |reader| reader.consume(taken));
        pipe.count_read(messages);
        pipe.end_call();
        self.took_all = taken == given;
        let written = written?;
        self.note_size(written, messages, pipe);
        let all = written == gathered && gathered < FLUSH_BYTES as usize;
        self.caught_up = all && self.small && messages >= STREAM && pipe.can_lend();
        Ok(written)
    }

    /// As [`Output::step`], where frames are encrypted.
    fn step_sealed(
        &mut self,
        fd: BorrowedFd<'_>,
        pipe: Option<&mut PipeEnd>,
    ) -> crate::error::Result<usize> {
        // Without what encrypts them, nothing goes out.
        let Some(sealing) = self.sealing.as_deref_mut() else { return Ok(0) };
        if !sealing.has_unsent() {
            sealing.append_control(&core::mem::take(&mut self.control));
            if let Some(pipe) = pipe.filter(|_| self.opened) {
                sealing.stage(|message| pipe.read(message));
            }
        }
        self.failed |= sealing.failed;
        sealing.write(fd)
    }

    /// Notes how large messages are. Small ones had better be sent by the thread that writes them;
    /// of larger ones, one processor can be filling the next while another sends the last.
    fn note_size(&mut self, bytes: usize, messages: u64, pipe: &PipeEnd) {
        self.large = bytes as u64 >= LARGE_MESSAGE * messages.max(1);
        let small = self.alone && messages > 0 && (bytes as u64) / messages <= SMALL_MESSAGE;
        if small != self.small && messages > 0 {
            self.small = small;
            pipe.lend_in_streams(small);
        }
    }

    fn write_control(&mut self, fd: BorrowedFd<'_>) -> crate::error::Result<usize> {
        let bytes = &self.control[self.control_written..];
        if bytes.is_empty() {
            return Ok(0);
        }
        let written = self.send(fd, bytes)?;
        self.control_written += written;
        if self.control_written == self.control.len() {
            self.control = Vec::new();
            self.control_written = 0;
        }
        Ok(written)
    }

    fn write_staged(&mut self, fd: BorrowedFd<'_>) -> crate::error::Result<usize> {
        let bytes = &self.staged[self.staged_written..];
        if bytes.is_empty() {
            return Ok(0);
        }
        let written = self.send(fd, bytes)?;
        self.staged_written += written;
        if self.staged_written == self.staged.len() {
            self.staged_written = 0;
            self.staged.clear();
            self.staged.shrink_to(CALL_BYTES);
        }
        Ok(written)
    }

    fn send(&self, fd: BorrowedFd<'_>, bytes: &[u8]) -> crate::error::Result<usize> {
        match &self.secure {
            Some(secure) => secure.send(fd, bytes),
            None => stream::send(fd, bytes),
        }
    }

    /// Translates messages from the pipe until there is enough for a call, at message boundaries.
    fn stage(&mut self, pipe: &mut PipeEnd) {
        let mut message = Message::new();
        let mut in_message = false;
        while self.staged.len() < CALL_BYTES || in_message {
            if !pipe.read(&mut message) {
                break;
            }
            in_message = message.has_more();
            if self.staged.try_reserve(message.len() + AROUND).is_err() {
                // No memory to translate it: the connection ends, the process does not.
                self.failed = true;
                break;
            }
            self.stage_message(&message);
        }
    }

    fn stage_message(&mut self, message: &Message) {
        if let Framing::WebSocket(_) = self.framing {
            return self.stage_websocket(message);
        }
        if message.flags() & message::COMMAND != 0 {
            let old_style = match self.framing {
                Framing::Zmtp(version) => !version.has_subscribe_commands(),
                Framing::Raw | Framing::WebSocket(_) => return,
            };
            if old_style {
                let Some((marker, topic)) = old_subscription(message) else { return };
                let mut body = Vec::with_capacity(topic.len() + 1);
                body.push(marker);
                body.extend_from_slice(topic);
                return self.stage_frame(0, &body);
            }
        }
        self.stage_frame(message.flags(), message.data());
    }

    fn stage_frame(&mut self, flags: u8, body: &[u8]) {
        let staged = &mut self.staged;
        match self.framing {
            Framing::Raw | Framing::WebSocket(_) => staged.extend_from_slice(body),
            Framing::Zmtp(Version::V1_0) => {
                frame::append_frame_v1(flags & message::MORE != 0, body, staged);
            }
            Framing::Zmtp(_) => {
                frame::append_frame(flags & (message::MORE | message::COMMAND), body, staged);
            }
        }
    }
}

/// Bytes leave as they are.
#[derive(Debug)]
struct Plain;

impl Carry for Plain {
    fn carry(&mut self, fd: BorrowedFd<'_>, reader: &mut Reader) -> Carried {
        let mut slices = [(core::ptr::null(), 0); SLICES_MAX];
        let count = reader.gather(&mut slices, CALL_BYTES);
        let slices = &slices[..count];
        let gathered: usize = slices.iter().map(|slice| slice.1).sum();
        if gathered == 0 {
            return Carried { messages: 0, bytes: 0, went: Went::Empty };
        }
        // SAFETY: gathered slices are published bytes, kept until they are consumed.
        let bytes = unsafe { stream::send_slices(fd, slices) }.unwrap_or(0);
        let went = if bytes < gathered { Went::Stuck } else { Went::On };
        Carried { messages: reader.consume(bytes), bytes, went }
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Cuts what is to be written to five eighths, unless it is little: a sender that waits at its
/// high-water mark gets room after the first part and goes on while the second is written. Returns
/// how many slices are left, and their bytes.
fn keep_larger_half(slices: &mut [(*const u8, usize)]) -> (usize, usize) {
    let total: usize = slices.iter().map(|slice| slice.1).sum();
    if total < 4096 {
        return (slices.len(), total);
    }
    let kept = total / 8 * 5;
    let mut left = kept;
    for (number, slice) in slices.iter_mut().enumerate() {
        if slice.1 >= left {
            slice.1 = left;
            return (number + 1, kept);
        }
        left -= slice.1;
    }
    (slices.len(), total)
}

/// A subscription command as messages had it before there were commands: a marker and a topic.
pub(super) fn old_subscription(message: &Message) -> Option<(u8, &[u8])> {
    match command::parse(message.data()) {
        Ok(command::Command::Subscribe(topic)) => Some((1, topic)),
        Ok(command::Command::Cancel(topic)) => Some((0, topic)),
        _ => None,
    }
}
