//! ZMTP, the protocol on the wire, without any descriptor, thread or clock.
//!
//! A connection lives through three stages, and each has its file:
//!
//! 1. [`handshake`] starts with the greeting, from which both ends learn the other's version, and
//!    ends when both know each other's socket type and routing id. It is a state machine: the
//!    engine gives it the bytes it read and writes out the bytes it produced. The [`security`]
//!    module next door supplies the middle of it, the mechanism.
//! 2. After that the connection carries frames. [`frame`] reads and writes their headers, in the
//!    framing of ZMTP 1.0 and in that of all later versions.
//! 3. Between messages flow commands: subscriptions, heartbeats. [`command`] reads and writes
//!    them.
//!
//! Apart from all that, [`datagram`] is what RADIO sends to DISH by UDP, and [`multicast`] how
//! messages lie in the streams of PGM and NORM.
//!
//! Nothing here trusts the peer: every length is checked before it is used, and what a peer may
//! make us keep during a handshake is bounded ([`handshake::MAX_COMMAND_SIZE`]).
//!
//! [`security`]: crate::security
#![deny(unsafe_code)]

pub mod command;
pub mod datagram;
pub mod frame;
mod greeting;
pub mod handshake;
pub mod multicast;

/// The protocol version that both ends of a connection settled on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// Length-prefixed frames without commands, spoken by libzmq 2.
    V1_0,
    /// Framing with a flags byte first, spoken by libzmq 3.
    V2_0,
    /// Security mechanisms and metadata, spoken by libzmq 4.0 and 4.1.
    V3_0,
    /// Subscriptions as commands, heartbeats.
    V3_1,
}

impl Version {
    /// Frames have the ZMTP 1.0 layout.
    pub fn has_v1_framing(self) -> bool {
        self == Version::V1_0
    }

    /// Subscriptions go to this peer as SUBSCRIBE and CANCEL commands, not as messages that begin
    /// with a 1 or 0 byte.
    pub fn has_subscribe_commands(self) -> bool {
        self >= Version::V3_1
    }

    /// The peer had a security handshake: it answers PING, and its messages carry metadata.
    pub fn has_mechanism(self) -> bool {
        self >= Version::V3_0
    }
}
