//! The translation between a pipe's messages and a WebSocket's.
//!
//! It is the *framed* way of moving data with the frames of [`crate::zws::frame`]. Subscriptions go
//! as messages that begin with a 1 or 0 byte, as to old ZMTP peers. A close frame is answered, and
//! with that the connection is over.

use std::os::fd::AsFd;

use super::input::Input;
use super::output::Output;
use super::{Engine, Failure, Framing};
use crate::error::Errno;
use crate::message::{self, Message};
use crate::pipe::outflow::Outflow;
use crate::security::{Opener, Transforms};
use crate::zmtp::frame::{self as zmtp, Header};
use crate::zws::frame::{self, Decoder, FrameError, Item};
use crate::zws::mask::Masks;
use crate::zws::Role;

/// A receiving half's part.
#[derive(Debug)]
pub struct Incoming {
    decoder: Decoder,
    /// What decrypts the messages, where they are encrypted.
    pub(super) opener: Option<Opener>,
    /// The payloads of pings to answer.
    pings: Vec<Vec<u8>>,
    /// The payload of a close frame, which is to be answered.
    close: Option<Vec<u8>>,
}

impl Incoming {
    pub fn new(role: Role) -> Incoming {
        Incoming { decoder: Decoder::new(role), opener: None, pings: Vec::new(), close: None }
    }
}

/// The code with which RFC 6455 has an end say that it goes away.
const GOING_AWAY: [u8; 2] = 1001_u16.to_be_bytes();

/// Unanswered pings of one turn beyond which the oldest are forgotten. RFC 6455 allows that.
const PINGS_MAX: usize = 16;

impl Input {
    /// Takes the frames that were received. False when the pipe has no more credit, or when there
    /// is nothing more to come.
    pub(super) fn translate_websocket(&mut self, pipe: &mut Outflow) -> Result<bool, Failure> {
        let Some(mut incoming) = self.websocket.take() else { return Ok(true) };
        let mut received = core::mem::take(&mut self.buffer);
        let outcome = self.take_items(&mut incoming, &mut received[..], pipe);
        self.buffer = received;
        self.websocket = Some(incoming);
        self.buffer.drain(..self.parsed);
        self.parsed = 0;
        if self.buffer.is_empty() {
            self.buffer.shrink_to(0);
        }
        outcome
    }

    fn take_items(
        &mut self,
        incoming: &mut Incoming,
        received: &mut [u8],
        pipe: &mut Outflow,
    ) -> Result<bool, Failure> {
        while incoming.close.is_none() {
            let bytes = &mut received[self.parsed..];
            if incoming.decoder.expects_room(bytes) && !self.has_room(pipe) {
                return Ok(false);
            }
            let decoded = incoming.decoder.decode(bytes, self.max_body);
            let decoded = decoded.map_err(|error| match error {
                FrameError::Malformed | FrameError::TooLarge => Failure::Protocol,
                FrameError::NoMemory => Failure::Connection(Errno::ENOMEM),
            })?;
            let Some((used, item)) = decoded else { return Ok(true) };
            self.parsed += used;
            self.heard = true;
            match item {
                Item::Data { flags, body } => match &mut incoming.opener {
                    Some(opener) => {
                        let mut sealed = Vec::new();
                        let reserved = sealed.try_reserve_exact(body.len());
                        reserved.map_err(|_| Failure::Connection(Errno::ENOMEM))?;
                        sealed.extend_from_slice(body);
                        let (flags, range) =
                            opener.open(&mut sealed).map_err(|error| self.violated(error))?;
                        self.take_part(flags, &sealed[range], pipe)?;
                    }
                    None => self.take_part(zmtp_flags(flags), body, pipe)?,
                },
                Item::Ping(payload) => {
                    if incoming.pings.len() == PINGS_MAX {
                        incoming.pings.remove(0);
                    }
                    incoming.pings.push(payload.to_vec());
                }
                Item::Close(payload) => incoming.close = Some(payload.to_vec()),
                Item::Pong | Item::Fragment => {}
            }
        }
        Ok(false)
    }

    /// Takes a part of a message, or a command. Commands that are not for the socket mean nothing
    /// here.
    fn take_part(&mut self, flags: u8, body: &[u8], pipe: &mut Outflow) -> Result<(), Failure> {
        // SAFETY: the view is used up before the bytes go.
        let mut message = unsafe { Message::view(body.as_ptr(), body.len()) };
        if flags & zmtp::COMMAND != 0 {
            if !self.passes(body) {
                return Ok(());
            }
            message.set_flags(message::COMMAND);
        } else {
            let flags = flags & zmtp::MORE;
            self.check_form(&Header { flags, header_len: 0, body_len: body.len() as u64 })?;
            message.set_flags(if flags == 0 { 0 } else { message::MORE });
        }
        self.put(&message, pipe)
    }

