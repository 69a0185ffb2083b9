//! From the connection to the pipe.
//!
//! Memory is taken as data arrives, never as a header announces it, and no more is read than the
//! pipe has credit for.

use std::any::Any;
use std::os::fd::BorrowedFd;

use super::secure;
use super::stream;
use super::websocket::Incoming;
use super::{Failure, Framing, Outcome, Progress};
use crate::error::Errno;
use crate::message::{self, Content, Message};
use crate::options::constants::*;
use crate::options::SocketOptions;
use crate::pipe::inlet::{Receive, Received};
use crate::pipe::outflow::Outflow;
use crate::pipe::queue::{EXTERNAL_MIN, FRAME_COMMAND, FRAME_LARGE, FRAME_MORE, FRAME_SKIP};
use crate::security::HandshakeError;
use crate::zmtp::command::{self, Command};
use crate::zmtp::frame::{self, Header};
use crate::zmtp::Version;
use secured::Secured;

mod secured;

/// What one connection may read in a turn before the others have theirs.
const TURN_BYTES: usize = 256 * 1024;
/// System calls that a reader makes at most before it looks around.
const DIRECT_CALLS: usize = 16;
/// Bytes read at once where frames are translated.
const FRAMED_READ: usize = 64 * 1024;
/// Bytes of one message on a raw connection (the default of `ZMQ_IN_BATCH_SIZE`).
const RAW_READ: usize = 8192;
/// A large body is given its whole memory at once up to this size, beyond it grows as it arrives.
const LARGE_FIRST: usize = 16 * 1024 * 1024;
/// How far to read ahead into the next frame after a large one.
const LARGE_PEEK: usize = 8192;
/// Bodies of this size and more are waited for in larger pieces. For smaller ones it does not pay,
/// and the system makes its buffers larger for it.
const AWAITED_LEAST: usize = 256 * 1024;
/// How much of a large body to wait for at most.
const AWAITED_MOST: usize = 256 * 1024;
/// The longest command frame taken.
const COMMAND_MAX: u64 = 1024 * 1024;

/// A large body on its way in.
#[derive(Debug)]
struct Large {
    content: Option<Content>,
    filled: usize,
    len: usize,
    flags: u8,
}

/// Where a peer that has to keep to a form is in its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// A reply to a REQ socket: an optional request id, an empty delimiter, a body.
    Reply,
    RequestId,
    ReplyBody,
    /// A message to a DISH socket: its group, and a body of one part.
    Group,
    GroupBody,
}

impl Form {
    fn of(socket_type: i32) -> Option<Form> {
        match socket_type {
            ZMQ_REQ => Some(Form::Reply),
            ZMQ_DISH => Some(Form::Group),
            _ => None,
        }
    }
}

/// The reading half of an engine.
#[derive(Debug)]
pub struct Input {
    framing: Framing,
    plain: bool,
    /// Received bytes of frames to translate.
    pub(super) buffer: Vec<u8>,
    pub(super) parsed: usize,
    /// Frames to decrypt, where they are encrypted.
    secured: Option<Box<Secured>>,
    pub(super) websocket: Option<Incoming>,
    /// Present when the connection is secured by TLS. Such a connection's frames are translated.
    pub(super) secure: Option<secure::Shared>,
    /// Data that came right behind the handshake.
    early: Vec<u8>,
    large: Option<Large>,
    /// Bytes that have to be there before the system says that some are.
    awaited: usize,
    after_large: bool,
    /// Bytes missing to make the frame in the chunk whole.
    missing: usize,
    /// Out of credit; nothing is read until the pipe has room.
    stopped: bool,
    form: Option<Form>,
    passes_subscriptions: bool,
    passes_groups: bool,
    pub(super) max_body: u64,
    /// Something arrived since this was last cleared: the peer lives.
    pub heard: bool,
    /// The peer's PING asked for this time to live (tenths of a second).
    pub ttl: Option<u16>,
    /// PONGs to be sent.
    pub pongs: Vec<u8>,
    /// What was wrong with a frame that should have been sealed, for the monitor.
    pub violation: Option<HandshakeError>,
    /// What the reader's thread met when it received by itself.
    failure: Option<Failure>,
}

