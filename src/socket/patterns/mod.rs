//! The socket kinds, one file each.
//!
//! A kind is the rules of one messaging pattern, put together from the parts in
//! [`routing`](super::routing). It holds keys of pipes, never pipes, and reaches them through the
//! [`Core`] that the socket hands to every call. Nothing here knows of threads, descriptors or
//! waiting: a call does what can be done now and says `EAGAIN` otherwise.
//!
//! A pipe comes with [`Pattern::attach`] and goes with [`Pattern::pipe_terminated`], after which
//! its key may be given to another pipe, so every key that a kind kept is forgotten there.
#![deny(unsafe_code)]

pub mod ahead;
pub mod channel;
pub mod client;
pub mod dealer;
pub mod dgram;
pub mod dish;
pub mod gather;
pub mod interest;
pub mod pair;
pub mod peer;
pub mod publisher;
pub mod pull;
pub mod push;
pub mod radio;
pub mod rep;
pub mod req;
pub mod router;
pub mod scatter;
pub mod server;
pub mod stream;
pub mod sub;
pub mod xpub;
pub mod xsub;

#[cfg(test)]
mod tests;

use super::core::{Core, PipeKey};
use crate::error::{Errno, Result};
use crate::message::Message;
use crate::options::constants::{
    ZMQ_CHANNEL, ZMQ_CLIENT, ZMQ_DEALER, ZMQ_DGRAM, ZMQ_DISH, ZMQ_GATHER, ZMQ_PAIR, ZMQ_PEER,
    ZMQ_PUB, ZMQ_PULL, ZMQ_PUSH, ZMQ_RADIO, ZMQ_REP, ZMQ_REQ, ZMQ_ROUTER, ZMQ_SCATTER, ZMQ_SERVER,
    ZMQ_STREAM, ZMQ_SUB, ZMQ_XPUB, ZMQ_XSUB,
};
use crate::options::value::{GetValue, SetValue};

/// What [`Pattern::send`] says when the pipe that took the first parts of a message turns out to be
/// gone: the message is lost, its other parts will be swallowed, and the call must not be repeated
/// with this part. Never leaves the library: a caller that would have waited is told of success,
/// because the same loss a moment later would not have been noticed either; any other gets
/// `EAGAIN`.
pub const MESSAGE_LOST: Errno = Errno(-2);

/// The rules of one socket kind. The socket calls these from one thread at a time.
///
/// `EAGAIN` from `send` and `recv` means "not now": the socket waits for an event and calls again.
pub trait Pattern {
    /// A pipe was added. `subscribe_to_all`: the peer cannot subscribe and gets everything.
    /// `locally_initiated`: this socket connected (as against bound).
    fn attach(
        &mut self,
        core: &mut Core,
        pipe: PipeKey,
        subscribe_to_all: bool,
        locally_initiated: bool,
    );

    /// Sends one part. On success the caller empties the message. Besides the errors that the
    /// caller of the library sees, [`MESSAGE_LOST`].
    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        let _ = (core, message);
        Err(Errno::ENOTSUP)
    }

    /// Receives one part; its body may be a view (see [`Core::read`]).
    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        let _ = (core, message);
        Err(Errno::ENOTSUP)
    }

    /// Whether `recv` would give a part now.
    fn has_in(&mut self, core: &mut Core) -> bool {
        let _ = core;
        false
    }

    /// Whether `send` would take a part now.
    fn has_out(&mut self, core: &mut Core) -> bool {
        let _ = core;
        false
    }

    /// A pipe that was found empty has something to read.
    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        let _ = (core, pipe);
    }

    /// A pipe that was found full has room.
    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        let _ = (core, pipe);
    }

    /// The connection behind a pipe was made anew.
    fn hiccuped(&mut self, core: &mut Core, pipe: PipeKey) {
        let _ = (core, pipe);
    }

    /// A pipe is over; it is taken away after this call.
    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey);

    /// Sets an option of this kind. `EINVAL` hands it on to the options all sockets have.
    fn set_option(&mut self, core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        let _ = (core, option, value);
        Err(Errno::EINVAL)
    }

    /// Reads an option of this kind. `EINVAL` hands it on to the options all sockets have.
    fn option(&mut self, core: &mut Core, option: i32) -> Result<GetValue> {
        let _ = (core, option);
        Err(Errno::EINVAL)
    }

    /// Whether the peer of this routing id can be written to (`zmq_socket_get_peer_state`).
    fn peer_state(&mut self, core: &mut Core, routing_id: &[u8]) -> Result<i32> {
        let _ = (core, routing_id);
        Err(Errno::ENOTSUP)
    }

    /// Joins a group (`zmq_join`).
    fn join(&mut self, core: &mut Core, group: &[u8]) -> Result<()> {
        let _ = (core, group);
        Err(Errno::ENOTSUP)
    }

    /// Leaves a group (`zmq_leave`).
    fn leave(&mut self, core: &mut Core, group: &[u8]) -> Result<()> {
        let _ = (core, group);
        Err(Errno::ENOTSUP)
    }
}

/// Whether a kind of socket waits for nothing but messages, so that it need not hear at once of
/// pipes that come and go: it never waits for somebody to send to, and says nothing to a new pipe.
pub fn hears_of_messages_only(socket_type: i32) -> bool {
    matches!(socket_type, ZMQ_PULL | ZMQ_REP)
}

