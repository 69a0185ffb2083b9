//! Security mechanisms: what two ZMTP 3.x peers say to each other between greeting and messages.
//!
//! The greeting names a mechanism; both ends must name the same one. From there on the handshake
//! ([`crate::zmtp::handshake`]) carries commands to and from a [`Mechanism`] until it is
//! [`Ready`](Status::Ready), with the peer's metadata in hand. Every mechanism is a state machine
//! of the same shape: [`next_command`](Mechanism::next_command) says what to send,
//! [`process_command`](Mechanism::process_command) takes what came.
//!
//! What mechanisms share has a file each: [`metadata`] is the property list that READY (and its
//! like) carries, [`zap`] the question to the application's authenticator, [`socket_type`] the
//! table of who may talk to whom. [`null`] is the mechanism without security.
//!
//! A new mechanism is one file, one variant in [`MechanismConfig`] with its keys or credentials,
//! and one in [`Mechanism`].
#![deny(unsafe_code)]

mod error;
pub mod metadata;
pub mod null;
pub mod socket_type;
pub mod zap;

pub use error::HandshakeError;
pub use metadata::PeerMetadata;

/// The mechanism a socket is configured for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum MechanismConfig {
    /// No security. ZAP is asked all the same where the socket has a domain.
    #[default]
    Null,
}

impl MechanismConfig {
    /// The name as the greeting carries it, padded with zeros.
    pub fn greeting_name(&self) -> [u8; 20] {
        let name = match self {
            MechanismConfig::Null => null::NAME,
        };
        let mut padded = [0; 20];
        for (slot, byte) in padded.iter_mut().zip(name.bytes()) {
            *slot = byte;
        }
        padded
    }

    /// Whether the mechanism protects anything, so that falling back to a protocol version without
    /// mechanisms would be a downgrade.
    pub fn is_secure(&self) -> bool {
        match self {
            MechanismConfig::Null => false,
        }
    }

    /// Starts the mechanism, once the greetings are exchanged.
    pub fn start(&self, setup: Setup) -> Mechanism {
        match self {
            MechanismConfig::Null => Mechanism::Null(null::Null::new(setup)),
        }
    }
}

/// What a mechanism needs besides its own keys.
#[derive(Debug)]
pub struct Setup {
    /// Our metadata, encoded.
    pub own_metadata: Vec<u8>,
    /// Collects the peer's metadata.
    pub peer: PeerMetadata,
    pub zap: zap::Client,
    /// Our role, for mechanisms whose two ends differ.
    pub as_server: bool,
}

/// Where a mechanism stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Handshaking,
    /// Nothing goes on until the ZAP handler answers.
    WaitingForZap,
    /// The peer was refused. It may have an ERROR command to read and is left to hang up.
    Rejected,
    Ready,
}

/// A mechanism at work on one connection.
#[derive(Debug)]
pub enum Mechanism {
    Null(null::Null),
}

impl Mechanism {
    pub fn status(&self) -> Status {
        match self {
            Mechanism::Null(null) => null.status(),
        }
    }

    /// The body of the next command to send, if it is our turn.
    pub fn next_command(&mut self) -> Option<Vec<u8>> {
        match self {
            Mechanism::Null(null) => null.next_command(),
        }
    }

    /// Whether the peer has a command to send at this point. Where it has not, whatever it sends
    /// is a violation.
    pub fn expects_command(&self) -> bool {
        match self {
            Mechanism::Null(null) => null.expects_command(),
        }
    }

    /// Takes the body of a command from the peer.
    pub fn process_command(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        match self {
            Mechanism::Null(null) => null.process_command(body),
        }
    }

    /// Takes the ZAP handler's answer.
    pub fn zap_reply(&mut self, frames: &[Vec<u8>]) -> Result<(), HandshakeError> {
        let Setup { zap, peer, .. } = self.setup();
        zap.reply(frames, peer)
    }

    /// There is no ZAP handler to ask.
    pub fn zap_unavailable(&mut self) -> Result<(), HandshakeError> {
        self.setup().zap.unavailable()
    }

    pub fn take_zap_request(&mut self) -> Option<zap::Request> {
        self.setup().zap.take_request()
    }

    /// A failure to report while the connection stays open.
    pub fn take_event(&mut self) -> Option<HandshakeError> {
        self.setup().zap.take_event()
    }

    pub fn into_peer_metadata(self) -> PeerMetadata {
        match self {
            Mechanism::Null(null) => null.into_setup().peer,
        }
    }

    fn setup(&mut self) -> &mut Setup {
        match self {
            Mechanism::Null(null) => null.setup(),
        }
    }
}
