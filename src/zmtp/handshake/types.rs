//! What goes into a handshake and what comes out.

use crate::security::{
    metadata, zap, HandshakeError, Mechanism, MechanismConfig, PeerMetadata, Setup, Transforms,
};
use crate::zmtp::Version;

/// Everything the handshake needs to know about the socket and the connection.
#[derive(Clone, Debug)]
pub struct Config {
    /// A `ZMQ_PAIR`... constant.
    pub socket_type: i32,
    pub routing_id: Vec<u8>,
    /// The socket has a use for the peer's routing id.
    pub recv_routing_id: bool,
    /// What the application adds to our metadata (`ZMQ_METADATA`).
    pub app_metadata: Vec<(Vec<u8>, Vec<u8>)>,
    pub mechanism: MechanismConfig,
    pub zap_domain: Vec<u8>,
    pub zap_enforce_domain: bool,
    /// Where the peer is, for the ZAP handler and the `Peer-Address` property.
    pub peer_address: String,
    /// `ZMQ_MAXMSGSIZE`, which counts for the frames of the handshake as well. Negative: no limit.
    pub maxmsgsize: i64,
}

impl Config {
    /// NULL without ZAP, no limits, no names.
    pub fn new(socket_type: i32) -> Config {
        Config {
            socket_type,
            routing_id: Vec::new(),
            recv_routing_id: false,
            app_metadata: Vec::new(),
            mechanism: MechanismConfig::Null,
            zap_domain: Vec::new(),
            zap_enforce_domain: false,
            peer_address: String::new(),
            maxmsgsize: -1,
        }
    }

    /// An authenticator has a say, or the mechanism protects something. Versions of the protocol
    /// that have no mechanisms would bypass both.
    pub(crate) fn requires_mechanism(&self) -> bool {
        self.mechanism.is_secure() || !self.zap_domain.is_empty()
    }

    /// Starts the mechanism. What goes into it is taken from here.
    pub(crate) fn start_mechanism(&mut self) -> Result<Mechanism, HandshakeError> {
        let app_metadata = self.app_metadata.iter();
        let setup = Setup {
            own_metadata: metadata::encode_own(
                self.socket_type,
                &self.routing_id,
                app_metadata.map(|(name, value)| (name.as_slice(), value.as_slice())),
            ),
            peer: PeerMetadata::new(self.socket_type, self.recv_routing_id),
            zap: zap::Client::new(
                std::mem::take(&mut self.zap_domain),
                self.zap_enforce_domain,
                self.peer_address.clone(),
                std::mem::take(&mut self.routing_id),
            ),
        };
        self.mechanism.start(setup)
    }
}

/// How a handshake stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Something is expected from the peer.
    Working,
    /// The ZAP handler has to answer first. The peer may still send, or hang up.
    WaitingForZap,
    /// The peer was refused. The output may hold an ERROR command that it should get to read, so
    /// the connection is left open until the peer closes it or the time for the handshake is over.
    /// Neither of these is another event for the monitor.
    Rejected,
    /// Both sides are through. Messages may flow once the rest of the output is written.
    Done,
}

/// The outcome of a handshake.
#[derive(Debug)]
pub struct Peer {
    pub version: Version,
    /// The peer's socket type by name, where it told.
    pub socket_type: Option<Vec<u8>>,
    /// Empty where the peer has none, or the socket has no use for it.
    pub routing_id: Vec<u8>,
    /// What messages from this peer answer to `zmq_msg_gets`. Empty before ZMTP 3.0.
    pub properties: Vec<(String, Vec<u8>)>,
    /// The ZAP handler's name for the peer.
    pub user_id: Option<Vec<u8>>,
    /// The peer is too old to forward subscriptions, so the socket must assume that it wants
    /// every message.
    pub inject_subscription: bool,
    /// What the mechanism does to every message from here on, if it does anything.
    pub transforms: Option<Transforms>,
}

impl Peer {
    /// What a mechanism found out.
    pub(crate) fn of_mechanism(version: Version, mechanism: Mechanism, peer_address: &str) -> Peer {
        let (metadata, transforms) = mechanism.finish();
        Peer {
            version,
            socket_type: metadata.socket_type().map(<[u8]>::to_vec),
            routing_id: metadata.routing_id().to_vec(),
            user_id: metadata.user_id().map(<[u8]>::to_vec),
            properties: metadata.into_properties(peer_address),
            inject_subscription: false,
            transforms,
        }
    }

    /// A peer of a version without metadata.
    pub(crate) fn legacy(version: Version) -> Peer {
        Peer {
            version,
            socket_type: None,
            routing_id: Vec::new(),
            properties: Vec::new(),
            user_id: None,
            inject_subscription: false,
            transforms: None,
        }
    }
}