impl Input {
    pub fn new(options: &SocketOptions) -> Input {
        Input {
            framing: Framing::Raw,
            plain: false,
            buffer: Vec::new(),
            parsed: 0,
            secured: None,
            websocket: None,
            secure: None,
            early: Vec::new(),
            large: None,
            awaited: 1,
            after_large: false,
            missing: 0,
            stopped: false,
            form: Form::of(options.socket_type),
            passes_subscriptions: matches!(options.socket_type, ZMQ_PUB | ZMQ_XPUB),
            passes_groups: options.socket_type == ZMQ_RADIO,
            max_body: u64::try_from(options.maxmsgsize).unwrap_or(u64::MAX),
            heard: false,
            ttl: None,
            pongs: Vec::new(),
            violation: None,
            failure: None,
        }
    }

    pub fn open(&mut self, framing: Framing, plain: bool) {
        self.framing = framing;
        self.plain = plain;
        if let Framing::WebSocket(role) = framing {
            self.websocket = Some(Incoming::new(role));
        }
    }

    /// Keeps data that arrived together with the end of the handshake.
    pub fn set_early_data(&mut self, bytes: &[u8]) {
        self.early.extend_from_slice(bytes);
    }

    /// The pipe has room again.
    pub fn resume(&mut self) {
        self.stopped = false;
    }

    /// Whether nothing is received for want of room in the pipe.
    pub fn waits_for_room(&self) -> bool {
        self.stopped
    }

    /// Whether what is to come may be received by the reader's own thread.
    pub fn can_lend(&self) -> bool {
        self.plain && !self.stopped && self.early.is_empty()
    }

    /// What stands here while the receiving half is lent.
    pub fn lent(&self) -> Input {
        Input {
            framing: self.framing,
            plain: self.plain,
            buffer: Vec::new(),
            parsed: 0,
            secured: None,
            websocket: None,
            secure: None,
            early: Vec::new(),
            large: None,
            awaited: 1,
            after_large: false,
            missing: 0,
            stopped: true,
            form: None,
            passes_subscriptions: false,
            passes_groups: false,
            max_body: self.max_body,
            heard: false,
            ttl: None,
            pongs: Vec::new(),
            violation: None,
            failure: None,
        }
    }

    /// Reads and delivers what can be in one turn. Clears `readable` when nothing is left.
    pub fn pump(
        &mut self,
        fd: BorrowedFd<'_>,
        readable: &mut bool,
        pipe: Option<&mut Outflow>,
    ) -> Outcome {
        self.pump_some(fd, readable, pipe, TURN_BYTES)
    }

    fn pump_some(
        &mut self,
        fd: BorrowedFd<'_>,
        readable: &mut bool,
        pipe: Option<&mut Outflow>,
        budget: usize,
    ) -> Outcome {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let Some(pipe) = pipe else { return Ok(Progress::Idle) };
        if self.stopped {
            return Ok(Progress::Idle);
        }
        if let Some(mut secured) = self.secured.take() {
            let outcome = self.pump_secured(&mut secured, fd, readable, pipe);
            self.secured = Some(secured);
            pipe.flush();
            return outcome;
        }
        let outcome = match (self.framing, self.plain) {
            (Framing::Raw, _) => self.pump_raw(fd, readable, pipe),
            (Framing::Zmtp(_), true) => self.pump_plain(fd, readable, pipe, budget),
            (Framing::Zmtp(version), false) => {
                self.pump_framed(fd, readable, pipe, |input, pipe| input.translate(pipe, version))
            }
            (Framing::WebSocket(_), _) => {
                self.pump_framed(fd, readable, pipe, Input::translate_websocket)
            }
        };
        pipe.flush();
        outcome
    }

    // --- plain: frames stay where they are received ---