/// Whether any number of threads may use a socket of this type at once.
pub fn is_thread_safe(socket_type: i32) -> bool {
    matches!(
        socket_type,
        ZMQ_SERVER
            | ZMQ_CLIENT
            | ZMQ_RADIO
            | ZMQ_DISH
            | ZMQ_GATHER
            | ZMQ_SCATTER
            | ZMQ_PEER
            | ZMQ_CHANNEL
    )
}

macro_rules! kinds {
    ($($name:ident: $constant:ident, $module:ident;)*) => {
        /// A socket's kind, chosen when the socket is made.
        // A socket has one of these and reaches it with every message: better large than far.
        #[allow(clippy::large_enum_variant)]
        #[derive(Debug)]
        pub enum Kind {
            $($name($module::$name),)*
        }

        impl Kind {
            /// The kind of a `ZMQ_PAIR`... constant, which also sets in the options what it asks of
            /// its sessions. `EINVAL` for any other number.
            pub fn new(socket_type: i32, core: &mut Core) -> Result<Kind> {
                let kind = match socket_type {
                    $($constant => Kind::$name($module::$name::new(core)),)*
                    _ => return Err(Errno::EINVAL),
                };
                core.options_mut().socket_type = socket_type;
                Ok(kind)
            }
        }

        macro_rules! forward {
            ($kind:expr, $rules:ident => $call:expr) => {
                match $kind {
                    $(Kind::$name($rules) => $call,)*
                }
            };
        }
    };
}

kinds! {
    Pair: ZMQ_PAIR, pair;
    Pub: ZMQ_PUB, publisher;
    Sub: ZMQ_SUB, sub;
    Req: ZMQ_REQ, req;
    Rep: ZMQ_REP, rep;
    Dealer: ZMQ_DEALER, dealer;
    Router: ZMQ_ROUTER, router;
    Pull: ZMQ_PULL, pull;
    Push: ZMQ_PUSH, push;
    XPub: ZMQ_XPUB, xpub;
    XSub: ZMQ_XSUB, xsub;
    Stream: ZMQ_STREAM, stream;
    Server: ZMQ_SERVER, server;
    Client: ZMQ_CLIENT, client;
    Radio: ZMQ_RADIO, radio;
    Dish: ZMQ_DISH, dish;
    Gather: ZMQ_GATHER, gather;
    Scatter: ZMQ_SCATTER, scatter;
    Dgram: ZMQ_DGRAM, dgram;
    Peer: ZMQ_PEER, peer;
    Channel: ZMQ_CHANNEL, channel;
}

/// The kinds that are nothing but fast have a way of their own, without a call.
impl Kind {
    #[inline(never)]
    fn send_as_another(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        forward!(self, rules => rules.send(core, message))
    }

    #[inline(never)]
    fn recv_as_another(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        forward!(self, rules => rules.recv(core, message))
    }
}

impl Pattern for Kind {
    fn attach(
        &mut self,
        core: &mut Core,
        pipe: PipeKey,
        subscribe_to_all: bool,
        locally_initiated: bool,
    ) {
        forward!(self, rules => rules.attach(core, pipe, subscribe_to_all, locally_initiated));
    }

    #[inline(always)]
    fn send(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        match self {
            Kind::Push(rules) => rules.send(core, message),
            _ => self.send_as_another(core, message),
        }
    }

    #[inline(always)]
    fn recv(&mut self, core: &mut Core, message: &mut Message) -> Result<()> {
        match self {
            Kind::Pull(rules) => rules.recv(core, message),
            _ => self.recv_as_another(core, message),
        }
    }

    #[inline]
    fn has_in(&mut self, core: &mut Core) -> bool {
        forward!(self, rules => rules.has_in(core))
    }

    #[inline]
    fn has_out(&mut self, core: &mut Core) -> bool {
        forward!(self, rules => rules.has_out(core))
    }

    fn read_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        forward!(self, rules => rules.read_activated(core, pipe));
    }

    fn write_activated(&mut self, core: &mut Core, pipe: PipeKey) {
        forward!(self, rules => rules.write_activated(core, pipe));
    }

    fn hiccuped(&mut self, core: &mut Core, pipe: PipeKey) {
        forward!(self, rules => rules.hiccuped(core, pipe));
    }

    fn pipe_terminated(&mut self, core: &mut Core, pipe: PipeKey) {
        forward!(self, rules => rules.pipe_terminated(core, pipe));
    }

    fn set_option(&mut self, core: &mut Core, option: i32, value: SetValue<'_>) -> Result<()> {
        forward!(self, rules => rules.set_option(core, option, value))
    }

    fn option(&mut self, core: &mut Core, option: i32) -> Result<GetValue> {
        forward!(self, rules => rules.option(core, option))
    }

    fn peer_state(&mut self, core: &mut Core, routing_id: &[u8]) -> Result<i32> {
        forward!(self, rules => rules.peer_state(core, routing_id))
    }

    fn join(&mut self, core: &mut Core, group: &[u8]) -> Result<()> {
        forward!(self, rules => rules.join(core, group))
    }

    fn leave(&mut self, core: &mut Core, group: &[u8]) -> Result<()> {
        forward!(self, rules => rules.leave(core, group))
    }
}
