//! From the connection to the pipe, in one of four ways.
//!
//! Memory is taken as data arrives, never as a header announces it, and no more is read than the
//! pipe has credit for.

use std::os::fd::BorrowedFd;

use super::secure;
use super::stream;
use super::websocket::Incoming;
use super::{Failure, Framing, Outcome, Progress};
use crate::error::Errno;
use crate::message::{Content, Message};
use crate::options::constants::*;
use crate::options::SocketOptions;
use crate::pipe::outflow::Outflow;
use crate::security::HandshakeError;
use crate::zmtp::command::{self, Command};
use secured::Secured;

mod lent;
mod plain;
mod secured;
mod translated;

/// What one connection may read in a turn before the others have theirs.
const TURN_BYTES: usize = 256 * 1024;
/// System calls that a reader makes at most before it looks around.
const DIRECT_CALLS: usize = 16;
/// Bytes read at once where frames are translated.
const FRAMED_READ: usize = 64 * 1024;
/// Bytes of one message on a raw connection for which there is room on the stack (the default of
/// `ZMQ_IN_BATCH_SIZE`).
const RAW_READ: usize = 8192;
/// A large body is given its whole memory at once up to this size, beyond it grows as it arrives.
const LARGE_FIRST: usize = 16 * 1024 * 1024;
/// How far to read after a large frame, which another one is likely to follow.
const LARGE_PEEK: usize = 8192;
/// How far to read beyond a large body, in the call that receives the body.
const AHEAD: usize = 64;
/// Bodies of this size and more are waited for in pieces of this size. For smaller ones it does not
/// pay, and the system makes its buffers larger for it.
const AWAITED: usize = 256 * 1024;
/// The longest command frame taken.
const COMMAND_MAX: u64 = 1024 * 1024;

/// What came behind a large body: the next header, as a rule.
#[derive(Debug)]
struct Ahead {
    bytes: [u8; AHEAD],
    len: usize,
}

impl Ahead {
    fn new() -> Ahead {
        Ahead { bytes: [0; AHEAD], len: 0 }
    }

    fn received(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A large body on its way in.
#[derive(Debug)]
struct Large {
    content: Option<Content>,
    filled: usize,
    len: usize,
    flags: u8,
}

impl Large {
    /// Receives more of the body, in memory that grows with what came, and what follows it. Nothing
    /// is awaited any more once it is whole. With the count comes whether it is all there was.
    fn receive(
        &mut self,
        fd: BorrowedFd<'_>,
        awaited: &mut usize,
        ahead: &mut Ahead,
    ) -> crate::error::Result<(usize, bool)> {
        let mut content = self.content.take().ok_or(Errno::ENOMEM)?;
        if self.filled == content.len() {
            let grown = content.len().saturating_mul(2).min(self.len);
            content = content.resized(grown)?;
        }
        let missing = content.len() - self.filled;
        let room_ahead = if content.len() == self.len { AHEAD } else { 0 };
        // SAFETY: the bytes behind `filled` are inside the content, which only we know so far.
        let received = unsafe {
            let rest = (content.as_ptr().add(self.filled), missing);
            stream::receive_into(fd, rest, &mut ahead.bytes[..room_ahead])
        };
        self.content = Some(content);
        let count = match received {
            Ok(count) => count,
            Err(error) => {
                if error == Errno::EAGAIN {
                    self.await_rest(fd, awaited);
                }
                return Err(error);
            }
        };
        self.filled += count.min(missing);
        ahead.len = count.saturating_sub(missing);
        let all = count < missing + room_ahead;
        if self.filled == self.len {
            wait_for(fd, awaited, 1);
        } else if all {
            self.await_rest(fd, awaited);
        }
        Ok((count, all))
    }

    /// Has the system wake nobody before much of what is missing arrived: a body of a megabyte would
    /// otherwise wake its receiver for each packet.
    fn await_rest(&self, fd: BorrowedFd<'_>, awaited: &mut usize) {
        if self.len >= AWAITED {
            wait_for(fd, awaited, (self.len - self.filled).min(AWAITED));
        }
    }
}

/// How many bytes have to be there before the system says that some are.
fn wait_for(fd: BorrowedFd<'_>, awaited: &mut usize, bytes: usize) {
    if bytes != *awaited && stream::wake_at(fd, bytes).is_ok() {
        *awaited = bytes;
    }
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
    /// Bytes of one message on a raw connection at most.
    raw_read: usize,
    after_large: bool,
    /// A call that gives less than was asked for has given all there is. Not so once the peer has
    /// hung up: the end of the stream is still to be read, and no event will tell of it again.
    pub short_is_all: bool,
    /// Bytes missing to make the frame in the chunk whole.
    missing: usize,
    /// Out of credit; nothing is read until the pipe has room.
    stopped: bool,
    /// The socket is closed: what comes for it is dropped. It is read all the same, since a system that
    /// closes a connection with unread bytes forgets what it has not sent yet; and PINGs are answered.
    pub drops: bool,
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
            raw_read: usize::try_from(options.in_batch_size).unwrap_or(0).clamp(1, TURN_BYTES),
            after_large: false,
            short_is_all: false,
            missing: 0,
            stopped: false,
            drops: false,
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
        let secured = self.secured.as_ref().is_some_and(|secured| secured.queues);
        (self.plain || secured) && self.early.is_empty()
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
            raw_read: self.raw_read,
            after_large: false,
            short_is_all: false,
            missing: 0,
            stopped: true,
            drops: false,
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

    /// Whether messages are dropped, because nobody will read from this pipe any more.
    fn is_dropping(&self, pipe: &Outflow) -> bool {
        self.drops && pipe.is_over()
    }

    /// Whether the next message has a place, be it that it is dropped.
    pub(super) fn has_room(&self, pipe: &mut Outflow) -> bool {
        pipe.check_write() || self.is_dropping(pipe)
    }

    /// Writes a part, or a command. `ENOMEM`.
    pub(super) fn put(&self, message: &Message, pipe: &mut Outflow) -> Result<(), Failure> {
        if pipe.write(message) || self.is_dropping(pipe) {
            Ok(())
        } else {
            Err(Failure::Connection(Errno::ENOMEM))
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
        if self.stopped && !self.is_dropping(pipe) {
            return Ok(Progress::Idle);
        }
        if let Some(mut secured) = self.secured.take() {
            let outcome = self.pump_secured(&mut secured, fd, readable, pipe, budget);
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