    fn pump_plain(
        &mut self,
        fd: BorrowedFd<'_>,
        readable: &mut bool,
        pipe: &mut Outflow,
        mut budget: usize,
    ) -> Outcome {
        if !self.early.is_empty() {
            self.take_early_data(pipe)?;
        }
        loop {
            if !self.frame_received(pipe)? {
                self.stopped = true;
                return Ok(Progress::Idle);
            }
            if !*readable {
                return Ok(Progress::Idle);
            }
            if budget == 0 {
                return Ok(Progress::More);
            }
            let received = match &mut self.large {
                Some(_) => self.receive_large(fd, pipe),
                None => self.receive_into_chunk(fd, pipe),
            };
            match received {
                Ok(0) => return Err(Failure::Connection(Errno::EPIPE)),
                Ok(count) => budget = budget.saturating_sub(count),
                Err(Errno::EAGAIN) => *readable = false,
                Err(error) => return Err(Failure::Connection(error)),
            }
        }
    }

    fn take_early_data(&mut self, pipe: &mut Outflow) -> core::result::Result<(), Failure> {
        let early = core::mem::take(&mut self.early);
        let Some(writer) = pipe.writer() else { return Ok(()) };
        let (room, _) = writer.room(early.len()).map_err(Failure::Connection)?;
        // SAFETY: room gives at least as many bytes as asked for.
        unsafe { core::ptr::copy_nonoverlapping(early.as_ptr(), room, early.len()) };
        writer.received(early.len());
        Ok(())
    }

    fn receive_into_chunk(
        &mut self,
        fd: BorrowedFd<'_>,
        pipe: &mut Outflow,
    ) -> crate::error::Result<usize> {
        let writer = pipe.writer().ok_or(Errno::EFAULT)?;
        let least = if self.after_large { LARGE_PEEK } else { 128 };
        let (room, mut len) = writer.room(least.max(self.missing))?;
        if self.after_large {
            len = LARGE_PEEK;
        }
        // SAFETY: room gives `len` writable bytes.
        let count = unsafe { stream::receive_raw(fd, room, len) }?;
        writer.received(count);
        Ok(count)
    }

    fn receive_large(
        &mut self,
        fd: BorrowedFd<'_>,
        pipe: &mut Outflow,
    ) -> crate::error::Result<usize> {
        let Some(large) = &mut self.large else { return Err(Errno::EFAULT) };
        let mut content = large.content.take().ok_or(Errno::ENOMEM)?;
        if large.filled == content.len() {
            let grown = content.len().saturating_mul(2).min(large.len);
            content = content.resized(grown)?;
        }
        // SAFETY: the bytes behind `filled` are inside the content, which only we know so far.
        let received = unsafe {
            let at = content.as_ptr().add(large.filled);
            stream::receive_raw(fd, at, content.len() - large.filled)
        };
        if let Ok(count) = received {
            large.filled += count;
            self.heard = true;
        }
        if large.filled < large.len {
            large.content = Some(content);
            if received == Err(Errno::EAGAIN) && large.len >= AWAITED_LEAST {
                wait_for(fd, &mut self.awaited, large.len - large.filled);
            }
            return received;
        }
        let flags = large.flags;
        wait_for(fd, &mut self.awaited, 1);
        self.large = None;
        self.after_large = true;
        pipe.writer().ok_or(Errno::EFAULT)?.write_external(flags, content)?;
        if flags & FRAME_MORE == 0 {
            pipe.count_written(1);
        }
        pipe.flush();
        received
    }

    /// Makes frames of the received bytes. False when the pipe has no more credit.
    fn frame_received(&mut self, pipe: &mut Outflow) -> core::result::Result<bool, Failure> {
        self.missing = 0;
        loop {
            let mut credit = pipe.credit();
            let strict = self.form.is_some();
            let Some(writer) = pipe.writer() else { return Ok(true) };
            if writer.unframed().is_empty() {
                return Ok(true);
            }
            if credit == 0 {
                return Ok(false);
            }
            if !strict {
                let messages = writer.take_messages(credit, self.max_body);
                if messages > 0 {
                    self.heard = true;
                    self.after_large = false;
                    credit -= messages;
                    pipe.count_written(messages);
                    if credit == 0 {
                        continue;
                    }
                }
            }
            let Some(writer) = pipe.writer() else { return Ok(true) };
            let bytes = writer.unframed();
            let Some(header) = frame::parse_header(bytes).map_err(|_| Failure::Protocol)? else {
                return Ok(true);
            };
            if header.is_command() {
                if !self.take_commands(pipe)? {
                    return Ok(true);
                }
                continue;
            }
            if header.body_len > self.max_body {
                return Err(Failure::Protocol);
            }
            let len = header.frame_len().ok_or(Failure::Protocol)?;
            let have = bytes.len();
            if len > have {
                if header.body_len >= EXTERNAL_MIN as u64 {
                    self.check_form(&header)?;
                    self.begin_large(&header, pipe)?;
                } else {
                    self.missing = len - have;
                }
                return Ok(true);
            }
            self.check_form(&header)?;
            self.heard = true;
            self.after_large = false;
            let flags = bytes[0] & (FRAME_MORE | FRAME_LARGE);
            writer.take_frame(len, flags);
            if !header.has_more() {
                pipe.count_written(1);
            }
        }
    }

