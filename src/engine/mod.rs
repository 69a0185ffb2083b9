//! Engines: moving bytes between a connection and a pipe.
//!
//! An engine starts with the handshake of ZMTP or ZWS (raw connections have none) and then moves data. How
//! it reads and writes depends on the peer and the socket, not on each message:
//!
//! - *plain*: the pipe's wire form is the connection's. Bytes are received straight into the
//!   pipe's chunks, where only headers are looked at, and sent straight from them.
//! - *framed*: each frame is translated (ZMTP 1.0 peers, subscriptions to peers before ZMTP 3.1,
//!   conflating pipes, WebSockets).
//! - *secured*: each frame is the body of another one, sealed on its way out and opened on its way
//!   in (CURVE).
//! - *raw*: no frames at all (STREAM, ROUTER_RAW).
//!
//! [`connectionless`] is for sockets without connections, and [`datagram`] for those of them that
//! send datagrams.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

pub mod connectionless;
pub mod datagram;
pub mod handshake;
pub mod input;
pub mod multicast;
#[cfg(feature = "norm")]
mod norm;
pub mod output;
#[cfg(feature = "pgm")]
mod pgm;
#[cfg(test)]
mod sealed_tests;
mod secure;
pub mod stream;
mod websocket;

use crate::error::Errno;
use crate::message::Metadata;
use crate::monitor::Addresses;
use crate::options::constants::*;
use crate::options::SocketOptions;
use crate::pipe::outflow::Outflow;
use crate::security::Transforms;
use crate::transport::nearby;
use crate::transport::tls::Secured;
use crate::zmtp::command;
use crate::zmtp::handshake::{HandshakeError, Peer, Status};
use crate::zmtp::Version;
use crate::zws::Role;
use handshake::Handshake;
use input::Input;
use output::Output;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection broke; connecting sockets try again.
    Connection(Errno),
    /// The peer was silent for too long; as a broken connection.
    Timeout,
    /// The peer broke the protocol; no second try.
    Protocol,
}

/// What an engine wants after a turn.
pub type Outcome = core::result::Result<Progress, Failure>;

/// How far a turn went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Did what could be done; waits for an event.
    Idle,
    /// Wrote what was there; the writing thread is probably at work on more.
    CaughtUp,
    /// The turn's budget is used up, and there is more to do.
    More,
}

/// Unsent control bytes beyond which no more PINGs are answered.
const UNSENT_CONTROL_MAX: usize = 64 * 1024;

/// Bytes written to a connection before it is worth a call to settle what the system keeps of them.
const WORTH_LIMITING: u64 = 32 * 1024;

/// Calls that read a handshake in a turn before other connections have theirs.
const HANDSHAKE_READS: usize = 32;

/// How the bytes of a connection are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Zmtp(Version),
    WebSocket(Role),
    Raw,
}

/// A connection's engine.
#[derive(Debug)]
pub struct Engine {
    /// Shared with the writing thread, which at times sends by itself.
    pub fd: Arc<OwnedFd>,
    pub addresses: Arc<Addresses>,
    /// Tells this connection's descriptor from others of the same session.
    pub generation: u16,
    pub handshake: Option<Box<Handshake>>,
    /// How bytes are to be understood after the handshake, if that is known before.
    pub framing: Option<Framing>,
    /// Whether the connection has a security mechanism (ZMTP 3 on).
    pub has_mechanism: bool,
    pub readable: bool,
    pub writable: bool,
    /// The peer has hung up, or the connection is broken.
    pub hung_up: bool,
    /// Whether the system gives in one call all that it has.
    gives_all: bool,
    /// How much the system keeps at most for the peer, where that is ours to say: one on this
    /// machine, for which the application has set nothing.
    kept_most: Option<i32>,
    pub input: Input,
    pub output: Output,
    pub metadata: Option<Arc<Metadata>>,
    /// The peer's close frame was answered.
    closing: bool,
}

impl Engine {
    /// An engine over a new connection. `handshake` is none for raw connections.
    pub fn new(
        fd: OwnedFd,
        addresses: Arc<Addresses>,
        generation: u16,
        handshake: Option<Handshake>,
        options: &SocketOptions,
    ) -> Engine {
        let is_of =
            |scheme| addresses.local.starts_with(scheme) || addresses.remote.starts_with(scheme);
        let gives_all = is_of("tcp://") || is_of("ipc://");
        Engine {
            fd: Arc::new(fd),
            generation,
            handshake: handshake.map(Box::new),
            framing: None,
            has_mechanism: false,
            readable: true,
            writable: true,
            hung_up: false,
            gives_all,
            kept_most: (options.sndbuf < 0 && nearby::is_nearby(&addresses)).then_some(i32::MAX),
            addresses,
            input: Input::new(options),
            output: Output::new(options),
            metadata: None,
            closing: false,
        }
    }

    /// Receives and delivers what can be in one turn.
    pub fn read(&mut self, pipe: Option<&mut Outflow>) -> Outcome {
        self.input.short_is_all = self.gives_all && !self.hung_up;
        self.input.pump(self.fd.as_fd(), &mut self.readable, pipe)
    }