    /// Whether the peer said that it closes.
    fn is_closed(&self) -> bool {
        self.websocket.as_ref().is_some_and(|incoming| incoming.close.is_some())
    }
}

impl Output {
    /// Translates one frame of the pipe.
    pub(super) fn stage_websocket(&mut self, message: &Message) {
        let more = if message.has_more() { zmtp::MORE } else { 0 };
        if message.flags() & message::COMMAND == 0 {
            self.stage_part(more, message.data());
        } else if let Some((marker, topic)) = super::output::old_subscription(message) {
            // Sealed ones as well: libzmq sends them as commands then, and understands none.
            self.stage_part(0, &[&[marker], topic].concat());
        } else {
            self.stage_part(zmtp::COMMAND, message.data());
        }
    }

    fn stage_part(&mut self, flags: u8, body: &[u8]) {
        let Some(sealer) = &mut self.websocket_sealer else {
            return frame::append_data(
                self.masks.as_mut(),
                zws_flags(flags),
                body,
                &mut self.staged,
            );
        };
        let mut sealed = Vec::new();
        match sealer.append_body(flags, body, &mut sealed) {
            Ok(()) => frame::append_data(self.masks.as_mut(), 0, &sealed, &mut self.staged),
            Err(_) => self.failed = true,
        }
    }

    /// Sends the socket's hello message, behind what is left of the handshake.
    pub(super) fn hail_websocket(&mut self, hello: &[u8]) {
        self.stage_control();
        // SAFETY: the view is used up before the bytes go.
        let hello = unsafe { Message::view(hello.as_ptr(), hello.len()) };
        self.stage_websocket(&hello);
    }
}

impl Engine {
    /// Whether the connection speaks as a WebSocket.
    pub fn is_websocket(&self) -> bool {
        matches!(self.output.framing(), Framing::WebSocket(_))
    }

    /// Sets the data phase up, with what encrypts the messages.
    pub(super) fn open_websocket(&mut self, framing: Framing, transforms: Option<Transforms>) {
        self.input.open(framing, false);
        if let Some(transforms) = transforms {
            self.output.websocket_sealer = Some(transforms.seal);
            if let Some(incoming) = &mut self.input.websocket {
                incoming.opener = Some(transforms.open);
            }
        }
        self.output.open(framing, false);
    }

    pub(super) fn ping_websocket(&mut self) {
        frame::append_ping(self.output.masks.as_mut(), &mut self.output.control);
    }

    /// Answers what asks for an answer.
    pub(super) fn answer_websocket(&mut self, unsent_max: usize) {
        let Some(incoming) = &mut self.input.websocket else { return };
        let (masks, control) = (&mut self.output.masks, &mut self.output.control);
        for payload in incoming.pings.drain(..) {
            if control.len() < unsent_max {
                frame::append_pong(masks.as_mut(), &payload, control);
            }
        }
        if let Some(payload) = incoming.close.as_mut().filter(|_| !self.closing) {
            self.closing = true;
            self.output.closing = true;
            frame::append_close(masks.as_mut(), payload, control);
        }
    }

    /// Tells the peer of a WebSocket that this end goes away. Not in the middle of a message, and not
    /// if the connection has no room: nobody waits for it any more.
    pub fn say_goodbye(&mut self) {
        if !self.is_websocket() || self.closing || self.output.has_staged() {
            return;
        }
        frame::append_close(self.output.masks.as_mut(), &GOING_AWAY, &mut self.output.control);
        if self.output.pump(self.fd.as_fd(), &mut true, None).is_err() {
            return;
        }
        if let Some(secure) = &self.output.secure {
            secure.say_goodbye(self.fd.as_fd());
        }
    }

    /// Whether the peer closed, and has its answer or cannot get it.
    pub fn is_closed(&self) -> bool {
        self.closing
            && self.input.is_closed()
            && (self.output.is_broken() || !self.output.has_staged())
    }
}

/// Flags of a ZWS message as ZMTP has them.
fn zmtp_flags(flags: u8) -> u8 {
    let more = if flags & frame::MORE == 0 { 0 } else { zmtp::MORE };
    let command = if flags & frame::COMMAND == 0 { 0 } else { zmtp::COMMAND };
    more | command
}

/// Flags of ZMTP as a ZWS message has them.
fn zws_flags(flags: u8) -> u8 {
    let more = if flags & zmtp::MORE == 0 { 0 } else { frame::MORE };
    let command = if flags & zmtp::COMMAND == 0 { 0 } else { frame::COMMAND };
    more | command
}

/// Keys for what a client sends.
pub(super) fn masks_for(role: Role) -> Option<Masks> {
    (role == Role::Client).then(Masks::new)
}