    fn begin_large(
        &mut self,
        header: &Header,
        pipe: &mut Outflow,
    ) -> core::result::Result<(), Failure> {
        let Some(writer) = pipe.writer() else { return Ok(()) };
        let len = usize::try_from(header.body_len).map_err(|_| Failure::Protocol)?;
        let start = &writer.unframed()[header.header_len..];
        let content = Content::with_len(len.min(LARGE_FIRST)).map_err(Failure::Connection)?;
        let filled = start.len().min(content.len());
        // SAFETY: the content is new and holds at least `filled` bytes.
        unsafe { core::ptr::copy_nonoverlapping(start.as_ptr(), content.as_ptr(), filled) };
        writer.drop_unframed();
        let flags = header.flags & FRAME_MORE;
        self.large = Some(Large { content: Some(content), filled, len, flags });
        Ok(())
    }

    /// Takes the commands at the front of the received bytes. They vanish at once unless data
    /// follows them, so that heartbeats neither wake the application nor fill the pipe. False
    /// when a command is not whole yet.
    fn take_commands(&mut self, pipe: &mut Outflow) -> core::result::Result<bool, Failure> {
        let Some(writer) = pipe.writer() else { return Ok(false) };
        let in_message = writer.has_unfinished();
        let bytes = writer.unframed();
        let mut run: Vec<usize> = Vec::new();
        let mut offset = 0;
        let mut data_follows = false;
        let mut subscription = None;
        let mut missing = 0;
        while let Some(header) =
            frame::parse_header(&bytes[offset..]).map_err(|_| Failure::Protocol)?
        {
            let len = header.frame_len().ok_or(Failure::Protocol)?;
            let whole = len <= bytes.len() - offset;
            if !header.is_command() {
                data_follows = whole || header.body_len >= EXTERNAL_MIN as u64;
                break;
            }
            if header.body_len > self.max_body.min(COMMAND_MAX) {
                return Err(Failure::Protocol);
            }
            if !whole {
                missing = len - (bytes.len() - offset);
                break;
            }
            let body = &bytes[offset + header.header_len..offset + len];
            if self.passes(body) {
                subscription = Some((len, bytes[offset] & FRAME_LARGE));
                break;
            }
            hear_command(body, &mut self.pongs, &mut self.ttl);
            self.heard = true;
            run.push(len);
            offset += len;
        }
        if data_follows || subscription.is_some() {
            let more = if in_message { FRAME_MORE } else { 0 };
            for len in run {
                let large = writer.unframed()[0] & FRAME_LARGE;
                writer.take_frame(len, FRAME_SKIP | FRAME_COMMAND | large | more);
            }
        } else {
            writer.discard(offset);
        }
        if let Some((len, large)) = subscription {
            self.heard = true;
            writer.take_frame(len, FRAME_COMMAND | large);
            pipe.count_written(1);
            return Ok(true);
        }
        self.missing = missing;
        Ok(data_follows)
    }

