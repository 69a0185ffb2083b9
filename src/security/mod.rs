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
//! table of who may talk to whom, [`keys`] what keeps secrets. [`null`] is the mechanism without
//! security, [`plain`] that with passwords, [`curve`] that with keys, `gssapi` (where it is built
//! in) that with Kerberos. The last two go on protecting the messages with the [`Transforms`] that
//! their handshakes leave.
//!
//! A new mechanism is one file, one variant in [`MechanismConfig`] with its keys or credentials,
//! and one for each of its sides in [`Mechanism`].
#![deny(unsafe_code)]

pub mod curve;
mod error;
mod flags;
#[cfg(feature = "gssapi")]
pub mod gssapi;
pub mod keys;
pub mod metadata;
pub mod null;
pub mod plain;
mod refusal;
pub mod socket_type;
mod transforms;
pub mod zap;

pub use error::HandshakeError;
pub use metadata::PeerMetadata;
pub use transforms::{Opener, Sealer, Transforms};

use keys::{SecretBytes, SecretKey};

/// The mechanism a socket is configured for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum MechanismConfig {
    /// No security. ZAP is asked all the same where the socket has a domain.
    #[default]
    Null,
    PlainClient {
        username: SecretBytes,
        password: SecretBytes,
    },
    PlainServer,
    CurveClient(curve::ClientKeys),
    CurveServer(SecretKey),
    #[cfg(feature = "gssapi")]
    Gssapi(gssapi::Settings),
}

impl MechanismConfig {
    /// The name as the greeting carries it, padded with zeros.
    pub fn greeting_name(&self) -> [u8; 20] {
        let name = match self {
            MechanismConfig::Null => null::NAME,
            MechanismConfig::PlainClient { .. } | MechanismConfig::PlainServer => plain::NAME,
            MechanismConfig::CurveClient(_) | MechanismConfig::CurveServer(_) => curve::NAME,
            #[cfg(feature = "gssapi")]
            MechanismConfig::Gssapi(_) => gssapi::NAME,
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
        !matches!(self, MechanismConfig::Null)
    }

    /// Starts the mechanism, once the greetings are exchanged.
    pub fn start(&self, setup: Setup) -> Result<Mechanism, HandshakeError> {
        Ok(match self {
            MechanismConfig::Null => Mechanism::Null(null::Null::new(setup)),
            MechanismConfig::PlainClient { username, password } => {
                Mechanism::PlainClient(plain::Client::new(setup, username, password))
            }
            MechanismConfig::PlainServer => Mechanism::PlainServer(plain::Server::new(setup)),
            MechanismConfig::CurveClient(keys) => {
                Mechanism::CurveClient(curve::Client::new(setup, keys.clone())?)
            }
            MechanismConfig::CurveServer(secret) => {
                Mechanism::CurveServer(curve::Server::new(setup, secret.clone()))
            }
            #[cfg(feature = "gssapi")]
            MechanismConfig::Gssapi(settings) => {
                Mechanism::Gssapi(gssapi::Gssapi::new(setup, settings)?)
            }
        })
    }
}

/// More than any HELLO has.
const LONGEST_HELLO: u64 = 1024;

/// What a mechanism needs besides its own keys.
#[derive(Debug)]
pub struct Setup {
    /// Our metadata, encoded.
    pub own_metadata: Vec<u8>,
    /// Collects the peer's metadata.
    pub peer: PeerMetadata,
    pub zap: zap::Client,
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
    PlainClient(plain::Client),
    PlainServer(plain::Server),
    CurveClient(curve::Client),
    CurveServer(curve::Server),
    #[cfg(feature = "gssapi")]
    Gssapi(gssapi::Gssapi),
}

/// Does the same with whichever mechanism it is.
macro_rules! each {
    ($mechanism:expr, $inner:ident => $body:expr) => {
        match $mechanism {
            Mechanism::Null($inner) => $body,
            Mechanism::PlainClient($inner) => $body,
            Mechanism::PlainServer($inner) => $body,
            Mechanism::CurveClient($inner) => $body,
            Mechanism::CurveServer($inner) => $body,
            #[cfg(feature = "gssapi")]
            Mechanism::Gssapi($inner) => $body,
        }
    };
}

impl Mechanism {
    pub fn status(&self) -> Status {
        each!(self, inner => inner.status())
    }

    /// The body of the next command to send, if it is our turn.
    pub fn next_command(&mut self) -> Option<Vec<u8>> {
        each!(self, inner => inner.next_command())
    }

    /// Whether the peer has a command to send at this point. Where it has not, whatever it sends
    /// is a violation.
    pub fn expects_command(&self) -> bool {
        match self {
            Mechanism::Null(null) => null.expects_command(),
            // These say themselves what is wrong with a command that comes too early.
            _ => true,
        }
    }

    /// How long the peer's next command may be, where that is known. A stranger has not much to say
    /// to a server, and is not to fill its memory.
    pub fn longest_command(&self) -> u64 {
        let is_stranger = match self {
            Mechanism::PlainServer(server) => server.expects_hello(),
            Mechanism::CurveServer(server) => server.expects_hello(),
            _ => false,
        };
        if is_stranger {
            LONGEST_HELLO
        } else {
            u64::MAX
        }
    }

    /// Takes the body of a command from the peer.
    pub fn process_command(&mut self, body: &[u8]) -> Result<(), HandshakeError> {
        each!(self, inner => inner.process_command(body))
    }

    /// Takes the ZAP handler's answer.
    pub fn zap_reply(&mut self, frames: &[Vec<u8>]) -> Result<(), HandshakeError> {
        let Setup { zap, peer, .. } = self.setup();
        zap.reply(frames, peer)
    }

    /// There is no ZAP handler to ask.
    pub fn zap_unavailable(&mut self) -> Result<(), HandshakeError> {
        match self {
            // The peer is left to wait, as libzmq does.
            Mechanism::Null(null) => null.setup.zap.unavailable(),
            Mechanism::PlainServer(_) => Err(zap::NO_HANDLER),
            _ => {
                let zap = &mut self.setup().zap;
                zap.unavailable()?;
                zap.take_event().map_or(Ok(()), Err)
            }
        }
    }

    /// Whether the ZAP handler refused the peer.
    pub fn was_denied(&self) -> bool {
        matches!(each!(self, inner => inner.setup.zap.verdict()), zap::Verdict::Denied(_))
    }

    pub fn take_zap_request(&mut self) -> Option<zap::Request> {
        self.setup().zap.take_request()
    }

    /// A failure to report while the connection stays open.
    pub fn take_event(&mut self) -> Option<HandshakeError> {
        self.setup().zap.take_event()
    }

    /// The end of the handshake: what was learned of the peer, and what happens to its messages
    /// from here on.
    pub fn finish(self) -> (PeerMetadata, Option<Transforms>) {
        let (setup, transforms) = match self {
            Mechanism::Null(null) => (null.setup, None),
            Mechanism::PlainClient(client) => (client.setup, None),
            Mechanism::PlainServer(server) => (server.setup, None),
            Mechanism::CurveClient(client) => client.finish(),
            Mechanism::CurveServer(server) => server.finish(),
            #[cfg(feature = "gssapi")]
            Mechanism::Gssapi(gssapi) => gssapi.finish(),
        };
        (setup.peer, transforms)
    }

    fn setup(&mut self) -> &mut Setup {
        each!(self, inner => &mut inner.setup)
    }
}