    /// Has everything read and written through TLS.
    pub fn secure(&mut self, connection: Secured) {
        let shared = secure::Shared::new(connection);
        self.input.secure = Some(shared.clone());
        self.output.secure = Some(shared);
    }

    /// Settles how much the system keeps of the messages that are written.
    pub fn limit_kept(&mut self) {
        let Some(most) = self.kept_most else { return };
        if self.output.progress < WORTH_LIMITING {
            return;
        }
        let wanted = if self.output.is_sealed() || !self.output.alone {
            nearby::KEPT
        } else if self.output.has_large() {
            nearby::KEPT_OF_LARGE
        } else {
            return;
        };
        if wanted < most {
            self.kept_most = Some(wanted);
            nearby::keep(self.fd.as_fd(), wanted);
        }
    }

    pub fn raw_fd(&self) -> RawFd {
        self.fd.as_fd().as_raw_fd()
    }

    /// Whether the handshake is still going on.
    pub fn is_handshaking(&self) -> bool {
        self.handshake.is_some()
    }

    /// Sets the data phase up for this peer.
    pub fn open(
        &mut self,
        framing: Framing,
        transforms: Option<Transforms>,
        options: &SocketOptions,
    ) {
        let conflates = options.conflates();
        let subscribes = matches!(options.socket_type, ZMQ_SUB | ZMQ_XSUB);
        let (input_plain, output_plain) = match framing {
            Framing::Raw | Framing::WebSocket(_) => (false, false),
            Framing::Zmtp(_) if transforms.is_some() => (false, false),
            Framing::Zmtp(version) => (
                version >= Version::V2_0 && !conflates,
                version >= Version::V2_0
                    && !conflates
                    && (!subscribes || version.has_subscribe_commands()),
            ),
        };
        match (framing, transforms) {
            (Framing::WebSocket(_), transforms) => self.open_websocket(framing, transforms),
            (_, Some(transforms)) => {
                self.input.secure(transforms.open, !conflates);
                self.output.secure(transforms.seal);
                self.input.open(framing, input_plain);
                self.output.open(framing, output_plain);
            }
            (_, None) => {
                self.input.open(framing, input_plain);
                self.output.open(framing, output_plain);
            }
        }
    }

    /// Receives handshake bytes and feeds them to the handshake. Bytes behind its end are kept as
    /// the first data ([`Input::set_early_data`]).
    pub fn read_handshake(&mut self) -> core::result::Result<Progress, HandshakeFailure> {
        let Some(handshake) = self.handshake.as_mut() else { return Ok(Progress::Idle) };
        let mut buffer = [0u8; 2048];
        for _ in 0..HANDSHAKE_READS {
            if !self.readable {
                return Ok(Progress::Idle);
            }
            let received = match self.input.receive_bytes(self.fd.as_fd(), &mut buffer) {
                Ok(0) => return Err(HandshakeFailure::Connection(Errno::EPIPE)),
                Ok(count) => {
                    // What comes next is told of, as for `read`.
                    self.readable = count == buffer.len() || !self.gives_all || self.hung_up;
                    count
                }
                Err(Errno::EAGAIN) => {
                    self.readable = false;
                    return Ok(Progress::Idle);
                }
                Err(error) => return Err(HandshakeFailure::Connection(error)),
            };
            let used = handshake.input(&buffer[..received]);
            self.output.append_control(handshake.output());
            let used = used.map_err(HandshakeFailure::Protocol)?;
            if used < received {
                self.input.set_early_data(&buffer[used..received]);
            }
            // A peer that has to wait, or was refused, may still hang up.
            if handshake.status() == Status::Done {
                return Ok(Progress::Idle);
            }
        }
        Ok(Progress::More)
    }

    /// Has the PINGs that were read answered. A peer that sends them without reading the answers
    /// gets no more of those, or they would fill the memory.
    pub fn answer_pings(&mut self) {
        let answers = core::mem::take(&mut self.input.pongs);
        if self.output.control.len() < UNSENT_CONTROL_MAX {
            self.output.control.extend_from_slice(&answers);
        }
        self.answer_websocket(UNSENT_CONTROL_MAX);
    }

    /// Asks the peer for a sign of life. An unanswered PING that is still unsent serves as well as
    /// another one.
    pub fn ping(&mut self, ttl: u16) {
        if self.output.control.len() >= UNSENT_CONTROL_MAX {
            return;
        }
        if self.is_websocket() {
            self.ping_websocket();
        } else {
            self.output.control.extend_from_slice(&command::encode_ping(ttl, b""));
        }
    }

    /// Ends the handshake: what was learned about the peer.
    pub fn finish_handshake(&mut self) -> Option<Peer> {
        self.collect_handshake_output();
        let mut handshake = self.handshake.take()?;
        self.input.set_early_data(&handshake.take_rest());
        Some(handshake.finish())
    }

    /// Takes what the handshake wants written.
    pub fn collect_handshake_output(&mut self) {
        if let Some(handshake) = self.handshake.as_mut() {
            self.output.append_control(handshake.output());
        }
    }
}

/// Why a handshake ends.
#[derive(Debug)]
pub enum HandshakeFailure {
    Connection(Errno),
    Protocol(HandshakeError),
}