    /// Checks that a frame is what the socket's kind expects next.
    pub(super) fn check_form(&mut self, header: &Header) -> core::result::Result<(), Failure> {
        const GROUP_MAX: u64 = message::GROUP_MAX as u64;
        let Some(state) = self.form else { return Ok(()) };
        let more = header.has_more();
        let next = match (state, more, header.body_len) {
            (Form::Reply, true, 4) => Form::RequestId,
            (Form::Reply | Form::RequestId, true, 0) | (Form::ReplyBody, true, _) => {
                Form::ReplyBody
            }
            (Form::ReplyBody, false, _) => Form::Reply,
            (Form::Group, true, 0..=GROUP_MAX) => Form::GroupBody,
            (Form::GroupBody, false, _) => Form::Group,
            _ => return Err(Failure::Protocol),
        };
        self.form = Some(next);
        Ok(())
    }

    /// Whether the socket, not the engine, is who a command is for.
    pub(super) fn passes(&self, body: &[u8]) -> bool {
        match command::parse(body) {
            Ok(Command::Subscribe(_) | Command::Cancel(_)) => self.passes_subscriptions,
            Ok(Command::Join(_) | Command::Leave(_)) => self.passes_groups,
            _ => false,
        }
    }

    // --- framed: each frame is translated ---

    fn pump_framed(
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
    pub(super) fn receive_bytes(
        &self,
        fd: BorrowedFd<'_>,
        buffer: &mut [u8],
    ) -> crate::error::Result<usize> {
        match &self.secure {
            Some(secure) => secure.receive(fd, buffer),
            None => stream::receive(fd, buffer),
        }
    }

    fn translate(
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
            if passes && !pipe.check_write() {
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
                if !pipe.write(&message) {
                    return Err(Failure::Connection(Errno::ENOMEM));
                }
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

    fn pump_raw(&mut self, fd: BorrowedFd<'_>, readable: &mut bool, pipe: &mut Outflow) -> Outcome {
        let mut budget = TURN_BYTES;
        let mut buffer = [0u8; RAW_READ];
        while *readable {
            if !pipe.check_write() {
                self.stopped = true;
                return Ok(Progress::Idle);
            }
            if budget == 0 {
                return Ok(Progress::More);
            }
            match stream::receive(fd, &mut buffer) {
                Ok(0) => return Err(Failure::Connection(Errno::EPIPE)),
                Ok(count) => {
                    budget = budget.saturating_sub(count);
                    // SAFETY: the view is used up before the buffer changes.
                    let message = unsafe { Message::view(buffer.as_ptr(), count) };
                    if !pipe.write(&message) {
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

impl Receive for Input {
    fn receive(&mut self, fd: BorrowedFd<'_>, out: &mut Outflow) -> Received {
        // The reader has room, or it would not ask.
        self.resume();
        out.reader_comes_back();
        let before = out.written();
        let mut readable = true;
        for _ in 0..DIRECT_CALLS {
            if !readable || self.stopped || out.written() != before {
                break;
            }
            if let Err(failure) = self.pump_some(fd, &mut readable, Some(out), 1) {
                self.failure = Some(failure);
                return Received::Return;
            }
            if !self.pongs.is_empty() || self.ttl.is_some() {
                return Received::Return;
            }
        }
        out.reader_comes_back();
        if out.written() != before {
            Received::Something
        } else if self.stopped {
            Received::Return
        } else if readable {
            Received::Something
        } else {
            Received::Nothing
        }
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Has the system wake nobody before so much arrived: a body of a megabyte would otherwise wake its
/// receiver for each packet.
fn wait_for(fd: BorrowedFd<'_>, awaited: &mut usize, bytes: usize) {
    let bytes = bytes.min(AWAITED_MOST);
    if bytes != *awaited && stream::wake_at(fd, bytes).is_ok() {
        *awaited = bytes;
    }
}

/// Answers PING. Other commands and malformed ones change nothing, as in libzmq.
fn hear_command(body: &[u8], pongs: &mut Vec<u8>, ttl: &mut Option<u16>) {
    if let Ok(Command::Ping { ttl_deciseconds, context }) = command::parse(body) {
        *ttl = Some(ttl_deciseconds);
        // A peer that sends PINGs without reading the answers gets no more of them.
        if pongs.len() < 64 * 1024 {
            pongs.extend_from_slice(&command::encode_pong(context));
        }
    }
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
