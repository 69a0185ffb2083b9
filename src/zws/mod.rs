//! ZWS 2.0: messages over WebSockets (RFC 6455), without any descriptor, thread or clock.
//!
//! A connection begins as HTTP: [`upgrade`] writes and reads the one request and its response, in
//! which both ends agree on a sub-protocol. `ZWS2.0/` and the name of a security mechanism means
//! that the mechanism's commands come next; plain `ZWS2.0` has no mechanism, only an exchange of
//! routing ids. [`handshake`] goes from the first byte to the point where messages may flow, with
//! the same interface as its sibling in [`crate::zmtp`].
//!
//! From then on each part of a message is one binary message of the WebSocket, whose first byte
//! says whether more parts follow ([`frame::MORE`]) or that it is a command ([`frame::COMMAND`]).
//! Heartbeats are the WebSocket's own pings. [`frame`] reads and writes them, and [`mask`] scrambles
//! what a client sends, as the RFC wants it.
#![deny(unsafe_code)]

pub mod frame;
pub mod handshake;
pub mod mask;
pub mod upgrade;

#[cfg(test)]
mod random_tests;

/// Which end of the connection this is: only what clients send is masked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Client,
    Server,
}
